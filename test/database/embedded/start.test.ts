import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { startEmbedded } from '../../../services/database/embedded/embedded.ts';
import { isAlive } from '../../../services/database/embedded/processes.ts';
import { INSTALLATIONS, preparedFolder, query, refusalOf, SMALL, started, startParent, temporaryFolder } from './scene.ts';

test('this machine has an installation to test', () => {
  expect(INSTALLATIONS.map((each) => each.origin)).not.toEqual([]);
});

describe.each(INSTALLATIONS)('PostgreSQL $version of $origin', ({ binDir, version }) => {
  test('starts, keeps data over a restart, and keeps its address', async () => {
    const dataDir = join(temporaryFolder(), 'made', 'by us');
    const first = await started(dataDir, binDir);
    expect(first).toMatchObject({ version, role: 'started' });
    expect(statSync(dataDir).mode & 0o777).toBe(0o700);
    await query(first.url, 'CREATE TABLE kept AS SELECT 42 AS answer');
    await first.stop();
    expect(await first.exited).toEqual({ expected: true });
    expect(isAlive(first.pid)).toBe(false);
    const second = await started(dataDir, binDir);
    expect(second.url).toBe(first.url);
    expect(await query(second.url, 'SELECT answer FROM kept')).toEqual([{ answer: 42 }]);
  });

  test('is durable, checksummed, in UTC and UTF-8 with the order of C, on the loopback address only, and we are no superuser', async () => {
    const database = await started(await preparedFolder(binDir), binDir);
    const names = ['fsync', 'synchronous_commit', 'full_page_writes', 'data_checksums', 'TimeZone', 'server_encoding', 'listen_addresses'];
    const rows = await query(database.url, `SELECT name, setting FROM pg_settings WHERE name IN ('${names.join("','")}')`);
    expect(Object.fromEntries(rows.map((row) => [row['name'], row['setting']]))).toEqual({
      fsync: 'on',
      synchronous_commit: 'on',
      full_page_writes: 'on',
      data_checksums: 'on',
      TimeZone: 'UTC',
      server_encoding: 'UTF8',
      listen_addresses: '127.0.0.1',
    });
    const [role] = await query(database.url, 'SELECT rolsuper, rolcreatedb FROM pg_roles WHERE rolname = current_user');
    expect(role).toEqual({ rolsuper: false, rolcreatedb: true });
    const [order] = await query(database.url, 'SELECT datcollate FROM pg_database WHERE datname = current_database()');
    expect(order).toEqual({ datcollate: 'C' });
  });

  test('answers nobody without the password', async () => {
    const database = await started(await preparedFolder(binDir), binDir);
    const wrong = new URL(database.url);
    wrong.password = 'x';
    await expect(query(wrong.href, 'SELECT 1')).rejects.toThrow(/password authentication failed/);
    wrong.username = 'postgres';
    await expect(query(wrong.href, 'SELECT 1')).rejects.toThrow(/password authentication failed/);
  });

  test('writes no statement and no value of a statement to its log', async () => {
    const dataDir = await preparedFolder(binDir);
    const database = await started(dataDir, binDir);
    await query(database.url, 'CREATE TABLE patient (name text PRIMARY KEY)');
    await query(database.url, "INSERT INTO patient VALUES ('Zebedee Planted')");
    await expect(query(database.url, "INSERT INTO patient VALUES ('Zebedee Planted')")).rejects.toThrow(/duplicate/);
    await expect(query(database.url, "SELECT 'Zebedee Planted'::int")).rejects.toThrow(/invalid input/);
    await database.stop();
    const log = readFileSync(join(dataDir, 'postgres.log'), 'utf8');
    expect(log).toContain('ready to accept connections');
    expect(log).not.toMatch(/Zebedee|Planted|INSERT/);
  });
});

test('the password file is for its owner only', async () => {
  const dataDir = await preparedFolder();
  expect(statSync(join(dataDir, 'postgres.secret.json')).mode & 0o777).toBe(0o600);
});

test('a settings file of the user that would lose messages is refused, and nothing is left running', async () => {
  const dataDir = temporaryFolder();
  const first = await started(dataDir);
  await first.stop();
  writeFileSync(join(dataDir, 'postgres', 'local.conf'), 'fsync = off\n');
  expect(await refusalOf(startEmbedded({ dataDir, settings: SMALL }))).toEqual(['database-not-durable']);
  expect(existsSync(join(dataDir, 'postgres', 'postmaster.pid'))).toBe(false);
  writeFileSync(join(dataDir, 'postgres', 'local.conf'), 'nonsense = on\n');
  await expect(startEmbedded({ dataDir, settings: SMALL })).rejects.toThrow(/database-start-failed.*(nonsense|configuration file)/);
});

test('when its port is taken meanwhile, it takes another', async () => {
  const dataDir = await preparedFolder();
  const first = await started(dataDir);
  await first.stop();
  const squatter = createServer().listen(first.port, '127.0.0.1');
  const second = await started(dataDir);
  squatter.close();
  expect(second.port).not.toBe(first.port);
  expect(await query(second.url, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
});

test('a process that ends without stop() leaves no server behind', async () => {
  const dataDir = await preparedFolder();
  const parent = await startParent(dataDir, { leave: true });
  await parent.end();
  await expect.poll(() => isAlive(parent.answer.pid)).toBe(false);
});

test('Ctrl-C in the terminal reaches the parent and not the server', async () => {
  const dataDir = await preparedFolder();
  const parent = await startParent(dataDir);
  const group = (pid: number) => readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ')[2];
  if (process.platform !== 'linux') return console.log('skipped: process groups are read from /proc');
  expect(group(parent.answer.pid)).not.toBe(group(parent.child.pid ?? 0));
  await parent.end();
  expect(isAlive(parent.answer.pid)).toBe(false);
});
