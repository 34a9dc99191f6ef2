/** What the console asks of a server as a user starts it, whose maps are those that run, not those of a test. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Database, openDatabase } from '../../services/database/connect.ts';
import { type Folder, folder } from '../commands/command-line.ts';
import { type FreshDatabase, freshDatabase } from '../fresh-database.ts';
import { fixture } from '../parts.ts';
import { type ServerProcess, startServer } from './server-process.ts';

let dir: Folder;
let fresh: FreshDatabase;
let database: Database;
let server: ServerProcess;
beforeAll(async () => {
  dir = folder();
  fresh = await freshDatabase();
  database = openDatabase(fresh.url);
  server = await startServer({ POLYSEME_DATABASE_URL: fresh.url, POLYSEME_DATA_DIR: join(dir.path, 'data') });
  const sent = await fetch(`${server.httpUrl}/hl7v2`, {
    method: 'POST',
    headers: { 'content-type': 'x-application/hl7-v2+er7' },
    body: readFileSync(fixture('hl7v2', 'us-oru-r01-chemistry.hl7')),
  });
  expect(sent.status).toBe(200);
  while ((await measurements()).length === 0) await fetch(`${server.httpUrl}/readyz`);
});
afterAll(async () => {
  await server?.stop();
  await database?.close();
  await fresh?.drop();
  dir?.[Symbol.dispose]();
});

const measurements = (): Promise<readonly { readonly id: number }[]> =>
  database.query('SELECT measurement_id AS id FROM cdm.measurement WHERE value_as_number IS NOT NULL ORDER BY 1');

async function asked(path: string): Promise<string> {
  const answer = await fetch(`${server.httpUrl}${path}`);
  expect([path, answer.status]).toEqual([path, 200]);
  return answer.text();
}

it('traces a message and a row back to the bytes of the message and the line of the map', async () => {
  const message = await asked('/admin/messages/1');
  expect(message).toContain('"OBX-5"');
  expect(message).toMatch(/"file":"v2-to-fhir\/[^"]+\.yaml","line":\d+/);
  const [row] = await measurements();
  const explained = await asked(`/admin/omop/rows/measurement/${row?.id}/explain`);
  expect(explained).toContain('value_as_number');
  expect(explained).toMatch(/fhir-to-omop\/[^"]+\.yaml/);
  expect(explained).not.toContain('cannot be');
});
