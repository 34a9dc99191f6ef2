/** Searches that a write depends on: conditional creates and references (http://hl7.org/fhir/R4/http.html#ccreate), inside its transaction. */
import { createHash } from 'node:crypto';
import { readJson } from '../fhir/json.ts';
import type { IndexOptions } from '../fhir/search-index.ts';
import { matches } from '../fhir/search-match.ts';
import type { SearchQuery } from '../fhir/search-query.ts';
import type { Transaction } from './connect.ts';
import { typeNumber } from './resources.ts';
import { Bindings, conditionSql } from './search-conditions.ts';
import { plainArray } from './wire.ts';

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

/** Returns the ids that match: none, one, or two for "more than one". Sees what this transaction has written. */
export async function matchingIds(tx: Transaction, query: SearchQuery, options: IndexOptions): Promise<readonly string[]> {
  const bindings = new Bindings();
  const conditions = [
    `r.type = ${bindings.add(typeNumber(query.type), 'smallint')}`,
    'NOT r.deleted',
    ...query.clauses.map((clause) => conditionSql(clause, bindings)),
  ];
  const rows = await tx.query<{ readonly id: string; readonly body: string }>(
    `SELECT r.id, r.body FROM fhir.resource r WHERE ${conditions.join(' AND ')} ORDER BY r.rid LIMIT 10`,
    bindings.values,
  );
  const found = rows.filter(({ body }) => {
    const read = readJson(body);
    return read.ok && matches(query, { ...read.value, resourceType: query.type }, options);
  });
  return found.slice(0, 2).map(({ id }) => id);
}
