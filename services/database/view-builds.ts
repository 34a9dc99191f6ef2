/**
 * Tables of ViewDefinitions: filled once, then kept in step by what a trigger on fhir.resource says was touched. A build is one version of a
 * definition; while a newer one is built the table is still that of the older, kept in step too, and a failed build leaves no table behind.
 */
import { type Problem, problem, Refusal } from '../errors.ts';
import type { View } from '../fhir/views/view-read.ts';
import { audit } from './audit.ts';
import type { Database, Queryable, Transaction } from './connect.ts';
import { typeNumber } from './resources/resources.ts';
import { holdIndex } from './search/parameters.ts';
import { sqlRole } from './sql/reader.ts';
import { ofTheView } from './view-faults.ts';
import { plainArray, textArray } from './wire.ts';

/** A definition as it is stored. */
export interface ViewVersion {
  readonly id: string;
  readonly version: number;
  readonly body: string;
}

export interface ViewBuild {
  readonly viewId: string;
  readonly version: number;
  /** Of the table, in schema views. */
  readonly name: string;
  readonly state: 'building' | 'ready' | 'failed';
  readonly problems: readonly Problem[];
  /** How many resources wait for their rows to be made again. */
  readonly touched: number;
  /** ISO instants. */
  readonly createdAt: string;
  readonly readyAt: string | undefined;
}

/** A cell as PostgreSQL reads it. */
export type ViewCell = string | null;

/** How a definition becomes rows; throws Refusal for a definition that is none. */
export interface ViewReading {
  readonly view: View;
  /** The rows of a resource, given its text; throws Refusal where the view does not fit it. */
  readonly rowsOf: (body: string) => readonly (readonly ViewCell[])[];
}
export type ReadView = (definition: string) => ViewReading;

interface BuildRow {
  readonly id: number;
  readonly view_id: string;
  readonly name: string;
  readonly definition: string;
  readonly type: number;
  readonly state: ViewBuild['state'];
  readonly done_key: number;
  readonly last_key: number;
}

const PAGE = 500;
const KEY = '"_resource_key"';
const LONGEST_NAME = 63;

const tableOf = ({ id, name, state }: Pick<BuildRow, 'id' | 'name' | 'state'>): string =>
  state === 'ready' ? `views."${name}"` : `ops.view_${id}`;

type SqlType = 'text' | 'bigint' | 'numeric' | 'boolean' | 'jsonb';

function sqlType({ type, collection }: View['selection']['out'][number]): SqlType {
  if (collection) return 'jsonb';
  if (type === 'boolean' || type === 'decimal') return type === 'decimal' ? 'numeric' : 'boolean';
  return /^(integer|integer64|positiveInt|unsignedInt)$/.test(type ?? '') ? 'bigint' : 'text';
}

const refused = (reason: string): Refusal => new Refusal([problem('view-table', { reason })]);

/** The name of a view's table; the names of its columns are those of the view. Throws Refusal view-table. */
function namedTable({ name, selection }: View): string {
  const table = name.toLowerCase();
  if (!/^[a-z][a-z0-9_]*$/.test(table) || table.length > LONGEST_NAME)
    throw refused(`its name has to begin with a letter and have at most ${LONGEST_NAME} letters, digits and underscores`);
  const long = selection.out.find((column) => column.name.length > LONGEST_NAME);
  if (long !== undefined) throw refused(`the name of column ${long.name.slice(0, 40)}… is longer than ${LONGEST_NAME} letters`);
  return table;
}

/** Begins to make a definition a table, unless this version is one already or is being made. Throws Refusal view-table, and those of the definition. */
export async function materialise(database: Database, definition: ViewVersion, actor: string, read: ReadView): Promise<void> {
  await database.transaction(async (tx) => {
    if (await begin(tx, definition, read))
      await audit(tx, { actor, action: 'view.materialize', target: `ViewDefinition/${definition.id}` });
  });
}

async function begin(tx: Transaction, { id: viewId, version, body }: ViewVersion, read: ReadView): Promise<boolean> {
  // Nobody writes meanwhile: whoever writes afterwards touches the build, what was written before is found by it.
  await holdIndex(tx);
  const { view } = read(body);
  const name = namedTable(view);
  const builds = await tx.query<BuildRow & { readonly version: number }>('SELECT * FROM ops.view_build WHERE view_id = $1 OR name = $2', [
    viewId,
    name,
  ]);
  if (builds.some((each) => each.view_id !== viewId && each.state !== 'failed')) throw refused(`another view has the table ${name}`);
  const own = builds.filter((each) => each.view_id === viewId);
  if (own.some((each) => each.version === version && each.state !== 'failed')) return false;
  await drop(
    tx,
    own.filter(({ state }) => state !== 'ready'),
  );
  const type = typeNumber(view.resource);
  const [build] = await tx.query<{ id: number }>(
    `INSERT INTO ops.view_build (view_id, version, name, definition, type, last_key)
     SELECT $1, $2, $3, $4, $5, coalesce(max(resource_key), 0) FROM fhir.resource RETURNING id`,
    [viewId, version, name, body, type],
  );
  if (build === undefined) throw refused('it was not begun');
  const columns = view.selection.out.map((column) => `, "${column.name}" ${sqlType(column)}`);
  await tx.run(`CREATE TABLE ops.view_${build.id} (${KEY} bigint NOT NULL${columns.join('')})`);
  await tx.run(`CREATE INDEX ON ops.view_${build.id} (${KEY})`);
  for (const [when, what, row] of [
    ['written', 'INSERT OR UPDATE', 'NEW'],
    ['gone', 'DELETE', 'OLD'],
  ] as const)
    await tx.run(
      `CREATE OR REPLACE TRIGGER view_${when}_${type} AFTER ${what} ON fhir.resource
       FOR EACH ROW WHEN (${row}.type = ${type}) EXECUTE FUNCTION ops.view_touch('${type}')`,
    );
  return true;
}

async function drop(tx: Transaction, builds: readonly Pick<BuildRow, 'id' | 'name' | 'state'>[]): Promise<void> {
  for (const build of builds) {
    if (build.state !== 'failed') await tx.run(`DROP TABLE ${tableOf(build)}`);
    await tx.run('DELETE FROM ops.view_touched WHERE build = $1', [build.id]);
    await tx.run('DELETE FROM ops.view_build WHERE id = $1', [build.id]);
  }
}

/** Takes the table of a view away; returns false when it has none. */
export async function dematerialise(database: Database, viewId: string, actor: string): Promise<boolean> {
  return database.transaction(async (tx) => {
    const builds = await tx.query<BuildRow>('SELECT * FROM ops.view_build WHERE view_id = $1 FOR UPDATE', [viewId]);
    await drop(tx, builds);
    if (builds.length > 0) await audit(tx, { actor, action: 'view.dematerialize', target: `ViewDefinition/${viewId}` });
    return builds.length > 0;
  });
}

/** Returns what was made a table, or of one view; of one that is built again both. */
export async function viewBuilds(database: Queryable, viewId?: string): Promise<readonly ViewBuild[]> {
  const rows = await database.query<{
    readonly view_id: string;
    readonly version: number;
    readonly name: string;
    readonly state: ViewBuild['state'];
    readonly problems: readonly Problem[];
    readonly touched: number;
    readonly created_at: string;
    readonly ready_at: string | null;
  }>(
    `SELECT b.view_id, b.version, b.name, b.state, b.problems, b.created_at, b.ready_at,
       (SELECT count(DISTINCT t.resource_key) FROM ops.view_touched t WHERE t.build = b.id) AS touched
     FROM ops.view_build b WHERE $1::text IS NULL OR b.view_id = $1 ORDER BY b.name, b.id`,
    [viewId ?? null],
  );
  return rows.map(({ view_id, created_at, ready_at, ...row }) => ({
    ...row,
    viewId: view_id,
    createdAt: created_at,
    readyAt: ready_at ?? undefined,
  }));
}

/** Does the next part of what is to be made or made again, in one transaction; returns false when all tables are as the views. */
export async function refreshViews(database: Database, read: ReadView): Promise<boolean> {
  if (await followDefinition(database, read)) return true;
  let taken: number | undefined;
  try {
    return await database.transaction(async (tx) => {
      const [build] = await tx.query<BuildRow>(
        `SELECT b.* FROM ops.view_build b WHERE b.state = 'building'
           OR (b.state = 'ready' AND EXISTS (SELECT FROM ops.view_touched t WHERE t.build = b.id))
         ORDER BY b.state DESC, b.id LIMIT 1 FOR UPDATE SKIP LOCKED`,
      );
      taken = build?.id;
      if (build === undefined) return false;
      if (build.done_key < build.last_key) await fill(tx, build, read);
      else await renew(tx, build, read);
      return true;
    });
  } catch (error) {
    const problems = ofTheView(error);
    if (taken === undefined || problems === undefined) throw error;
    await fail(database, taken, problems);
    return true;
  }
}

/** A table that is not what the view says is taken away, that of an older definition too: whoever reads it hears that it is not there. */
async function fail(database: Database, id: number, problems: readonly Problem[]): Promise<void> {
  await database.transaction(async (tx) => {
    const [build] = await tx.query<BuildRow>("SELECT * FROM ops.view_build WHERE id = $1 AND state <> 'failed' FOR UPDATE", [id]);
    if (build === undefined) return;
    const others = await tx.query<BuildRow>('SELECT * FROM ops.view_build WHERE view_id = $1 AND id < $2', [build.view_id, id]);
    await drop(tx, others);
    await tx.run(`DROP TABLE ${tableOf(build)}`);
    await tx.run('DELETE FROM ops.view_touched WHERE build = $1', [id]);
    await tx.run("UPDATE ops.view_build SET state = 'failed', problems = $2::jsonb WHERE id = $1", [id, JSON.stringify(problems)]);
  });
}

/** A definition that changed is built anew, that of a deleted one is taken away; one that is none any more has no table. */
async function followDefinition(database: Database, read: ReadView): Promise<boolean> {
  return database.transaction(async (tx) => {
    const [found] = await tx.query<{ view_id: string; version: number | null; deleted: boolean | null; body: string | null }>(
      `SELECT b.view_id, r.version, r.deleted, r.body
       FROM (SELECT view_id, max(version) AS version FROM ops.view_build GROUP BY view_id) b
       LEFT JOIN fhir.resource r ON r.type = $1 AND r.id = b.view_id
       WHERE r.rid IS NULL OR r.deleted OR r.version <> b.version LIMIT 1`,
      [typeNumber('ViewDefinition')],
    );
    if (found === undefined) return false;
    const { view_id: viewId, version, deleted, body } = found;
    const builds = await tx.query<BuildRow>('SELECT * FROM ops.view_build WHERE view_id = $1 FOR UPDATE', [viewId]);
    if (version === null || body === null || deleted === true) {
      await drop(tx, builds);
      return true;
    }
    await tx.query('SAVEPOINT begun');
    try {
      await begin(tx, { id: viewId, version, body }, read);
    } catch (error) {
      const problems = ofTheView(error);
      if (problems === undefined) throw error;
      await tx.query('ROLLBACK TO SAVEPOINT begun');
      await drop(tx, builds);
      await tx.run(
        `INSERT INTO ops.view_build (view_id, version, name, definition, type, state, problems) VALUES ($1, $2, $3, $4, 0, 'failed', $5::jsonb)`,
        [viewId, version, builds[0]?.name ?? '', body, JSON.stringify(problems)],
      );
    }
    return true;
  });
}

interface Body {
  readonly resource_key: number;
  readonly body: string;
}

async function fill(tx: Transaction, build: BuildRow, read: ReadView): Promise<void> {
  const bodies = await tx.query<Body>(
    `SELECT r.resource_key, r.body FROM fhir.resource r WHERE r.type = $1 AND NOT r.deleted AND r.resource_key > $2 AND r.resource_key <= $3
     ORDER BY r.resource_key LIMIT ${PAGE}`,
    [build.type, build.done_key, build.last_key],
  );
  await insert(tx, build, bodies, read);
  const last = bodies.length < PAGE ? build.last_key : bodies.at(-1)?.resource_key;
  await tx.run('UPDATE ops.view_build SET done_key = $2 WHERE id = $1', [build.id, last]);
}

/** Makes the rows of what was touched again; a build of which nothing is left to do becomes the table. */
async function renew(tx: Transaction, build: BuildRow, read: ReadView): Promise<void> {
  const touched = await tx.query<{ resource_key: number }>(
    `DELETE FROM ops.view_touched t USING (SELECT id FROM ops.view_touched WHERE build = $1 ORDER BY id LIMIT ${PAGE}) n
     WHERE t.build = $1 AND t.id = n.id RETURNING t.resource_key`,
    [build.id],
  );
  const keys = plainArray(new Set(touched.map((each) => each.resource_key)));
  // Another statement: it sees whatever touched them.
  const bodies = await tx.query<Body>(
    'SELECT resource_key, body FROM fhir.resource WHERE resource_key = ANY ($1::bigint[]) AND type = $2 AND NOT deleted',
    [keys, build.type],
  );
  await tx.run(`DELETE FROM ${tableOf(build)} WHERE ${KEY} = ANY ($1::bigint[])`, [keys]);
  await insert(tx, build, bodies, read);
  if (build.state === 'building' && touched.length < PAGE) await publish(tx, build);
}

async function publish(tx: Transaction, build: BuildRow): Promise<void> {
  await drop(tx, await tx.query<BuildRow>("SELECT * FROM ops.view_build WHERE view_id = $1 AND state = 'ready'", [build.view_id]));
  await tx.run(`ALTER TABLE ops.view_${build.id} SET SCHEMA views`);
  await tx.run(`ALTER TABLE views.view_${build.id} RENAME TO "${build.name}"`);
  const { role, exists } = await sqlRole(tx);
  if (exists) await tx.run(`GRANT SELECT ON views."${build.name}" TO ${role}`);
  await tx.run("UPDATE ops.view_build SET state = 'ready', ready_at = now() WHERE id = $1", [build.id]);
}

async function insert(tx: Transaction, build: BuildRow, bodies: readonly Body[], read: ReadView): Promise<void> {
  const { view, rowsOf } = read(build.definition);
  const rows = bodies.flatMap(({ resource_key, body }) => rowsOf(body).map((cells) => ({ key: resource_key, cells })));
  if (rows.length === 0) return;
  const columns = view.selection.out;
  const arrays = columns.map((_, i) => textArray(rows.map(({ cells }) => cells[i] ?? null)));
  await tx.run(
    `INSERT INTO ${tableOf(build)} SELECT u.k${columns.map((column, i) => `, u.c${i}::${sqlType(column)}`).join('')}
     FROM unnest($1::bigint[]${columns.map((_, i) => `, $${i + 2}::text[]`).join('')}) AS u (k${columns.map((_, i) => `, c${i}`).join('')})`,
    [plainArray(rows.map(({ key }) => key)), ...arrays],
  );
}
