import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Database, openDatabase } from '../../services/database/connect.ts';
import { createJournal } from '../../services/database/journal/journal.ts';
import { sqlReader } from '../../services/database/sql/reader.ts';
import { runSql, type SqlRun, streamSql } from '../../services/database/sql/run.ts';
import { createToken } from '../../services/database/tokens.ts';
import { Refusal } from '../../services/errors.ts';
import { type FreshDatabase, freshDatabase } from '../fresh-database.ts';
import { patient, write } from './sample.ts';

const SECRET = 'Quellwasser';
let fresh: FreshDatabase;
let db: Database;
beforeAll(async () => {
  fresh = await freshDatabase();
  db = openDatabase(fresh.url, { max: 3 });
  const journal = createJournal(db);
  const message = { source: SECRET, channel: 'mllp' as const, controlId: '1', messageType: 'ADT^A01', patientKeys: [] };
  const { id } = await journal.append({ ...message, content: new TextEncoder().encode(SECRET) });
  await write(db, [patient('x1', 1960)], { messageId: id, spec: 'adt@1#a' });
  await createToken(db, SECRET);
  await db.run(`INSERT INTO results.cohort VALUES (1, 1, '2020-01-01', '2020-01-02')`);
});
afterAll(async () => {
  await db.close();
  await fresh.drop();
});

const run = (text: string, options: { timeoutMs?: number; most?: number; started?: (run: SqlRun) => void } = {}) =>
  runSql(db, text, { most: 1_000, timeoutMs: 60_000, started: () => {}, ...options });
const codeOf = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'it ran',
    (error: unknown) => (error instanceof Refusal ? `${error.problems[0]?.code} ${error.problems[0]?.text}` : String(error)),
  );

describe('SQL of people', () => {
  it('reads the CDM and the results, by their bare names too, every value as it is written', async () => {
    const { columns, rows, total, isTotal } = await run(
      "SELECT person_id, year_of_birth, 1.10::numeric AS n, NULL AS none, date '2020-02-29' AS d FROM person",
    );
    expect(columns.map(({ name, type }) => `${name} ${type}`)).toEqual([
      'person_id bigint',
      'year_of_birth integer',
      'n numeric',
      'none text',
      'd date',
    ]);
    expect(rows.map((row) => row.slice(1))).toEqual([['1960', '1.10', null, '2020-02-29']]);
    expect([total, isTotal]).toEqual([1, true]);
    expect((await run('TABLE results.cohort')).rows).toHaveLength(1);
    expect((await run('WITH p AS (VALUES (9007199254740993::bigint)) SELECT * FROM p;')).rows).toEqual([['9007199254740993']]);
  });

  it('says how many of how many it shows', async () => {
    const short = await run('SELECT n FROM generate_series(1, 2500) n');
    expect([short.rows.length, short.total, short.isTotal]).toEqual([1_000, 2_500, true]);
    const long = await run('SELECT n FROM generate_series(1, 3000000) n');
    expect([long.rows.length, long.total, long.isTotal]).toEqual([1_000, 101_000, false]);
    const exact = await run('SELECT n FROM generate_series(1, 1000) n');
    expect([exact.rows.length, exact.total, exact.isTotal]).toEqual([1_000, 1_000, true]);
  });

  // Each is one that would read or change what is not the CDM's, were it to run.
  const FORBIDDEN = [
    'SELECT content FROM journal.message',
    'SELECT body FROM fhir.resource',
    'SELECT * FROM ops.access_token',
    'SELECT * FROM ops.audit',
    'SELECT rolpassword FROM pg_authid',
    'SELECT * FROM pg_shadow',
    `SELECT set_config('role', 'polyseme', true), (SELECT count(*) FROM ops.access_token)`,
    `SELECT set_config('role', 'polyseme', true), query_to_xml('SELECT hash FROM ops.access_token', true, true, '')`,
    `SELECT set_config('session_authorization', 'postgres', false)`,
    `SELECT query_to_xml('SELECT content FROM journal.message', true, true, '')`,
    `SELECT table_to_xml('ops.access_token', true, true, '')`,
    `SELECT schema_to_xml('journal', true, true, '')`,
    `SELECT pg_read_file('/etc/passwd')`,
    `SELECT * FROM pg_ls_dir('.')`,
    `SELECT lo_import('/etc/passwd')`,
    `SELECT pg_reload_conf()`,
    `SELECT * FROM dblink('', 'SELECT 1') AS t(a int)`,
    'SELECT 1; DROP TABLE cdm.person',
    'SELECT 1; SELECT content FROM journal.message',
    'COMMIT',
    'SET ROLE polyseme',
    'RESET ALL',
    'DELETE FROM cdm.person',
    'WITH gone AS (DELETE FROM cdm.person RETURNING *) SELECT * FROM gone',
    `INSERT INTO results.cohort VALUES (2, 2, '2020-01-01', '2020-01-02')`,
    'SELECT * INTO results.mine FROM cdm.person',
    'CREATE TABLE results.mine (a int)',
    'SELECT * FROM cdm.person FOR UPDATE',
    `COPY cdm.person TO PROGRAM 'cat'`,
    `COPY cdm.person TO STDOUT`,
    'DO $$ BEGIN PERFORM 1; END $$',
    'EXPLAIN ANALYZE DELETE FROM cdm.person',
    'CALL pg_catalog.now()',
    `SELECT nextval('ops.audit_id_seq')`,
    `SELECT journal.ensure_partitions(2)`,
    `SELECT ops.hold_resolution()`,
    `SELECT (xpath('//content', query_to_xml('TABLE journal.message', true, true, '')))[1]`,
    `SELECT pg_catalog.pg_get_viewdef(0), U&"\\0070g_read_file"('/etc/passwd')`,
  ];
  it.each(FORBIDDEN)('does not run: %s', async (text) => {
    expect(await codeOf(run(text))).toMatch(/^sql-failed /);
  });

  it('leaves nothing behind, whatever ran', async () => {
    const counts = async () =>
      db.query(`SELECT (SELECT count(*) FROM cdm.person) AS p, (SELECT count(*) FROM results.cohort) AS c, (SELECT count(*) FROM ops.access_token) AS t,
        (SELECT count(*) FROM pg_largeobject_metadata) AS lo, to_regclass('results.mine') AS mine`);
    expect(await counts()).toEqual([{ p: 1, c: 1, t: 1, lo: 0, mine: null }]);
    await codeOf(run(`SELECT lo_from_bytea(0, 'kept?')`));
    await codeOf(run(`SELECT pg_notify('polyseme_vocabulary', 'x')`));
    expect(await counts()).toEqual([{ p: 1, c: 1, t: 1, lo: 0, mine: null }]);
  });

  it('finds the secret in nothing that its account may read', async () => {
    const tables = await run(`SELECT format('%I.%I', n.nspname, c.relname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE c.relkind IN ('r', 'v', 'm', 'p') AND has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT')`);
    const names = tables.rows.flatMap(([name]) => name ?? []);
    expect(names.length).toBeGreaterThan(50);
    expect(names.filter((name) => /^(journal|fhir|ops)\./.test(name))).toEqual([]);
    // pg_stat_activity would show this very question; views of others' sessions show no text of theirs.
    const looked = names.filter((name) => !/pg_stat_activity|pg_stat_statements|pg_prepared/.test(name));
    const { rows: found } = await run(
      looked.map((name) => `SELECT '${name}' FROM ${name} t WHERE t::text LIKE '%Quell' || 'wasser%'`).join(' UNION ALL '),
    );
    const whole = await run(`SELECT database_to_xml(true, true, '')::text LIKE '%Quell' || 'wasser%'`);
    expect(whole.rows).toEqual([['f']]);
    expect(found).toEqual([]);
  });

  it('never runs two statements, whatever stands between them', async () => {
    await sqlReader(db);
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(';', ';;', '; --\n', ';/* */', '\n;\n', '--\n;'),
        fc.constantFrom('DELETE FROM cdm.person', 'SELECT 2'),
        async (between, second) => {
          expect(await codeOf(run(`SELECT 1${between}${second}`))).toMatch(/^sql-failed .*42601/);
        },
      ),
      { numRuns: 12 },
    );
  });

  it('ends no session of another account', async () => {
    await db.transaction(async (tx) => {
      const [own] = await tx.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
      expect(await codeOf(run(`SELECT pg_terminate_backend(${own?.pid})`))).toMatch(/^sql-failed .*42501/);
      expect(await codeOf(run(`SELECT pg_cancel_backend(${own?.pid})`))).toMatch(/^sql-failed .*42501/);
    });
  });

  it('says where the statement is wrong', async () => {
    const failed = await run('SELECT perso_id FROM person').catch((error: unknown) => error);
    expect(failed instanceof Refusal ? failed.problems[0] : undefined).toMatchObject({ code: 'sql-failed', at: 'character 8' });
  });

  it('takes no lock that others wait for, by whatever name the function is called', async () => {
    for (const text of [
      'SELECT pg_advisory_lock(7401936129), pg_sleep(600)',
      'SELECT U&"pg\\005ftry\\005fadvisory_xact_lock"(1, 2), pg_sleep(600)',
      "SELECT query_to_xml('SELECT pg_advisory_' || 'lock_shared(5), pg_sleep(600)', true, true, '')",
    ])
      expect(await codeOf(run(text))).toMatch(/^sql-locks/);
    // Locks are listed for the whole server, where other databases have their own.
    const held =
      "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
    expect(await db.query(held)).toEqual([]);
  });

  it('ends in the database by its time, although the statement lengthens that, and when it is stopped', async () => {
    expect(await codeOf(run('SELECT pg_sleep(600)', { timeoutMs: 300 }))).toMatch(/^sql-timeout/);
    expect(
      await codeOf(
        run(
          `SELECT set_config('statement_timeout', '0', false), set_config('client_connection_check_interval', '0', false), pg_sleep(600)`,
          { timeoutMs: 300 },
        ),
      ),
    ).toMatch(/^sql-timeout/);
    const stopped = run('SELECT pg_sleep(600)', { started: (it) => void it.stop() });
    expect(await codeOf(stopped)).toMatch(/^sql-stopped/);
    await expect.poll(() => sessionsOf(db)).toBe(0);
  });

  it('refuses an answer that no page can hold', async () => {
    expect(await codeOf(run(`SELECT repeat('x', 1000000) FROM generate_series(1, 900)`))).toMatch(/^sql-too-large/);
  });

  it('streams a whole answer, or throws before its end', async () => {
    let rows = 0;
    for await (const batch of streamSql(db, "SELECT n, repeat('x', 20) FROM generate_series(1, 9001) n", {
      timeoutMs: 60_000,
      started: () => {},
    }))
      rows += batch.rows.length;
    expect(rows).toBe(9_001);
    const broken = async () => {
      for await (const _ of streamSql(db, 'SELECT 1 / (5000 - n) FROM generate_series(1, 9001) n', {
        timeoutMs: 60_000,
        started: () => {},
      }));
    };
    expect(await codeOf(broken())).toMatch(/^sql-failed .*22012/);
  });

  it('is not offered by an account that could read more: then by nobody', async () => {
    const other = await freshDatabase();
    const own = openDatabase(other.url, { max: 2 });
    try {
      await own.run('GRANT USAGE ON SCHEMA ops TO PUBLIC');
      await own.run('GRANT SELECT ON ops.access_token TO PUBLIC');
      const refused = await codeOf(runSql(own, 'SELECT 1', { most: 1, timeoutMs: 60_000, started: () => {} }));
      expect(refused).toMatch(/^sql-unavailable .*could read ops\.access_token/);
      await own.run('REVOKE ALL ON ops.access_token FROM PUBLIC');
      expect((await runSql(own, 'SELECT 1', { most: 1, timeoutMs: 60_000, started: () => {} })).rows).toEqual([['1']]);
    } finally {
      await own.close();
      await other.drop();
    }
  });

  it('serves two processes, each with its own password', async () => {
    const other = openDatabase(fresh.url, { max: 1 });
    try {
      const one = (database: Database) => runSql(database, 'SELECT 1', { most: 1, timeoutMs: 60_000, started: () => {} });
      for (let n = 0; n < 2; n++) for (const each of [db, other]) expect((await one(each)).rows).toEqual([['1']]);
    } finally {
      await other.close();
    }
  });
});

/** Sessions of the reading account; what they do is not told to others. */
const sessionsOf = async (database: Database): Promise<number> =>
  (
    await database.query<{ n: number }>(
      `SELECT count(*) AS n FROM pg_stat_activity WHERE usename = 'polyseme_sql_' || left(md5(current_database()), 16)`,
    )
  )[0]?.n ?? 0;
