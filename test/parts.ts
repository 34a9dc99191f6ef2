import { join, resolve } from 'node:path';
import { STARTER_FOLDER } from '../services/commands/vocabulary/folder.ts';
import { type Database, openDatabase } from '../services/database/connect.ts';
import { createJournal } from '../services/database/journal/journal.ts';
import { loadMaps } from '../services/mapping/maps.ts';
import type { Parts } from '../services/pipeline.ts';
import { processNext } from '../services/pipeline.ts';
import { readRelease } from '../terminology/load.ts';
import type { Vocabulary } from '../terminology/vocabulary.ts';
import { freshDatabase } from './fresh-database.ts';

const root = resolve(import.meta.dirname, '..');
export const fixture = (...path: readonly string[]): string => join(root, 'fixtures', ...path);

export interface TestHouse extends AsyncDisposable {
  readonly parts: Parts;
  readonly database: Database;
  readonly url: string;
  /** Applies everything that waits. */
  drain(): Promise<void>;
}

const maps = loadMaps(join(root, 'mappings'));
let starter: Promise<Vocabulary> | undefined;

/** Everything behind the doors on a database of its own: the real maps and the starter vocabulary. */
export async function testHouse(): Promise<TestHouse> {
  if (!maps.ok) throw new Error(JSON.stringify(maps.problems));
  starter ??= readRelease(STARTER_FOLDER);
  const fresh = await freshDatabase();
  // On a starved machine fifty writers wait long for ten sessions.
  const database = openDatabase(fresh.url, { connectTimeoutMs: 120_000 });
  const journal = createJournal(database);
  const clock = () => new Date('2026-06-01T12:00:00Z');
  const parts: Parts = { database, journal, maps: maps.value, vocabulary: await starter, cdmTimezone: 'UTC', sourceTimezone: 'UTC', clock };
  return {
    parts,
    database,
    url: fresh.url,
    drain: async () => {
      while ((await processNext(parts, 50)) > 0);
    },
    [Symbol.asyncDispose]: async () => {
      await journal.close();
      await database.close();
      await fresh.drop();
    },
  };
}
