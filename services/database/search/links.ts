/** Chains and _has: conditions on resources beside the one that is looked at. */
import { readJson } from '../../fhir/format/json.ts';
import type { Resource } from '../../fhir/resource.ts';
import { holds, type Links, valuesOfParameter } from '../../fhir/search/match.ts';
import type { ChainClause, Clause } from '../../fhir/search/query.ts';
import { referenceClause } from '../../fhir/search/read.ts';
import { type IndexOptions, referenceOf } from '../../fhir/search/values.ts';
import type { Queryable } from '../connect.ts';
import { typeNumber } from '../resources/resources.ts';
import { plainArray, textArray } from '../wire.ts';
import { Bindings, chainsOf, conditionSql, type Resolved } from './conditions.ts';
import { fewOf } from './few.ts';
import { type HasClause, isOfReferences, OF_INDEX, referencedBy } from './has.ts';

/** Targets of a chain that are looked up beforehand: above this the chain is asked of each candidate. */
const MOST_TARGETS = 5_000;
/** Resources of a _has that are read beforehand. */
const MOST_REFERRERS = 1_000;

interface LinkRow {
  readonly id: string;
  readonly body: string;
}

const parsed = (type: string, { body }: { readonly body: string }): Resource => {
  const read = readJson(body);
  return { ...(read.ok ? read.value : {}), resourceType: type };
};

/** Returns what chains come to where few resources answer their clause; those that stay out are asked of each candidate. */
export async function resolveChains(
  tx: Queryable,
  clauses: readonly Clause[],
  options: IndexOptions & { readonly mostResolved?: number },
): Promise<Resolved> {
  const most = options.mostResolved ?? Number.POSITIVE_INFINITY;
  const resolved = new Map<ChainClause, Clause>();
  for (const chain of chainsOf(clauses)) {
    const inner = await resolveChains(tx, [chain.clause], options);
    for (const [each, clause] of inner) resolved.set(each, clause);
    const found = chain.kind === 'chain' ? await targetsOf(tx, chain, inner, most) : await referredBy(tx, chain, inner, most, options);
    if (found !== undefined) resolved.set(chain, found);
  }
  return resolved;
}

async function targetsOf(
  tx: Queryable,
  chain: ChainClause & { readonly kind: 'chain' },
  resolved: Resolved,
  most: number,
): Promise<Clause | undefined> {
  const rows = await fewOf<{ readonly id: string }>(tx, chain.target, chain.clause, resolved, 'r.id', Math.min(most, MOST_TARGETS));
  return (
    rows &&
    referenceClause(
      chain.parameter,
      rows.map(({ id }) => `${chain.target}/${id}`),
    )
  );
}

async function referredBy(
  tx: Queryable,
  has: HasClause,
  resolved: Resolved,
  most: number,
  options: IndexOptions,
): Promise<Clause | undefined> {
  if (isOfReferences(has)) return referencedBy(tx, has, resolved, Math.min(most, MOST_REFERRERS));
  const rows = await fewOf<LinkRow>(tx, has.type, has.clause, resolved, 'r.id, r.body', Math.min(most, MOST_REFERRERS));
  const found = rows?.flatMap((row) => referencesOf(parsed(has.type, row), has, options).map((each) => each.slice(each.indexOf('/') + 1)));
  return found && { kind: 'id', any: [...new Set(found)] };
}

const referencesOf = (resource: Resource, { parameter }: ChainClause, options: IndexOptions): readonly string[] =>
  valuesOfParameter(resource, parameter, options).map(({ value }) => referenceOf(value, options));

/** Returns what the chains of clauses say of these resources: each is decided on the linked resources themselves. */
export async function linksOf(
  tx: Queryable,
  clauses: readonly Clause[],
  resources: readonly Resource[],
  resolved: Resolved,
  options: IndexOptions,
): Promise<Links> {
  const links = new Map<ChainClause, ReadonlySet<string>>();
  for (const chain of chainsOf(clauses)) {
    const found =
      chain.kind === 'chain'
        ? await answeringTargets(tx, chain, resources, resolved, options)
        : await referredTo(tx, chain, resources, resolved, options);
    links.set(chain, found);
  }
  return links;
}

async function answering(
  tx: Queryable,
  type: string,
  clause: Clause,
  rows: readonly LinkRow[],
  resolved: Resolved,
  options: IndexOptions,
): Promise<readonly Resource[]> {
  const resources = rows.map((row) => parsed(type, row));
  const links = await linksOf(tx, [clause], resources, resolved, options);
  return resources.filter((each) => holds(each, clause, options, links));
}

async function answeringTargets(
  tx: Queryable,
  chain: ChainClause & { readonly kind: 'chain' },
  resources: readonly Resource[],
  resolved: Resolved,
  options: IndexOptions,
): Promise<ReadonlySet<string>> {
  const start = `${chain.target}/`;
  const ids = new Set(
    resources
      .flatMap((each) => referencesOf(each, chain, options))
      .filter((each) => each.startsWith(start))
      .map((each) => each.slice(start.length)),
  );
  if (ids.size === 0) return new Set();
  const bindings = new Bindings();
  const rows = await tx.query<LinkRow>(
    `SELECT r.id, r.body FROM fhir.resource r WHERE r.type = ${bindings.add(typeNumber(chain.target), 'smallint')}
       AND r.id = ANY (${bindings.add(textArray(ids), 'text[]')}) AND NOT r.deleted AND ${conditionSql(chain.clause, bindings, resolved)}`,
    bindings.values,
  );
  const found = await answering(tx, chain.target, chain.clause, rows, resolved, options);
  return new Set(found.map(({ id }) => start + id));
}

// The last: all.
const REFERRERS_READ = [1, 16, 2_147_483_647];

async function referredTo(
  tx: Queryable,
  has: ChainClause & { readonly kind: 'has' },
  resources: readonly Resource[],
  resolved: Resolved,
  options: IndexOptions,
): Promise<ReadonlySet<string>> {
  const found = new Set<string>();
  let open = [...new Set(resources.map(({ resourceType, id }) => `${resourceType}/${id}`))];
  // Nearly always the first referrer answers; more are read only where a hash or a cut text has deceived.
  for (const most of REFERRERS_READ) {
    const rows = await referrersOf(tx, has, open, most, resolved);
    const answer = await answering(tx, has.type, has.clause, [...new Map(rows.map((row) => [row.id, row])).values()], resolved, options);
    for (const each of answer) for (const reference of referencesOf(each, has, options)) found.add(reference);
    const counts = Map.groupBy(rows, ({ ord }) => ord);
    open = open.filter((reference, i) => !found.has(reference) && (counts.get(i + 1)?.length ?? 0) >= most);
    if (open.length === 0) break;
  }
  return found;
}

async function referrersOf(
  tx: Queryable,
  has: ChainClause & { readonly kind: 'has' },
  references: readonly string[],
  most: number,
  resolved: Resolved,
): Promise<readonly (LinkRow & { readonly ord: number })[]> {
  const asked = references.flatMap((reference, i) => has.parameter.uses.map(({ slot }) => ({ h: slot.hash(reference), ord: i + 1 })));
  if (asked.length === 0) return [];
  const bindings = new Bindings();
  const hashes = bindings.add(plainArray(asked.map(({ h }) => h)), 'bigint[]');
  const ords = bindings.add(plainArray(asked.map(({ ord }) => ord)), 'int[]');
  const condition = conditionSql(has.clause, bindings, resolved);
  // A condition on index rows alone is asked of them before any resource is looked up: most referrers of most patients fail it. `SELECT`: of one row after
  // the other; PostgreSQL 18 would read all rows of a common code in its place.
  const [first, then] = OF_INDEX.has(has.clause.kind) ? [condition, 'true'] : ['true', condition];
  return tx.query(
    `SELECT a.ord, x.id, x.body FROM unnest(${hashes}, ${ords}) AS a(h, ord) CROSS JOIN LATERAL (
       SELECT r.id, r.body FROM (SELECT r.rid FROM fhir.tok r WHERE r.h = a.h AND (SELECT ${first}) OFFSET 0) k JOIN fhir.resource r ON r.rid = k.rid
       WHERE r.type = ${bindings.add(typeNumber(has.type), 'smallint')} AND NOT r.deleted AND ${then}
       LIMIT ${most}) x`,
    bindings.values,
  );
}
