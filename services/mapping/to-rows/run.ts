/** Runs a compiled row map over one resource. */
import type { Concept, Target } from '../../../terminology/vocabulary.ts';
import type { Resource } from '../../fhir/resource.ts';
import type { CdmRow, ResourceRows, RowTable, UnmappedCode } from '../../omop/row.ts';
import { columnOf, eventColumnsOf, isAside, ROW_TABLES, tableOfDomain } from '../../omop/tables.ts';
import type { RowContext } from '../conversion.ts';
import type { RowTrace } from '../trace/rows.ts';
import { adjusted, type Building, hasWritten, isObject, type RowRun, textAt, writeText } from './building.ts';
import { absentReason, choiceExcludes, chosenRows, isObservedOnly } from './choices.ts';
import { ideaOf, type Resolved, resolveIdea } from './coding.ts';
import type { CompiledRow, CompiledRowMap } from './compile.ts';
import { DATE_RULES, requiredOf } from './engine-columns.ts';
import { FINISHERS } from './finish.ts';
import { withoutIdle } from './idle.ts';
import { excludedBy, leaveOut } from './left-out.ts';
import type { Agent } from './model.ts';
import { withAnnotations } from './note-nlp.ts';
import { Slots, slotPlan } from './slots.ts';
import { choiceIn } from './value.ts';

/** The rule of maps that leaves out results without a value. */
const ABSENT = 19;

const REQUIRED: ReadonlyMap<string, readonly string[]> = new Map(ROW_TABLES.map((table) => [table, requiredOf(table)]));

/** Returns a function of (resource, context) for the map. `spec` is what its rows are stored with. */
export function rowsOf(map: CompiledRowMap, spec: string): (resource: Resource, context: RowContext, trace?: RowTrace) => ResourceRows {
  const plan = slotPlan(map.rows.map((row) => row.each !== undefined));
  return (resource, context, trace) => {
    const run: RowRun = { resource, context, rows: [], exclusions: [], adjustments: [], unmapped: [], standIn: undefined, trace };
    const reason = excludedBy(map, resource) ?? choiceExcludes(run);
    if (reason !== undefined) run.exclusions.push(reason);
    else {
      const numbers = new Slots(plan);
      const named: Place['made'] = new Map();
      for (const [number, row] of map.rows.entries()) runRow(row, { number, slots: numbers, map, run, made: named, index: 0, nth: 0 });
      if (run.rows.length === 0 && run.exclusions.length === 0) {
        run.exclusions.push({ rule: 21, reason: 'no row of the map applies', at: resource.resourceType });
      }
    }
    const { exclusions, adjustments, unmapped, standIn } = run;
    const rows = withAnnotations(chosenRows(withoutIdle(run.rows), run), run);
    const made = { rows, exclusions, adjustments, unmapped: unmapped.length > 1 ? distinct(unmapped) : unmapped, spec };
    return standIn === undefined ? made : { ...made, standIn };
  };
}

/** Rows of several targets look the same codes up again. */
function distinct(unmapped: readonly UnmappedCode[]): readonly UnmappedCode[] {
  const seen = new Set<string>();
  return unmapped.filter(({ system, code, at }) => {
    const key = `${at}|${system}|${code}`;
    return !seen.has(key) && seen.add(key);
  });
}

function runRow(row: CompiledRow, place: Place): void {
  const { run } = place;
  const { resource } = run;
  if (row.when !== undefined && row.when.of(resource, resource) !== true) return;
  if (row.each === undefined) {
    runItem(row, resource, resource.resourceType, place);
    return;
  }
  const items = row.each.of(resource, resource);
  if (!Array.isArray(items)) return;
  for (const [index, item] of items.entries()) {
    runItem(row, item, `${resource.resourceType}.${row.spec.name}[${index}]`, { ...place, index });
  }
}

interface Place {
  readonly number: number;
  readonly slots: Slots;
  readonly map: CompiledRowMap;
  readonly run: RowRun;
  /** The first row that each named row made of each item, by 'name index'. */
  readonly made: Map<string, { readonly n: number; readonly table: RowTable }>;
  /** Why the result is absent, where such results are kept. */
  readonly absent?: string;
  /** Of the item, and of the 'Maps to' target: with the row's number they decide n. */
  readonly index: number;
  readonly nth: number;
}

function runItem(row: CompiledRow, item: unknown, at: string, place: Place): void {
  const { run } = place;
  const out = row.exclude.find((each) => each.test.of(run.resource, item) === true);
  const absent = out?.rule === ABSENT ? absentReason(item, run) : undefined;
  if (out !== undefined && absent === undefined) {
    leaveOut(out, item, at, run);
    return;
  }
  makeItem(row, item, at, absent === undefined ? place : { ...place, absent });
}

function makeItem(row: CompiledRow, item: unknown, at: string, place: Place): void {
  const { run } = place;
  const { target } = row.spec;
  if (target.kind === 'table') {
    const built = building(target.table, undefined, undefined, run, at, place);
    emit(row, built, item, place);
    return;
  }
  const idea = ideaOf(row.concept?.of(run.resource, item), target.system ?? '', run);
  if (idea.codings.length === 0 && idea.text === undefined) {
    run.exclusions.push({ rule: 6, reason: 'neither a code nor a text says what it is', at });
    return;
  }
  const resolved = resolveIdea(idea, target.prefer, run, at, target.intent === 'drug_exposure');
  if (resolved.targets.length === 0 && target.agent?.always === true) {
    emitAgent(row, target.agent, undefined, resolved, item, place, at);
    return;
  }
  if (resolved.targets.length === 0) {
    const table = resolved.source === undefined ? target.intent : tableOfDomain(resolved.source.domain_id, target.intent);
    emitRouted(row, building(table, undefined, resolved, run, at, place), resolved, item, place);
    return;
  }
  for (const [nth, each] of resolved.targets.entries()) {
    if (target.agent !== undefined && (target.agent.always ? each.value === undefined : isAgent(each.concept))) {
      emitAgent(row, target.agent, each, resolved, item, { ...place, nth }, at);
      continue;
    }
    const table = isObservedOnly(run) ? 'observation' : tableOfDomain(each.concept.domain_id, target.intent);
    emitRouted(row, building(table, each, resolved, run, at, place), resolved, item, { ...place, nth }, each);
  }
}

function building(
  table: RowTable,
  target: Target | undefined,
  resolved: Resolved | undefined,
  run: RowRun,
  at: string,
  place: Place,
): Building {
  run.trace?.begin();
  const common = { exclusion: undefined, exposure: undefined, dosage: undefined, quantityUnit: undefined };
  return {
    table,
    columns: {},
    target: target?.concept,
    source: resolved?.source,
    run,
    at,
    made: (name) => place.made.get(`${name} ${place.index}`),
    ...common,
  };
}

/**
 * An allergy coded by its substance is no exposure to it: the row is an observation that says 'allergy to substance' and has the
 * substance as its value (as rule 5 has it for codes that name both). A relative's condition likewise: 'family history of' with the
 * condition as its value, 0 when that is not mapped.
 */
function emitAgent(
  row: CompiledRow,
  { system, code }: Agent,
  target: Target | undefined,
  resolved: Resolved,
  item: unknown,
  place: Place,
  at: string,
): void {
  const { run } = place;
  const said = resolveIdea({ codings: [{ system, code }], text: undefined }, [], run, at).targets[0];
  const built = building('observation', said, resolved, run, at, place);
  const value = target?.concept;
  const stated = said === undefined ? undefined : { concept: said.concept, ...(value === undefined ? {} : { value }) };
  if (stated?.value === undefined) built.columns['value_as_concept_id'] = value?.concept_id ?? 0;
  emitRouted(row, built, resolved, item, place, stated);
}

const AGENT_CLASSES: ReadonlySet<string> = new Set(['Substance', 'Pharma/Biol Product', 'Organism', 'Physical Object', 'Product']);

const isAgent = (concept: Concept): boolean => concept.domain_id === 'Drug' || AGENT_CLASSES.has(concept.concept_class_id);

/** Writes the three columns of the routing concept, then all others. */
function emitRouted(row: CompiledRow, built: Building, resolved: Resolved, item: unknown, place: Place, target?: Target): void {
  const { concept, sourceValue, sourceConcept } = eventColumnsOf(built.table);
  if (concept !== undefined) built.columns[concept.name] = target?.concept.concept_id ?? 0;
  writeText(built, sourceValue, resolved.sourceValue);
  if (sourceConcept !== undefined) built.columns[sourceConcept.name] = resolved.source?.concept_id ?? 0;
  built.run.trace?.wrote('route', row.spec.at, built.columns);
  emit(row, built, item, place, target);
}

function emit(row: CompiledRow, built: Building, item: unknown, place: Place, target?: Target): void {
  const { run, map, number, slots, index, nth, absent } = place;
  // Elsewhere a row would say that there is what was not found.
  if (absent !== undefined && built.table !== 'measurement' && built.table !== 'observation') {
    run.exclusions.push({ rule: ABSENT, reason: 'the value is absent', at: built.at });
    return;
  }
  for (const { column, applier, written } of row.columnsIn(built.table)) {
    const value = column.read.of(run.resource, item);
    // Where the column is known that was not there and then is, not all are counted.
    const isNew = column.require && written !== undefined && built.columns[written] === undefined;
    const before = column.require && !isNew ? Object.keys(built.columns).length : 0;
    if (value !== undefined && value !== null) {
      if (applier !== undefined) applier(built, value);
      else if (!column.constant && !isAside(built.table) && isValued(value))
        adjusted(built, 3, `${column.name} has no column in ${built.table}`);
    } else if (column.always) applier?.(built, value);
    run.trace?.wrote(column.name, column.at, built.columns);
    if (column.require && applier !== undefined && !hasWritten(built, isNew ? written : undefined, before)) {
      built.exclusion ??= {
        rule: 67,
        reason: `${column.name} has no value, and the map requires it`,
        at: built.at,
      };
    }
  }
  if (absent !== undefined) writeText(built, eventColumnsOf(built.table).valueSourceValue, absent);
  drain(map, built);
  if (target?.value !== undefined) writeMapsToValue(built, target.value.concept_id);
  FINISHERS[built.table]?.(built);
  run.trace?.wrote('engine', undefined, built.columns);
  const missing = built.exclusion ?? missingColumn(built, row);
  if (missing !== undefined) {
    run.exclusions.push(missing);
    return;
  }
  const n = slots.take(number, index, nth);
  if (n === undefined) run.exclusions.push({ rule: 69, reason: 'a resource makes at most 1024 rows', at: built.at });
  else {
    const part = row.partOf?.of(run.resource, item);
    const partOf = isObject(part) ? textAt(part, 'reference') : undefined;
    run.rows.push({ table: built.table, n, columns: built.columns, ...(partOf === undefined ? {} : { partOf }) } satisfies CdmRow);
    const name = `${row.spec.name} ${index}`;
    if (!place.made.has(name)) place.made.set(name, { n, table: built.table });
    run.trace?.end(built.table, n, built.columns);
  }
}

/** A choice element without any value arrives as [holder, name] all the same. */
function isValued(value: unknown): boolean {
  if (!Array.isArray(value) || typeof value[1] !== 'string' || !isObject(value[0])) return true;
  const [holder, name]: readonly unknown[] = value;
  return isObject(holder) && choiceIn(holder, String(name)) !== undefined;
}

/** Alternatives that are to be counted, and conversions that failed, since the last row. */
function drain(map: CompiledRowMap, built: Building): void {
  const { run, notes } = map;
  if (run.taken.length > 0) {
    for (const number of run.taken.splice(0)) {
      const note = notes[number];
      if (note !== undefined) adjusted(built, note.rule, note.because);
    }
  }
  if (run.error === undefined) return;
  adjusted(built, 21, `a value could not be converted (${run.error})`);
  run.error = undefined;
}

/** Rule 5: what the code itself says the value is stands above a value that the resource repeats. */
function writeMapsToValue(built: Building, concept_id: number): void {
  const column = columnOf(built.table, 'value_as_concept_id');
  if (column === undefined) {
    adjusted(built, 5, `'Maps to value' has no column in ${built.table}`);
    return;
  }
  const own = built.columns[column.name];
  if (own !== undefined && own !== 0 && own !== concept_id)
    adjusted(built, 5, "'Maps to value' stands instead of the resource's own value");
  built.columns[column.name] = concept_id;
}

function missingColumn(built: Building, row: CompiledRow): { rule: number; reason: string; at: string } | undefined {
  for (const name of REQUIRED.get(built.table) ?? []) {
    const value = built.columns[name];
    if (value !== undefined && value !== null) continue;
    if (built.table === 'person' && name.endsWith('_concept_id')) {
      built.columns[name] = 0;
      continue;
    }
    const intent = row.spec.target.kind === 'route' ? row.spec.target.intent : row.spec.target.table;
    const rule = name === 'person_id' ? 27 : name.endsWith('_date') || intent === 'cost' ? (DATE_RULES[intent] ?? 67) : 67;
    return { rule, reason: name === 'person_id' ? 'no patient of this store' : `${name} has no value`, at: built.at };
  }
  return undefined;
}
