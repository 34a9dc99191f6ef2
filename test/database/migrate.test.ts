import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Database, openDatabase } from '../../services/database/connect.ts';
import { migrate } from '../../services/database/migrate.ts';
import { schemaText } from '../../services/database/schema-text.ts';
import { withDatabase } from '../database-server.ts';
import { type FreshDatabase, freshDatabase } from '../fresh-database.ts';

let fresh: FreshDatabase;
let db: Database;
let emptyUrl: string;
const empty = `polyseme_empty_${randomBytes(6).toString('hex')}`;
const judge = new URL('../../../shared/judges/runners/omop-dqd.mjs', import.meta.url);
const published = readdirSync(new URL('../../services/database/migrations', import.meta.url)).filter((name) => /^\d{4}_/.test(name)).length;
const hasPsql = spawnSync('psql', ['--version']).status === 0;

beforeAll(async () => {
  fresh = await freshDatabase();
  db = openDatabase(fresh.url, { max: 3 });
  await db.query(`CREATE DATABASE ${empty} TEMPLATE template0`);
  emptyUrl = withDatabase(fresh.url, empty);
});
afterAll(async () => {
  await db.query(`DROP DATABASE ${empty} WITH (FORCE)`);
  await db.close();
  await fresh.drop();
});

describe('migrations', () => {
  test('several migrators at once: one works, all end well, and a migrator that was killed blocks nobody', async () => {
    const applied = await Promise.all([migrate(emptyUrl), migrate(emptyUrl), migrate(emptyUrl)]);
    expect(applied.map((each) => each.length).toSorted()).toEqual([0, 0, published]);
    const other = openDatabase(emptyUrl, { max: 1 });
    await other.query('UPDATE ops.migration_lock SET is_locked = 1');
    expect(await migrate(emptyUrl)).toEqual([]);
    await other.query("INSERT INTO ops.migration (name, batch, migration_time) VALUES ('9999_future', 9, now())");
    await expect(migrate(emptyUrl)).rejects.toThrow(/database-schema-newer.*9999_future/);
    await other.close();
  });

  test('the schema is the reviewed one (node scripts/dump-schema.ts URL writes it)', async () => {
    const reviewed = readFileSync(new URL('schema.txt', import.meta.url), 'utf8');
    expect((await schemaText(db)).split('\n')).toEqual(reviewed.split('\n'));
  });

  test('the generated CDM tables are up to date with the official list', () => {
    const run = spawnSync(process.execPath, ['scripts/generate-cdm.ts', '--check'], { encoding: 'utf8' });
    expect(run.stderr).not.toContain('differs');
    expect(run.status).toBe(0);
  });

  test.skipIf(!existsSync(judge) || !hasPsql)('the 432 columns are as specified (skipped without ../shared/judges and psql)', () => {
    const run = spawnSync(
      process.execPath,
      [judge.pathname, '--psql', `psql ${fresh.url}`, '--schema', 'cdm', '--ddl', '--severity', 'fatal'],
      {
        encoding: 'utf8',
      },
    );
    expect(run.stdout).toContain('432 columns as specified, 0 differences');
    expect(run.status).toBe(0);
  });

  test('next months have their partitions, whoever asks and however often', async () => {
    const made = await Promise.all(
      [4, 4, 4].map((months) => db.query<{ n: number }>('SELECT journal.ensure_partitions($1) AS n', [months])),
    );
    expect(made.flat().reduce((sum, row) => sum + row.n, 0)).toBe(6);
    expect(await db.query('SELECT journal.ensure_partitions(4) AS n')).toEqual([{ n: 0 }]);
  });
});

describe('connection', () => {
  test('numbers, dates and instants arrive as they are', async () => {
    const [row] = await db.query(
      `SELECT 9007199254740991::bigint AS big, ARRAY[1, 2]::bigint[] AS bigs, '{}'::bigint[] AS none, 5.10::numeric AS exact, date '2024-02-29' AS day,
         timestamp '2024-02-29 01:02:03' AS local, timestamptz '2024-02-29 01:02:03.5+05' AS instant, '\\x00ff'::bytea AS bytes`,
    );
    expect(row).toEqual({
      big: 9007199254740991,
      bigs: [1, 2],
      none: [],
      exact: '5.10',
      day: '2024-02-29',
      local: '2024-02-29 01:02:03',
      instant: '2024-02-28T20:02:03.500Z',
      bytes: Buffer.from([0, 255]),
    });
    await expect(db.query('SELECT 9007199254740993::bigint AS n')).rejects.toThrow('beyond 2^53');
    expect(await db.query('SELECT 1 AS n')).toEqual([{ n: 1 }]);
  });

  test('failures are problems without data', async () => {
    await expect(db.query("SELECT 'Secret Name'::date")).rejects.toThrow(/^database-failed: The database refused a statement: 22007\.$/);
    await expect(db.query('SELECT nothing')).rejects.toThrow('column "nothing" does not exist');
    const unique = db.transaction((tx) => tx.query("INSERT INTO cdm.domain VALUES ('Secret', 'x', 1), ('Secret', 'x', 1)"));
    await expect(unique).rejects.toThrow(/^database-busy/);
    const other = openDatabase('postgres://x@127.0.0.1:1/x');
    await expect(other.query('SELECT 1')).rejects.toThrow('database-unreachable');
    await expect(other.transaction(async () => 1)).rejects.toThrow('database-unreachable');
    await expect(other.assertDurable()).rejects.toThrow('database-unreachable');
    await expect(migrate('postgres://x@127.0.0.1:1/x')).rejects.toThrow('database-unreachable');
    await other.close();
  });

  test('a transaction whose statement failed is not committed, even if the failure was swallowed', async () => {
    const swallowed = db.transaction(async (tx) => {
      await tx.query("INSERT INTO cdm.domain VALUES ('D', 'x', 1)");
      await tx.query('SELECT 1 / 0').catch(() => {});
      return 'done';
    });
    await expect(swallowed).rejects.toThrow('database-failed');
    expect(await db.query("SELECT 1 FROM cdm.domain WHERE domain_id = 'D'")).toEqual([]);
  });

  test('a session that is ended from outside is replaced', async () => {
    const one = openDatabase(fresh.url, { max: 1 });
    const [row] = await one.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
    await db.query('SELECT pg_terminate_backend($1)', [row?.pid]);
    await one.query('SELECT 1').catch(() => {});
    expect(await one.query('SELECT 1 AS n')).toEqual([{ n: 1 }]);
    await one.close();
  });

  test('a session that is ended within a transaction fails that transaction, not the process', async () => {
    const one = openDatabase(fresh.url, { max: 1 });
    const work = one.transaction(async (tx) => {
      const [row] = await tx.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
      await db.query('SELECT pg_terminate_backend($1, 5000)', [row?.pid]);
      await tx.query('SELECT 1');
    });
    await expect(work).rejects.toThrow('database-unreachable');
    expect(await one.query('SELECT 1 AS n')).toEqual([{ n: 1 }]);
    await one.close();
  });

  test('a server that may lose what it acknowledged is refused; session options of the URL are kept beside ours', async () => {
    const careless = openDatabase(`${fresh.url}?options=${encodeURIComponent('-c synchronous_commit=off -c TimeZone=Asia/Tokyo')}`, {
      max: 1,
    });
    await expect(careless.assertDurable()).rejects.toThrow(/database-not-durable.*synchronous_commit = off/);
    expect(await careless.query("SELECT current_setting('TimeZone') AS zone")).toEqual([{ zone: 'UTC' }]);
    await careless.close();
  });
});
