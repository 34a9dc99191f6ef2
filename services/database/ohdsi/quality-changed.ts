/** Which checks of data quality need counting again: those that read a table which has changed since another run looked. */
import { createHash } from 'node:crypto';
import * as z from 'zod';
import type { Check, Counted } from '../../omop/quality.ts';
import type { Queryable, Transaction } from '../connect.ts';
import { type Catalog, type Join, planOf } from './quality-sql.ts';

const SEEN = z.object({
  /** The oldest transaction that was not over yet: what later ones write was not seen. */
  xid: z.string(),
  /** Of this server and this database: elsewhere the numbers of transactions mean nothing. */
  system: z.string(),
  day: z.string(),
  catalog: z.string(),
  tables: z.record(z.string(), z.object({ file: z.string(), rows: z.number() })),
});
/** What a run looked at, by which a later one knows what has changed. */
export type Seen = z.infer<typeof SEEN>;

export interface EarlierRun {
  readonly seen: Seen;
  readonly counts: ReadonlyMap<string, Counted>;
}

/** Transactions are numbered in a circle of 2^32: beyond half of that older and newer cannot be told apart. */
const MOST_TRANSACTIONS = 2 ** 30;

const tableOf = (join: Join): string => (typeof join === 'string' ? (join === 'visit' ? 'visit_occurrence' : join) : join.table);

/** Returns the tables that the count of a check depends on. */
export function tablesRead(check: Check, catalog: Catalog): readonly string[] {
  const plan = planOf(check, catalog);
  if (plan === undefined || plan.kind === 'catalog') return [];
  const others = {
    rows: () => (plan.kind === 'rows' ? plan.joins.map(tableOf) : []),
    concepts: () => ['concept'],
    genders: () => ['person', 'concept_ancestor'],
    units: () => [],
    alone: () => [...ALONE, check.parameters[0]?.toLowerCase() ?? ''].filter((name) => catalog.tables.has(name)),
  };
  return [check.table, ...others[plan.kind]()];
}

/** What statements of their own read beside the checked table: few, and the same for all of them. */
const ALONE = ['person', 'condition_occurrence'];

/** True of a check whose limit moves with the day. */
const isOfToday = ({ parameters }: Check): boolean => parameters.some((each) => each.includes('GETDATE'));

/** Returns what these tables hold now. The transaction sees one picture. */
export async function lookAt(tx: Transaction, catalog: Catalog, tables: Iterable<string>): Promise<Seen> {
  const [now] = await tx.query<{ readonly xid: string; readonly system: string; readonly day: string }>(
    `SELECT pg_snapshot_xmin(pg_current_snapshot())::text AS xid, current_date::text AS day,
       (SELECT system_identifier FROM pg_control_system())::text || '/' || (SELECT oid FROM pg_database WHERE datname = current_database())::text AS system`,
  );
  const found: Record<string, { file: string; rows: number }> = {};
  for (const table of tables) {
    const [row] = await tx.query<{ readonly file: string; readonly rows: number }>(
      `SELECT coalesce(pg_relation_filenode('cdm.${table}'::regclass), 0)::text AS file, count(*) AS rows FROM cdm.${table}`,
    );
    if (row !== undefined) found[table] = row;
  }
  const columns = JSON.stringify([[...catalog.columns].sort(), [...catalog.unique].sort()]);
  const digest = createHash('sha256').update(columns).digest('hex');
  return { xid: now?.xid ?? '', system: now?.system ?? '', day: now?.day ?? '', catalog: digest, tables: found };
}

/** Returns the tables that are as they were when `before` was seen; none where that cannot be known. */
async function unchangedSince(tx: Transaction, before: Seen, now: Seen): Promise<ReadonlySet<string>> {
  const apart = BigInt(now.xid) - BigInt(before.xid);
  if (now.system !== before.system || now.catalog !== before.catalog || apart < 0n || apart > MOST_TRANSACTIONS) return new Set();
  const same = new Set<string>();
  for (const [table, { file, rows }] of Object.entries(now.tables)) {
    const known = before.tables[table];
    if (known === undefined || known.file !== file || known.rows !== rows) continue;
    // A row that was written or changed since carries the number of a transaction that was not over then; one that is gone is missed in the count.
    const [found] = await tx.query<{ readonly written: boolean }>(
      `SELECT EXISTS (SELECT FROM cdm.${table} WHERE age(xmin) <= age($1::text::xid)) AS written`,
      [String(BigInt(before.xid) & 0xffff_ffffn)],
    );
    if (found?.written === false) same.add(table);
  }
  return same;
}

/** Returns the counts of an earlier run that still hold: nothing that they depend on has changed. */
export async function stillHolding(
  tx: Transaction,
  checks: readonly Check[],
  catalog: Catalog,
  earlier: EarlierRun,
  now: Seen,
): Promise<ReadonlyMap<string, Counted>> {
  const same = await unchangedSince(tx, earlier.seen, now);
  const isToday = earlier.seen.day === now.day;
  const held = new Map<string, Counted>();
  for (const check of checks) {
    const counted = earlier.counts.get(check.id);
    if (counted === undefined || 'error' in counted || planOf(check, catalog) === undefined || (!isToday && isOfToday(check))) continue;
    if (same.size > 0 && tablesRead(check, catalog).every((table) => same.has(table))) held.set(check.id, counted);
  }
  return held;
}

/** Returns the last kept run by the same software that says what it saw; undefined when there is none. */
export async function earlierRun(queryable: Queryable, software: string): Promise<EarlierRun | undefined> {
  const [run] = await queryable.query<{ readonly id: number; readonly seen: unknown }>(
    'SELECT run_id AS id, seen FROM results.dq_run WHERE seen IS NOT NULL AND software = $1 ORDER BY run_id DESC LIMIT 1',
    [software],
  );
  const seen = SEEN.safeParse(run?.seen);
  if (run === undefined || !seen.success) return undefined;
  const rows = await queryable.query<{ readonly id: string; readonly violated: number; readonly rows: number }>(
    `SELECT check_id AS id, num_violated_rows AS violated, num_denominator_rows AS rows FROM results.dq_result
     WHERE run_id = $1 AND outcome <> 'error' AND num_violated_rows IS NOT NULL AND num_denominator_rows IS NOT NULL`,
    [run.id],
  );
  return { seen: seen.data, counts: new Map(rows.map(({ id, violated, rows: all }) => [id, { violated, rows: all }])) };
}
