/** Operations of the FHIR door: $validate, $meta, $everything, $lastn, $stats, $match, $merge. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { validateResource } from '../../services/fhir/validation/validate.ts';
import { at, listAt, type TestDoor, testDoor } from './door.ts';

let door: TestDoor;
const parameters = (...parameter: readonly unknown[]) => ({ resourceType: 'Parameters', parameter });
const errorOf = (body: unknown) => at(body, 'issue', 0, 'details', 'coding', 0, 'code');
const refsOf = (body: unknown) =>
  listAt(body, 'entry')
    .map((each) => `${at(each, 'resource', 'resourceType')}/${at(each, 'resource', 'id')}`)
    .toSorted();

const observation = (id: string, patient: string, code: string, date: string, value?: number, unit = 'g/dL') => ({
  resourceType: 'Observation',
  id,
  status: 'final',
  category: [{ coding: [{ system: 'http://terminology.hl7.org/CodeSystem/observation-category', code: 'laboratory' }] }],
  code: { coding: [{ system: 'http://loinc.org', code }] },
  subject: { reference: `Patient/${patient}` },
  effectiveDateTime: date,
  ...(value === undefined ? {} : { valueQuantity: { value, unit, system: 'http://unitsofmeasure.org', code: unit } }),
});

const STORED: readonly { readonly resourceType: string; readonly id: string; readonly [name: string]: unknown }[] = [
  { resourceType: 'Organization', id: 'org', name: 'Hospital' },
  { resourceType: 'Practitioner', id: 'doc', name: [{ family: 'Doctor' }] },
  {
    resourceType: 'Patient',
    id: 'a',
    identifier: [{ system: 'urn:mrn', value: '1' }],
    name: [{ family: 'Almeida', given: ['Rita'] }],
    birthDate: '1980-02-03',
    gender: 'female',
    managingOrganization: { reference: 'Organization/org' },
  },
  {
    resourceType: 'Patient',
    id: 'b',
    identifier: [{ system: 'urn:mrn', value: '2' }],
    name: [{ family: 'Costa', given: ['Rui'] }],
    birthDate: '1955-05-05',
    gender: 'male',
  },
  {
    resourceType: 'Patient',
    id: 'c',
    identifier: [{ system: 'urn:other', value: '9' }],
    name: [{ family: 'Almeida', given: ['Rita'] }],
    birthDate: '1980-03-02',
    gender: 'female',
  },
  {
    resourceType: 'Encounter',
    id: 'e',
    status: 'finished',
    class: { system: 'http://terminology.hl7.org/CodeSystem/v3-ActCode', code: 'IMP' },
    subject: { reference: 'Patient/a' },
    participant: [{ individual: { reference: 'Practitioner/doc' } }],
    period: { start: '2026-01-01T08:00:00Z', end: '2026-01-03T08:00:00Z' },
  },
  { ...observation('o1', 'a', '718-7', '2026-01-01T10:00:00Z', 10), encounter: { reference: 'Encounter/e' } },
  observation('o2', 'a', '718-7', '2026-01-02T10:00:00Z', 14),
  observation('o3', 'a', '718-7', '2026-02-01T10:00:00Z', 12),
  observation('o4', 'a', '718-7', '2026-02-02T10:00:00Z'),
  observation('o5', 'a', '4548-4', '2026-02-02T10:00:00Z', 6, '%'),
  observation('other', 'b', '718-7', '2026-01-01T10:00:00Z', 8),
];

beforeAll(async () => {
  door = await testDoor();
  for (const resource of STORED) {
    const put = await door.call('PUT', `/${resource.resourceType}/${resource.id}`, resource);
    expect([resource.id, put.status, put.status === 201 ? '' : put.body]).toEqual([resource.id, 201, '']);
  }
});
afterAll(() => door[Symbol.asyncDispose]());

describe('$validate', () => {
  it.each([
    ['a resource as body', '/Patient/$validate', { resourceType: 'Patient', birthDate: 'soon' }, 'fhir-value'],
    [
      'a resource in Parameters',
      '/Patient/$validate',
      parameters({ name: 'resource', resource: { resourceType: 'Patient', colour: 'red' } }),
      'fhir-unknown-element',
    ],
    ['what is stored', '/Patient/a/$validate', undefined, undefined],
    ['an update without id', '/Patient/$validate?mode=update', { resourceType: 'Patient' }, 'fhir-required'],
    ['a resource of another type', '/Patient/$validate', { resourceType: 'Group', type: 'person', actual: true }, 'id-mismatch'],
    ['nothing wrong', '/Patient/$validate', { resourceType: 'Patient', active: true }, undefined],
  ])('answers 200 with what is wrong: %s', async (_name, path, body, code) => {
    const answer = await door.call('POST', path, body);
    expect([answer.status, errorOf(answer.body)]).toEqual([200, code]);
    expect(validateResource(answer.body)).toEqual([]);
  });

  it('refuses what it cannot do', async () => {
    expect((await door.call('POST', '/Patient/$validate?mode=never', { resourceType: 'Patient' })).status).toBe(400);
    expect((await door.call('POST', '/Patient/$validate?colour=red', { resourceType: 'Patient' })).status).toBe(400);
    expect((await door.call('POST', '/Patient/none/$validate?mode=delete')).status).toBe(404);
    expect((await door.call('POST', '/Patient/$validate', '{')).status).toBe(400);
  });
});

describe('$meta', () => {
  const tag = { system: 'urn:t', code: 'x' };
  it('adds and removes tags without touching the rest', async () => {
    const added = await door.call(
      'POST',
      '/Patient/b/$meta-add',
      parameters({ name: 'meta', valueMeta: { tag: [tag, tag], profile: ['urn:p'] } }),
    );
    expect([added.status, at(added.body, 'parameter', 0, 'valueMeta', 'versionId')]).toEqual([200, '2']);
    const read = await door.call('GET', '/Patient/b/$meta');
    expect(at(read.body, 'parameter', 0, 'valueMeta', 'profile')).toEqual(['urn:p']);
    const again = await door.call('POST', '/Patient/b/$meta-add', parameters({ name: 'meta', valueMeta: { profile: ['urn:p'] } }));
    expect(at(again.body, 'parameter', 0, 'valueMeta', 'versionId')).toBe('2');
    const gone = await door.call(
      'POST',
      '/Patient/b/$meta-delete',
      parameters({ name: 'meta', valueMeta: { tag: [{ ...tag, display: 'X' }], profile: ['urn:p'] } }),
    );
    expect(at(gone.body, 'parameter', 0, 'valueMeta', 'tag')).toBeUndefined();
    expect(at((await door.call('GET', '/Patient/b')).body, 'name', 0, 'family')).toBe('Costa');
    expect((await door.call('GET', '/Patient/b/$meta-add')).status).toBe(404);
    expect((await door.call('POST', '/Patient/none/$meta-add', parameters({ name: 'meta', valueMeta: { tag: [tag] } }))).status).toBe(404);
  });
});

describe('$everything', () => {
  const all = [
    'Encounter/e',
    'Observation/o1',
    'Observation/o2',
    'Observation/o3',
    'Observation/o4',
    'Observation/o5',
    'Organization/org',
    'Patient/a',
    'Practitioner/doc',
  ];

  it('is the patient, all about it, and who cared; nothing of other patients', async () => {
    const { status, body } = await door.call('GET', '/Patient/a/$everything');
    expect([status, refsOf(body)]).toEqual([200, all]);
    expect(validateResource(body)).toEqual([]);
  });

  it('comes in pages that make the same whole', async () => {
    const found: string[] = [];
    let path: string | undefined = '/Patient/a/$everything?_count=2';
    let pages = 0;
    while (path !== undefined) {
      const { body }: { readonly body: unknown } = await door.call('GET', path);
      found.push(...refsOf(body));
      pages++;
      const next = listAt(body, 'link').find((each) => at(each, 'relation') === 'next');
      path = next === undefined ? undefined : String(at(next, 'url')).replace(/^.*\/fhir\/R4/, '');
    }
    expect([pages, [...new Set(found)].toSorted()]).toEqual([3, all]);
  });

  it('is narrowed by type, time of care and time of change', async () => {
    expect(refsOf((await door.call('GET', '/Patient/a/$everything?_type=Encounter,Patient')).body)).toEqual(['Encounter/e', 'Patient/a']);
    expect(refsOf((await door.call('GET', '/Patient/a/$everything?_type=Observation&start=2026-02-01&end=2026-02-01')).body)).toEqual([
      'Observation/o3',
    ]);
    expect(refsOf((await door.call('GET', '/Patient/a/$everything?_since=2126-01-01T00:00:00Z')).body)).toEqual([]);
    expect((await door.call('GET', '/Patient/a/$everything?_type=Nothing')).status).toBe(400);
    expect((await door.call('GET', '/Patient/a/$everything?colour=red')).status).toBe(400);
    expect((await door.call('GET', '/Patient/none/$everything')).status).toBe(404);
    expect((await door.call('GET', '/Group/x/$everything')).status).toBe(404);
  });

  it('of an encounter is the encounter, what was done in it, and whom it is about', async () => {
    expect(refsOf((await door.call('GET', '/Encounter/e/$everything')).body)).toEqual([
      'Encounter/e',
      'Observation/o1',
      'Patient/a',
      'Practitioner/doc',
    ]);
  });
});

describe('$lastn', () => {
  it('is the newest of each code', async () => {
    const ids = async (query: string) => refsOf((await door.call('GET', `/Observation/$lastn?${query}`)).body);
    expect(await ids('patient=a&category=laboratory')).toEqual(['Observation/o4', 'Observation/o5']);
    expect(await ids('max=2&subject=Patient/a&code=http://loinc.org|718-7')).toEqual(['Observation/o3', 'Observation/o4']);
    expect((await door.call('GET', '/Observation/$lastn?patient=a')).status).toBe(400);
    expect((await door.call('GET', '/Observation/$lastn?category=laboratory')).status).toBe(400);
    expect((await door.call('GET', '/Observation/$lastn?patient=a&category=x&max=many')).status).toBe(400);
    expect((await door.call('GET', '/Patient/$lastn?patient=a&category=x')).status).toBe(404);
  });
});

describe('$stats', () => {
  it('computes what is asked for', async () => {
    const { status, body } = await door.call(
      'GET',
      '/Observation/$stats?subject=Patient/a&code=http://loinc.org|718-7&statistic=average&statistic=minimum&statistic=maximum&statistic=count&statistic=total-count&statistic=std-dev&statistic=skew',
    );
    expect(status).toBe(200);
    const resource = at(body, 'parameter', 0, 'resource');
    const values = listAt(resource, 'component').map((each) => [
      at(each, 'code', 'coding', 0, 'code'),
      at(each, 'valueQuantity', 'value'),
      at(each, 'valueQuantity', 'code'),
    ]);
    expect(values).toEqual([
      ['average', 12, 'g/dL'],
      ['minimum', 10, 'g/dL'],
      ['maximum', 14, 'g/dL'],
      ['count', 3, undefined],
      ['total-count', 4, undefined],
      ['std-dev', 2, 'g/dL'],
      ['skew', 0, undefined],
    ]);
    expect(validateResource(body)).toEqual([]);
  });

  it('is asked by Parameters, for a period, with its sources', async () => {
    const { body } = await door.call(
      'POST',
      '/Observation/$stats',
      parameters(
        { name: 'subject', valueUri: 'Patient/a' },
        { name: 'coding', valueCoding: { system: 'http://loinc.org', code: '718-7' } },
        { name: 'period', valuePeriod: { start: '2026-01-01', end: '2026-01-31' } },
        { name: 'statistic', valueCode: 'median' },
        { name: 'include', valueBoolean: true },
      ),
    );
    expect(at(body, 'parameter', 0, 'resource', 'component', 0, 'valueQuantity', 'value')).toBe(12);
    expect(
      listAt(body, 'parameter')
        .slice(1)
        .map((each) => at(each, 'resource', 'id'))
        .toSorted(),
    ).toEqual(['o1', 'o2']);
  });

  it('never mixes units', async () => {
    await door.call('PUT', '/Observation/mixed', observation('mixed', 'b', '718-7', '2026-01-05T10:00:00Z', 80, 'g/L'));
    const { status, body } = await door.call('GET', '/Observation/$stats?subject=Patient/b&code=718-7&statistic=average');
    expect([status, errorOf(body)]).toEqual([422, 'fhir-statistics-mixed']);
    expect((await door.call('GET', '/Observation/$stats?subject=Patient/b&code=718-7&statistic=magic')).status).toBe(400);
  });
});

describe('$match', () => {
  const grades = async (patient: Readonly<Record<string, unknown>>, ...more: readonly unknown[]) => {
    const { status, body } = await door.call(
      'POST',
      '/Patient/$match',
      parameters({ name: 'resource', resource: { resourceType: 'Patient', ...patient } }, ...more),
    );
    expect([status, validateResource(body)]).toEqual([200, []]);
    return listAt(body, 'entry').map((each) => [at(each, 'resource', 'id'), at(each, 'search', 'extension', 0, 'valueCode')]);
  };
  const rita = { name: [{ family: 'Almeida', given: ['Rita'] }], birthDate: '1980-02-03', gender: 'female' };

  it('is certain by an identifier that nothing contradicts, else by the weight of what agrees', async () => {
    expect(await grades({ identifier: [{ system: 'urn:mrn', value: '1' }], ...rita })).toEqual([
      ['a', 'certain'],
      ['c', 'possible'],
    ]);
    expect(await grades(rita)).toEqual([
      ['a', 'probable'],
      ['c', 'possible'],
    ]);
    expect(
      await grades({
        identifier: [{ system: 'urn:mrn', value: '1' }],
        name: [{ family: 'Silva', given: ['Jorge'] }],
        birthDate: '1999-09-09',
        gender: 'male',
      }),
    ).toEqual([['a', 'possible']]);
    expect(await grades({ name: [{ family: 'Nobody' }] })).toEqual([]);
  });

  it('gives at most one certain match', async () => {
    const only = { name: 'onlyCertainMatches', valueBoolean: true };
    expect(await grades({ identifier: [{ system: 'urn:mrn', value: '1' }] }, only)).toEqual([['a', 'certain']]);
    expect(
      await grades(
        {
          identifier: [
            { system: 'urn:mrn', value: '1' },
            { system: 'urn:mrn', value: '2' },
          ],
        },
        only,
      ),
    ).toEqual([]);
    expect(
      (await door.call('POST', '/Patient/$match', parameters({ name: 'resource', resource: { resourceType: 'Patient' } }))).status,
    ).toBe(400);
  });
});

describe('$merge', () => {
  it('moves everything to the target, and is seen by $match and $everything', async () => {
    const source = { name: 'source-patient', valueReference: { reference: 'Patient/b' } };
    const target = { name: 'target-patient-identifier', valueIdentifier: { system: 'urn:mrn', value: '1' } };
    const preview = await door.call('POST', '/Patient/$merge', parameters(source, target, { name: 'preview', valueBoolean: true }));
    expect([preview.status, at(preview.body, 'parameter', 2, 'resource', 'id')]).toEqual([200, 'a']);
    // As it would be: what came of it is shown, and taken back.
    expect(at(preview.body, 'parameter', 2, 'resource', 'link', 0, 'type')).toBe('replaces');
    expect(at(preview.body, 'parameter', 1, 'resource', 'issue', 0, 'details', 'text')).toMatch(/would refer to the target/);
    expect(at((await door.call('GET', '/Patient/a')).body, 'link')).toBeUndefined();
    const { status, body } = await door.call('POST', '/Patient/$merge', parameters(source, target));
    expect([status, at(body, 'parameter', 2, 'resource', 'id'), validateResource(body)]).toEqual([200, 'a', []]);
    expect(at((await door.call('GET', '/Observation/other')).body, 'subject', 'reference')).toBe('Patient/a');
    expect(at((await door.call('GET', '/Patient/b')).body, 'active')).toBe(false);
    expect(refsOf((await door.call('GET', '/Patient/a/$everything?_type=Observation')).body)).toContain('Observation/other');
    const self = await door.call('POST', '/Patient/$merge', parameters({ ...source, name: 'target-patient' }, source));
    expect(self.status).toBe(400);
    expect((await door.call('GET', '/Patient/$merge')).status).toBe(404);
  });
});

/** What was taken for an id or a type: http://hl7.org/fhir/R4/operations.html. */
describe('an operation that is not offered where it is asked for', () => {
  const everything = 'Patient/[id]/$everything, Encounter/[id]/$everything';
  it.each([
    ['GET', '/$everything', `everything is not offered as GET $everything; it is as ${everything}.`],
    ['POST', '/$everything', `as POST $everything; it is as ${everything}.`],
    ['GET', '/Patient/$everything?_count=2', `as GET Patient/$everything; it is as ${everything}.`],
    ['POST', '/Patient/$everything', `as POST Patient/$everything; it is as ${everything}.`],
    ['GET', '/Patient/%24everything', `as GET Patient/$everything; it is as ${everything}.`],
    ['GET', '/Observation/o/$everything', `as GET Observation/[id]/$everything; it is as ${everything}.`],
    ['GET', '/Patient/$merge', 'as GET Patient/$merge; it is as POST Patient/$merge.'],
    ['GET', '/Observation/o/$lastn', 'as GET Observation/[id]/$lastn; it is as Observation/$lastn.'],
    ['GET', '/Patient/$graphql', 'as GET Patient/$graphql; it is as $graphql, [type]/[id]/$graphql.'],
    ['GET', '/Patient/a/$sing', 'The operation sing is not offered as GET Patient/[id]/$sing.'],
    ['POST', '/Patient/a/$sing', 'The operation sing is not offered as POST Patient/[id]/$sing.'],
    ['DELETE', '/Patient/$match', 'as DELETE Patient/$match; it is as Patient/$match.'],
  ])('%s %s', async (method, path, text) => {
    const { status, body } = await door.call(method, path, method === 'POST' ? parameters() : undefined);
    expect([status, at(body, 'issue', 0, 'code'), validateResource(body)]).toEqual([404, 'not-supported', []]);
    expect(at(body, 'issue', 0, 'details', 'text')).toContain(text);
  });
});

it('lists every operation where the CapabilityStatement says what a type does', async () => {
  const { body } = await door.call('GET', '/metadata');
  const names = (type: string) =>
    listAt(
      listAt(body, 'rest', 0, 'resource').find((each) => at(each, 'type') === type),
      'operation',
    ).map((each) => at(each, 'name'));
  expect(names('Patient')).toEqual(['validate', 'meta', 'meta-add', 'meta-delete', 'everything', 'match', 'merge', 'graphql']);
  expect(names('Observation')).toEqual(['validate', 'meta', 'meta-add', 'meta-delete', 'lastn', 'stats', 'graphql']);
  expect(validateResource(body)).toEqual([]);
});
