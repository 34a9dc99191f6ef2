/**
 * The account that people's own SQL runs under: it reads the schemas cdm, results and views (tables
 * of ViewDefinitions, made when somebody asks for them) and nothing else. It is a login of its own, because a
 * session of ours that only says SET ROLE could be told to be itself again in the middle of a SELECT (set_config).
 */
import { createHash, createHmac, pbkdf2Sync, randomBytes } from 'node:crypto';
import pg from 'pg';
import { problem, Refusal } from '../../errors.ts';
import type { Database, Queryable, Transaction } from '../connect.ts';
import { safe, sqlState } from '../failures.ts';

/** Schemas that may be read. */
export const READABLE = ['cdm', 'results', 'views'] as const;

const LOCK = 7_401_936_129;
const ATTEMPTS = 3;
const PASSWORD_WRONG = '28P01';
const MOST_SESSIONS = 20;

export interface SqlReader {
  /** Returns a new session of the account; `timeoutMs`: longest statement. Throws Refusal sql-unavailable. */
  session(timeoutMs: number): Promise<pg.Client>;
  /** Ends that session of the account if it holds or awaits an advisory lock; `found` hears of it before. */
  endsWhatLocks(processID: number, found: () => void): Promise<void>;
}

const known = new WeakMap<Database, Promise<SqlReader>>();

/** Returns the reader of a database, its account made or mended if need be; the same for all who ask. Throws Refusal sql-unavailable. */
export function sqlReader(database: Database): Promise<SqlReader> {
  const before = known.get(database);
  if (before !== undefined) return before;
  const made = readerOf(database);
  known.set(database, made);
  made.catch(() => known.delete(database));
  return made;
}

async function readerOf(database: Database): Promise<SqlReader> {
  const password = randomBytes(24).toString('base64url');
  const role = await prepared(database, password);
  const session = async (timeoutMs: number): Promise<pg.Client> => {
    for (let attempt = 1; ; attempt++) {
      const place = database.asAccount(role, password);
      if (place === undefined) throw unavailable('the address of the database cannot be given another account');
      const client = new pg.Client({ ...place, options: sessionOptions(timeoutMs), application_name: 'polyseme sql', types: AS_TEXT });
      client.on('error', () => {});
      try {
        await client.connect();
        return client;
      } catch (error) {
        await client.end().catch(() => {});
        // Another process gave the account another password: each has its own, in memory only.
        if (sqlState(error) !== PASSWORD_WRONG || attempt >= ATTEMPTS)
          throw unavailable(`its account cannot log in (${sqlState(error) ?? 'no answer'})`);
        await prepared(database, password);
      }
    }
  };
  const client = await session(10_000);
  try {
    await assertConfined(client);
  } finally {
    await client.end().catch(() => {});
  }
  const endsWhatLocks: SqlReader['endsWhatLocks'] = async (processID, foundOne) => {
    const [found] = await database.query<{ isLocking: boolean }>(
      `SELECT EXISTS (SELECT FROM pg_locks l JOIN pg_stat_activity a USING (pid)
         WHERE l.pid = $1 AND l.locktype = 'advisory' AND a.usename = $2) AS "isLocking"`,
      [processID, role],
    );
    if (found?.isLocking !== true) return;
    foundOne();
    // As the account itself, who may end its own whatever our account may.
    const other = await session(5_000);
    try {
      await other.query('SELECT pg_terminate_backend($1)', [processID]);
    } finally {
      await other.end().catch(() => {});
    }
  };
  return { session, endsWhatLocks };
}

/** Every value as PostgreSQL writes it: no digit, no day is lost. */
const AS_TEXT: pg.CustomTypesConfig = { getTypeParser: () => (text: string) => text };

const sessionOptions = (timeoutMs: number): string =>
  [
    `statement_timeout=${Math.ceil(timeoutMs)}`,
    'default_transaction_read_only=on',
    'search_path=cdm,results,pg_catalog',
    'TimeZone=UTC',
    'DateStyle=ISO,YMD',
    'IntervalStyle=iso_8601',
    'idle_in_transaction_session_timeout=120000',
    // A session whose caller is gone ends by itself.
    'client_connection_check_interval=2000',
    'jit=off',
  ]
    .map((each) => `-c ${each}`)
    .join(' ');

const unavailable = (reason: string): Refusal => new Refusal([problem('sql-unavailable', { reason })]);

/** Returns the name of the account in this database, and whether it was made yet. */
export async function sqlRole(tx: Queryable): Promise<{ readonly role: string; readonly database: string; readonly exists: boolean }> {
  const [found] = await tx.query<{ role: string; database: string; exists: boolean }>(
    `SELECT q.role, quote_ident(current_database()) AS database, EXISTS (SELECT FROM pg_roles WHERE rolname = q.role) AS exists
     FROM (SELECT 'polyseme_sql_' || left(md5(current_database()), 16) AS role) q`,
  );
  if (found === undefined) throw unavailable('the database does not answer');
  return found;
}

/** Makes the account what it should be, with this password, and returns its name. */
async function prepared(database: Database, password: string): Promise<string> {
  try {
    return await database.transaction((tx) => prepare(tx, verifier(password)));
  } catch (error) {
    const refusal = safe(error);
    if (!(refusal instanceof Refusal) || refusal.problems.some(({ code }) => code !== 'database-failed')) throw refusal;
    throw unavailable('the account of this server may not make the account that reads only');
  }
}

async function prepare(tx: Transaction, secret: string): Promise<string> {
  await tx.query(`SELECT pg_advisory_xact_lock(${LOCK})::text`);
  const found = await sqlRole(tx);
  const { role } = found;
  if (!found.exists) await tx.run(`CREATE ROLE ${role} NOLOGIN`);
  await tx.run(`ALTER ROLE ${role} LOGIN NOCREATEDB NOCREATEROLE NOINHERIT CONNECTION LIMIT ${MOST_SESSIONS} PASSWORD '${secret}'`);
  await tx.run(`GRANT CONNECT ON DATABASE ${found.database} TO ${role}`);
  for (const schema of READABLE) {
    await tx.run(`GRANT USAGE ON SCHEMA ${schema} TO ${role}`);
    await tx.run(`GRANT SELECT ON ALL TABLES IN SCHEMA ${schema} TO ${role}`);
    await tx.run(`ALTER DEFAULT PRIVILEGES IN SCHEMA ${schema} GRANT SELECT ON TABLES TO ${role}`);
  }
  return role;
}

const ITERATIONS = 4_096;

/** What PostgreSQL keeps of a password (RFC 5803): statements that name it may stand in its log. */
function verifier(password: string): string {
  const salt = randomBytes(16);
  const salted = pbkdf2Sync(password, salt, ITERATIONS, 32, 'sha256');
  const keyed = (name: string): Buffer => createHmac('sha256', salted).update(name).digest();
  const stored = createHash('sha256').update(keyed('Client Key')).digest('base64');
  return `SCRAM-SHA-256$${ITERATIONS}:${salt.toString('base64')}$${stored}:${keyed('Server Key').toString('base64')}`;
}

const OWN = `n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema'`;

/** Refuses an account that could do more than read those schemas, whatever was granted to it, or to everybody, elsewhere. */
async function assertConfined(client: pg.Client): Promise<void> {
  const { rows } = await client.query<{ what: string }>(
    `SELECT 'it has the rights of other accounts' AS what FROM pg_roles r WHERE r.rolname = current_user AND (r.rolsuper OR r.rolcreaterole OR r.rolcreatedb
       OR r.rolreplication OR r.rolbypassrls OR EXISTS (SELECT FROM pg_auth_members m WHERE m.member = r.oid))
     UNION ALL SELECT 'it could read ' || n.nspname || '.' || c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
       WHERE ${OWN} AND c.relkind IN ('r', 'p', 'v', 'm', 'f') AND n.nspname NOT IN (${READABLE.map((name) => `'${name}'`).join(', ')})
         AND has_schema_privilege(n.oid, 'USAGE') AND (has_table_privilege(c.oid, 'SELECT') OR has_any_column_privilege(c.oid, 'SELECT'))
     UNION ALL SELECT 'it could change ' || n.nspname || '.' || c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
       WHERE ${OWN} AND c.relkind IN ('r', 'p', 'v', 'm', 'f') AND has_schema_privilege(n.oid, 'USAGE')
         AND (has_table_privilege(c.oid, 'INSERT') OR has_table_privilege(c.oid, 'UPDATE') OR has_table_privilege(c.oid, 'DELETE')
           OR has_table_privilege(c.oid, 'TRUNCATE'))
     UNION ALL SELECT 'it could make things in ' || n.nspname FROM pg_namespace n WHERE ${OWN} AND has_schema_privilege(n.oid, 'CREATE')
     UNION ALL SELECT 'it could run ' || n.nspname || '.' || p.proname || ' with the rights of another account' FROM pg_proc p
       JOIN pg_namespace n ON n.oid = p.pronamespace WHERE ${OWN} AND p.prosecdef AND has_schema_privilege(n.oid, 'USAGE')
         AND has_function_privilege(p.oid, 'EXECUTE')
     LIMIT 1`,
  );
  const [first] = rows;
  if (first !== undefined) throw unavailable(`the account that should only read is not confined: ${first.what}`);
}
