/** Two processes on one PostgreSQL, one of them killed under load: the other takes over, and no patient's messages change order. */
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { openDatabase } from '../../services/database/connect.ts';
import { folder } from '../commands/command-line.ts';
import { freshDatabase } from '../fresh-database.ts';
import { drained, NOTHING_WRONG, reckoning, startLoad, storiesOf } from './load.ts';
import { type ServerProcess, startServer } from './server-process.ts';

const ROUNDS = Number(process.env['POLYSEME_TEST_TAKEOVERS'] ?? 2);
const PATIENTS = Number(process.env['POLYSEME_TEST_PATIENTS'] ?? 12);

const SEALED = { POLYSEME_MODE: 'production', POLYSEME_MASTER_KEY: `k1:${Buffer.alloc(32, 7).toString('base64')}` };

it.each([
  ['', ROUNDS, PATIENTS, {}],
  [', contents encrypted', Math.ceil(ROUNDS / 2), Math.ceil(PATIENTS / 2), SEALED],
] as const)(
  'of two processes one is killed; the other takes over, in order per patient%s (%i times)',
  {
    timeout: 900_000 + 40_000 * ROUNDS,
  },
  async (_, rounds, patients, settings) => {
    using dir = folder();
    const fresh = await freshDatabase();
    const database = openDatabase(fresh.url);
    const start = (name: string): Promise<ServerProcess> =>
      startServer({ ...settings, POLYSEME_DATABASE_URL: fresh.url, POLYSEME_DATA_DIR: join(dir.path, name) });
    const servers = [await start('a'), await start('b')];
    try {
      const stories = storiesOf(11, patients * rounds);
      const total = stories.flat().length;
      const load = startLoad(stories, (n) => servers[n % servers.length]?.mllpPort ?? 0, 6);
      for (let round = 0; round < rounds; round++) {
        await load.reached(Math.floor((total * (round + 0.5)) / (rounds + 1)));
        const [victim] = servers.splice(round % 2, 1);
        await victim?.kill();
        await load.reached(Math.floor((total * (round + 1)) / (rounds + 1)));
        servers.splice(round % 2, 0, await start(`again${round}`));
      }
      await load.done;
      await drained(database);
      expect(load.accepted.length).toBe(total);
      expect(await reckoning(database, load.accepted)).toEqual(NOTHING_WRONG);
      const [plain] = await database.query<{ n: number }>(
        "SELECT count(*)::int AS n FROM journal.message WHERE position('MSH|'::bytea IN content) > 0",
      );
      if (settings === SEALED) expect(plain?.n).toBe(0);
      console.log(
        `${rounds} kills of one of two processes, ${total} messages of ${stories.length} patients accepted, all applied once and in order`,
      );
    } finally {
      await Promise.all(servers.map((server) => server.kill()));
      await database.close();
      await fresh.drop();
    }
  },
);
