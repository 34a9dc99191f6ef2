/** The closure tables of terminology clients ($closure): one for all processes of the store. */
import type { ClosureConcept, ClosureTable } from '../../../terminology/fhir/closure.ts';
import type { Database, Transaction } from '../connect.ts';
import { textArray } from '../wire.ts';

export interface ClosureLimits {
  /** Tables of one caller, and of all callers together; those used longest ago go. */
  readonly ofCaller: number;
  readonly ofAll: number;
}

/**
 * Runs `work` on the table `name` of a caller, undefined when there is none, and keeps what it returns as `next` (undefined: nothing changed). Nobody
 * else changes the table meanwhile. What `work` throws is thrown on, and nothing is changed then; it may be run again.
 */
export async function withClosure<T>(
  database: Database,
  { caller, name, limits }: { readonly caller: string; readonly name: string; readonly limits: ClosureLimits },
  work: (table: ClosureTable | undefined) => { readonly answer: T; readonly next: ClosureTable | undefined },
): Promise<T> {
  return database.transaction(async (tx) => {
    const [found] = await tx.query<{ closure_key: number; version: number }>(
      `UPDATE ops.closure_table SET used = clock_timestamp() WHERE caller = $1 AND name = $2 RETURNING closure_key, version`,
      [caller, name],
    );
    const table = found === undefined ? undefined : { version: found.version, concepts: await conceptsOf(tx, found.closure_key) };
    const { answer, next } = work(table);
    if (next === undefined) return answer;
    const key = found?.closure_key ?? (await begin(tx, caller, name));
    await keep(tx, key, table, next);
    if (found === undefined) await letGo(tx, caller, limits);
    return answer;
  });
}

interface ConceptRow {
  readonly system: string;
  readonly code: string;
  readonly asked_version: string | null;
  readonly system_version: string | null;
  readonly since: number;
}

async function conceptsOf(tx: Transaction, key: number): Promise<readonly ClosureConcept[]> {
  const rows = await tx.query<ConceptRow>(
    `SELECT system, code, asked_version, system_version, since FROM ops.closure_concept WHERE closure_key = $1 ORDER BY position`,
    [key],
  );
  return rows.map(({ asked_version, system_version, ...each }) => ({
    ...each,
    askedVersion: asked_version ?? undefined,
    systemVersion: system_version ?? undefined,
  }));
}

/** Returns the key of a new table. One that somebody else begins at this moment makes the transaction run again. */
async function begin(tx: Transaction, caller: string, name: string): Promise<number> {
  const [made] = await tx.query<{ closure_key: number }>(
    `INSERT INTO ops.closure_table (caller, name, version) VALUES ($1, $2, 0) RETURNING closure_key`,
    [caller, name],
  );
  return made?.closure_key ?? 0;
}

/** Writes what is new: concepts are only ever added, until the table is begun anew. */
async function keep(tx: Transaction, key: number, before: ClosureTable | undefined, next: ClosureTable): Promise<void> {
  await tx.run(`UPDATE ops.closure_table SET version = $2 WHERE closure_key = $1`, [key, next.version]);
  const known = next.concepts.length === 0 ? 0 : (before?.concepts.length ?? 0);
  if (known === 0) await tx.run(`DELETE FROM ops.closure_concept WHERE closure_key = $1`, [key]);
  const added = next.concepts.slice(known);
  if (added.length === 0) return;
  const texts = (of: (each: ClosureConcept) => string | undefined): string => textArray(added.map(of));
  await tx.run(
    `INSERT INTO ops.closure_concept (closure_key, position, system, code, asked_version, system_version, since)
     SELECT $1, $2 + n, system, code, asked_version, system_version, $3
     FROM unnest($4::text[], $5::text[], $6::text[], $7::text[]) WITH ORDINALITY AS a(system, code, asked_version, system_version, n)`,
    [
      key,
      known,
      next.version,
      texts(({ system }) => system),
      texts(({ code }) => code),
      texts(({ askedVersion }) => askedVersion),
      texts(({ systemVersion }) => systemVersion),
    ],
  );
}

/** Lets go of the tables that were not used for longest; one that is in use at this moment stays. */
async function letGo(tx: Transaction, caller: string, { ofCaller, ofAll }: ClosureLimits): Promise<void> {
  const without = (which: string) =>
    `DELETE FROM ops.closure_table WHERE closure_key IN (
       SELECT closure_key FROM ops.closure_table WHERE closure_key IN (
         SELECT closure_key FROM ops.closure_table ${which} ORDER BY used DESC, closure_key DESC OFFSET $1)
       FOR UPDATE SKIP LOCKED)`;
  await tx.run(without('WHERE caller = $2'), [ofCaller, caller]);
  await tx.run(without(''), [ofAll]);
}
