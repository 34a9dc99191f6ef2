/** Which vocabulary is active, held still by who writes with it; upgrades and how far they are. */

import { problem, Refusal } from '../../errors.ts';
import type { UpgradeReport } from '../../omop/upgrade.ts';
import type { Database, Prepared, Queryable, Transaction } from '../connect.ts';
import { safe } from '../failures.ts';
import { plainArray } from '../wire.ts';

/** The NOTIFY channel on which processes hear that another vocabulary is active. */
export const VOCABULARY_CHANNEL = 'polyseme_vocabulary';

/** Shared by transactions that make CDM rows, alone by a switch; migration 0011 names it too. */
const VOCABULARY_LOCK = 7_401_936_127;

const HOLD: Prepared = { name: 'vocabulary_hold', text: 'SELECT active, answers FROM ops.hold_resolution()' };

/** What codes are resolved with. */
export interface ResolutionState {
  /** Id of the index, '' before one is loaded. */
  readonly active: string;
  /** Raised whenever the answers in force change. */
  readonly answers: number;
}

/** Keeps the active vocabulary and the answers in force what they are until the transaction ends, and returns which they are. */
export async function holdVocabulary(tx: Queryable): Promise<ResolutionState> {
  return (await tx.query<ResolutionState>(HOLD))[0] ?? { active: '', answers: 0 };
}

/** Returns the active index and the state of the answers without holding them. */
export async function resolutionState(queryable: Queryable): Promise<ResolutionState> {
  return (await queryable.query<ResolutionState>('SELECT active, answers FROM ops.vocabulary_state'))[0] ?? { active: '', answers: 0 };
}

/** Waits until no transaction makes rows, in short turns as `holdAlone` does, and keeps it so until this one ends. Throws Refusal database-busy. */
export const holdResolutionAlone = (tx: Transaction): Promise<void> => inTurns(tx, `SELECT pg_advisory_xact_lock(${VOCABULARY_LOCK})`);

/** Returns the id of the active index without holding it. */
export async function activeVocabularyId(queryable: Queryable): Promise<string> {
  return (await queryable.query<{ active: string }>('SELECT active FROM ops.vocabulary_state'))[0]?.active ?? '';
}

/** Makes `id` the active index of a database that names none yet: one that was filled before it kept this. */
export async function adoptVocabulary(database: Database, id: string): Promise<void> {
  await database.query(`UPDATE ops.vocabulary_state SET active = $1 WHERE active = ''`, [id]);
}

export interface VocabularySwitch {
  /** Ids of index folders; `from` is '' when rows of all resources must be made again. */
  readonly from: string;
  readonly to: string;
  readonly fromRelease: string;
  readonly toRelease: string;
  /** What was found out before: JSON. */
  readonly planned: unknown;
}

const LOCK_TIMEOUT_MS = 3_000;
const LOCK_ATTEMPTS = 40;
const LOCK_PAUSE_MS = 500;

/**
 * Waits until no transaction makes rows and nobody reads `tables`, and keeps it so until this one ends. Waits in short turns, so that what comes
 * meanwhile waits seconds at most. Throws Refusal database-busy when long readings never end.
 */
export const holdAlone = (tx: Transaction, tables: string): Promise<void> =>
  inTurns(tx, `SELECT pg_advisory_xact_lock(${VOCABULARY_LOCK}); LOCK TABLE ${tables} IN ACCESS EXCLUSIVE MODE`);

async function inTurns({ client }: Transaction, lock: string): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      await client.query(`SAVEPOINT alone; SET LOCAL lock_timeout = ${LOCK_TIMEOUT_MS}`);
      await client.query(lock);
      await client.query('SET LOCAL lock_timeout = 0; RELEASE SAVEPOINT alone');
      return;
    } catch (error) {
      if (!isLockTimeout(error)) throw safe(error);
      await client.query('ROLLBACK TO SAVEPOINT alone; RELEASE SAVEPOINT alone');
      if (attempt >= LOCK_ATTEMPTS) throw new Refusal([problem('database-busy', { attempts: LOCK_ATTEMPTS })]);
      await new Promise((resolve) => setTimeout(resolve, LOCK_PAUSE_MS));
    }
  }
}

const isLockTimeout = (error: unknown): boolean => error instanceof Error && 'code' in error && error.code === '55P03';

/** Records the switch in its transaction and tells every process of it when it commits. The vocabulary must be held alone. */
export async function recordSwitch(tx: Transaction, change: VocabularySwitch): Promise<void> {
  await tx.run('UPDATE ops.vocabulary_state SET active = $1', [change.to]);
  // What an unfinished upgrade did not reach was made by a vocabulary before the last: then every row is made again.
  const open = await tx.run('UPDATE ops.vocabulary_upgrade SET finished_at = now() WHERE finished_at IS NULL AND done_key < last_key');
  await tx.run(
    `INSERT INTO ops.vocabulary_upgrade (from_index, to_index, from_release, to_release, planned, last_key)
     SELECT $1, $2, $3, $4, $5, coalesce(max(resource_key), -1) FROM fhir.resource`,
    [open > 0 ? '' : change.from, change.to, change.fromRelease, change.toRelease, JSON.stringify(change.planned)],
  );
  await tx.run(`SELECT pg_notify('${VOCABULARY_CHANNEL}', ''), pg_notify('polyseme_journal', '')`);
}

export interface OpenUpgrade {
  readonly id: number;
  readonly from_index: string;
  readonly to_index: string;
  readonly done_key: number;
  readonly last_key: number;
  readonly done: unknown;
}

/** Returns the upgrade that is not finished and locks it; undefined when none is, or another process is at it. */
export async function takeUpgrade(tx: Transaction): Promise<OpenUpgrade | undefined> {
  const rows = await tx.query<OpenUpgrade>(
    'SELECT id, from_index, to_index, done_key, last_key, done FROM ops.vocabulary_upgrade WHERE finished_at IS NULL ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED',
  );
  return rows[0];
}

/** Records how far an upgrade is and what it did so far; `isFinished`: that it is over. */
export async function recordUpgrade(tx: Transaction, id: number, doneKey: number, done: unknown, isFinished: boolean): Promise<void> {
  await tx.run('UPDATE ops.vocabulary_upgrade SET done_key = $2, done = $3, finished_at = CASE WHEN $4 THEN now() END WHERE id = $1', [
    id,
    doneKey,
    JSON.stringify(done),
    isFinished,
  ]);
}

/** One change of the vocabulary. */
export interface Upgrade {
  readonly fromRelease: string;
  readonly toRelease: string;
  readonly fromIndex: string;
  readonly toIndex: string;
  /** ISO 8601. */
  readonly switchedAt: string;
  readonly isFinished: boolean;
  readonly doneKey: number;
  readonly lastKey: number;
  /** What it was expected to change; null where nobody looked. */
  readonly planned: UpgradeReport | null;
  readonly done: { readonly resources?: number; readonly touched?: number };
}

/** Returns the newest upgrades first, at most `limit`. */
export async function upgrades(queryable: Queryable, limit: number): Promise<readonly Upgrade[]> {
  return queryable.query<Upgrade>(
    `SELECT from_release AS "fromRelease", to_release AS "toRelease", from_index AS "fromIndex", to_index AS "toIndex", switched_at AS "switchedAt",
       finished_at IS NOT NULL AS "isFinished", done_key AS "doneKey", last_key AS "lastKey", nullif(planned, '{}'::jsonb) AS planned, done
     FROM ops.vocabulary_upgrade ORDER BY id DESC LIMIT $1`,
    [limit],
  );
}

/** Returns the newest upgrade to an index; undefined when there was none. */
export async function upgradeOf(queryable: Queryable, toIndex: string): Promise<Upgrade | undefined> {
  const [newest] = await upgrades(queryable, 1);
  return newest?.toIndex === toIndex ? newest : undefined;
}

/** A stored resource as an upgrade looks at it. */
export interface StoredBody {
  readonly resource_key: number;
  readonly type: number;
  readonly id: string;
  readonly body: string;
}

const NEXT: Prepared = {
  name: 'vocabulary_next_resources',
  text: `SELECT resource_key, type, id, body FROM fhir.resource WHERE resource_key > $1 AND resource_key <= $2 AND NOT deleted
         ORDER BY resource_key LIMIT $3`,
};

/** Returns the next resources after a key, in order, deleted ones left out. */
export const nextResources = (queryable: Queryable, after: number, last: number, limit: number): Promise<readonly StoredBody[]> =>
  queryable.query<StoredBody>(NEXT, [after, last, limit]);

/** Returns resources by their keys, deleted ones left out. */
export const storedBodies = (queryable: Queryable, keys: readonly number[]): Promise<readonly StoredBody[]> =>
  queryable.query<StoredBody>(
    'SELECT resource_key, type, id, body FROM fhir.resource WHERE resource_key = ANY ($1::bigint[]) AND NOT deleted ORDER BY resource_key',
    [plainArray(keys)],
  );

/** Returns the greatest resource key, -1 when nothing is stored. */
export async function lastResourceKey(queryable: Queryable): Promise<number> {
  return (await queryable.query<{ last: number | null }>('SELECT max(resource_key) AS last FROM fhir.resource'))[0]?.last ?? -1;
}
