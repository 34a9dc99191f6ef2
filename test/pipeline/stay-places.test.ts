import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { receive } from '../../services/pipeline.ts';
import { type TestHouse, testHouse } from '../parts.ts';

let house: TestHouse;
beforeAll(async () => {
  house = await testHouse();
});
afterAll(() => house[Symbol.asyncDispose]());

type Told = (patient: string, control: string) => string;
const pv1 = (ward: string, prior = '', discharge = ''): string => {
  const fields: string[] = Array(46).fill('');
  fields[0] = 'PV1';
  fields[2] = 'I';
  fields[3] = ward;
  fields[6] = prior;
  fields[19] = 'V1';
  fields[44] = '202603010900';
  fields[45] = discharge;
  return fields.join('|');
};
const adt =
  (event: string, time: string, visit: string): Told =>
  (patient, control) =>
    [
      `MSH|^~\\&|ADT|BEDHOSP|P|H|${time}+0000||ADT^${event}|${control}|P|2.5.1`,
      `EVN||${time}+0000`,
      `PID|1||${patient}^^^BEDHOSP^MR||Bed^Rita||19800101|F`,
      visit,
    ].join('\r');

const HISTORY: readonly Told[] = [
  adt('A01', '20260301090000', pv1('W1^1')),
  adt('A08', '20260301100000', pv1('W1^1')),
  adt('A02', '20260302080000', pv1('W2^1', 'W1^1')),
  adt('A08', '20260302090000', pv1('W2^1')),
  // To another ward, and taken back.
  adt('A02', '20260302100000', pv1('W3^1', 'W2^1')),
  adt('A12', '20260302110000', pv1('W2^1')),
  adt('A02', '20260303080000', pv1('W1^1', 'W2^1')),
  // Home, and not after all.
  adt('A03', '20260303120000', pv1('W1^1', '', '20260303113000')),
  adt('A13', '20260303130000', pv1('W1^1')),
  adt('A03', '20260304120000', pv1('W1^1', '', '20260304113000')),
  adt('A08', '20260305120000', pv1('W1^1')),
];

let count = 0;
async function told(history: readonly Told[]): Promise<{ readonly places: unknown; readonly rows: readonly string[] }> {
  const patient = `BED${++count}X`;
  for (const each of history) await receive(house.parts, Buffer.from(`${each(patient, `${patient}-${HISTORY.indexOf(each)}`)}\r`), 'mllp');
  await house.drain();
  const [person] = await house.database.query<{ id: string; key: string }>(
    `SELECT id, resource_key AS key FROM fhir.resource WHERE body LIKE '{"resourceType":"Patient"%' AND body LIKE $1`,
    [`%"value":"${patient}"%`],
  );
  const [stay] = await house.database.query<{ body: string }>(
    `SELECT body FROM fhir.resource WHERE body LIKE '{"resourceType":"Encounter"%' AND body LIKE $1`,
    [`%Patient/${person?.id}%`],
  );
  const { location } = JSON.parse(stay?.body ?? '{}');
  const rows = await house.database.query<{ row: string }>(
    `SELECT concat_ws(' ', c.care_site_name, d.visit_detail_start_datetime, d.visit_detail_end_datetime, d.visit_occurrence_id IS NOT NULL) AS row
     FROM cdm.visit_detail d JOIN cdm.care_site c USING (care_site_id) WHERE d.person_id = $1 ORDER BY d.visit_detail_start_datetime`,
    [person?.key],
  );
  return {
    places: location.map((each: { location: { display: string }; status: string; period: object }) => [
      each.location.display,
      each.status,
      each.period,
    ]),
    rows: rows.map(({ row }) => row),
  };
}

describe('beds of a stay', () => {
  it('are told one after the other, as places of the stay and as rows of visit_detail', async () => {
    const { places, rows } = await told(HISTORY);
    expect(places).toEqual([
      ['W1 1', 'completed', { start: '2026-03-01T09:00:00+00:00', end: '2026-03-02T08:00:00+00:00' }],
      ['W2 1', 'completed', { start: '2026-03-02T08:00:00+00:00', end: '2026-03-03T08:00:00+00:00' }],
      ['W1 1', 'completed', { start: '2026-03-03T08:00:00+00:00', end: '2026-03-04T11:30:00+00:00' }],
    ]);
    expect(rows).toEqual([
      'W1 2026-03-01 09:00:00 2026-03-02 08:00:00 t',
      'W2 2026-03-02 08:00:00 2026-03-03 08:00:00 t',
      'W1 2026-03-03 08:00:00 2026-03-04 11:30:00 t',
    ]);
  });

  it('are the same in whatever order the messages come', async () => {
    const expected = await told(HISTORY);
    await fc.assert(
      fc.asyncProperty(fc.shuffledSubarray([...HISTORY], { minLength: HISTORY.length }), async (history) => {
        expect(await told(history)).toEqual(expected);
      }),
      { numRuns: Number(process.env['POLYSEME_TEST_ORDERS'] ?? 5) },
    );
  });
});
