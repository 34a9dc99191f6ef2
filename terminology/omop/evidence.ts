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
const PROPERTY = /\[[^\]]*\/[^\]]*\]|\[presence\]|\[ratio\]/i;
const PRESENCE = /\[presence\]|\[identifier\]|\[interpretation\]|\[type\]/i;

/** Returns what the data beside a code say for or against a concept. */
export function evidenceOf(concept: { readonly concept_name: string; readonly domain_id: string }, beside: Beside): readonly Evidence[] {
  return [...ofDomain(concept.domain_id, beside), ...ofUnit(concept.concept_name, beside), ...ofValue(concept.concept_name, beside)];
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
