import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startHttp } from '../../services/http/server.ts';
import { at, listAt, type TestDoor, testDoor } from './door.ts';

let door: TestDoor;
beforeAll(async () => {
  door = await testDoor();
});
afterAll(() => door[Symbol.asyncDispose]());

const SYSTEM = 'http://example.org/cs/colors';
const codeSystem = (...codes: readonly string[]) => ({
  resourceType: 'CodeSystem',
  id: 'colors',
  url: SYSTEM,
  version: '1',
  status: 'active',
  content: 'complete',
  concept: codes.map((code) => ({ code, display: `Color ${code}` })),
});
const valueSet = {
  resourceType: 'ValueSet',
  id: 'colors',
  url: 'http://example.org/vs/colors',
  status: 'active',
  compose: { include: [{ system: SYSTEM }] },
};
const map = {
  resourceType: 'ConceptMap',
  id: 'colors',
  url: 'http://example.org/cm/colors',
  status: 'active',
  group: [
    {
      source: SYSTEM,
      target: 'http://example.org/cs/other',
      element: [{ code: 'red', target: [{ code: 'R', equivalence: 'equivalent' }] }],
    },
  ],
};
const put = async (resource: { readonly resourceType: string; readonly id: string }) => {
  const answer = await door.call('PUT', `/${resource.resourceType}/${resource.id}`, resource);
  expect(answer.status).toBeLessThan(300);
};
const codes = (body: unknown) => listAt(body, 'expansion', 'contains').map((each) => at(each, 'code'));
const parameter = (body: unknown, name: string) => {
  const found = listAt(body, 'parameter').find((each) => at(each, 'name') === name);
  return Object.entries(Object(found)).find(([key]) => key.startsWith('value'))?.[1];
};
const query = (values: Readonly<Record<string, string>>) => new URLSearchParams(values).toString();
const expand = (more: Readonly<Record<string, string>> = {}) =>
  door.call('GET', `/ValueSet/$expand?${query({ url: valueSet.url, ...more })}`);

describe('stored terminology', () => {
  it('is answered from as soon as it is written, and no longer when it is deleted', async () => {
    expect((await expand()).status).toBe(404);
    await put(valueSet);
    expect([(await expand()).status, at((await expand()).body, 'issue', 0, 'code')]).toEqual([422, 'not-found']);
    await put(codeSystem('red', 'green'));
    expect(codes((await expand()).body)).toEqual(['red', 'green']);
    await put(codeSystem('red', 'green', 'blue'));
    expect(codes((await expand()).body)).toEqual(['red', 'green', 'blue']);
    await door.call('DELETE', '/CodeSystem/colors');
    expect((await expand()).status).toBe(422);
    await put(codeSystem('red', 'green'));
    expect(codes((await expand()).body)).toEqual(['red', 'green']);
  });

  it('is answered from by other processes on the same database', async () => {
    const settings = {
      host: '127.0.0.1',
      port: 0,
      tls: undefined,
      maxBodyBytes: 1e6,
      maxMessageBytes: 1e6,
      verifyToken: undefined,
      version: 'test',
    };
    const other = await startHttp(settings, door.parts, pino({ level: 'silent' }));
    try {
      const ask = async () => (await fetch(`${other.url}/fhir/R4/CodeSystem/$lookup?${query({ system: SYSTEM, code: 'violet' })}`)).status;
      expect(await ask()).toBe(404);
      await put(codeSystem('red', 'green', 'violet'));
      await expect.poll(ask).toBe(200);
    } finally {
      await other.close();
    }
  });

  it('that a bundle brings is used too', async () => {
    const entry = [{ request: { method: 'PUT', url: 'ConceptMap/colors' }, resource: map }];
    expect((await door.call('POST', '', { resourceType: 'Bundle', type: 'transaction', entry })).status).toBe(200);
    const { body } = await door.call('GET', `/ConceptMap/$translate?${query({ system: SYSTEM, code: 'red' })}`);
    expect([parameter(body, 'result'), JSON.stringify(body).includes('"R"')]).toEqual([true, true]);
    expect(parameter((await door.call('GET', '/ConceptMap/colors/$translate?code=green')).body, 'result')).toBe(false);
  });
});

describe('terminology operations', () => {
  it('take GET, POST with Parameters, forms, the resource itself, and instances', async () => {
    await put(codeSystem('red', 'green'));
    await put(valueSet);
    const parameters = {
      resourceType: 'Parameters',
      parameter: [
        { name: 'url', valueUri: valueSet.url },
        { name: 'filter', valueString: 'gre' },
      ],
    };
    expect(codes((await door.call('POST', '/ValueSet/$expand', parameters)).body)).toEqual(['green']);
    const form = { 'content-type': 'application/x-www-form-urlencoded' };
    expect(codes((await door.call('POST', '/ValueSet/$expand', query({ url: valueSet.url, count: '1' }), form)).body)).toEqual(['red']);
    expect(codes((await door.call('POST', '/ValueSet/$expand', valueSet)).body)).toEqual(['red', 'green']);
    expect(codes((await door.call('GET', '/ValueSet/colors/$expand')).body)).toEqual(['red', 'green']);
    expect(parameter((await door.call('GET', '/CodeSystem/colors/$lookup?code=red')).body, 'display')).toBe('Color red');
    expect(parameter((await door.call('GET', '/CodeSystem/colors/$validate-code?code=red')).body, 'result')).toBe(true);
    expect(parameter((await door.call('GET', '/ValueSet/colors/$validate-code?code=red&inferSystem=true')).body, 'result')).toBe(true);
    expect((await door.call('GET', '/ValueSet/never/$expand')).status).toBe(404);
  });

  it('are answered within a batch, beside ordinary entries, each for itself', async () => {
    const coding = { name: 'coding', valueCoding: { system: SYSTEM, code: 'red' } };
    const { status, body } = await door.call('POST', '/', {
      resourceType: 'Bundle',
      type: 'batch',
      entry: [
        { request: { method: 'GET', url: `CodeSystem/$lookup?${query({ system: SYSTEM, code: 'red' })}` } },
        { request: { method: 'GET', url: 'CodeSystem/colors' } },
        { request: { method: 'POST', url: 'CodeSystem/$validate-code' }, resource: { resourceType: 'Parameters', parameter: [coding] } },
        { request: { method: 'GET', url: 'CodeSystem/$lookup?system=http://example.org/nowhere&code=x' } },
        { request: { method: 'GET', url: 'ValueSet/$nonsense' } },
      ],
    });
    expect(status).toBe(200);
    expect(
      listAt(body, 'entry').map((each) => [String(at(each, 'response', 'status')).slice(0, 3), at(each, 'resource', 'resourceType')]),
    ).toEqual([
      ['200', 'Parameters'],
      ['200', 'CodeSystem'],
      ['200', 'Parameters'],
      ['404', 'OperationOutcome'],
      ['404', 'OperationOutcome'],
    ]);
  });

  it('answer an OperationOutcome to everything that cannot be answered, never 500', async () => {
    const calls = [
      door.call('POST', '/ValueSet/$expand', '{'),
      door.call('POST', '/ValueSet/$expand', { resourceType: 'Patient' }),
      door.call('POST', '/ValueSet/$expand', { resourceType: 'Parameters', parameter: 7 }),
      door.call('POST', '/ValueSet/$expand', { resourceType: 'ValueSet', compose: { include: 'all', exclude: [null, 5, {}] } }),
      door.call('POST', '/ValueSet/$expand', {
        resourceType: 'ValueSet',
        compose: { include: [{ system: SYSTEM, filter: [null, {}, { property: 1 }] }] },
      }),
      door.call('POST', '/ValueSet/$validate-code', { resourceType: 'Parameters', parameter: [{ name: 'coding', valueCoding: 'x' }] }),
      door.call('POST', '/ConceptMap/$translate', { resourceType: 'Parameters', parameter: [{ name: 'coding', valueCoding: {} }] }),
      door.call('GET', '/CodeSystem/$subsumes?codeA=1'),
      door.call('GET', '/ValueSet/$expand?url=%00'),
      door.call('GET', '/ValueSet/$expand?count=99999999999'),
    ];
    for (const { status, body } of await Promise.all(calls)) {
      const type = at(body, 'resourceType');
      expect([status < 500, status >= 400 ? type : 'OperationOutcome']).toEqual([true, 'OperationOutcome']);
    }
  });

  it('are in the CapabilityStatement, and the code systems in the TerminologyCapabilities', async () => {
    const { body } = await door.call('GET', '/metadata');
    const operationsOf = (type: string) => {
      const found = listAt(body, 'rest', 0, 'resource').find((each) => at(each, 'type') === type);
      return listAt(found, 'operation').map((each) => at(each, 'name'));
    };
    expect(operationsOf('CodeSystem')).toEqual(expect.arrayContaining(['lookup', 'validate-code', 'subsumes']));
    expect(operationsOf('ValueSet')).toEqual(expect.arrayContaining(['expand', 'validate-code']));
    expect(operationsOf('ConceptMap')).toContain('translate');
    const terminology = (await door.call('GET', '/metadata?mode=terminology')).body;
    expect(at(terminology, 'resourceType')).toBe('TerminologyCapabilities');
    const told = listAt(terminology, 'codeSystem').map((each) => [
      at(each, 'uri'),
      at(each, 'version', 0, 'code'),
      at(each, 'subsumption'),
    ]);
    // What is stored, and what is built in.
    expect(told).toEqual(
      expect.arrayContaining([
        [SYSTEM, '1', true],
        ['http://unitsofmeasure.org', undefined, false],
      ]),
    );
    expect((await door.call('GET', '/$versions')).status).toBe(200);
  });
});
