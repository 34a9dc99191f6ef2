/** Searches that a write depends on: conditional creates and references (http://hl7.org/fhir/R4/http.html#ccreate), inside its transaction. */
import { createHash } from 'node:crypto';
import { resourceTypeOf } from '../fhir/definitions.ts';
import { readJson } from '../fhir/json.ts';
import type { IndexOptions } from '../fhir/search-index.ts';
import { matches } from '../fhir/search-match.ts';
import type { SearchQuery } from '../fhir/search-query.ts';
import type { Transaction } from './connect.ts';
import { type ResourceId, resourceRef, typeNumber } from './resources.ts';
import { Bindings, conditionSql } from './search-conditions.ts';
import { plainArray, textArray } from './wire.ts';

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
