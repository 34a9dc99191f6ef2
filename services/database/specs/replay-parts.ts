/** What a replay notes of messages and resources, part by part, and what it reads and changes of the store. */
import type { Queryable, Transaction } from '../connect.ts';
import { plainArray, textArray } from '../wire.ts';

export interface ReplayedMessage {
  readonly id: number;
  readonly receivedAt: string;
  readonly patients: readonly string[];
  readonly isTouched: boolean;
}

/** Notes messages that were looked at. The part is the first Patient until `joinParts` knows better. */
export async function noteMessages(tx: Transaction, id: number, messages: readonly ReplayedMessage[]): Promise<void> {
  if (messages.length === 0) return;
  await tx.run(
    `INSERT INTO ops.spec_replay_message (replay_id, message_id, received_at, patients, part, touched)
     SELECT $1, m.id, m.at, CASE WHEN m.patients = '' THEN '{}'::text[] ELSE string_to_array(m.patients, ',') END,
       CASE WHEN m.patients = '' THEN ' ' || m.id ELSE split_part(m.patients, ',', 1) END, m.touched
     FROM unnest($2::bigint[], $3::timestamptz[], $4::text[], $5::boolean[]) AS m(id, at, patients, touched) ON CONFLICT DO NOTHING`,
    [
      id,
      plainArray(messages.map((each) => each.id)),
      textArray(messages.map((each) => each.receivedAt)),
      textArray(messages.map((each) => each.patients.join(','))),
      plainArray(messages.map((each) => each.isTouched)),
    ],
  );
}

/** Notes resources of which something else is said; by the part that they hang on, '' for what is nobody's. */
export async function noteResources(
  tx: Transaction,
  id: number,
  resources: readonly { readonly part: string; readonly reference: string }[],
): Promise<void> {
  if (resources.length === 0) return;
  await tx.run(
    `INSERT INTO ops.spec_replay_resource (replay_id, part, reference) SELECT $1, r.part, r.reference
     FROM unnest($2::text[], $3::text[]) AS r(part, reference) ON CONFLICT DO NOTHING`,
    [id, textArray(resources.map((each) => each.part)), textArray(resources.map((each) => each.reference))],
  );
}

/** Returns the Patients of every message that names more than one. */
export async function jointPatients(tx: Queryable, id: number): Promise<readonly (readonly string[])[]> {
  const rows = await tx.query<{ patients: readonly string[] }>(
    'SELECT DISTINCT patients FROM ops.spec_replay_message WHERE replay_id = $1 AND cardinality(patients) > 1',
    [id],
  );
  return rows.map(({ patients }) => patients);
}

/** Has what hangs on some Patients be one part with others; `roots`: the name of the part by that of a Patient. */
export async function joinParts(tx: Transaction, id: number, roots: ReadonlyMap<string, string>): Promise<void> {
  if (roots.size === 0) return;
  const values = [id, textArray([...roots.keys()]), textArray([...roots.values()])];
  const joined = 'FROM unnest($2::text[], $3::text[]) AS r(patient, root)';
  await tx.run(
    `UPDATE ops.spec_replay_message m SET part = r.root ${joined} WHERE m.replay_id = $1 AND m.part = r.patient AND r.patient <> r.root`,
    values,
  );
  await tx.run(
    `INSERT INTO ops.spec_replay_resource (replay_id, part, reference) SELECT w.replay_id, r.root, w.reference ${joined}
     JOIN ops.spec_replay_resource w ON w.replay_id = $1 AND w.part = r.patient WHERE r.patient <> r.root ON CONFLICT DO NOTHING`,
    values,
  );
  await tx.run(
    `DELETE FROM ops.spec_replay_resource w USING unnest($2::text[], $3::text[]) AS r(patient, root) WHERE w.replay_id = $1 AND w.part = r.patient AND r.patient <> r.root`,
    values,
  );
}

/** Returns how many parts have something to do. */
export async function touchedParts(queryable: Queryable, id: number): Promise<number> {
  const [row] = await queryable.query<{ n: number }>(
    'SELECT count(DISTINCT part) AS n FROM ops.spec_replay_message WHERE replay_id = $1 AND touched',
    [id],
  );
  return row?.n ?? 0;
}

/** Returns the next parts after one that have something to do, in order. */
export async function nextParts(queryable: Queryable, id: number, after: string, limit: number): Promise<readonly string[]> {
  const rows = await queryable.query<{ part: string }>(
    `SELECT DISTINCT part FROM ops.spec_replay_message WHERE replay_id = $1 AND touched AND part > $2 ORDER BY part LIMIT $3`,
    [id, after, limit],
  );
  return rows.map(({ part }) => part);
}

export interface ReplayPart {
  readonly messages: readonly { readonly id: number; readonly isTouched: boolean }[];
  readonly patients: readonly string[];
  /** 'Type/id'. */
  readonly references: readonly string[];
}

/** Returns what one part is about. */
export async function partOf(queryable: Queryable, id: number, part: string): Promise<ReplayPart> {
  const messages = await queryable.query<{ id: number; isTouched: boolean; patients: readonly string[] }>(
    `SELECT message_id AS id, touched AS "isTouched", patients FROM ops.spec_replay_message WHERE replay_id = $1 AND part = $2 ORDER BY message_id`,
    [id, part],
  );
  return {
    messages: messages.map(({ id: number, isTouched }) => ({ id: number, isTouched })),
    patients: [...new Set(messages.flatMap(({ patients }) => patients))],
    references: await referencesOf(queryable, id, part),
  };
}

/** Returns the resources of a part of which something else is said. */
export async function referencesOf(queryable: Queryable, id: number, part: string): Promise<readonly string[]> {
  const rows = await queryable.query<{ reference: string }>(
    'SELECT reference FROM ops.spec_replay_resource WHERE replay_id = $1 AND part = $2 ORDER BY reference',
    [id, part],
  );
  return rows.map(({ reference }) => reference);
}

/** Returns what versions of resources some messages made, by message. */
export async function versionsMadeBy(
  queryable: Queryable,
  messages: readonly number[],
): Promise<readonly { readonly messageId: number; readonly type: number; readonly id: string }[]> {
  if (messages.length === 0) return [];
  return queryable.query(
    `SELECT DISTINCT message_id AS "messageId", type, id FROM (
       SELECT message_id, type, id FROM fhir.resource WHERE message_id = ANY ($1::bigint[])
       UNION ALL SELECT message_id, type, id FROM fhir.history WHERE message_id = ANY ($1::bigint[])) v`,
    [plainArray(messages)],
  );
}

/** Returns those of some messages that are requests: what they wrote replaced what was there. */
export async function requestsAmong(queryable: Queryable, messages: readonly number[]): Promise<ReadonlySet<number>> {
  if (messages.length === 0) return new Set();
  const rows = await queryable.query<{ id: number }>(
    `SELECT id FROM journal.message WHERE id = ANY ($1::bigint[]) AND (channel = 'fhir' OR (channel = 'import' AND message_type IN ('transaction', 'record')))`,
    [plainArray(messages)],
  );
  return new Set(rows.map(({ id }) => id));
}

/** Records what became of settled messages by other specs than before. */
export async function restateOutcomes(
  tx: Transaction,
  outcomes: readonly { readonly id: number; readonly status: string; readonly spec: string; readonly problems: readonly unknown[] }[],
): Promise<void> {
  if (outcomes.length === 0) return;
  await tx.run(
    `UPDATE journal.outcome o SET status = n.status, spec = n.spec, problems = n.problems::jsonb
     FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[]) AS n(id, status, spec, problems) WHERE o.message_id = n.id`,
    [
      plainArray(outcomes.map(({ id }) => id)),
      textArray(outcomes.map(({ status }) => status)),
      textArray(outcomes.map(({ spec }) => spec)),
      textArray(outcomes.map(({ problems }) => JSON.stringify(problems))),
    ],
  );
}

export interface RowLabels {
  /** Number of a resource type -> label of the map that makes its rows. */
  readonly types: readonly number[];
  readonly labels: readonly string[];
}

/** Returns the next resources whose rows another map made than the one of now, in the order of their keys. */
export async function staleRows(
  queryable: Queryable,
  { types, labels }: RowLabels,
  after: number,
  limit: number,
): Promise<readonly number[]> {
  const rows = await queryable.query<{ resource_key: number }>(
    `SELECT r.resource_key FROM fhir.resource r JOIN unnest($1::smallint[], $2::text[]) AS l(type, label) ON l.type = r.type
     WHERE r.resource_key > $3 AND NOT r.deleted AND r.row_spec <> l.label ORDER BY r.resource_key LIMIT $4`,
    [plainArray(types), textArray(labels), after, limit],
  );
  return rows.map(({ resource_key }) => resource_key);
}

/** Returns the next messages that a replay looked at, in order. */
export async function notedMessages(queryable: Queryable, id: number, after: number, limit: number): Promise<readonly number[]> {
  const rows = await queryable.query<{ id: number }>(
    'SELECT message_id AS id FROM ops.spec_replay_message WHERE replay_id = $1 AND message_id > $2 ORDER BY message_id LIMIT $3',
    [id, after, limit],
  );
  return rows.map((row) => row.id);
}

/** Returns those of some messages that a replay looked at. */
export async function notedAmong(queryable: Queryable, id: number, messages: readonly number[]): Promise<ReadonlySet<number>> {
  if (messages.length === 0) return new Set();
  const rows = await queryable.query<{ id: number }>(
    'SELECT message_id AS id FROM ops.spec_replay_message WHERE replay_id = $1 AND message_id = ANY ($2::bigint[])',
    [id, plainArray(messages)],
  );
  return new Set(rows.map((row) => row.id));
}

export interface StandingMerge {
  readonly survivor: string;
  readonly loser: string;
  readonly at: string;
  readonly messageId: number | null;
}

/** Returns the merges that hold of some Patients, of those merged with these, and so on, in the order in which they were made. */
export const mergesAbout = (queryable: Queryable, patients: readonly string[]): Promise<readonly StandingMerge[]> =>
  queryable.query<StandingMerge>(
    `WITH RECURSIVE same(id) AS (
       SELECT a.id COLLATE "C" FROM unnest($1::text[]) AS a(id)
       UNION SELECT CASE WHEN m.loser = s.id THEN m.survivor ELSE m.loser END FROM same s
         JOIN fhir.merge m ON (m.loser = s.id OR m.survivor = s.id) AND m.undone_at IS NULL)
     SELECT m.survivor, m.loser, m.at, m.message_id AS "messageId" FROM fhir.merge m
     WHERE m.undone_at IS NULL AND m.loser IN (SELECT id FROM same) ORDER BY m.id`,
    [textArray(patients)],
  );
