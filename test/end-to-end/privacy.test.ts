/**
 * No patient data in logs, error answers or counters: distinctive values are sent in every way there is, then searched for. Names of
 * elements, parameters, types and senders may be said; values may not.
 */
import { readFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openStore } from '../../services/commands/house.ts';
import { readConfig } from '../../services/config.ts';
import { connectMllp } from '../../services/mllp/client.ts';
import { type Folder, folder, ran } from '../commands/command-line.ts';
import { freshDatabase } from '../fresh-database.ts';
import { type ServerProcess, startServer } from './server-process.ts';

/** Values that occur nowhere else: name, identifier, address, telephone, note, result, and one that is no code. */
const PLANTED = [
  'Zwirbelmann',
  'Kunigundine',
  'MRN-77310055',
  'Quittengasse',
  '5550177',
  'Hausarztnotiz-geheim',
  'xanthippe-kode',
  '19570123',
  '1957-01-23',
];
const [FAMILY, GIVEN, MRN, STREET, PHONE, NOTE, CODE] = PLANTED;
const onUrl = process.env['POLYSEME_TEST_DATABASE_URL'] !== undefined;

const planted = (text: string): readonly string[] => PLANTED.filter((each) => text.includes(each));

const msh = (type: string, control: string) =>
  `MSH|^~\\&|ADT|TESTHOSP|POLYSEME|HUB|20260301120000+0000||${type}|${control}|P|2.5.1|||||USA|UNICODE UTF-8`;
const pid = `PID|1||${MRN}^^^TESTHOSP^MR||${FAMILY}^${GIVEN}||19570123|F|||${STREET} 3^^Town||${PHONE}`;
const message = (...segments: readonly string[]) => Buffer.from(`${segments.join('\r')}\r`);
const obx = (type: string, value: string) => `OBX|1|${type}|${CODE}^${NOTE}^L||${value}|${NOTE}|||||F`;

const MESSAGES: readonly Buffer[] = [
  message(msh('ADT^A04^ADT_A01', 'P1'), 'EVN|A04|20260301', pid, 'PV1|1|O', `NTE|1||${NOTE}`),
  message(msh('ADT^A04^ADT_A01', 'P1'), 'EVN|A04|20260302', pid, 'PV1|1|I'), // the control id again for another content
  message(
    msh('ADT^A04^ADT_A01', 'P2'),
    'EVN|A04|20260301',
    pid.replace('|F|', `|${NOTE}|`).replace('19570123', NOTE ?? ''),
    `PV1|1|${NOTE}`,
  ),
  message(msh('ADT^A04^ADT_A01', 'P3'), pid.replace(`${MRN}^^^TESTHOSP^MR`, '')), // no identifier: parked
  message(
    msh(`ORU^R01^${FAMILY}`, 'P4'),
    pid,
    `OBR|1||F1|${CODE}^${NOTE}^L|||${NOTE}`,
    obx('NM', NOTE ?? ''),
    obx('ZZ', FAMILY ?? ''),
    obx('DT', FAMILY ?? ''),
  ),
  message(msh('ZZZ^Z99', 'P5'), pid),
  message(msh('ADT^A04^ADT_A01', 'P6'), pid, `${FAMILY}|${GIVEN}`, `ZZZ|${NOTE}`, NOTE ?? ''),
  message('MSH|^~\\&|ADT', pid),
  message(`MSHxxxxx${FAMILY}`, pid),
  message(pid, msh('ADT^A04', 'P7')),
  Buffer.concat([message(msh('ADT^A04^ADT_A01', 'P8'), pid), Buffer.from([0xff, 0xfe, 0xc3]), Buffer.from(`|${NOTE}\r`)]),
  message(msh('ADT^A04^ADT_A01', 'P9'), pid.replace(FAMILY ?? '', `${FAMILY}\\X${NOTE}\\\\Q${STREET}\\`), 'PV1|1|O'),
];

const person = {
  resourceType: 'Patient',
  identifier: [{ system: 'urn:x', value: MRN }],
  name: [{ family: FAMILY, given: [GIVEN] }],
  birthDate: '1957-01-23',
};
const BODIES: readonly (readonly [path: string, body: string])[] = [
  ['/Patient', JSON.stringify(person)],
  ['/Patient', JSON.stringify({ ...person, gender: FAMILY, birthDate: NOTE })],
  [
    '/Patient',
    JSON.stringify({
      ...person,
      telecom: [{ system: PHONE, value: { [`${PHONE}`]: 1 } }],
      active: NOTE,
      extension: [{ url: NOTE, valueUnknown: MRN }],
    }),
  ],
  ['/Patient', JSON.stringify({ ...person, managingOrganization: { reference: `Organization/${MRN}` } })],
  [
    '/Patient',
    JSON.stringify({
      ...person,
      generalPractitioner: [{ reference: `Practitioner?identifier=${MRN}` }, { reference: `${FAMILY}?x=${NOTE}` }],
    }),
  ],
  ['/Patient', `{"resourceType":"Patient","name":"${FAMILY}","name":"${GIVEN}"}`],
  ['/Patient', `{"resourceType":"Patient","name":[{"family":"${FAMILY}`],
  ['/Patient', `${FAMILY} ${GIVEN}`],
  ['/Patient', JSON.stringify({ resourceType: 'Basic', id: NOTE })],
  [`/Patient?name=${FAMILY}`, '{}'],
  [
    '/Observation',
    JSON.stringify({
      resourceType: 'Observation',
      status: NOTE,
      code: { text: NOTE },
      valueQuantity: { value: NOTE },
      subject: { reference: FAMILY },
    }),
  ],
  [
    '',
    JSON.stringify({
      resourceType: 'Bundle',
      type: 'transaction',
      entry: [{ fullUrl: NOTE, resource: person, request: { method: 'POST', url: `Patient?name=${FAMILY}` } }],
    }),
  ],
  [
    '',
    JSON.stringify({
      resourceType: 'Bundle',
      type: 'batch',
      entry: [{ request: { method: 'GET', url: `Patient?birthdate=${NOTE}` } }, { request: { method: FAMILY, url: NOTE } }],
    }),
  ],
  [
    '',
    JSON.stringify({
      resourceType: 'Bundle',
      type: 'transaction',
      entry: [{ resource: person, request: { method: 'POST', url: 'Patient', ifNoneExist: `identifier=${MRN}&shoe=${NOTE}` } }],
    }),
  ],
];
const QUERIES = [
  `/Patient?birthdate=${NOTE}`,
  `/Patient?birthdate=ge${FAMILY}&name=${FAMILY}`,
  `/Patient?_count=${MRN}`,
  `/Patient?_sort=${FAMILY}`,
  `/Patient?_page=${NOTE}`,
  `/Observation?value-quantity=${NOTE}|${NOTE}`,
  `/Observation?patient=${FAMILY}/${NOTE}`,
  `/Patient?shoesize=${MRN}`,
  `/Patient/${MRN}`,
  `/Patient?name:x=${FAMILY}`,
  `/Observation?patient.name=${GIVEN}`,
  `/Potato?name=${GIVEN}`,
  `/Patient?_lastUpdated=${NOTE}`,
  `/Patient?identifier=${MRN}%ff`,
  `/Patient/${FAMILY} ${GIVEN}`,
  `/Patient/%ff${FAMILY}`,
  `/Patient/1/${FAMILY}`,
];

let dir: Folder;
let server: ServerProcess;
let environment: Record<string, string>;
let drop: () => Promise<void> = async () => {};
beforeAll(async () => {
  dir = folder();
  environment = { POLYSEME_DATA_DIR: join(dir.path, 'data'), POLYSEME_LOG_LEVEL: 'debug' };
  if (onUrl) {
    const fresh = await freshDatabase();
    drop = fresh.drop;
    environment['POLYSEME_DATABASE_URL'] = fresh.url;
  }
  server = await startServer(environment);
});
afterAll(async () => {
  await server.stop();
  await drop();
  dir[Symbol.dispose]();
});

/** What is wrong in an answer: planted values in one that is no success. */
const quoted = (status: number, body: string): readonly string[] => (status >= 400 ? planted(body) : []);

function get(path: string): Promise<{ readonly status: number; readonly body: string }> {
  return new Promise((done, failed) => {
    // As it is: fetch would encode what a careless client does not.
    const asked = request(`${server.httpUrl}/`, { path: `/fhir/R4${path.replaceAll(' ', '%20')}` }, (answer) => {
      let body = '';
      answer.on('data', (chunk: Buffer) => {
        body += chunk.toString('utf8');
      });
      answer.on('end', () => done({ status: answer.statusCode ?? 0, body }));
    });
    asked.on('error', failed);
    asked.end();
  });
}

describe('no patient data', () => {
  it('in acknowledgements', async () => {
    const client = connectMllp({ host: '127.0.0.1', port: server.mllpPort, timeoutMs: 60_000 });
    for (const [index, bytes] of MESSAGES.entries()) {
      const byMllp = await client.send(bytes).catch(() => Buffer.from(''));
      const byHttp = await fetch(`${server.httpUrl}/hl7v2`, { method: 'POST', body: new Uint8Array(bytes) });
      const answers = [Buffer.from(byMllp).toString('latin1'), await byHttp.text()].map((text) => text.replace(/^MSH.*?\r/, ''));
      expect([index, ...answers.flatMap(planted)]).toEqual([index]);
    }
    await client.close();
  });

  it.each(BODIES)('in what refuses POST %s %s', async (path, body) => {
    const answer = await fetch(`${server.httpUrl}/fhir/R4${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/fhir+json' },
      body,
    });
    expect(quoted(answer.status, await answer.text())).toEqual([]);
  });

  it('in what refuses a batch entry', async () => {
    const body = BODIES.map(([, each]) => each).find((each) => each.includes('"batch"')) ?? '';
    const answer = await fetch(`${server.httpUrl}/fhir/R4`, { method: 'POST', headers: { 'content-type': 'application/fhir+json' }, body });
    expect(planted(await answer.text())).toEqual([]);
  });

  it.each(QUERIES)('in what refuses GET %s', async (path) => {
    const { status, body } = await get(path);
    expect(quoted(status, body)).toEqual([]);
  });

  it('in what an import says of files', async () => {
    const hl7 = MESSAGES.map((bytes, n) => dir.write(`${n}.hl7`, bytes));
    const json = BODIES.map(([, body], n) => dir.write(`${n}.json`, body));
    for (const command of ['convert', 'import']) {
      const settings = { ...environment, POLYSEME_LOG_LEVEL: 'info' };
      const { said } = await ran([command, ...hl7, ...json], settings);
      expect(said.length).toBeGreaterThan(1_000);
      expect(planted(said)).toEqual([]);
    }
  });

  it('in the log of the server, the counters, and the log of PostgreSQL', async () => {
    const config = readConfig(environment);
    if (!config.ok) throw new Error('settings');
    {
      await using store = await openStore(config.value);
      // A statement that fails with a value in it, as a database's own error would quote it.
      await store.database.query(`SELECT '${NOTE}'::integer`).catch(() => {});
      await store.database.query('SELECT $1::integer', [NOTE]).catch(() => {});
    }
    const ready = await (await fetch(`${server.httpUrl}/readyz`)).text();
    expect(ready).toContain('TESTHOSP');
    expect(planted(ready)).toEqual([]);
    expect(server.said()).toContain('"route"');
    expect(
      server
        .said()
        .split('\n')
        .filter((line) => planted(line).length > 0),
    ).toEqual([]);
    if (onUrl) return;
    const log = readFileSync(join(dir.path, 'data', 'postgres.log'), 'utf8');
    expect(log).toContain('ready to accept connections');
    expect(log.split('\n').filter((line) => planted(line).length > 0)).toEqual([]);
  });
});
