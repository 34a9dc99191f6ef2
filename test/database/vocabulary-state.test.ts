import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Database, openDatabase } from '../../services/database/connect.ts';
import { holdResolutionAlone, holdVocabulary } from '../../services/database/vocabulary/state.ts';
import { type FreshDatabase, freshDatabase } from '../fresh-database.ts';

let fresh: FreshDatabase;
let db: Database;
beforeAll(async () => {
  fresh = await freshDatabase();
  db = openDatabase(fresh.url, { max: 4 });
});
afterAll(async () => {
  await db.close();
  await fresh.drop();
});

const isWaiting = async (): Promise<boolean> =>
  (
    await db.query<{ n: number }>(
      // Locks are listed for the whole server, where other databases have their own.
      `SELECT count(*) AS n FROM pg_locks WHERE locktype = 'advisory' AND NOT granted
         AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`,
    )
  )[0]?.n !== 0;

test('who answers a code while a long replay makes rows does not hold up those who apply messages', async () => {
  const over: string[] = [];
  let answering: Promise<void> | undefined;
  await db.transaction(async (replay) => {
    await holdVocabulary(replay);
    answering = db.transaction(async (tx) => {
      await holdResolutionAlone(tx);
      over.push('answer');
    });
    while (!(await isWaiting()));
    await db.transaction((message) => holdVocabulary(message));
    over.push('message');
  });
  over.push('replay');
  await answering;
  expect(over).toEqual(['message', 'replay', 'answer']);
});
