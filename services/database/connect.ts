/** The door to PostgreSQL: a pool, statements, transactions that repeat themselves on collisions. */
import pg from 'pg';
import { problem, Refusal } from '../errors.ts';
import { isCollision, isTimeout, safe } from './failures.ts';
import { type KeyRing, keyRing, type MasterKey } from './journal/seal.ts';
import { typeParsers } from './wire.ts';

/** A statement that every session prepares once; `name` is unique to the text. */
export interface Prepared {
  readonly name: string;
  readonly text: string;
}

/** What statements can be run on: the pool, or one transaction. Failures are thrown as Refusal, free of data. */
export interface Queryable {
  /** What the journal's contents are sealed with; without master keys they are not. */
  readonly ring: KeyRing;
  /** Returns the rows. int8 are numbers, numerics and dates strings, timestamptz ISO strings in UTC, bytea Buffers. */
  query<Row extends object>(statement: string | Prepared, values?: readonly unknown[]): Promise<readonly Row[]>;
  /** Returns the number of rows that were inserted, changed or deleted. */
  run(statement: string | Prepared, values?: readonly unknown[]): Promise<number>;
}

export interface Transaction extends Queryable {
  /** pg's own client of this transaction, for COPY. */
  readonly client: pg.PoolClient;
}

export interface Database extends Queryable {
  /**
   * Runs `work` in one transaction (READ COMMITTED) and returns its value once it is durably committed. Runs it again, at most
   * `attempts` times in all, after a deadlock, a serialization failure or a lost race for a unique key: `work` must have no
   * effects elsewhere. Throws Refusal('database-busy') when every attempt collided.
   */
  transaction<T>(work: (tx: Transaction) => Promise<T>, options?: { readonly attempts?: number }): Promise<T>;
  /**
   * Runs `work` on one unchanging picture of the data. A statement that takes longer than `timeoutMs` ends it with
   * Refusal('search-too-costly').
   */
  snapshot<T>(work: (tx: Transaction) => Promise<T>, options: { readonly timeoutMs: number }): Promise<T>;
  /** Refuses (Refusal) a server older than PostgreSQL 15, or one that may lose what it acknowledged. */
  assertDurable(): Promise<void>;
  /**
   * Calls `heard` for every NOTIFY on `channel`, over a session of its own; returns what ends it. Survives a lost session. `said` is what came
   * with it; undefined where a session begins, for what was sent before it is not repeated.
   */
  listen(channel: string, heard: (said?: string) => void): Promise<() => Promise<void>>;
  /** Where this database is for another account: settings of pg; undefined where the address cannot be given another account. */
  asAccount(user: string, password: string): pg.ClientConfig | undefined;
  close(): Promise<void>;
}

export interface DatabaseOptions {
  /** Most sessions at once. Default 10. */
  readonly max?: number;
  /** How long a statement waits for a session at most; then it ends with database-unreachable. Default 10 seconds. */
  readonly connectTimeoutMs?: number;
  /** Shown in pg_stat_activity. Default 'polyseme'. */
  readonly applicationName?: string;
  /** Told of sessions that broke while idle; they are replaced by themselves. */
  readonly onSessionLost?: () => void;
  /** The first one seals what is stored in the journal, the others are read with; none: stored as received. */
  readonly masterKeys?: readonly MasterKey[] | undefined;
}

const OLDEST_SERVER = 150000;
const DEFAULT_ATTEMPTS = 8;
const CONNECT_TIMEOUT_MS = 10_000;

/** Opens a pool on `url` (postgres://…). Connects at the first statement; `assertDurable` tells whether the server will do. */
export function openDatabase(url: string, options: DatabaseOptions = {}): Database {
  const settings: pg.PoolConfig = {
    ...connection(url),
    max: options.max ?? 10,
    application_name: options.applicationName ?? 'polyseme',
    connectionTimeoutMillis: options.connectTimeoutMs ?? CONNECT_TIMEOUT_MS,
    types: typeParsers,
  };
  const pool = new pg.Pool(settings);
  const ring = keyRing(options.masterKeys ?? []);
  pool.on('error', () => options.onSessionLost?.());
  // A session that breaks while a transaction holds it says so twice: to the statement, and as an event that nobody else hears.
  pool.on('connect', (client) => client.on('error', () => {}));
  return {
    ...statements(pool, ring),
    transaction: (work, { attempts = DEFAULT_ATTEMPTS } = {}) => transaction(pool, ring, work, 'BEGIN', attempts),
    snapshot: async (work, { timeoutMs }) => {
      const begin = `BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL statement_timeout = ${Math.ceil(timeoutMs)}`;
      try {
        return await transaction(pool, ring, work, begin, 1);
      } catch (error) {
        throw isTimeout(error) ? new Refusal([problem('search-too-costly', { timeoutMs })]) : safe(error);
      }
    },
    assertDurable: () => assertDurable(pool),
    listen: (channel, heard) => listen(settings, channel, heard),
    asAccount: (user, password) => asAccount(url, user, password),
    close: () => pool.end(),
  };
}

// Statements are written against fixed names; the zone is UTC so that instants read the same everywhere.
const SESSION = '-c TimeZone=UTC -c DateStyle=ISO,YMD -c IntervalStyle=iso_8601 -c search_path=pg_catalog -c bytea_output=hex -c jit=off';

/** Session options in the URL are kept; ours come last and win: pg by itself would let the URL's replace them. */
function connection(url: string): pg.PoolConfig {
  if (!URL.canParse(url)) return { connectionString: url, options: SESSION };
  const parsed = new URL(url);
  const given = parsed.searchParams.get('options') ?? '';
  parsed.searchParams.delete('options');
  return { connectionString: parsed.href, options: `${given} ${SESSION}`.trim() };
}

function asAccount(url: string, user: string, password: string): pg.ClientConfig | undefined {
  if (!URL.canParse(url)) return undefined;
  const parsed = new URL(url);
  for (const name of ['user', 'password', 'options']) parsed.searchParams.delete(name);
  parsed.username = encodeURIComponent(user);
  parsed.password = encodeURIComponent(password);
  return { connectionString: parsed.href, connectionTimeoutMillis: CONNECT_TIMEOUT_MS };
}

interface Runner {
  query(config: pg.QueryConfig): Promise<pg.QueryResult>;
}

function statements(runner: Runner, ring: KeyRing): Queryable {
  const send = async (statement: string | Prepared, values: readonly unknown[]): Promise<pg.QueryResult> => {
    const config = typeof statement === 'string' ? { text: statement } : { text: statement.text, name: statement.name };
    try {
      return await runner.query({ ...config, values: [...values] });
    } catch (error) {
      // These must stay recognisable for the one who repeats or ends the transaction.
      throw isCollision(error) || isTimeout(error) ? error : safe(error);
    }
  };
  return {
    ring,
    query: async <Row extends object>(statement: string | Prepared, values: readonly unknown[] = []) =>
      (await send(statement, values)).rows as readonly Row[],
    run: async (statement, values = []) => (await send(statement, values)).rowCount ?? 0,
  };
}

async function transaction<T>(
  pool: pg.Pool,
  ring: KeyRing,
  work: (tx: Transaction) => Promise<T>,
  begin: string,
  attempts: number,
): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    const client = await pool.connect().catch((error: unknown) => {
      throw safe(error);
    });
    let broken = false;
    try {
      await client.query(begin);
      const value = await work({ ...statements(client, ring), client });
      // COMMIT of a transaction that failed inside answers ROLLBACK without an error: that is not a commit.
      const ended = await client.query('COMMIT');
      if (ended.command !== 'COMMIT')
        throw new Refusal([problem('database-failed', { reason: 'the transaction had failed before its end' })]);
      return value;
    } catch (error) {
      await client.query('ROLLBACK').catch(() => {
        broken = true;
      });
      if (isTimeout(error)) throw error;
      if (!isCollision(error)) throw safe(error);
      if (attempt >= attempts) throw new Refusal([problem('database-busy', { attempts })]);
    } finally {
      client.release(broken);
    }
  }
}

async function assertDurable(pool: pg.Pool): Promise<void> {
  const { rows } = await pool
    .query<{ version: string; number: string; fsync: string; commit: string; pages: string }>(
      `SELECT current_setting('server_version') AS version, current_setting('server_version_num') AS number,
              current_setting('fsync') AS fsync, current_setting('synchronous_commit') AS commit, current_setting('full_page_writes') AS pages`,
    )
    .catch((error: unknown) => {
      throw safe(error);
    });
  const found = rows[0];
  if (found === undefined) throw new Refusal([problem('database-unreachable')]);
  if (Number(found.number) < OLDEST_SERVER) throw new Refusal([problem('database-too-old', { version: found.version })]);
  const wrong = [
    ...(found.fsync === 'on' ? [] : [{ setting: 'fsync', value: found.fsync }]),
    ...(found.commit === 'off' ? [{ setting: 'synchronous_commit', value: found.commit }] : []),
    ...(found.pages === 'on' ? [] : [{ setting: 'full_page_writes', value: found.pages }]),
  ];
  if (wrong.length > 0) throw new Refusal(wrong.map((each) => problem('database-not-durable', each)));
}

const LISTEN_AGAIN_MS = 1_000;

async function listen(settings: pg.PoolConfig, channel: string, heard: (said?: string) => void): Promise<() => Promise<void>> {
  let closed = false;
  let current: pg.Client | undefined;
  let timer: NodeJS.Timeout | undefined;
  const connect = async (): Promise<void> => {
    const client = new pg.Client(settings);
    client.on('notification', ({ payload }) => heard(payload ?? ''));
    client.on('error', () => lost(client));
    client.on('end', () => lost(client));
    current = client;
    await client.connect();
    await client.query(`LISTEN ${client.escapeIdentifier(channel)}`);
    // What was sent while nobody listened is not repeated.
    heard();
  };
  const lost = (client: pg.Client): void => {
    if (closed || client !== current) return;
    current = undefined;
    timer = setTimeout(() => void connect().catch(() => lost(client)), LISTEN_AGAIN_MS);
  };
  try {
    await connect();
  } catch (error) {
    closed = true;
    clearTimeout(timer);
    throw safe(error);
  }
  return async () => {
    closed = true;
    clearTimeout(timer);
    await current?.end().catch(() => {});
  };
}
