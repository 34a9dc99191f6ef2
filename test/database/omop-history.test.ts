/** Updates, deletions, another vocabulary, and merges that are undone: the CDM is what the record says now. */
import { afterEach, beforeEach, expect, it } from 'vitest';
import { deriveAll } from '../../services/database/derived/derived.ts';
import { writtenVocabulary } from '../../services/mapping/to-rows/vocabulary.ts';
import { mergeRequested } from '../../services/pipeline/fhir/merge.ts';
import { plannedChanges, remakeAll } from '../../services/pipeline/vocabulary/upgrade.ts';
import { concept } from '../mapping/rows-maps.ts';
import { type TestHouse, testHouse } from '../parts.ts';
import { expectRebuildEqual, given, patient, put, remove, subject, weight } from './omop-house.ts';

let house: TestHouse;
beforeEach(async () => {
  house = await testHouse();
});
afterEach(() => house[Symbol.asyncDispose]());

const rows = (text: string): Promise<readonly object[]> => house.database.query(text);
const counts = () =>
  rows(`SELECT (SELECT count(*)::int FROM cdm.condition_occurrence) AS conditions, (SELECT count(*)::int FROM cdm.observation) AS observations,
    (SELECT count(*)::int FROM cdm.condition_era) AS eras`);
const condition = (code: string, more: object = {}) =>
  given('Condition', 'c', {
    subject: subject(),
    code: { coding: [{ system: 'http://snomed.info/sct', code }] },
    onsetDateTime: '2020-01-02',
    ...more,
  });

it('rule 70: a newer version replaces all rows of the resource, in whatever table; an error and a deletion leave none', async () => {
  const parts = house.parts;
  const both = writtenVocabulary([
    concept({ concept_code: 'A', concept_id: 5 }),
    concept({ concept_code: 'B', concept_id: 6, domain_id: 'Observation' }),
  ]);
  Object.assign(parts, { vocabulary: both });
  await put(house, patient(), condition('A'));
  expect(await counts()).toEqual([{ conditions: 1, observations: 0, eras: 1 }]);
  await put(house, condition('B'));
  expect(await counts()).toEqual([{ conditions: 0, observations: 1, eras: 0 }]);
  await put(house, condition('A'));
  await expectRebuildEqual(house);
  await put(
    house,
    condition('A', {
      verificationStatus: { coding: [{ system: 'http://terminology.hl7.org/CodeSystem/condition-ver-status', code: 'entered-in-error' }] },
    }),
  );
  expect(await counts()).toEqual([{ conditions: 0, observations: 0, eras: 0 }]);
  await put(house, condition('A'));
  await remove(house, 'Condition', 'c');
  expect(await counts()).toEqual([{ conditions: 0, observations: 0, eras: 0 }]);
  await expectRebuildEqual(house);
});

it('rule 12: with another vocabulary every stored code is resolved anew, rows move, and the report says which', async () => {
  const before = writtenVocabulary([concept({ concept_code: 'A', concept_id: 5 })]);
  const after = writtenVocabulary([concept({ concept_code: 'A', concept_id: 5, domain_id: 'Observation' })]);
  Object.assign(house.parts, { vocabulary: before });
  await put(house, patient(), condition('A'));
  expect(await plannedChanges(house.parts, before, after)).toMatchObject({ resources: 2 });
  expect(await counts()).toEqual([{ conditions: 1, observations: 0, eras: 1 }]);
  await remakeAll({ ...house.parts, vocabulary: after });
  await deriveAll(house.database, { pullDate: '2026-06-01' });
  expect(await counts()).toEqual([{ conditions: 0, observations: 1, eras: 0 }]);
});

it('rule 71: a chain of five merges and its undoing: no orphan, no double death, eras right, later resources of a loser are the survivor’s', async () => {
  const ids = ['p1', 'p2', 'p3', 'p4', 'p5'];
  const died = { deceasedDateTime: '2025-03-01' };
  for (const [i, id] of ids.entries())
    await put(
      house,
      patient(id, i === 1 || i === 3 ? died : {}),
      weight(`w-${id}`, { subject: subject(id), effectiveDateTime: `2024-0${i + 1}-10` }),
      given('Condition', `c-${id}`, {
        ...condition('44054006'),
        id: `c-${id}`,
        subject: subject(id),
        onsetDateTime: `2024-0${i + 1}-10`,
        abatementDateTime: `2024-0${i + 1}-12`,
        clinicalStatus: { coding: [{ system: 'http://terminology.hl7.org/CodeSystem/condition-clinical', code: 'resolved' }] },
      }),
    );
  const state = () =>
    rows(`SELECT (SELECT count(*)::int FROM cdm.person) AS persons, (SELECT count(*)::int FROM cdm.death) AS deaths,
      (SELECT count(*)::int FROM cdm.condition_era) AS eras, (SELECT count(*)::int FROM cdm.observation_period) AS periods,
      (SELECT count(DISTINCT person_id)::int FROM cdm.measurement) AS measured,
      (SELECT count(*)::int FROM cdm.measurement m WHERE NOT EXISTS (SELECT FROM cdm.person p WHERE p.person_id = m.person_id)) AS orphans`);
  expect(await state()).toEqual([{ persons: 5, deaths: 2, eras: 5, periods: 5, measured: 5, orphans: 0 }]);
  for (const [survivor, loser] of [
    ['p4', 'p5'],
    ['p3', 'p4'],
    ['p2', 'p3'],
    ['p1', 'p2'],
  ] as const)
    await mergeRequested(house.parts, Buffer.from(`${survivor} ${loser}`), { survivor, loser });
  await put(house, weight('later', { subject: subject('p5'), effectiveDateTime: '2024-06-10' }));
  expect(await state()).toEqual([{ persons: 1, deaths: 1, eras: 1, periods: 1, measured: 1, orphans: 0 }]);
  expect(
    await rows('SELECT condition_occurrence_count AS n, condition_era_start_date AS s, condition_era_end_date AS e FROM cdm.condition_era'),
  ).toEqual([{ n: 5, s: '2024-01-10', e: '2024-05-12' }]);
  await expectRebuildEqual(house);
  expect(await rows('SELECT death_date AS d FROM cdm.death')).toEqual([{ d: '2025-03-01' }]);
  for (const [i, id] of ids.slice(1).entries()) await put(house, patient(id, i === 0 || i === 2 ? died : {}));
  expect(await rows('SELECT r.id FROM cdm.death JOIN fhir.resource r ON r.resource_key = person_id ORDER BY 1')).toEqual([
    { id: 'p2' },
    { id: 'p4' },
  ]);
  expect(await state()).toEqual([{ persons: 5, deaths: 2, eras: 5, periods: 5, measured: 5, orphans: 0 }]);
  await expectRebuildEqual(house);
});

it('rule 71: a survivor that was not dead itself is alive again when the merge is undone', async () => {
  const died = { deceasedDateTime: '2025-03-01' };
  await put(house, patient('p1'), patient('p2', died), weight('w'), weight('w2', { subject: subject('p2') }));
  await mergeRequested(house.parts, Buffer.from('p1 p2'), { survivor: 'p1', loser: 'p2' });
  const deaths = () => rows('SELECT r.id, death_date AS d FROM cdm.death JOIN fhir.resource r ON r.resource_key = person_id ORDER BY 1');
  await put(house, weight('w'));
  expect(await deaths()).toEqual([{ id: 'p1', d: '2025-03-01' }]);
  await put(house, patient('p2', died));
  expect(await deaths()).toEqual([{ id: 'p2', d: '2025-03-01' }]);
  await expectRebuildEqual(house);
});
