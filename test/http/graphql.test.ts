/** $graphql: fields from R4's definitions, lists by search, references followed, limits, errors as OperationOutcome. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { answerQuery } from '../../services/fhir/graphql/run.ts';
import type { Reader } from '../../services/fhir/graphql/types.ts';
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
  {
    resourceType: 'Patient',
    id: 'names',
    active: true,
    identifier: [{ use: 'usual', system: 'urn:oid:1.9', value: '77' }],
    name: [
      { use: 'official', family: 'Okafor', given: ['Ada', 'Ngozi'] },
      { use: 'usual', given: ['Addy'], period: { start: '2020', end: '2023' } },
      { use: 'maiden', family: 'Eze', given: ['Ada', 'Ngozi'], period: { end: '2002' } },
    ],
    telecom: [
      { system: 'phone', use: 'home', value: '1', rank: 2 },
      { system: 'phone', use: 'work', value: '2', rank: 1 },
      { system: 'email', use: 'home', value: '3' },
      { system: 'sms', value: '4' },
    ],
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

/** http://hl7.org/fhir/R4/graphql.html#list and #flattening, its queries over a patient of our own. */
describe('choosing from lists', () => {
  it.each<[string, string, unknown]>([
    ['by FHIRPath', '{ name(fhirpath: "family.exists()") { family } }', { name: [{ family: 'Okafor' }, { family: 'Eze' }] }],
    ['by FHIRPath with the place', '{ name(fhirpath: "$index = 1") { given } }', { name: [{ given: ['Addy'] }] }],
    ['by a word without quotes', '{ name(use: official) { family } }', { name: [{ family: 'Okafor' }] }],
    ['by a number', '{ telecom(rank: 1) { value } }', { telecom: [{ value: '2' }] }],
    ['by a text written as a number', '{ telecom(value: 3) { use } }', { telecom: [{ use: 'home' }] }],
    ['and then by place', `{ telecom(use: home, fhirpath: "system = 'phone'", _count: 5) { value } }`, { telecom: [{ value: '1' }] }],
    ['_offset and _count of what is chosen', '{ telecom(use: "home", _offset: 1, _count: 1) { value } }', { telecom: [{ value: '3' }] }],
    ['@first', '{ name @first { given @first } }', { name: [{ given: ['Ada'] }] }],
  ])('%s', async (_name, query, data) => {
    expect(await dataOf(query, '/Patient/names')).toEqual(data);
  });

  it('lists all that a search finds or says that it is too much; a page where one is asked for', async () => {
    const asked: string[] = [];
    const reader: Reader = {
      read: async () => undefined,
      search: async (_type, parameters) => {
        asked.push(new URLSearchParams(parameters.map((each) => [...each])).toString());
        return { resources: [{ resourceType: 'Patient', id: 'a' }], next: 'more', total: undefined };
      },
    };
    const query = '{ all: PatientList(name: "x") { id } page: PatientList(_count: 1) { id } next: PatientList(_cursor: "c") { id } }';
    const answer = await answerQuery({ query, operationName: undefined, variables: {} }, undefined, reader);
    if (!answer.ok) throw new Error('refused');
    expect(asked).toEqual(['name=x&_count=1000', '_count=1', '_page=c']);
    expect(answer.value['data']).toEqual({ all: null, page: [{ id: 'a' }], next: [{ id: 'a' }] });
    expect(codeOf(at(answer.value, 'errors', 0, 'extensions', 'resource'))).toBe('fhir-graphql-costly');
  });

  it('what a search finds, and ids without quotes', async () => {
    const list = `ObservationList(fhirpath: "value.ofType(Quantity).value > 1.5", _sort: "date") { id }`;
    const edges = `ObservationConnection(fhirpath: "id = 'o1'") { edges { resource { id } } }`;
    expect(await dataOf(`{ ${list} ${edges} Patient(id: q) { id } none: PatientList(_id: [q, 1], active: true) { id } }`)).toEqual({
      ObservationList: [{ id: 'o1' }, { id: 'o2' }],
      ObservationConnection: { edges: [{ resource: { id: 'o1' } }] },
      Patient: { id: 'q' },
      none: [],
    });
  });
});

describe('the shape of the answer', () => {
  const identifiers = 'identifier @flatten { system value } active';
  it.each<[string, string, unknown]>([
    [
      '@flatten makes lists of the children',
      `{ ${identifiers} name @flatten { text given family } }`,
      { system: ['urn:oid:1.9'], value: ['77'], active: true, given: ['Ada', 'Ngozi', 'Addy', 'Ada', 'Ngozi'], family: ['Okafor', 'Eze'] },
    ],
    ['@first within it', '{ name @flatten { given @first family } }', { given: ['Ada', 'Addy', 'Ada'], family: ['Okafor', 'Eze'] }],
    [
      '@singleton',
      '{ identifier @flatten { system @singleton value @singleton } name @flatten @first { text given family @singleton } }',
      { system: 'urn:oid:1.9', value: '77', given: ['Ada', 'Ngozi'], family: 'Okafor' },
    ],
    [
      '@slice by a value',
      '{ name @flatten @slice(path: "use") { given family @singleton } }',
      {
        'given.official': ['Ada', 'Ngozi'],
        'family.official': 'Okafor',
        'given.usual': ['Addy'],
        'given.maiden': ['Ada', 'Ngozi'],
        'family.maiden': 'Eze',
      },
    ],
    [
      '@slice by place',
      '{ name @slice(fhirpath: "$index") @flatten { given @first @singleton family } }',
      { 'given.0': 'Ada', 'family.0': ['Okafor'], 'given.1': 'Addy', 'given.2': 'Ada', 'family.2': ['Eze'] },
    ],
    [
      '@slice without @flatten, and of what has no value',
      '{ telecom @slice(fhirpath: "use") { value } }',
      { 'telecom.home': [{ value: '1' }, { value: '3' }], 'telecom.work': [{ value: '2' }], 'telecom.': [{ value: '4' }] },
    ],
    [
      '@slice with @singleton',
      '{ telecom(_count: 2) @slice(fhirpath: "use") @singleton { value } }',
      { 'telecom.home': { value: '1' }, 'telecom.work': { value: '2' } },
    ],
    [
      'suffixes add up, and a fragment is as if written out',
      '{ name(_count: 1) @flatten @slice(fhirpath: "use") { ...given } } fragment given on HumanName { given @slice(fhirpath: "$index") @singleton }',
      { 'given.official.0': 'Ada', 'given.official.1': 'Ngozi' },
    ],
    [
      'objects within, with what they ask themselves',
      '{ name @flatten { period { start end } } contact: telecom @first { value } }',
      {
        period: [
          { start: '2020', end: '2023' },
          { start: null, end: '2002' },
        ],
        contact: [{ value: '1' }],
      },
    ],
    ['one that is no list gives no lists', '{ meta @flatten { versionId } photo @flatten { url } }', { versionId: '1' }],
  ])('%s', async (_name, query, data) => {
    expect(await dataOf(query, '/Patient/names')).toEqual(data);
  });

  it('over several resources, references followed, decimals as stored', async () => {
    const query = `{ ObservationList(_sort: "date") @flatten { id valueQuantity @flatten { value }
      subject @flatten { resource @flatten { ... on Patient { birthDate } } } } }`;
    expect(await dataOf(query)).toEqual({ id: ['o0', 'o1', 'o2'], value: [1.1, 2, 3], birthDate: Array(3).fill('1980-02-03') });
    const url = `${door.door.url}/fhir/R4/$graphql?query=${encodeURIComponent('{ ObservationList(_sort: "date", _count: 1) @flatten { valueQuantity { value } } }')}`;
    expect(await (await fetch(url)).text()).toBe('{"data":{"valueQuantity":[{"value":1.10}]}}');
  });

  it('takes variables in directives', async () => {
    const query = 'query Q($by: String) { name @flatten @slice(fhirpath: $by) { family @singleton } }';
    expect(await dataOf(query, '/Patient/names', { by: 'use.upper()' })).toEqual({ 'family.OFFICIAL': 'Okafor', 'family.MAIDEN': 'Eze' });
    const { body } = await ask(query, '/Patient/names');
    expect(at(body, 'errors', 0, 'message')).toContain('@slice has no expression');
  });

  it('@skip leaves a flattened field out', async () => {
    const query = 'query Q($no: Boolean!) { id name @flatten @skip(if: $no) { family } telecom @flatten @include(if: $no) { value } }';
    expect(await dataOf(query, '/Patient/names', { no: true })).toEqual({ id: 'names', value: ['1', '2', '3', '4'] });
  });

  it('several values for @singleton are an error at their name, the rest is answered', async () => {
    const { status, body } = await ask('{ id name @flatten { family @singleton } }', '/Patient/names');
    expect([status, at(body, 'data'), at(body, 'errors', 0, 'path')]).toEqual([200, { id: 'names', family: null }, ['family']]);
    const outcome = at(body, 'errors', 0, 'extensions', 'resource');
    expect([codeOf(outcome), validateResource(outcome)]).toEqual(['fhir-graphql', []]);
  });

  it.each([
    ['an unknown directive', '{ name @flat { family } }', 'flat'],
    ['@flatten of a value', '{ name { family @flatten } }', '@flatten is for fields with children'],
    ['@flatten of a fragment', '{ ... @flatten { id } }', 'may not be used on'],
    ['@first of what does not repeat', '{ name { family @first } }', '@first is for elements that repeat'],
    ['@slice of what does not repeat', '{ maritalStatus @slice(fhirpath: "text") { text } }', '@slice is for elements that repeat'],
    ['@slice without expression', '{ name @slice { family } }', '@slice needs one argument'],
    ['@singleton without @flatten', '{ name { family @singleton } }', 'of which a parent has @flatten'],
    ['@singleton with @flatten', '{ name @flatten @singleton { family } }', 'of no use'],
    ['a directive twice', '{ name @first @first { family } }', 'only be used once'],
    ['one name of several types', '{ identifier @flatten { system } telecom @flatten { system } }', 'types uri and code'],
    ['one name beside another', '{ id: gender communication @flatten { id: preferred } }', 'beside a field'],
    ['a name asked for in two ways', '{ name @flatten { family } name { given } }', 'with other directives'],
  ])('refuses %s', async (_name, query, reason) => {
    const { status, body } = await ask(query, '/Patient/names');
    expect([status, codeOf(body)]).toEqual([400, 'fhir-graphql']);
    expect(at(body, 'issue', 0, 'details', 'text')).toContain(reason);
  });

  it.each([
    ['that cannot be read', '{ name(fhirpath: "family =") { family } }', 'fhirpath-invalid', 'it ends too early'],
    [
      'of an element that is none, of a list that is not there',
      '{ photo(fhirpath: "colour") { url } }',
      'fhirpath-invalid',
      'an element that Attachment does not have',
    ],
    ['with several values', '{ name(fhirpath: "given") { family } }', 'fhirpath-invalid', 'several values'],
    ['with constants', '{ name(fhirpath: "%resource.active") { family } }', 'fhirpath-invalid', '%resource'],
    ['that names by several values', '{ name @slice(fhirpath: "given") { family } }', 'fhirpath-invalid', 'several'],
    ['that names by an element', '{ name(_offset: 1) @slice(fhirpath: "period") { family } }', 'fhirpath-invalid', 'simple value'],
    ['a negative place', '{ name(_offset: -1) { family } }', 'fhir-graphql', 'negative'],
  ])('an expression %s is an error in its place', async (_name, query, code, reason) => {
    const { status, body } = await ask(query, '/Patient/names');
    const outcome = at(body, 'errors', 0, 'extensions', 'resource');
    expect([status, codeOf(outcome)]).toEqual([200, code]);
    expect(at(body, 'errors', 0, 'message')).toContain(reason);
  });

  it('bounds the work of all expressions together', async () => {
    const doubled = `given${'.select($this.combine($this))'.repeat(25)}.exists()`;
    const { status, body } = await ask(`{ id name(fhirpath: "${doubled}") { family } }`, '/Patient/names');
    expect([status, codeOf(at(body, 'errors', 0, 'extensions', 'resource'))]).toEqual([200, 'fhir-graphql-costly']);
    expect(at(body, 'data')).toEqual({ id: 'names', name: null });
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
    ['fragments that double about names of types', fragments.replaceAll(' id }', ' __typename }'), 422, 'fhir-graphql-costly'],
    [
      'fragments that double, with directives',
      fragments.replaceAll(' id }', ' name @flatten { __typename } }'),
      422,
      'fhir-graphql-costly',
    ],
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
    const word = await ask('{ PatientList(_count: Almeida) { id } }');
    const chosen = await ask('{ name(fhirpath: "family = Almeida") { family } }', '/Patient/names');
    expect(codeOf(at(chosen.body, 'errors', 0, 'extensions', 'resource'))).toBe('fhirpath-invalid');
    for (const { body } of [wrong, literal, searched, word, chosen]) expect(JSON.stringify(body)).not.toContain('Almeida');
    expect(codeOf(at(searched.body, 'errors', 0, 'extensions', 'resource'))).toBe('fhir-search-value');
  });
});
