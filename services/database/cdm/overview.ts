/** What the CDM holds: its tables with their counts, when each was last written, what waits, the release it was made with. */
import { ATHENA_TABLE_NAMES } from '../../../terminology/athena-tables.ts';
import { CDM_TABLES } from '../../omop/tables.ts';
import type { Database, Queryable } from '../connect.ts';
import { vocabularyRelease } from './row-concepts.ts';
import { ROW_TABLES } from './tables.ts';

export interface TableOverview {
  readonly table: string;
  readonly kind: 'rows' | 'derived' | 'vocabulary' | 'metadata';
  readonly rows: number;
  /** True: PostgreSQL's estimate, because counting would take long. */
  readonly isEstimate: boolean;
  readonly bytes: number;
  /** ISO 8601: when a resource with rows here was last written; undefined: not among the newest writes. */
  readonly lastWritten: string | undefined;
}

export interface CdmOverview {
  readonly tables: readonly TableOverview[];
  /** So many of the newest writes were looked at for `lastWritten`; the oldest of them, undefined when these were all. */
  readonly writesLooked: number;
  readonly looksBackTo: string | undefined;
  readonly waiting: Backlog;
  readonly release: string;
  /** The row of cdm_source; undefined before it is written. */
  readonly source: Readonly<Record<string, string | number | null>> | undefined;
}

export interface Backlog {
  /** Persons whose derived rows (periods, eras) are to be computed again. */
  readonly stalePersons: number;
  /** Resources whose rows are to be made again, because the answer to a code changed. */
  readonly remakes: number;
  /** References to what makes no row yet. */
  readonly references: number;
  /** Each was counted so far at most. */
  readonly most: number;
}

/** Tables up to this size are counted; counting reads them whole. */
const COUNTED_BYTES = 64_000_000;
const NEWEST_WRITES = 5_000;
const MOST_WAITING = 10_000;
const TIMEOUT_MS = 20_000;

const DERIVED = new Set(['observation_period', 'condition_era', 'drug_era', 'dose_era']);
const METADATA = new Set(['cdm_source', 'metadata', 'cohort', 'cohort_definition']);

function kindOf(table: string): TableOverview['kind'] {
  if (METADATA.has(table)) return 'metadata';
  if (DERIVED.has(table)) return 'derived';
  return ATHENA_TABLE_NAMES.some((name) => name === table) ? 'vocabulary' : 'rows';
}

interface SizeRow {
  readonly name: string;
  readonly estimate: number;
  readonly bytes: number;
}

/** Returns the overview as of one instant. Throws Refusal search-too-costly when a count takes longer than 20 seconds. */
export const cdmOverview = (database: Database): Promise<CdmOverview> =>
  database.snapshot(
    async (tx) => {
      const sizes = await tx.query<SizeRow>(
        `SELECT c.relname AS name, greatest(c.reltuples, 0)::bigint AS estimate, pg_table_size(c.oid) AS bytes FROM pg_class c
         JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = 'cdm' AND c.relkind = 'r'`,
      );
      const known = sizes.filter(({ name }) => Object.hasOwn(CDM_TABLES, name));
      const counts = await countsOf(
        tx,
        known.filter(({ bytes }) => bytes <= COUNTED_BYTES).map(({ name }) => name),
      );
      const written = await lastWrites(tx);
      const order = Object.keys(CDM_TABLES);
      return {
        tables: known
          .toSorted((a, b) => order.indexOf(a.name) - order.indexOf(b.name))
          .map(({ name, estimate, bytes }) => ({
            table: name,
            kind: kindOf(name),
            rows: counts.get(name) ?? estimate,
            isEstimate: !counts.has(name),
            bytes,
            lastWritten: written.byTable.get(name),
          })),
        writesLooked: written.looked,
        looksBackTo: written.looked < NEWEST_WRITES ? undefined : written.oldest,
        waiting: await backlog(tx),
        release: await vocabularyRelease(tx),
        source: (await tx.query<Record<string, string | number | null>>('SELECT * FROM cdm.cdm_source'))[0],
      };
    },
    { timeoutMs: TIMEOUT_MS },
  );

async function countsOf(tx: Queryable, tables: readonly string[]): Promise<ReadonlyMap<string, number>> {
  if (tables.length === 0) return new Map();
  const rows = await tx.query<{ readonly name: string; readonly n: number }>(
    tables.map((table) => `SELECT '${table}' AS name, count(*) AS n FROM cdm.${table}`).join(' UNION ALL '),
  );
  return new Map(rows.map(({ name, n }) => [name, n]));
}

/** Rows carry no time of their own: the resources that made them do, and which tables each has rows in. */
async function lastWrites(tx: Queryable) {
  const rows = await tx.query<{ readonly bit: number | null; readonly at: string; readonly looked: number }>(
    `WITH newest AS (SELECT updated, cdm_mask FROM fhir.resource ORDER BY rid DESC LIMIT ${NEWEST_WRITES})
     SELECT b.bit, max(n.updated) AS at, 0 AS looked FROM newest n CROSS JOIN generate_series(0, ${ROW_TABLES.length - 1}) b(bit)
     WHERE n.cdm_mask & (1 << b.bit) <> 0 GROUP BY b.bit
     UNION ALL SELECT NULL, min(updated), count(*) FROM newest`,
  );
  const whole = rows.find(({ bit }) => bit === null);
  return {
    byTable: new Map<string, string>(rows.flatMap(({ bit, at }) => (bit === null ? [] : [[ROW_TABLES[bit] ?? '', at] as const]))),
    looked: whole?.looked ?? 0,
    oldest: whole?.at,
  };
}

async function backlog(tx: Queryable): Promise<Backlog> {
  const few = (from: string): string => `(SELECT count(*) FROM (SELECT FROM ${from} LIMIT ${MOST_WAITING}) q)`;
  const [row] = await tx.query<Omit<Backlog, 'most'>>(
    `SELECT ${few('ops.stale_person')} AS "stalePersons", ${few('ops.remake')} AS remakes, ${few('ops.waiting_reference')} AS "references"`,
  );
  return { stalePersons: 0, remakes: 0, references: 0, ...row, most: MOST_WAITING };
}
