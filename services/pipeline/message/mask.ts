/**
 * What the console shows of a message before somebody says why he wants to see more (security.md, point 5). Shown is what is known to say
 * nothing of who it is about: codes, numbers, times, names of systems. Everything else is masked, what nobody knows included.
 */
import type { FieldDefinition } from '../../hl7v2/definitions.ts';

const MASK = '•••';

/** Returns text that says only that there is a value. Its length would tell, too. */
export const masked = (value: string): string => (value === '' ? '' : MASK);

/** Segments about people: of these, coded fields only. */
const PERSONAL = new Set(['PID', 'PD1', 'NK1', 'GT1', 'IN1', 'IN2', 'IN3', 'MRG', 'ACC', 'STF', 'PRA', 'ARV']);
/** Datatypes that hold codes, numbers, times and names of systems (chapter 2A). */
const PLAIN_TYPES = new Set(
  'ID IS SI NM DT TM TS DTM CE CWE CNE CF HD MSG PT VID EI EIP SN CQ TQ RPT DR NR MOC CP MO JCC ICD SCV UVC'.split(' '),
);
const CODED_TYPES = new Set(['ID', 'IS', 'CE', 'CWE', 'CNE', 'SI']);
/** Times and numbers of a person that tell who it is, and free text within codes of such segments. */
const SHOWN_ALWAYS = new Set(['MSH', 'EVN', 'MSA', 'ERR', 'UAC', 'SFT', 'FHS', 'BHS', 'BTS', 'FTS']);
/** Fields of shown segments that hold people. */
const HIDDEN_FIELDS = new Set(['EVN-5', 'PV1-19', 'PV1-50', 'PV1-5', 'OBX-18']);

/** Returns true when the values of a field may be shown to whoever opens the page. `definition` undefined: the standard does not know it. */
export function isFieldPlain(segment: string, n: number, definition: FieldDefinition | undefined, valueType: string | undefined): boolean {
  if (HIDDEN_FIELDS.has(`${segment}-${n}`)) return false;
  if (SHOWN_ALWAYS.has(segment)) return definition !== undefined && !['XCN', 'XPN', 'XAD', 'XTN', 'CX'].includes(definition.type);
  if (definition === undefined) return false;
  if (PERSONAL.has(segment)) return CODED_TYPES.has(definition.type);
  const type = segment === 'OBX' && n === 5 ? (valueType ?? '') : definition.type;
  return PLAIN_TYPES.has(type);
}

const PLAIN_NAMES = new Set([
  ...'resourceType id reference system code version status use type unit comparator url profile mode intent versionId'.split(' '),
  ...'lastUpdated contentType language gender priority criticality category severity mimeType valueCode valueUri valueBoolean'.split(' '),
]);
/** Elements whose values tell who somebody is, whatever they hold. */
const PERSONAL_NAMES =
  /^(name|telecom|address|birthDate|deceasedDateTime|multipleBirthInteger|contact|photo|text|div|note|author|data|attachment|requisition|subscriberId|serialNumber|lotNumber|carrier(HRF|AIDC)|\w*(String|[iI]dentifier))$/;
/** Elements of type Coding: there a display says what a code means. That of a reference says who is meant. */
const CODINGS = /(^|[a-z])[cC]oding$|^(class|tag|security|modality|bodySite|laterality|sopClass|procedureCode)$/;
/** An element's own value: a time or a number outside of what is personal. */
const TIME = /^\d{4}(-\d\d(-\d\d(T[\d:.]+(Z|[+-]\d\d:\d\d)?)?)?)?$/;
const NUMBER = /^-?\d+(\.\d+)?([eE][+-]?\d+)?$/;
const PERSONS = new Set(['Patient', 'RelatedPerson', 'Person', 'Practitioner']);

/** Returns true when an element's value may be shown: `path` such as 'Observation.code.coding[0].code'. */
export function isElementPlain(path: string, value: string): boolean {
  const [type = '', ...rest] = path.split('.');
  const names = rest.map((each) => each.replace(/\[\d+\]$/, ''));
  const last = names.at(-1) ?? '';
  if (names.some((name) => PERSONAL_NAMES.test(name)))
    return last === 'system' || last === 'use' || (names.includes('identifier') && names.includes('type') && last === 'code');
  if (last === 'display') return CODINGS.test(names.at(-2) ?? '');
  if (type === 'Coverage' && last === 'value' && names.at(-2) === 'class') return false;
  if (PLAIN_NAMES.has(last)) return true;
  if (PERSONS.has(type)) return value === 'true' || value === 'false';
  return TIME.test(value) || NUMBER.test(value) || value === 'true' || value === 'false';
}

/** Columns of people and of where they live, of identifiers, and of free text. */
const HIDDEN_COLUMNS =
  /^(person_source_value|year_of_birth|month_of_birth|day_of_birth|birth_datetime|value_as_string|note_text|note_title|value_source_value|address_\w+|city|zip|latitude|longitude|location_source_value|family_source_value|snippet|lexical_variant|provider_name|npi|dea|.*lot_number|sig|unique_device_id|stop_reason)$/;

/** Returns true when a column of a CDM row may be shown. */
export const isColumnPlain = (table: string, column: string): boolean =>
  !HIDDEN_COLUMNS.test(column) &&
  !(table === 'death' && /date/.test(column)) &&
  !(table === 'provider' && column.endsWith('_source_value'));
