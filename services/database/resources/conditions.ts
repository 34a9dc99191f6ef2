/** Searches that a write depends on: conditional creates and references (http://hl7.org/fhir/R4/http.html#ccreate), inside its transaction. */
import { createHash } from 'node:crypto';
import { resourceTypeOf } from '../../fhir/definitions.ts';
import type { Clause, SearchQuery } from '../../fhir/search/query.ts';
import type { IndexOptions } from '../../fhir/search/values.ts';
import type { Transaction } from '../connect.ts';
import { type CandidateRow, decided } from '../search/candidates.ts';
import { Bindings, conditionSql } from '../search/conditions.ts';
import { resolveChains } from '../search/links.ts';
import { assertSearchable, searchState } from '../search/parameters.ts';
import { seekSql } from '../search/seek.ts';
import type { Scope } from '../search/sources.ts';
import { plainArray, textArray } from '../wire.ts';
import { type ResourceId, resourceRef, typeNumber } from './resources.ts';

/**
 * Makes transactions that create under the same condition wait for each other, so that only one of them finds nothing. Held until
 * the transaction's end; taken in one order, so that two bundles with several conditions do not deadlock.
 */
export async function lockConditions(tx: Transaction, conditions: readonly string[]): Promise<void> {
  if (conditions.length === 0) return;
  const numbers = conditions.map((text) => createHash('sha256').update(text).digest().readBigInt64BE());
  await tx.query('SELECT pg_advisory_xact_lock(k)::text FROM (SELECT DISTINCT k FROM unnest($1::bigint[]) k ORDER BY k) sorted', [
    plainArray(numbers),
  ]);
}

const CHUNK = 200;

/** Returns the ids that match: none, one, or two for "more than one". Sees what this transaction has written. */
export async function matchingIds(tx: Transaction, query: SearchQuery, options: IndexOptions): Promise<readonly string[]> {
  await assertSearchable(tx, query, await searchState(tx));
  const scope: Scope = {
    tx,
    types: query.types.map(typeNumber),
    high: Number.MAX_SAFE_INTEGER,
    resolved: await resolveChains(tx, query.clauses, options),
  };
  const found: string[] = [];
  for (let after = 0; ; ) {
    const rows = await candidatesAfter(scope, query, after);
    found.push(...(await decided(scope, query, rows, options)).map(({ row }) => row.id));
    const last = rows.at(-1);
    if (found.length > 1 || rows.length < CHUNK || last === undefined) return found.slice(0, 2);
    after = last.rid;
  }
}

function firstSeek(clauses: readonly Clause[], seekOf: (clause: Clause) => readonly string[] | undefined): readonly string[] | undefined {
  for (const clause of clauses) {
    const selects = seekOf(clause);
    if (selects !== undefined && selects.length > 0) return selects;
  }
  return undefined;
}

async function candidatesAfter({ tx, types, resolved }: Scope, { clauses }: SearchQuery, after: number): Promise<readonly CandidateRow[]> {
  const bindings = new Bindings();
  const seek = firstSeek(clauses, (clause) => seekSql(clause, types, bindings, resolved));
  const conditions = [
    ...(seek === undefined ? [] : [`r.rid IN (${seek.join(' UNION ALL ')})`]),
    `r.type = ANY (${bindings.add(plainArray(types), 'smallint[]')})`,
    'NOT r.deleted',
    `r.rid > ${bindings.add(after, 'bigint')}`,
    ...clauses.map((clause) => conditionSql(clause, bindings, resolved)),
  ];
  return tx.query<CandidateRow>(
    `SELECT r.rid, r.type, r.id, r.version, r.updated, r.body FROM fhir.resource r WHERE ${conditions.join(' AND ')} ORDER BY r.rid LIMIT ${CHUNK}`,
    bindings.values,
  );
}

const STORED = {
  name: 'resource_stored',
  text: `SELECT r.type, r.id FROM unnest($1::smallint[], $2::text[]) AS a(type, id)
         JOIN fhir.resource r ON r.type = a.type AND r.id = a.id WHERE NOT r.deleted`,
};

/** Returns which of `references` ('Type/id') are stored and not deleted. Each is asked for once; nothing of them is read. */
export async function storedAmong(tx: Transaction, references: readonly ResourceId[]): Promise<ReadonlySet<string>> {
  const asked = [...new Map(references.map((each) => [resourceRef(each.type, each.id), each])).values()];
  if (asked.length === 0) return new Set();
  const rows = await tx.query<{ readonly type: number; readonly id: string }>(STORED, [
    plainArray(asked.map(({ type }) => typeNumber(type))),
    textArray(asked.map(({ id }) => id)),
  ]);
  return new Set(rows.map((row) => resourceRef(resourceTypeOf(row.type) ?? '', row.id)));
}
