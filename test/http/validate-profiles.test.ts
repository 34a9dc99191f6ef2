/** $validate by profiles, value sets and code systems that were stored by writes, with the terminology engine behind the bindings. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { storePackage } from '../../services/database/resources/packages.ts';
import { validateResource } from '../../services/fhir/validation/validate.ts';
import { at, listAt, type TestDoor, testDoor } from './door.ts';

const BASE = 'urn:guide';
let door: TestDoor;

const element = (id: string, more: object = {}) => {
  const path = id.replace(/:[^.]+/g, '');
  return { id, path, min: 0, max: '*', base: { path, min: 0, max: '*' }, ...more };
};
const definition = (name: string, type: string, elements: readonly object[]) => ({
  resourceType: 'StructureDefinition',
  id: name,
  url: `${BASE}/${name}`,
  name,
  status: 'active',
  kind: 'resource',
  abstract: false,
  type,
  baseDefinition: `http://hl7.org/fhir/StructureDefinition/${type}`,
  derivation: 'constraint',
  snapshot: { element: elements.map((each) => ({ definition: 'x', ...each })) },
});
const bound = (name: string, valueSet: string, strength = 'required') =>
  definition(name, 'Observation', [
    element('Observation'),
    element('Observation.code', { min: 1, max: '1', type: [{ code: 'CodeableConcept' }], binding: { strength, valueSet } }),
  ]);
const bare = (name: string, baseDefinition: string, elements: readonly object[]) => ({
  ...definition(name, 'Observation', []),
  baseDefinition,
  snapshot: undefined,
  differential: { element: elements },
});
const target = (...types: readonly string[]) => ({
  type: [
    {
      code: 'Reference',
      targetProfile: types.map((type) => (type.includes(':') ? type : `http://hl7.org/fhir/StructureDefinition/${type}`)),
    },
  ],
});
const TEAM = definition('team', 'CareTeam', [
  element('CareTeam'),
  element('CareTeam.participant', { slicing: { discriminator: [{ type: 'profile', path: 'member.resolve()' }], rules: 'closed' } }),
  element('CareTeam.participant:doctor', { sliceName: 'doctor', min: 1, max: '1' }),
  element('CareTeam.participant:doctor.member', { min: 1, max: '1', ...target('Practitioner', 'PractitionerRole') }),
  element('CareTeam.participant:kin', { sliceName: 'kin' }),
  element('CareTeam.participant:kin.member', { min: 1, max: '1', ...target(`${BASE}/kin`) }),
]);
const STORED = [
  {
    resourceType: 'CodeSystem',
    id: 'cs',
    url: `${BASE}/cs`,
    status: 'active',
    content: 'complete',
    hierarchyMeaning: 'is-a',
    concept: [{ code: 'top', concept: [{ code: 'in', concept: [{ code: 'deep' }] }] }, { code: 'out' }],
  },
  {
    resourceType: 'ValueSet',
    id: 'vs',
    url: `${BASE}/vs`,
    status: 'active',
    compose: { include: [{ system: `${BASE}/cs`, filter: [{ property: 'concept', op: 'is-a', value: 'top' }] }] },
  },
  { resourceType: 'ValueSet', id: 'far', url: `${BASE}/far`, status: 'active', compose: { include: [{ system: 'urn:elsewhere' }] } },
  bound('coded', `${BASE}/vs`),
  bound('mild', `${BASE}/vs`, 'extensible'),
  bound('far', `${BASE}/far`),
  bare('orphan', `${BASE}/nobody`, [{ path: 'Observation' }]),
  // As people write them: no snapshot, no ids where the path says it, a profile on a profile.
  bare('pressure', 'http://hl7.org/fhir/StructureDefinition/Observation', [
    { path: 'Observation.component', slicing: { discriminator: [{ type: 'pattern', path: 'code' }], rules: 'closed' }, min: 1 },
    { path: 'Observation.component', sliceName: 'upper', min: 1, max: '1' },
    { path: 'Observation.component.code', patternCodeableConcept: { coding: [{ code: 'upper' }] } },
    { path: 'Observation.component.value[x]', min: 1, type: [{ code: 'Quantity' }] },
    { path: 'Observation.component', sliceName: 'lower', max: '1' },
    { path: 'Observation.component.code', patternCodeableConcept: { coding: [{ code: 'lower' }] } },
    { path: 'Observation.code', binding: { strength: 'required', valueSet: `${BASE}/vs` } },
  ]),
  bare('strict', `${BASE}/pressure|1.0`, [
    { id: 'Observation.component:lower', path: 'Observation.component', sliceName: 'lower', min: 1 },
    { id: 'Observation.component:upper.interpretation', path: 'Observation.component.interpretation', max: '0' },
    { id: 'Observation.valueQuantity', path: 'Observation.valueQuantity', max: '1' },
    {
      id: 'Observation',
      path: 'Observation',
      constraint: [{ key: 'r-1', severity: 'error', human: 'has a subject', expression: 'subject.exists()' }],
    },
    {
      id: 'Observation.extension:why',
      path: 'Observation.extension',
      sliceName: 'why',
      min: 1,
      max: '1',
      type: [{ code: 'Extension', profile: [`${BASE}/why`] }],
    },
  ]),
  {
    ...bare('why', 'http://hl7.org/fhir/StructureDefinition/Extension', [
      { path: 'Extension.url', fixedUri: 'urn:why' },
      { path: 'Extension.valueString', min: 1 },
    ]),
    type: 'Extension',
  },
  TEAM,
  definition('kin', 'RelatedPerson', [element('RelatedPerson')]),
  { resourceType: 'Patient', id: 'p' },
  { resourceType: 'Patient', id: 'alone' },
  { resourceType: 'Condition', id: 'c', subject: { reference: 'Patient/p' } },
];

beforeAll(async () => {
  door = await testDoor();
  for (const each of STORED) {
    const put = await door.call('PUT', `/${each.resourceType}/${each.id}`, each);
    expect([each.id, put.status, put.status === 201 ? '' : put.body]).toEqual([each.id, 201, '']);
  }
});
afterAll(() => door[Symbol.asyncDispose]());

/** Severity, code and place of what is wrong, by a profile. */
async function found(resource: { readonly resourceType: string }, profile: string): Promise<readonly string[]> {
  const answer = await door.call('POST', `/${resource.resourceType}/$validate?profile=${BASE}/${profile}`, resource);
  expect(validateResource(answer.body)).toEqual([]);
  return listAt(answer.body, 'issue').flatMap((issue) => {
    const code = at(issue, 'details', 'coding', 0, 'code');
    return code === undefined ? [] : [[at(issue, 'severity'), code, at(issue, 'expression', 0)].filter(Boolean).join(' ')];
  });
}
const observation = (code: string, system: string | undefined = `${BASE}/cs`) => ({
  resourceType: 'Observation',
  status: 'final',
  code: { coding: [{ ...(system === undefined ? {} : { system }), code, display: 'what somebody calls it' }] },
});

describe('a profile that was stored by a write', () => {
  it.each([
    ['a code below the one that the value set filters by', 'deep', 'coded', []],
    ['the code itself', 'top', 'coded', []],
    ['a code of the system outside the value set', 'out', 'coded', ['error fhir-profile-code Observation.code']],
    ['a code that the system does not have', 'none', 'coded', ['error fhir-profile-code Observation.code']],
    ['the same where codes of others are allowed', 'out', 'mild', ['warning fhir-profile-code-other Observation.code']],
    ['a value set whose code system nobody has', 'x', 'far', ['error fhir-profile-code Observation.code']],
  ] as const)('asks the terminology engine: %s', async (_name, code, profile, expected) => {
    expect(await found(observation(code), profile)).toEqual(expected);
  });

  it('says what cannot be told: codes of a system that nobody has', async () => {
    expect(await found(observation('x', 'urn:elsewhere'), 'far')).toEqual(['information fhir-profile-unchecked Observation.code']);
  });

  it('comes before the same of a package, and is no longer used when it is deleted', async () => {
    const older = { ...bound('twice', `${BASE}/none`), url: `${BASE}/twice` };
    const body = JSON.stringify(older);
    await storePackage(door.database, { name: 'p', version: '1', title: 'P' }, [
      { type: 'StructureDefinition', url: older.url, version: '', body },
    ]);
    expect(await found(observation('deep'), 'twice')).toEqual(['information fhir-profile-unchecked Observation.code']);
    expect((await door.call('PUT', '/StructureDefinition/twice', bound('twice', `${BASE}/vs`))).status).toBe(201);
    expect(await found(observation('deep'), 'twice')).toEqual([]);
    expect((await door.call('DELETE', '/StructureDefinition/twice')).status).toBe(204);
    expect(await found(observation('deep'), 'twice')).toEqual(['information fhir-profile-unchecked Observation.code']);
  });

  it('that is not loaded, or whose base is not, is an error where it is asked for', async () => {
    expect(await found(observation('deep'), 'orphan')).toEqual(['error fhir-profile-unknown']);
    expect(await found(observation('deep'), 'nowhere')).toEqual(['error fhir-profile-unknown']);
  });
});

describe('a profile without snapshot', () => {
  const part = (code: string, more: object = {}) => ({ code: { coding: [{ code }] }, valueQuantity: { value: 1 }, ...more });
  const pressure = (component: readonly object[], more: object = {}) => ({ ...observation('deep'), component, ...more });
  const full = {
    subject: { reference: 'Patient/1' },
    extension: [{ url: 'urn:why', valueString: 'because' }],
  };
  it.each([
    ['pressure', pressure([part('upper')]), []],
    ['pressure', pressure([part('upper'), part('lower')]), []],
    ['pressure', pressure([part('lower')]), ['error fhir-profile-cardinality Observation.component']],
    ['pressure', pressure([part('upper'), part('upper')]), ['error fhir-profile-cardinality Observation.component']],
    ['pressure', pressure([part('upper'), part('other')]), ['error fhir-profile-slice Observation.component[1]']],
    [
      'pressure',
      pressure([{ code: { coding: [{ code: 'upper' }] }, valueString: 'x' }]),
      ['error fhir-profile-type Observation.component[0].value'],
    ],
    ['pressure', { ...pressure([part('upper')]), code: observation('out').code }, ['error fhir-profile-code Observation.code']],
    ['strict', pressure([part('upper'), part('lower')], full), []],
    ['strict', pressure([part('upper')], full), ['error fhir-profile-cardinality Observation.component']],
    [
      'strict',
      pressure([part('upper', { interpretation: [{ text: 'x' }] }), part('lower')], full),
      ['error fhir-profile-cardinality Observation.component[0].interpretation'],
    ],
    ['strict', pressure([part('upper'), part('lower')], { ...full, subject: undefined }), ['error fhir-profile-rule Observation']],
    [
      'strict',
      pressure([part('upper'), part('lower')], { ...full, extension: undefined }),
      ['error fhir-profile-cardinality Observation.extension'],
    ],
    [
      'strict',
      pressure([part('upper'), part('lower')], { ...full, extension: [{ url: 'urn:why', valueCode: 'x' }] }),
      ['error fhir-profile-cardinality Observation.extension[0].value', 'error fhir-profile-slice Observation.extension[0].value'],
    ],
    ['strict', pressure([part('upper'), part('lower')], { ...full, valueString: 'x' }), ['error fhir-profile-slice Observation.value']],
    [
      'strict',
      { ...pressure([part('upper'), part('lower')], full), code: observation('out').code },
      ['error fhir-profile-code Observation.code'],
    ],
  ] as const)('%s says what is wrong, and nothing else', async (profile, resource, expected) => {
    expect((await found(resource, profile)).toSorted()).toEqual([...expected]);
  });
});

describe('slices by what references lead to', () => {
  const team = (...members: readonly string[]) => ({
    resourceType: 'CareTeam',
    participant: members.map((reference) => ({ member: { reference } })),
  });
  it.each([
    ['the type tells the slice', ['Practitioner/1'], []],
    ['absolute references too', ['http://other.example/fhir/PractitionerRole/1'], []],
    ['a wanted slice is missing', ['RelatedPerson/1'], ['error fhir-profile-cardinality CareTeam.participant']],
    ['more than the type would have to be looked at', ['Practitioner/1', 'RelatedPerson/1'], []],
    ['none of the slices', ['Practitioner/1', 'Patient/1'], ['error fhir-profile-slice CareTeam.participant[1]']],
    ['twice', ['Practitioner/1', 'Practitioner/2'], ['error fhir-profile-cardinality CareTeam.participant']],
  ] as const)('%s', async (_name, members, expected) => {
    const all = await found(team(...members), 'team');
    expect(all.filter((each) => !each.includes('unchecked'))).toEqual(expected.length === 0 ? [] : expect.arrayContaining([...expected]));
    const open = all.filter((each) => each.includes('unchecked'));
    expect(open.length > 0).toBe(members.some((each) => each.startsWith('RelatedPerson')));
  });
});

describe('mode=delete', () => {
  it('says what refers to the resource, and that nothing does', async () => {
    const referred = await door.call('POST', '/Patient/p/$validate?mode=delete');
    expect([referred.status, at(referred.body, 'issue', 0, 'details', 'coding', 0, 'code')]).toEqual([200, 'resource-referred']);
    const alone = await door.call('POST', '/Patient/alone/$validate?mode=delete');
    expect([alone.status, at(alone.body, 'issue', 0, 'severity')]).toEqual([200, 'information']);
    expect([(await door.call('DELETE', '/Patient/p')).status, (await door.call('DELETE', '/Patient/alone')).status]).toEqual([409, 204]);
  });
});
