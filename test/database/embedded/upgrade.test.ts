import { spawnSync } from 'node:child_process';
import { existsSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { psqlCommand } from '../../../services/database/embedded/shell.ts';
import { migrate } from '../../../services/database/migrate.ts';
import { INSTALLATIONS, query, started, temporaryFolder } from './scene.ts';

const [old, next] = [...INSTALLATIONS].sort((a, b) => a.major - b.major);
const pgDump = join(old?.binDir ?? '', 'pg_dump');
const possible = old !== undefined && next !== undefined && old.major < next.major && existsSync(pgDump);
if (!possible) console.log('skipped: the way to a newer version needs two versions of PostgreSQL, the older with pg_dump');

/** Runs `npx polyseme psql -- …` and returns its errors. */
function psql(dataDir: string, args: readonly string[]): string {
  const shell = psqlCommand(dataDir, ['--quiet', '--set', 'ON_ERROR_STOP=1', ...args]);
  if (!shell.ok) throw new Error(JSON.stringify(shell.problems));
  const { command, env } = shell.value;
  const ran = spawnSync(command, [...shell.value.args], { env: { ...process.env, ...env }, encoding: 'utf8' });
  return ran.status === 0 ? '' : ran.stderr;
}

test.skipIf(!possible)(
  'the cure of database-version-mismatch leads to the newer version with every row',
  async () => {
    const home = temporaryFolder();
    const dataDir = join(home, 'data');
    const before = await started(dataDir, old?.binDir);
    await migrate(before.url);
    const person = 'person_id, gender_concept_id, year_of_birth, race_concept_id, ethnicity_concept_id';
    await query(before.url, `INSERT INTO cdm.person (${person}) SELECT x, 0, 1980, 0, 0 FROM generate_series(1, 50) x`);
    const dump = join(home, 'dump.sql');
    expect(spawnSync(pgDump, ['--no-toast-compression', before.url, '--file', dump], { encoding: 'utf8' }).stderr).toBe('');
    await before.stop();
    renameSync(join(dataDir, 'postgres'), join(home, 'old'));

    const after = await started(dataDir, next?.binDir);
    await migrate(after.url);
    const empty = ['--dbname', 'postgres', '--command', 'DROP DATABASE polyseme WITH (FORCE)', '--command', 'CREATE DATABASE polyseme'];
    expect(psql(dataDir, empty)).toBe('');
    expect(psql(dataDir, ['--file', dump])).toBe('');
    await migrate(after.url);
    expect(after.version).toBe(next?.version);
    expect(await query(after.url, 'SELECT count(*)::int AS persons FROM cdm.person')).toEqual([{ persons: 50 }]);
  },
  180_000,
);
