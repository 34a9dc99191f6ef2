import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import pg from 'pg';
import { describe, expect, onTestFinished, test } from 'vitest';
import { keepEmbedded } from '../../../services/database/embedded/keep.ts';
import { isAlive, processesIn } from '../../../services/database/embedded/processes.ts';
import { INSTALLATIONS, preparedFolder, query, SMALL, started, startParent } from './scene.ts';

describe.each(INSTALLATIONS)('PostgreSQL $version of $origin', ({ binDir }) => {
  test('a server whose parent was killed is adopted, with its sessions and data, and then ended', async () => {
    const dataDir = await preparedFolder(binDir);
    const parent = await startParent(dataDir, { binDir });
    await query(parent.answer.url, 'CREATE TABLE kept AS SELECT 1 AS x');
    const session = new pg.Client({ connectionString: parent.answer.url });
    await session.connect();
    await parent.end('SIGKILL');
    expect(isAlive(parent.answer.pid)).toBe(true);
    const next = await started(dataDir, binDir);
    expect(next).toMatchObject({ role: 'adopted', pid: parent.answer.pid, url: parent.answer.url });
    expect((await session.query('SELECT x FROM kept')).rows).toEqual([{ x: 1 }]);
    await session.end();
    await next.stop();
    expect(await next.exited).toEqual({ expected: true });
    expect(isAlive(parent.answer.pid)).toBe(false);
  });

  test('a killed server is noticed, and the next one has everything that was committed', async () => {
    const dataDir = await preparedFolder(binDir);
    const first = await started(dataDir, binDir);
    await query(first.url, 'CREATE TABLE kept AS SELECT 1 AS x');
    process.kill(first.pid, 'SIGKILL');
    expect(await first.exited).toEqual({ expected: false });
    await first.stop();
    const second = await started(dataDir, binDir);
    expect(second.role).toBe('started');
    expect(await query(second.url, 'SELECT x FROM kept')).toEqual([{ x: 1 }]);
  });

  test('parent and server killed together: the next start recovers', async () => {
    const dataDir = await preparedFolder(binDir);
    const parent = await startParent(dataDir, { binDir });
    await query(parent.answer.url, 'CREATE TABLE kept AS SELECT 1 AS x');
    process.kill(parent.answer.pid, 'SIGKILL');
    await parent.end('SIGKILL');
    const next = await started(dataDir, binDir);
    expect(next).toMatchObject({ role: 'started', url: parent.answer.url });
    expect(await query(next.url, 'SELECT x FROM kept')).toEqual([{ x: 1 }]);
  });

  test('an adopted server that is killed is noticed too', async () => {
    const dataDir = await preparedFolder(binDir);
    const parent = await startParent(dataDir, { binDir });
    await parent.end('SIGKILL');
    const next = await started(dataDir, binDir);
    process.kill(next.pid, 'SIGKILL');
    expect(await next.exited).toEqual({ expected: false });
  });

  test('a child that is too busy to see that its server was killed does not prevent the next start', async () => {
    if (process.platform !== 'linux') return console.log('skipped: finding such children needs /proc');
    const dataDir = await preparedFolder(binDir);
    const first = await started(dataDir, binDir);
    const busy = new pg.Client({ connectionString: first.url });
    busy.on('error', () => {});
    await busy.connect();
    const [row] = (await busy.query('SELECT pg_backend_pid() AS pid')).rows;
    // One expression, computed without ever waiting: the process looks at nothing else meanwhile.
    const cut = busy.query("SELECT length(repeat('x', 100000000)), count(*) FROM generate_series(1, 20000000000)").catch(() => 'cut');
    await expect
      .poll(async () => (await query(first.url, `SELECT state FROM pg_stat_activity WHERE pid = ${row.pid}`))[0]?.['state'])
      .toBe('active');
    process.kill(first.pid, 'SIGKILL');
    await first.exited;
    await first.stop();
    const second = await started(dataDir, binDir);
    expect(await query(second.url, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
    expect(isAlive(row.pid)).toBe(false);
    expect(await cut).toBe('cut');
    await second.stop();
    expect(processesIn(join(dataDir, 'postgres'))).toEqual([]);
  });
});

test('a kept server comes back at the same address each time it is killed', async () => {
  const database = await keepEmbedded({ dataDir: await preparedFolder(), settings: SMALL });
  onTestFinished(() => database.stop());
  await query(database.url, 'CREATE TABLE kept (x int)');
  for (let round = 1; round <= 3; round++) {
    await query(database.url, `INSERT INTO kept VALUES (${round})`);
    const killed = database.pid;
    process.kill(killed, 'SIGKILL');
    await expect.poll(() => database.pid).not.toBe(killed);
    expect(await query(database.url, 'SELECT count(*)::int AS n FROM kept')).toEqual([{ n: round }]);
  }
  await database.stop();
  expect(await database.exited).toEqual({ expected: true });
  expect(isAlive(database.pid)).toBe(false);
});

test('a kept server waits for its port when somebody sits on it, and comes back there', async () => {
  const words: string[] = [];
  const log = { info: () => {}, warn: (_values: object, text: string) => void words.push(text) };
  const database = await keepEmbedded({ dataDir: await preparedFolder(), settings: SMALL, log });
  onTestFinished(() => database.stop());
  const port = database.port;
  let squatter: Server | undefined;
  let killed = 0;
  // The server may be back before we get hold of the port; then it is killed again.
  while (squatter === undefined) {
    await expect.poll(() => database.pid).not.toBe(killed);
    killed = database.pid;
    process.kill(killed, 'SIGKILL');
    for (let attempt = 0; attempt < 200 && squatter === undefined && database.pid === killed; attempt++) squatter = await listenOn(port);
  }
  await expect.poll(() => words.join()).toContain('port of PostgreSQL was taken');
  squatter.close();
  await expect.poll(() => database.pid).not.toBe(killed);
  expect(await query(database.url, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
  expect(database.port).toBe(port);
});

/** Returns a server that listens on `port`, or undefined when somebody else does. */
function listenOn(port: number): Promise<Server | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(undefined));
    server.listen(port, '127.0.0.1', () => resolve(server));
  });
}
