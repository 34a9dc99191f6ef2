/** An emergency that became a stay, told by messages: one visit 262 (omop-rules 34), whatever order they come in. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { receive } from '../../services/pipeline.ts';
import { type TestHouse, testHouse } from '../parts.ts';

let house: TestHouse;
beforeAll(async () => {
  house = await testHouse();
});
afterAll(() => house[Symbol.asyncDispose]());

const pv1 = (patientClass: string, ward: string, discharge = ''): string => {
  const fields: string[] = Array(46).fill('');
  fields[0] = 'PV1';
  fields[2] = patientClass;
  fields[3] = ward;
  fields[19] = 'V1';
  fields[44] = '202603010900';
  fields[45] = discharge;
  return fields.join('|');
};
const adt = (event: string, time: string, visit: string) => (patient: string) =>
  [
    `MSH|^~\\&|ADT|CLASSHOSP|P|H|${time}+0000||ADT^${event}|${patient}-${time}|P|2.5.1`,
    `EVN||${time}+0000`,
    `PID|1||${patient}^^^CLASSHOSP^MR||Class^Rita||19800101|F`,
    visit,
  ].join('\r');

const ARRIVED = adt('A04', '20260301090000', pv1('E', 'ER^1'));
const ADMITTED = adt('A06', '20260301150000', pv1('I', 'W1^1'));
const CORRECTED = adt('A08', '20260302090000', pv1('I', 'W1^1'));
const BACK = adt('A07', '20260302100000', pv1('O', 'OPD^1'));
const PLACELESS = adt('A06', '20260301150000', pv1('I', ''));
const PLACELESS_BACK = adt('A07', '20260302100000', pv1('O', ''));
const LEFT = adt('A03', '20260304120000', pv1('I', 'W1^1', '20260304113000'));

let count = 0;
async function told(...history: readonly ((patient: string) => string)[]): Promise<unknown> {
  const patient = `CLS${++count}X`;
  for (const each of history) await receive(house.parts, Buffer.from(`${each(patient)}\r`), 'mllp');
  await house.drain();
  const [stay] = await house.database.query<{ body: string; visit: number; s: string; e: string }>(
    `SELECT r.body, v.visit_concept_id AS visit, v.visit_start_date AS s, v.visit_end_date AS e
     FROM fhir.resource r JOIN cdm.visit_occurrence v ON v.visit_occurrence_id = r.resource_key * 1024
     JOIN fhir.resource p ON p.resource_key = v.person_id WHERE p.body LIKE $1`,
    [`%"value":"${patient}"%`],
  );
  const { classHistory = [], class: now } = JSON.parse(stay?.body ?? '{}');
  const before = classHistory.map((each: { class: { code: string }; period: object }) => [each.class.code, each.period]);
  return { before, now: now?.code, visit: stay?.visit, from: stay?.s, to: stay?.e };
}

const EMERGENCY = ['EMER', { start: '2026-03-01T09:00:00+00:00', end: '2026-03-01T15:00:00+00:00' }];
const STAY = { before: [EMERGENCY], now: 'IMP', visit: 262, from: '2026-03-01', to: '2026-03-04' };

it('is one visit from its start to the discharge, in any order', async () => {
  expect(await told(ARRIVED, ADMITTED, CORRECTED, LEFT)).toEqual(STAY);
  expect(await told(LEFT, CORRECTED, ADMITTED, ARRIVED)).toEqual(STAY);
  expect(await told(ADMITTED, LEFT, ARRIVED, ADMITTED, CORRECTED)).toEqual(STAY);
});

it('is none where the stay went back to an outpatient, nor where there was no emergency', async () => {
  const back = { start: '2026-03-01T15:00:00+00:00', end: '2026-03-02T10:00:00+00:00' };
  expect(await told(ARRIVED, ADMITTED, BACK)).toMatchObject({ before: [EMERGENCY, ['IMP', back]], now: 'AMB', visit: 9202 });
  expect(await told(BACK, ARRIVED, ADMITTED)).toMatchObject({ before: [EMERGENCY, ['IMP', back]], now: 'AMB', visit: 9202 });
  expect(await told(ADMITTED, CORRECTED, LEFT)).toMatchObject({ before: [], now: 'IMP', visit: 9201 });
});

it('is one visit too where the change of class names no place, in any order', async () => {
  const since = ['IMP', { start: '2026-03-01T15:00:00+00:00' }];
  const stay = { ...STAY, before: [EMERGENCY, since] };
  expect(await told(ARRIVED, PLACELESS, LEFT)).toEqual(stay);
  expect(await told(LEFT, PLACELESS, ARRIVED)).toEqual(stay);
  expect(await told(PLACELESS, LEFT, CORRECTED, ARRIVED, PLACELESS)).toEqual(stay);
  const back = { start: '2026-03-01T15:00:00+00:00', end: '2026-03-02T10:00:00+00:00' };
  expect(await told(PLACELESS_BACK, ARRIVED, PLACELESS)).toMatchObject({
    before: [EMERGENCY, ['IMP', back], ['AMB', { start: back.end }]],
    now: 'AMB',
    visit: 9202,
  });
});

it('has details of the class that each bed was of: the emergency room, then the ward', async () => {
  const details = async (): Promise<readonly object[]> =>
    house.database.query(
      `SELECT d.visit_detail_concept_id AS concept, d.visit_detail_end_datetime AS until FROM cdm.visit_detail d JOIN fhir.resource p ON p.resource_key = d.person_id
       WHERE p.body LIKE $1 ORDER BY d.visit_detail_start_datetime`,
      [`%"value":"CLS${count}X"%`],
    );
  const LEAVES = '2026-03-04 11:30:00';
  for (const history of [
    [ARRIVED, ADMITTED, LEFT],
    [LEFT, ADMITTED, ARRIVED],
  ]) {
    await told(...history);
    expect(await details()).toEqual([
      { concept: 9203, until: '2026-03-01 15:00:00' },
      { concept: 9201, until: LEAVES },
    ]);
  }
  // Nobody says that he left the bed: it is his until he goes, and he is an inpatient by then.
  await told(ARRIVED, PLACELESS, adt('A03', '20260304120000', pv1('I', 'ER^1', '20260304113000')));
  expect(await details()).toEqual([{ concept: 9201, until: LEAVES }]);
});
