/** _has by rows of the index: which of the candidates are referred to, and what the referrers refer to. */
import { resourceTypeOf } from '../../fhir/definitions.ts';
import type { ChainClause, Clause } from '../../fhir/search/query.ts';
import type { Queryable } from '../connect.ts';
import { typeNumber } from '../resources/resources.ts';
import { plainArray } from '../wire.ts';
import { Bindings, conditionSql, type Resolved } from './conditions.ts';
import { MOST_MERGED } from './each.ts';
import { fewSql } from './few.ts';
import { hashesOf } from './order.ts';

export type HasClause = Extract<ChainClause, { readonly kind: 'has' }>;

/** Whether a _has looks at references alone, which stand in the text as they are. */
export const isOfReferences = ({ parameter }: HasClause): boolean =>
  parameter.uses.every(({ slot }) => slot.paths.every(({ datatype }) => datatype === 'Reference'));

/** A reference as a local or an absolute one names type and id. */
const REFERENCED = /(?:^|\/)([A-Za-z]+)\/([A-Za-z0-9.-]{1,64})(?:\/_history\/.*)?$/;

/**
 * Returns the ids of every reference in the texts, those of other elements too: which of them the parameter means is decided at last. PostgreSQL takes them out
 * of JSON as it is stored: without spaces, slashes as they are (json.ts `writeJson`); a quote within a text is never bare there.
 */
export async function referencedBy(tx: Queryable, has: HasClause, resolved: Resolved, most: number): Promise<Clause | undefined> {
  const bindings = new Bindings();
  const few = fewSql(has.type, has.clause, resolved, 'r.body', most, bindings);
  if (few === undefined) return undefined;
  const rows = await tx.query<{ readonly over: boolean; readonly reference: string | null }>(
    `${few.before} SELECT s.over, x.reference FROM ${few.over} s LEFT JOIN (
       SELECT DISTINCT split_part(piece, '"', 1) AS reference FROM (${few.rows}) r
         CROSS JOIN LATERAL unnest((string_to_array(r.body, '"reference":"'))[2:]) AS piece) x ON true`,
    bindings.values,
  );
  if (rows[0]?.over === true) return undefined;
  const targets = new Set(has.parameter.uses.map(({ target }) => target));
  const ids = rows.flatMap(({ reference }) => {
    const [, type, id = ''] = REFERENCED.exec(reference ?? '') ?? [];
    return type !== undefined && (targets.has(undefined) || targets.has(type)) ? id : [];
  });
  return { kind: 'id', any: [...new Set(ids)] };
}

/**
 * Returns those of the candidates that rows of the index say something refers to as the _has asks; no resource is read. A hash may
 * deceive, nothing is missed.
 */
export async function referredCandidates<Each extends { readonly type: number; readonly id: string }>(
  tx: Queryable,
  has: HasClause,
  candidates: readonly Each[],
  resolved: Resolved,
): Promise<readonly Each[]> {
  const asked = candidates.flatMap(({ type, id }, ord) =>
    has.parameter.uses.map(({ slot }) => ({ h: slot.hash(`${resourceTypeOf(type) ?? ''}/${id}`), ord })),
  );
  if (asked.length === 0) return [];
  const bindings = new Bindings();
  const hashes = bindings.add(plainArray(asked.map(({ h }) => h)), 'bigint[]');
  const ords = bindings.add(plainArray(asked.map(({ ord }) => ord)), 'int[]');
  const referrers = referrersSql(has, bindings, resolved);
  const rows = await tx.query<{ readonly ord: number }>(
    `SELECT DISTINCT a.ord FROM unnest(${hashes}, ${ords}) AS a(h, ord) WHERE (SELECT EXISTS (${referrers}))`,
    bindings.values,
  );
  const found = new Set(rows.map(({ ord }) => ord));
  return candidates.filter((_, ord) => found.has(ord));
}

/** Writes that lie so near each other are looked for as one range of the index. */
const NEAR = 2_000;

/** SQL of the referrers with the token a.h of a reference that answer the clause of a _has, as far as the index knows. */
function referrersSql(has: HasClause, bindings: Bindings, resolved: Resolved): string {
  const tokens = has.clause.kind === 'composite' ? undefined : hashesOf(has.clause);
  if (tokens !== undefined && tokens.length <= MOST_MERGED) {
    const h = `t.h = ANY (${bindings.add(plainArray(tokens), 'bigint[]')})`;
    // What refers to one resource was often written together: one range then, in place of a look at each. `+ 0`: not by the index.
    return `SELECT FROM (SELECT min(r.rid) AS lo, max(r.rid) AS hi, array_agg(r.rid) AS rids FROM fhir.tok r WHERE r.h = a.h) k
      WHERE CASE WHEN k.hi - k.lo <= ${NEAR}
        THEN EXISTS (SELECT FROM fhir.tok t WHERE ${h} AND t.rid >= k.lo AND t.rid <= k.hi AND t.rid + 0 = ANY (k.rids))
        ELSE EXISTS (SELECT FROM fhir.tok t WHERE ${h} AND t.rid = ANY (k.rids)) END`;
  }
  const condition = conditionSql(has.clause, bindings, resolved);
  return OF_INDEX.has(has.clause.kind)
    ? `SELECT FROM fhir.tok r WHERE r.h = a.h AND (SELECT ${condition})`
    : `SELECT FROM fhir.tok t JOIN fhir.resource r ON r.rid = t.rid
       WHERE t.h = a.h AND r.type = ${bindings.add(typeNumber(has.type), 'smallint')} AND NOT r.deleted AND ${condition}`;
}

/** Clauses whose condition looks at rows of the index with the candidate's rid, and at nothing else of it. */
export const OF_INDEX: ReadonlySet<Clause['kind']> = new Set([
  'token',
  'reference',
  'identifier',
  'string',
  'uri',
  'date',
  'number',
  'quantity',
  'missing',
]);
