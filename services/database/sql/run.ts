/** One statement of a person, run by the account that may only read: bounded in time, rows and bytes, stopped in the database. */
import type pg from 'pg';
import { type Problem, problem, Refusal } from '../../errors.ts';
import type { Database } from '../connect.ts';
import { isUnreachable, sqlState } from '../failures.ts';
import { type SqlReader, sqlReader } from './reader.ts';

export interface SqlColumn {
  readonly name: string;
  /** PostgreSQL's own name: 'bigint'. */
  readonly type: string;
  readonly isNumber: boolean;
}

export type SqlRow = readonly (string | null)[];

export interface SqlAnswer {
  readonly columns: readonly SqlColumn[];
  /** At most the number asked for. */
  readonly rows: readonly SqlRow[];
  /** How many rows there are, as far as was looked. */
  readonly total: number;
  /** False: there are more than `total`. */
  readonly isTotal: boolean;
  readonly ms: number;
}

export interface SqlRun {
  /** Ends the statement in the database; what waits for it is told sql-stopped. */
  stop(): Promise<void>;
  readonly isStopped: boolean;
}

interface Session extends SqlRun {
  readonly client: pg.Client;
  readonly startedMs: number;
  /** Runs one statement; what goes wrong is a Refusal that says it to the one who wrote the statement. */
  ask(text: string): Promise<pg.QueryArrayResult<(string | null)[]>>;
}

/** A statement to begin with. */
export const SQL_EXAMPLE = `SELECT c.concept_name, count(*) AS rows
FROM measurement m JOIN concept c ON c.concept_id = m.measurement_concept_id
GROUP BY 1 ORDER BY 2 DESC`;

const MOST_BYTES = 32_000_000;
/** Rows beyond those shown are counted so far, and no longer than this. */
const COUNTED_ROWS = 100_000;
const COUNTING_MS = 3_000;
const CSV_ROWS = 2_000;
const GRACE_MS = 2_000;

const NAME = 'polyseme_rows';

/** Begins a session with the cursor of a statement open; `started` hears of it before the statement runs. Always ended by the caller. */
async function opened(database: Database, text: string, timeoutMs: number, started: (run: SqlRun) => void): Promise<Session> {
  const reader = await sqlReader(database);
  const client = await reader.session(timeoutMs);
  const session = sessionOf(reader, client, timeoutMs);
  try {
    started(session);
    await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
    // A cursor takes one SELECT, WITH or VALUES that changes nothing; the extended protocol takes one statement.
    await session.ask(`DECLARE ${NAME} NO SCROLL CURSOR WITHOUT HOLD FOR ${text}`);
    return session;
  } catch (error) {
    await ended(session);
    throw error;
  }
}

function sessionOf(reader: SqlReader, client: pg.Client, timeoutMs: number): Session {
  const startedMs = performance.now();
  let isStopped = false;
  let isLarge = false;
  let isLocking = false;
  let isEnded = false;
  let bytes = 0;
  const { stream } = client.connection;
  stream.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes <= MOST_BYTES || isLarge) return;
    isLarge = true;
    stream.destroy();
  });
  // A statement can lengthen the time that its own session allows.
  const late = setTimeout(() => {
    void cancel(reader, client, () => isEnded)
      .catch(() => {})
      .finally(() => stream.destroy());
  }, timeoutMs + GRACE_MS).unref();
  const watch = watched(reader, client, () => {
    isLocking = true;
  });
  client.once('end', () => {
    isEnded = true;
    clearTimeout(late);
    clearInterval(watch);
  });
  const failed = (error: unknown) => new Refusal([problemOf(error, { isStopped, isLarge, isLocking, seconds: timeoutMs / 1000 })]);
  return {
    client,
    startedMs,
    get isStopped() {
      return isStopped;
    },
    stop: async () => {
      isStopped = true;
      await cancel(reader, client, () => isEnded);
    },
    ask: async (text) => {
      if (isStopped) throw new Refusal([problem('sql-stopped')]);
      bytes = 0;
      const config: pg.QueryArrayConfig & { readonly queryMode: 'extended' } = { text, rowMode: 'array', queryMode: 'extended' };
      return client.query<(string | null)[]>(config).catch((error: unknown) => {
        throw failed(error);
      });
    },
  };
}

const WATCH_MS = 500;

/**
 * Advisory locks are everybody's in PostgreSQL, and this service waits for some of its own: a session of the account that only reads and yet
 * holds or awaits one is ended at once. Locks of the tables it reads are weaker than any that a writer takes.
 */
function watched(reader: SqlReader, client: pg.Client, found: () => void): NodeJS.Timeout {
  const watch = setInterval(() => {
    const processID: unknown = Reflect.get(client, 'processID');
    if (typeof processID !== 'number') return;
    void reader.endsWhatLocks(processID, found).catch(() => {});
  }, WATCH_MS);
  return watch.unref();
}

const CANCEL_AGAIN_MS = 200;
const MOST_CANCELS = 25;

/**
 * Ends what that session does, by the number of its process and as the same account: nothing else can be meant. Again until it has ended: a
 * session that is between two statements hears nothing of it.
 */
async function cancel(reader: SqlReader, client: pg.Client, isEnded: () => boolean): Promise<void> {
  const processID: unknown = Reflect.get(client, 'processID');
  if (typeof processID !== 'number' || isEnded()) return;
  const other = await reader.session(5_000);
  try {
    for (let n = 0; n < MOST_CANCELS && !isEnded(); n++) {
      await other.query('SELECT pg_cancel_backend($1)', [processID]);
      await new Promise((resolve) => setTimeout(resolve, CANCEL_AGAIN_MS));
    }
  } finally {
    await other.end().catch(() => {});
  }
}

async function ended({ client }: Session): Promise<void> {
  // Nothing of it is kept, whatever it was.
  const done = client.query('ROLLBACK').then(
    () => client.end(),
    () => client.connection.stream.destroy(),
  );
  await Promise.race([done, new Promise((resolve) => setTimeout(resolve, 2_000).unref())]);
  client.connection.stream.destroy();
}

/** The text is for the one who wrote the statement and may read what it names; it stands in no log. */
function problemOf(
  error: unknown,
  run: { readonly isStopped: boolean; readonly isLarge: boolean; readonly isLocking: boolean; readonly seconds: number },
): Problem {
  if (run.isLocking) return problem('sql-locks');
  if (run.isLarge) return problem('sql-too-large', { limit: MOST_BYTES });
  const state = sqlState(error);
  if (run.isStopped) return problem('sql-stopped');
  if (state === '57014') return problem('sql-timeout', { seconds: run.seconds });
  if (state === undefined) return problem(isUnreachable(error) ? 'sql-timeout' : 'database-unreachable', { seconds: run.seconds });
  const message = error instanceof Error ? error.message.replace(/[.\s]+$/, '') : '';
  const hint = error instanceof Error && 'hint' in error && typeof error.hint === 'string' ? ` (${error.hint.replace(/[.\s]+$/, '')})` : '';
  const at = error instanceof Error && 'position' in error ? Number(error.position) - PREFIX : Number.NaN;
  return problem('sql-failed', { reason: `${state}: ${message}${hint}` }, at > 0 ? `character ${at}` : undefined);
}
const PREFIX = `DECLARE ${NAME} NO SCROLL CURSOR WITHOUT HOLD FOR `.length;

const NUMBERS: Readonly<Record<number, string>> = {
  20: 'bigint',
  21: 'smallint',
  23: 'integer',
  700: 'real',
  701: 'double precision',
  1700: 'numeric',
};
const OTHERS: Readonly<Record<number, string>> = {
  16: 'boolean',
  25: 'text',
  1042: 'char',
  1043: 'varchar',
  1082: 'date',
  1114: 'timestamp',
  1184: 'timestamptz',
  3802: 'jsonb',
};

const columnsOf = ({ fields }: pg.QueryArrayResult): readonly SqlColumn[] =>
  fields.map(({ name, dataTypeID }) => ({
    name,
    type: NUMBERS[dataTypeID] ?? OTHERS[dataTypeID] ?? '',
    isNumber: NUMBERS[dataTypeID] !== undefined,
  }));

/**
 * Returns the first `most` rows of a statement, and how many there are as far as could be counted in a moment. Throws Refusal sql-failed,
 * sql-timeout, sql-stopped, sql-too-large, sql-unavailable.
 */
export async function runSql(
  database: Database,
  text: string,
  { most, timeoutMs, started }: { readonly most: number; readonly timeoutMs: number; readonly started: (run: SqlRun) => void },
): Promise<SqlAnswer> {
  const session = await opened(database, text, timeoutMs, started);
  try {
    const found = await session.ask(`FETCH FORWARD ${most} FROM ${NAME}`);
    const counted = found.rows.length < most ? { total: found.rows.length, isTotal: true } : await countedOn(session, most);
    return { columns: columnsOf(found), rows: found.rows, ...counted, ms: Math.round(performance.now() - session.startedMs) };
  } finally {
    await ended(session);
  }
}

/** Rows after those that were fetched, without sending them. */
async function countedOn(session: Session, most: number): Promise<Pick<SqlAnswer, 'total' | 'isTotal'>> {
  try {
    await session.ask(`SET LOCAL statement_timeout = ${COUNTING_MS}`);
    const { rowCount } = await session.ask(`MOVE FORWARD ${COUNTED_ROWS} IN ${NAME}`);
    const n = rowCount ?? 0;
    return { total: most + n, isTotal: n < COUNTED_ROWS };
  } catch (error) {
    if (session.isStopped) throw error;
    return { total: most, isTotal: false };
  }
}

/** Yields the columns, then all rows of a statement in batches; whatever ends it before its end throws, so that no part looks whole. */
export async function* streamSql(
  database: Database,
  text: string,
  { timeoutMs, started }: { readonly timeoutMs: number; readonly started: (run: SqlRun) => void },
): AsyncGenerator<{ readonly columns: readonly SqlColumn[]; readonly rows: readonly SqlRow[] }> {
  const session = await opened(database, text, timeoutMs, started);
  const until = performance.now() + timeoutMs;
  try {
    for (let isFirst = true; ; isFirst = false) {
      // The time is of the whole, and the statement itself could change that of its session.
      if (performance.now() > until) throw new Refusal([problem('sql-timeout', { seconds: timeoutMs / 1000 })]);
      const found = await session.ask(`FETCH FORWARD ${CSV_ROWS} FROM ${NAME}`);
      if (isFirst || found.rows.length > 0) yield { columns: columnsOf(found), rows: found.rows };
      if (found.rows.length < CSV_ROWS) return;
    }
  } finally {
    await ended(session);
  }
}
