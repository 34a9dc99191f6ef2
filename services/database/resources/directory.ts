/** Entries of the directory that messages name: when something was last said of them, and what only messages said that are not applied. */
import { resourceTypeOf } from '../../fhir/definitions.ts';
import type { Prepared, Transaction } from '../connect.ts';
import { plainArray, textArray } from '../wire.ts';
import { typeNumber } from './resources.ts';

const SAY: Prepared = {
  name: 'directory_say',
  text: `UPDATE fhir.resource r SET event_at = n.at, event_message = n.message
         FROM unnest($1::bigint[], $2::timestamptz[], $3::bigint[]) AS n(rid, at, message) WHERE r.rid = n.rid`,
};

/** Records that what is stored was said again later; the resources (current versions, by rid) must be locked. */
export async function sayAgain(
  tx: Transaction,
  all: readonly { readonly rid: number; readonly eventAt: string; readonly messageId: number | undefined }[],
): Promise<void> {
  if (all.length === 0) return;
  await tx.run(SAY, [
    plainArray(all.map(({ rid }) => rid)),
    textArray(all.map(({ eventAt }) => eventAt)),
    plainArray(all.map(({ messageId }) => messageId)),
  ]);
}

/** An entry whose last word a message had that is not applied any more, or never was. */
export interface KeptEntry {
  readonly type: string;
  readonly id: string;
  readonly body: string;
  readonly spec: string;
  readonly eventAt: string;
  readonly messageId: number;
}

/**
 * Returns the entries of `types` of which no applied message has the last word: it was erased with a patient, or parked after the entry had
 * been written.
 */
export async function keptEntries(tx: Transaction, types: readonly string[]): Promise<readonly KeptEntry[]> {
  const rows = await tx.query<{ type: number; id: string; body: string; spec: string; at: string; message: number }>(
    `SELECT type, id, body, spec, event_at AS at, event_message AS message FROM fhir.resource r
     WHERE type = ANY ($1::smallint[]) AND spec <> '' AND NOT deleted AND event_at IS NOT NULL AND event_message IS NOT NULL
       AND NOT EXISTS (SELECT FROM journal.outcome o WHERE o.message_id = r.event_message AND o.status = 'applied') ORDER BY type, id`,
    [plainArray(types.map(typeNumber))],
  );
  return rows.map(({ type, id, body, spec, at, message }) => ({
    type: resourceTypeOf(type) ?? '',
    id,
    body,
    spec,
    eventAt: at,
    messageId: message,
  }));
}
