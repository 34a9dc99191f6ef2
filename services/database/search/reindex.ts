/**
 * Jobs that index again what is stored: after a SearchParameter was added or removed, or after definitions changed. They go on where they
 * ended.
 */

import { resourceTypeOf } from '../../fhir/definitions.ts';
import { readJson } from '../../fhir/format/json.ts';
import type { ParameterText } from '../../fhir/parameters.ts';
import type { Resource } from '../../fhir/resource.ts';
import { indexRows, tokensOnlyOf } from '../../fhir/search/index.ts';
import type { Database, Transaction } from '../connect.ts';
import { plainArray } from '../wire.ts';
import { removedParameter } from './custom.ts';
import { type Changed, changedTypes, isWritten, writeDefinitions } from './definitions.ts';
import { addIndex } from './index-rows.ts';
import { DEFINITIONS, DEFINITIONS_BUILDING, holdIndex, holdParameters, searchState } from './parameters.ts';

const BATCH = 200;

interface Job {
  readonly id: number;
  readonly type: number | null;
  readonly done_key: number;
  readonly last_key: number;
  readonly removed: string | null;
}
interface Row {
  readonly rid: number;
  readonly resource_key: number;
  readonly type: number;
  readonly deleted: boolean;
  readonly body: string;
}

/** Databases of which this process knows that the definitions are written down: it asks again and again whether there is work. */
const told = new WeakSet<Database>();

/**
 * Orders what was indexed by other definitions than those of this version to be indexed again: the types that they belong to, or everything where it is
 * not known what the store was indexed by. Returns true when so.
 */
export async function orderReindex(database: Database): Promise<boolean> {
  const { definitions } = await searchState(database);
  if (definitions === DEFINITIONS || definitions === '') {
    if (!told.has(database) && !(await isWritten(database))) await database.transaction(writeDefinitions);
    told.add(database);
    return false;
  }
  if (definitions === DEFINITIONS_BUILDING) return false;
  return database.transaction(async (tx) => {
    await holdIndex(tx);
    const open = await tx.query(
      'SELECT FROM fhir.search_state s WHERE s.definitions = $1 AND NOT EXISTS (SELECT FROM fhir.reindex_job WHERE type IS NULL AND finished_at IS NULL) FOR UPDATE',
      [definitions],
    );
    if (open.length === 0) return false;
    const changed = await changedTypes(tx, definitions);
    await writeDefinitions(tx);
    if (changed === undefined) await orderAll(tx);
    else await orderTypes(tx, changed);
    return true;
  });
}

async function orderAll(tx: Transaction): Promise<void> {
  // Old forms are found by nothing. Until the job has ended searches are refused, so that an empty index misleads nobody.
  await tx.run('TRUNCATE fhir.tok, fhir.str, fhir.dt, fhir.num, fhir.qty, fhir.present');
  await tx.run('INSERT INTO fhir.reindex_job (last_key) SELECT coalesce(max(resource_key), 0) FROM fhir.resource');
}

async function orderTypes(tx: Transaction, changed: readonly Changed[]): Promise<void> {
  const less = changed.filter(({ isLess }) => isLess);
  // Tokens have no mark of their definition: those of the type go, all of them. Rows of the other tables go when their resource is indexed.
  if (less.length > 0)
    await tx.run('DELETE FROM fhir.tok t USING fhir.resource r WHERE r.rid = t.rid AND r.type = ANY ($1::smallint[])', [
      plainArray(less.map(({ type }) => type)),
    ]);
  await tx.run(
    `INSERT INTO fhir.reindex_job (type, last_key) SELECT type, (SELECT coalesce(max(resource_key), 0) FROM fhir.resource)
     FROM unnest($1::smallint[]) AS a(type) WHERE EXISTS (SELECT FROM fhir.resource r WHERE r.type = a.type)`,
    [plainArray(changed.map(({ type }) => type))],
  );
  await settle(tx);
}

const OPEN_TYPES = 'SELECT FROM fhir.reindex_job WHERE finished_at IS NULL AND code IS NULL AND removed IS NULL';

/** After types were ordered, or all was indexed: whole when no type is left. */
async function settle(tx: Transaction): Promise<void> {
  await tx.run(`UPDATE fhir.search_state SET definitions = CASE WHEN EXISTS (${OPEN_TYPES}) THEN $1 ELSE $2 END`, [
    DEFINITIONS_BUILDING,
    DEFINITIONS,
  ]);
}

/** After a type was indexed: while all is indexed too, what it was indexed by says that job alone. */
async function settleType(tx: Transaction): Promise<void> {
  // Of two that end at once the second must see that the first has ended.
  await tx.run('SELECT FROM fhir.search_state FOR UPDATE');
  await tx.run(`UPDATE fhir.search_state SET definitions = $2 WHERE definitions = $1 AND NOT EXISTS (${OPEN_TYPES})`, [
    DEFINITIONS_BUILDING,
    DEFINITIONS,
  ]);
}

/** Does the next part of an open job in one transaction; returns how many resources it indexed, undefined when no job is open. */
export async function reindexNext(database: Database): Promise<number | undefined> {
  return database.transaction(async (tx) => {
    await holdParameters(tx, []);
    const [job] = await tx.query<Job>(
      'SELECT id, type, done_key, last_key, removed FROM fhir.reindex_job WHERE finished_at IS NULL ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED',
    );
    if (job === undefined) return undefined;
    const rows = await tx.query<Row>(
      `SELECT rid, resource_key, type, deleted, body FROM fhir.resource
       WHERE resource_key > $1 AND resource_key <= $2 AND ($3::smallint IS NULL OR type = $3) ORDER BY resource_key LIMIT ${BATCH} FOR UPDATE`,
      [job.done_key, job.last_key, job.type],
    );
    if (job.removed !== null) await removeTokens(tx, removedParameter(job.removed), rows);
    await addIndexOf(tx, rows);
    const last = rows.at(-1);
    if (rows.length < BATCH || last === undefined) {
      await tx.run('UPDATE fhir.reindex_job SET done_key = last_key, finished_at = now() WHERE id = $1', [job.id]);
      if (job.type === null) await settle(tx);
      else await settleType(tx);
    } else await tx.run('UPDATE fhir.reindex_job SET done_key = $2 WHERE id = $1', [job.id, last.resource_key]);
    return rows.length;
  });
}

async function addIndexOf(tx: Transaction, rows: readonly Row[]): Promise<void> {
  const live = rows.filter(({ deleted }) => !deleted);
  if (live.length === 0) return;
  const rids = plainArray(live.map(({ rid }) => rid));
  for (const table of ['str', 'dt', 'num', 'qty', 'present'])
    await tx.run(`DELETE FROM fhir.${table} WHERE rid = ANY ($1::bigint[])`, [rids]);
  await addIndex(
    tx,
    live.map((row) => ({ rid: row.rid, rows: indexRows(resourceOf(row)) })),
    'known',
  );
}

function resourceOf({ type, body }: Row): Resource {
  const read = readJson(body);
  return { ...(read.ok ? read.value : {}), resourceType: resourceTypeOf(type) ?? '' };
}

/** Tokens have no other mark of their parameter than their hash; rows of the other tables go when a resource is indexed again. */
async function removeTokens(tx: Transaction, parameter: ParameterText, rows: readonly Row[]): Promise<void> {
  const stale = rows.flatMap((row) => (row.deleted ? [] : tokensOnlyOf(resourceOf(row), parameter).map((h) => ({ h, rid: row.rid }))));
  if (stale.length === 0) return;
  await tx.run('DELETE FROM fhir.tok t USING unnest($1::bigint[], $2::bigint[]) AS a(h, rid) WHERE t.h = a.h AND t.rid = a.rid', [
    plainArray(stale.map(({ h }) => h)),
    plainArray(stale.map(({ rid }) => rid)),
  ]);
}

/** Does open jobs until none is left, or until `stopped` says so. */
export async function reindexAll(database: Database, stopped: () => boolean = () => false): Promise<void> {
  await orderReindex(database);
  while (!stopped() && (await reindexNext(database)) !== undefined);
}

/** For who waits for the index: builds a part of it and returns 1; throws `error` where there is none left for this process. */
export async function buildMeanwhile(database: Database, error: unknown): Promise<number> {
  await orderReindex(database);
  if ((await reindexNext(database)) === undefined) throw error;
  return 1;
}
