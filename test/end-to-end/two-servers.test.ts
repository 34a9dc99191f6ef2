/** Two servers of one database: what is published at one runs at the other, without anybody telling it, and what both apply is by that release. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Database, openDatabase } from '../../services/database/connect.ts';
import { type FreshDatabase, freshDatabase } from '../fresh-database.ts';
import { at } from '../http/door.ts';
import { fixture } from '../parts.ts';
import { smallMaps } from '../specs-house.ts';
import { type ServerProcess, startServer } from './server-process.ts';

const PATIENT = 'v2-to-fhir/resources/pid-to-patient.yaml';
let fresh: FreshDatabase;
let database: Database;
let dir = '';
const servers: ServerProcess[] = [];
beforeAll(async () => {
  fresh = await freshDatabase();
  database = openDatabase(fresh.url);
  dir = mkdtempSync(join(tmpdir(), 'polyseme-two-'));
  smallMaps(join(dir, 'maps'));
  const environment = (name: string) => ({
    POLYSEME_DATABASE_URL: fresh.url,
    POLYSEME_DATA_DIR: join(dir, name),
    POLYSEME_MAPPINGS_DIR: join(dir, 'maps'),
  });
  // One after the other: the first one loads the vocabulary.
  servers.push(await startServer(environment('one')));
  servers.push(await startServer(environment('two')));
});
afterAll(async () => {
  await Promise.all(servers.map((each) => each.stop()));
  await database?.close();
  await fresh?.drop();
  rmSync(dir, { recursive: true, force: true });
});

async function ask(server: ServerProcess | undefined, method: string, path: string, body?: unknown, headers: Record<string, string> = {}) {
  const answer = await fetch(`${server?.httpUrl}${path}`, {
    method,
    headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
  const text = await answer.text();
  return { status: answer.status, body: text.startsWith('{') ? (JSON.parse(text) as unknown) : text };
}

/** Asks until it is so; how long it may take is the test's own limit. */
async function until(isSo: () => Promise<boolean>): Promise<void> {
  while (!(await isSo())) await new Promise((done) => setTimeout(done, 50));
}

const send = (server: ServerProcess | undefined, patient: string) => {
  const text = readFileSync(fixture('hl7v2', 'us-oru-r01-cbc.hl7'), 'utf8').replace(/^(MSH(?:\|[^|]*){8}\|)[^|]*/, `$1${patient}`);
  const own = text.replace(/^(PID\|[^|]*\|[^|]*\|)[^^|]*/m, `$1${patient}`);
  return ask(server, 'POST', '/hl7v2', own, { 'content-type': 'x-application/hl7-v2+er7' });
};

async function patientOf(id: string): Promise<unknown> {
  const [row] = await database.query<{ body: string }>(
    `SELECT body FROM fhir.resource WHERE NOT deleted AND body LIKE '{"resourceType":"Patient"%' AND body LIKE '%"' || $1 || '"%'`,
    [id],
  );
  return row && JSON.parse(row.body);
}

it('follow each other: published at one, run and replayed by both; rolled back at the other', async () => {
  const [one, two] = servers;
  expect((await send(two, 'BEFORE')).status).toBe(200);
  await until(async () => at(await patientOf('BEFORE'), 'birthDate') !== undefined);
  const text = readFileSync(join(dir, 'maps', PATIENT), 'utf8')
    .replace(/^version: .*$/m, 'version: 1.0.1')
    .replace(/^ {2}birthDate: .*$/m, '');
  const draft = await ask(one, 'POST', '/admin/maps/drafts', { title: 'two servers', files: [{ path: PATIENT, text }] });
  const begun = await ask(one, 'POST', `/admin/maps/drafts/${at(draft.body, 'id')}/plan`, {});
  // The other one tells how far it is.
  const planAt = async () => (await ask(two, 'GET', `/admin/maps/plans/${at(begun.body, 'id')}`)).body;
  await until(async () => at(await planAt(), 'state') !== 'running');
  const publication = { plan: at(begun.body, 'id'), reason: 'a test', acknowledge: at(await planAt(), 'summary', 'removals') };
  const published = await ask(one, 'POST', `/admin/maps/drafts/${at(draft.body, 'id')}/publish`, publication);
  expect([published.status, published.body]).toMatchObject([201, { releaseId: 2 }]);
  for (const server of [one, two]) await until(async () => at((await ask(server, 'GET', '/admin/maps')).body, 'running') === 2);
  expect((await send(two, 'AFTER')).status).toBe(200);
  await until(async () => (await patientOf('AFTER')) !== undefined);
  expect(await patientOf('AFTER')).not.toHaveProperty('birthDate');
  // What was there is made anew by whichever of both comes to it.
  await until(async () => at(await patientOf('BEFORE'), 'birthDate') === undefined);
  expect((await ask(two, 'POST', '/admin/maps/rollback', { release: 1, reason: 'back' })).status).toBe(200);
  for (const server of [one, two]) await until(async () => at((await ask(server, 'GET', '/admin/maps')).body, 'running') === 1);
  await until(
    async () => at(await patientOf('BEFORE'), 'birthDate') !== undefined && at(await patientOf('AFTER'), 'birthDate') !== undefined,
  );
  expect(servers.map((each) => each.said()).join('\n')).not.toMatch(/cannot be followed/);
});
