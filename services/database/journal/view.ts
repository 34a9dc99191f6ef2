/** The journal as its operator sees it: found by filters, grouped by cause, one message with what it made. Contents are never read here. */
import { ERRORS, type ErrorCode, type Problem } from '../../errors.ts';
import { RESOURCE_TYPES, resourceTypeOf } from '../../fhir/definitions.ts';
import type { Database, Queryable } from '../connect.ts';
import { plainArray, textArray } from '../wire.ts';
import { JOURNAL_CHANNEL } from './entry.ts';
import { SEAL_BYTES } from './seal.ts';

export const STATUSES = ['received', 'applied', 'parked', 'refused'] as const;
/** received: it waits to be processed. */
export type JournalStatus = (typeof STATUSES)[number];

/** Every filter that is given must hold. */
export interface JournalFilter {
  readonly source?: string | undefined;
  /** 'id^authority' of a patient that the message is about. */
  readonly patient?: string | undefined;
  readonly status?: JournalStatus | undefined;
  /** 'ADT' or 'ADT^A01'. */
  readonly type?: string | undefined;
  readonly controlId?: string | undefined;
  /** The cause of a parked or refused message; of others, any problem they have. */
  readonly code?: string | undefined;
  /** Received at or after, and before: instants in ISO 8601. */
  readonly since?: string | undefined;
  readonly until?: string | undefined;
}

export interface ListedMessage {
  readonly id: number;
  readonly receivedAt: string;
  readonly source: string;
  readonly channel: string;
  readonly type: string;
  readonly controlId: string | undefined;
  readonly status: JournalStatus;
  /** Its cause, for parked and refused ones; the first problem of others; '' without any. */
  readonly code: string;
  readonly bytes: number;
}

export interface Listing {
  /** Newest first. */
  readonly messages: readonly ListedMessage[];
  /** How many the filters find; counted up to `mostCounted` only. */
  readonly total: number;
  readonly mostCounted: number;
}

/** Messages that are parked for one cause. */
export interface ParkedGroup {
  readonly code: string;
  readonly count: number;
  readonly first: string;
  readonly last: string;
  /** The newest of them, and what is said of it. */
  readonly sampleId: number;
  readonly sampleText: string;
  readonly sources: readonly string[];
}

const MOST_COUNTED = 10_000;
const TIMEOUT_MS = 20_000;
export const HARMLESS = Object.entries(ERRORS)
  .filter(([, { severity }]) => severity === 'warning' || severity === 'information')
  .map(([code]) => code);

/** Values bound one by one; SQL text holds only their numbers. */
export class Bound {
  readonly values: unknown[] = [];
  add(value: unknown): string {
    this.values.push(value);
    return `$${this.values.length}`;
  }
}

/**
 * The problem for which a message was stopped: its first that is more than a warning; else that something it says was not taken, because
 * what stands is newer or settled; else its first.
 */
const causeOf = (harmless: string): string => `LATERAL (
  SELECT p.value->>'code' AS code, p.value->>'text' AS text FROM jsonb_array_elements(coalesce(o.problems, '[]')) WITH ORDINALITY p(value, n)
  ORDER BY p.value->>'code' = ANY (${harmless}::text[]), NOT starts_with(p.value->>'code', 'event-'), n LIMIT 1)`;

export const FROM = (harmless: string): string => `
  FROM journal.message m
  LEFT JOIN journal.outcome o ON o.message_id = m.id AND o.received_at = m.received_at
  LEFT JOIN ${causeOf(harmless)} cause ON true`;

export function conditionsOf({ source, patient, status, type, controlId, code, since, until }: JournalFilter, bound: Bound): string {
  const conditions = [
    source === undefined ? [] : [`m.source = ${bound.add(source)}`],
    patient === undefined ? [] : [`m.patient_keys @> ARRAY[${bound.add(patient)}]`],
    status === undefined ? [] : [status === 'received' ? 'o.message_id IS NULL' : `o.status = ${bound.add(status)}`],
    type === undefined ? [] : [`(m.message_type = ${bound.add(type)} OR starts_with(m.message_type, ${bound.add(`${type}^`)}))`],
    controlId === undefined ? [] : [`m.control_id = ${bound.add(controlId)}`],
    code === undefined ? [] : [codeCondition(code, bound)],
    since === undefined ? [] : [`m.received_at >= ${bound.add(since)}::timestamptz`],
    until === undefined ? [] : [`m.received_at < ${bound.add(until)}::timestamptz`],
  ].flat();
  return conditions.length === 0 ? 'true' : conditions.join(' AND ');
}

const codeCondition = (code: string, bound: Bound): string =>
  `CASE WHEN o.status IN ('parked', 'refused') THEN cause.code = ${bound.add(code)}
   ELSE o.problems @> ${bound.add(JSON.stringify([{ code }]))}::jsonb END`;

export interface ListedRow {
  readonly id: number;
  readonly received_at: string;
  readonly source: string;
  readonly channel: string;
  readonly message_type: string;
  readonly control_id: string | null;
  readonly status: JournalStatus;
  readonly code: string;
  readonly bytes: number;
}

/** Returns the newest messages that the filters find. Throws Refusal(search-too-costly) rather than search for ever. */
export async function listMessages(database: Database, filter: JournalFilter, limit: number): Promise<Listing> {
  return database.snapshot(
    async (tx) => {
      const bound = new Bound();
      const from = FROM(bound.add(textArray(HARMLESS)));
      const where = conditionsOf(filter, bound);
      const rows = await tx.query<ListedRow>(
        `SELECT m.id, m.received_at, m.source, m.channel, m.message_type, m.control_id, coalesce(o.status, 'received') AS status,
                coalesce(cause.code, '') AS code, octet_length(m.content) - CASE WHEN m.key_id IS NULL THEN 0 ELSE ${SEAL_BYTES} END AS bytes
         ${from} WHERE ${where} ORDER BY m.id DESC LIMIT ${bound.add(limit)}`,
        bound.values,
      );
      const counted = rows.length < limit ? rows.length : await countUpTo(tx, filter);
      return { messages: rows.map(listed), total: Math.max(counted, rows.length), mostCounted: MOST_COUNTED };
    },
    { timeoutMs: TIMEOUT_MS },
  );
}

export const listed = (row: ListedRow): ListedMessage => ({
  id: row.id,
  receivedAt: row.received_at,
  source: row.source,
  channel: row.channel,
  type: row.message_type,
  controlId: row.control_id ?? undefined,
  status: row.status,
  code: row.code,
  bytes: row.bytes,
});

async function countUpTo(tx: Queryable, filter: JournalFilter): Promise<number> {
  const bound = new Bound();
  const from = FROM(bound.add(textArray(HARMLESS)));
  const where = conditionsOf(filter, bound);
  const [row] = await tx.query<{ readonly n: number }>(
    `SELECT count(*) AS n FROM (SELECT 1 ${from} WHERE ${where} LIMIT ${bound.add(MOST_COUNTED)}) found`,
    bound.values,
  );
  return row?.n ?? 0;
}

/** Returns the parked messages that the filters find, grouped by cause, the most frequent first. */
export async function parkedGroups(database: Database, filter: Omit<JournalFilter, 'status'>): Promise<readonly ParkedGroup[]> {
  const bound = new Bound();
  const from = FROM(bound.add(textArray(HARMLESS)));
  const where = conditionsOf({ ...filter, status: 'parked' }, bound);
  const rows = await database.snapshot(
    (tx) =>
      tx.query<{ code: string; n: number; first: string; last: string; sample: number; text: string; sources: string }>(
        `SELECT coalesce(cause.code, '') AS code, count(*) AS n, min(m.received_at) AS first, max(m.received_at) AS last, max(m.id) AS sample,
                coalesce((array_agg(cause.text ORDER BY m.id DESC))[1], '') AS text, jsonb_agg(DISTINCT m.source)::text AS sources
         ${from} WHERE ${where} GROUP BY 1 ORDER BY n DESC, code`,
        bound.values,
      ),
    { timeoutMs: TIMEOUT_MS },
  );
  return rows.map(({ code, n, first, last, sample, text, sources }) => ({
    code,
    count: n,
    first,
    last,
    sampleId: sample,
    sampleText: text,
    sources: textsIn(sources),
  }));
}

function textsIn(json: string): readonly string[] {
  const read: unknown = JSON.parse(json);
  return Array.isArray(read) ? read.filter((each) => typeof each === 'string') : [];
}

/** What is known of a message beside its content. */
export interface MessageTrace {
  readonly settledAt: string | undefined;
  /** How often the same bytes came again. */
  readonly repeats: number;
  /** Versions of resources that it made; undefined when looking for them took too long. */
  readonly made: readonly MadeResource[] | undefined;
}

export interface MadeResource {
  readonly type: string;
  readonly id: string;
  readonly version: number;
  /** Replaced since by a later message. */
  readonly isCurrent: boolean;
}

/** No transaction takes longer: what a message made was written so soon after it began to be settled. */
const LONGEST_TRANSACTION = '1 hour';
const MADE = `
SELECT type, id, version, true AS current FROM fhir.resource
WHERE type = ANY ($2::smallint[]) AND NOT deleted AND message_id = $1
  AND updated BETWEEN $3::timestamptz - interval '1 second' AND $3::timestamptz + interval '${LONGEST_TRANSACTION}'
UNION ALL
SELECT type, id, version, false FROM fhir.history
WHERE message_id = $1 AND updated BETWEEN $3::timestamptz - interval '1 second' AND $3::timestamptz + interval '${LONGEST_TRANSACTION}'
ORDER BY type, id, version`;

/** Returns when a message was settled and what it made; undefined when the journal does not hold it. */
export async function traceOf(database: Database, id: number): Promise<MessageTrace | undefined> {
  const [row] = await database.query<{ readonly settled_at: string | null; readonly repeats: number }>(
    `SELECT o.settled_at, (SELECT count(*) FROM journal.duplicate d WHERE d.first_id = m.id AND d.received_at >= m.received_at) AS repeats
     FROM journal.message m LEFT JOIN journal.outcome o ON o.message_id = m.id AND o.received_at = m.received_at WHERE m.id = $1`,
    [id],
  );
  if (row === undefined) return undefined;
  const settledAt = row.settled_at ?? undefined;
  return { settledAt, repeats: row.repeats, made: settledAt === undefined ? [] : await madeBy(database, id, settledAt) };
}

async function madeBy(database: Database, id: number, settledAt: string): Promise<readonly MadeResource[] | undefined> {
  try {
    const rows = await database.snapshot(
      (tx) =>
        tx.query<{ readonly type: number; readonly id: string; readonly version: number; readonly current: boolean }>(MADE, [
          id,
          plainArray(RESOURCE_TYPES.values()),
          settledAt,
        ]),
      { timeoutMs: TIMEOUT_MS },
    );
    return rows.map(({ type, id: resource, version, current }) => ({
      type: resourceTypeOf(type) ?? '',
      id: resource,
      version,
      isCurrent: current,
    }));
  } catch {
    return undefined;
  }
}

/** Returns which of `ids` are parked, locked until the transaction ends. */
export async function lockParked(tx: Queryable, ids: readonly number[]): Promise<readonly number[]> {
  const rows = await tx.query<{ readonly message_id: number }>(
    `SELECT message_id FROM journal.outcome WHERE message_id = ANY ($1::bigint[]) AND status = 'parked' ORDER BY message_id FOR UPDATE`,
    [plainArray(ids)],
  );
  return rows.map((row) => row.message_id);
}

/** Wakes whoever processes the journal, once the transaction is committed. */
export async function notifyJournal(tx: Queryable): Promise<void> {
  await tx.query('SELECT pg_notify($1, $2)::text', [JOURNAL_CHANNEL, '']);
}

/** Returns the ids of all parked messages that the filters find, oldest first. */
export const parkedIds = (tx: Queryable, filter: Omit<JournalFilter, 'status'>): Promise<readonly number[]> =>
  messageIds(tx, { ...filter, status: 'parked' });

/** Returns the ids of the messages that the filters find, oldest first, at most `limit`. */
export async function messageIds(tx: Queryable, filter: JournalFilter, limit?: number): Promise<readonly number[]> {
  const bound = new Bound();
  const from = FROM(bound.add(textArray(HARMLESS)));
  const where = conditionsOf(filter, bound);
  const rows = await tx.query<{ readonly id: number }>(
    `SELECT m.id ${from} WHERE ${where} ORDER BY m.id LIMIT ${bound.add(limit ?? null)}::bigint`,
    bound.values,
  );
  return rows.map((row) => row.id);
}

/** Makes a parked message a refused one and keeps the reason with its problems; the message itself stays. False when it is not parked. */
export async function refuseParked(tx: Queryable, id: number, reason: Problem): Promise<boolean> {
  const changed = await tx.run(
    `UPDATE journal.outcome SET status = 'refused', problems = problems || $2::jsonb, settled_at = now()
     WHERE message_id = $1 AND status = 'parked'`,
    [id, JSON.stringify([reason])],
  );
  return changed === 1;
}

/** Returns the cure for a problem code; '' for a code of another version. */
export const cureOf = (code: string): string => (isErrorCode(code) ? ERRORS[code].cure : '');
const isErrorCode = (code: string): code is ErrorCode => Object.hasOwn(ERRORS, code);
