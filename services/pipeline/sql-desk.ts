/** People's own SQL: who runs what at this moment, its stop, and what the audit log keeps of it, which is never data. */
import { createHash } from 'node:crypto';
import { audit } from '../database/audit.ts';
import type { Database } from '../database/connect.ts';
import { runSql, type SqlAnswer, type SqlRun, streamSql } from '../database/sql/run.ts';
import { problem, Refusal } from '../errors.ts';
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
}

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

  /** Yields a statement's whole answer as CSV (RFC 4180); a part of it never ends without an error. */
  async *csv(asked: AskedSql): AsyncGenerator<Buffer> {
    const running = this.#begin(asked);
    const startedMs = performance.now();
    let rows = 0;
    let outcome = 'left';
    try {
      await this.#record(asked, 'sql.run', { form: 'csv' });
      let isFirst = true;
      for await (const batch of streamSql(this.#database, asked.text, { timeoutMs: CSV_MS, started: started(running) })) {
        const head = isFirst ? `${batch.columns.map(({ name }) => csvCell(name)).join(',')}\r\n` : '';
        isFirst = false;
        rows += batch.rows.length;
        yield Buffer.from(head + batch.rows.map((row) => `${row.map(csvCell).join(',')}\r\n`).join(''));
      }
      outcome = 'done';
    } catch (error) {
      outcome = codeOf(error);
      throw error;
    } finally {
      this.#running.delete(asked.run);
      await this.#record(asked, 'sql.ended', { form: 'csv', outcome, rows, ms: Math.round(performance.now() - startedMs) });
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
  #record({ text, actor }: AskedSql, action: string, detail: Readonly<Record<string, unknown>>): Promise<void> {
    const digest = createHash('sha256').update(text).digest('hex').slice(0, 16);
    return this.#database.transaction((tx) =>
      audit(tx, { actor, action, target: `sql/${digest}`, detail: { characters: text.length, ...detail } }),
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
