/** A vocabulary upgrade with two servers on one PostgreSQL: who loads and one of the servers are killed half-way; the other one finishes it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { STARTER_FOLDER } from '../../services/commands/vocabulary/folder.ts';
import { type Database, openDatabase } from '../../services/database/connect.ts';
import { type Folder, folder, MAIN, ranAlone } from '../commands/command-line.ts';
import { freshDatabase } from '../fresh-database.ts';
import { at, listAt } from '../http/door.ts';
import { type ServerProcess, startServer } from './server-process.ts';

/** Several batches of what is made again in one transaction. */
const OBSERVATIONS = 250;
/** POLYSEME_TEST_UPGRADE=whole: a loader is killed before the switch too, a server comes back, and the same release is loaded again. */
const IS_WHOLE = process.env['POLYSEME_TEST_UPGRADE'] === 'whole';
const HEMOGLOBIN = '3000963';
const CONCEPTS = 'https://fhir-terminology.ohdsi.org';

/** The starter set as a later release in which hemoglobin belongs to another domain. */
function nextRelease(dir: Folder, name: string, domain: string): string {
  const path = join(dir.path, name);
  cpSync(STARTER_FOLDER, path, { recursive: true });
  const change = (file: string, from: RegExp, to: string) =>
    writeFileSync(join(path, file), readFileSync(join(path, file), 'utf8').replace(from, to));
  change('CONCEPT.csv', /^(3000963\t[^\t]*\t)\w+/m, `$1${domain}`);
  change('VOCABULARY.csv', /v5\.0 [^\t\n]+/, `v5.0 ${name}`);
  return path;
}

const observation = (n: number) => ({
  resourceType: 'Observation',
  id: `o${n}`,
  status: 'final',
  code: { coding: [{ system: 'http://loinc.org', code: '718-7' }] },
  subject: { reference: 'Patient/p' },
  effectiveDateTime: '2024-05-01',
  valueQuantity: { value: 13, unit: 'g/dL', system: 'http://unitsofmeasure.org', code: 'g/dL' },
});

async function put(server: ServerProcess, resource: { readonly resourceType: string; readonly id: string }): Promise<number> {
  const headers = { 'content-type': 'application/fhir+json' };
  const body = JSON.stringify(resource);
  const answer = await fetch(`${server.httpUrl}/fhir/R4/${resource.resourceType}/${resource.id}`, { method: 'PUT', headers, body });
  return answer.status;
}

async function putAll(server: ServerProcess): Promise<void> {
  const patient = { resourceType: 'Patient', id: 'p', gender: 'male', birthDate: '1970-01-01' };
  const all = [patient, ...Array.from({ length: OBSERVATIONS }, (_, n) => observation(n))];
  const entry = all.map((resource) => ({ resource, request: { method: 'PUT', url: `${resource.resourceType}/${resource.id}` } }));
  const answer = await fetch(`${server.httpUrl}/fhir/R4`, {
    method: 'POST',
    headers: { 'content-type': 'application/fhir+json' },
    body: JSON.stringify({ resourceType: 'Bundle', type: 'transaction', entry }),
  });
  expect(answer.status).toBe(200);
}

/** Which release a server answers from, and the domain of hemoglobin in the same answer. */
async function told(server: ServerProcess): Promise<string> {
  const answer = await fetch(`${server.httpUrl}/fhir/R4/CodeSystem/$lookup?system=${CONCEPTS}&code=${HEMOGLOBIN}&property=domain_id`);
  const body: unknown = await answer.json();
  const value = (name: string) =>
    at(
      listAt(body, 'parameter').find((each) => at(each, 'name') === name),
      'valueString',
    );
  const domain = listAt(body, 'parameter').find((each) => at(each, 'name') === 'property');
  return `${answer.status} ${value('version')} ${Object.values(Object(at(domain, 'part', 1)))[1]}`;
}

const count = async (database: Database, table: string): Promise<number> =>
  (await database.query<{ n: number }>(`SELECT count(*) AS n FROM cdm.${table} WHERE ${table}_concept_id = ${HEMOGLOBIN}`))[0]?.n ?? -1;
const state = async (database: Database) =>
  (
    await database.query<{ release: string; open: number; done: number }>(
      `SELECT (SELECT vocabulary_version FROM cdm.vocabulary WHERE vocabulary_id = 'None') AS release,
         (SELECT count(*) FROM ops.vocabulary_upgrade WHERE finished_at IS NULL) AS open,
         (SELECT coalesce(max(done_key), -1) FROM ops.vocabulary_upgrade WHERE finished_at IS NULL) AS done`,
    )
  )[0] ?? { release: '', open: -1, done: -1 };

/** Asks again until it holds; a test's own time limit ends it. */
async function until(holds: () => Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 20));
}

async function killed(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return;
  const gone = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGKILL');
  await gone;
}

it('is finished by the server that is left when the loader and the other server are killed; nobody sees a mixture', async () => {
  using dir = folder();
  const fresh = await freshDatabase();
  const database = openDatabase(fresh.url);
  const environment = { POLYSEME_DATABASE_URL: fresh.url, POLYSEME_DATA_DIR: join(dir.path, 'data') };
  const load = (release: string) =>
    spawn(process.execPath, [MAIN, 'vocabulary', 'load', release], {
      env: { PATH: process.env['PATH'] ?? '', ...environment },
      stdio: 'ignore',
    });
  const first = await startServer(environment);
  const second = await startServer(environment);
  const servers = new Set([first, second]);
  try {
    await putAll(first);
    expect([await count(database, 'measurement'), await count(database, 'observation')]).toEqual([OBSERVATIONS, 0]);
    const seen = new Set<string>();
    const statuses = new Set<number>();
    let isOver = false;
    let written = 0;
    const asking = (async () => {
      while (!isOver)
        for (const each of [...servers]) seen.add(await told(each).catch((error) => (servers.has(each) ? String(error) : '')));
    })();
    const writing = (async () => {
      for (; !isOver; written++) statuses.add(await put(first, observation(OBSERVATIONS + written)));
    })();

    // Before the switch: nothing has changed.
    if (IS_WHOLE) {
      const early = load(nextRelease(dir, 'EARLY', 'Observation'));
      await new Promise((resolve) => setTimeout(resolve, 50));
      await killed(early);
      const before = await state(database);
      if (before.open === 0) expect([before.release.includes('EARLY'), await count(database, 'observation')]).toEqual([false, 0]);
    }

    // After it: the rows are being made again when the loader and one server die.
    const loader = load(nextRelease(dir, 'NEXT', 'Observation'));
    await until(async () => (await state(database)).release === 'v5.0 NEXT');
    servers.delete(second);
    await Promise.all([killed(loader), second.kill()]);
    const half = await state(database);
    await until(async () => (await state(database)).open === 0);
    isOver = true;
    await Promise.all([asking, writing]);
    expect([await count(database, 'measurement'), await count(database, 'observation')]).toEqual([0, OBSERVATIONS + written]);
    expect([...statuses].toSorted()).toEqual([201]);
    expect([...seen].filter((each) => !/^$|^200 v5\.0 (?!NEXT).* Measurement$|^200 v5\.0 NEXT Observation$/.test(each))).toEqual([]);
    expect(await told(first)).toBe('200 v5.0 NEXT Observation');

    // Who comes back answers from it, and the same load again finds nothing to do.
    if (IS_WHOLE) {
      const again = await startServer(environment);
      servers.add(again);
      expect(await told(again)).toBe('200 v5.0 NEXT Observation');
      const { code, out } = await ranAlone(['vocabulary', 'load', join(dir.path, 'NEXT'), '--json'], environment);
      expect([code, JSON.parse(out).release, (await state(database)).open]).toEqual([0, 'v5.0 NEXT', 0]);
    }
    console.log(`killed with ${half.open === 0 ? 'all' : `resources up to ${half.done}`} made again; ${written} writes meanwhile`);
  } finally {
    await Promise.all([...servers].map((server) => server.kill()));
    await database.close();
    await fresh.drop();
  }
});
