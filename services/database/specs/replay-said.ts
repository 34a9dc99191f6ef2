/** What a replay gathers of what belongs to no patient: each word about a resource as it was said first and as it was said last, however often between. */
import type { Queryable, Transaction } from '../connect.ts';
import { byteaArray, plainArray, textArray } from '../wire.ts';

/** A word of a message about a resource. */
export interface GatheredWord {
  /** 'Type/id'. */
  readonly reference: string;
  /** SHA-256, as base64, of what is said and how. */
  readonly digest: string;
  readonly messageId: number;
  /** ISO 8601 UTC, '' where it is not known. */
  readonly eventAt: string;
  /** JSON text of the resource. */
  readonly draft: string;
  /** What else is to be known of it, as JSON. */
  readonly said: string;
}

// Of one time the later message is the last, and the earlier one the first.
const KEEP = (isLast: boolean): string => `
INSERT INTO ops.spec_replay_said AS s (replay_id, reference, digest, is_last, message_id, event_at, draft, said)
SELECT DISTINCT ON (w.reference, w.digest) $1, w.reference, w.digest, ${isLast}, w.message_id, w.event_at, w.draft, w.said::jsonb
FROM unnest($2::text[], $3::bytea[], $4::bigint[], $5::text[], $6::text[], $7::text[]) AS w(reference, digest, message_id, event_at, draft, said)
ORDER BY w.reference, w.digest, w.event_at COLLATE "C" ${isLast ? 'DESC' : ''}, w.message_id ${isLast ? 'DESC' : ''}
ON CONFLICT (replay_id, reference, digest, is_last) DO UPDATE
SET message_id = excluded.message_id, event_at = excluded.event_at, draft = excluded.draft, said = excluded.said
WHERE (excluded.event_at COLLATE "C", excluded.message_id) ${isLast ? '>' : '<'} (s.event_at COLLATE "C", s.message_id)`;

/** Keeps words with what was gathered before; of each word two at most stay. */
export async function gatherWords(tx: Transaction, replayId: number, words: readonly GatheredWord[]): Promise<void> {
  if (words.length === 0) return;
  const values = [
    replayId,
    textArray(words.map((each) => each.reference)),
    byteaArray(words.map((each) => Buffer.from(each.digest, 'base64'))),
    plainArray(words.map((each) => each.messageId)),
    textArray(words.map((each) => each.eventAt)),
    textArray(words.map((each) => each.draft)),
    textArray(words.map((each) => each.said)),
  ];
  for (const isLast of [false, true]) await tx.run(KEEP(isLast), values);
}

/** Returns what was gathered about some resources, in the order of the messages. */
export async function gatheredWords(
  queryable: Queryable,
  replayId: number,
  references: readonly string[],
): Promise<readonly GatheredWord[]> {
  const rows = await queryable.query<
    Omit<GatheredWord, 'messageId' | 'eventAt'> & { readonly message_id: number; readonly event_at: string }
  >(
    `SELECT DISTINCT ON (message_id, reference, digest) reference, encode(digest, 'base64') AS digest, message_id, event_at, draft, said::text AS said
     FROM ops.spec_replay_said WHERE replay_id = $1 AND reference = ANY ($2::text[]) ORDER BY message_id, reference, digest`,
    [replayId, textArray(references)],
  );
  return rows.map(({ message_id: messageId, event_at: eventAt, ...word }) => ({ ...word, messageId, eventAt }));
}

/** Returns the next resources of a part, after one, of which something else is said. */
export async function nextReferences(
  queryable: Queryable,
  replayId: number,
  part: string,
  { after, limit }: { readonly after: string; readonly limit: number },
): Promise<readonly string[]> {
  const rows = await queryable.query<{ readonly reference: string }>(
    `SELECT reference FROM ops.spec_replay_resource WHERE replay_id = $1 AND part = $2 AND reference > $3 ORDER BY reference LIMIT $4`,
    [replayId, part, after, limit],
  );
  return rows.map(({ reference }) => reference);
}

/** Returns which of some resources are of a part. */
export async function referencesAmong(
  queryable: Queryable,
  replayId: number,
  part: string,
  references: readonly string[],
): Promise<ReadonlySet<string>> {
  if (references.length === 0) return new Set();
  const rows = await queryable.query<{ readonly reference: string }>(
    'SELECT reference FROM ops.spec_replay_resource WHERE replay_id = $1 AND part = $2 AND reference = ANY ($3::text[])',
    [replayId, part, textArray(references)],
  );
  return new Set(rows.map(({ reference }) => reference));
}

/** Lets go of what was gathered. */
export const forgetWords = (tx: Transaction, replayId: number): Promise<number> =>
  tx.run('DELETE FROM ops.spec_replay_said WHERE replay_id = $1', [replayId]);
