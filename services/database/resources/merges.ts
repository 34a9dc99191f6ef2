/** Which Patient was merged into which, and what moved with it: an alias for as long as a merge is not undone. */
import { resourceTypeOf } from '../../fhir/definitions.ts';
import type { Queryable, Transaction } from '../connect.ts';
import { assertWhole } from '../search/parameters.ts';
import { plainArray, textArray } from '../wire.ts';
import { type ResourceId, typeNumber } from './resources.ts';

export interface Hop {
  readonly mergeId: number;
  readonly survivor: string;
  /** When it was merged (ISO 8601). */
  readonly at: string;
}

interface HopRow {
  readonly start: string;
  readonly id: number;
  readonly survivor: string;
  readonly at: string;
}

/** Nobody is merged so often; the log holds no circle. */
const MOST_HOPS = 100;

/** Returns the hops from each merged Patient to its survivor of today, nearest first; Patients that are not merged are absent. */
export async function hopsOf(queryable: Queryable, ids: readonly string[]): Promise<ReadonlyMap<string, readonly Hop[]>> {
  if (ids.length === 0) return new Map();
  const rows = await queryable.query<HopRow>(
    {
      name: 'merge_hops',
      text: `
WITH RECURSIVE hop AS (
  SELECT a.id AS start, m.id, m.survivor, m.at, 1 AS n FROM unnest($1::text[]) AS a(id) JOIN fhir.merge m ON m.loser = a.id AND m.undone_at IS NULL
  UNION ALL
  SELECT h.start, m.id, m.survivor, m.at, h.n + 1 FROM hop h JOIN fhir.merge m ON m.loser = h.survivor AND m.undone_at IS NULL
  WHERE h.n < ${MOST_HOPS}
) SELECT start, id, survivor, at FROM hop ORDER BY start, n`,
    },
    [textArray(new Set(ids))],
  );
  const hops = rows.map(({ start, id, survivor, at }) => ({ start, mergeId: id, survivor, at }));
  return Map.groupBy(hops, ({ start }) => start);
}

/** Returns the survivor of today of one Patient: itself when it is not merged. */
export async function survivorOf(queryable: Queryable, id: string): Promise<string> {
  return (await hopsOf(queryable, [id])).get(id)?.at(-1)?.survivor ?? id;
}

/** Returns the Patients that were merged directly into each of `ids`. */
export async function losersOf(queryable: Queryable, ids: readonly string[]): Promise<ReadonlyMap<string, readonly string[]>> {
  if (ids.length === 0) return new Map();
  const rows = await queryable.query<{ readonly survivor: string; readonly loser: string }>(
    {
      name: 'merge_losers',
      text: 'SELECT survivor, loser FROM fhir.merge WHERE survivor = ANY ($1::text[]) AND undone_at IS NULL ORDER BY id',
    },
    [textArray(new Set(ids))],
  );
  const grouped = Map.groupBy(rows, ({ survivor }) => survivor);
  return new Map([...grouped].map(([survivor, all]) => [survivor, all.map(({ loser }) => loser)]));
}

/** Notes a merge and returns its number. Both Patients must be locked by this transaction. */
export async function recordMerge(
  tx: Transaction,
  merge: { readonly loser: string; readonly survivor: string; readonly at: string; readonly messageId: number | undefined },
): Promise<number> {
  const [row] = await tx.query<{ readonly id: number }>(
    'INSERT INTO fhir.merge (loser, survivor, at, message_id) VALUES ($1, $2, $3, $4) RETURNING id',
    [merge.loser, merge.survivor, merge.at, merge.messageId ?? null],
  );
  if (row === undefined) throw new TypeError('a merge without number');
  return row.id;
}

/** Ends a merge; the log keeps it. */
export async function endMerge(tx: Transaction, mergeId: number): Promise<void> {
  await tx.run('UPDATE fhir.merge SET undone_at = now() WHERE id = $1', [mergeId]);
}

/** Ends the merges of Patients that are gone; the log keeps them. */
export async function endMergesOf(tx: Transaction, patients: readonly string[]): Promise<void> {
  if (patients.length === 0) return;
  const text =
    'UPDATE fhir.merge SET undone_at = now() WHERE undone_at IS NULL AND (loser = ANY ($1::text[]) OR survivor = ANY ($1::text[]))';
  await tx.run({ name: 'merge_end', text }, [textArray(patients)]);
}

export interface LostMerge {
  readonly loser: string;
  readonly survivor: string;
  /** Which of them are deleted. */
  readonly gone: readonly string[];
}

/** Returns the merges that hold though a Patient of them is deleted: no write leaves one, earlier versions did. */
export const lostMerges = (queryable: Queryable): Promise<readonly LostMerge[]> =>
  queryable.query<LostMerge>(
    `SELECT m.loser, m.survivor, array_agg(r.id) AS gone FROM fhir.merge m JOIN fhir.resource r ON r.type = $1 AND r.id IN (m.loser, m.survivor) AND r.deleted
     WHERE m.undone_at IS NULL GROUP BY m.id, m.loser, m.survivor ORDER BY m.id`,
    [typeNumber('Patient')],
  );

/** Notes that resources (resource_key) spoke of the loser of merges. */
export async function recordMoved(
  tx: Transaction,
  moved: readonly { readonly mergeId: number; readonly resourceKey: number }[],
): Promise<void> {
  if (moved.length === 0) return;
  await tx.run(
    {
      name: 'merge_moved',
      text: 'INSERT INTO fhir.moved (merge_id, resource_key) SELECT DISTINCT * FROM unnest($1::bigint[], $2::bigint[]) ON CONFLICT DO NOTHING',
    },
    [plainArray(moved.map(({ mergeId }) => mergeId)), plainArray(moved.map(({ resourceKey }) => resourceKey))],
  );
}

/** Returns the keys of the resources that moved with a merge, in order. */
export async function movedWith(tx: Queryable, mergeId: number): Promise<readonly number[]> {
  const rows = await tx.query<{ readonly resource_key: number }>(
    'SELECT resource_key FROM fhir.moved WHERE merge_id = $1 ORDER BY resource_key',
    [mergeId],
  );
  return rows.map(({ resource_key }) => resource_key);
}

/**
 * Returns the keys of the current resources that have one of the `hashes` of `referrerHashes` in the index, in order. Throws Refusal search-building while
 * the index is built again: what is moved or erased by half is a wrong record.
 */
export async function keysReferringTo(tx: Queryable, hashes: readonly bigint[]): Promise<readonly number[]> {
  await assertWhole(tx);
  const rows = await tx.query<{ readonly resource_key: number }>(
    `SELECT r.resource_key FROM fhir.resource r
     WHERE r.rid IN (SELECT t.rid FROM fhir.tok t WHERE t.h = ANY ($1::bigint[])) AND NOT r.deleted ORDER BY r.resource_key`,
    [plainArray(hashes)],
  );
  return rows.map(({ resource_key }) => resource_key);
}

/**
 * Returns the current resources of given kins (`kinId`) that have one of the `hashes` of `referrerHashes` in the index; the oldest of each. Throws Refusal
 * search-building while the index is built again: who finds no kin writes a second stay beside the first.
 */
export async function kinOf(
  tx: Queryable,
  hashes: readonly bigint[],
  kins: readonly string[],
): Promise<ReadonlyMap<string, ResourceId & { readonly resourceKey: number }>> {
  if (kins.length === 0) return new Map();
  await assertWhole(tx);
  const rows = await tx.query<{ readonly kin: string; readonly type: number; readonly id: string; readonly resource_key: number }>(
    {
      name: 'merge_kin',
      text: `SELECT r.kin, r.type, r.id, r.resource_key FROM fhir.resource r
             WHERE r.rid IN (SELECT t.rid FROM fhir.tok t WHERE t.h = ANY ($1::bigint[])) AND NOT r.deleted AND r.kin = ANY ($2::uuid[])
             ORDER BY r.resource_key DESC`,
    },
    [plainArray(hashes), textArray(new Set(kins))],
  );
  return new Map(rows.map((row) => [row.kin, { type: resourceTypeOf(row.type) ?? '', id: row.id, resourceKey: row.resource_key }]));
}

/** Notes that resources of the loser of a merge were folded into resources of the survivor (resource_key). */
export async function recordFolded(
  tx: Transaction,
  mergeId: number,
  folded: readonly { readonly resourceKey: number; readonly into: number }[],
): Promise<void> {
  if (folded.length === 0) return;
  await tx.run('INSERT INTO fhir.folded (merge_id, resource_key, into_key) SELECT $1, * FROM unnest($2::bigint[], $3::bigint[])', [
    mergeId,
    plainArray(folded.map(({ resourceKey }) => resourceKey)),
    plainArray(folded.map(({ into }) => into)),
  ]);
}

/** Returns what was folded with a merge, in order. */
export async function foldedWith(
  tx: Queryable,
  mergeId: number,
): Promise<readonly { readonly resourceKey: number; readonly into: number }[]> {
  const rows = await tx.query<{ readonly resource_key: number; readonly into_key: number }>(
    'SELECT resource_key, into_key FROM fhir.folded WHERE merge_id = $1 ORDER BY resource_key',
    [mergeId],
  );
  return rows.map((row) => ({ resourceKey: row.resource_key, into: row.into_key }));
}

/** Returns `references` ('Patient/1') with those to merged Patients replaced by their survivors of today. */
export async function withSurvivors(queryable: Queryable, references: readonly string[]): Promise<ReadonlyMap<string, string>> {
  const ids = references.flatMap((each) => (each.startsWith('Patient/') ? [each.slice('Patient/'.length)] : []));
  const hops = await hopsOf(queryable, ids);
  return new Map([...hops].flatMap(([id, all]) => (all.at(-1) ? [[`Patient/${id}`, `Patient/${all.at(-1)?.survivor}`] as const] : [])));
}

export interface MergeOfResource {
  readonly loser: string;
  readonly survivor: string;
  /** When the records became one (ISO 8601), and when that was taken back. */
  readonly at: string;
  readonly undoneAt: string | undefined;
  /** How it touched the resource: it spoke of the loser; a resource of the loser is the same as it; it is one of the two Patients. */
  readonly how: 'moved' | 'joined' | 'patient';
  /** The message or request that merged them; undefined when the journal does not hold it any more. */
  readonly message:
    | { readonly id: number; readonly source: string; readonly messageType: string; readonly controlId: string | undefined }
    | undefined;
}

interface MergeRow {
  readonly loser: string;
  readonly survivor: string;
  readonly at: string;
  readonly undone_at: string | null;
  readonly how: MergeOfResource['how'];
  readonly message_id: number | null;
  readonly source: string;
  readonly message_type: string;
  readonly control_id: string | null;
}

/** Returns the merges that made a resource what it is, oldest first, those that were taken back too. */
export async function mergesTouching(queryable: Queryable, { type, id }: ResourceId): Promise<readonly MergeOfResource[]> {
  const rows = await queryable.query<MergeRow>(
    `WITH own AS (SELECT resource_key FROM fhir.resource WHERE type = $1 AND id = $2),
     touched AS (
       SELECT merge_id AS id, 'moved' AS how FROM fhir.moved JOIN own USING (resource_key)
       UNION SELECT merge_id, 'joined' FROM fhir.folded JOIN own ON into_key = own.resource_key
       UNION SELECT id, 'patient' FROM fhir.merge WHERE $3 AND (loser = $2 OR survivor = $2))
     SELECT m.loser, m.survivor, m.at, m.undone_at, min(t.how) AS how, j.id AS message_id, j.source, j.message_type, j.control_id
     FROM touched t JOIN fhir.merge m USING (id) LEFT JOIN journal.message j ON j.id = m.message_id GROUP BY m.id, j.id, j.received_at ORDER BY m.id`,
    [typeNumber(type), id, type === 'Patient'],
  );
  return rows.map(({ loser, survivor, at, undone_at, how, message_id, source, message_type, control_id }) => ({
    loser,
    survivor,
    at,
    undoneAt: undone_at ?? undefined,
    how,
    message: message_id === null ? undefined : { id: message_id, source, messageType: message_type, controlId: control_id ?? undefined },
  }));
}
