/** What a full rebuild reads of the store: everything that was applied, in the order in which it was, and what the store has of it today. */
import { resourceTypeOf } from '../../fhir/definitions.ts';
import type { Queryable, Transaction } from '../connect.ts';
import type { Channel } from '../journal/entry.ts';
import { contentsOf } from '../journal/keys.ts';
import { ONLY_ASKED } from '../journal/queries.ts';
import type { JournalMessage } from '../journal/take.ts';
import { resourceRef, typeNumber } from '../resources/resources.ts';
import type { PatchedElements } from '../resources/statements.ts';
import { plainArray } from '../wire.ts';

const DIRECTORY = ['Practitioner', 'Organization', 'Location'];

/** A resource as a request left it. */
export interface WrittenVersion {
  readonly type: string;
  readonly id: string;
  readonly deleted: boolean;
  readonly body: string;
  readonly spec: string;
  /** Which elements a patch changed; undefined: the request stands for the whole. */
  readonly patched?: PatchedElements | undefined;
  /** When it was said (ISO 8601), where that still counts. */
  readonly saidAt: string | undefined;
}

/** Something that was applied: a message to convert again, or a request with what it wrote. */
export interface AppliedEntry {
  readonly message: JournalMessage;
  /** Undefined: an HL7v2 message. Requests name resources that the server chose, and changed what was there: their results are replayed. */
  readonly written: readonly WrittenVersion[] | undefined;
  /** A $merge. */
  readonly merge: { readonly survivor: string; readonly loser: string; readonly at: string } | undefined;
}

const REQUEST = `(m.channel = 'fhir' OR (m.channel = 'import' AND m.message_type IN ('transaction', 'record')))`;
// A resource has what the request said that locked it last, whichever began first.
const PLACED = `WITH version AS (
  SELECT DISTINCT ON (v.message_id, v.resource_key) v.*
  FROM (SELECT message_id, resource_key, type, id, version, rid, updated, deleted, body, spec FROM fhir.history WHERE message_id IS NOT NULL
        UNION ALL
        SELECT message_id, resource_key, type, id, version, rid, updated, deleted, body, spec FROM fhir.resource WHERE message_id IS NOT NULL) v
  JOIN journal.message m ON m.id = v.message_id WHERE ${REQUEST} ORDER BY v.message_id, v.resource_key, v.version
), placed AS (
  SELECT v.message_id, greatest(date_trunc('milliseconds', o.settled_at), min(v.updated)) AS at, min(v.rid) AS rid
  FROM version v JOIN journal.outcome o ON o.message_id = v.message_id GROUP BY v.message_id, o.settled_at
)`;
const ENTRIES = `${PLACED}
SELECT m.id, m.source, m.channel, m.received_at, m.content, m.control_id, m.message_type, m.patient_keys, m.conflict, m.key_id, m.content_hash,
  ${REQUEST} AS is_request
FROM journal.outcome o JOIN journal.message m ON m.id = o.message_id AND m.received_at = o.received_at
LEFT JOIN placed p ON p.message_id = m.id
WHERE o.status = 'applied' AND NOT ${ONLY_ASKED} ORDER BY coalesce(p.at, date_trunc('milliseconds', o.settled_at)), coalesce(p.rid, 0), m.id`;
// What a merge rewrote later keeps the message's number: the first version is the request's own.
const VERSIONS = `${PLACED}
SELECT v.message_id, v.type, v.id, v.deleted, v.body, v.spec, p.names, p.deletes, coalesce(r.over_at, s.first_at) AS said_at
FROM version v JOIN placed ON placed.message_id = v.message_id
LEFT JOIN fhir.patch p ON p.message_id = v.message_id AND p.resource_key = v.resource_key
LEFT JOIN fhir.resource r ON r.resource_key = v.resource_key AND r.over_message = v.message_id
LEFT JOIN fhir.statement s ON s.resource_key = v.resource_key AND s.first_message = v.message_id AND s.way = 'patch'
ORDER BY placed.at, placed.rid, v.message_id, v.rid`;
const PAGE = 200;

interface EntryRow {
  readonly id: number;
  readonly source: string;
  readonly channel: Channel;
  readonly received_at: string;
  readonly content: Uint8Array;
  readonly control_id: string | null;
  readonly message_type: string;
  readonly patient_keys: readonly string[];
  readonly conflict: boolean;
  readonly key_id: number | null;
  readonly content_hash: Uint8Array;
  readonly is_request: boolean;
}

interface VersionRow {
  readonly message_id: number;
  readonly type: number;
  readonly id: string;
  readonly deleted: boolean;
  readonly body: string;
  readonly spec: string;
  readonly names?: readonly string[] | null;
  readonly deletes?: readonly string[] | null;
  readonly said_at?: string | null;
}

/** Returns everything applied, in order. `tx` must be one unchanging picture (`snapshot`). Throws Refusal journal-sealed. */
export async function* appliedEntries(tx: Transaction): AsyncGenerator<AppliedEntry> {
  const merges = new Map(
    (
      await tx.query<{ message_id: number; survivor: string; loser: string; at: string }>(
        'SELECT message_id, survivor, loser, at FROM fhir.merge WHERE message_id IS NOT NULL ORDER BY id',
      )
    ).map(({ message_id, ...merge }) => [message_id, merge]),
  );
  const versions = pages<VersionRow>(tx, 'replay_versions', VERSIONS);
  let next = await versions.next();
  for await (const row of withContents(tx, pages<EntryRow>(tx, 'replay_entries', ENTRIES))) {
    const written: WrittenVersion[] = [];
    for (; row.is_request && next.value?.message_id === row.id; next = await versions.next()) {
      const { type, id, deleted, body, spec, names, deletes, said_at: saidAt } = next.value;
      const patched = names && deletes ? { names, deletes } : undefined;
      written.push({ type: resourceTypeOf(type) ?? '', id, deleted, body, spec, patched, saidAt: saidAt ?? undefined });
    }
    const merge = row.message_type === 'Patient $merge' ? merges.get(row.id) : undefined;
    yield { message: messageOf(row), written: row.is_request ? written : undefined, merge };
  }
}

async function* withContents(tx: Transaction, rows: AsyncGenerator<EntryRow, undefined>): AsyncGenerator<EntryRow> {
  for await (const row of rows) {
    const [content] = await contentsOf(tx, [row]);
    yield { ...row, content: content ?? row.content };
  }
}

async function* pages<Row extends object>(tx: Transaction, cursor: string, text: string): AsyncGenerator<Row, undefined> {
  await tx.query(`DECLARE ${cursor} NO SCROLL CURSOR FOR ${text}`);
  for (;;) {
    const rows = await tx.query<Row>(`FETCH ${PAGE} FROM ${cursor}`);
    yield* rows;
    if (rows.length < PAGE) return undefined;
  }
}

const messageOf = (row: EntryRow): JournalMessage => ({
  id: row.id,
  source: row.source,
  channel: row.channel,
  receivedAt: row.received_at,
  content: row.content,
  controlId: row.control_id ?? undefined,
  messageType: row.message_type,
  patientKeys: row.patient_keys,
  conflict: row.conflict,
  attempts: 0,
});

/**
 * True when everything that the store holds came from messages that the journal still has. Doctors and places that messages name outlive
 * the patient with whom their message was erased: they do not count.
 */
export async function journalIsWhole(tx: Queryable): Promise<boolean> {
  const [row] = await tx.query<{ readonly cut: boolean }>(
    `SELECT EXISTS (SELECT FROM (SELECT message_id, type, spec FROM fhir.resource UNION ALL SELECT message_id, type, spec FROM fhir.history) v
       WHERE v.message_id IS NULL OR NOT EXISTS (SELECT FROM journal.message m WHERE m.id = v.message_id)
         AND NOT (v.spec <> '' AND v.type = ANY ($1::smallint[]))) AS cut`,
    [plainArray(DIRECTORY.map(typeNumber))],
  );
  return row?.cut === false;
}

/** What the store has of a resource. */
export interface StoredState {
  /** SHA-256 of the content in hex; 'deleted'. */
  readonly content: string;
  readonly rowSpec: string;
  /** ISO 8601. */
  readonly updated: string;
}

/** Returns the state of every resource by 'Type/id'. */
export async function storedStates(tx: Queryable): Promise<ReadonlyMap<string, StoredState>> {
  const rows = await tx.query<{ type: number; id: string; content: string; row_spec: string; updated: string }>(
    `SELECT type, id, CASE WHEN deleted THEN 'deleted' ELSE encode(hash, 'hex') END AS content, row_spec, updated FROM fhir.resource`,
  );
  return new Map(
    rows.map(({ type, id, content, row_spec, updated }) => [
      resourceRef(resourceTypeOf(type) ?? '', id),
      { content, rowSpec: row_spec, updated },
    ]),
  );
}

/** Returns all current resources, for a rebuild without the journal. */
export async function* currentVersions(tx: Transaction): AsyncGenerator<WrittenVersion> {
  const text = 'SELECT 0::bigint AS message_id, type, id, deleted, body, spec FROM fhir.resource WHERE NOT deleted ORDER BY rid';
  for await (const { type, id, deleted, body, spec } of pages<VersionRow>(tx, 'replay_current', text))
    yield { type: resourceTypeOf(type) ?? '', id, deleted, body, spec, saidAt: undefined };
}

/** Copies the merges that hold into another store. */
export async function copyMerges(from: Queryable, to: Queryable): Promise<void> {
  const merges = await from.query<{ merges: unknown }>(
    `SELECT coalesce(jsonb_agg(jsonb_build_object('loser', loser, 'survivor', survivor, 'at', at)), '[]')::text AS merges FROM fhir.merge WHERE undone_at IS NULL`,
  );
  await to.run(
    `INSERT INTO fhir.merge (loser, survivor, at) SELECT a.loser, a.survivor, a.at
     FROM jsonb_to_recordset($1::jsonb) AS a(loser text, survivor text, at timestamptz)`,
    [merges[0]?.merges ?? '[]'],
  );
}
