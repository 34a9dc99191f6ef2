/** The database goes away under load: restarted, cut at every write, its disk full. Nothing promised is lost, and the sums hold. */

import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { openStore } from '../../services/commands/house.ts';
import { readConfig } from '../../services/config.ts';
import { openDatabase } from '../../services/database/connect.ts';
import { createJournal } from '../../services/database/journal/journal.ts';
import { Refusal } from '../../services/errors.ts';
import { connectMllp } from '../../services/mllp/client.ts';
import { processNext, receive } from '../../services/pipeline.ts';
import { testHouse } from '../parts.ts';
import { drained, NOTHING_WRONG, reckoning, startLoad, storiesOf } from './load.ts';
import { laboratoryMessage } from './messages.ts';
import { postmasterPid, type ServerProcess, startServer } from './server-process.ts';

const RESTARTS = Number(process.env['POLYSEME_TEST_RESTARTS'] ?? 1);
const CUTS = Number(process.env['POLYSEME_TEST_CUTS'] ?? 10);
const onUrl = process.env['POLYSEME_TEST_DATABASE_URL'] !== undefined;
if (onUrl)
  console.log('faults.test.ts: restarts and the full disk are skipped: POLYSEME_TEST_DATABASE_URL is a server that is not ours to stop');

async function settings(dataDir: string) {
  const config = readConfig({ POLYSEME_DATA_DIR: dataDir });
  if (!config.ok) throw new Error('settings');
  return config.value;
}

describe.skipIf(onUrl)(`the database restarted ${RESTARTS} times under load`, () => {
  it('everything accepted is there once, applied, in order', { timeout: 900_000 + RESTARTS * 30_000 }, async () => {
    const dataDir = mkdtempSync(join(tmpdir(), 'polyseme-restart-'));
    const server = await startServer({ POLYSEME_DATA_DIR: dataDir });
    try {
      const stories = storiesOf(21, 6 * RESTARTS);
      const total = stories.flat().length;
      const load = startLoad(stories, () => server.mllpPort, 4);
      for (let round = 0; round < RESTARTS; round++) {
        await load.reached(Math.floor((total * (round + 1)) / (RESTARTS + 1)));
        // Fast shutdown: sessions are cut, what is not committed is rolled back; the service starts it again.
        process.kill(postmasterPid(dataDir), round % 2 === 0 ? 'SIGINT' : 'SIGQUIT');
      }
      await load.done;
      await using store = await openStore(await settings(dataDir));
      await drained(store.database);
      expect(await reckoning(store.database, load.accepted)).toEqual(NOTHING_WRONG);
      console.log(`${RESTARTS} restarts of the database, ${total} messages accepted, all applied once and in order`);
    } finally {
      await server.kill();
      stopPostgres(dataDir);
      rmSync(dataDir, { recursive: true, force: true });
    }
  });
});

function stopPostgres(dataDir: string): void {
  try {
    process.kill(postmasterPid(dataDir), 'SIGQUIT');
  } catch {
    // gone already
  }
}

/** A file system of its own of so many megabytes; undefined where this machine does not allow one. */
function smallFolder(megabytes: number): { readonly path: string; remove(): void } | undefined {
  const path = mkdtempSync(join(tmpdir(), 'polyseme-small-'));
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m`, 'tmpfs', path]).status === 0;
  const remove = (): void => {
    if (mounted) spawnSync('umount', ['-l', path]);
    rmSync(path, { recursive: true, force: true });
  };
  if (mounted) return { path, remove };
  remove();
  return undefined;
}

describe('the disk full', () => {
  const small = onUrl ? undefined : smallFolder(700);
  if (!small && !onUrl) console.log('faults.test.ts: the full disk is skipped: no small file system can be mounted here (it takes root)');

  it.skipIf(!small)('nothing is accepted that is not stored; with room again all is applied', async () => {
    const path = small?.path ?? '';
    const dataDir = join(path, 'data');
    mkdirSync(dataDir);
    let server: ServerProcess | undefined = await startServer({ POLYSEME_DATA_DIR: dataDir });
    try {
      // Far more than what the database may still write into files that it has made already.
      const stories = storiesOf(31, 60);
      const total = stories.flat().length;
      const load = startLoad(stories, () => server?.mllpPort ?? 1, 4, 200);
      await load.reached(40);
      // All that is left, to the last block.
      spawnSync('sh', ['-c', `dd if=/dev/zero of=${path}/ballast bs=64k; dd if=/dev/zero of=${path}/ballast2 bs=1k`], { stdio: 'ignore' });
      const full = await Promise.race([
        load.done.then(() => 'everything fitted'),
        new Promise<string>((resolve) => server?.child.once('exit', () => resolve('it ended'))),
        new Promise<string>((resolve) => setTimeout(() => resolve('it waits'), 5_000)),
      ]);
      expect(full).not.toBe('everything fitted');
      rmSync(`${path}/ballast`);
      rmSync(`${path}/ballast2`, { force: true });
      if (server.child.exitCode !== null) server = await startServer({ POLYSEME_DATA_DIR: dataDir });
      await load.done;
      await using store = await openStore(await settings(dataDir));
      await drained(store.database);
      expect(load.accepted.length).toBe(total);
      expect(await reckoning(store.database, load.accepted)).toEqual(NOTHING_WRONG);
    } finally {
      await server?.kill();
      stopPostgres(dataDir);
      small?.remove();
    }
  });
});

/** Stands between the service and its database, and cuts every session at the n-th time that something is written to it. */
class Cut {
  readonly server: Server;
  readonly #sockets = new Set<Socket>();
  left = Number.POSITIVE_INFINITY;
  /** Before the write reaches the database, or after it did and before its answer comes back. */
  after = false;

  constructor(target: { readonly host: string; readonly port: number }) {
    this.server = createServer((client) => {
      const database = connect(target);
      for (const socket of [client, database]) {
        this.#sockets.add(socket);
        socket.on('error', () => {});
        socket.on('close', () => this.#sockets.delete(socket));
      }
      client.on('data', (chunk) => {
        this.left -= 1;
        if (this.left > 0) return void database.write(chunk);
        if (this.after && this.left === 0) database.write(chunk, () => this.cut());
        else this.cut();
      });
      database.on('data', (chunk) => client.write(chunk));
      client.on('close', () => database.end());
      database.on('close', () => client.destroy());
    });
  }

  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  listen(): Promise<number> {
    return new Promise((resolve) =>
      this.server.listen(0, '127.0.0.1', () => {
        const address = this.server.address();
        resolve(typeof address === 'object' && address !== null ? address.port : 0);
      }),
    );
  }
}

describe('the n-th write to the database failing', () => {
  it('before it and after it: what was answered AA is there once, what was not can be sent again', async () => {
    await using house = await testHouse();
    const url = new URL(house.url);
    const cut = new Cut({ host: url.hostname, port: Number(url.port) });
    url.port = String(await cut.listen());
    url.hostname = '127.0.0.1';
    const accepted = [];
    let refused = 0;
    for (let n = 1; n <= CUTS; n++) {
      for (const after of [false, true]) {
        const database = openDatabase(url.href, { max: 2 });
        const parts = { ...house.parts, database, journal: createJournal(database) };
        const run = `N${n}${after ? 'a' : 'b'}`;
        Object.assign(cut, { left: n, after });
        const answers = await Promise.all(
          [1, 2].map((i) => receive(parts, laboratoryMessage(run, i), 'mllp').catch((error: unknown) => error)),
        );
        await processNext(parts, 10).catch((error: unknown) => expect(error).toBeInstanceOf(Refusal));
        Object.assign(cut, { left: Number.POSITIVE_INFINITY });
        for (const [i, answer] of answers.entries()) {
          if (answer instanceof Refusal) refused += 1;
          // Whether it was stored or not: the sender sends it again.
          if (answer instanceof Refusal) await receive(parts, laboratoryMessage(run, i + 1), 'mllp');
          accepted.push({ controlId: `${run}-${i + 1}`, person: 0, number: 0 });
        }
        await parts.journal.close();
        await database.close();
      }
    }
    cut.server.close();
    cut.cut();
    await house.drain();
    expect(refused).toBeGreaterThan(2);
    expect(await reckoning(house.database, accepted)).toEqual(NOTHING_WRONG);
    expect(await house.database.query("SELECT FROM journal.outcome WHERE status <> 'applied'")).toEqual([]);
  });
});

describe.skipIf(onUrl)('the database unreachable', () => {
  it('is answered with AR, never AA or CA, and the message is taken when it is back', async () => {
    const dataDir = mkdtempSync(join(tmpdir(), 'polyseme-away-'));
    const server = await startServer({ POLYSEME_DATA_DIR: dataDir });
    const client = connectMllp({ host: '127.0.0.1', port: server.mllpPort, timeoutMs: 120_000 });
    try {
      const pid = postmasterPid(dataDir);
      process.kill(pid, 'SIGSTOP');
      // Stopped, not dead: nobody answers and nobody says so. Then dead.
      const asked = client.send(laboratoryMessage('U', 1)).then(
        (answer) => Buffer.from(answer).toString('latin1'),
        () => 'no answer',
      );
      setTimeout(() => {
        process.kill(pid, 'SIGKILL');
      }, 1_000);
      const first = await asked;
      const codes = [/\rMSA\|([A-Z]{2})/.exec(first)?.[1] ?? 'none'];
      while (codes.at(-1) !== 'AA') {
        const answer = await client.send(laboratoryMessage('U', 1)).then(
          (each) => Buffer.from(each).toString('latin1'),
          () => '',
        );
        codes.push(/\rMSA\|([A-Z]{2})/.exec(answer)?.[1] ?? 'none');
        if (codes.at(-1) !== 'AA') await pause(100);
      }
      expect(codes.at(-1)).toBe('AA');
      expect(codes.slice(0, -1).filter((code) => code !== 'AR' && code !== 'none')).toEqual([]);
      await using store = await openStore(await settings(dataDir));
      await drained(store.database);
      expect(await reckoning(store.database, [{ controlId: 'U-1', person: 1, number: 1 }])).toEqual(NOTHING_WRONG);
    } finally {
      await client.close();
      await server.kill();
      stopPostgres(dataDir);
      rmSync(dataDir, { recursive: true, force: true });
    }
  });
});
