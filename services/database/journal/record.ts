/** What is received and settled in one step: a FHIR write is in the journal by the same commit that applies it, or that says why not. */
import { createHash } from 'node:crypto';
import type { Problem } from '../../errors.ts';
import type { Queryable } from '../connect.ts';
import { textArray } from '../wire.ts';
import type { JournalEntry } from './entry.ts';
import { dataKeys } from './keys.ts';
import { holderOf, seal } from './seal.ts';

const RECORD = {
  name: 'journal_record',
  text: `
WITH m AS (
  INSERT INTO journal.message (received_at, source, channel, control_id, message_type, patient_keys, content, content_hash, conflict,
    key_id)
  VALUES (date_trunc('milliseconds', clock_timestamp()), $1, $2, nullif($3, ''), $4, $5::text[], $6, $7, false, $10::bigint)
  RETURNING id, received_at, source
), o AS (
  INSERT INTO journal.outcome (message_id, received_at, source, status, attempts, spec, problems)
  SELECT id, received_at, source, $8, 1, '', $9::jsonb FROM m
)
SELECT id FROM m`,
};

/** Stores one entry with what became of it; returns its id. Call it in the transaction that applies it, so that both are or neither is. */
export async function recordSettled(
  tx: Queryable,
  entry: JournalEntry,
  status: 'applied' | 'refused',
  problems: readonly Problem[],
): Promise<number> {
  const hash = createHash('sha256').update(entry.content).digest();
  const key = tx.ring.masters.length === 0 ? undefined : (await dataKeys(tx, tx.ring, [holderOf(entry)])).get(holderOf(entry));
  const [row] = await tx.query<{ readonly id: number }>(RECORD, [
    entry.source,
    entry.channel,
    entry.controlId ?? '',
    entry.messageType,
    textArray(entry.patientKeys),
    key ? seal(key.key, entry.content, hash) : entry.content,
    hash,
    status,
    JSON.stringify(problems),
    key?.id ?? null,
  ]);
  if (row === undefined) throw new Error('journal_record returned no id');
  return row.id;
}
