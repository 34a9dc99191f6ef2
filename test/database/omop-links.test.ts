/** What joins the rows of several resources, through the real maps: parts of stays, ages, facts, plans and costs, places. */
import { afterEach, beforeEach, expect, it } from 'vitest';
import { write } from '../../services/pipeline.ts';
import { type TestHouse, testHouse } from '../parts.ts';
import { encounter, expectRebuildEqual, type Given, given, patient, put, remove, subject, weight } from './omop-house.ts';

let house: TestHouse;
beforeEach(async () => {
  house = await testHouse();
});
afterEach(() => house[Symbol.asyncDispose]());

const rows = (text: string): Promise<readonly object[]> => house.database.query(text);
const owner = (key: string): string => `(SELECT r.id FROM fhir.resource r WHERE r.resource_key = ${key} / 1024)`;

const VISITS = `SELECT ${owner('visit_occurrence_id')} AS id FROM cdm.visit_occurrence ORDER BY 1`;
const DETAILS = `SELECT ${owner('visit_detail_id')} AS id, ${owner('visit_occurrence_id')} AS visit, ${owner('parent_visit_detail_id')} AS parent FROM cdm.visit_detail ORDER BY 1`;
const EVENTS = `SELECT ${owner('measurement_id')} AS id, ${owner('visit_occurrence_id')} AS visit, ${owner('visit_detail_id')} AS detail FROM cdm.measurement ORDER BY 1`;

it('rule 34: a part of a stay is a visit_detail of it, whichever comes first; without the stay it is a visit of its own', async () => {
  const part = (id: string, of: string): Given => encounter(id, '2020-01-02', '2020-01-03', { partOf: { reference: `Encounter/${of}` } });
  const all = [
    patient(),
    encounter('stay', '2020-01-01', '2020-01-09'),
    part('ward', 'stay'),
    part('bed', 'ward'),
    weight('w', { encounter: { reference: 'Encounter/bed' } }),
  ];
  for (const order of [
    [0, 1, 2, 3, 4],
    [0, 4, 3, 2, 1],
    [3, 1, 4, 0, 2],
  ]) {
    await using other = await testHouse();
    await house[Symbol.asyncDispose]();
    house = other;
    for (const i of order) {
      const resource = all[i];
      if (resource !== undefined) await put(house, resource);
    }
    expect(await rows(VISITS)).toEqual([{ id: 'stay' }]);
    expect(await rows(DETAILS)).toEqual([
      { id: 'bed', visit: 'stay', parent: 'ward' },
      { id: 'ward', visit: 'stay', parent: null },
    ]);
    expect(await rows(EVENTS)).toEqual([{ id: 'w', visit: 'stay', detail: 'bed' }]);
    house = await testHouse();
  }
  await put(house, ...all);
  await remove(house, 'Encounter', 'stay');
  expect(await rows(VISITS)).toEqual([{ id: 'ward' }]);
  expect(await rows(EVENTS)).toEqual([{ id: 'w', visit: 'ward', detail: 'bed' }]);
  await put(house, given('Encounter', 'ward', { ...part('ward', 'stay'), status: 'entered-in-error' }));
  expect(await rows(VISITS)).toEqual([{ id: 'bed' }]);
  expect(await rows(EVENTS)).toEqual([{ id: 'w', visit: 'bed', detail: null }]);
  await expectRebuildEqual(house);
});

it("rule 34: a part is never of another person's stay, nor of itself", async () => {
  await put(house, patient(), patient('p2'), encounter('stay', '2020-01-01', '2020-01-09'));
  await put(house, encounter('other', '2020-01-02', '2020-01-03', { subject: subject('p2'), partOf: { reference: 'Encounter/stay' } }));
  await put(house, encounter('self', '2020-02-02', '2020-02-03', { partOf: { reference: 'Encounter/self' } }));
  expect(await rows(VISITS)).toEqual([{ id: 'other' }, { id: 'self' }, { id: 'stay' }]);
  expect(await rows(DETAILS)).toEqual([]);
  // A stay that was recorded of the wrong person takes its parts along neither way.
  await put(house, encounter('stay', '2020-01-01', '2020-01-09', { subject: subject('p2') }));
  expect(await rows(DETAILS)).toEqual([{ id: 'other', visit: 'stay', parent: null }]);
  await put(house, encounter('stay', '2020-01-01', '2020-01-09'));
  expect(await rows(DETAILS)).toEqual([]);
  await expectRebuildEqual(house);
});

it('rule 38: an age becomes a date with the birth date, again when that is corrected, and none without it', async () => {
  const condition = given('Condition', 'c', {
    subject: subject(),
    code: { coding: [{ system: 'http://snomed.info/sct', code: '44054006' }] },
    clinicalStatus: { coding: [{ system: 'http://terminology.hl7.org/CodeSystem/condition-clinical', code: 'resolved' }] },
    onsetAge: { value: 34, code: 'a', system: 'http://unitsofmeasure.org' },
    abatementAge: { value: 412, code: 'mo', system: 'http://unitsofmeasure.org' },
  });
  const dates = `SELECT condition_start_date AS s, condition_end_date AS e FROM cdm.condition_occurrence`;
  await put(house, condition);
  expect(await rows(dates)).toEqual([]);
  await put(house, patient());
  expect(await rows(dates)).toEqual([{ s: '2004-03-05', e: '2004-07-05' }]);
  expect(await rows('SELECT count(*)::int AS n FROM cdm.condition_era')).toEqual([{ n: 1 }]);
  await put(house, patient('p1', { birthDate: '1971' }));
  expect(await rows(dates)).toEqual([{ s: '2005-06-15', e: '2005-10-15' }]);
  await expectRebuildEqual(house);
  await put(house, patient('p1', { birthDate: '1700' }));
  expect(await rows(dates)).toEqual([]);
  expect(await rows(`SELECT rule, count(*)::int AS n FROM ops.exclusion WHERE rule = 38 GROUP BY rule`)).toEqual([{ rule: 38, n: 2 }]);
});

it('rule 38: what goes before an age has become a date is not referred to, and is again when it comes back', async () => {
  const condition = given('Condition', 'c', {
    subject: subject(),
    encounter: { reference: 'Encounter/e' },
    code: { coding: [{ system: 'http://snomed.info/sct', code: '44054006' }] },
    onsetAge: { value: 34, code: 'a', system: 'http://unitsofmeasure.org' },
  });
  const visit = `SELECT ${owner('visit_occurrence_id')} AS visit FROM cdm.condition_occurrence`;
  const written = { source: 'fhir', channel: 'fhir', controlId: undefined, messageType: 'test', patientKeys: [] } as const;
  const common = { update: 'replace', deletes: [], spec: '', problems: [], unmapped: [] } as const;
  await put(house, patient(), encounter('e', '2020-01-02', '2020-01-03'));
  // Nothing is derived between: the condition has no row yet when the visit goes.
  await write(house.parts, { ...written, content: Buffer.from('1') }, async () => [{ ...common, resource: condition }]);
  await remove(house, 'Encounter', 'e');
  expect(await rows(visit)).toEqual([{ visit: null }]);
  await put(house, encounter('e', '2020-01-02', '2020-01-03'));
  expect(await rows(visit)).toEqual([{ visit: 'e' }]);
  await expectRebuildEqual(house);
});

it('rule 57: a fact stands twice, once from each side, and goes with either of its rows', async () => {
  const facts = `SELECT domain_concept_id_1 AS d1, ${owner('fact_id_1')} AS f1, domain_concept_id_2 AS d2, ${owner('fact_id_2')} AS f2, relationship_concept_id AS r
    FROM cdm.fact_relationship ORDER BY r, f1`;
  await put(
    house,
    patient(),
    weight('panel', {
      hasMember: [{ reference: 'Observation/m1' }, { reference: 'Observation/m2' }],
      specimen: { reference: 'Specimen/s' },
    }),
  );
  expect(await rows(facts)).toEqual([]);
  await put(
    house,
    weight('m1'),
    weight('m2'),
    given('Specimen', 's', { subject: subject(), type: { text: 'blood' }, collection: { collectedDateTime: '2020-01-02' } }),
  );
  expect(await rows(facts)).toEqual([
    { d1: 21, f1: 'panel', d2: 36, f2: 's', r: 44818756 },
    { d1: 36, f1: 's', d2: 21, f2: 'panel', r: 44818854 },
    { d1: 21, f1: 'panel', d2: 21, f2: 'm1', r: 46233678 },
    { d1: 21, f1: 'panel', d2: 21, f2: 'm2', r: 46233678 },
    { d1: 21, f1: 'm1', d2: 21, f2: 'panel', r: 46233679 },
    { d1: 21, f1: 'm2', d2: 21, f2: 'panel', r: 46233679 },
  ]);
  await remove(house, 'Specimen', 's');
  await put(house, weight('m2', { status: 'entered-in-error' }));
  await expectRebuildEqual(house);
  expect(await rows(facts)).toEqual([
    { d1: 21, f1: 'panel', d2: 21, f2: 'm1', r: 46233678 },
    { d1: 21, f1: 'm1', d2: 21, f2: 'panel', r: 46233679 },
  ]);
  await remove(house, 'Observation', 'panel');
  expect(await rows(facts)).toEqual([]);
});

it('rule 59: overlapping periods of one plan are one, those of different plans stay, and it is undone with its cause', async () => {
  const coverage = (id: string, start: string, end: string, payer = 'State Fund'): Given =>
    given('Coverage', id, { status: 'active', beneficiary: subject(), payor: [{ display: payer }], period: { start, end } });
  const plans = `SELECT ${owner('payer_plan_period_id')} AS id, payer_plan_period_start_date AS s, payer_plan_period_end_date AS e FROM cdm.payer_plan_period ORDER BY 2, 1`;
  await put(house, patient(), coverage('b', '2020-03-01', '2020-12-31'));
  await put(house, coverage('a', '2020-01-01', '2020-06-30'), coverage('c', '2020-02-01', '2020-02-20', 'Other'));
  expect(await rows(plans)).toEqual([
    { id: 'a', s: '2020-01-01', e: '2020-12-31' },
    { id: 'c', s: '2020-02-01', e: '2020-02-20' },
  ]);
  expect(await rows(`SELECT count(*)::int AS n FROM ops.exclusion WHERE rule = 59`)).toEqual([{ n: 1 }]);
  await expectRebuildEqual(house);
  await remove(house, 'Coverage', 'a');
  expect(await rows(plans)).toEqual([
    { id: 'c', s: '2020-02-01', e: '2020-02-20' },
    { id: 'b', s: '2020-03-01', e: '2020-12-31' },
  ]);
});

it('rules 27 and 31: one location for each distinct address, for as long as somebody is at it', async () => {
  const address = { city: 'Springfield', state: 'MA', postalCode: '01101', line: ['1 Long Road'] };
  const places = 'SELECT city, address_1 FROM cdm.location ORDER BY 1, 2';
  const homes = `SELECT person_source_value AS id, l.zip FROM cdm.person p LEFT JOIN cdm.location l USING (location_id) ORDER BY 1`;
  await put(
    house,
    patient('p1', {
      address: [
        { ...address, use: 'old', city: 'Elsewhere' },
        { ...address, use: 'home' },
      ],
    }),
    patient('p2', { address: [address] }),
  );
  await put(
    house,
    given('Organization', 'o1', { name: 'Clinic', address: [address] }),
    given('Organization', 'o2', { name: 'Branch', address: [address] }),
  );
  expect(await rows(places)).toEqual([
    { city: 'Springfield', address_1: '1 Long Road' },
    { city: 'Springfield', address_1: null },
  ]);
  expect(await rows(homes)).toEqual([
    { id: 'p1', zip: '01101' },
    { id: 'p2', zip: '01101' },
  ]);
  await expectRebuildEqual(house);
  await put(house, patient('p1', { address: [{ city: 'Shelbyville' }] }));
  await remove(house, 'Organization', 'o1');
  await remove(house, 'Organization', 'o2');
  expect(await rows(places)).toEqual([
    { city: 'Shelbyville', address_1: null },
    { city: 'Springfield', address_1: null },
  ]);
  await put(house, patient('p2'));
  expect(await rows(places)).toEqual([{ city: 'Shelbyville', address_1: null }]);
});
