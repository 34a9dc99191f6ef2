import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Answer, at, listAt, type TestDoor, testDoor } from './door.ts';

let door: TestDoor;
const put = async (resource: { readonly resourceType: string; readonly id: string; readonly [name: string]: unknown }) => {
  const { status, body } = await door.call('PUT', `/${resource.resourceType}/${resource.id}`, resource);
  expect([200, 201], JSON.stringify(body)).toContain(status);
};
const coded = (code: string) => ({ coding: [{ system: 'http://loinc.org', code }] });
const observation = (id: string, patient: string, code: string, more = {}) => ({
  resourceType: 'Observation',
  id,
  status: 'final',
  code: coded(code),
  subject: { reference: `Patient/${patient}` },
  ...more,
});

beforeAll(async () => {
  door = await testDoor();
  await put({ resourceType: 'Organization', id: 'top', name: 'Top' });
  await put({ resourceType: 'Organization', id: 'ward', name: 'Ward', partOf: { reference: 'Organization/top' } });
  await put({ resourceType: 'Practitioner', id: 'dr', name: [{ family: 'House' }] });
  const tag = [{ system: 'urn:tag', code: 'x' }];
  await put({
    resourceType: 'Patient',
    id: 'a',
    meta: { tag },
    name: [{ family: 'Adams' }],
    generalPractitioner: [{ reference: 'Practitioner/dr' }],
    managingOrganization: { reference: 'Organization/ward' },
    text: { status: 'generated', div: '<div xmlns="http://www.w3.org/1999/xhtml">Likes <b>chess</b></div>' },
  });
  await put({ resourceType: 'Patient', id: 'b', name: [{ family: 'Brown' }], gender: 'female' });
  await put(
    observation('o1', 'a', 'hb', {
      meta: { tag },
      effectiveDateTime: '2020-01-01',
      valueQuantity: { value: 5, unit: 'mg/dL', system: 'http://unitsofmeasure.org', code: 'mg/dL' },
    }),
  );
  await put(observation('o2', 'a', 'na', { effectiveDateTime: '2021-01-01', performer: [{ reference: 'Practitioner/dr' }] }));
  await put(observation('o3', 'b', 'hb', { effectiveDateTime: '2022-01-01', hasMember: [{ reference: 'Observation/o2' }] }));
  await put({
    resourceType: 'List',
    id: 'l',
    status: 'current',
    mode: 'working',
    entry: [{ item: { reference: 'Observation/o2' } }, { item: { reference: 'Patient/b' } }],
  });
});
afterAll(() => door[Symbol.asyncDispose]());

const entries = ({ body }: Answer, mode: string): readonly string[] =>
  listAt(body, 'entry')
    .filter((each) => at(each, 'search', 'mode') === mode)
    .map((each) => `${at(each, 'resource', 'resourceType')}/${at(each, 'resource', 'id')}`)
    .toSorted();
const found = async (path: string): Promise<readonly string[]> => entries(await door.call('GET', path), 'match');

describe('search over HTTP', () => {
  it.each([
    ['/Observation?patient.general-practitioner.name=hou', ['Observation/o1', 'Observation/o2']],
    ['/Observation?subject:Patient.organization.partof.name=top', ['Observation/o1', 'Observation/o2']],
    ['/Patient?_has:Observation:patient:code=na', ['Patient/a']],
    ['/Patient?_has:Observation:patient:_has:Observation:has-member:code=hb', ['Patient/a']],
    ['/Practitioner?_has:Patient:general-practitioner:_has:Observation:patient:code=hb', ['Practitioner/dr']],
    ['/Observation?code-value-quantity=hb$lt0.06|http://unitsofmeasure.org|g/L', ['Observation/o1']],
    ['/Observation?value-quantity=0.05|http://unitsofmeasure.org|g/L', ['Observation/o1']],
    ['/Observation?value-quantity=5||mg/dL', ['Observation/o1']],
    ['/Observation?_filter=(code eq hb and date ge 2021-01-01) or performer.name sw "hou"', ['Observation/o2', 'Observation/o3']],
    ['/Observation?_filter=not (code eq "http://loinc.org|hb")', ['Observation/o2']],
    ['/Observation?_filter=performer pr true', ['Observation/o2']],
    ['/Patient?_filter=name co dam or gender ne male', ['Patient/a', 'Patient/b']],
    ['/Patient?gender:missing=true', ['Patient/a']],
    ['/Patient?_list=l', ['Patient/b']],
    ['/Patient?_text=chess likes', ['Patient/a']],
    ['/Patient?_content=brown', ['Patient/b']],
    ['?_tag=urn:tag|x', ['Observation/o1', 'Patient/a']],
    ['?_type=Patient,List&_id=a,l', ['List/l', 'Patient/a']],
    ['/Patient/a/Observation?code=hb', ['Observation/o1']],
    ['/Patient/a/Observation', ['Observation/o1', 'Observation/o2']],
    ['/Patient/a/*', ['Observation/o1', 'Observation/o2', 'Patient/a']],
    ['/Practitioner/dr/Observation', ['Observation/o2']],
  ])('%s', async (path, expected) => {
    const answer = await door.call('GET', encodeURI(path).replaceAll('%25', '%'));
    expect(answer.status, JSON.stringify(answer.body)).toBe(200);
    expect(entries(answer, 'match')).toEqual(expected);
  });

  it.each([
    ['_include=Observation:patient', 'Patient/a Patient/b'],
    ['_include=Observation:subject:Group', ''],
    [
      '_include=Observation:patient&_include:iterate=Patient:organization&_include:iterate=Organization:partof',
      'Organization/top Organization/ward Patient/a Patient/b',
    ],
    ['_include=*&code=na', 'Patient/a Practitioner/dr'],
    ['_revinclude=List:item', 'List/l'],
    ['_revinclude=Observation:has-member&code=na', 'Observation/o3'],
  ])('Observation?%s goes along, and counts as no match', async (text, expected) => {
    const answer = await door.call('GET', `/Observation?_total=accurate&${text}`);
    expect(entries(answer, 'include').join(' ')).toBe(expected);
    expect(at(answer.body, 'total')).toBe(entries(answer, 'match').length);
  });

  it('POST …/_search of a type, a compartment and everything answers as GET does', async () => {
    const form = { 'content-type': 'application/x-www-form-urlencoded' };
    expect(entries(await door.call('POST', '/Observation/_search', 'code=hb', form), 'match')).toEqual(await found('/Observation?code=hb'));
    expect(entries(await door.call('POST', '/Patient/a/Observation/_search', 'code=hb', form), 'match')).toEqual(['Observation/o1']);
    expect(entries(await door.call('POST', '/_search', '_tag=x', form), 'match')).toEqual(['Observation/o1', 'Patient/a']);
  });

  it('any order, several keys, pages that go on', async () => {
    const ids = async (path: string): Promise<readonly unknown[]> =>
      listAt((await door.call('GET', path)).body, 'entry').map((each) => at(each, 'resource', 'id'));
    expect(await ids('/Observation?_sort=code,-date')).toEqual(['o3', 'o1', 'o2']);
    expect(await ids('/Observation?_sort=-subject,date')).toEqual(['o3', 'o1', 'o2']);
    expect(await ids('/Patient?_sort=-family')).toEqual(['b', 'a']);
    const seen: unknown[] = [];
    for (let path: unknown = '/Observation?_sort=-code,date&_count=1'; typeof path === 'string'; ) {
      const { body } = await door.call('GET', path);
      seen.push(...listAt(body, 'entry').map((each) => at(each, 'resource', 'id')));
      const next = listAt(body, 'link').find((each) => at(each, 'relation') === 'next');
      path = String(at(next, 'url') ?? '').replace(/^.*\/fhir\/R4/, '') || undefined;
    }
    expect(seen).toEqual(['o2', 'o1', 'o3']);
  });

  it.each([
    ['/Observation?code:in=http://x', 400, 'not-found'],
    ['/Observation?_filter=code in http://x', 400, 'not-found'],
    [`/Observation?_filter=${'('.repeat(60)}code eq x${')'.repeat(60)}`, 422, 'too-costly'],
    [`/Observation?_filter=${Array.from({ length: 150 }, () => 'code eq x').join(' or ')}`, 422, 'too-costly'],
    ['/Observation?patient.organization.partof.partof.partof.partof.name=x', 422, 'too-costly'],
    [`/Observation?code=${'a,'.repeat(1500)}`, 422, 'too-costly'],
    ['/Patient?near=1', 400, 'not-supported'],
    ['?name=x', 400, 'not-supported'],
    ['/Patient/a/Nothing', 404, 'not-found'],
    ['/Organization/top/Patient', 404, 'not-found'],
    ['/Patient/a/Organization', 404, 'not-found'],
  ])('%.60s is refused with %i %s', async (path, status, code) => {
    const answer = await door.call('GET', encodeURI(path));
    expect([answer.status, at(answer.body, 'issue', 0, 'code')]).toEqual([status, code]);
    expect(at(answer.body, 'resourceType')).toBe('OperationOutcome');
  });
});
