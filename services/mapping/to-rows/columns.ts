/** Which columns a rule of a row map fills in a given table, and how. Made once per row and table; run for every row. */
import { daysSupply, EXPOSURES } from '../../omop/drug-dates.ts';
import { TABLE_DOMAINS } from '../../omop/facts.ts';
import type { AnswerFamily } from '../../omop/qualitative.ts';
import type { RowTable } from '../../omop/row.ts';
import type { CdmColumn } from '../../omop/tables.generated.ts';
import { columnFor, columnOf, columnsOf, isAside } from '../../omop/tables.ts';
import { type Applier, adjusted, type Building, digitsOf, isObject, textAt, writeMoment, writeText, writeValue } from './building.ts';
import { ideaOf, resolveIdea, standardId } from './coding.ts';
import type { ColumnRuleSpec, ColumnSpec, ConceptTable } from './model.ts';
import { writeAttachment } from './note.ts';
import { writeBirth, writeCategories, writeDeathDate } from './person.ts';
import { rowOfCode } from './table.ts';
import { writeUnit } from './unit.ts';
import { saysAbsent, writeRange, writeResult } from './value.ts';

/** Names that are no column and no role but fill several columns, or only steer how others are filled. */
export const SPECIAL_NAMES = [
  'value',
  'range',
  'birth',
  'race',
  'ethnicity',
  'exposure',
  'dosage',
  'days_supply',
  'quantity',
  'attachment',
] as const;

/** The three columns that one coding fills together, so that they cannot disagree. */
interface ConceptColumns {
  readonly concept: CdmColumn | undefined;
  readonly sourceValue: CdmColumn | undefined;
  readonly sourceConcept: CdmColumn | undefined;
}

/** Returns the columns of a concept group: 'visit', 'unit', 'gender', 'value_as', or a role such as 'concept', 'type', 'status'. */
export function conceptColumns(table: RowTable, name: string): ConceptColumns | undefined {
  const role = columnFor(table, name);
  if (role !== undefined) {
    const isConcept = name === 'concept';
    return {
      concept: role,
      sourceValue: columnFor(table, isConcept ? 'source_value' : `${name}_source_value`),
      sourceConcept: isConcept ? columnFor(table, 'source_concept') : undefined,
    };
  }
  const concept = columnOf(table, `${name}_concept_id`);
  if (concept === undefined) return undefined;
  const sourceValue = columnOf(table, name === 'value_as' ? 'value_source_value' : `${name}_source_value`);
  return { concept, sourceValue, sourceConcept: columnOf(table, `${name}_source_concept_id`) };
}

/** Returns how `column` is applied in `table`; undefined when the table has no place for it. */
export function applierOf(column: ColumnSpec, table: RowTable, tables: ReadonlyMap<string, ConceptTable>): Applier | undefined {
  const { name, rule } = column;
  if (rule.kind === 'from') return specialApplier(name, rule, table, tables) ?? plainApplier(name, table);
  if (rule.kind === 'ref') return refApplier(name, table);
  const columns = conceptColumns(table, name);
  if (columns?.concept === undefined) return undefined;
  const { concept } = columns;
  if (rule.kind === 'id') {
    return (row) => {
      row.columns[concept.name] = standardId(rule.concept_id, row.run.context.vocabulary);
    };
  }
  const conceptTable = rule.map === '' ? undefined : tables.get(rule.map);
  if (conceptTable !== undefined) return (row, value) => writeFromTable(row, columns, conceptTable, rule.default, value);
  if (name === 'unit') return (row, value) => (isObject(value) ? writeUnit(row, value) : undefined);
  return (row, value) => writeFromVocabulary(row, columns, rule, value);
}

function writeFromTable(row: Building, columns: ConceptColumns, table: ConceptTable, fallback: number | undefined, value: unknown): void {
  const { vocabulary } = row.run.context;
  const idea = ideaOf(value, '', row.run);
  const coding = idea.codings.find((each) => rowOfCode(table, each) !== undefined) ?? idea.codings[0];
  const found = coding === undefined ? undefined : rowOfCode(table, coding);
  if (coding === undefined && idea.text === undefined && fallback === undefined) return;
  if (found === undefined && fallback === undefined) {
    const code = coding?.code ?? idea.text ?? '';
    row.run.unmapped.push({ system: coding?.system ?? '', code, why: 'no-row', at: `${row.at}.${columns.concept?.name ?? ''}` });
  }
  if (columns.concept !== undefined) row.columns[columns.concept.name] = standardId(found?.concept_id ?? fallback ?? 0, vocabulary);
  writeText(row, columns.sourceValue, coding?.code ?? idea.text);
  if (columns.sourceConcept === undefined) return;
  const source =
    coding === undefined || table.sourceVocabulary === '' ? undefined : vocabulary.resolve(table.sourceVocabulary, coding.code).source;
  row.columns[columns.sourceConcept.name] = source?.concept_id ?? 0;
}

function writeFromVocabulary(
  row: Building,
  columns: ConceptColumns,
  rule: Extract<ColumnRuleSpec, { kind: 'concept' }>,
  value: unknown,
): void {
  const idea = ideaOf(value, rule.system, row.run);
  if (idea.codings.length === 0 && idea.text === undefined) {
    if (rule.default !== undefined && columns.concept !== undefined) row.columns[columns.concept.name] = rule.default;
    return;
  }
  const resolved = resolveIdea(idea, rule.prefer, row.run, row.at);
  if (resolved.targets.length > 1)
    adjusted(row, 4, `${columns.concept?.name ?? ''}: the first of ${resolved.targets.length} concepts is stored`);
  if (columns.concept !== undefined) row.columns[columns.concept.name] = resolved.targets[0]?.concept.concept_id ?? 0;
  writeText(row, columns.sourceValue, resolved.sourceValue);
  if (columns.sourceConcept !== undefined) row.columns[columns.sourceConcept.name] = resolved.source?.concept_id ?? 0;
}

type From = Extract<ColumnRuleSpec, { kind: 'from' }>;

function specialApplier(name: string, rule: From, table: RowTable, tables: ReadonlyMap<string, ConceptTable>): Applier | undefined {
  if (table === 'person' && name === 'birth') return writeBirth;
  if (table === 'person' && (name === 'race' || name === 'ethnicity')) {
    const categories = tables.get(rule.options.get('map')?.value ?? '');
    return categories === undefined ? undefined : (row, value) => writeCategories(row, name, categories, value);
  }
  if (table === 'death' && name === 'date') return writeDeathDate;
  if (name === 'value') return valueApplier(rule, table);
  if (name === 'range' && table === 'measurement') return writeRange;
  if (name === 'dosage' && table === 'drug_exposure') {
    return (row, value) => {
      row.dosage = isObject(value) ? value : undefined;
    };
  }
  if (name === 'exposure' && table === 'drug_exposure') {
    return (row, value) => {
      row.exposure = EXPOSURES.find((each) => each === value);
    };
  }
  if (name === 'attachment' && table === 'note') return writeAttachment;
  if (name === 'days_supply' && table === 'drug_exposure') return writeDaysSupply;
  return name === 'quantity' ? quantityApplier(table) : undefined;
}

function valueApplier(rule: From, table: RowTable): Applier {
  const answers: AnswerFamily | undefined = (['loinc', 'snomed'] as const).find((each) => each === rule.options.get('answers')?.value);
  const write = (row: Building, value: unknown): void => {
    const [holder, element]: readonly unknown[] = Array.isArray(value) ? value : [];
    if (typeof element === 'string') writeResult(row, holder, element, { answers });
  };
  if (table === 'measurement' || table === 'observation') return write;
  return (row, value) => {
    const aside: Building = { ...row, table: 'observation', columns: {} };
    write(aside, value);
    if (saysAbsent(aside)) row.exclusion = { rule: 14, reason: `a finding recorded as absent makes no ${row.table}`, at: row.at };
    else if (Object.keys(aside.columns).length > 0) adjusted(row, 3, `value has no column in ${row.table}`);
  };
}

/** Rule 43: verbatim whole days, or NULL. */
function writeDaysSupply(row: Building, value: unknown): void {
  const digits = digitsOf(isObject(value) ? value['value'] : value);
  const unit = isObject(value) ? (textAt(value, 'code') ?? textAt(value, 'unit')) : 'd';
  const days = digits === undefined ? undefined : daysSupply(Number(digits), unit);
  if (days === undefined) adjusted(row, 43, 'days_supply left NULL: not a positive whole number of days');
  else row.columns['days_supply'] = days;
}

function quantityApplier(table: RowTable): Applier | undefined {
  const column = columnOf(table, 'quantity');
  if (column === undefined) return undefined;
  return (row, value) => {
    if (isObject(value)) row.quantityUnit = textAt(value, 'code') ?? textAt(value, 'unit');
    if (!isObject(value) || value['value'] !== undefined) writeValue(row, column, value);
  };
}

function plainApplier(name: string, table: RowTable): Applier | undefined {
  const column = columnFor(table, name);
  if (column === undefined) return undefined;
  if (column.type === 'date' && column.name.endsWith('_date')) {
    // A date brings its time along, so that the two columns cannot disagree.
    const datetime = columnOf(table, `${column.name}time`);
    return (row, value) => writeMoment(row, column, datetime, value);
  }
  return (row, value) => writeValue(row, column, value);
}

/** Which resources a reference column's row can be made by. */
const REFERRED: Readonly<Record<string, readonly string[]>> = {
  person_id: ['Patient'],
  visit_occurrence_id: ['Encounter'],
  provider_id: ['Practitioner', 'PractitionerRole'],
  care_site_id: ['Organization', 'Location'],
  location_id: ['Location'],
  episode_id: ['EpisodeOfCare', 'CarePlan'],
  payer_plan_period_id: ['Coverage'],
  cost_event_id: ['Encounter'],
  episode_object_concept_id: ['Condition'],
};

function refApplier(name: string, table: RowTable): Applier | undefined {
  const column = isAside(table) && name === 'person_id' ? columnOf('person', name) : columnFor(table, name);
  if (column === undefined) return undefined;
  const types = REFERRED[column.name];
  if (column.name === 'cost_event_id' || column.name === 'person_id') return ownedApplier(column, types);
  return referring(column, types);
}

/** The row that a row before made of the same item, and the table that it went to. */
const ownedApplier = (column: CdmColumn, types: readonly string[] | undefined): Applier => {
  const refer = referring(column, types);
  return (row, value) => {
    const named = typeof value === 'string' && value.startsWith('row:') ? row.made(value.slice('row:'.length)) : undefined;
    if (named !== undefined) row.columns[column.name] = { ref: selfOf(row), n: named.n };
    else if (typeof value !== 'string' || !value.startsWith('row:')) refer(row, value);
    if (column.name !== 'cost_event_id' || row.columns[column.name] === undefined) return;
    row.columns['cost_domain_id'] = TABLE_DOMAINS[named?.table ?? 'visit_occurrence']?.id ?? 'Visit';
  };
};

const selfOf = ({ run }: Building): string => `${run.resource.resourceType}/${run.resource.id ?? ''}`;

function referring(column: CdmColumn, types: readonly string[] | undefined): Applier {
  return (row, value) => {
    if (value === 'self') row.columns[column.name] = { ref: selfOf(row) };
    else if (value === 'most-recent-visit') row.columns[column.name] = { ref: value };
    else {
      const ref = referenceOf(value, types);
      if (ref !== undefined) row.columns[column.name] = { ref };
      else adjusted(row, 27, `${column.name} left NULL: the reference is not to ${types?.join(' or ') ?? 'a resource'} of this store`);
    }
  };
}

/** Returns the resource that a Reference names, without a version; undefined where its row cannot stand in `column`. */
export const referenceTo = (value: unknown, column: string): string | undefined => referenceOf(value, REFERRED[column]);

function referenceOf(value: unknown, types: readonly string[] | undefined): string | undefined {
  const { ref, type } = referred(referenceText(value));
  return ref !== '' && (types === undefined || types.includes(type)) ? ref : undefined;
}

interface Referred {
  /** 'Patient/1', without a version; '' where the text refers to nothing of this store. */
  readonly ref: string;
  readonly type: string;
}

const NOWHERE: Referred = { ref: '', type: '' };

/** Type, slash and id (http://hl7.org/fhir/R4/references.html#literal), perhaps of a version. */
function referred(text: string): Referred {
  const slash = text.indexOf('/');
  const version = text.indexOf('/_history/', slash + 1);
  const end = version < 0 || version + '/_history/'.length === text.length ? text.length : version;
  const length = end - slash - 1;
  if (slash <= 0 || length < 1 || length > 64) return NOWHERE;
  for (let i = 0; i < end; i++) {
    const each = text.charCodeAt(i);
    const isWord = (each >= 48 && each <= 57) || (each >= 65 && each <= 90) || (each >= 97 && each <= 122);
    if (!(isWord || (i < slash ? each === 95 : each === 45 || each === 46 || i === slash))) return NOWHERE;
  }
  return { ref: end === text.length ? text : text.slice(0, end), type: text.slice(0, slash) };
}

function referenceText(value: unknown): string {
  if (typeof value === 'string') return value;
  return isObject(value) ? (textAt(value, 'reference') ?? '') : '';
}

/** Returns the one column that a rule of this name writes if anything; undefined where there may be others. */
export const onlyColumnOf = (name: string, table: RowTable): string | undefined =>
  name === 'date' && table !== 'death' ? columnFor(table, name)?.name : undefined;

/** Returns the names a rule may have in `table`: its columns, roles, concept groups and the special names. */
export function nameChoices(table: RowTable): readonly string[] {
  const columns = columnsOf(table).map((column) => column.name);
  const groups = columns.flatMap((name) => (name.endsWith('_concept_id') ? [name.slice(0, -'_concept_id'.length)] : []));
  return [...columns, ...groups, 'concept', 'type', 'date', 'end_date', 'status', 'source_value', ...SPECIAL_NAMES];
}
