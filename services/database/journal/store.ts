/** The statements behind the journal's intake. */
import { problem, Refusal } from '../../errors.ts';
import type { Database, Queryable, Transaction } from '../connect.ts';
import { plainArray, textArray } from '../wire.ts';
import { bigints, byteas, texts } from '../wire-binary.ts';
import { type Arrival, JOURNAL_CHANNEL, type JournalReceipt } from './entry.ts';
import { dataKeys } from './keys.ts';
import { holderOf, seal } from './seal.ts';

interface StoredRow {
  readonly position: number;
  readonly id: number;
  readonly received_at: string;
}

// Keys cannot travel as an array of arrays of different lengths: they come joined by a character that no key holds.
const KEY_SEPARATOR = '\u001f';

const orderingKeys = (keys: readonly string[]): readonly string[] => [
  ...new Set(keys.map((key) => key.replaceAll(KEY_SEPARATOR, '')).filter((key) => key !== '')),
];

const INPUT = `
  SELECT i.position, nextval('journal.message_id') AS id, date_trunc('milliseconds', clock_timestamp()) AS received_at, i.source, i.channel,
         i.control_id, i.message_type, CASE WHEN i.keys = '' THEN '{}'::text[] ELSE string_to_array(i.keys, E'\\x1f') END AS keys,
         i.content, i.content_hash, i.key_id
  FROM (SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::bytea[], $7::bytea[], $8::bigint[])
    WITH ORDINALITY AS t(source, channel, control_id, message_type, keys, content, content_hash, key_id, position) ORDER BY position) i`;

const STORE = {
  name: 'journal_store',
  text: `
WITH input AS MATERIALIZED (${INPUT}),
known AS (
  INSERT INTO journal.identity (source, control_id, content_hash, message_id, received_at, original)
  SELECT source, control_id, content_hash, id, received_at, true FROM input WHERE control_id IS NOT NULL
  ORDER BY source, control_id, content_hash
  ON CONFLICT DO NOTHING
  RETURNING message_id
),
fresh AS MATERIALIZED (
  SELECT * FROM input WHERE control_id IS NULL OR id IN (SELECT message_id FROM known)
),
stored AS (
  INSERT INTO journal.message (id, received_at, source, channel, control_id, message_type, patient_keys, content, content_hash, conflict, key_id)
  SELECT id, received_at, source, channel, control_id, message_type, keys, content, content_hash, false, key_id FROM fresh
),
queued AS (
  INSERT INTO journal.waiting (message_id, received_at, source, patient_keys, bytes)
  SELECT id, received_at, source, keys, octet_length(content) FROM fresh
)
SELECT position::int - 1 AS position, id, received_at, pg_notify('${JOURNAL_CHANNEL}', '')::text FROM fresh`,
};

/** Returns the columns of arrivals, their contents sealed where there is a master key. */
async function columns(queryable: Queryable, arrivals: readonly Arrival[]): Promise<readonly Buffer[]> {
  const { ring } = queryable;
  const holders =
    ring.masters.length === 0 ? [] : arrivals.map(({ entry }) => holderOf({ ...entry, patientKeys: orderingKeys(entry.patientKeys) }));
  const keys = await dataKeys(queryable, ring, holders);
  const sealed = arrivals.map(({ entry, hash }, i) => {
    const key = keys.get(holders[i] ?? '');
    return key ? { id: key.id, content: seal(key.key, entry.content, hash) } : { id: null, content: entry.content };
  });
  return [
    texts(arrivals.map(({ entry }) => entry.source)),
    texts(arrivals.map(({ entry }) => entry.channel)),
    texts(arrivals.map(({ entry }) => entry.controlId || null)),
    texts(arrivals.map(({ entry }) => entry.messageType)),
    texts(arrivals.map(({ entry }) => orderingKeys(entry.patientKeys).join(KEY_SEPARATOR))),
    byteas(sealed.map(({ content }) => content)),
    byteas(arrivals.map(({ hash }) => hash)),
    bigints(sealed.map(({ id }) => id)),
  ];
}

/**
 * Stores those of `arrivals` whose control id is new to their source, in one statement and so in one commit; returns their
 * receipts. The others are left for `settleKnown`. No two arrivals may share source and control id.
 */
export async function storeFresh(database: Database, arrivals: readonly Arrival[]): Promise<Map<Arrival, JournalReceipt>> {
  const rows = await database.query<StoredRow>(STORE, await columns(database, arrivals));
  const receipts = new Map<Arrival, JournalReceipt>();
  for (const row of rows) {
    const each = arrivals[row.position];
    if (each !== undefined) receipts.set(each, receiptOf(row.id, row.received_at, {}));
  }
  return receipts;
}

const receiptOf = (id: number, receivedAt: string, flags: Partial<JournalReceipt>): JournalReceipt => ({
  id,
  receivedAt,
  duplicate: false,
  firstId: undefined,
  conflict: false,
  refused: false,
  ...flags,
});

interface KnownRow {
  readonly source: string;
  readonly control_id: string;
  readonly hash: string;
  readonly message_id: number;
  readonly received_at: string;
  readonly original: boolean;
  readonly refused: boolean;
}

const KNOWN = `
SELECT k.source, k.control_id, encode(k.content_hash, 'base64') AS hash, k.message_id, k.received_at, k.original,
       coalesce(o.status = 'refused' AND NOT k.original, false) AS refused
FROM (SELECT DISTINCT source, control_id FROM unnest($1::text[], $2::text[]) AS a(source, control_id)) a
JOIN journal.identity k USING (source, control_id)
LEFT JOIN journal.outcome o ON o.message_id = k.message_id AND o.received_at = k.received_at`;

/**
 * Judges `arrivals` whose control id their source has used before: the same content is a duplicate, another content a conflict,
 * stored as a message of its own. Returns one receipt for each.
 */
export async function settleKnown(
  tx: Transaction,
  arrivals: readonly Arrival[],
  reused: 'flag' | 'refuse',
): Promise<Map<Arrival, JournalReceipt>> {
  const rows = await tx.query<KnownRow>(KNOWN, [
    textArray(arrivals.map(({ entry }) => entry.source)),
    textArray(arrivals.map(({ entry }) => entry.controlId ?? '')),
  ]);
  const known = new Map(rows.map((row) => [JSON.stringify([row.source, row.control_id, row.hash]), row]));
  const receipts = new Map<Arrival, JournalReceipt>();
  const repeats: { readonly arrival: Arrival; readonly firstId: number }[] = [];
  for (const each of arrivals) {
    const first = known.get(each.identity ?? '');
    if (first !== undefined) {
      repeats.push({ arrival: each, firstId: first.message_id });
      const flags = { duplicate: true, firstId: first.message_id, conflict: !first.original, refused: first.refused };
      receipts.set(each, receiptOf(first.message_id, first.received_at, flags));
    } else {
      const stored = await storeConflict(tx, each, reused);
      receipts.set(each, receiptOf(stored.message_id, stored.received_at, { conflict: true, refused: stored.refused }));
      known.set(each.identity ?? '', stored);
    }
  }
  await recordRepeats(tx, repeats);
  return receipts;
}

async function recordRepeats(tx: Queryable, repeats: readonly { readonly arrival: Arrival; readonly firstId: number }[]): Promise<void> {
  if (repeats.length === 0) return;
  await tx.run(
    `INSERT INTO journal.duplicate (received_at, source, channel, first_id)
     SELECT clock_timestamp(), * FROM unnest($1::text[], $2::text[], $3::bigint[])`,
    [
      textArray(repeats.map(({ arrival }) => arrival.entry.source)),
      textArray(repeats.map(({ arrival }) => arrival.entry.channel)),
      plainArray(repeats.map(({ firstId }) => firstId)),
    ],
  );
}

async function storeConflict(tx: Transaction, each: Arrival, reused: 'flag' | 'refuse'): Promise<KnownRow> {
  const values = await columns(tx, [each]);
  // A unique violation here means that another process stored the same content just now: the transaction is run again.
  const [row] = await tx.query<StoredRow>(
    `WITH input AS MATERIALIZED (${INPUT}),
     known AS (INSERT INTO journal.identity (source, control_id, content_hash, message_id, received_at, original)
       SELECT source, control_id, content_hash, id, received_at, false FROM input),
     stored AS (INSERT INTO journal.message
       (id, received_at, source, channel, control_id, message_type, patient_keys, content, content_hash, conflict, key_id)
       SELECT id, received_at, source, channel, control_id, message_type, keys, content, content_hash, true, key_id FROM input)
     SELECT position::int - 1 AS position, id, received_at FROM input`,
    values,
  );
  if (row === undefined) throw new Refusal([problem('internal', { reason: 'the journal stored nothing' })]);
  const policy = each.entry.reused ?? (reused === 'refuse' ? 'refuse' : 'accept');
  if (policy !== 'accept') {
    await tx.run(
      `INSERT INTO journal.outcome (message_id, received_at, source, status, attempts, spec, problems)
       VALUES ($1, $2, $3, $4, 0, '', $5)`,
      [
        row.id,
        row.received_at,
        each.entry.source,
        policy === 'refuse' ? 'refused' : 'parked',
        JSON.stringify([problem('journal-control-id-reused')]),
      ],
    );
  } else {
    await tx.run(
      `INSERT INTO journal.waiting (message_id, received_at, source, patient_keys, bytes)
       SELECT id, received_at, source, patient_keys, octet_length(content) FROM journal.message WHERE id = $1 AND received_at = $2`,
      [row.id, row.received_at],
    );
    await tx.query(`SELECT pg_notify('${JOURNAL_CHANNEL}', '')::text`);
  }
  return {
    source: each.entry.source,
    control_id: each.entry.controlId ?? '',
    hash: Buffer.from(each.hash).toString('base64'),
    message_id: row.id,
    received_at: row.received_at,
    original: false,
    refused: policy === 'refuse',
  };
}
