/** Receivers of the file, as far as SQL has to know them. */
import type { Database } from '../connect.ts';
import { textArray } from '../wire.ts';
import { announceOutgoing } from './outgoing.ts';

export interface FileReceiver {
  /** Unlike every id of a Subscription. */
  readonly name: string;
  readonly way: 'resource' | 'hl7v2' | 'built';
  /** Types and their criteria. */
  readonly interests: readonly (readonly [type: string, criteria: string])[];
}

/** Has exactly these receivers of the file be told what is written from now on; what waits for others is settled as skipped by whoever sends. */
export async function keepFileReceivers(database: Database, receivers: readonly FileReceiver[]): Promise<void> {
  await database.transaction(async (tx) => {
    await tx.run(
      `INSERT INTO outgoing.receiver (name, state, way, type, criteria, origin, interests)
       SELECT name, 'active', way, '', '', 'file', interests::jsonb FROM unnest($1::text[], $2::text[], $3::text[]) AS n(name, way, interests)
       ON CONFLICT (name) DO UPDATE SET state = 'active', way = excluded.way, interests = excluded.interests`,
      [
        textArray(receivers.map(({ name }) => name)),
        textArray(receivers.map(({ way }) => way)),
        textArray(receivers.map(({ interests }) => JSON.stringify(interests))),
      ],
    );
    await tx.run(`UPDATE outgoing.receiver SET state = 'off', paused_until = NULL WHERE origin = 'file' AND name <> ALL ($1::text[])`, [
      textArray(receivers.map(({ name }) => name)),
    ]);
    await announceOutgoing(tx);
  });
}
