/** :in, :not-in, :below and :above of tokens, and in, ni, ss and sb of _filter, answered by the terminology engine. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { storePackage } from '../../services/database/resources/packages.ts';
import { at, listAt, type TestDoor, testDoor } from './door.ts';

const CS = 'urn:cs';
let door: TestDoor;

/** Every code with the one above it. */
const PARENTS: Readonly<Record<string, string | undefined>> = { a: undefined, b: 'a', c: 'b', d: 'a', e: undefined };
const concept = (parent: string | undefined): readonly object[] =>
  Object.keys(PARENTS).flatMap((code) => {
    if (PARENTS[code] !== parent) return [];
    const below = concept(code);
    return [{ code, ...(below.length === 0 ? {} : { concept: below }) }];
  });
const valueSet = (id: string, include: object) => ({
  resourceType: 'ValueSet',
  id,
  url: `urn:${id}`,
  status: 'active',
  compose: { include: [include] },
});
const filtered = (op: string, value: string) => ({ system: CS, filter: [{ property: 'concept', op, value }] });

const CODES = ['a', 'b', 'c', 'd', 'e', 'stranger'];
const observation = (id: string, coding: readonly object[], patient = 'p') => ({
  resourceType: 'Observation',
  id,
  status: id === 'of-b' ? 'amended' : 'final',
  code: { coding },
  subject: { reference: `Patient/${patient}` },
});
const STORED = [
  {
    resourceType: 'CodeSystem',
    id: 'cs',
    url: CS,
    status: 'active',
    content: 'complete',
    hierarchyMeaning: 'is-a',
    concept: concept(undefined),
  },
  valueSet('below-b', filtered('is-a', 'b')),
  valueSet('listed', { system: CS, concept: [{ code: 'a' }, { code: 'e' }] }),
  valueSet('empty', filtered('=', 'nothing')),
  valueSet('unheard', { system: 'urn:elsewhere' }),
  valueSet('changed', { system: CS, concept: [{ code: 'b' }] }),
  { resourceType: 'Patient', id: 'p' },
  { resourceType: 'Patient', id: 'q' },
  ...CODES.map((code) => observation(`of-${code}`, [{ system: CS, code }], code === 'c' ? 'q' : 'p')),
  observation('two', [
    { system: 'urn:other', code: 'b' },
    { system: CS, code: 'e' },
  ]),
  observation('foreign', [{ system: 'urn:other', code: 'c' }]),
];

beforeAll(async () => {
  door = await testDoor();
  const entry = STORED.map((resource) => ({ resource, request: { method: 'PUT', url: `${resource.resourceType}/${resource.id}` } }));
  const stored = await door.call('POST', '', { resourceType: 'Bundle', type: 'transaction', entry });
  expect([stored.status, stored.status === 200 ? '' : stored.body]).toEqual([200, '']);
  const packaged = { ...valueSet('packaged', { valueSet: ['urn:below-b'] }), id: undefined };
  await storePackage(door.database, { name: 'p', version: '1', title: 'P' }, [
    { type: 'ValueSet', url: packaged.url, version: '', body: JSON.stringify(packaged) },
  ]);
});
afterAll(() => door[Symbol.asyncDispose]());

const idsOf = async (path: string): Promise<readonly unknown[]> => {
  const answer = await door.call('GET', path);
  expect([path, answer.status, answer.status === 200 ? '' : answer.body]).toEqual([path, 200, '']);
  return listAt(answer.body, 'entry')
    .map((each) => at(each, 'resource', 'id'))
    .toSorted();
};
const everyone = [...CODES.map((code) => `of-${code}`), 'two', 'foreign'];
const without = (...ids: readonly string[]) => everyone.filter((each) => !ids.includes(each));

describe('modifiers of terminologies', () => {
  it.each([
    ['code:in=urn:below-b', ['of-b', 'of-c']],
    ['code:in=urn:listed', ['of-a', 'of-e', 'two']],
    ['code:in=urn:below-b,urn:listed', ['of-a', 'of-b', 'of-c', 'of-e', 'two']],
    ['code:in=urn:empty', []],
    ['code:in=urn:packaged', ['of-b', 'of-c']],
    ['code:not-in=urn:below-b', without('of-b', 'of-c')],
    ['code:not-in=urn:empty', everyone],
    [`code:below=${CS}|a`, ['of-a', 'of-b', 'of-c', 'of-d']],
    [`code:below=${CS}|c,${CS}|e`, ['of-c', 'of-e', 'two']],
    [`code:above=${CS}|c`, ['of-a', 'of-b', 'of-c']],
    [`code:above=${CS}|e`, ['of-e', 'two']],
    ['code:in=urn:below-b&subject=Patient/q', ['of-c']],
    ['combo-code:in=urn:listed&code:not-in=urn:listed', []],
    ['code:in=urn:changed', ['of-b']],
    ['status:in=http://hl7.org/fhir/ValueSet/observation-status', everyone],
    ['status:in=http://hl7.org/fhir/ValueSet/administrative-gender', []],
    [`_filter=${encodeURIComponent('code in urn:below-b or code ss urn:cs|d')}`, ['of-b', 'of-c', 'of-d']],
    [`_filter=${encodeURIComponent('code ni "urn:listed" and code sb urn:cs|c')}`, ['of-b', 'of-c']],
  ] as const)('Observation?%s', async (query, expected) => {
    expect(await idsOf(`/Observation?${query}`)).toEqual([...expected].toSorted());
    const counted = await door.call('GET', `/Observation?${query}&_summary=count`);
    expect(at(counted.body, 'total')).toBe(expected.length);
  });

  it('answer below chains, in compartments and by POST', async () => {
    expect(await idsOf(`/Patient?_has:Observation:patient:code:below=${CS}|b`)).toEqual(['p', 'q']);
    expect(await idsOf('/Patient/q/Observation?code:in=urn:below-b')).toEqual(['of-c']);
    const posted = await door.call('POST', '/Observation/_search', 'code:in=urn:below-b', {
      'content-type': 'application/x-www-form-urlencoded',
    });
    expect(listAt(posted.body, 'entry').length).toBe(2);
  });

  it('page by page', async () => {
    const first = await door.call('GET', `/Observation?code:below=${CS}|a&_count=3`);
    const next = listAt(first.body, 'link').find((each) => at(each, 'relation') === 'next');
    const second = await fetch(String(at(next, 'url')));
    expect([listAt(first.body, 'entry').length, listAt(await second.json(), 'entry').length]).toEqual([3, 1]);
  });

  it('see a value set as it was last written', async () => {
    await door.call('PUT', '/ValueSet/changed', valueSet('changed', { system: CS, concept: [{ code: 'd' }] }));
    expect(await idsOf('/Observation?code:in=urn:changed')).toEqual(['of-d']);
  });

  it.each([
    ['code:in=urn:nowhere', 'fhir-search-value-set'],
    ['code:in=urn:unheard', 'fhir-search-value-set'],
    ['code:not-in=urn:nowhere', 'fhir-search-value-set'],
    [`code:below=${CS}|zzz`, 'fhir-search-code'],
    ['code:above=urn:elsewhere|a', 'fhir-search-code'],
    ['code:below=a', 'fhir-search-value'],
    ['code:in=', 'fhir-search-value'],
    ['date:in=urn:listed', 'fhir-search-modifier'],
    ['subject:below=Patient/p', 'fhir-search-modifier'],
  ])('Observation?%s is refused, never half answered', async (query, code) => {
    const answer = await door.call('GET', `/Observation?${query}`);
    expect([answer.status, at(answer.body, 'issue', 0, 'details', 'coding', 0, 'code')]).toEqual([400, code]);
  });

  it('more codes than one search takes are refused', async () => {
    const many = Array.from({ length: 10_001 }, (_, i) => ({ code: `n${i}` }));
    const put = await door.call('PUT', '/CodeSystem/many', {
      resourceType: 'CodeSystem',
      id: 'many',
      url: 'urn:many',
      status: 'active',
      content: 'complete',
      concept: many,
    });
    expect(put.status).toBe(201);
    await door.call('PUT', '/ValueSet/many', valueSet('many', { system: 'urn:many' }));
    const answer = await door.call('GET', '/Observation?code:in=urn:many');
    expect([answer.status, at(answer.body, 'issue', 0, 'details', 'coding', 0, 'code')]).toEqual([422, 'fhir-search-costly']);
  });
});
