/** What a caller may say about the answer: conditions of a read, its form, the part of a resource that is wanted. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { validateResource } from '../../services/fhir/validation/validate.ts';
import { at, listAt, type TestDoor, testDoor } from './door.ts';

const DIV = '<div xmlns="http://www.w3.org/1999/xhtml">A person</div>';
const PATIENT = {
  resourceType: 'Patient',
  id: 'p',
  meta: { tag: [{ system: 'urn:t', code: 'kept' }] },
  text: { status: 'generated', div: DIV },
  identifier: [{ system: 'urn:form', value: '1' }],
  active: true,
  name: [{ family: 'Testperson', extension: [{ url: 'urn:x', valueString: 'y' }] }],
  _birthDate: { extension: [{ url: 'http://hl7.org/fhir/StructureDefinition/data-absent-reason', valueCode: 'unknown' }] },
  maritalStatus: { text: 'single' },
  contact: [{ name: { family: 'Other' } }],
};
const OBSERVATION = `{"resourceType":"Observation","id":"o","status":"entered-in-error","code":{"text":"Hb"},"subject":{"reference":"Patient/p"},
"valueQuantity":{"value":5.10},"note":[{"text":"n"}],"component":[{"code":{"text":"c"},"valueQuantity":{"value":1.0},"interpretation":[{"text":"i"}]}]}`;

let door: TestDoor;
beforeAll(async () => {
  door = await testDoor();
  expect((await door.call('PUT', '/Patient/p', PATIENT)).status).toBe(201);
  expect((await door.call('PUT', '/Observation/o', OBSERVATION)).status).toBe(201);
});
afterAll(() => door[Symbol.asyncDispose]());

const textOf = async (path: string, init: RequestInit = {}) => (await fetch(`${door.door.url}/fhir/R4${path}`, init)).text();
const isSubsetted = (body: unknown) => listAt(body, 'meta', 'tag').some((tag) => at(tag, 'code') === 'SUBSETTED');
const keys = (body: unknown) => (typeof body === 'object' && body !== null ? Object.keys(body).toSorted() : []);

describe('conditional read', () => {
  const statusWith = async (headers: Readonly<Record<string, string>>) => (await door.call('GET', '/Patient/p', undefined, headers)).status;

  it('answers 304 to who has the version', async () => {
    const read = await door.call('GET', '/Patient/p');
    const modified = read.headers.get('last-modified') ?? '';
    for (const tag of ['W/"1"', '"1"', 'W/"7", W/"1"', '*']) expect([tag, await statusWith({ 'if-none-match': tag })]).toEqual([tag, 304]);
    for (const tag of ['W/"2"', '1', '"', '"11"']) expect([tag, await statusWith({ 'if-none-match': tag })]).toEqual([tag, 200]);
    expect(await statusWith({ 'if-modified-since': modified })).toBe(304);
    expect(await statusWith({ 'if-modified-since': new Date(Date.parse(modified) - 1000).toUTCString() })).toBe(200);
    expect(await statusWith({ 'if-modified-since': 'soon' })).toBe(200);
    // The tag decides.
    expect(await statusWith({ 'if-none-match': 'W/"2"', 'if-modified-since': modified })).toBe(200);
  });
});

describe('HEAD', () => {
  it.each(['/Patient/p', '/Patient/p/_history/1', '/Patient/p/_history', '/Patient?_id=p', '/metadata', '/Patient/nobody'])(
    'answers %s as GET does, without the body',
    async (path) => {
      const get = await door.call('GET', path);
      const head = await fetch(`${door.door.url}/fhir/R4${path}`, { method: 'HEAD' });
      expect([head.status, await head.text()]).toEqual([get.status, '']);
      for (const name of ['etag', 'last-modified', 'content-type']) expect(head.headers.get(name)).toBe(get.headers.get(name));
    },
  );
});

describe('the form of an answer', () => {
  it('is JSON or XML, by whatever name; 406 for others', async () => {
    const names = ['json', 'application/json', 'application/fhir%2Bjson', 'application/fhir+json', 'text/json'];
    for (const name of names) expect([name, (await door.call('GET', `/Patient/p?_format=${name}`)).status]).toEqual([name, 200]);
    for (const name of ['ttl', 'html', '', 'jsonp']) {
      const { status, body } = await door.call('GET', `/Patient/p?_format=${name}`);
      expect([name, status, at(body, 'resourceType')]).toEqual([name, 406, 'OperationOutcome']);
    }
    const accept = async (text: string) => (await door.call('GET', '/Patient?_id=p', undefined, { accept: text })).status;
    for (const text of ['*/*', 'application/fhir+json', 'application/json;q=0.9', 'text/html, */*;q=0.1'])
      expect([text, await accept(text)]).toEqual([text, 200]);
    for (const text of ['text/turtle', 'text/html', 'image/*', 'application/json;q=0'])
      expect([text, await accept(text)]).toEqual([text, 406]);
    expect((await door.call('GET', '/Patient/p?_format=json', undefined, { accept: 'application/fhir+xml' })).status).toBe(200);
  });

  it('writes nothing when the answer could not be given', async () => {
    const refused = await door.call('PUT', '/Patient/unwritten', { resourceType: 'Patient', id: 'unwritten' }, { accept: 'text/turtle' });
    expect(refused.status).toBe(406);
    expect((await door.call('GET', '/Patient/unwritten')).status).toBe(404);
  });

  it('is indented with _pretty=true, with the digits that came', async () => {
    const pretty = await textOf('/Observation/o?_pretty=true');
    expect(pretty).toContain('\n  "status": "entered-in-error"');
    expect(pretty).toContain('"value": 5.10');
    expect(await textOf('/Observation?_id=o&_pretty=true')).toContain('\n  "type": "searchset"');
    expect(await textOf('/Observation/o?_pretty=false')).not.toContain('\n');
  });
});

describe('_summary', () => {
  it('true: the elements of the summary at every depth, still a valid resource, marked', async () => {
    const { body, headers } = await door.call('GET', '/Patient/p?_summary=true');
    expect(headers.get('etag')).toBe('W/"1"');
    expect(keys(body)).toEqual(['_birthDate', 'active', 'id', 'identifier', 'meta', 'name', 'resourceType']);
    expect(at(body, 'name', 0)).toEqual({ family: 'Testperson' });
    expect(listAt(body, 'meta', 'tag').map((tag) => at(tag, 'code'))).toEqual(['kept', 'SUBSETTED']);
    expect(at(body, 'meta', 'versionId')).toBe('1');
    const observation = await door.call('GET', '/Observation/o?_summary=true');
    expect(keys(observation.body)).toEqual(['code', 'component', 'id', 'meta', 'resourceType', 'status', 'subject', 'valueQuantity']);
    expect(keys(at(observation.body, 'component', 0))).toEqual(['code', 'valueQuantity']);
    for (const each of [body, observation.body]) expect(validateResource(JSON.parse(JSON.stringify(each)))).toEqual([]);
    expect(await textOf('/Observation/o?_summary=true')).toContain('5.10');
  });

  it('text, data, false', async () => {
    expect(keys((await door.call('GET', '/Patient/p?_summary=text')).body)).toEqual(['id', 'meta', 'resourceType', 'text']);
    expect(keys((await door.call('GET', '/Observation/o?_summary=text')).body)).toEqual(['code', 'id', 'meta', 'resourceType', 'status']);
    const data = (await door.call('GET', '/Patient/p?_summary=data')).body;
    expect(keys(data)).toEqual(keys(PATIENT).filter((name) => name !== 'text'));
    expect(isSubsetted(data)).toBe(true);
    const whole = (await door.call('GET', '/Patient/p?_summary=false')).body;
    expect([keys(whole), isSubsetted(whole)]).toEqual([keys(PATIENT), false]);
  });

  it('works on a version and on a search, whose links keep it', async () => {
    expect(isSubsetted((await door.call('GET', '/Patient/p/_history/1?_summary=true')).body)).toBe(true);
    for (const id of ['q', 'r']) await door.call('PUT', `/Patient/${id}`, { ...PATIENT, id });
    const { body } = await door.call('GET', '/Patient?identifier=urn:form|1&_summary=text&_count=2');
    expect(listAt(body, 'entry').map((each) => keys(at(each, 'resource')))).toEqual([
      ['id', 'meta', 'resourceType', 'text'],
      ['id', 'meta', 'resourceType', 'text'],
    ]);
    const next = listAt(body, 'link').find((link) => at(link, 'relation') === 'next');
    const rest: unknown = await (await fetch(String(at(next, 'url')))).json();
    expect(listAt(rest, 'entry').map((each) => [at(each, 'resource', 'id'), isSubsetted(at(each, 'resource'))])).toEqual([['p', true]]);
  });

  it('count: the number alone', async () => {
    const { body } = await door.call('GET', '/Patient?identifier=urn:form|1&_summary=count&_count=2');
    expect([at(body, 'total'), at(body, 'entry')]).toEqual([3, undefined]);
    expect((await door.call('GET', '/Patient/p?_summary=count')).status).toBe(400);
  });
});

describe('_elements', () => {
  it('keeps what is asked for, what is mandatory, and what changes the meaning of the rest', async () => {
    expect(keys((await door.call('GET', '/Patient/p?_elements=name,birthDate')).body)).toEqual([
      '_birthDate',
      'active',
      'id',
      'meta',
      'name',
      'resourceType',
    ]);
    const { body } = await door.call('GET', '/Observation?_id=o&_elements=value');
    const found = at(body, 'entry', 0, 'resource');
    expect(keys(found)).toEqual(['code', 'id', 'meta', 'resourceType', 'status', 'valueQuantity']);
    expect(isSubsetted(found)).toBe(true);
    expect(String(at(listAt(body, 'link')[0], 'url'))).toContain('_elements=value');
  });

  it.each([
    '_elements=shoesize',
    '_elements=',
    '_elements=name.family',
    '_elements=name&_summary=true',
    '_summary=maybe',
    '_summary=true&_summary=data',
    '_elements=__proto__',
  ])('refuses %s on reads and searches', async (parameter) => {
    expect((await door.call('GET', `/Patient/p?${parameter}`)).status).toBe(400);
    expect((await door.call('GET', `/Patient?_id=p&${parameter}`)).status).toBe(400);
  });
});

describe('Prefer: return', () => {
  it('answers a write with nothing, the resource, or an OperationOutcome', async () => {
    const write = (prefer: string, city: string) =>
      door.call('PUT', '/Patient/prefer', { resourceType: 'Patient', id: 'prefer', address: [{ city }] }, { prefer });
    const minimal = await write('return=minimal', 'Aachen');
    expect([minimal.status, minimal.body, minimal.headers.get('etag')]).toEqual([201, {}, 'W/"1"']);
    const outcome = await write('return=OperationOutcome', 'Bonn');
    expect([outcome.status, at(outcome.body, 'resourceType'), outcome.headers.get('etag')]).toEqual([200, 'OperationOutcome', 'W/"2"']);
    expect(outcome.headers.get('location')).toContain('/Patient/prefer/_history/2');
    expect(at((await write('return=representation', 'Celle')).body, 'resourceType')).toBe('Patient');
  });
});
