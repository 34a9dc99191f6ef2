/** patch (http://hl7.org/fhir/R4/http.html#patch): JSON Patch and FHIRPath Patch, alone, conditional, in bundles. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { at, listAt, type TestDoor, testDoor } from './door.ts';

const JSON_PATCH = { 'content-type': 'application/json-patch+json' };
const PATIENT = `{"resourceType":"Patient","id":"p","identifier":[{"system":"urn:patch","value":"1"}],"active":true,
"name":[{"use":"official","family":"Alpha","given":["A","B","C"]},{"use":"usual","given":["Z"]}],"birthDate":"1970-01-01",
"_birthDate":{"extension":[{"url":"urn:why","valueString":"told"}]},"contact":[{"name":{"family":"Other"}}],
"extension":[{"url":"urn:size","valueDecimal":5.10}]}`;

let door: TestDoor;
let etag = '';
beforeAll(async () => {
  door = await testDoor();
});
afterAll(() => door[Symbol.asyncDispose]());
beforeEach(async () => {
  const put = await door.call('PUT', '/Patient/p', PATIENT);
  etag = put.headers.get('etag') ?? '';
});

type Part = Readonly<Record<string, unknown>>;
const operation = (type: string, path: string, parts: Readonly<Record<string, Part>> = {}) => ({
  name: 'operation',
  part: [
    { name: 'type', valueCode: type },
    { name: 'path', valueString: path },
    ...Object.entries(parts).map(([name, part]) => ({ name, ...part })),
  ],
});
const fhirPath = (...parameter: readonly unknown[]) => ({ resourceType: 'Parameters', parameter });
const errorOf = (body: unknown) => at(body, 'issue', 0, 'details', 'coding', 0, 'code');

describe('JSON Patch', () => {
  it('changes what is stored, keeps every digit and answers as an update does', async () => {
    const patch = '[{"op":"replace","path":"/active","value":false},{"op":"add","path":"/multipleBirthInteger","value":2}]';
    const { status, body, headers } = await door.call('PATCH', '/Patient/p', patch, JSON_PATCH);
    expect([status, at(body, 'active'), at(body, 'multipleBirthInteger')]).toEqual([200, false, 2]);
    expect(headers.get('etag')).not.toBe(etag);
    expect(headers.get('location')).toContain('/Patient/p/_history/');
    const text = await (await fetch(`${door.door.url}/fhir/R4/Patient/p`)).text();
    expect(text).toContain('"valueDecimal":5.10');
  });

  it('obeys If-Match and Prefer', async () => {
    const patch = '[{"op":"replace","path":"/active","value":false}]';
    const stale = await door.call('PATCH', '/Patient/p', patch, { ...JSON_PATCH, 'if-match': 'W/"99999"' });
    expect([stale.status, errorOf(stale.body)]).toEqual([412, 'resource-version-conflict']);
    const minimal = await door.call('PATCH', '/Patient/p', patch, { ...JSON_PATCH, 'if-match': etag, prefer: 'return=minimal' });
    expect([minimal.status, minimal.body]).toEqual([200, {}]);
    expect((await door.call('PATCH', '/Patient/p', patch, { ...JSON_PATCH, 'if-match': 'no' })).status).toBe(400);
  });

  it.each([
    ['a test that fails', '[{"op":"test","path":"/active","value":false}]', 422, 'fhir-patch-test'],
    ['a path to nothing', '[{"op":"remove","path":"/deceasedBoolean"}]', 422, 'fhir-patch-path'],
    ['another id', '[{"op":"replace","path":"/id","value":"q"}]', 422, 'fhir-patch-identity'],
    ['another type', '[{"op":"replace","path":"/resourceType","value":"Group"}]', 422, 'fhir-patch-identity'],
    ['no patch', '[{"op":"nothing","path":"/id"}]', 400, 'fhir-patch-form'],
    ['no JSON', '[', 400, 'fhir-not-json'],
    ['an invalid resource', '[{"op":"replace","path":"/birthDate","value":"soon"}]', 400, 'fhir-value'],
    [
      'a reference to nothing',
      '[{"op":"add","path":"/generalPractitioner","value":[{"reference":"Practitioner/none"}]}]',
      422,
      'reference-not-found',
    ],
  ])('with %s changes nothing', async (_name, patch, status, code) => {
    const answer = await door.call('PATCH', '/Patient/p', patch, JSON_PATCH);
    expect([answer.status, errorOf(answer.body)]).toEqual([status, code]);
    expect((await door.call('GET', '/Patient/p')).headers.get('etag')).toBe(etag);
  });

  it('is of what is there: 404, 410, 415', async () => {
    expect((await door.call('PATCH', '/Patient/none', '[]', JSON_PATCH)).status).toBe(404);
    await door.call('PUT', '/Patient/gone', { resourceType: 'Patient', id: 'gone' });
    await door.call('DELETE', '/Patient/gone');
    expect((await door.call('PATCH', '/Patient/gone', '[]', JSON_PATCH)).status).toBe(410);
    expect((await door.call('PATCH', '/Patient/p', '<diff/>', { 'content-type': 'application/xml-patch+xml' })).status).toBe(415);
  });

  it('goes by a condition: the one match, 404 for none, 412 for several', async () => {
    const patch = '[{"op":"replace","path":"/active","value":false}]';
    const one = await door.call('PATCH', '/Patient?identifier=urn:patch|1', patch, JSON_PATCH);
    expect([one.status, at(one.body, 'id')]).toEqual([200, 'p']);
    expect((await door.call('PATCH', '/Patient?identifier=urn:patch|none', patch, JSON_PATCH)).status).toBe(404);
    await door.call('PUT', '/Patient/q', { resourceType: 'Patient', id: 'q', identifier: [{ system: 'urn:twice', value: '1' }] });
    await door.call('PUT', '/Patient/r', { resourceType: 'Patient', id: 'r', identifier: [{ system: 'urn:twice', value: '1' }] });
    expect((await door.call('PATCH', '/Patient?identifier=urn:twice|1', patch, JSON_PATCH)).status).toBe(412);
    expect((await door.call('PATCH', '/Patient', patch, JSON_PATCH)).status).toBe(400);
  });
});

describe('FHIRPath Patch', () => {
  const patched = async (...operations: readonly unknown[]) => door.call('PATCH', '/Patient/p', fhirPath(...operations));

  it.each([
    ['add', operation('add', 'Patient', { name: { valueString: 'gender' }, value: { valueCode: 'female' } }), ['gender'], 'female'],
    [
      'add to a list',
      operation('add', 'Patient.name[0]', { name: { valueString: 'given' }, value: { valueString: 'D' } }),
      ['name', 0, 'given'],
      ['A', 'B', 'C', 'D'],
    ],
    [
      'add a choice',
      operation('add', 'Patient', { name: { valueString: 'deceased' }, value: { valueBoolean: false } }),
      ['deceasedBoolean'],
      false,
    ],
    [
      'add a backbone by its parts',
      operation('add', 'Patient', {
        name: { valueString: 'contact' },
        value: {
          part: [
            { name: 'name', valueHumanName: { family: 'New' } },
            { name: 'telecom', valueContactPoint: { system: 'phone', value: '1' } },
            { name: 'gender', valueCode: 'male' },
          ],
        },
      }),
      ['contact', 1],
      { name: { family: 'New' }, telecom: [{ system: 'phone', value: '1' }], gender: 'male' },
    ],
    [
      'insert',
      operation('insert', 'Patient.name[0].given', { index: { valueInteger: 1 }, value: { valueString: 'X' } }),
      ['name', 0, 'given'],
      ['A', 'X', 'B', 'C'],
    ],
    ['delete', operation('delete', "Patient.name.where(use = 'official').given[1]"), ['name', 0, 'given'], ['A', 'C']],
    ['delete what is not there', operation('delete', 'Patient.photo'), ['photo'], undefined],
    ['replace', operation('replace', 'Patient.birthDate', { value: { valueDate: '1980' } }), ['birthDate'], '1980'],
    [
      'replace an extension of a primitive',
      operation('replace', "Patient.birthDate.extension.where(url = 'urn:why').value", { value: { valueString: 'seen' } }),
      ['_birthDate', 'extension', 0, 'valueString'],
      'seen',
    ],
    [
      'replace an item',
      operation('replace', "Patient.name.where(use = 'usual').given[0]", { value: { valueString: 'Y' } }),
      ['name', 1, 'given'],
      ['Y'],
    ],
    [
      'move',
      operation('move', 'Patient.name[0].given', { source: { valueInteger: 2 }, destination: { valueInteger: 0 } }),
      ['name', 0, 'given'],
      ['C', 'A', 'B'],
    ],
    [
      'extensions by url',
      operation('replace', "Patient.extension('urn:size').value", { value: { valueString: 'large' } }),
      ['extension', 0, 'valueString'],
      'large',
    ],
  ])('does %s', async (_name, each, path, expected) => {
    const { status, body } = await patched(each);
    expect([status, at(body, ...path)]).toEqual([200, expected]);
  });

  it('does its operations in order, each on what those before it made', async () => {
    const { body } = await patched(
      operation('delete', 'Patient.name[0]'),
      operation('add', 'Patient.name[0]', { name: { valueString: 'family' }, value: { valueString: 'Zeta' } }),
    );
    expect(at(body, 'name')).toEqual([{ use: 'usual', family: 'Zeta', given: ['Z'] }]);
  });

  it.each([
    ['more than one place', operation('replace', 'Patient.name.given', { value: { valueString: 'X' } }), 'fhir-patch-path'],
    ['a value that is computed', operation('replace', 'Patient.name.count()', { value: { valueInteger: 1 } }), 'fhirpath-invalid'],
    ['a path that cannot be read', operation('delete', 'Patient.name['), 'fhirpath-invalid'],
    [
      'an element that is there already',
      operation('add', 'Patient', { name: { valueString: 'active' }, value: { valueBoolean: true } }),
      'fhir-patch-path',
    ],
    [
      'an unknown element',
      operation('add', 'Patient', { name: { valueString: 'colour' }, value: { valueString: 'red' } }),
      'fhir-patch-path',
    ],
    [
      'an index beyond the end',
      operation('move', 'Patient.name', { source: { valueInteger: 5 }, destination: { valueInteger: 0 } }),
      'fhir-patch-path',
    ],
    [
      'a type that the choice does not have',
      operation('add', 'Patient', { name: { valueString: 'deceased' }, value: { valueString: 'x' } }),
      'fhir-patch-path',
    ],
    ['the whole resource', operation('delete', 'Patient'), 'fhir-patch-path'],
    ['the id', operation('replace', 'Patient.id', { value: { valueId: 'q' } }), 'fhir-patch-identity'],
  ])('refuses %s and changes nothing', async (_name, each, code) => {
    const { status, body } = await patched(operation('delete', 'Patient.contact'), each);
    expect([status, errorOf(body)]).toEqual([422, code]);
    expect((await door.call('GET', '/Patient/p')).headers.get('etag')).toBe(etag);
  });

  it('ends an expression that takes for ever, and goes on working', async () => {
    const evil = "Patient.name.where('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!'.matches('^(a+)+$'))";
    const { status, body } = await patched(operation('delete', evil));
    expect([status, errorOf(body)]).toEqual([422, 'fhirpath-costly']);
    expect((await patched(operation('delete', 'Patient.contact'))).status).toBe(200);
  });
});

describe('patches in bundles', () => {
  const bundle = (type: string, ...entry: readonly unknown[]) => ({ resourceType: 'Bundle', type, entry });
  const binary = (operations: readonly unknown[]) => ({
    resourceType: 'Binary',
    contentType: 'application/json-patch+json',
    data: Buffer.from(JSON.stringify(operations)).toString('base64'),
  });

  it('are done with the rest of a transaction, references to its entries included', async () => {
    const { status, body } = await door.call(
      'POST',
      '',
      bundle(
        'transaction',
        {
          fullUrl: 'urn:uuid:11111111-1111-4111-8111-111111111111',
          resource: { resourceType: 'Practitioner' },
          request: { method: 'POST', url: 'Practitioner' },
        },
        {
          resource: binary([
            { op: 'add', path: '/generalPractitioner', value: [{ reference: 'urn:uuid:11111111-1111-4111-8111-111111111111' }] },
          ]),
          request: { method: 'PATCH', url: 'Patient/p', ifMatch: etag },
        },
      ),
    );
    expect([status, at(body, 'entry', 1, 'response', 'status')]).toEqual([200, '200 OK']);
    const read = await door.call('GET', '/Patient/p');
    expect(at(read.body, 'generalPractitioner', 0, 'reference')).toMatch(/^Practitioner\/[\w-]+$/);
  });

  it('refuse the whole transaction when one does not fit; in a batch only their entry', async () => {
    const entries = [
      { resource: { resourceType: 'Patient', id: 'with' }, request: { method: 'PUT', url: 'Patient/with' } },
      {
        resource: fhirPath(operation('replace', 'Patient.gender', { value: { valueCode: 'male' } })),
        request: { method: 'PATCH', url: 'Patient/p' },
      },
    ];
    const refused = await door.call('POST', '', bundle('transaction', ...entries));
    expect([refused.status, errorOf(refused.body)]).toEqual([422, 'fhir-patch-path']);
    expect((await door.call('GET', '/Patient/with')).status).toBe(404);
    const batch = await door.call('POST', '', bundle('batch', ...entries));
    expect(listAt(batch.body, 'entry').map((each) => at(each, 'response', 'status'))).toEqual(['201 Created', '422']);
  });

  it('and conditional reads have their say in a batch; the journal keeps what was sent', async () => {
    const entries = [
      { request: { method: 'GET', url: 'Patient/p', ifNoneMatch: etag } },
      { request: { method: 'GET', url: 'Patient/p', ifNoneMatch: 'W/"0"' } },
      { resource: fhirPath(operation('delete', 'Patient.contact')), request: { method: 'PATCH', url: 'Patient/p', ifMatch: etag } },
      { resource: fhirPath(operation('delete', 'Patient.name')), request: { method: 'PATCH', url: 'Patient/p', ifMatch: etag } },
    ];
    const { body } = await door.call('POST', '', bundle('batch', ...entries));
    expect(listAt(body, 'entry').map((each) => at(each, 'response', 'status'))).toEqual(['304 Not Modified', '200 OK', '200 OK', '412']);
    const [journal] = await door.database.query<{ content: Buffer }>(
      "SELECT content FROM journal.message WHERE channel = 'fhir' AND message_type = 'PATCH Patient' ORDER BY id DESC LIMIT 1",
    );
    expect(journal?.content.toString()).toContain('"valueString":"Patient.name"');
  });
});
