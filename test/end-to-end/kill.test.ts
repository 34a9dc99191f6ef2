import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { openStore } from '../../services/commands/house.ts';
import { readConfig } from '../../services/config.ts';
import { connectMllp, type MllpClient } from '../../services/mllp/client.ts';
import { type FreshDatabase, freshDatabase } from '../fresh-database.ts';
import { laboratoryMessage } from './messages.ts';
import { postmasterPid, type ServerProcess, startServer } from './server-process.ts';

/** All of them: POLYSEME_TEST_KILLS=100. The suite does a part. */
const KILLS = Number(process.env['POLYSEME_TEST_KILLS'] ?? 9);
const SENDERS = 4;
const onUrl = process.env['POLYSEME_TEST_DATABASE_URL'] !== undefined;

/** What has been acknowledged so far, and a promise of enough. */
class Acknowledged {
  readonly ids: string[] = [];
  readonly reached: Promise<void>;
  readonly #enough: number;
  readonly #resolve: () => void;

  constructor(enough: number) {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.reached = promise;
    this.#resolve = resolve;
    this.#enough = enough;
  }

  add(id: string): void {
    this.ids.push(id);
    if (this.ids.length >= this.#enough) this.#resolve();
  }
}

/** Sends until its connection breaks. */
async function send(client: MllpClient, run: string, lane: number, acknowledged: Acknowledged): Promise<void> {
  for (let n = lane; ; n += SENDERS) {
    const answer = await client.send(laboratoryMessage(run, n)).catch(() => undefined);
    if (answer === undefined) return;
    const text = Buffer.from(answer).toString('latin1');
    // Not stored because the database was away: an honest answer, and the sender's turn to send again.
    if (text.includes('MSA|AR|') && text.includes('database-')) return;
    if (!text.includes('MSA|AA|')) throw new Error(text);
    acknowledged.add(`${run}-${n}`);
  }
}

async function ingestUntilKilled(
  server: ServerProcess,
  run: string,
  kill: () => Promise<void>,
  afterAcks: number,
): Promise<readonly string[]> {
  const acknowledged = new Acknowledged(afterAcks);
  const clients = Array.from({ length: SENDERS }, () => connectMllp({ host: '127.0.0.1', port: server.mllpPort, timeoutMs: 5_000 }));
  const sending = Promise.all(clients.map((client, lane) => send(client, run, lane, acknowledged)));
  await Promise.race([acknowledged.reached, sending]);
  await kill();
  await sending;
  await Promise.all(clients.map((client) => client.close()));
  return acknowledged.ids;
}

interface Found {
  readonly control_id: string;
  readonly messages: number;
  readonly applied: number;
  readonly rows: number;
  readonly sealed: boolean;
}

const FOUND = `
SELECT m.control_id, count(DISTINCT m.id) AS messages, count(DISTINCT o.message_id) FILTER (WHERE o.status = 'applied') AS applied,
  count(DISTINCT e.measurement_id) AS rows, bool_and(m.key_id IS NOT NULL) AS sealed
FROM journal.message m LEFT JOIN journal.outcome o ON o.message_id = m.id
LEFT JOIN fhir.resource r ON r.message_id = m.id LEFT JOIN cdm.measurement e ON e.measurement_id / 1024 = r.resource_key
GROUP BY m.control_id`;

/** Contents as they came, and sealed with a key per patient as production has them. */
const MODES = [
  ['as received', KILLS, {}],
  ['sealed', Math.ceil(KILLS / 3), { POLYSEME_MODE: 'production', POLYSEME_MASTER_KEY: `k1:${Buffer.alloc(32, 7).toString('base64')}` }],
] as const;

describe.each(MODES)('killed during ingest, contents %s, %i times', (how, kills, settings) => {
  it('has every message that got AA in the journal once and its rows once', { timeout: kills * 120_000 }, async () => {
    const dataDir = mkdtempSync(join(tmpdir(), 'polyseme-kill-'));
    const database: FreshDatabase | undefined = onUrl ? await freshDatabase() : undefined;
    const environment: Record<string, string> = {
      POLYSEME_DATA_DIR: dataDir,
      ...settings,
      ...(database ? { POLYSEME_DATABASE_URL: database.url } : {}),
    };
    const acknowledged: string[] = [];
    try {
      for (let round = 0; round < kills; round += 1) {
        const server = await startServer(environment);
        const kind = database ? 'process' : (['process', 'postmaster', 'both'] as const)[round % 3];
        const kill = async () => {
          if (kind !== 'process') process.kill(postmasterPid(dataDir), 'SIGKILL');
          await server.kill();
        };
        acknowledged.push(...(await ingestUntilKilled(server, `R${round}`, kill, 5 + ((round * 37) % 120))));
      }
      const last = await startServer(environment);
      expect(await last.stop()).toBe(0);
      const found = await everythingApplied(environment);
      expect(found.filter((each) => each.messages !== 1 || each.applied !== 1 || each.rows !== 1)).toEqual([]);
      expect(found.filter(({ sealed }) => sealed !== (how === 'sealed'))).toEqual([]);
      const known = new Set(found.map((each) => each.control_id));
      expect(acknowledged.filter((id) => !known.has(id))).toEqual([]);
      console.log(
        `${kills} kills, contents ${how}, ${acknowledged.length} messages acknowledged, ${found.length} in the journal, all applied once`,
      );
    } finally {
      rmSync(dataDir, { recursive: true, force: true });
      await database?.drop();
    }
  });
});

/** Starts a server once more, waits until the journal holds nothing that waits, and returns what is there of every message. */
async function everythingApplied(environment: Readonly<Record<string, string>>): Promise<readonly Found[]> {
  const server = await startServer(environment);
  const config = readConfig(environment);
  if (!config.ok) throw new Error('settings');
  await using store = await openStore(config.value);
  for (;;) {
    const [waiting] = await store.database.query<{ n: number }>('SELECT count(*) AS n FROM journal.waiting');
    if (waiting?.n === 0) break;
    await pause(20);
  }
  const found = await store.database.query<Found>(FOUND);
  await server.stop();
  return found;
}
