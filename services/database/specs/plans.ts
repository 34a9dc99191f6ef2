/** Plans: what publishing a draft would change, found out over recorded messages. */
import type { Problem } from '../../errors.ts';
import type { Queryable, Transaction } from '../connect.ts';
import { contentsOf } from '../journal/keys.ts';
import { ONLY_ASKED } from '../journal/queries.ts';
import { plainArray, textArray } from '../wire.ts';

export interface PlanFilter {
  readonly source?: string | undefined;
  /** 'ORU^R01', or 'ORU' for all of the type. */
  readonly messageType?: string | undefined;
  /** ISO 8601. */
  readonly since?: string | undefined;
  readonly until?: string | undefined;
  /** Most messages, the newest; all when undefined. */
  readonly sample?: number | undefined;
}

export type PlanState = 'running' | 'done' | 'cancelled' | 'failed';

export interface SpecPlan {
  readonly id: number;
  readonly draftId: number;
  readonly draftRevision: number;
  readonly digest: string;
  readonly baseDigest: string;
  readonly filter: PlanFilter;
  readonly actor: string;
  readonly state: PlanState;
  readonly startedAt: string;
  readonly endedAt: string | undefined;
  readonly looked: number;
  readonly total: number;
  readonly summary: unknown;
  readonly problems: readonly Problem[];
}

interface PlanRow {
  readonly id: number;
  readonly draft_id: number;
  readonly draft_revision: number;
  readonly digest: string;
  readonly base_digest: string;
  readonly filter: PlanFilter;
  readonly actor: string;
  readonly state: PlanState;
  readonly started_at: string;
  readonly ended_at: string | null;
  readonly looked: number;
  readonly total: number;
  readonly summary: unknown;
  readonly problems: readonly Problem[];
}

// A process that went away with a plan under way leaves it running: nobody beats for it any more.
const PLAN = `SELECT id, draft_id, draft_revision, digest, base_digest, filter, actor,
  CASE WHEN state = 'running' AND beat_at < now() - interval '60 seconds' THEN 'failed' ELSE state END AS state,
  started_at, ended_at, looked, total, summary, problems FROM ops.spec_plan`;

const planOf = (row: PlanRow): SpecPlan => ({
  id: row.id,
  draftId: row.draft_id,
  draftRevision: row.draft_revision,
  digest: row.digest,
  baseDigest: row.base_digest,
  filter: row.filter,
  actor: row.actor,
  state: row.state,
  startedAt: row.started_at,
  endedAt: row.ended_at ?? undefined,
  looked: row.looked,
  total: row.total,
  summary: row.summary,
  problems: row.problems,
});

/** Notes that a plan began; returns its number. */
export async function createPlan(
  tx: Queryable,
  plan: Pick<SpecPlan, 'draftId' | 'draftRevision' | 'digest' | 'baseDigest' | 'filter' | 'actor' | 'total'>,
): Promise<number> {
  const [row] = await tx.query<{ id: number }>(
    `INSERT INTO ops.spec_plan (draft_id, draft_revision, digest, base_digest, filter, actor, total) VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING id`,
    [plan.draftId, plan.draftRevision, plan.digest, plan.baseDigest, JSON.stringify(plan.filter), plan.actor, plan.total],
  );
  if (row === undefined) throw new TypeError('a plan without number');
  return row.id;
}

/** Returns one plan; undefined when there is none of this number. */
export async function planById(queryable: Queryable, id: number): Promise<SpecPlan | undefined> {
  const [row] = await queryable.query<PlanRow>(`${PLAN} WHERE id = $1`, [id]);
  return row && planOf(row);
}

/** Returns plans, newest first; of one draft when it is given. */
export async function plans(queryable: Queryable, options: { readonly draftId?: number | undefined; readonly limit: number }) {
  const rows = await queryable.query<PlanRow>(`${PLAN} WHERE $1::bigint IS NULL OR draft_id = $1 ORDER BY id DESC LIMIT $2`, [
    options.draftId ?? null,
    options.limit,
  ]);
  return rows.map(planOf);
}

/** Notes how far a plan is; returns false when it was cancelled meanwhile. */
export async function beatPlan(queryable: Queryable, id: number, looked: number): Promise<boolean> {
  return (
    (await queryable.run(`UPDATE ops.spec_plan SET looked = $2, beat_at = now() WHERE id = $1 AND state = 'running'`, [id, looked])) === 1
  );
}

/** Ends a plan that runs; false when it had ended. */
export async function endPlan(
  queryable: Queryable,
  id: number,
  state: Exclude<PlanState, 'running'>,
  outcome: { readonly looked?: number; readonly summary?: unknown; readonly problems?: readonly Problem[] } = {},
): Promise<boolean> {
  const ended = await queryable.run(
    `UPDATE ops.spec_plan SET state = $2, ended_at = now(), looked = coalesce($3, looked), summary = $4, problems = $5 WHERE id = $1 AND state = 'running'`,
    [
      id,
      state,
      outcome.looked ?? null,
      outcome.summary === undefined ? null : JSON.stringify(outcome.summary),
      JSON.stringify(outcome.problems ?? []),
    ],
  );
  return ended === 1;
}

export interface PlanChange {
  /** What goes to another patient (0) before what goes away (1), changes (2), comes (3). */
  readonly grade: number;
  readonly what: 'resource' | 'row' | 'message';
  readonly change: 'added' | 'changed' | 'gone' | 'moved';
  /** Resource type, CDM table, or what becomes of the message. */
  readonly kind: string;
  /** 'Observation/…', 'measurement of Observation/… 0', 'message 17'. */
  readonly reference: string;
  readonly messageId?: number | undefined;
  /** Only what differs: path, before, after. */
  readonly fields: readonly { readonly path: string; readonly before?: unknown; readonly after?: unknown }[];
  /** JSON texts, whole. */
  readonly before?: string | undefined;
  readonly after?: string | undefined;
}

/** Keeps differences of a plan; `from` numbers them. Nothing where the plan has ended: who was erased meanwhile is in none. */
export async function keepChanges(queryable: Queryable, id: number, from: number, changes: readonly PlanChange[]): Promise<void> {
  if (changes.length === 0) return;
  await queryable.run(
    `INSERT INTO ops.spec_plan_change (plan_id, seq, grade, what, change, kind, reference, message_id, fields, before, after)
     SELECT p.id, $2 + n, grade, what, change, kind, reference, message_id, fields::jsonb, before, after
     FROM (SELECT id FROM ops.spec_plan WHERE id = $1 AND state = 'running' FOR SHARE) p, unnest($3::smallint[], $4::text[], $5::text[], $6::text[], $7::text[], $8::bigint[], $9::text[], $10::text[], $11::text[]) WITH ORDINALITY
       AS t(grade, what, change, kind, reference, message_id, fields, before, after, n)`,
    [
      id,
      from,
      plainArray(changes.map((each) => each.grade)),
      textArray(changes.map((each) => each.what)),
      textArray(changes.map((each) => each.change)),
      textArray(changes.map((each) => each.kind)),
      textArray(changes.map((each) => each.reference)),
      plainArray(changes.map((each) => each.messageId)),
      textArray(changes.map((each) => JSON.stringify(each.fields))),
      textArray(changes.map((each) => each.before)),
      textArray(changes.map((each) => each.after)),
    ],
  );
}

export interface ChangePage {
  readonly what?: string | undefined;
  readonly change?: string | undefined;
  readonly kind?: string | undefined;
  /** Cursor of the page before: 'grade.seq'. */
  readonly after?: readonly [grade: number, seq: number] | undefined;
  readonly limit: number;
  /** With the whole JSON texts. */
  readonly whole: boolean;
}

/** Returns differences of a plan, gravest first. */
export async function planChanges(
  queryable: Queryable,
  id: number,
  { what, change, kind, after, limit, whole }: ChangePage,
): Promise<readonly (PlanChange & { readonly seq: number })[]> {
  return queryable.query(
    `SELECT seq, grade, what, change, kind, reference, message_id AS "messageId", fields${whole ? ', before, after' : ''} FROM ops.spec_plan_change
     WHERE plan_id = $1 AND ($2::text IS NULL OR what = $2) AND ($3::text IS NULL OR change = $3) AND ($4::text IS NULL OR kind = $4)
       AND (grade, seq) > ($5, $6) ORDER BY grade, seq LIMIT $7`,
    [id, what ?? null, change ?? null, kind ?? null, after?.[0] ?? -1, after?.[1] ?? -1, limit],
  );
}

/** A message of the journal as plans and replays read it. */
export interface RecordedMessage {
  readonly id: number;
  readonly source: string;
  readonly receivedAt: string;
  readonly content: Uint8Array;
  readonly status: string;
  /** id@version#digest of what made it. */
  readonly spec: string;
}

const RECORDED = `journal.message m JOIN journal.outcome o ON o.message_id = m.id AND o.received_at = m.received_at
  WHERE m.channel IN ('mllp', 'http', 'import') AND m.message_type NOT IN ('transaction', 'record') AND m.content <> ''::bytea
  AND NOT ${ONLY_ASKED}`;

const FILTERED = `${RECORDED} AND ($1::text IS NULL OR m.source = $1) AND ($2::text IS NULL OR m.message_type = $2 OR starts_with(m.message_type, $2 || '^'))
  AND ($3::timestamptz IS NULL OR m.received_at >= $3) AND ($4::timestamptz IS NULL OR m.received_at < $4)`;

const filterValues = ({ source, messageType, since, until }: PlanFilter) => [
  source ?? null,
  messageType ?? null,
  since ?? null,
  until ?? null,
];

/** Returns the range of recorded HL7v2 messages that a filter names, and how many they are. */
export async function recordedRange(
  queryable: Queryable,
  filter: PlanFilter,
): Promise<{ readonly first: number; readonly last: number; readonly total: number }> {
  const [row] = await queryable.query<{ first: number | null; last: number | null; total: number }>(
    `SELECT min(id) AS first, max(id) AS last, count(*) AS total FROM (
       SELECT m.id FROM ${FILTERED} ORDER BY m.id DESC LIMIT $5) s`,
    [...filterValues(filter), filter.sample ?? null],
  );
  return { first: row?.first ?? 0, last: row?.last ?? 0, total: row?.total ?? 0 };
}

interface RecordedRow {
  readonly id: number;
  readonly source: string;
  readonly received_at: string;
  readonly content: Uint8Array;
  readonly content_hash: Uint8Array;
  readonly key_id: number | null;
  readonly status: string;
  readonly spec: string;
}

const COLUMNS = 'm.id, m.source, m.received_at, m.content, m.content_hash, m.key_id, o.status, o.spec';

/** Returns the next messages of a filter after a number up to another, in order. */
export async function recordedMessages(
  queryable: Queryable,
  filter: PlanFilter,
  range: { readonly after: number; readonly last: number; readonly limit: number },
): Promise<readonly RecordedMessage[]> {
  const rows = await queryable.query<RecordedRow>(
    `SELECT ${COLUMNS} FROM ${FILTERED} AND m.id > $5 AND m.id <= $6 ORDER BY m.id LIMIT $7`,
    [...filterValues(filter), range.after, range.last, range.limit],
  );
  return opened(queryable, rows);
}

/** Returns messages by their numbers, in order. */
export async function recordedByIds(queryable: Queryable, ids: readonly number[]): Promise<readonly RecordedMessage[]> {
  if (ids.length === 0) return [];
  const rows = await queryable.query<RecordedRow>(`SELECT ${COLUMNS} FROM ${RECORDED} AND m.id = ANY ($1::bigint[]) ORDER BY m.id`, [
    plainArray(ids),
  ]);
  return opened(queryable, rows);
}

async function opened(queryable: Queryable, rows: readonly RecordedRow[]): Promise<readonly RecordedMessage[]> {
  const contents = await contentsOf(queryable, rows);
  return rows.map(({ id, source, received_at, content, status, spec }, i) => ({
    id,
    source,
    receivedAt: received_at,
    content: contents[i] ?? content,
    status,
    spec,
  }));
}

/** Removes what plans keep of patients' data older than so many days; their counts stay. Returns how many differences went. */
export const pruneChanges = (tx: Transaction, days: number): Promise<number> =>
  tx.run(
    `DELETE FROM ops.spec_plan_change c USING ops.spec_plan p WHERE p.id = c.plan_id AND p.ended_at < now() - make_interval(days => $1)`,
    [days],
  );
