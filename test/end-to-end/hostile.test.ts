/** Bad input at the live doors: a clear error each, nothing half stored, the process stays up and answers the next good message. */
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Database, openDatabase } from '../../services/database/connect.ts';
import { connectMllp } from '../../services/mllp/client.ts';
import { startMllp } from '../../services/mllp/server.ts';
import { receive } from '../../services/pipeline.ts';
import { type Folder, folder } from '../commands/command-line.ts';
import { type FreshDatabase, freshDatabase } from '../fresh-database.ts';
import { sender } from '../mllp/doors.ts';
import { testHouse } from '../parts.ts';
import { laboratoryMessage } from './messages.ts';
import { type ServerProcess, startServer } from './server-process.ts';

const MB = 1024 * 1024;
const FIFTY_MB = Buffer.concat([Buffer.from(laboratoryMessage('BIG', 1)), Buffer.alloc(50 * MB, 'NTE|1||x\r')]);

let dir: Folder;
let fresh: FreshDatabase;
let database: Database;
let server: ServerProcess;
beforeAll(async () => {
  dir = folder();
  fresh = await freshDatabase();
  database = openDatabase(fresh.url);
  server = await startServer({ POLYSEME_DATABASE_URL: fresh.url, POLYSEME_DATA_DIR: dir.path });
});
afterAll(async () => {
  await server.stop();
  await database.close();
  await fresh.drop();
  dir[Symbol.dispose]();
});

const stored = () =>
  database.query(
    `SELECT (SELECT count(*) FROM fhir.resource) AS resources, (SELECT count(*) FROM fhir.history) AS history,
     (SELECT count(*) FROM cdm.person) AS persons, (SELECT count(*) FROM cdm.measurement) AS measurements`,
  );

/** Resolves when nothing waits: what was asked of the worker is done. */
async function settled(): Promise<void> {
  for (;;) {
    const [waiting] = await database.query<{ n: number }>('SELECT count(*)::int AS n FROM journal.waiting');
    if (waiting?.n === 0) return;
    await new Promise((done) => setImmediate(done));
  }
}

const postHl7 = (bytes: Uint8Array) =>
  fetch(`${server.httpUrl}/hl7v2`, { method: 'POST', body: Buffer.from(bytes), headers: { 'content-type': 'x-application/hl7-v2+er7' } });
const postFhir = (path: string, body: string | Uint8Array) =>
  fetch(`${server.httpUrl}/fhir/R4${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/fhir+json' },
    body: typeof body === 'string' ? body : Buffer.from(body),
  });

let good = 0;
/** A good message by each door is answered, and stored. */
async function expectWell(): Promise<void> {
  good += 1;
  const client = connectMllp({ host: '127.0.0.1', port: server.mllpPort, timeoutMs: 60_000 });
  expect(Buffer.from(await client.send(laboratoryMessage('GOOD', good))).toString()).toContain(`MSA|AA|GOOD-${good}`);
  await client.close();
  expect((await postHl7(laboratoryMessage('GOODHTTP', good))).status).toBe(200);
  expect((await postFhir('/Patient', '{"resourceType":"Patient"}')).status).toBe(201);
  await settled();
}

const head = 'MSH|^~\\&|LAB|NORTHSIDE|POLYSEME|HUB|20260301120000+0000||ORU^R01^ORU_R01|';
const pid = 'PID|1||1^^^NORTHSIDE^MR||Half^Stored||19800101|F';
const BAD: readonly (readonly [name: string, bytes: Buffer])[] = [
  ['nothing', Buffer.alloc(0)],
  ['a message cut within MSH', Buffer.from('MSH|^~\\&|LAB|NORTH')],
  ['a message cut within a patient', Buffer.from(`${head}CUT|P|2.5.1\rPID|1||`)],
  ['delimiters that are the same', Buffer.from(`MSH|||||LAB|NORTHSIDE\r${pid}\r`)],
  ['delimiters that are letters', Buffer.from(`MSHABCDELABANORTHSIDE\r${pid}\r`)],
  [
    'other delimiters than it says',
    Buffer.from(`MSH|^~\\&|LAB|NORTHSIDE|||20260301||ORU^R01|DELIM|P|2.5.1\r${pid.replaceAll('|', '#')}\r`),
  ],
  ['no header', Buffer.from(`${pid}\r`)],
  ['binary bytes', Buffer.from(Array.from({ length: 4096 }, (_, n) => (n * 7919) % 251))],
  [
    'bytes that are not its charset',
    Buffer.concat([Buffer.from(`${head}CHAR|P|2.5.1|||||USA|UNICODE UTF-8\r${pid}`), Buffer.from([0xff, 0xc0, 0x0d])]),
  ],
  ['two messages in one', Buffer.from(`${head}TWO|P|2.5.1\r${pid}\r${head}TWO2|P|2.5.1\r${pid}\r`)],
  ['HTTP', Buffer.from('GET / HTTP/1.1\r\nhost: x\r\n\r\n')],
  ['JSON', Buffer.from('{"resourceType":"Patient"}')],
];

describe('HL7v2', () => {
  it.each(BAD)('%s is answered with a clear error by both doors', async (_name, bytes) => {
    await settled();
    const before = await stored();
    using raw = await sender(server.mllpPort);
    raw.send(bytes);
    expect(await raw.answers(1)).toEqual([expect.stringMatching(/^A[ER] /)]);
    const answer = await postHl7(bytes);
    const text = await answer.text();
    expect(answer.status).toBeGreaterThanOrEqual(400);
    expect(answer.status).toBeLessThan(500);
    expect(text).toMatch(/\rMSA\|A[ER][|\r]/);
    expect(text).toMatch(/\rERR\|/);
    await settled();
    expect(await stored()).toEqual(before);
    await expectWell();
  });

  it('of 50 MB is refused with the limit named, again and again, and its memory comes back', async () => {
    const before = await stored();
    const rss = () => Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${server.child.pid}/status`, 'utf8'))?.[1]) / 1024;
    const rssBeforeMb = process.platform === 'linux' ? rss() : 0;
    for (let n = 0; n < 8; n += 1) {
      using raw = await sender(server.mllpPort);
      raw.send(FIFTY_MB);
      expect(await raw.answers(1)).toEqual(['AR BIG-1']);
      await raw.closed();
    }
    expect(server.said()).toContain('mllp-frame-too-long');
    for (const post of [postHl7, postHl7, postHl7, postHl7, (bytes: Uint8Array) => postFhir('/Patient', Buffer.concat([bytes, bytes]))]) {
      const answer = await post(FIFTY_MB);
      expect([answer.status, await answer.json()]).toMatchObject([
        413,
        { resourceType: 'OperationOutcome', issue: [{ code: 'too-long' }] },
      ]);
    }
    expect(await stored()).toEqual(before);
    await expectWell();
    // Eight times what is held of one would be 256 MB.
    if (process.platform === 'linux') await expect.poll(() => rss() - rssBeforeMb).toBeLessThan(200);
  });

  it('that never ends is closed with a reason, and nothing of it is kept', async () => {
    await using house = await testHouse();
    const logged: string[] = [];
    const log = (values: Readonly<Record<string, unknown>>, text: string): unknown => logged.push(`${values['code']} ${text}`);
    const door = await startMllp({
      host: '127.0.0.1',
      port: 0,
      limits: { maxBytes: MB, idleTimeoutMs: 60_000, frameTimeoutMs: 50, maxConnections: 10 },
      receive: async (bytes) => (await receive(house.parts, bytes, 'mllp')).acknowledgement,
      log: { info: log, warn: log },
    });
    using raw = await sender(door.port);
    raw.socket.write(Buffer.concat([Buffer.from([0x0b]), laboratoryMessage('HALF', 1).subarray(0, 200)]));
    expect(await raw.answers(1)).toEqual([expect.stringMatching(/^A[ER] HALF-1/)]);
    await raw.closed();
    expect(logged.join('\n')).toContain('mllp-frame-timeout');
    expect(await house.database.query('SELECT count(*)::int AS n FROM journal.message')).toEqual([{ n: 0 }]);
    using next = await sender(door.port);
    next.send(laboratoryMessage('NEXT', 1));
    expect(await next.answers(1)).toEqual(['AA NEXT-1']);
    await door.close();
  });

  it('by HTTP that ends before its length is not taken', async () => {
    const port = Number(new URL(server.httpUrl).port);
    const count = () => database.query('SELECT count(*)::int AS n FROM journal.message');
    const before = await count();
    await new Promise<void>((done) => {
      const socket = connect({ host: '127.0.0.1', port }, () => {
        socket.write('POST /hl7v2 HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1000\r\n\r\n');
        socket.end(Buffer.from(laboratoryMessage('SHORT', 1).subarray(0, 300)));
      });
      socket.resume();
      socket.on('close', () => done());
    });
    expect(await count()).toEqual(before);
    await expectWell();
  });
});

describe('FHIR', () => {
  const patient = { resourceType: 'Patient', name: [{ family: 'Half' }] };
  const entry = (resource: object, url: string, more: object = {}) => ({ resource, request: { method: 'POST', url }, ...more });
  const bundle = (...entries: readonly object[]) => JSON.stringify({ resourceType: 'Bundle', type: 'transaction', entry: entries });
  const observation = (subject: string) => ({
    resourceType: 'Observation',
    status: 'final',
    code: { text: 'x' },
    subject: { reference: subject },
  });
  const cases: readonly (readonly [name: string, path: string, body: string | Uint8Array])[] = [
    ['JSON that is not FHIR', '/Patient', '{"temperature":37.2}'],
    ['an array', '/Patient', '[{"resourceType":"Patient"}]'],
    ['JSON that ends early', '', bundle(entry(patient, 'Patient')).slice(0, -10)],
    ['binary bytes', '/Patient', Buffer.from([0x7b, 0x22, 0xff, 0xfe, 0x00, 0x22])],
    ['HL7v2', '/Patient', laboratoryMessage('F', 1)],
    ['a bundle with a reference to nothing', '', bundle(entry(patient, 'Patient'), entry(observation('Patient/nobody'), 'Observation'))],
    [
      'a bundle with a reference to no entry',
      '',
      bundle(entry(patient, 'Patient'), entry(observation('urn:uuid:55555555-5555-4555-8555-555555555555'), 'Observation')),
    ],
    [
      'a bundle with a condition that finds nothing',
      '',
      bundle(entry(patient, 'Patient'), entry(observation('Patient?identifier=urn:no|1'), 'Observation')),
    ],
    [
      'a bundle with one invalid entry',
      '',
      bundle(entry(patient, 'Patient'), entry({ resourceType: 'Patient', gender: 'unsure' }, 'Patient')),
    ],
    [
      'a bundle that deletes what is not there and reads nonsense',
      '',
      bundle(entry(patient, 'Patient'), { request: { method: 'GET', url: '::' } }),
    ],
    ['a bundle of a type that is not written', '', bundle(entry(patient, 'Patient')).replace('transaction', 'collection')],
  ];
  it.each(cases)('%s is refused with an OperationOutcome and nothing of it is stored', async (_name, path, body) => {
    await settled();
    const before = await stored();
    const answer = await postFhir(path, body);
    expect([Math.floor(answer.status / 100), await answer.json()]).toMatchObject([4, { resourceType: 'OperationOutcome' }]);
    expect(await stored()).toEqual(before);
    expect((await fetch(`${server.httpUrl}/readyz`)).status).toBe(200);
  });
});
