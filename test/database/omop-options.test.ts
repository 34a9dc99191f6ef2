/** What an operator chooses holds for every row once they are made again, is undone by the next choice, and stands in metadata. */
import { afterEach, beforeEach, expect, it } from 'vitest';
import { writeChoices } from '../../services/database/cdm/metadata.ts';
import { deriveAll } from '../../services/database/derived/derived.ts';
import type { OmopChoices } from '../../services/omop/options.ts';
import { remakeAll } from '../../services/pipeline/vocabulary/upgrade.ts';
import { type TestHouse, testHouse } from '../parts.ts';
import { encounter, expectRebuildEqual, given, patient, put, remove, subject, weight } from './omop-house.ts';

let house: TestHouse;
beforeEach(async () => {
  house = await testHouse();
});
afterEach(() => house[Symbol.asyncDispose]());

const rows = (text: string): Promise<readonly object[]> => house.database.query(text);

async function choose(choices: OmopChoices): Promise<void> {
  await remakeAll({ ...house.parts, choices });
  await writeChoices(house.database, choices);
  await deriveAll(house.database, { pullDate: '2026-06-01' });
}

/** A house whose further rows are made by the choices too. */
const chosen = (choices: OmopChoices): TestHouse => ({ ...house, parts: { ...house.parts, choices } });

it('rules 19 and 35: absent results and discharges home are as the operator chooses', async () => {
  const home = {
    hospitalization: {
      dischargeDisposition: { coding: [{ code: 'home', system: 'http://terminology.hl7.org/CodeSystem/discharge-disposition' }] },
    },
  };
  const { valueQuantity: _, ...absent } = weight('w');
  const reason = { coding: [{ system: 'http://terminology.hl7.org/CodeSystem/data-absent-reason', code: 'not-performed' }] };
  const finding = given('Observation', 'f', {
    status: 'final',
    subject: subject(),
    effectiveDateTime: '2020-01-02',
    code: { coding: [{ system: 'http://snomed.info/sct', code: '44054006' }] },
    dataAbsentReason: reason,
  });
  await put(
    house,
    patient(),
    encounter('e', '2020-01-01', '2020-01-03', home),
    given('Observation', 'w', { ...absent, dataAbsentReason: reason }),
    finding,
  );
  const seen = () =>
    rows(`SELECT (SELECT discharged_to_concept_id FROM cdm.visit_occurrence) AS home, (SELECT count(*)::int FROM cdm.condition_occurrence) AS conditions,
      (SELECT count(*)::int FROM ops.exclusion WHERE rule = 19) AS counted,
      (SELECT array_agg(coalesce(value_source_value, '') || coalesce(value_as_number::text, '') || coalesce(value_as_concept_id::text, '')) FROM cdm.measurement) AS results`);
  expect(await seen()).toEqual([{ home: 0, conditions: 0, counted: 2, results: null }]);
  await choose({ 'absent-results': 'kept', 'discharged-home': 'home' });
  // No row says that there is a condition which was not looked for.
  expect(await seen()).toEqual([{ home: 8536, conditions: 0, counted: 1, results: ['not-performed'] }]);
  await choose({});
  expect(await seen()).toEqual([{ home: 0, conditions: 0, counted: 2, results: null }]);
});

it('rule 24: what of a birth date is not known is empty, or filled as it was imputed, whatever comes later', async () => {
  const born = () =>
    rows(
      'SELECT year_of_birth AS y, month_of_birth AS m, day_of_birth AS d, birth_datetime::date::text AS at FROM cdm.person ORDER BY person_source_value',
    );
  await put(house, patient('a', { birthDate: '1970' }), patient('b', { birthDate: '1970-03' }), patient('c', { birthDate: '1970-03-05' }));
  await put(house, weight('w', { subject: subject('a'), effectiveDateTime: '1970-09-01' }));
  const empty = [
    { y: 1970, m: null, d: null, at: '1970-09-01' },
    { y: 1970, m: 3, d: null, at: '1970-03-01' },
    { y: 1970, m: 3, d: 5, at: '1970-03-05' },
  ];
  expect(await born()).toEqual(empty);
  await choose({ 'imputed-birth-parts': 'filled' });
  const filled = [
    { y: 1970, m: 9, d: 1, at: '1970-09-01' },
    { y: 1970, m: 3, d: 1, at: '1970-03-01' },
    { y: 1970, m: 3, d: 5, at: '1970-03-05' },
  ];
  expect(await born()).toEqual(filled);
  const now = chosen({ 'imputed-birth-parts': 'filled' });
  await put(now, weight('w2', { subject: subject('a'), effectiveDateTime: '1970-02-03' }));
  expect(await born()).toEqual([{ y: 1970, m: 2, d: 3, at: '1970-02-03' }, ...filled.slice(1)]);
  await expectRebuildEqual(now);
  await remove(now, 'Observation', 'w2');
  await choose({});
  expect(await born()).toEqual(empty);
});

it('rule 37: events that name no visit are linked by their day where the operator wants it, for as long as exactly one visit holds it', async () => {
  const visits = () =>
    rows(`SELECT o.id, r.id AS visit FROM (SELECT measurement_id AS n, visit_occurrence_id AS v FROM cdm.measurement
        UNION ALL SELECT drug_exposure_id, visit_occurrence_id FROM cdm.drug_exposure) e
      JOIN fhir.resource o ON o.resource_key = e.n / 1024 LEFT JOIN fhir.resource r ON r.resource_key = e.v / 1024 ORDER BY 1`);
  const drug = given('MedicationRequest', 'd', {
    status: 'active',
    intent: 'order',
    subject: subject(),
    authoredOn: '2020-01-02',
    medicationCodeableConcept: { coding: [{ system: 'http://www.nlm.nih.gov/research/umls/rxnorm', code: '314076' }] },
  });
  const named = weight('named', { encounter: { reference: 'Encounter/far' } });
  await put(
    house,
    patient(),
    encounter('e', '2020-01-01', '2020-01-03'),
    encounter('far', '2021-01-01', '2021-01-03'),
    weight('w'),
    named,
    drug,
  );
  const unlinked = [
    { id: 'd', visit: null },
    { id: 'named', visit: 'far' },
    { id: 'w', visit: null },
  ];
  expect(await visits()).toEqual(unlinked);
  await choose({ 'events-without-visit': 'by-date' });
  const linked = [...unlinked.slice(0, 2), { id: 'w', visit: 'e' }];
  expect(await visits()).toEqual(linked);
  const now = chosen({ 'events-without-visit': 'by-date' });
  await put(now, encounter('second', '2020-01-02', '2020-01-02'));
  expect(await visits()).toEqual(unlinked);
  await remove(now, 'Encounter', 'e');
  expect(await visits()).toEqual([...unlinked.slice(0, 2), { id: 'w', visit: 'second' }]);
  // From now on it says so itself: that is no matter of dates any more.
  await put(now, weight('w', { encounter: { reference: 'Encounter/second' } }), encounter('third', '2020-01-02', '2020-01-02'));
  expect(await visits()).toEqual([...unlinked.slice(0, 2), { id: 'w', visit: 'second' }]);
  await put(now, weight('w', { effectiveDateTime: '2019-01-01' }));
  expect(await visits()).toEqual(unlinked);
  await put(now, weight('w', { effectiveDateTime: '2021-01-02' }));
  expect(await visits()).toEqual([...unlinked.slice(0, 2), { id: 'w', visit: 'far' }]);
  await expectRebuildEqual(now);
  await choose({});
  expect(await visits()).toEqual(unlinked);
  expect(await rows('SELECT 1 FROM ops.dated_visit')).toEqual([]);
});

it('rule 60: the strategy of observation periods and the first day of the source are as the operator chooses', async () => {
  const periods = () =>
    rows('SELECT observation_period_start_date::text AS s, observation_period_end_date::text AS e FROM cdm.observation_period ORDER BY 1');
  await put(house, patient(), encounter('e', '2018-01-01', '2018-01-03'), weight('w'));
  expect(await periods()).toEqual([
    { s: '2018-01-01', e: '2018-03-04' },
    { s: '2020-01-02', e: '2020-03-02' },
  ]);
  await choose({ 'observation-periods': 'events' });
  expect(await periods()).toEqual([{ s: '2018-01-01', e: '2020-01-02' }]);
  await choose({ 'observation-periods': 'visits' });
  expect(await periods()).toEqual([{ s: '2018-01-01', e: '2018-01-03' }]);
  await choose({ 'go-live': '2019-05-01' });
  expect(await periods()).toEqual([{ s: '2020-01-02', e: '2020-03-02' }]);
  expect(await rows(`SELECT metadata_id AS id, value_as_string AS v FROM cdm.metadata WHERE metadata_id IN (160, 161) ORDER BY 1`)).toEqual(
    [
      { id: 160, v: expect.stringMatching(/^themis-ehr: /) },
      { id: 161, v: '2019-05-01: nobody is observed before this day' },
    ],
  );
});
