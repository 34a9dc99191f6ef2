/** What messages said of resources that more than one message spoke of, each with the first and the last time it was said. */
import type { Queryable, Transaction } from '../connect.ts';
import { byteaArray, plainArray, textArray } from '../wire.ts';

/** A moment at which something was said; of two messages of one time the later received counts. */
export interface Moment {
  readonly at: string;
  readonly messageId: number;
}

/** patch: it sets the elements that it has, whole, and removes those that it deletes; the others are not its. */
export type Way = 'merge' | 'replace' | 'ensure' | 'patch';

export interface StatementTimes {
  readonly resourceKey: number;
  /** SHA-256 of what was said and how, as base64. */
  readonly digest: string;
  readonly way: Way;
  readonly rank: number;
  readonly first: Moment;
  readonly last: Moment;
  /** Id of the Patient of which it was said, when that was merged into this one; undefined: of this one. */
  readonly origin: string | undefined;
  /** It fills what is left open by what was said of this one itself. */
  readonly beneath: boolean;
}

export interface Statement extends StatementTimes {
  readonly deletes: readonly string[];
  /** JSON text of the resource as the message made it. */
  readonly draft: string;
}

interface TimesRow {
  readonly resource_key: number;
  readonly digest: string;
  readonly way: Way;
  readonly rank: number;
  readonly first_at: string;
  readonly first_message: number;
  readonly last_at: string;
  readonly last_message: number;
  readonly origin: string | null;
  readonly beneath: boolean;
}

interface StatementRow extends TimesRow {
  readonly deletes: readonly string[];
  readonly draft: string;
}

const TIMES =
  "s.resource_key, encode(s.digest, 'base64') AS digest, s.way, s.rank, s.first_at, s.first_message, s.last_at, s.last_message, s.origin, s.beneath";

const timesOf = (row: TimesRow): StatementTimes => ({
  resourceKey: row.resource_key,
  digest: row.digest,
  way: row.way,
  rank: row.rank,
  first: { at: row.first_at, messageId: row.first_message },
  last: { at: row.last_at, messageId: row.last_message },
  origin: row.origin ?? undefined,
  beneath: row.beneath,
});

/** Returns when what was said of resources, by resource_key; the resources must be locked by this transaction. */
export async function statementTimes(tx: Queryable, keys: readonly number[]): Promise<ReadonlyMap<number, readonly StatementTimes[]>> {
  if (keys.length === 0) return new Map();
  const rows = await tx.query<TimesRow>(
    { name: 'statement_times', text: `SELECT ${TIMES} FROM fhir.statement s WHERE s.resource_key = ANY ($1::bigint[])` },
    [plainArray(keys)],
  );
  return Map.groupBy(rows.map(timesOf), ({ resourceKey }) => resourceKey);
}

/** Returns everything that was said of resources, by resource_key. */
export async function statementsOf(tx: Queryable, keys: readonly number[]): Promise<ReadonlyMap<number, readonly Statement[]>> {
  if (keys.length === 0) return new Map();
  const rows = await tx.query<StatementRow>(
    {
      name: 'statements',
      text: `SELECT ${TIMES}, s.deletes, s.draft FROM fhir.statement s WHERE s.resource_key = ANY ($1::bigint[])`,
    },
    [plainArray(keys)],
  );
  const all = rows.map((row) => ({ ...timesOf(row), deletes: row.deletes, draft: row.draft }));
  return Map.groupBy(all, ({ resourceKey }) => resourceKey);
}

// Lists cannot travel as an array of arrays of different lengths; no element's name holds a comma.
const KEEP = {
  name: 'statement_keep',
  text: `
INSERT INTO fhir.statement AS s (resource_key, digest, way, deletes, draft, rank, first_at, first_message, last_at, last_message, origin, beneath)
SELECT k, digest, way, CASE WHEN deletes = '' THEN '{}'::text[] ELSE string_to_array(deletes, ',') END, draft, rank, first_at, first_message,
  last_at, last_message, nullif(origin, ''), beneath
FROM unnest($1::bigint[], $2::bytea[], $3::text[], $4::text[], $5::text[], $6::smallint[], $7::timestamptz[], $8::bigint[], $9::timestamptz[],
  $10::bigint[], $11::text[], $12::boolean[])
  AS t(k, digest, way, deletes, draft, rank, first_at, first_message, last_at, last_message, origin, beneath)
ON CONFLICT (resource_key, digest) DO UPDATE SET first_at = excluded.first_at, first_message = excluded.first_message,
  last_at = excluded.last_at, last_message = excluded.last_message`,
};

/** Stores statements, or their new times where they are known already. None may come twice. */
export async function keepStatements(tx: Transaction, statements: readonly Statement[]): Promise<void> {
  if (statements.length === 0) return;
  await tx.run(KEEP, [
    plainArray(statements.map((each) => each.resourceKey)),
    byteaArray(statements.map((each) => Buffer.from(each.digest, 'base64'))),
    textArray(statements.map((each) => each.way)),
    textArray(statements.map((each) => each.deletes.join(','))),
    textArray(statements.map((each) => each.draft)),
    plainArray(statements.map((each) => each.rank)),
    textArray(statements.map((each) => each.first.at)),
    plainArray(statements.map((each) => each.first.messageId)),
    textArray(statements.map((each) => each.last.at)),
    plainArray(statements.map((each) => each.last.messageId)),
    textArray(statements.map((each) => each.origin ?? '')),
    plainArray(statements.map((each) => each.beneath)),
  ]);
}

/** Which elements a patch set (names) and removed. */
export interface PatchedElements {
  readonly names: readonly string[];
  readonly deletes: readonly string[];
}

/** Keeps which elements the patches of requests changed, so that a rebuild can do them again. */
export async function recordPatches(
  tx: Transaction,
  patches: readonly (PatchedElements & { readonly messageId: number; readonly resourceKey: number })[],
): Promise<void> {
  if (patches.length === 0) return;
  await tx.run(
    {
      name: 'patch_record',
      text: `INSERT INTO fhir.patch (message_id, resource_key, names, deletes)
        SELECT message_id, resource_key, string_to_array(names, ','), string_to_array(deletes, ',')
        FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::text[]) AS t(message_id, resource_key, names, deletes)
        ON CONFLICT DO NOTHING`,
    },
    [
      plainArray(patches.map((each) => each.messageId)),
      plainArray(patches.map((each) => each.resourceKey)),
      textArray(patches.map((each) => each.names.join(','))),
      textArray(patches.map((each) => each.deletes.join(','))),
    ],
  );
}

/** Forgets what was said of resources: a request replaced or deleted them. */
export async function forgetStatements(tx: Transaction, keys: readonly number[]): Promise<void> {
  if (keys.length === 0) return;
  await tx.run({ name: 'statement_forget', text: 'DELETE FROM fhir.statement WHERE resource_key = ANY ($1::bigint[])' }, [
    plainArray(keys),
  ]);
}

/**
 * Forgets what was said of resources of which nothing new was said since `before` (ISO 8601): only a message that is later than that could
 * ask for it. The resource stays what they made it. What a merge joined or may yet part is kept. Returns how many went.
 */
export const pruneStatements = (queryable: Queryable, before: string): Promise<number> =>
  queryable.run(
    `DELETE FROM fhir.statement s USING (
       SELECT resource_key FROM fhir.statement GROUP BY resource_key HAVING max(last_at) < $1::timestamptz) old
     WHERE s.resource_key = old.resource_key
       AND NOT EXISTS (SELECT FROM fhir.folded f WHERE f.resource_key = s.resource_key OR f.into_key = s.resource_key)
       AND NOT EXISTS (SELECT FROM fhir.resource r JOIN fhir.merge m ON m.undone_at IS NULL AND (m.loser = r.id OR m.survivor = r.id)
         WHERE r.resource_key = s.resource_key)`,
    [before],
  );
