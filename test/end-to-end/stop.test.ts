/** Ctrl-C and SIGTERM: what is under way is finished, what is stored is whole, and the rest is there at the next start. */
import { type ChildProcess, spawn } from 'node:child_process';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Database, openDatabase } from '../../services/database/connect.ts';
import { type Folder, folder, ran } from '../commands/command-line.ts';
import { type FreshDatabase, freshDatabase } from '../fresh-database.ts';
import { sender } from '../mllp/doors.ts';
import { laboratoryMessage } from './messages.ts';
import { startServer } from './server-process.ts';

const MAIN = resolve(import.meta.dirname, '..', '..', 'services', 'main.ts');
let dir: Folder;
let fresh: FreshDatabase;
let database: Database;
let environment: Record<string, string>;
beforeAll(async () => {
  dir = folder();
  fresh = await freshDatabase();
  database = openDatabase(fresh.url);
  environment = { POLYSEME_DATABASE_URL: fresh.url, POLYSEME_DATA_DIR: join(dir.path, 'data') };
});
afterAll(async () => {
  await database.close();
  await fresh.drop();
  dir[Symbol.dispose]();
});

const numberOf = async (query: string): Promise<number> => (await database.query<{ n: number }>(query))[0]?.n ?? 0;
const RESOURCES = 'SELECT count(*)::int AS n FROM fhir.resource';
const WHOLE = `SELECT (SELECT count(*) FROM cdm.measurement m LEFT JOIN cdm.person p USING (person_id) WHERE p.person_id IS NULL)
  + (SELECT count(*) FROM fhir.resource r WHERE r.message_id IS NOT NULL AND NOT EXISTS (SELECT FROM journal.message m WHERE m.id = r.message_id)) AS n`;

/** Starts an import of `args` with its output thrown away; `ended` resolves with exit code and what it said. */
function importing(...args: readonly string[]): {
  readonly child: ChildProcess;
  readonly ended: Promise<readonly [number | null, string]>;
} {
  const child = spawn(process.execPath, [MAIN, 'import', ...args], {
    env: { PATH: process.env['PATH'] ?? '', ...environment },
    stdio: ['pipe', 'ignore', 'pipe'],
    detached: true,
  });
  let said = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    said += chunk.toString('utf8');
  });
  return { child, ended: new Promise((done) => child.once('close', (code) => done([code, said]))) };
}

async function until(query: string, holds: (n: number) => boolean): Promise<number> {
  for (;;) {
    const n = await numberOf(query);
    if (holds(n)) return n;
  }
}

describe('Ctrl-C during an import', () => {
  it('ends after the unit under way with 130, says what is left, and the next run brings the rest', async () => {
    const units = 300;
    const files = Array.from({ length: units }, (_, n) => {
      const entry = [
        { resource: { resourceType: 'Patient', id: `p${n}`, gender: 'female', birthDate: '1980-02-03' } },
        {
          resource: {
            resourceType: 'Observation',
            id: `o${n}`,
            status: 'final',
            code: { coding: [{ system: 'http://loinc.org', code: '718-7' }] },
            subject: { reference: `Patient/p${n}` },
            effectiveDateTime: '2026-01-05T10:00:00Z',
          },
        },
      ];
      return dir.write(`${n}.json`, JSON.stringify({ resourceType: 'Bundle', type: 'collection', entry }));
    });
    const { child, ended } = importing(...files);
    await until(RESOURCES, (n) => n > 10);
    // To the whole group, as a terminal sends it.
    process.kill(-(child.pid ?? 0), 'SIGINT');
    const [code, said] = await ended;
    expect([code, said]).toEqual([130, expect.stringContaining('Run it again')]);
    const stored = await numberOf(RESOURCES);
    expect(stored).toBeLessThan(units * 2);
    expect(stored % 2).toBe(0); // bundles are whole
    expect(await numberOf(WHOLE)).toBe(0);
    expect(said).toContain(`${stored} created`);
    expect((await ran(['import', ...files.slice(0, 50)], environment)).code).toBe(0);
    expect(await numberOf(WHOLE)).toBe(0);
  });

  it('leaves messages that were taken in the journal, to be processed by whoever comes next', async () => {
    const messages = Array.from({ length: 800 }, (_, n) => Buffer.from(laboratoryMessage('INT', n)).toString());
    const file = dir.write('batch.hl7', `${messages.join('')}`);
    const { child, ended } = importing(file);
    await until("SELECT count(*)::int AS n FROM journal.message WHERE control_id LIKE 'INT-%'", (n) => n > 50);
    child.kill('SIGINT');
    const [code, said] = await ended;
    expect([code, said]).toEqual([130, expect.stringMatching(/messages? waits? in the journal/)]);
    const taken = await numberOf("SELECT count(*)::int AS n FROM journal.message WHERE control_id LIKE 'INT-%'");
    expect(taken).toBeLessThan(messages.length);
    const server = await startServer(environment);
    await until('SELECT count(*)::int AS n FROM journal.waiting', (n) => n === 0);
    expect(await server.stop()).toBe(0);
    expect(
      await numberOf(
        `SELECT count(*)::int AS n FROM fhir.resource WHERE body LIKE '%"value":"INT-%' AND body LIKE '{"resourceType":"Patient"%'`,
      ),
    ).toBe(taken);
    expect(await numberOf(WHOLE)).toBe(0);
  });
});

describe('serve', () => {
  it.each(['SIGTERM', 'SIGINT'] as const)('at %s answers what it has taken, takes no more, and ends with 0', async (signal) => {
    const server = await startServer(environment);
    const count = 100;
    const senders = await Promise.all(Array.from({ length: 4 }, () => sender(server.mllpPort)));
    for (let n = 0; n < count; n += 1) senders[n % 4]?.send(laboratoryMessage(signal, n));
    const running = Array.from({ length: 20 }, () =>
      fetch(`${server.httpUrl}/fhir/R4/Patient`, {
        method: 'POST',
        headers: { 'content-type': 'application/fhir+json' },
        body: '{"resourceType":"Patient"}',
      }).then(({ status }) => status),
    );
    await Promise.all(senders.map((each) => each.answers(1)));
    const ended = new Promise<number | null>((done) => server.child.once('exit', (code) => done(code)));
    server.child.kill(signal);
    // No answer is cut off: 201, or 503 / no connection for what came too late; the same for messages.
    const statuses = await Promise.all(running.map((each) => each.catch(() => 'closed')));
    expect(statuses.filter((each) => each !== 201 && each !== 503 && each !== 'closed')).toEqual([]);
    for (const each of senders) await each.closed();
    expect(await ended).toBe(0);
    const answers = (await Promise.all(senders.map((each) => each.answers(0)))).flat();
    expect(answers.filter((each) => !each.startsWith('AA '))).toEqual([]);
    const taken = await numberOf(`SELECT count(*)::int AS n FROM journal.message WHERE control_id LIKE '${signal}-%'`);
    expect(answers).toHaveLength(taken);
    expect(server.said()).toContain('Stopping');
  });

  it('in enhanced mode: what was accepted gets its application acknowledgement or is processed at the next start; the sums hold', async () => {
    const server = await startServer(environment);
    const enhanced = (n: number): Uint8Array =>
      Buffer.from(Buffer.from(laboratoryMessage('ENH', n)).toString().replace('|P|2.5.1|||||', '|P|2.5.1|||AL|AL|'));
    const senders = await Promise.all(Array.from({ length: 4 }, () => sender(server.mllpPort)));
    for (let n = 0; n < 200; n += 1) senders[n % 4]?.send(enhanced(n));
    // Cut in the middle of a message: never taken, never answered.
    const half = await sender(server.mllpPort);
    half.socket.write(Buffer.from('\u000bMSH|^~\\&|LAB|NORTHSIDE|||20260301||ORU^R01|ENH-half'));
    await Promise.all(senders.map((each) => each.answers(2)));
    const ended = new Promise<number | null>((done) => server.child.once('exit', (code) => done(code)));
    server.child.kill('SIGTERM');
    for (const each of [...senders, half]) await each.closed();
    expect(await ended).toBe(0);
    const answers = (await Promise.all(senders.map((each) => each.answers(0)))).flat();
    const of = (code: string): readonly string[] => answers.flatMap((each) => (each.startsWith(code) ? [each.slice(code.length + 1)] : []));
    const [accepted, told] = [of('CA'), of('AA')];
    expect(answers).toHaveLength(accepted.length + told.length);
    expect(new Set(accepted).size).toBe(accepted.length);
    expect(told.filter((each) => !accepted.includes(each))).toEqual([]);
    expect(await half.answers(0)).toEqual([]);
    const inJournal = await database.query<{ id: string; status: string | null }>(
      `SELECT m.control_id AS id, o.status FROM journal.message m LEFT JOIN journal.outcome o ON o.message_id = m.id WHERE m.control_id LIKE 'ENH-%' ORDER BY 1`,
    );
    // Everything taken was accepted, and nothing else; who was told AA is told the truth.
    expect(inJournal.map(({ id }) => id)).toEqual(accepted.toSorted());
    const applied = new Set(inJournal.flatMap(({ id, status }) => (status === 'applied' ? [id] : [])));
    expect(told.filter((id) => !applied.has(id))).toEqual([]);
    const next = await startServer(environment);
    await until('SELECT count(*)::int AS n FROM journal.waiting', (n) => n === 0);
    expect(await next.stop()).toBe(0);
    const sums = await database.query<{ rest: number; n: number }>(
      `SELECT sum(n * CASE kind WHEN 'message' THEN 1 WHEN 'duplicate' THEN 0 ELSE -1 END)::int AS rest, sum(n) FILTER (WHERE kind = 'message')::int AS n FROM journal.tally`,
    );
    expect(sums).toEqual([{ rest: 0, n: await numberOf('SELECT count(*)::int AS n FROM journal.message') }]);
    expect(await numberOf(WHOLE)).toBe(0);
    console.log(`SIGTERM in enhanced mode: ${accepted.length} of 200 accepted, ${told.length} told AA before the end`);
  });
});
