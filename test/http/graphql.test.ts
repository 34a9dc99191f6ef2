/** $graphql: fields from R4's definitions, lists by search, references followed, limits, errors as OperationOutcome. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { validateResource } from '../../services/fhir/validation/validate.ts';
import { at, listAt, type TestDoor, testDoor } from './door.ts';

let door: TestDoor;
const LOINC = 'http://loinc.org';
const observation = (id: string, code: string, value: string, day: number) =>
  `{"resourceType":"Observation","id":"${id}","status":"final","code":{"coding":[{"system":"${LOINC}","code":"${code}"}]},"subject":{"reference":"Patient/p"},"effectiveDateTime":"2026-01-0${day}","valueQuantity":{"value":${value},"unit":"g/dL"}}`;
const STORED = [
  { resourceType: 'Organization', id: 'org', name: 'Hospital' },
  {
    resourceType: 'Patient',
    id: 'p',
    active: true,
    name: [
      { use: 'official', family: 'Almeida', given: ['Rita', 'Maria'] },
      { use: 'nickname', given: ['Ri'] },
    ],
    birthDate: '1980-02-03',
    _birthDate: { extension: [{ url: 'urn:time', valueString: 'at dawn' }] },
    managingOrganization: { reference: 'Organization/org' },
    contact: [{ name: { family: 'Kin' } }],
    multipleBirthInteger: 2,
  },
  {
    resourceType: 'Patient',
    id: 'q',
    name: [{ family: 'Costa' }],
    generalPractitioner: [{ reference: 'http://elsewhere.example/Practitioner/1' }],
  },
];

beforeAll(async () => {
  door = await testDoor();
  for (const each of STORED) expect((await door.call('PUT', `/${each.resourceType}/${each.id}`, each)).status).toBe(201);
  for (const [i, value] of ['1.10', '2.0', '3'].entries())
    expect((await door.call('PUT', `/Observation/o${i}`, observation(`o${i}`, i === 2 ? '2-2' : '1-1', value, i + 1))).status).toBe(201);
});
afterAll(() => door[Symbol.asyncDispose]());

const ask = (query: string, path = '', variables?: object) =>
  door.call(
    'POST',
    `${path}/$graphql`,
    { query, ...(variables === undefined ? {} : { variables }) },
    { 'content-type': 'application/json' },
  );
async function dataOf(query: string, path = '', variables?: object): Promise<unknown> {
  const { status, body } = await ask(query, path, variables);
  expect([status, at(body, 'errors')]).toEqual([200, undefined]);
  return at(body, 'data');
}
const codeOf = (body: unknown) => at(body, 'issue', 0, 'details', 'coding', 0, 'code');

describe('$graphql of one resource', () => {
  it('answers the elements that are asked for, choices and children too', async () => {
    const query = `{ resourceType id birthDate _birthDate { extension { url valueString } } active multipleBirthInteger
      name(use: "official") { family given(_offset: 1) } contact { name { family } } photo { url } }`;
    expect(await dataOf(query, '/Patient/p')).toEqual({
      resourceType: 'Patient',
      id: 'p',
      birthDate: '1980-02-03',
      _birthDate: { extension: [{ url: 'urn:time', valueString: 'at dawn' }] },
      active: true,
      multipleBirthInteger: 2,
      name: [{ family: 'Almeida', given: ['Maria'] }],
      contact: [{ name: { family: 'Kin' } }],
      photo: null,
    });
  });

  it('follows references, and those to it by search', async () => {
    const query = `{ managingOrganization { reference resource { ... on Organization { name } } }
      ObservationList(_reference: patient, code: "${LOINC}|1-1", _sort: "-date", _count: 1) { id } }`;
    expect(await dataOf(query, '/Patient/p')).toEqual({
      managingOrganization: { reference: 'Organization/org', resource: { name: 'Hospital' } },
      ObservationList: [{ id: 'o1' }],
    });
  });

  it('says which reference leads nowhere, and keeps the rest', async () => {
    const { status, body } = await ask('{ id generalPractitioner { resource { id } } }', '/Patient/q');
    expect([status, at(body, 'data', 'id'), at(body, 'errors', 0, 'path')]).toEqual([200, 'q', ['generalPractitioner', 0, 'resource']]);
    const outcome = at(body, 'errors', 0, 'extensions', 'resource');
    expect([codeOf(outcome), validateResource(outcome)]).toEqual(['fhir-graphql', []]);
    expect(await dataOf('{ generalPractitioner { resource(optional: true) { id } } }', '/Patient/q')).toEqual({
      generalPractitioner: [{ resource: null }],
    });
  });

  it('is 404 for what is not there', async () => {
    expect((await ask('{ id }', '/Patient/none')).status).toBe(404);
  });
});

describe('$graphql of the server', () => {
  it('reads by id and lists by search parameters', async () => {
    const query = `query Q($id: ID!, $codes: [String]) { one: Patient(id: $id) { id } none: Patient(id: "none") { id }
      list: ObservationList(code: $codes, _sort: "date") { id subject { resource(type: "Patient") { id ... on Patient { birthDate } } } }
      two: ObservationList(code: ["${LOINC}|1-1", "${LOINC}|2-2"]) { id } big: ObservationList(value_quantity: "gt2.5") { id } }`;
    const subject = { resource: { id: 'p', birthDate: '1980-02-03' } };
    expect(await dataOf(query, '', { id: 'p', codes: `${LOINC}|1-1` })).toEqual({
      one: { id: 'p' },
      none: null,
      list: [
        { id: 'o0', subject },
        { id: 'o1', subject },
      ],
      two: [],
      big: [{ id: 'o2' }],
    });
  });

  it('pages through connections', async () => {
    const page = async (cursor: string) =>
      dataOf(`{ ObservationConnection(_count: 2${cursor}) { count pagesize next edges { mode resource { id } } } }`);
    const first = at(await page(''), 'ObservationConnection');
    expect([at(first, 'count'), at(first, 'pagesize'), at(first, 'edges', 0, 'mode')]).toEqual([3, 2, 'match']);
    const second = at(await page(`, _cursor: "${at(first, 'next')}"`), 'ObservationConnection');
    expect([listAt(second, 'edges').length, at(second, 'next')]).toEqual([1, null]);
  });

  it('keeps the digits of decimals', async () => {
    const query = encodeURIComponent('{ Observation(id: "o0") { valueQuantity { value } } }');
    const text = await (await fetch(`${door.door.url}/fhir/R4/$graphql?query=${query}`)).text();
    expect(text).toBe('{"data":{"Observation":{"valueQuantity":{"value":1.10}}}}');
  });

  it('takes the query as the body alone', async () => {
    const { body } = await door.call('POST', '/$graphql', '{ Patient(id: "p") { id } }', { 'content-type': 'application/graphql' });
    expect(at(body, 'data')).toEqual({ Patient: { id: 'p' } });
  });

  it('is in the CapabilityStatement', async () => {
    const { body } = await door.call('GET', '/metadata');
    expect(listAt(body, 'rest', 0, 'operation').map((each) => at(each, 'name'))).toContain('graphql');
  });
});

describe('what is refused', () => {
  const nested = (depth: number) =>
    `{ Organization(id: "org") ${'{ partOf { resource { ... on Organization '.repeat(depth)}{ id }${' } } }'.repeat(depth)} }`;
  const fragments = `{ Patient(id: "p") { ...f0 } } ${Array.from({ length: 30 }, (_, i) => `fragment f${i} on Patient { ...f${i + 1} ...f${i + 1} id }`).join(' ')} fragment f30 on Patient { id }`;
  it.each([
    ['what cannot be parsed', '{ Patient(id: ', 400, 'fhir-graphql'],
    ['an element that is none', '{ Patient(id: "p") { colour } }', 400, 'fhir-graphql'],
    ['a search parameter that is none', '{ PatientList(colour: "Meyer-Lansky") { id } }', 400, 'fhir-graphql'],
    ['a mutation', 'mutation { PatientCreate { id } }', 400, 'fhir-graphql'],
    [
      'circles of fragments',
      '{ Patient(id: "p") { ...a } } fragment a on Patient { ...b } fragment b on Patient { ...a }',
      400,
      'fhir-graphql',
    ],
    ['nothing', ' ', 400, 'fhir-graphql'],
    ['too deep', nested(8), 422, 'fhir-graphql-costly'],
    ['very deep', '{ a '.repeat(5_000), 422, 'fhir-graphql-costly'],
    ['fragments that double', fragments, 422, 'fhir-graphql-costly'],
    [
      'too many fields',
      `{ ${Array.from({ length: 600 }, (_, i) => `a${i}: Patient(id: "p") { id }`).join(' ')} }`,
      422,
      'fhir-graphql-costly',
    ],
    ['too many tokens', `{ Patient(id: "p") { ${'id '.repeat(20_000)} } }`, 400, 'fhir-graphql'],
  ])('%s', async (_name, query, status, code) => {
    const answer = await ask(query);
    expect([answer.status, codeOf(answer.body)]).toEqual([status, code]);
    expect(validateResource(answer.body)).toEqual([]);
    expect(JSON.stringify(answer.body)).not.toContain('Meyer-Lansky');
  });

  it('too many searches, each in its place', async () => {
    const { status, body } = await ask(`{ ${Array.from({ length: 60 }, (_, i) => `a${i}: PatientList(_count: 1) { id }`).join(' ')} }`);
    const errors = listAt(body, 'errors');
    expect([status, errors.length]).toEqual([200, 10]);
    expect(codeOf(at(errors[0], 'extensions', 'resource'))).toBe('fhir-graphql-costly');
  });

  it('values of a query are not repeated in errors', async () => {
    const wrong = await ask('query Q($n: Int) { PatientList(_count: $n) { id } }', '', { n: 'Almeida' });
    const literal = await ask('{ PatientList(_count: "Almeida") { id } }');
    const searched = await ask('{ PatientList(birthdate: "Almeida") { id } }');
    for (const { body } of [wrong, literal, searched]) expect(JSON.stringify(body)).not.toContain('Almeida');
    expect(codeOf(at(searched.body, 'errors', 0, 'extensions', 'resource'))).toBe('fhir-search-value');
  });
});
