/** Counts all checks of data quality on one unchanging picture of the CDM: each table is read a few times, however many checks it has. */

import { Refusal } from '../../errors.ts';
import type { Check, Counted } from '../../omop/quality.ts';
import type { Database, Transaction } from '../connect.ts';
import { safe } from '../failures.ts';
import { type EarlierRun, lookAt, type Seen, stillHolding, tablesRead } from './quality-changed.ts';
import { conceptCounts, genderCounts, unitCounts } from './quality-concepts.ts';
import { type Catalog, fromText, type Plan, planOf } from './quality-sql.ts';

export interface CountedChecks {
  readonly counts: ReadonlyMap<string, Counted>;
  /** What was asked for each check, for the reader of a report. */
  readonly texts: ReadonlyMap<string, string>;
  readonly seconds: number;
  /** What was looked at, for the next run. */
  readonly seen: Seen;
  /** How many checks were counted; the others are as the earlier run counted them. */
  readonly recounted: number;
}

const STATEMENT_MS = 6 * 3_600_000;
const SORTING = '256MB';

/**
 * Returns the counts of checks; what is not there has none. `progress` is told of tables that are done. With an earlier run only what reads a
 * changed table is counted again: the counts are the same as without it.
 */
export async function countChecks(
  database: Database,
  checks: readonly Check[],
  progress: (done: number, of: number) => void = () => {},
  earlier?: EarlierRun,
): Promise<CountedChecks> {
  const begunMs = performance.now();
  const counts = new Map<string, Counted>();
  const texts = new Map<string, string>();
  const { seen, recounted } = await database.snapshot(
    async (tx) => {
      // Whole tables are read and joined: row by row would take hours where a table has no statistics yet.
      await tx.query(`SELECT set_config('work_mem', '${SORTING}', true), set_config('enable_nestloop', 'off', true)`);
      const catalog = await catalogOf(tx);
      const read = new Set(checks.flatMap((check) => tablesRead(check, catalog)));
      const now = await lookAt(tx, catalog, read);
      const held = earlier === undefined ? new Map() : await stillHolding(tx, checks, catalog, earlier, now);
      for (const [id, counted] of held) counts.set(id, counted);
      for (const check of checks) {
        const plan = held.has(check.id) ? planOf(check, catalog) : undefined;
        if (plan !== undefined) texts.set(check.id, textOf(check.table, plan, catalog));
      }
      const wanted = checks.filter(({ id }) => !held.has(id));
      const tables = Map.groupBy(wanted, ({ table }) => table);
      let done = 0;
      for (const [table, all] of tables) {
        await countTable(tx, table, all, catalog, counts, texts);
        progress(++done, tables.size);
      }
      return { seen: now, recounted: wanted.length };
    },
    { timeoutMs: STATEMENT_MS },
  );
  return { counts, texts, seconds: (performance.now() - begunMs) / 1000, seen, recounted };
}

/** Returns the tables, columns and unique keys of the CDM as the database has them. */
export async function catalogOf(tx: Transaction): Promise<Catalog> {
  const columns = await tx.query<{ name: string; type: string }>(
    `SELECT c.relname || '.' || a.attname AS name, format_type(a.atttypid, NULL) AS type FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped WHERE n.nspname = 'cdm' AND c.relkind IN ('r', 'p', 'v', 'm')`,
  );
  const unique = await tx.query<{ name: string }>(
    `SELECT c.relname || '.' || a.attname AS name FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid JOIN pg_namespace n ON n.oid = c.relnamespace
     JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = i.indkey[0]
     WHERE n.nspname = 'cdm' AND i.indisunique AND i.indisvalid AND i.indnkeyatts = 1 AND i.indpred IS NULL AND i.indexprs IS NULL`,
  );
  return {
    columns: new Map(columns.map(({ name, type }) => [name, type])),
    tables: new Set(columns.map(({ name }) => name.slice(0, name.indexOf('.')))),
    unique: new Set(unique.map(({ name }) => name)),
  };
}

type RowsPlan = Extract<Plan, { kind: 'rows' }>;
interface Planned<P extends Plan = Plan> {
  readonly check: Check;
  readonly plan: P;
}

const isRows = (each: Planned): each is Planned<RowsPlan> => each.plan.kind === 'rows';

async function countTable(
  tx: Transaction,
  table: string,
  checks: readonly Check[],
  catalog: Catalog,
  counts: Map<string, Counted>,
  texts: Map<string, string>,
): Promise<void> {
  const planned = checks.flatMap((check): readonly Planned[] => {
    const plan = planOf(check, catalog);
    return plan === undefined ? [] : [{ check, plan }];
  });
  for (const { check, plan } of planned) {
    texts.set(check.id, textOf(table, plan, catalog));
    if (plan.kind === 'catalog') counts.set(check.id, { violated: plan.violated, rows: plan.rows });
  }
  const rows = planned.filter(isRows);
  if (rows.length > 0) await countRows(tx, table, rows, catalog, counts);
  for (const { check, plan } of planned) if (plan.kind === 'alone') await countAlone(tx, check, plan.text, counts);
  const of = (kind: Plan['kind']): readonly Check[] => planned.flatMap(({ check, plan }) => (plan.kind === kind ? [check] : []));
  const concepts = of('concepts');
  if (concepts.length > 0) await guarded(tx, concepts, counts, () => conceptCounts(tx, table, concepts));
  for (const [field, all] of Map.groupBy(of('genders'), (check) => check.field))
    await guarded(tx, all, counts, () => genderCounts(tx, table, field, all));
  for (const [field, all] of Map.groupBy(of('units'), (check) => check.field))
    await guarded(tx, all, counts, () => unitCounts(tx, table, field, all));
}

function textOf(table: string, plan: Plan, catalog: Catalog): string {
  if (plan.kind === 'alone') return plan.text;
  return plan.kind === 'rows' ? `SELECT count(*) ${fromText(table, [plan], catalog)} WHERE ${plan.violated}` : '';
}

/** Runs what counts checks; a failure is theirs alone, the picture stays. */
async function guarded(
  tx: Transaction,
  checks: readonly Check[],
  counts: Map<string, Counted>,
  count: () => Promise<ReadonlyMap<string, Counted>>,
): Promise<boolean> {
  await tx.query('SAVEPOINT counting');
  try {
    for (const [id, counted] of await count()) counts.set(id, counted);
    await tx.query('RELEASE SAVEPOINT counting');
    return true;
  } catch (error) {
    const failure = safe(error);
    if (!(failure instanceof Refusal)) throw failure;
    await tx.query('ROLLBACK TO SAVEPOINT counting');
    for (const { id } of checks) counts.set(id, { error: failure.problems[0]?.text ?? 'the database refused it' });
    return false;
  }
}

const countAlone = (tx: Transaction, check: Check, text: string, counts: Map<string, Counted>): Promise<boolean> =>
  guarded(tx, [check], counts, async () => {
    const [row] = await tx.query<{ violated: number; rows: number }>(text);
    return new Map([[check.id, { violated: row?.violated ?? 0, rows: row?.rows ?? 0 }]]);
  });

/** Counts conditions in one reading. A statement that fails is taken apart until what fails stands alone. */
async function countRows(
  tx: Transaction,
  table: string,
  planned: readonly Planned<RowsPlan>[],
  catalog: Catalog,
  counts: Map<string, Counted>,
): Promise<void> {
  const conditions = [...new Set(planned.flatMap(({ plan }) => [violatedOf(plan), plan.rows ?? '']))];
  const columns = conditions.map((condition, i) => `count(*)${condition === '' ? '' : ` FILTER (WHERE ${condition})`} AS c${i}`);
  const text = `SELECT ${columns.join(', ')} ${fromText(
    table,
    planned.map(({ plan }) => plan),
    catalog,
  )}`;
  const isDone = await guarded(
    tx,
    planned.map(({ check }) => check),
    counts,
    async () => {
      const [row] = await tx.query<Readonly<Record<string, number>>>(text);
      const of = (condition: string): number => row?.[`c${conditions.indexOf(condition)}`] ?? 0;
      return new Map(planned.map(({ check, plan }) => [check.id, { violated: of(violatedOf(plan)), rows: of(plan.rows ?? '') }]));
    },
  );
  if (isDone || planned.length === 1) return;
  const half = planned.length >> 1;
  await countRows(tx, table, planned.slice(0, half), catalog, counts);
  await countRows(tx, table, planned.slice(half), catalog, counts);
}

/** A row that is not looked at cannot violate. */
const violatedOf = ({ violated, rows }: RowsPlan): string => (rows === undefined ? violated : `${violated} AND ${rows}`);
