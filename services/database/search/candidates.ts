/** Candidates with their resources: narrowed by SQL, decided on the resource itself. */
import { Refusal } from '../../errors.ts';
import { resourceTypeOf } from '../../fhir/definitions.ts';
import { readJson } from '../../fhir/format/json.ts';
import type { Resource } from '../../fhir/resource.ts';
import { type Links, matches } from '../../fhir/search/match.ts';
import type { Clause, SearchQuery } from '../../fhir/search/query.ts';
import type { IndexOptions } from '../../fhir/search/values.ts';
import { plainArray } from '../wire.ts';
import { Bindings, chainsOf, conditionSql } from './conditions.ts';
import { type HasClause, referredCandidates } from './has.ts';
import { linksOf } from './links.ts';
import type { Position, Scope } from './sources.ts';

export interface FoundResource {
  readonly type: string;
  readonly id: string;
  readonly version: number;
  readonly updated: string;
  /** JSON text as stored. */
  readonly body: string;
}

export interface CandidateRow {
  readonly rid: number;
  readonly type: number;
  readonly id: string;
  readonly version: number;
  readonly updated: string;
  readonly body: string;
}

export interface Candidate {
  readonly row: CandidateRow;
  readonly resource: Resource;
}

export interface DecideOptions extends IndexOptions {
  /** Compares a candidate with the query in place of `matches`: for tests of what a deceived index does. */
  readonly accept?: (query: SearchQuery, resource: Resource) => boolean;
  /** Most resources beside the one looked at that chains and _has look up beforehand: for tests of the ways that are taken above it. */
  readonly mostResolved?: number;
  /** Takes the ways that are meant for many candidates however few there are: for tests of them. */
  readonly isLarge?: boolean;
}

const ROW = 'r.rid, r.type, r.id, r.version, r.updated, r.body';
const NO_BODY = `r.rid, r.type, r.id, r.version, r.updated, '' AS body`;

export const foundResource = ({ row }: Candidate): FoundResource => ({
  type: resourceTypeOf(row.type) ?? '',
  id: row.id,
  version: row.version,
  updated: row.updated,
  body: row.body,
});

/** Returns those of `positions` that rows of the index say are referred to as each _has asks that was not resolved beforehand. */
export async function sieved(
  scope: Scope,
  clauses: readonly Clause[],
  hases: readonly HasClause[],
  positions: readonly Position[],
): Promise<readonly Position[]> {
  if (hases.length === 0) return positions;
  let rows = await narrowed(scope, clauses, positions, positions.length, NO_BODY);
  for (const has of hases) rows = await referredCandidates(scope.tx, has, rows, scope.resolved);
  const kept = new Set(rows.map(({ rid }) => rid));
  return positions.filter(({ rid }) => kept.has(rid));
}

/** Returns the rows of `positions`, in their order, that the SQL of the clauses lets through; at most `limit`. */
export async function narrowed(
  scope: Scope,
  clauses: readonly Clause[],
  positions: readonly Position[],
  limit: number,
  columns = ROW,
): Promise<readonly CandidateRow[]> {
  if (positions.length === 0) return [];
  const bindings = new Bindings();
  const rids = bindings.add(plainArray(positions.map((each) => each.rid)), 'bigint[]');
  const conditions = [
    `r.type = ANY (${bindings.add(plainArray(scope.types), 'smallint[]')})`,
    'NOT r.deleted',
    ...clauses.map((clause) => conditionSql(clause, bindings, scope.resolved)),
  ];
  const text = `SELECT ${columns} FROM unnest(${rids}) WITH ORDINALITY AS a(rid, ord)
     JOIN fhir.resource r ON r.rid = a.rid WHERE ${conditions.join(' AND ')} ORDER BY a.ord LIMIT ${bindings.add(limit, 'bigint')}`;
  // Prepared only where one plan is right for all values: how rare a clause's tokens are decides how the others are best looked up.
  return scope.tx.query<CandidateRow>(clauses.length === 0 && columns === ROW ? { name: 'search_bodies', text } : text, bindings.values);
}

function candidate(row: CandidateRow): Candidate {
  const read = readJson(row.body);
  if (!read.ok) throw new Refusal(read.problems);
  return { row, resource: { ...read.value, resourceType: resourceTypeOf(row.type) ?? '' } };
}

function accepted(query: SearchQuery, all: readonly Candidate[], options: DecideOptions, links?: Links): readonly Candidate[] {
  const accept = options.accept ?? ((asked: SearchQuery, resource: Resource) => matches(asked, resource, options, links));
  return all.filter(({ resource }) => accept(query, resource));
}

/** As `decided`, for a query without chains: its rows say all. */
export const decidedAlone = (query: SearchQuery, rows: readonly CandidateRow[], options: DecideOptions): readonly Candidate[] =>
  accepted(query, rows.map(candidate), options);

/** Returns those of the rows that are what the query asks for, by their own values and those of the resources they are linked with. */
export async function decided(
  { tx, resolved }: Scope,
  query: SearchQuery,
  rows: readonly CandidateRow[],
  options: DecideOptions,
): Promise<readonly Candidate[]> {
  const all = rows.map(candidate);
  const links =
    chainsOf(query.clauses).length === 0
      ? undefined
      : await linksOf(
          tx,
          query.clauses,
          all.map(({ resource }) => resource),
          resolved,
          options,
        );
  return accepted(query, all, options, links);
}
