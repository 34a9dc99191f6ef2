/** Results: value[x] and reference ranges into the columns of measurement and observation (rules 46-51, 55). */
import type { JsonObject } from '../../fhir/resource.ts';
import { chosenOf } from '../../omop/options.ts';
import type { AnswerFamily } from '../../omop/qualitative.ts';
import { qualitativeConcept } from '../../omop/qualitative.ts';
import { eventColumnsOf } from '../../omop/tables.ts';
import { exact, numberAllowed, numericText, operatorConcept, rangeOfText } from '../../omop/values.ts';
import { adjusted, type Building, digitsOf, isObject, textAt, writeText } from './building.ts';
import { ideaOf, resolveIdea, standardId } from './coding.ts';
import { writeUnit } from './unit.ts';

const YES = 4188539;
const NO = 4188540;
/** Answers that say that a finding is not there; both families (rule 49) and the plain noes. */
const ABSENCES: ReadonlySet<number> = new Set([NO, 45878245, 9189, 9190, 4132135, 45878583, 45880296, 45884086, 45884092]);

export interface ValueOptions {
  /** Which answers worded results get; undefined: SNOMED's for tests of SNOMED, LOINC's for all others. */
  readonly answers: AnswerFamily | undefined;
}

/** Writes the value that `holder` has under `element` ('value' of valueQuantity, valueString, …). */
export function writeResult(row: Building, holder: unknown, element: string, options: ValueOptions): void {
  if (!isObject(holder)) return;
  const name = choiceIn(holder, element);
  const value = name === undefined ? undefined : holder[name];
  if (name === undefined || value === undefined || value === null) return;
  const write = BY_TYPE[name.slice(element.length)];
  if (write === undefined) adjusted(row, 55, `${name} has no place in the CDM`);
  else write(row, value, options);
}

/** Returns the property under which a choice element has its value: 'valueQuantity' for 'value'. */
export function choiceIn(holder: JsonObject, element: string): string | undefined {
  for (const key in holder) {
    if (key.length > element.length && key.startsWith(element) && isCapital(key.charCodeAt(element.length))) return key;
  }
  return undefined;
}

const isCapital = (code: number): boolean => code >= 65 && code <= 90;

const BY_TYPE: Readonly<Record<string, (row: Building, value: unknown, options: ValueOptions) => void>> = {
  Quantity: (row, value) => writeQuantity(row, value),
  CodeableConcept: writeCoded,
  Coding: writeCoded,
  String: (row, value, options) => writeWords(row, typeof value === 'string' ? value : '', options),
  Boolean: writeBoolean,
  Integer: (row, value) => writeNumber(row, digitsOf(value), undefined),
  Decimal: (row, value) => writeNumber(row, digitsOf(value), undefined),
  DateTime: writeAsText,
  Date: writeAsText,
  Time: writeAsText,
  Period: (row, value) => writeAsText(row, pairText(value, 'start', 'end', '/')),
  Range: (row, value) => writeAsText(row, pairText(value, 'low', 'high', '-')),
  Ratio: (row, value) => writeAsText(row, pairText(value, 'numerator', 'denominator', ':')),
};

function writeAsText(row: Building, value: unknown): void {
  const text = typeof value === 'string' ? value : '';
  writeText(row, eventColumnsOf(row.table).valueAsString, text);
  writeText(row, eventColumnsOf(row.table).valueSourceValue, text);
}

/** Two halves of a Period, Range or Ratio as one text, with their units. */
function pairText(value: unknown, first: string, second: string, between: string): string {
  const half = (name: string): string => {
    const found = isObject(value) ? value[name] : undefined;
    if (typeof found === 'string') return found;
    if (!isObject(found)) return '';
    return [`${textAt(found, 'comparator') ?? ''}${digitsOf(found['value']) ?? ''}`, textAt(found, 'unit') ?? textAt(found, 'code') ?? '']
      .join(' ')
      .trim();
  };
  const text = `${half(first)}${between}${half(second)}`;
  return text === between ? '' : text;
}

function writeQuantity(row: Building, value: unknown): void {
  if (!isObject(value)) return;
  const number = value['value'];
  const comparator = value['comparator'];
  // Most results: a plain number without comparator. Its digits are what JavaScript writes.
  if (typeof number === 'number' && comparator === undefined && number >= 0 && number < 1e15) {
    row.columns['value_as_number'] = number;
    writeText(row, eventColumnsOf(row.table).valueSourceValue, digitsOf(number));
  } else writeNumber(row, digitsOf(number), typeof comparator === 'string' ? comparator : undefined);
  writeUnit(row, value);
}

function writeNumber(row: Building, digits: string | undefined, comparator: string | undefined): void {
  if (digits === undefined) return;
  writeText(row, eventColumnsOf(row.table).valueSourceValue, `${comparator ?? ''}${digits}`);
  const number = exact(digits);
  if (row.table === 'measurement' && !numberAllowed(row.target?.concept_id ?? 0, number)) {
    adjusted(row, 46, 'value_as_number left NULL: this measurement cannot be negative');
    return;
  }
  row.columns['value_as_number'] = number;
  const operator = operatorConcept(comparator);
  if (operator === null) return;
  if (eventColumnsOf(row.table).operator !== undefined) row.columns['operator_concept_id'] = operator;
  else adjusted(row, 48, `comparator has no column in ${row.table}: it stays in value_source_value`);
}

function writeWords(row: Building, text: string, options: ValueOptions): void {
  if (text === '') return;
  writeText(row, eventColumnsOf(row.table).valueAsString, text);
  const numeric = numericText(text);
  if (numeric !== undefined) writeNumber(row, numeric.digits, numeric.comparator);
  else writeAnswer(row, text, options);
  writeText(row, eventColumnsOf(row.table).valueSourceValue, text);
}

/** Writes value_as_concept_id for a usual word; returns whether it was one. */
function writeAnswer(row: Building, text: string, options: ValueOptions): boolean {
  const chosen = chosenOf(row.run.context.choices, 'qualitative-results');
  const byTest = row.source?.vocabulary_id === 'SNOMED' ? 'snomed' : 'loinc';
  const family = options.answers ?? (chosen === 'snomed' || chosen === 'loinc' ? chosen : byTest);
  const concept_id = qualitativeConcept(text, family);
  if (concept_id !== undefined) row.columns['value_as_concept_id'] = standardId(concept_id, row.run.context.vocabulary);
  return concept_id !== undefined;
}

function writeCoded(row: Building, value: unknown, options: ValueOptions): void {
  const idea = ideaOf(value, '', row.run);
  const text = idea.text ?? idea.codings[0]?.code;
  if (text === undefined) return;
  if (idea.codings.length === 0 && numericText(text) !== undefined) {
    writeWords(row, text, options);
    return;
  }
  writeText(row, eventColumnsOf(row.table).valueAsString, text);
  writeText(row, eventColumnsOf(row.table).valueSourceValue, text);
  if (idea.codings.length === 0 && writeAnswer(row, text, options)) return;
  const { targets } = resolveIdea(idea, [], row.run, `${row.at}.value`);
  if (targets.length > 1) adjusted(row, 4, `the value maps to ${targets.length} concepts: the first is stored`);
  row.columns['value_as_concept_id'] = targets[0]?.concept.concept_id ?? 0;
}

function writeBoolean(row: Building, value: unknown): void {
  if (typeof value !== 'boolean') return;
  row.columns['value_as_concept_id'] = value ? YES : NO;
  writeAsText(row, String(value));
}

/** True when the value written says that what the code names is not there: then a table without values must not state it (rule 14). */
export const saysAbsent = (row: Building): boolean => {
  const concept_id = row.columns['value_as_concept_id'];
  return typeof concept_id === 'number' && ABSENCES.has(concept_id);
};

/** Writes range_low and range_high from Observation.referenceRange: the normal range, else the first. */
export function writeRange(row: Building, value: unknown): void {
  const ranges = (Array.isArray(value) ? value : [value]).filter(isObject);
  const range = ranges.find(isNormal) ?? ranges[0];
  if (range === undefined) return;
  if (ranges.length > 1) adjusted(row, 51, `one of ${ranges.length} reference ranges is stored`);
  const sides = { low: boundOf(row, range['low']), high: boundOf(row, range['high']) };
  const text = textAt(range, 'text');
  const { low, high } = sides.low === undefined && sides.high === undefined && text !== undefined ? rangeOfText(text) : sides;
  if (low !== undefined && low !== null) row.columns['range_low'] = low;
  if (high !== undefined && high !== null) row.columns['range_high'] = high;
}

function boundOf(row: Building, bound: unknown): number | string | undefined {
  if (!isObject(bound)) return undefined;
  const digits = digitsOf(bound['value']);
  const unit = textAt(bound, 'code') ?? textAt(bound, 'unit');
  const own = row.columns['unit_source_value'];
  if (digits !== undefined && unit !== undefined && typeof own === 'string' && unit !== own && textAt(bound, 'unit') !== own) {
    adjusted(row, 51, 'the reference range has another unit than the value: left NULL');
    return undefined;
  }
  return digits === undefined ? undefined : exact(digits);
}

/** http://terminology.hl7.org/CodeSystem/referencerange-meaning: 'normal'. */
function isNormal(range: JsonObject): boolean {
  const type = range['type'];
  const codings: unknown = isObject(type) ? type['coding'] : undefined;
  return Array.isArray(codings) && codings.some((coding: unknown) => isObject(coding) && coding['code'] === 'normal');
}
