/** Reads that come together are asked together: one statement for all that wait, since its way to PostgreSQL and back costs more than the rows. */
import { RESOURCE_TYPES } from '../../fhir/definitions.ts';
import type { Prepared, Queryable } from '../connect.ts';
import { plainArray, textArray } from '../wire.ts';

/** The current version of a resource, as a read answers it. */
export interface ReadVersion {
  readonly type: string;
  readonly id: string;
  readonly version: number;
  /** ISO instant. */
  readonly updated: string;
  readonly deleted: boolean;
  /** JSON text; '' when it is deleted. */
  readonly body: string;
}

const READ: Prepared = {
  name: 'resource_read_together',
  text: `SELECT a.n, r.version, r.updated, r.deleted, r.body FROM unnest($1::smallint[], $2::text[]) WITH ORDINALITY AS a(type, id, n)
         JOIN fhir.resource r ON r.type = a.type AND r.id = a.id`,
};

interface Row {
  readonly n: number;
  readonly version: number;
  readonly updated: string;
  readonly deleted: boolean;
  readonly body: string;
}

interface Waiting {
  readonly type: string;
  readonly number: number;
  readonly id: string;
  readonly resolve: (found: ReadVersion | undefined) => void;
  readonly reject: (error: unknown) => void;
}

const MOST_TOGETHER = 200;
/** Statements on their way at once. */
const MOST_ON_THE_WAY = 3;
/** While one statement is on its way, another is sent when so many wait, or when they have waited so long. */
const MANY_WAITING = 32;
const LONG_WAITING_MS = 5;

class Reader {
  readonly #database: Queryable;
  #waiting: Waiting[] = [];
  #onTheWay = 0;
  #isAsked = false;
  #late: NodeJS.Timeout | undefined;

  constructor(database: Queryable) {
    this.#database = database;
  }

  read(type: string, number: number, id: string): Promise<ReadVersion | undefined> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ type, number, id, resolve, reject });
      this.#ask();
    });
  }

  /** After the requests that this turn of the event loop brings have all been heard. */
  #ask(): void {
    if (this.#onTheWay >= MOST_ON_THE_WAY) return;
    if (this.#onTheWay === 0 || this.#waiting.length >= MANY_WAITING) {
      if (this.#isAsked) return;
      this.#isAsked = true;
      setImmediate(() => {
        this.#isAsked = false;
        void this.#send();
      });
      return;
    }
    // The one on its way may be slow: nobody waits for it longer than this.
    this.#late ??= setTimeout(() => {
      this.#late = undefined;
      if (this.#onTheWay < MOST_ON_THE_WAY) void this.#send();
    }, LONG_WAITING_MS);
  }

  async #send(): Promise<void> {
    const batch = this.#waiting.slice(0, MOST_TOGETHER);
    this.#waiting = this.#waiting.slice(MOST_TOGETHER);
    if (batch.length === 0) return;
    this.#onTheWay++;
    if (this.#waiting.length > 0) this.#ask();
    try {
      const rows = await this.#database.query<Row>(READ, [
        plainArray(batch.map(({ number }) => number)),
        textArray(batch.map(({ id }) => id)),
      ]);
      const found = new Map(rows.map((row) => [row.n, row]));
      for (const [i, { type, id, resolve }] of batch.entries()) {
        const row = found.get(i + 1);
        resolve(row && { type, id, version: row.version, updated: row.updated, deleted: row.deleted, body: row.body });
      }
    } catch (error) {
      for (const { reject } of batch) reject(error);
    } finally {
      this.#onTheWay--;
      if (this.#waiting.length > 0) this.#ask();
    }
  }
}

const readers = new WeakMap<Queryable, Reader>();

/**
 * Returns the current version of a resource, also when it is deleted; undefined when there never was one. What was committed before the
 * call is seen. For doors: within a transaction use `readResource`.
 */
export async function readCurrent(database: Queryable, type: string, id: string): Promise<ReadVersion | undefined> {
  const number = RESOURCE_TYPES.get(type);
  if (number === undefined) return undefined;
  const known = readers.get(database);
  const reader = known ?? new Reader(database);
  if (known === undefined) readers.set(database, reader);
  return reader.read(type, number, id);
}
