/** The audit log: who did what, when and why; each entry holds the hash of the one before it (security.md, point 6). */
import type { Queryable } from './connect.ts';

export interface AuditEntry {
  /** The person whose token it is, 'local' for who is on this machine without one, the account's name on the command line. */
  readonly actor: string;
  /** 'spec.publish'; room and act. */
  readonly action: string;
  /** What it was done to: 'draft/3'. Never patient data. */
  readonly target: string;
  readonly reason?: string | undefined;
  /** Counts, digests, names; never patient data. */
  readonly detail?: Readonly<Record<string, unknown>> | undefined;
}

/** Writes an entry, in the transaction of what it tells of. Entries of one database are written one after the other. */
export async function audit(tx: Queryable, { actor, action, target, reason = '', detail = {} }: AuditEntry): Promise<void> {
  await tx.run('INSERT INTO ops.audit (actor, action, target, reason, detail) VALUES ($1, $2, $3, $4, $5)', [
    actor.slice(0, 200),
    action,
    target,
    reason.slice(0, 2_000),
    JSON.stringify(detail),
  ]);
}

export interface AuditRecord {
  readonly id: number;
  /** ISO 8601. */
  readonly at: string;
  readonly actor: string;
  readonly action: string;
  readonly target: string;
  readonly reason: string;
  readonly detail: Readonly<Record<string, unknown>>;
  /** Hexadecimal SHA-256 over the entry and the hash of the one before it. */
  readonly hash: string;
}

export interface AuditFilter {
  readonly actor?: string | undefined;
  /** Begins with: 'spec.' finds all of the room. */
  readonly action?: string | undefined;
  readonly target?: string | undefined;
  /** Entries older than this one. */
  readonly before?: number | undefined;
  readonly limit: number;
}

/** Returns entries, newest first. */
export const auditRecords = (
  queryable: Queryable,
  { actor, action, target, before, limit }: AuditFilter,
): Promise<readonly AuditRecord[]> =>
  queryable.query<AuditRecord>(
    `SELECT id, at, actor, action, target, reason, detail, encode(hash, 'hex') AS hash FROM ops.audit
     WHERE ($1::text IS NULL OR actor = $1) AND ($2::text IS NULL OR starts_with(action, $2)) AND ($3::text IS NULL OR target = $3)
       AND ($4::bigint IS NULL OR id < $4) ORDER BY id DESC LIMIT $5`,
    [actor ?? null, action ?? null, target ?? null, before ?? null, limit],
  );

export interface AuditChain {
  readonly entries: number;
  /** The first entry that is not what was written, or does not follow the one before it; undefined when all are. */
  readonly brokenAt: number | undefined;
}

/** Returns whether the log is what was written: every hash is computed again. */
export async function auditChain(queryable: Queryable): Promise<AuditChain> {
  const [row] = await queryable.query<{ entries: number; broken: number | null }>(
    `WITH c AS (SELECT a.id, a.previous, a.hash, lag(a.hash, 1, '\\x'::bytea) OVER w AS before, row_number() OVER w AS n,
       ops.audit_hash(a.previous, a.id, a.at, a.actor, a.action, a.target, a.reason, a.detail) AS own FROM ops.audit a WINDOW w AS (ORDER BY a.id))
     SELECT count(*) AS entries, coalesce(min(c.id) FILTER (WHERE c.id <> c.n OR c.previous <> c.before OR c.hash <> c.own),
       (SELECT CASE WHEN h.id <> coalesce(max(c.id), 0) THEN coalesce(max(c.id), 0) + 1 END FROM ops.audit_head h)) AS broken FROM c`,
  );
  return { entries: row?.entries ?? 0, brokenAt: row?.broken ?? undefined };
}
