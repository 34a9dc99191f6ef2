/** Brings a database to the schema this version needs. Forward only; each migration is one transaction. */
import knex, { type Knex } from 'knex';
import pg from 'pg';
import { problem, Refusal } from '../errors.ts';
import { openDatabase } from './connect.ts';
import { safe } from './failures.ts';
import * as journal from './migrations/0001_journal.ts';
import * as fhir from './migrations/0002_fhir.ts';
import * as cdm from './migrations/0003_cdm.ts';
import * as ops from './migrations/0004_ops.ts';
import * as eventOrder from './migrations/0005_event_order.ts';
import * as search from './migrations/0006_search.ts';
import * as journalKeys from './migrations/0007_journal_keys.ts';
import * as packages from './migrations/0008_packages.ts';
import * as searchParameters from './migrations/0009_search_parameters.ts';
import * as kin from './migrations/0010_kin.ts';
import * as outgoing from './migrations/0010_outgoing.ts';
import * as vocabularyState from './migrations/0011_vocabulary_state.ts';
import * as exports from './migrations/0012_exports.ts';
import * as removedParameters from './migrations/0013_removed_parameters.ts';
import * as answersQuality from './migrations/0014_answers_quality.ts';
import * as specs from './migrations/0015_specs.ts';
import * as omopTables from './migrations/0016_omop_tables.ts';
import * as imports from './migrations/0017_imports.ts';
import * as consoleOmop from './migrations/0018_console_omop.ts';
import * as statementOrigin from './migrations/0019_statement_origin.ts';
import * as privacy from './migrations/0020_privacy.ts';
import * as views from './migrations/0021_views.ts';
import * as receivers from './migrations/0022_receivers.ts';
import * as person from './migrations/0023_person.ts';
import * as byDateAndChecks from './migrations/0024_by_date_and_checks.ts';
import * as viewTouch from './migrations/0025_view_touch.ts';
import * as rowsDue from './migrations/0026_rows_due.ts';
import * as patches from './migrations/0027_patches.ts';
import * as standIns from './migrations/0028_stand_ins.ts';
import * as told from './migrations/0029_told.ts';
import * as searchDefinitions from './migrations/0030_search_definitions.ts';
import * as streams from './migrations/0031_streams.ts';
import * as joinedStays from './migrations/0032_joined_stays.ts';
import * as over from './migrations/0033_over.ts';
import * as closureTables from './migrations/0034_closure_tables.ts';
import * as savedQueryVersions from './migrations/0035_saved_query_versions.ts';
import * as longDates from './migrations/0036_long_dates.ts';
import * as sourceRules from './migrations/0037_source_rules.ts';

interface Migration {
  readonly name: string;
  readonly up: (knex: Knex) => Promise<void>;
}

/** Every migration in order. A published one is never changed: what follows it is a new one. */
const MIGRATIONS: readonly Migration[] = [
  { name: '0001_journal', up: journal.up },
  { name: '0002_fhir', up: fhir.up },
  { name: '0003_cdm', up: cdm.up },
  { name: '0004_ops', up: ops.up },
  { name: '0005_event_order', up: eventOrder.up },
  { name: '0006_search', up: search.up },
  { name: '0007_journal_keys', up: journalKeys.up },
  { name: '0008_packages', up: packages.up },
  { name: '0009_search_parameters', up: searchParameters.up },
  { name: '0010_kin', up: kin.up },
  { name: '0010_outgoing', up: outgoing.up },
  { name: '0011_vocabulary_state', up: vocabularyState.up },
  { name: '0012_exports', up: exports.up },
  { name: '0013_removed_parameters', up: removedParameters.up },
  { name: '0014_answers_quality', up: answersQuality.up },
  { name: '0015_specs', up: specs.up },
  { name: '0016_omop_tables', up: omopTables.up },
  { name: '0017_imports', up: imports.up },
  { name: '0018_console_omop', up: consoleOmop.up },
  { name: '0019_statement_origin', up: statementOrigin.up },
  { name: '0020_privacy', up: privacy.up },
  { name: '0021_views', up: views.up },
  { name: '0022_receivers', up: receivers.up },
  { name: '0023_person', up: person.up },
  { name: '0024_by_date_and_checks', up: byDateAndChecks.up },
  { name: '0025_view_touch', up: viewTouch.up },
  { name: '0026_rows_due', up: rowsDue.up },
  { name: '0027_patches', up: patches.up },
  { name: '0028_stand_ins', up: standIns.up },
  { name: '0029_told', up: told.up },
  { name: '0030_search_definitions', up: searchDefinitions.up },
  { name: '0031_streams', up: streams.up },
  { name: '0032_joined_stays', up: joinedStays.up },
  { name: '0033_over', up: over.up },
  { name: '0034_closure_tables', up: closureTables.up },
  { name: '0035_saved_query_versions', up: savedQueryVersions.up },
  { name: '0036_long_dates', up: longDates.up },
  { name: '0037_source_rules', up: sourceRules.up },
];

// One number for all Polyseme migrators of one database; advisory locks end with their session, so a killed migrator blocks nobody.
const MIGRATOR_LOCK = 7_401_936_125;

const source: Knex.MigrationSource<Migration> = {
  getMigrations: async () => [...MIGRATIONS],
  getMigrationName: (migration) => migration.name,
  getMigration: async (migration) => ({
    up: migration.up,
    down: async () => {
      throw new Error('Migrations go forward only; restore a backup instead.');
    },
  }),
};

/**
 * Applies the migrations that the database at `url` lacks and returns their names. Several processes may call it at once: one
 * works, the others wait. Throws Refusal: database-unreachable, database-too-old, database-not-durable, database-schema-newer.
 */
export async function migrate(url: string): Promise<readonly string[]> {
  const database = openDatabase(url, { max: 1, applicationName: 'polyseme migrate' });
  try {
    await database.assertDurable();
  } finally {
    await database.close();
  }
  const guard = new pg.Client({ connectionString: url, application_name: 'polyseme migrate' });
  try {
    await guard.connect();
    await guard.query('SELECT pg_advisory_lock($1::bigint)', [MIGRATOR_LOCK]);
    await guard.query('CREATE SCHEMA IF NOT EXISTS ops');
    const applied = await apply(url, guard);
    await guard.query('SELECT journal.ensure_partitions(2)');
    return applied;
  } catch (error) {
    throw safe(error);
  } finally {
    await guard.end().catch(() => {});
  }
}

async function apply(url: string, guard: pg.Client): Promise<readonly string[]> {
  const known = new Set(MIGRATIONS.map((each) => each.name));
  const table = await guard.query<{ found: string | null }>(`SELECT to_regclass('ops.migration')::text AS found`);
  if ((table.rows[0]?.found ?? null) !== null) {
    const { rows } = await guard.query<{ name: string }>('SELECT name FROM ops.migration ORDER BY id DESC');
    const stranger = rows.find((each) => !known.has(each.name));
    if (stranger !== undefined) throw new Refusal([problem('database-schema-newer', { migration: stranger.name })]);
  }
  const migrator = knex({
    client: 'pg',
    connection: { connectionString: url, application_name: 'polyseme migrate', options: '-c TimeZone=UTC -c search_path=pg_catalog' },
    pool: { min: 0, max: 2 },
    migrations: { migrationSource: source, tableName: 'migration', schemaName: 'ops' },
  });
  try {
    // A migrator that was killed leaves knex's own lock row set; we hold the real lock, so nobody else is at work.
    if (table.rows[0]?.found) await migrator.migrate.forceFreeMigrationsLock();
    const [, applied]: [number, string[]] = await migrator.migrate.latest();
    return applied;
  } finally {
    await migrator.destroy();
  }
}
