/** Care plans, consents and answers of forms: changed, withdrawn, deleted; what the operator chooses of encounters and worded results. */
import { afterEach, beforeEach, expect, it } from 'vitest';
import { writeChoices } from '../../services/database/cdm/metadata.ts';
import { deriveAll } from '../../services/database/derived/derived.ts';
import type { OmopChoices } from '../../services/omop/options.ts';
import { remakeAll } from '../../services/pipeline/vocabulary/upgrade.ts';
import { type TestHouse, testHouse } from '../parts.ts';
import { encounter, expectRebuildEqual, type Given, given, patient, put, remove, subject } from './omop-house.ts';

let house: TestHouse;
beforeEach(async () => {
  house = await testHouse();
  await put(house, patient());
});
afterEach(() => house[Symbol.asyncDispose]());

const rows = (text: string): Promise<readonly object[]> => house.database.query(text);
const coded = (code: string, system = 'http://snomed.info/sct') => ({ coding: [{ system, code }] });
const observed = () =>
  rows(
    'SELECT observation_source_value AS v, observation_date AS d, coalesce(value_as_string, value_as_number::text) AS s FROM cdm.observation ORDER BY observation_id',
  );

const plan = (more: object = {}): Given =>
  given('CarePlan', 'x', {
    status: 'active',
    intent: 'plan',
    subject: subject(),
    period: { start: '2020-01-01' },
    category: [coded('698360004')],
    ...more,
  });
const consent = (more: object = {}): Given =>
  given('Consent', 'x', {
    status: 'active',
    scope: coded('patient-privacy', 'http://terminology.hl7.org/CodeSystem/consentscope'),
    patient: subject(),
    dateTime: '2020-01-01',
    category: [coded('59284-0', 'http://loinc.org')],
    provision: { type: 'permit' },
    ...more,
  });
const form = (more: object = {}): Given =>
  given('QuestionnaireResponse', 'x', {
    status: 'completed',
    subject: subject(),
    authored: '2020-01-01',
    item: [{ linkId: 'q1', text: 'Pain?', answer: [{ valueString: 'little' }] }],
    ...more,
  });

it('a care plan, a consent and a form: rows follow each change, and go with an error, a deletion and another state', async () => {
  const second = [
    { linkId: 'q1', answer: [{ valueString: 'much' }] },
    { linkId: 'q2', answer: [{ valueString: 'no' }] },
  ];
  const lives = [
    {
      of: plan,
      first: [{ v: '698360004', d: '2020-01-01', s: null }],
      change: { category: [coded('385798007')], period: { start: '2020-02-01' } },
      sql: 'SELECT count(*)::int AS n FROM cdm.episode',
      after: [{ n: 1 }],
      over: 'revoked',
    },
    {
      of: consent,
      first: [{ v: '59284-0', d: '2020-01-01', s: 'permit' }],
      change: { provision: { type: 'deny' } },
      sql: 'SELECT value_as_string AS s FROM cdm.observation',
      after: [{ s: 'deny' }],
      over: 'inactive',
    },
    {
      of: form,
      first: [{ v: 'q1', d: '2020-01-01', s: 'little' }],
      change: { item: second },
      sql: 'SELECT observation_source_value AS v, value_as_string AS s FROM cdm.observation ORDER BY 1',
      after: [
        { v: 'q1', s: 'much' },
        { v: 'q2', s: 'no' },
      ],
      over: 'in-progress',
    },
  ];
  const nothing = async () => [
    await observed(),
    await rows('SELECT 1 FROM cdm.episode'),
    await rows('SELECT 1 FROM cdm.procedure_occurrence'),
  ];
  for (const { of, first, change, sql, after, over } of lives) {
    await put(house, of());
    expect(await observed()).toEqual(first);
    await put(house, of(change));
    expect(await rows(sql)).toEqual(after);
    for (const status of ['entered-in-error', over]) {
      await put(house, of({ ...change, status }));
      expect([status, ...(await nothing())]).toEqual([status, [], [], []]);
      await put(house, of(change));
      expect(await rows(sql)).toEqual(after);
    }
    await remove(house, of().resourceType, 'x');
    expect(await nothing()).toEqual([[], [], []]);
    await put(house, given(of().resourceType, 'kept', { ...of(change), id: 'kept' }));
    await remove(house, of().resourceType, 'kept');
  }
  await put(house, plan(), consent(), form());
  await expectRebuildEqual(house);
});

it('rules 16 and 49: encounters that only began, and worded results, are as the operator chooses', async () => {
  const test = (id: string, code: object) =>
    given('Observation', id, { status: 'final', subject: subject(), code, effectiveDateTime: '2020-01-02', valueString: 'Positive' });
  await put(
    house,
    encounter('e1', '2020-01-02', '2020-01-03'),
    encounter('e2', '2020-02-02', '2020-02-03', { status: 'arrived' }),
    test('o', coded('94500-6', 'http://loinc.org')),
  );
  const choose = async (choices: OmopChoices) => {
    await remakeAll({ ...house.parts, choices });
    await writeChoices(house.database, choices);
    await deriveAll(house.database, { pullDate: '2026-06-01' });
  };
  const seen = () =>
    rows(`SELECT (SELECT count(*)::int FROM cdm.visit_occurrence) AS visits,
      (SELECT min(value_as_concept_id) FROM (SELECT value_as_concept_id FROM cdm.measurement UNION ALL SELECT value_as_concept_id FROM cdm.observation) v) AS answer,
      (SELECT count(*)::int FROM ops.exclusion WHERE rule = 16) AS counted`);
  expect(await seen()).toEqual([{ visits: 2, answer: 45884084, counted: 0 }]);
  await choose({ 'encounter-statuses': 'guide', 'qualitative-results': 'snomed' });
  expect(await seen()).toEqual([{ visits: 1, answer: 9191, counted: 1 }]);
  expect(await rows('SELECT value_as_string AS v FROM cdm.metadata WHERE metadata_id IN (16, 49) ORDER BY metadata_id')).toEqual([
    { v: expect.stringMatching(/^guide: /) },
    { v: expect.stringMatching(/^snomed: /) },
  ]);
  await choose({});
  expect(await seen()).toEqual([{ visits: 2, answer: 45884084, counted: 0 }]);
});

it('rule 63: eras of unmapped conditions are none, or one for all that are close, as the operator chooses', async () => {
  const unmapped = (id: string, onsetDateTime: string) => given('Condition', id, { subject: subject(), code: { text: id }, onsetDateTime });
  await put(house, unmapped('a', '2020-01-02'), unmapped('b', '2020-01-12'));
  const eras = () =>
    rows('SELECT condition_concept_id AS c, condition_occurrence_count AS n, condition_era_end_date AS e FROM cdm.condition_era');
  expect(await eras()).toEqual([]);
  const choices = { 'unmapped-condition-eras': 'one' } as const;
  await writeChoices(house.database, choices);
  await deriveAll(house.database, { pullDate: '2026-06-01' });
  expect(await eras()).toEqual([{ c: 0, n: 2, e: '2020-01-13' }]);
  Object.assign(house.parts, { choices });
  await expectRebuildEqual(house);
});
