import type { Beside } from '../suggester.ts';

export interface Evidence {
  /** What is added to the score, -1 to 1. */
  readonly weight: number;
  readonly reason: string;
}

/** The property that the long names of LOINC put in brackets, by the unit of the value; the first that fits. */
const BY_UNIT: readonly (readonly [unit: RegExp, property: RegExp, name: string])[] = [
  [/^(?:10[*^]\d+|\{?cells\}?|k|m|thou|mill?|#)?\s*\/\s*(?:u|c|m|n)?(?:l|mm3)$/i, /\[#\/volume\]/i, 'a count per volume'],
  [/mol\b.*\/|mol\/|meq\/|eq\/l/i, /\[(?:moles|equivalents)\/(?:volume|mass|time)\]/i, 'an amount of substance'],
  [/i?u\]?\/.*l$|units?\/.*l$/i, /\[(?:units|enzymatic activity|arbitrary)[^\]]*\/volume\]/i, 'units per volume'],
  [/^(?:[munpk]|mc|µ|μ)?g\/(?:[dmunf]|mc|µ|μ)?l$/i, /\[mass\/volume\]/i, 'a mass per volume'],
  [/^(?:[munpk]|mc|µ|μ)?g\/(?:[munpk])?g$/i, /\[mass\/mass\]|\[ratio\]/i, 'a mass per mass'],
  [/^%$|^percent$/i, /fraction|percent|\/100|\[pure mass fraction\]/i, 'a fraction'],
  [/^mm\s?\[?hg\]?$/i, /pressure/i, 'a pressure'],
  [/^(?:cel|degc|°c|\[degf\]|degf|°f)$/i, /temperature/i, 'a temperature'],
  [/^(?:\{?beats\}?|\{?breaths\}?|bpm)?\/?min$|^bpm$/i, /rate/i, 'a rate'],
];
/**
 * The system that the long names of LOINC end with (Hemoglobin [Mass/volume] in Blood), by what the sender calls the specimen: HL7's table 0487 and
 * 0070, SNOMED CT's names, plain words; the first that fits, so that a serum specimen from blood is serum.
 */
const BY_SPECIMEN: readonly (readonly [written: RegExp, system: RegExp, name: string])[] = [
  [/\b(?:ser|serum|plas|plasma|serplas|ser\/plas|ppp|prp|plb)\b/i, /serum|plasma/i, 'serum or plasma'],
  [/\b(?:csf|cerebro-?spinal|cerebral spinal)\b/i, /cerebral spinal fluid/i, 'cerebral spinal fluid'],
  [/\b(?:mar|bmar|bone marrow)\b/i, /bone marrow/i, 'bone marrow'],
  [/\b(?:bld|blood|wb|bldv|blda|bldc|bldcap|bldco)\b/i, /blood/i, 'blood'],
  [/\b(?:ur|urn|urine|urinc|urns|urnst|urt)\b/i, /urine/i, 'urine'],
  [/\b(?:stl|stool|fec(?:es|al)|faec(?:es|al))\b/i, /stool/i, 'stool'],
  [/\b(?:sal|saliva)\b/i, /saliva/i, 'saliva'],
  [/\b(?:spt|sputum)\b/i, /sputum/i, 'sputum'],
  [/\b(?:snv|synovial)\b/i, /synovial fluid/i, 'synovial fluid'],
  [/\b(?:plr|pleural)\b/i, /pleural fluid/i, 'pleural fluid'],
  [/\b(?:amn|amniotic)\b/i, /amniotic fluid/i, 'amniotic fluid'],
];
/** After the property: the system, then the method. */
const SYSTEM = /\] in (.+?)(?: by .+)?$/i;
const PROPERTY = /\[[^\]]*\/[^\]]*\]|\[presence\]|\[ratio\]/i;
const PRESENCE = /\[presence\]|\[identifier\]|\[interpretation\]|\[type\]/i;

/** Returns what the data beside a code say for or against a concept. */
export function evidenceOf(concept: { readonly concept_name: string; readonly domain_id: string }, beside: Beside): readonly Evidence[] {
  const name = concept.concept_name;
  return [...ofDomain(concept.domain_id, beside), ...ofUnit(name, beside), ...ofSpecimen(name, beside), ...ofValue(name, beside)];
}

function ofSpecimen(name: string, { specimen }: Beside): readonly Evidence[] {
  const rule = specimen === undefined ? undefined : BY_SPECIMEN.find(([written]) => written.test(specimen));
  const own = SYSTEM.exec(name)?.[1];
  if (rule === undefined || own === undefined) return [];
  const [, system, words] = rule;
  if (system.test(own)) return [{ weight: 0.1, reason: `the specimen ${specimen} is ${words}` }];
  return [{ weight: -0.15, reason: `the specimen ${specimen} is ${words}, this is in ${own}` }];
}

function ofDomain(own: string, { domain }: Beside): readonly Evidence[] {
  if (domain === undefined) return [];
  // Drug/Procedure and the like belong to either.
  if (own.split('/').includes(domain)) return [{ weight: 0.05, reason: `its domain is ${own}` }];
  return [{ weight: -0.3, reason: `its domain is ${own}, not ${domain}` }];
}

function ofUnit(name: string, { unit }: Beside): readonly Evidence[] {
  const rule = unit === undefined ? undefined : BY_UNIT.find(([written]) => written.test(unit.trim()));
  if (rule === undefined) return [];
  const [, property, words] = rule;
  if (property.test(name)) return [{ weight: 0.1, reason: `the unit ${unit} measures ${words}` }];
  return PROPERTY.test(name) ? [{ weight: -0.15, reason: `the unit ${unit} measures ${words}, which this is not` }] : [];
}

function ofValue(name: string, { value }: Beside): readonly Evidence[] {
  if (value === undefined || !PROPERTY.test(name)) return [];
  const isPresence = PRESENCE.test(name);
  if (value === 'number') return isPresence ? [{ weight: -0.15, reason: 'its values are words, those sent are numbers' }] : [];
  return isPresence
    ? [{ weight: 0.1, reason: 'its values are words, as those sent' }]
    : [{ weight: -0.1, reason: 'its values are numbers, those sent are words' }];
}
