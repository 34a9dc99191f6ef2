import { spawnSync } from 'node:child_process';
import { chmodSync, chownSync, cpSync, existsSync, mkdirSync, rmSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { databaseAccount, firstClosed } from '../../../services/database/embedded/account.ts';
import { findBinaries } from '../../../services/database/embedded/binaries.ts';
import { startEmbedded } from '../../../services/database/embedded/embedded.ts';
import { reachableBinaries } from '../../../services/database/embedded/reachable-binaries.ts';
import { INSTALLATIONS, query, refusalOf, started, startParent, temporaryFolder } from './scene.ts';

const NOBODY = { name: 'nobody', uid: 65534, gid: 65534 };
const root = process.getuid?.() === 0;
const nodeIsOpen = firstClosed(NOBODY, process.execPath) === undefined && firstClosed(NOBODY, import.meta.filename) === undefined;
if (!root) console.log('skipped: tests that change accounts need root');
else if (!nodeIsOpen) console.log(`skipped: an ordinary user cannot reach ${process.execPath} or this checkout`);

const openFolder = (): string => {
  const folder = temporaryFolder();
  chmodSync(folder, 0o755);
  return folder;
};

describe.skipIf(!root)('as root', () => {
  test.each(INSTALLATIONS)('PostgreSQL $version of $origin runs on a folder that only root may enter', async ({ binDir }) => {
    const closed = temporaryFolder();
    mkdirSync(join(closed, 'project'), { mode: 0o700 });
    const dataDir = join(closed, 'project', '.polyseme');
    const database = await started(dataDir, binDir);
    await query(database.url, 'CREATE TABLE kept AS SELECT generate_series(1, 100000) AS x');
    expect(await query(database.url, 'SELECT count(*)::int AS n FROM kept')).toEqual([{ n: 100000 }]);
    expect(statSync(`/proc/${database.pid}`).uid).not.toBe(0);
    expect(statSync(join(dataDir, 'postgres')).uid).toBe(statSync(`/proc/${database.pid}`).uid);
    expect(statSync(join(dataDir, 'postgres.secret.json')).uid).toBe(0);
  });

  test('programs below a closed folder are copied to where the account reaches them, once', async () => {
    const npm = INSTALLATIONS.find((each) => each.origin === 'npm');
    if (npm === undefined) return console.log('skipped: the optional npm package is not installed');
    const closed = temporaryFolder();
    cpSync(dirname(npm.binDir), join(closed, 'native'), { recursive: true, verbatimSymlinks: true });
    chmodSync(closed, 0o700);
    // As after `npm ci --ignore-scripts`, which leaves the links between the libraries out.
    rmSync(join(closed, 'native', 'lib', 'libpq.so.5'));
    const inside = findBinaries(join(closed, 'native', 'bin')).usable[0];
    if (inside === undefined) throw new Error('the copied programs do not run');
    const place = join(openFolder(), 'copies');
    const copy = reachableBinaries(inside, NOBODY, [join(closed, 'also closed'), place]);
    if (!copy.ok) throw new Error(JSON.stringify(copy.problems));
    expect(copy.value.binDir.startsWith(place)).toBe(true);
    expect(firstClosed(NOBODY, join(copy.value.binDir, 'postgres'))).toBeUndefined();
    const made = statSync(join(copy.value.binDir, 'postgres')).ino;
    const again = reachableBinaries(inside, NOBODY, [place]);
    expect(again.ok && statSync(join(again.value.binDir, 'postgres')).ino).toBe(made);
    const ran = spawnSync(join(copy.value.binDir, 'initdb'), ['--version'], { ...NOBODY, encoding: 'utf8' });
    expect(ran.stdout).toContain(npm.version);
    const nowhere = reachableBinaries(inside, NOBODY, ['/proc/polyseme']);
    expect(nowhere.ok ? [] : nowhere.problems.map((each) => each.code)).toEqual(['database-binaries-unreachable']);
  });

  test('a place for copies that others may write to is not used', () => {
    const place = openFolder();
    chmodSync(place, 0o777);
    const closed = { binDir: join(temporaryFolder(), 'native', 'bin'), version: '18.4', major: 18, origin: 'npm' } as const;
    const native = dirname(closed.binDir);
    for (const part of ['bin', 'lib', 'share']) mkdirSync(join(native, part), { recursive: true });
    cpSync('/bin/true', join(closed.binDir, 'postgres'));
    expect(reachableBinaries(closed, NOBODY, [place]).ok).toBe(false);
  });

  test('the account: the owner of the cluster, else the one asked for, else one of those without privileges', async () => {
    const folder = openFolder();
    expect(databaseAccount(join(folder, 'none'), 'nobody')).toEqual(NOBODY);
    expect(databaseAccount(join(folder, 'none'), 'no such account')).toBeUndefined();
    expect(databaseAccount(join(folder, 'none'))?.uid).not.toBe(0);
    chownSync(folder, 1234, 1235);
    expect(databaseAccount(folder, 'nobody')).toEqual({ name: '1234', uid: 1234, gid: 1235 });
    expect(await refusalOf(startEmbedded({ dataDir: join(folder, 'data'), account: 'no such account' }))).toEqual([
      'database-account-missing',
    ]);
  });

  test.skipIf(!nodeIsOpen).each(INSTALLATIONS)(
    'an ordinary user runs PostgreSQL $version of $origin, and root can take over',
    async ({ binDir }) => {
      const home = openFolder();
      chownSync(home, NOBODY.uid, NOBODY.gid);
      const dataDir = join(home, '.polyseme');
      const as = { uid: NOBODY.uid, gid: NOBODY.gid, env: { HOME: home, PATH: process.env['PATH'] } };
      const parent = await startParent(dataDir, { binDir }, as);
      expect(parent.answer.role).toBe('started');
      await query(parent.answer.url, 'CREATE TABLE kept AS SELECT 7 AS x');
      await parent.end('SIGKILL');
      const next = await started(dataDir, binDir);
      expect(next).toMatchObject({ role: 'adopted', pid: parent.answer.pid });
      expect(await query(next.url, 'SELECT x FROM kept')).toEqual([{ x: 7 }]);
      await next.stop();
      const own = await started(dataDir, binDir);
      expect(statSync(`/proc/${own.pid}`).uid).toBe(NOBODY.uid);
      await own.stop();
      const last = await startParent(dataDir, { binDir }, as);
      expect(last.answer).toMatchObject({ role: 'started' });
      expect(await query(last.answer.url, 'SELECT x FROM kept')).toEqual([{ x: 7 }]);
    },
  );

  test.skipIf(!nodeIsOpen)('an ordinary user is told that a folder of root is not theirs', async () => {
    const home = openFolder();
    const dataDir = join(home, 'data');
    await (await started(dataDir)).stop();
    const as = { uid: NOBODY.uid, gid: NOBODY.gid, env: { HOME: home } };
    expect((await startParent(dataDir, {}, as)).answer.codes).toEqual(['database-folder-unreachable']);
    expect((await startParent(join(home, 'new'), {}, as)).answer.codes).toEqual(['database-folder-unreachable']);
    expect(existsSync(join(home, 'new'))).toBe(false);
  });

  test.skipIf(!nodeIsOpen)('a user without a line in /etc/passwd is told what to do', async () => {
    const home = openFolder();
    chownSync(home, 54321, 54321);
    const parent = await startParent(join(home, 'data'), {}, { uid: 54321, gid: 54321, env: { HOME: home } });
    expect(parent.answer.codes).toEqual(['database-account-missing']);
  });
});
