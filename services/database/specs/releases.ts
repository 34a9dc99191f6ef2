/** Published specs: their texts, releases (which texts ran together), and the pointer to the one that runs. */
import { createHash } from 'node:crypto';
import { problem, Refusal } from '../../errors.ts';
import type { Prepared, Queryable, Transaction } from '../connect.ts';
import { safe } from '../failures.ts';
import { textArray } from '../wire.ts';

/** The NOTIFY channel on which processes hear that another release is active. */
export const SPECS_CHANNEL = 'polyseme_specs';

/** Shared by transactions that apply messages, alone by a publication; migration 0015 names it too. */
const SPECS_LOCK = 7_401_936_131;

/** Returns the SHA-256 (hexadecimal) of a text's UTF-8 bytes. */
export const textHashOf = (text: string): string => createHash('sha256').update(text, 'utf8').digest('hex');

/** Files of a release: path below the folder of maps ('v2-to-fhir/messages/oru-r01.yaml') -> hash of its text. */
export type FileHashes = ReadonlyMap<string, string>;

/** Returns the digest of a set of files: sha256 over their paths and hashes. */
export const filesDigest = (files: FileHashes): string =>
  textHashOf(
    [...files]
      .map(([path, hash]) => `${path} ${hash}`)
      .toSorted()
      .join('\n'),
  );

/** Stores texts that are not stored yet. */
export async function keepTexts(tx: Queryable, texts: readonly string[]): Promise<void> {
  if (texts.length === 0) return;
  const byHash = new Map(texts.map((text) => [textHashOf(text), text]));
  await tx.run('INSERT INTO ops.spec_text (hash, body) SELECT * FROM unnest($1::text[], $2::text[]) ON CONFLICT DO NOTHING', [
    textArray([...byHash.keys()]),
    textArray([...byHash.values()]),
  ]);
}

/** Returns texts by their hash; those that are not stored are absent. */
export async function textsOf(queryable: Queryable, hashes: Iterable<string>): Promise<ReadonlyMap<string, string>> {
  const rows = await queryable.query<{ hash: string; body: string }>('SELECT hash, body FROM ops.spec_text WHERE hash = ANY ($1::text[])', [
    textArray([...new Set(hashes)]),
  ]);
  return new Map(rows.map(({ hash, body }) => [hash, body]));
}

export interface SpecRelease {
  readonly id: number;
  /** ISO 8601. */
  readonly at: string;
  readonly actor: string;
  readonly reason: string;
  readonly digest: string;
  readonly files: FileHashes;
  /** 'id@version#digest' (whole) of each map, with those that it uses. */
  readonly specs: readonly { readonly spec: string; readonly uses: readonly string[] }[];
  readonly baseId: number | undefined;
  readonly draftId: number | undefined;
  readonly planId: number | undefined;
  readonly isActive: boolean;
}

interface ReleaseRow {
  readonly id: number;
  readonly at: string;
  readonly actor: string;
  readonly reason: string;
  readonly digest: string;
  readonly files: Readonly<Record<string, string>>;
  readonly specs: SpecRelease['specs'];
  readonly base_id: number | null;
  readonly draft_id: number | null;
  readonly plan_id: number | null;
  readonly is_active: boolean;
}

const RELEASE = `SELECT r.id, r.at, r.actor, r.reason, r.digest, r.files, r.specs, r.base_id, r.draft_id, r.plan_id,
  r.id IS NOT DISTINCT FROM a.release_id AS is_active FROM ops.spec_release r CROSS JOIN ops.spec_active a`;

const releaseOf = (row: ReleaseRow): SpecRelease => ({
  id: row.id,
  at: row.at,
  actor: row.actor,
  reason: row.reason,
  digest: row.digest,
  files: new Map(Object.entries(row.files)),
  specs: row.specs,
  baseId: row.base_id ?? undefined,
  draftId: row.draft_id ?? undefined,
  planId: row.plan_id ?? undefined,
  isActive: row.is_active,
});

/** Returns releases, newest first. */
export async function releases(queryable: Queryable, options: { readonly limit: number; readonly before?: number | undefined }) {
  const rows = await queryable.query<ReleaseRow>(`${RELEASE} WHERE $1::bigint IS NULL OR r.id < $1 ORDER BY r.id DESC LIMIT $2`, [
    options.before ?? null,
    options.limit,
  ]);
  return rows.map(releaseOf);
}

/** Returns one release; undefined when there is none of this number. */
export async function releaseById(queryable: Queryable, id: number): Promise<SpecRelease | undefined> {
  const [row] = await queryable.query<ReleaseRow>(`${RELEASE} WHERE r.id = $1`, [id]);
  return row && releaseOf(row);
}

/** Returns the number of the active release without holding it; undefined before the first publication. */
export async function activeReleaseId(queryable: Queryable): Promise<number | undefined> {
  return (await queryable.query<{ id: number | null }>('SELECT release_id AS id FROM ops.spec_active'))[0]?.id ?? undefined;
}

const HOLD: Prepared = { name: 'specs_hold', text: 'SELECT ops.hold_specs() AS id' };

/** Keeps the active release what it is until the transaction ends; returns its number. */
export async function holdSpecs(tx: Queryable): Promise<number | undefined> {
  return (await tx.query<{ id: number | null }>(HOLD))[0]?.id ?? undefined;
}

const LOCK_TIMEOUT_MS = 2_000;
const LOCK_ATTEMPTS = 60;

/** Waits, in short turns, until no transaction applies anything, and keeps it so until this one ends. Throws Refusal database-busy. */
export async function holdSpecsAlone(tx: Transaction): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      await tx.client.query(`SAVEPOINT alone; SET LOCAL lock_timeout = ${LOCK_TIMEOUT_MS}`);
      await tx.client.query(`SELECT pg_advisory_xact_lock(${SPECS_LOCK})`);
      await tx.client.query('SET LOCAL lock_timeout = 0; RELEASE SAVEPOINT alone');
      return;
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === '55P03')) throw safe(error);
      await tx.client.query('ROLLBACK TO SAVEPOINT alone; RELEASE SAVEPOINT alone');
      if (attempt >= LOCK_ATTEMPTS) throw new Refusal([problem('database-busy', { attempts: LOCK_ATTEMPTS })]);
    }
  }
}

export interface NewRelease {
  readonly actor: string;
  readonly reason: string;
  readonly files: FileHashes;
  readonly specs: SpecRelease['specs'];
  /** What each map says: its id, version, and the digest of its own tree. */
  readonly versions: readonly { readonly id: string; readonly version: string; readonly digest: string }[];
  readonly baseId: number | undefined;
  readonly draftId?: number | undefined;
  readonly planId?: number | undefined;
}

/** Stores a release whose texts are kept already; returns its number. Throws Refusal spec-version-published for a version that says something else. */
export async function keepRelease(tx: Transaction, release: NewRelease): Promise<number> {
  const { actor, reason, files, specs, versions, baseId, draftId, planId } = release;
  const [row] = await tx.query<{ id: number }>(
    `INSERT INTO ops.spec_release (actor, reason, digest, files, specs, base_id, draft_id, plan_id) VALUES ($1, $2, $3, $4, $5, $6, $7, $8) RETURNING id`,
    [
      actor,
      reason,
      filesDigest(files),
      JSON.stringify(Object.fromEntries(files)),
      JSON.stringify(specs),
      baseId ?? null,
      draftId ?? null,
      planId ?? null,
    ],
  );
  if (row === undefined) throw new TypeError('a release without number');
  await tx.run(
    `INSERT INTO ops.spec_version (id, version, digest, release_id) SELECT v.id, v.version, v.digest, $4
     FROM unnest($1::text[], $2::text[], $3::text[]) AS v(id, version, digest) ON CONFLICT DO NOTHING`,
    [
      textArray(versions.map(({ id }) => id)),
      textArray(versions.map(({ version }) => version)),
      textArray(versions.map(({ digest }) => digest)),
      row.id,
    ],
  );
  const [other] = await changedVersions(tx, versions);
  if (other !== undefined) throw new Refusal([problem('spec-version-published', { name: `${other.id}@${other.version}` })]);
  return row.id;
}

/** Returns those versions that were published with another text. */
export const changedVersions = (
  queryable: Queryable,
  versions: NewRelease['versions'],
): Promise<readonly { id: string; version: string }[]> =>
  queryable.query(
    `SELECT v.id, v.version FROM unnest($1::text[], $2::text[], $3::text[]) AS v(id, version, digest)
     JOIN ops.spec_version k ON k.id = v.id AND k.version = v.version AND k.digest <> v.digest ORDER BY 1, 2`,
    [
      textArray(versions.map(({ id }) => id)),
      textArray(versions.map(({ version }) => version)),
      textArray(versions.map(({ digest }) => digest)),
    ],
  );

/** Moves the pointer, in a transaction that holds the specs alone; every process hears of it when it commits. */
export async function activateRelease(tx: Transaction, id: number): Promise<void> {
  await tx.run('UPDATE ops.spec_active SET release_id = $1', [id]);
  await tx.run(`SELECT pg_notify('${SPECS_CHANNEL}', ''), pg_notify('polyseme_journal', '')`);
}
