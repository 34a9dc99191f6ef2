/** Costs, episodes, answers of forms, drugs that others name, and what the operator may choose. */
import { afterEach, beforeEach, expect, it } from 'vitest';
import { writeChoices } from '../../services/database/cdm/metadata.ts';
import { deriveAll } from '../../services/database/derived/derived.ts';
import { remakeAll } from '../../services/pipeline/vocabulary/upgrade.ts';
import { type TestHouse, testHouse } from '../parts.ts';
import { encounter, expectRebuildEqual, type Given, given, patient, put, remove, subject } from './omop-house.ts';

let house: TestHouse;
beforeEach(async () => {
  house = await testHouse();
});
afterEach(() => house[Symbol.asyncDispose]());

const rows = (text: string): Promise<readonly object[]> => house.database.query(text);
const owner = (key: string): string => `(SELECT r.id FROM fhir.resource r WHERE r.resource_key = ${key} / 1024)`;
const coded = (code: string, system = 'http://snomed.info/sct') => ({ coding: [{ system, code }] });

const claim = (item: object, more: object = {}): Given =>
  given('Claim', 'c', {
    status: 'active',
    type: coded('professional', 'http://terminology.hl7.org/CodeSystem/claim-type'),
    use: 'claim',
    patient: subject(),
    created: '2020-01-05',
    provider: { reference: 'Organization/o' },
    priority: coded('normal', 'http://terminology.hl7.org/CodeSystem/processpriority'),
    insurance: [{ sequence: 1, focal: true, coverage: { reference: 'Coverage/v' } }],
    item: [
      { sequence: 1, productOrService: { text: 'bandage' }, servicedDate: '2020-01-02', net: { value: 12.5, currency: 'USD' }, ...item },
    ],
    ...more,
  });
const coverage = given('Coverage', 'v', {
  status: 'active',
  beneficiary: subject(),
  payor: [{ display: 'State Fund' }],
  period: { start: '2020-01-01', end: '2020-12-31' },
});
const COSTS = `SELECT ${owner('cost_event_id')} AS event, cost_domain_id AS domain, total_charge::text AS charge, ${owner('payer_plan_period_id')} AS plan FROM cdm.cost`;

it('rule 59: a cost belongs to the visit that the claim names and to the plan that bears it, and goes with them', async () => {
  await put(house, claim({ encounter: [{ reference: 'Encounter/e' }] }), given('Organization', 'o', { name: 'Clinic' }));
  await put(house, patient());
  expect(await rows(COSTS)).toEqual([]);
  await put(house, encounter('e', '2020-01-02', '2020-01-03'));
  expect(await rows(COSTS)).toEqual([{ event: 'e', domain: 'Visit', charge: '12.5', plan: null }]);
  await put(house, coverage);
  expect(await rows(COSTS)).toEqual([{ event: 'e', domain: 'Visit', charge: '12.5', plan: 'v' }]);
  await expectRebuildEqual(house);
  await remove(house, 'Coverage', 'v');
  expect(await rows(COSTS)).toEqual([{ event: 'e', domain: 'Visit', charge: '12.5', plan: null }]);
  await put(house, given('Encounter', 'e', { ...encounter('e', '2020-01-02', '2020-01-03'), status: 'entered-in-error' }));
  expect(await rows(COSTS)).toEqual([]);
  await expectRebuildEqual(house);
});

it('rule 59: what only a claim records is a row of its own with its cost', async () => {
  await put(house, patient(), coverage, claim({}));
  expect(await rows(COSTS)).toEqual([{ event: 'c', domain: 'Procedure', charge: '12.5', plan: 'v' }]);
  expect(await rows('SELECT procedure_source_value AS v, procedure_type_concept_id AS t FROM cdm.procedure_occurrence')).toEqual([
    { v: 'bandage', t: 32810 },
  ]);
  await put(house, claim({}, { status: 'cancelled' }));
  expect([await rows(COSTS), await rows('SELECT 1 FROM cdm.procedure_occurrence')]).toEqual([[], []]);
  await expectRebuildEqual(house);
});

it('episodes have the concept of their condition, and as events what belongs to them', async () => {
  const episode = given('EpisodeOfCare', 'ep', {
    status: 'active',
    patient: subject(),
    period: { start: '2020-01-01' },
    diagnosis: [{ condition: { reference: 'Condition/d' } }],
  });
  const condition = given('Condition', 'd', { subject: subject(), code: coded('44054006'), onsetDateTime: '2020-01-01' });
  const visit = encounter('e', '2020-01-02', '2020-01-03', { episodeOfCare: [{ reference: 'EpisodeOfCare/ep' }] });
  const episodes = 'SELECT episode_object_concept_id AS object FROM cdm.episode';
  const events = `SELECT ${owner('event_id')} AS event, episode_event_field_concept_id AS field FROM cdm.episode_event ORDER BY 2`;
  await put(house, patient(), visit);
  await put(house, episode);
  expect(await rows(episodes)).toEqual([{ object: 0 }]);
  await put(house, condition);
  expect(await rows(episodes)).toEqual([{ object: 201826 }]);
  expect(await rows(events)).toEqual([
    { event: 'e', field: 1147070 },
    { event: 'd', field: 1147127 },
  ]);
  await expectRebuildEqual(house);
  await put(
    house,
    given('Condition', 'd', {
      ...condition,
      verificationStatus: coded('entered-in-error', 'http://terminology.hl7.org/CodeSystem/condition-ver-status'),
    }),
  );
  expect([await rows(episodes), await rows(events)]).toEqual([[{ object: 0 }], [{ event: 'e', field: 1147070 }]]);
  await remove(house, 'EpisodeOfCare', 'ep');
  expect([await rows(episodes), await rows(events)]).toEqual([[], []]);
  await expectRebuildEqual(house);
});

it('a drug that stands in another resource: its rows follow when that comes or changes', async () => {
  const request = given('MedicationRequest', 'm', {
    status: 'active',
    intent: 'order',
    subject: subject(),
    authoredOn: '2020-01-02',
    medicationReference: { reference: 'Medication/d' },
  });
  const drug = (code: string): Given => given('Medication', 'd', { code: coded(code, 'http://www.nlm.nih.gov/research/umls/rxnorm') });
  const drugs = 'SELECT drug_source_value AS v FROM cdm.drug_exposure';
  await put(house, patient(), request);
  await put(house, drug('1'));
  expect(await rows(drugs)).toEqual([{ v: '1' }]);
  await put(house, drug('2'));
  expect(await rows(drugs)).toEqual([{ v: '2' }]);
  await expectRebuildEqual(house);
});

it('rules 14, 17, 22, 28, 32 and 33: what the operator chooses holds for all rows once they are made again, and stands in metadata', async () => {
  const provisional = given('Condition', 'd', {
    subject: subject(),
    code: coded('44054006'),
    onsetDateTime: '2020-01-01',
    verificationStatus: coded('provisional', 'http://terminology.hl7.org/CodeSystem/condition-ver-status'),
  });
  const order = given('MedicationRequest', 'm', {
    status: 'active',
    intent: 'order',
    subject: subject(),
    authoredOn: '2020-01-02',
    medicationCodeableConcept: { text: 'tea' },
  });
  const stay = given('Encounter', 'e', {
    status: 'in-progress',
    class: { code: 'ACUTE' },
    subject: subject(),
    period: { start: '2020-01-01' },
  });
  await put(house, patient('p1', { identifier: [{ value: 'MRN-7' }] }), patient('p2', { gender: 'unknown' }), provisional, order, stay);
  const seen = () =>
    rows(`SELECT (SELECT count(*)::int FROM cdm.person) AS persons, (SELECT min(person_source_value) FROM cdm.person) AS named,
      (SELECT count(*)::int FROM cdm.condition_occurrence) AS conditions, (SELECT count(*)::int FROM cdm.drug_exposure) AS drugs,
      (SELECT count(*)::int FROM cdm.observation WHERE qualifier_source_value = 'provisional') AS observed,
      v.visit_concept_id AS visit, v.visit_type_concept_id AS type FROM cdm.visit_occurrence v`);
  expect(await seen()).toEqual([{ persons: 2, named: 'p1', conditions: 1, drugs: 1, observed: 0, visit: 9201, type: 32827 }]);
  const choose = async (choices: Record<string, string>) => {
    await remakeAll({ ...house.parts, choices });
    await writeChoices(house.database, choices);
    await deriveAll(house.database, { pullDate: '2026-06-01' });
  };
  await choose({ 'provisional-conditions': 'observation', 'person-source-value': 'identifier', 'still-patient': 'type' });
  expect(await seen()).toEqual([{ persons: 2, named: 'MRN-7', conditions: 0, drugs: 1, observed: 1, visit: 9201, type: 32220 }]);
  await choose({
    'provisional-conditions': 'left-out',
    'medication-intents': 'instance-order',
    'persons-without-gender': 'left-out',
    'person-source-value': 'none',
    'encounter-classes': 'guide',
  });
  expect(await seen()).toEqual([{ persons: 1, named: null, conditions: 0, drugs: 0, observed: 0, visit: 0, type: 32827 }]);
  const noted = await rows(
    `SELECT metadata_id AS rule, split_part(value_as_string, ':', 1) AS chosen FROM cdm.metadata WHERE metadata_id IN (14, 17, 22, 28, 32, 33) ORDER BY 1`,
  );
  expect(noted).toEqual([
    { rule: 14, chosen: 'left-out' },
    { rule: 17, chosen: 'instance-order' },
    { rule: 22, chosen: 'left-out' },
    { rule: 28, chosen: 'none' },
    { rule: 32, chosen: 'guide' },
    { rule: 33, chosen: 'none' },
  ]);
});

it('note_nlp is made with the note, only where it is asked for, and goes with it', async () => {
  const note = (text: string, status = 'current'): Given =>
    given('DocumentReference', 'n', {
      status,
      subject: subject(),
      date: '2020-01-02T10:00:00Z',
      type: { text: 'letter' },
      content: [{ attachment: { contentType: 'text/plain', data: Buffer.from(text).toString('base64') } }],
    });
  const found = `SELECT lexical_variant AS term, term_exists AS there, "offset" AS at, note_nlp_concept_id AS concept, ${owner('note_id')} AS note FROM cdm.note_nlp ORDER BY 3`;
  // What is rebuilt is of the day on which it was stored.
  Object.assign(house.parts, { clock: () => new Date() });
  await put(house, patient(), note('Type 2 diabetes, no fever.'));
  expect(await rows(found)).toEqual([]);
  Object.assign(house.parts, { choices: { 'note-nlp': 'dictionary' } });
  await put(house, note('Type 2 diabetes, no fever today.'));
  expect(await rows(found)).toMatchObject([
    { term: 'Type 2 diabetes', there: 'Y', at: '0', concept: 201826, note: 'n' },
    { term: 'fever', there: 'N', at: '20', note: 'n' },
  ]);
  await put(house, note('Nothing of note.'));
  expect(await rows(found)).toEqual([]);
  await put(house, note('Asthma.'));
  await expectRebuildEqual(house);
  await put(house, note('Asthma.', 'entered-in-error'));
  expect(await rows(found)).toEqual([]);
  Object.assign(house.parts, {
    choices: { 'note-nlp': 'other' },
    annotator: {
      name: 'mine 1',
      annotate: () => [{ start: 0, end: 4, system: 'http://snomed.info/sct', code: '44054006', negated: false }],
    },
  });
  await put(house, note('Sugar.'));
  expect(await rows('SELECT nlp_system AS by, lexical_variant AS term, note_nlp_concept_id AS concept FROM cdm.note_nlp')).toEqual([
    { by: 'mine 1', term: 'Suga', concept: 201826 },
  ]);
});
