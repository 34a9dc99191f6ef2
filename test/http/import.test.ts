/** $import: files fetched from allowed addresses only, every line stored or told of, jobs that outlive a process. */
import { createServer, type RequestListener, type Server } from 'node:http';
import { gzipSync } from 'node:zlib';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readOutgoingRules } from '../../services/config/outgoing.ts';
import { auditRecords } from '../../services/database/audit.ts';
import { type HttpDoor, startHttp } from '../../services/http/server.ts';
import { type TestHouse, testHouse } from '../parts.ts';
import { at, listAt } from './door.ts';

const patient = (id: string, more: object = {}): string => JSON.stringify({ resourceType: 'Patient', id, ...more });
const observation = (id: string, of: string): string =>
  JSON.stringify({ resourceType: 'Observation', id, status: 'final', code: { text: 'x' }, subject: { reference: `Patient/${of}` } });

let house: TestHouse;
let files: Server;
let answers: Record<string, RequestListener>;
let origin: string;
let door: HttpDoor;
let token: string;

const text =
  (...lines: readonly string[]): RequestListener =>
  (_request, response) =>
    response.end(lines.join('\n'));

async function opened(): Promise<HttpDoor> {
  const rules = readOutgoingRules(`${origin}/data`, undefined);
  if (!rules.ok) throw new Error('rules');
  const settings = {
    ...{ host: '127.0.0.1', port: 0, tls: undefined, maxBodyBytes: 100_000, maxMessageBytes: 1_000, version: 'test' },
    verifyToken: async (given: string) => given.startsWith('token'),
  };
  return startHttp(settings, { ...house.parts, outgoing: rules.value }, pino({ level: 'silent' }));
}

beforeEach(async () => {
  house = await testHouse();
  answers = {};
  files = createServer((request, response) => {
    const answer = answers[request.url ?? ''];
    if (answer) answer(request, response);
    else response.writeHead(404).end();
  });
  files.keepAliveTimeout = 0;
  await new Promise<void>((resolve) => files.listen(0, '127.0.0.1', resolve));
  const address = files.address();
  origin = `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`;
  token = 'token';
  door = await opened();
});
afterEach(async () => {
  files.closeAllConnections();
  await door.close();
  await new Promise((resolve) => files.close(resolve));
  await house[Symbol.asyncDispose]();
});

async function call(method: string, path: string, body?: unknown, headers: Readonly<Record<string, string>> = {}) {
  const answer = await fetch(path.startsWith('http') ? path : `${door.url}/fhir/R4${path}`, {
    method,
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/fhir+json', ...headers },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return { status: answer.status, headers: answer.headers, text: await answer.text() };
}

const input = (...pairs: readonly (readonly [type: string, path: string])[]) => ({
  inputFormat: 'application/fhir+ndjson',
  input: pairs.map(([type, path]) => ({ type, url: `${origin}${path}` })),
});

async function begun(body: unknown): Promise<string> {
  const { status, headers, text: said } = await call('POST', '/$import', body, { prefer: 'respond-async' });
  expect([status, said]).toEqual([202, '']);
  return (headers.get('content-location') ?? '').replace(/^.*\/fhir\/R4/, '');
}

async function report(location: string): Promise<unknown> {
  for (;;) {
    const { status, headers, text: said } = await call('GET', location);
    if (status === 200) return JSON.parse(said);
    expect([status, headers.get('retry-after')]).toEqual([202, '1']);
  }
}

async function refusals(result: unknown, index = 0): Promise<string[]> {
  const url = String(at(listAt(result, 'error')[index], 'url')).replace(/^.*\/fhir\/R4/, '');
  const { text: lines } = await call('GET', url);
  return lines
    .trim()
    .split('\n')
    .map((line) => String(at(JSON.parse(line), 'issue', 0, 'diagnostics')));
}

describe('$import', () => {
  it('stores what refers to each other, whatever the order of the files; a second time changes nothing', async () => {
    answers['/data/o.ndjson'] = text(observation('o1', 'p1'), '', observation('o2', 'p2'));
    answers['/data/p.ndjson'] = (_request, response) => {
      response.setHeader('content-encoding', 'gzip');
      response.end(gzipSync(`${patient('p1')}\r\n${patient('p2')}\n`));
    };
    const asked = input(['Observation', '/data/o.ndjson'], ['Patient', '/data/p.ndjson']);
    const done = await report(await begun(asked));
    expect(done).toMatchObject({
      requiresAccessToken: true,
      output: [
        { type: 'Observation', inputUrl: `${origin}/data/o.ndjson`, count: 2 },
        { type: 'Patient', count: 2 },
      ],
      error: [],
    });
    expect((await call('GET', '/Observation/o2')).status).toBe(200);
    const form = {
      resourceType: 'Parameters',
      parameter: [
        { name: 'inputFormat', valueCode: 'application/fhir+ndjson' },
        { name: 'storageDetail', part: [{ name: 'type', valueCode: 'https' }] },
        ...asked.input.map(({ type, url }) => ({
          name: 'input',
          part: [
            { name: 'type', valueCode: type },
            { name: 'url', valueUri: url },
          ],
        })),
      ],
    };
    expect(listAt(await report(await begun(form)), 'error')).toEqual([]);
    expect(JSON.parse((await call('GET', '/Observation/o2')).text)).toMatchObject({ meta: { versionId: '1' } });
  });

  it('reads first what others refer to, so that little waits in memory; files of a type keep their order, and beside bundles all do', async () => {
    const fetched: string[] = [];
    for (const path of ['o1', 'p1', 'e', 'p2', 'b'])
      answers[`/data/${path}`] = (_request, response) => {
        fetched.push(path);
        response.end();
      };
    const asked = [
      ['Observation', '/data/o1'],
      ['Patient', '/data/p1'],
      ['Encounter', '/data/e'],
      ['Patient', '/data/p2'],
    ] as const;
    const done = await report(await begun(input(...asked)));
    expect(listAt(done, 'output').map((each) => at(each, 'type'))).toEqual(asked.map(([type]) => type));
    expect(fetched.splice(0)).toEqual(['p1', 'p2', 'e', 'o1']);
    await report(await begun(input(...asked, ['Bundle', '/data/b'])));
    expect(fetched).toEqual(['o1', 'p1', 'e', 'p2', 'b']);
  });

  it('tells of every line that is not stored, with its number, and stores the others', async () => {
    answers['/data/p.ndjson'] = text(
      patient('good'),
      '{"resourceType":"Patient",',
      observation('o', 'good'),
      patient('bad', { birthDate: 'SECRET' }),
      JSON.stringify({ resourceType: 'Patient' }),
      patient('lost', { managingOrganization: { reference: 'Organization/none' } }),
    );
    const done = await report(await begun(input(['Patient', '/data/p.ndjson'])));
    expect(done).toMatchObject({ output: [{ count: 1 }], error: [{ type: 'OperationOutcome', count: 5 }] });
    const told = await refusals(done);
    expect(told.map((each) => /line \d+/.exec(each)?.[0])).toEqual(['line 2', 'line 3', 'line 4', 'line 5', 'line 6']);
    expect(told.join()).not.toContain('SECRET');
    expect((await call('GET', '/Patient/good')).status).toBe(200);
  });

  it('tells of files that are not there, break off, are redirected, or have a line without an end', async () => {
    answers['/data/moved'] = (_request, response) => response.writeHead(302, { location: `${origin}/data/secret` }).end();
    answers['/data/cut'] = (_request, response) => {
      response.writeHead(200, { 'content-length': '5000' });
      response.write(`${patient('before')}\n{"resourceT`, () => response.destroy());
    };
    answers['/data/long'] = text('x'.repeat(200_000));
    answers['/data/coded'] = (_request, response) => response.writeHead(200, { 'content-encoding': 'br' }).end('x');
    answers['/data/bomb'] = (_request, response) =>
      response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync(Buffer.alloc(50_000_000)));
    const paths = ['/data/none', '/data/moved', '/data/cut', '/data/long', '/data/coded', '/data/bomb'];
    const done = await report(await begun(input(...paths.map((path) => ['Patient', path] as const))));
    expect(listAt(done, 'error').map((each) => at(each, 'inputUrl'))).toEqual(paths.map((path) => `${origin}${path}`));
    expect(listAt(done, 'output').map((each) => at(each, 'count'))).toEqual([0, 0, 1, 0, 0, 0]);
    const reasons = await Promise.all(paths.map(async (_path, index) => (await refusals(done, index))[0] ?? ''));
    for (const [index, reason] of [/HTTP 404/, /HTTP 302/, /broke off/, /larger/, /coded/, /larger/].entries())
      expect(reasons[index]).toMatch(reason);
  });

  it('refuses, before anything is fetched, addresses that are not allowed and what it cannot read', async () => {
    const ask = async (body: unknown, headers: Readonly<Record<string, string>> = { prefer: 'respond-async' }) => {
      const { status, text: said } = await call('POST', '/$import', body, headers);
      return [status, at(JSON.parse(said), 'issue', 0, 'details', 'coding', 0, 'code')];
    };
    const one = (url: string) => ({ input: [{ type: 'Patient', url }] });
    for (const url of [
      'http://169.254.169.254/latest',
      `${origin}/data-evil/x`,
      `${origin}/data/%2e%2e/x`,
      'file:///etc/passwd',
      'no address',
    ])
      expect(await ask(one(url)), url).toEqual([expect.any(Number), 'outgoing-address-refused']);
    expect(await ask(input(['Patient', '/data/x']), {})).toEqual([400, 'import-not-async']);
    const double = input(['Patient', '/data/x'], ['Patient', '/data/x']);
    for (const body of [{}, { input: [] }, input(['Nothing', '/data/x']), double, { ...input(['Patient', '/data/x']), mode: 'x' }])
      expect(await ask(body)).toEqual([400, 'import-request']);
  });

  it('shows a job to nobody else, and ends it when it is dropped', async () => {
    const { promise: asked, resolve } = Promise.withResolvers<void>();
    answers['/data/slow'] = (_request, response) => {
      response.write(`${patient('first')}\n`);
      resolve();
    };
    const location = await begun(input(['Patient', '/data/slow']));
    await asked;
    token = 'token-of-another';
    expect((await call('GET', location)).status).toBe(404);
    expect((await call('DELETE', location)).status).toBe(404);
    token = 'token';
    expect((await call('GET', location)).status).toBe(202);
    expect((await call('DELETE', location)).status).toBe(202);
    expect((await call('GET', location)).status).toBe(404);
    const target = `import/${location.replace(/^.*\//, '')}`;
    const acts = await auditRecords(house.database, { action: 'import.', limit: 10 });
    expect(acts).toMatchObject([
      { actor: 'local', action: 'import.drop', target },
      { actor: 'local', action: 'import.order', target, detail: { files: 1, types: ['Patient'] } },
    ]);
  });

  it('goes on in another process with what one that ended had begun', async () => {
    let times = 0;
    const { promise: asked, resolve } = Promise.withResolvers<void>();
    answers['/data/p'] = (_request, response) => {
      times += 1;
      response.write(`${patient('p1')}\n`);
      if (times > 1) response.end(patient('p2'));
      else resolve();
    };
    const location = await begun(input(['Patient', '/data/p']));
    await asked;
    await door.close();
    door = await opened();
    expect(await report(location)).toMatchObject({ output: [{ count: 2 }], error: [] });
    expect(times).toBe(2);
  });
});
