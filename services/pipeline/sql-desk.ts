/** People's own SQL: who runs what at this moment, its stop, and what the audit log keeps of it, which is never data. */
import { createHash } from 'node:crypto';
import { audit } from '../database/audit.ts';
import type { Database } from '../database/connect.ts';
import { runSql, type SqlAnswer, type SqlColumn, type SqlRow, type SqlRun, streamSql } from '../database/sql/run.ts';
import { problem, Refusal } from '../errors.ts';
import { ParquetPieces, type ParquetType, type ParquetValue } from './views/parquet.ts';
import { csvCell } from './views/table.ts';

/** Rows that are shown; a download has all. */
export const MOST_ROWS = 1_000;
export const TABLE_MS = 60_000;
export const CSV_MS = 600_000;
/** Whoever takes nothing of his answer for so long has left it. */
export const IDLE_MS = 60_000;
const MOST_RUNS = 4;

/** What is said of the limits, and of other ways to the same data. */
export interface SqlFacts {
  readonly rows: number;
  readonly seconds: number;
  readonly csvSeconds: number;
  /** A statement to begin with. */
  readonly example: string;
  /** How to open the same elsewhere. */
  readonly elsewhere: { readonly r: string; readonly python: string };
}

export interface AskedSql {
  /** Chosen by the caller, to stop it by. */
  readonly run: string;
  readonly text: string;
  readonly actor: string;
  /** Why: kept in the audit log. */
  readonly reason: string;
}

/** Files that hold a whole answer. */
export const SQL_FORMS = ['csv', 'parquet'] as const;
export type SqlForm = (typeof SQL_FORMS)[number];

interface Running {
  readonly actor: string;
  /** Undefined until the session stands. */
  current: SqlRun | undefined;
  isStopped: boolean;
}

export class SqlDesk {
  readonly #database: Database;
  readonly #running = new Map<string, Running>();

  constructor(database: Database) {
    this.#database = database;
  }

  /** Returns the first rows of a statement. Throws Refusal sql-…. */
  async table(asked: AskedSql): Promise<SqlAnswer> {
    return this.#recorded(asked, 'table', async (running) => {
      const answer = await runSql(this.#database, asked.text, { most: MOST_ROWS, timeoutMs: TABLE_MS, started: started(running) });
      return { value: answer, rows: answer.rows.length };
    });
  }

  /** Yields a statement's whole answer as a file: CSV (RFC 4180) or Parquet; a part of it never ends without an error. */
  async *file(asked: AskedSql, form: SqlForm): AsyncGenerator<Buffer> {
    const running = this.#begin(asked);
    const startedMs = performance.now();
    let rows = 0;
    let outcome = 'left';
    try {
      await this.#record(asked, 'sql.run', { form });
      const pieces = form === 'csv' ? csvPieces() : parquetPieces();
      for await (const batch of streamSql(this.#database, asked.text, { timeoutMs: CSV_MS, started: started(running) })) {
        rows += batch.rows.length;
        const made = pieces.add(batch);
        if (made !== undefined) yield made;
      }
      const rest = pieces.end();
      if (rest !== undefined) yield rest;
      outcome = 'done';
    } catch (error) {
      outcome = codeOf(error);
      throw error;
    } finally {
      this.#running.delete(asked.run);
      await this.#record(asked, 'sql.ended', { form, outcome, rows, ms: Math.round(performance.now() - startedMs) });
    }
  }

  /** Stops a run of this person in the database; false when there is none. */
  async stop(run: string, actor: string): Promise<boolean> {
    const running = this.#running.get(run);
    if (running === undefined || running.actor !== actor) return false;
    running.isStopped = true;
    await running.current?.stop();
    return true;
  }

  #begin({ run, actor }: AskedSql): Running {
    if (this.#running.size >= MOST_RUNS || this.#running.has(run)) throw new Refusal([problem('sql-busy', { most: MOST_RUNS })]);
    const running: Running = { actor, current: undefined, isStopped: false };
    this.#running.set(run, running);
    return running;
  }

  /** Written before the statement runs: what cannot be recorded is not run. */
  #record({ text, actor, reason }: AskedSql, action: string, detail: Readonly<Record<string, unknown>>): Promise<void> {
    const digest = createHash('sha256').update(text).digest('hex').slice(0, 16);
    return this.#database.transaction((tx) =>
      audit(tx, {
        actor,
        action,
        target: `sql/${digest}`,
        ...(action === 'sql.run' ? { reason } : {}),
        detail: { characters: text.length, ...detail },
      }),
    );
  }

  async #recorded<T>(
    asked: AskedSql,
    form: string,
    work: (running: Running) => Promise<{ readonly value: T; readonly rows: number }>,
  ): Promise<T> {
    const running = this.#begin(asked);
    const startedMs = performance.now();
    const ended = (outcome: string, rows: number): Promise<void> =>
      this.#record(asked, 'sql.ended', { form, outcome, rows, ms: Math.round(performance.now() - startedMs) });
    try {
      await this.#record(asked, 'sql.run', { form });
      const { value, rows } = await work(running);
      await ended('done', rows);
      return value;
    } catch (error) {
      await ended(codeOf(error), 0);
      throw error;
    } finally {
      this.#running.delete(asked.run);
    }
  }
}

interface Batch {
  readonly columns: readonly SqlColumn[];
  readonly rows: readonly SqlRow[];
}

/** A file that is written batch by batch. */
interface Pieces {
  add(batch: Batch): Buffer | undefined;
  end(): Buffer | undefined;
}

function csvPieces(): Pieces {
  let isFirst = true;
  return {
    add: ({ columns, rows }) => {
      const head = isFirst ? `${columns.map(({ name }) => csvCell(name)).join(',')}\r\n` : '';
      isFirst = false;
      return Buffer.from(head + rows.map((row) => `${row.map(csvCell).join(',')}\r\n`).join(''));
    },
    end: () => undefined,
  };
}

const PARQUET_TYPES: Readonly<Record<string, ParquetType>> = {
  ...{ bigint: 'INT64', integer: 'INT64', smallint: 'INT64', real: 'DOUBLE', 'double precision': 'DOUBLE', numeric: 'DOUBLE' },
  boolean: 'BOOLEAN',
};

/** Whole numbers are INT64, other numbers DOUBLE (about 16 digits: CSV keeps all), booleans BOOLEAN, everything else text as PostgreSQL writes it. */
function parquetPieces(): Pieces {
  let file: ParquetPieces | undefined;
  let types: readonly ParquetType[] = [];
  return {
    add: ({ columns, rows }) => {
      if (file === undefined) {
        types = columns.map(({ type }) => PARQUET_TYPES[type] ?? 'STRING');
        const names = distinctNames(columns.map(({ name }) => name));
        file = new ParquetPieces(types.map((type, n) => ({ name: names[n] ?? '', type })));
      }
      const made: Uint8Array[] = [];
      for (const row of rows) {
        const piece = file.add(types.map((type, n) => parquetValue(row[n] ?? null, type)));
        if (piece !== undefined) made.push(piece);
      }
      return made.length === 0 ? undefined : Buffer.concat(made);
    },
    end: () => (file === undefined ? undefined : Buffer.from(file.end())),
  };
}

/** Columns of a file have names of their own; those of a statement may be alike. */
function distinctNames(names: readonly string[]): readonly string[] {
  const taken = new Set<string>();
  return names.map((given) => {
    const name = given === '' || given === '?column?' ? 'column' : given;
    let own = name;
    for (let n = 2; taken.has(own); n++) own = `${name}_${n}`;
    taken.add(own);
    return own;
  });
}

function parquetValue(text: string | null, type: ParquetType): ParquetValue {
  if (text === null || type === 'STRING') return text;
  if (type === 'INT64') return BigInt(text);
  return type === 'DOUBLE' ? Number(text) : text === 't';
}

/** A stop that came before there was anything to stop holds all the same. */
const started =
  (running: Running) =>
  (run: SqlRun): void => {
    running.current = run;
    if (running.isStopped) throw new Refusal([problem('sql-stopped')]);
  };

const codeOf = (error: unknown): string => (error instanceof Refusal ? (error.problems[0]?.code ?? 'internal') : 'internal');

/** Yields pieces of an answer as they are taken, the first of them known already; when one is not taken for `idleMs`, `left` is called, once. */
export async function* whileRead(
  first: IteratorResult<Buffer>,
  rest: AsyncGenerator<Buffer>,
  { idleMs, left }: { readonly idleMs: number; readonly left: () => void },
): AsyncGenerator<Buffer> {
  try {
    for (let next = first; next.done !== true; next = await rest.next()) {
      const timer = setTimeout(left, idleMs).unref();
      try {
        yield next.value;
      } finally {
        clearTimeout(timer);
      }
    }
  } finally {
    await rest.return(undefined);
  }
}
