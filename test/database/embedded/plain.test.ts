import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { firstClosed } from '../../../services/database/embedded/account.ts';
import { databaseChecks } from '../../../services/database/embedded/checks.ts';
import { chooseBinaries } from '../../../services/database/embedded/choose.ts';
import { atLeast, causeIn } from '../../../services/database/embedded/cluster.ts';
import { parsePostmasterFile } from '../../../services/database/embedded/postmaster-file.ts';
import { isAlive, runsCluster } from '../../../services/database/embedded/processes.ts';
import { configuration, REQUIRED, tuning } from '../../../services/database/embedded/tuning.ts';
import { preparedFolder, started, temporaryFolder } from './scene.ts';

const GB = 1024 ** 3;

describe('tuning', () => {
  const bytes = (text = '') => Number(text.replace('MB', '')) * 1024 ** 2;

  test('takes a share of the memory and never more than the machine has to spare', () => {
    fc.assert(
      fc.property(fc.integer({ min: GB / 2, max: 4096 * GB }), fc.integer({ min: 1, max: 512 }), (memoryBytes, cores) => {
        const settings = tuning({ memoryBytes, cores, sharedMemoryBytes: GB, syncfs: true });
        const buffers = bytes(settings['shared_buffers']);
        expect(buffers).toBeGreaterThanOrEqual(64 * 1024 ** 2);
        expect(buffers).toBeLessThanOrEqual(memoryBytes / 4);
        expect(bytes(settings['work_mem'])).toBeLessThanOrEqual(64 * 1024 ** 2);
      }),
    );
  });

  test('keeps parallel queries out of a container’s small shared memory', () => {
    const machine = { memoryBytes: GB, cores: 2, sharedMemoryBytes: 64 * 1024 ** 2, syncfs: false };
    expect(tuning(machine)['dynamic_shared_memory_type']).toBe('mmap');
    expect(tuning({ ...machine, sharedMemoryBytes: GB })['dynamic_shared_memory_type']).toBe('posix');
  });

  test('settings go over the tuning, and never over what patients’ data need', () => {
    const text = configuration({ memoryBytes: GB, cores: 1, sharedMemoryBytes: GB, syncfs: true }, { fsync: 'off', max_connections: '7' });
    expect(text).toContain("max_connections = '7'");
    expect(text.match(/^fsync = .*/gm)).toEqual(["fsync = 'on'"]);
    for (const name of Object.keys(REQUIRED)) expect(text).toContain(`${name} = '`);
  });
});

describe('postmaster.pid', () => {
  test('is read as PostgreSQL writes it', () => {
    const text = '4711\n/data\n1795257131\n6544\n.\n127.0.0.1\n 10035330        14\nready   \n';
    expect(parsePostmasterFile(text)).toEqual({ pid: 4711, port: 6544, status: 'ready' });
    expect(parsePostmasterFile('-4711\n/data\n1795257131\n')).toEqual({ pid: 4711, port: undefined, status: undefined });
  });

  test('never makes a process number out of anything else', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        const read = parsePostmasterFile(text);
        if (read !== 'garbage') expect(read.pid).toBeGreaterThan(0);
      }),
    );
    for (const text of ['', '0', '12x', ' \n12', '99999999999999']) expect(parsePostmasterFile(text)).toBe('garbage');
  });
});

describe('which programs', () => {
  const at = (version: string, origin: 'system' | 'npm') => ({
    binDir: `/${version}`,
    version,
    major: Number.parseInt(version, 10),
    origin,
  });
  const found = { usable: [at('17.2', 'system'), at('15.1', 'system'), at('18.4', 'npm')], unusable: [] };

  test('the first for a new cluster, the same major version for an existing one', () => {
    expect(chooseBinaries(found, undefined, '/d')).toMatchObject({ ok: true, value: { version: '17.2' } });
    expect(chooseBinaries(found, 18, '/d')).toMatchObject({ ok: true, value: { version: '18.4' } });
    expect(chooseBinaries(found, 16, '/d')).toMatchObject({ ok: false, problems: [{ code: 'database-version-mismatch' }] });
    expect(chooseBinaries({ usable: [], unusable: [] }, 16, '/d')).toMatchObject({ problems: [{ code: 'database-binaries-missing' }] });
  });
});

test('syncfs is used where the kernel reports what it could not flush', () => {
  expect(['5.8.0', '5.10.0-21-amd64', '6.1', '6.18.44-fc'].map((each) => atLeast(each, 5, 8))).toEqual([true, true, true, true]);
  expect(['5.7.9', '4.19.0', 'odd'].map((each) => atLeast(each, 5, 8))).toEqual([false, false, false]);
  const machine = { memoryBytes: GB, cores: 1, sharedMemoryBytes: GB };
  expect(tuning({ ...machine, syncfs: true })['recovery_init_sync_method']).toBe('syncfs');
  expect(tuning({ ...machine, syncfs: false })['recovery_init_sync_method']).toBeUndefined();
});

test('processes: ours lives and works in this folder, a number nobody has does not', () => {
  expect(isAlive(process.pid)).toBe(true);
  expect(isAlive(999_999_999)).toBe(false);
  expect(runsCluster(999_999_999, process.cwd())).toBe('no');
  expect(runsCluster(process.pid, '/no/such/cluster')).toBe('no');
});

test('the way to a folder is closed where a mode says so', () => {
  const home = temporaryFolder();
  mkdirSync(join(home, 'inside'));
  const stranger = { name: 'stranger', uid: 4_000_000, gid: 4_000_000 };
  expect(firstClosed(stranger, join(home, 'inside'))).toBe(home);
  expect(firstClosed(stranger, '/')).toBeUndefined();
});

test('of a program’s words the first grave line is told', () => {
  expect(causeIn('LOG:  a\nFATAL:  b\nPANIC:  c\nLOG:  d\n')).toBe('FATAL:  b');
  expect(causeIn('a\nb\n')).toBe('b');
  expect(causeIn('')).toBe('it ended without a word');
});

describe('doctor', () => {
  test('finds a machine that runs these tests in order, before and while a server runs', async () => {
    const before = await databaseChecks({ dataDir: join(temporaryFolder(), 'new') });
    expect(before.filter((each) => !each.ok && each.name !== 'disk space')).toEqual([]);
    const dataDir = await preparedFolder();
    const database = await started(dataDir);
    const during = await databaseChecks({ dataDir });
    expect(during.find((each) => each.name.startsWith('port'))?.detail).toContain(`runs on port ${database.port}`);
  });

  test('every failing check brings a cure, and none that touches folders above ours', async () => {
    const home = temporaryFolder();
    writeFileSync(join(home, 'file'), '');
    const cluster = join(home, 'old', 'postgres');
    mkdirSync(cluster, { recursive: true });
    writeFileSync(join(cluster, 'PG_VERSION'), '9\n');
    mkdirSync(join(home, 'damaged', 'postgres', 'base'), { recursive: true });
    const checks = [
      ...(await databaseChecks({ dataDir: join(home, 'file') })),
      ...(await databaseChecks({ dataDir: join(home, 'old') })),
      ...(await databaseChecks({ dataDir: join(home, 'damaged') })),
      ...(await databaseChecks({ dataDir: join(home, 'none'), binDir: home })),
      ...(await databaseChecks({ dataDir: '/proc/polyseme' })),
    ];
    const failing = checks.filter((each) => !each.ok);
    expect(failing.length).toBeGreaterThanOrEqual(4);
    for (const each of failing) {
      expect(each.cure, each.name).toBeTruthy();
      expect(each.cure).not.toMatch(/chown -R .* '?\/(proc)?'?( |$)/);
    }
  });
});
