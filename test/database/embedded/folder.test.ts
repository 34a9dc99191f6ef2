import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { expect, test } from 'vitest';
import { endAbandoned, startEmbedded } from '../../../services/database/embedded/embedded.ts';
import { isAlive } from '../../../services/database/embedded/processes.ts';
import { psqlCommand } from '../../../services/database/embedded/shell.ts';
import { INSTALLATIONS, preparedFolder, query, refusalOf, SMALL, started, startParent, temporaryFolder } from './scene.ts';

test('two processes that start on one new folder at the same moment get one server', async () => {
  const dataDir = temporaryFolder();
  const parents = await Promise.all([startParent(dataDir), startParent(dataDir)]);
  expect(parents.map((each) => each.answer.role).sort()).toEqual(['shared', 'started']);
  expect(new Set(parents.map((each) => each.answer.url)).size).toBe(1);
});

test('a second process shares the server, and leaves it running when it goes', async () => {
  const dataDir = await preparedFolder();
  const owner = await started(dataDir);
  const sharer = await startParent(dataDir);
  expect(sharer.answer).toMatchObject({ role: 'shared', pid: owner.pid, url: owner.url });
  await sharer.end();
  expect(await query(owner.url, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
});

test('a second start in the same process shares too, and a sharer sees the server end', async () => {
  const dataDir = await preparedFolder();
  const owner = await started(dataDir);
  const sharer = await started(dataDir);
  expect(sharer).toMatchObject({ role: 'shared', pid: owner.pid });
  await owner.stop();
  expect(await sharer.exited).toEqual({ expected: false });
});

test('a second process that wants the folder for itself is refused and told who has it', async () => {
  const dataDir = await preparedFolder();
  const parent = await startParent(dataDir);
  const refused = startEmbedded({ dataDir, share: false });
  await expect(refused).rejects.toThrow(`in use by process ${parent.child.pid} on `);
  expect(await refusalOf(refused)).toEqual(['database-folder-in-use']);
});

test('when the owner was killed, the last sharer to leave ends the server', async () => {
  const dataDir = await preparedFolder();
  const owner = await startParent(dataDir);
  const sharer = await started(dataDir);
  await owner.end('SIGKILL');
  expect(await query(sharer.url, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
  await sharer.stop();
  expect(isAlive(sharer.pid)).toBe(false);
});

test('a cluster of another major version is refused and left as it is', async () => {
  const dataDir = temporaryFolder();
  await (await started(dataDir)).stop();
  const file = join(dataDir, 'postgres', 'PG_VERSION');
  writeFileSync(file, '14\n');
  expect(await refusalOf(startEmbedded({ dataDir }))).toEqual(['database-version-mismatch']);
  await expect(startEmbedded({ dataDir })).rejects.toThrow(/made by PostgreSQL 14; this machine has \d+/);
  rmSync(file);
  expect(await refusalOf(startEmbedded({ dataDir }))).toEqual(['database-folder-damaged']);
  expect(existsSync(join(dataDir, 'postgres', 'global'))).toBe(true);
});

test('an existing cluster gets the version that made it, not the newest', async () => {
  for (const { binDir, version } of INSTALLATIONS) {
    const dataDir = await preparedFolder(binDir);
    const database = await started(dataDir);
    expect(database.version).toBe(version);
    await database.stop();
  }
});

const POSTMASTER_FILES = {
  'of a living stranger': `${process.pid}\n/somewhere\n1\n5432\n.\n127.0.0.1\n 1 2\nready   \n`,
  'of the first process of the machine': '1\n/somewhere\n1\n5432\n.\n127.0.0.1\n 1 2\nready   \n',
  'of a process long gone': '999999999\n/somewhere\n1\n5432\n.\n127.0.0.1\n 1 2\nready   \n',
  empty: '',
  'full of rubbish': '\u0000\u0001not a number\n',
  'cut short': '99999999',
};

test.each(Object.entries(POSTMASTER_FILES))('a postmaster.pid %s does not prevent a start', async (_name, text) => {
  const dataDir = await preparedFolder();
  writeFileSync(join(dataDir, 'postgres', 'postmaster.pid'), text);
  const database = await started(dataDir);
  expect(database.role).toBe('started');
  expect(await query(database.url, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
});

test('a server whose postmaster.pid somebody removed is ended, never doubled', async () => {
  if (process.platform !== 'linux') return console.log('skipped: finding such a server needs /proc');
  const dataDir = await preparedFolder();
  const parent = await startParent(dataDir);
  await query(parent.answer.url, 'CREATE TABLE kept AS SELECT 1 AS x');
  await parent.end('SIGKILL');
  rmSync(join(dataDir, 'postgres', 'postmaster.pid'));
  const next = await started(dataDir);
  expect(isAlive(parent.answer.pid)).toBe(false);
  expect(await query(next.url, 'SELECT x FROM kept')).toEqual([{ x: 1 }]);
});

test('what is abandoned can be ended, what is used cannot, and a folder without a database is nothing to end', async () => {
  expect(await endAbandoned(temporaryFolder())).toBe(true);
  const dataDir = await preparedFolder();
  const parent = await startParent(dataDir);
  expect(await endAbandoned(dataDir)).toBe(false);
  await parent.end('SIGKILL');
  expect(isAlive(parent.answer.pid)).toBe(true);
  expect(await endAbandoned(dataDir)).toBe(true);
  expect(isAlive(parent.answer.pid)).toBe(false);
});

test('lost passwords are replaced, also while an orphan server runs with the old ones', async () => {
  const dataDir = await preparedFolder();
  const parent = await startParent(dataDir);
  await parent.end('SIGKILL');
  const secrets = join(dataDir, 'postgres.secret.json');
  const old = readFileSync(secrets, 'utf8');
  rmSync(secrets);
  const next = await started(dataDir);
  expect(next.role).toBe('started');
  expect(readFileSync(secrets, 'utf8')).not.toBe(old);
  expect(await query(next.url, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
  await next.stop();
  writeFileSync(secrets, '{"superuser":');
  await started(dataDir);
});

test('what a killed first start left half made is made anew', async () => {
  const dataDir = temporaryFolder();
  mkdirSync(join(dataDir, 'postgres.new-0123', 'base'), { recursive: true });
  mkdirSync(join(dataDir, 'postgres'));
  const database = await started(dataDir);
  expect(await query(database.url, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
  expect(existsSync(join(dataDir, 'postgres.new-0123'))).toBe(false);
});

test('long paths, relative paths, links and odd characters are no obstacle', async () => {
  const home = temporaryFolder();
  const long = join(home, 'x'.repeat(120), "it's a “folder” # with %p \\ and = signs");
  mkdirSync(long, { recursive: true });
  symlinkSync(long, join(home, 'link'));
  const database = await started(relative(process.cwd(), join(home, 'link')));
  expect(await query(database.url, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
  const again = await started(long);
  expect(again.role).toBe('shared');
});

test('a folder that cannot be made or written is refused in words', async () => {
  const home = temporaryFolder();
  writeFileSync(join(home, 'file'), '');
  expect(await refusalOf(startEmbedded({ dataDir: join(home, 'file') }))).toEqual(['database-folder-unreachable']);
  expect(await refusalOf(startEmbedded({ dataDir: join(home, 'file', 'below') }))).toEqual(['database-folder-unreachable']);
  expect(await refusalOf(startEmbedded({ dataDir: '/proc/polyseme' }))).toEqual(['database-folder-unreachable']);
  if (process.getuid?.() === 0) return console.log('partly skipped: root may write into a read-only folder');
  mkdirSync(join(home, 'closed'), { mode: 0o500 });
  expect(await refusalOf(startEmbedded({ dataDir: join(home, 'closed') }))).toEqual(['database-folder-unreachable']);
  chmodSync(join(home, 'closed'), 0o700);
});

test('a setting that names no usable programs is refused, with the reason', async () => {
  const binDir = temporaryFolder();
  const dataDir = temporaryFolder();
  await expect(startEmbedded({ dataDir, binDir })).rejects.toThrow(`${binDir}: it holds no program "postgres"`);
  for (const [text, reason] of [
    ['echo "postgres (PostgreSQL) 13.4"', 'it is version 13'],
    ['exit 3', 'does not run'],
    ['echo hello', 'does not run'],
  ] as const) {
    for (const name of ['postgres', 'initdb']) writeFileSync(join(binDir, name), `#!/bin/sh\n${text}\n`, { mode: 0o755 });
    await expect(startEmbedded({ dataDir, binDir })).rejects.toThrow(reason);
  }
  expect(existsSync(join(dataDir, 'postgres'))).toBe(false);
});

test('psql gets the address as arguments and the password by the environment', async () => {
  const dataDir = await preparedFolder();
  const before = psqlCommand(dataDir);
  expect(before.ok ? [] : before.problems.map((each) => each.code)).toEqual(['database-not-running']);
  const database = await started(dataDir);
  const shell = psqlCommand(dataDir, ['--command', 'SELECT 1']);
  if (!shell.ok) return expect(shell.problems.map((each) => each.code)).toEqual(['database-psql-missing']);
  const { password } = new URL(database.url);
  expect(shell.value.env).toEqual({ PGPASSWORD: password });
  expect(shell.value.args.join(' ')).toBe(
    `--host 127.0.0.1 --port ${database.port} --username polyseme --dbname polyseme --command SELECT 1`,
  );
  await expect(startEmbedded({ dataDir, settings: SMALL }).then((each) => each.role)).resolves.toBe('shared');
});
