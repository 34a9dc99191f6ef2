/** What $everything of one patient may hold, $meta above instances, and $stats over components and time. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { validateResource } from '../../services/fhir/validation/validate.ts';
import { at, listAt, type TestDoor, testDoor } from './door.ts';

let door: TestDoor;
const patient = (id: string) => ({ reference: `Patient/${id}` });
const LOINC = 'http://loinc.org';
const code = (value: string) => ({ coding: [{ system: LOINC, code: value }] });
const ENCOUNTER = { status: 'finished', class: { system: 'http://terminology.hl7.org/CodeSystem/v3-ActCode', code: 'IMP' } };
const TAG = { system: 'urn:tags', code: 'x' };
const pressure = (day: number, systolic: number | undefined) => ({
  resourceType: 'Observation',
  id: `bp${day}`,
  status: 'final',
  code: code('85354-9'),
  subject: patient('mother'),
  effectiveDateTime: `2026-03-0${day}T00:00:00Z`,
  component: [
    {
      code: code('8480-6'),
      ...(systolic === undefined
        ? { dataAbsentReason: { text: 'refused' } }
        : { valueQuantity: { value: systolic, unit: 'mmHg', system: 'http://unitsofmeasure.org', code: 'mm[Hg]' } }),
    },
    { code: code('8462-4'), valueQuantity: { value: 80, unit: 'mmHg', system: 'http://unitsofmeasure.org', code: 'mm[Hg]' } },
  ],
});
const STORED: readonly { readonly resourceType: string; readonly id: string; readonly [name: string]: unknown }[] = [
  { resourceType: 'Organization', id: 'org', name: 'Hospital', meta: { tag: [TAG] } },
  { resourceType: 'Patient', id: 'mother', meta: { tag: [{ ...TAG, display: 'the same' }], profile: ['urn:p'] } },
  { resourceType: 'Patient', id: 'child' },
  { resourceType: 'Encounter', id: 'birth', ...ENCOUNTER, subject: patient('mother') },
  {
    resourceType: 'Observation',
    id: 'own',
    status: 'final',
    code: code('1-8'),
    subject: patient('mother'),
    encounter: { reference: 'Encounter/birth' },
  },
  {
    resourceType: 'Observation',
    id: 'noted',
    status: 'final',
    code: code('1-8'),
    subject: patient('child'),
    encounter: { reference: 'Encounter/birth' },
  },
  { resourceType: 'Observation', id: 'focused', status: 'final', code: code('1-8'), subject: patient('child'), focus: [patient('mother')] },
  {
    resourceType: 'Observation',
    id: 'performed',
    status: 'final',
    code: code('1-8'),
    subject: patient('child'),
    performer: [patient('mother')],
  },
  { resourceType: 'Device', id: 'pump', patient: patient('mother') },
  {
    resourceType: 'Group',
    id: 'both',
    type: 'person',
    actual: true,
    member: [{ entity: patient('mother') }, { entity: patient('child') }],
  },
  { resourceType: 'RelatedPerson', id: 'kin', patient: patient('child') },
  {
    resourceType: 'Bundle',
    id: 'held',
    type: 'collection',
    entry: [
      {
        fullUrl: 'urn:uuid:0c1f1f0e-0c1f-4c1f-8c1f-0c1f1f0e0c1f',
        resource: { resourceType: 'Observation', status: 'final', code: code('1-8'), subject: patient('mother') },
      },
      { fullUrl: 'urn:uuid:0c1f1f0e-0c1f-4c1f-8c1f-0c1f1f0e0c2f', resource: { resourceType: 'Patient', name: [{ family: 'Somebody' }] } },
    ],
  },
  pressure(1, 120),
  pressure(2, 124),
  pressure(3, 122),
  pressure(5, 130),
  pressure(6, undefined),
];

beforeAll(async () => {
  door = await testDoor();
  for (const each of STORED) {
    const put = await door.call('PUT', `/${each.resourceType}/${each.id}`, each);
    expect([each.id, put.status, put.status === 201 ? '' : put.body]).toEqual([each.id, 201, '']);
  }
});
afterAll(() => door[Symbol.asyncDispose]());

const idsOf = (body: unknown, mode: string) =>
  listAt(body, 'entry')
    .filter((each) => at(each, 'search', 'mode') === mode)
    .map((each) => at(each, 'resource', 'id'))
    .toSorted();

describe('$everything', () => {
  it("holds the patient's compartment and what else is about it, and says what it left out", async () => {
    const { status, body } = await door.call('GET', '/Patient/mother/$everything');
    expect([status, validateResource(body)]).toEqual([200, []]);
    expect(idsOf(body, 'match')).toEqual(['birth', 'both', 'bp1', 'bp2', 'bp3', 'bp5', 'bp6', 'mother', 'own', 'pump']);
    const said = listAt(body, 'entry').filter((each) => at(each, 'search', 'mode') === 'outcome');
    expect(said.map((each) => at(each, 'resource', 'issue', 0, 'details', 'coding', 0, 'code'))).toEqual(['fhir-everything-others']);
    expect(String(at(said[0], 'resource', 'issue', 0, 'details', 'text'))).toContain('3 resources');
    const text = JSON.stringify(listAt(body, 'entry').filter((each) => at(each, 'resource', 'id') !== 'both'));
    expect(text).not.toContain('Patient/child');
  });

  it('of an encounter keeps to its patient too', async () => {
    const { body } = await door.call('GET', '/Encounter/birth/$everything');
    expect([idsOf(body, 'match'), idsOf(body, 'include')]).toEqual([['birth', 'own'], ['mother']]);
  });

  it('of the child does not tell about the mother', async () => {
    const { body } = await door.call('GET', '/Patient/child/$everything');
    expect(idsOf(body, 'match')).toEqual(['both', 'child', 'focused', 'kin', 'noted', 'performed']);
    expect(idsOf(body, 'include')).toEqual([]);
  });
});

describe('$meta above instances', () => {
  const metaOf = async (path: string) => at((await door.call('GET', path)).body, 'parameter', 0, 'valueMeta');
  it('tells what is used of a type, and of all', async () => {
    expect(await metaOf('/Patient/$meta')).toEqual({ profile: ['urn:p'], tag: [{ ...TAG, display: 'the same' }] });
    expect(await metaOf('/Encounter/$meta')).toEqual({});
    const all = await metaOf('/$meta');
    expect([at(all, 'profile'), listAt(all, 'tag').length]).toEqual([['urn:p'], 1]);
    const statement = (await door.call('GET', '/metadata')).body;
    expect(listAt(statement, 'rest', 0, 'operation').map((each) => at(each, 'name'))).toContain('meta');
  });
});

describe('$stats', () => {
  const ask = async (value: string, ...statistics: readonly string[]) => {
    const asked = statistics.map((each) => `&statistic=${each}`).join('');
    const { status, body } = await door.call('GET', `/Observation/$stats?subject=Patient/mother&code=${LOINC}|${value}${asked}`);
    expect([status, validateResource(at(body, 'parameter', 0, 'resource'))]).toEqual([200, []]);
    return listAt(body, 'parameter', 0, 'resource', 'component').map((each) => [
      at(each, 'code', 'text') ?? at(each, 'code', 'coding', 0, 'code'),
      at(each, 'valueQuantity', 'value') ?? at(each, 'dataAbsentReason', 'coding', 0, 'code'),
      at(each, 'valueQuantity', 'code'),
    ]);
  };

  it('is of components too, each by its own code', async () => {
    expect(await ask('8480-6', 'average', 'count', 'total-count')).toEqual([
      ['average', 124, 'mm[Hg]'],
      ['count', 4, undefined],
      ['total-count', 5, undefined],
    ]);
    expect(await ask('8462-4', 'maximum')).toEqual([['maximum', 80, 'mm[Hg]']]);
  });

  it('draws the line of regression through values over time', async () => {
    // Days 0, 1, 2, 4: mean 1.75; values 120, 124, 122, 130: mean 124; sum of products 20, of squares 8.75.
    expect(await ask('8480-6', 'regression')).toEqual([
      ['gradient', 2.28571428571, 'mm[Hg]/d'],
      ['intercept', 120, 'mm[Hg]'],
    ]);
    expect(await ask('8462-4', 'regression')).toEqual([
      ['gradient', 0, 'mm[Hg]/d'],
      ['intercept', 80, 'mm[Hg]'],
    ]);
    expect(await ask('1-8', 'regression')).toEqual([['regression', 'not-applicable', undefined]]);
  });
});
