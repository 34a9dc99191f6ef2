/**
 * Which parameters are searched: those of R4, and those that SearchParameter resources of the store add
 * (http://hl7.org/fhir/R4/searchparameter.html). Every process learns of a change before its next write: a write waits for one that
 * changes them, and runs again when it was prepared by the set before. What was stored earlier is indexed by a job (reindex.ts).
 */
import { createHash } from 'node:crypto';
import { z } from 'zod';
import { problem, Refusal } from '../../errors.ts';
import { resourceTypeOf } from '../../fhir/definitions.ts';
import { type ParameterText, parameterSet, searchParameters, setCustomParameters } from '../../fhir/parameters.ts';
import type { JsonObject } from '../../fhir/resource.ts';
import { INDEX_FORM } from '../../fhir/search/index.ts';
import type { Clause, SearchQuery } from '../../fhir/search/query.ts';
import { COMMON_PARAMETERS, NOT_INDEXED, SEARCH_PARAMETERS } from '../../fhir/search-parameters.generated.ts';
import type { Queryable, Transaction } from '../connect.ts';
import { Collision } from '../failures.ts';
import { typeNumber } from '../resources/resources.ts';
import { plainArray, textArray } from '../wire.ts';
import { assertSearchParameter, type Custom, customParameters, readCustom, writeCustom } from './custom.ts';

/** Names what everything is indexed by: the forms of the index and the generated definitions. */
export const DEFINITIONS = `${INDEX_FORM}.${[SEARCH_PARAMETERS, COMMON_PARAMETERS, NOT_INDEXED]
  .reduce((hash, text) => hash.update(text), createHash('sha256'))
  .digest('base64url')
  .slice(0, 16)}`;
const BUILDING = ' building';
/** The same while some types, each with a job, are indexed again: what looks at none of them is searched. */
export const DEFINITIONS_BUILDING = DEFINITIONS + BUILDING;
/** Returns definitions as they are when nothing is built. */
export const ofBuilt = (definitions: string): string =>
  definitions.endsWith(BUILDING) ? definitions.slice(0, -BUILDING.length) : definitions;

// One number for the index of one database: writers share it, a change of the parameters has it alone.
const INDEX_LOCK = 7_401_936_126;
const FIRST_GENERATION = 1;

/** The set that this process has; written down in fhir.search_state as a number that no other set has. */
let loaded = FIRST_GENERATION;
let custom: Custom = new Map();

export interface SearchState {
  readonly generation: number;
  readonly definitions: string;
  /** JSON of the parameters that SearchParameter resources add: pairs of a type and its parameters. */
  readonly parameters: string;
}

/** A transaction may have written SearchParameter resources itself: what holds is what search_state says, not what they say. */
function load({ generation, parameters }: SearchState): void {
  custom = readCustom(parameters);
  setCustomParameters(custom);
  loaded = generation;
}

const heldState = z.tuple([
  z.object({}),
  z.object({ rows: z.tuple([z.object({ generation: z.number(), definitions: z.string(), parameters: z.string() })]) }),
]);

export const SEARCH_STATE = 's.generation, s.definitions, s.parameters';
const STATE = { name: 'search_state', text: `SELECT ${SEARCH_STATE} FROM fhir.search_state s` };

export async function searchState(tx: Queryable): Promise<SearchState> {
  const [row] = await tx.query<SearchState>(STATE);
  if (row === undefined) throw new Refusal([problem('internal', { reason: 'fhir.search_state is empty' })]);
  return row;
}

/** Reads the set again when it is not the one this process has; returns true when it was not. */
export async function refreshParameters(database: Queryable): Promise<boolean> {
  const state = await searchState(database);
  if (state.generation === loaded) return false;
  load(state);
  return true;
}

/**
 * Holds the parameters still until the transaction ends. Makes it run again when rows of the index were made by another set: `sets` are
 * those that made them (IndexRows.set).
 */
export async function holdParameters(tx: Transaction, sets: readonly number[]): Promise<void> {
  // Two statements in one message: the second must see what was committed while the first waited for the lock.
  const answers: unknown = await tx.client.query(`SELECT pg_advisory_xact_lock_shared(${INDEX_LOCK}); ${STATE.text}`);
  const [state] = heldState.parse(answers)[1].rows;
  if (state.definitions === '') await tx.run('UPDATE fhir.search_state SET definitions = $1', [DEFINITIONS]);
  const isKnown = state.generation === loaded;
  if (!isKnown) load(state);
  if (!isKnown || sets.some((each) => each !== parameterSet())) throw new Collision();
}

/** Waits until nobody writes resources, and keeps it so until the transaction ends. */
export async function holdIndex(tx: Transaction): Promise<void> {
  await tx.client.query(`SELECT pg_advisory_xact_lock(${INDEX_LOCK})`);
}

/** A search parameter of a type. */
export interface OfType {
  readonly type: string;
  readonly code: string;
}

/**
 * After SearchParameter resources were written (`resources`), or packages came or went: a new set, and jobs that index what is stored by what is
 * new in it, which is returned. Throws Refusal fhir-search-expression for a resource that cannot be indexed.
 */
export async function parametersWritten(tx: Transaction, resources: readonly JsonObject[]): Promise<readonly OfType[]> {
  for (const each of resources) assertSearchParameter(each);
  await holdIndex(tx);
  const next = await customParameters(tx);
  const namesOf = (set: Custom): Map<string, readonly [string, ParameterText]> =>
    new Map([...set].flatMap(([type, texts]) => texts.map((text) => [JSON.stringify([type, text]), [type, text] as const] as const)));
  const [before, after] = [namesOf(readCustom((await searchState(tx)).parameters)), namesOf(next)];
  const added = [...after].filter(([key]) => !before.has(key)).map(([, each]) => each);
  const removed = [...before].filter(([key]) => !after.has(key)).map(([, each]) => each);
  if (added.length === 0 && removed.length === 0) return [];
  await tx.run('UPDATE fhir.search_state SET generation = 2 + floor(random() * 9007199254740000)::bigint, parameters = $1', [
    writeCustom(next),
  ]);
  for (const [type, { name }] of removed)
    await tx.run('DELETE FROM fhir.reindex_job WHERE type = $1 AND code = $2 AND finished_at IS NULL', [typeNumber(type), name]);
  // First what is gone is removed: a parameter of the same name may come in its place. '': none, as arrays of texts have no null here.
  const jobs = [
    ...removed.map(([type, text]) => ({ type, code: '', removed: JSON.stringify(text) })),
    ...added.map(([type, { name }]) => ({ type, code: name, removed: '' })),
  ];
  await tx.run(
    `INSERT INTO fhir.reindex_job (type, code, removed, last_key)
     SELECT a.type, nullif(a.code, ''), nullif(a.removed, ''), (SELECT coalesce(max(resource_key), 0) FROM fhir.resource)
     FROM unnest($1::smallint[], $2::text[], $3::text[]) WITH ORDINALITY AS a(type, code, removed, ord) ORDER BY a.ord`,
    [
      plainArray(jobs.map(({ type }) => typeNumber(type))),
      textArray(jobs.map(({ code }) => code)),
      textArray(jobs.map(({ removed: text }) => text)),
    ],
  );
  await tx.run(`SELECT pg_notify('polyseme_journal', '')`);
  return added.map(([type, { name }]) => ({ type, code: name }));
}

/** The custom parameters that a query asks of, as 'type code'. */
function customOf(query: SearchQuery): readonly (readonly [type: string, code: string])[] {
  if (custom.size === 0) return [];
  const found: (readonly [string, string])[] = [];
  const numbers = new Map(
    [...custom].flatMap(([type, texts]) =>
      texts.map(({ name }) => [searchParameters(type).get(name)?.p ?? 0, [type, name] as const] as const),
    ),
  );
  const add = (p: number | undefined): void => {
    const each = numbers.get(p ?? -1);
    if (each !== undefined) found.push(each);
  };
  const visit = (clause: Clause): void => {
    if ('parameter' in clause) add(clause.parameter.p);
    if ('clause' in clause) visit(clause.clause);
    if ('clauses' in clause) for (const each of clause.clauses) visit(each);
  };
  for (const each of query.clauses) visit(each);
  for (const { parameter } of [...query.sort, ...query.includes]) add(parameter?.p);
  if (query.includes.some(({ parameter }) => parameter === undefined)) for (const each of numbers.values()) found.push(each);
  return found;
}

/** Returns true when a search that saw this state is answered whole without further questions (assertSearchable). */
export const isSettled = (query: SearchQuery, { generation, definitions }: Omit<SearchState, 'parameters'>): boolean =>
  generation === loaded && (definitions === '' || definitions === DEFINITIONS) && customOf(query).length === 0;

/** The types whose index rows a query looks at; undefined: any. */
function typesLookedAt({ types, clauses, includes }: SearchQuery): ReadonlySet<string> | undefined {
  const found = new Set(types);
  const visit = (clause: Clause): void => {
    if (clause.kind === 'chain') found.add(clause.target);
    if (clause.kind === 'has') found.add(clause.type);
    if ('clause' in clause) visit(clause.clause);
    if ('clauses' in clause) for (const each of clause.clauses) visit(each);
  };
  for (const each of clauses) visit(each);
  for (const { reverse, type } of includes) {
    if (reverse && type === undefined) return undefined;
    if (reverse && type !== undefined) found.add(type);
  }
  return found;
}

interface OpenJob {
  readonly type: number | null;
  readonly code: string | null;
  readonly removed: string | null;
  readonly done: number;
  readonly last: number;
}

/**
 * Throws Refusal where a search cannot be answered whole: search-changed when this process has another set of parameters (it has read
 * the right one now), search-building while the index of a parameter or type it asks of is built. Without a query: whoever asks for every reference.
 */
export async function assertSearchable(tx: Queryable, query: SearchQuery | undefined, state: SearchState): Promise<void> {
  const { generation, definitions } = state;
  if (generation !== loaded) {
    load(state);
    throw new Refusal([problem('search-changed')]);
  }
  if (query === undefined) return assertWhole(tx);
  const isWhole = definitions === '' || definitions === DEFINITIONS;
  const asked = customOf(query);
  if (isWhole && asked.length === 0) return;
  const jobs = await tx.query<OpenJob>(
    'SELECT type, code, removed, done_key AS done, last_key AS last FROM fhir.reindex_job WHERE finished_at IS NULL ORDER BY id',
  );
  const types = typesLookedAt(query);
  const building = jobs.find(({ type, code, removed }) => {
    const name = resourceTypeOf(type ?? 0) ?? '';
    if (type === null || asked.some(([ofType, ofCode]) => ofCode === code && ofType === name)) return true;
    return code === null && removed === null && (types === undefined || types.has(name));
  });
  if (building === undefined && (isWhole || definitions === DEFINITIONS_BUILDING)) return;
  throw new Refusal([
    problem('search-building', { parameter: building?.code ?? 'any', done: building?.done ?? 0, all: building?.last ?? 0 }),
  ]);
}

/** Jobs whose end who must see every reference waits for: also that of a reference which was indexed by a parameter alone that is gone. */
const HIDES_REFERENCES = `finished_at IS NULL AND code IS NULL AND (removed IS NULL OR removed::json ->> 'kind' = 'reference')`;

/** Throws Refusal search-building while what is stored is indexed again: who must see all that refers to something does not see it then. */
export async function assertWhole(tx: Queryable): Promise<void> {
  const [state] = await tx.query<{ definitions: string; done: number | null; last: number | null }>({
    name: 'search_whole',
    text: `SELECT s.definitions, j.done, j.last FROM fhir.search_state s LEFT JOIN (
      SELECT done_key AS done, last_key AS last FROM fhir.reindex_job WHERE ${HIDES_REFERENCES} ORDER BY id LIMIT 1) j ON true`,
  });
  const isKnown = state?.definitions === '' || state?.definitions === DEFINITIONS || state?.definitions === DEFINITIONS_BUILDING;
  if (isKnown && state?.last === null) return;
  throw new Refusal([problem('search-building', { parameter: 'any', done: state?.done ?? 0, all: state?.last ?? 0 })]);
}
