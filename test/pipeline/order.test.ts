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

const msh = (type: string, control: string, time: string): string =>
  `MSH|^~\\&|ADT|ORDERHOSP|POLYSEME|HUB|${time}+0000||${type}|${control}|P|2.5.1|||||USA|UNICODE UTF-8`;
const adt =
  (event: string, time: string, pid: string, pv1 = ''): Told =>
  (patient, control) =>
    [
      msh(`ADT^${event}^ADT_A01`, control, time),
      `EVN|${event}|${time}+0000`,
      `PID|1||${patient}^^^ORDERHOSP^MR||${pid}`,
      ...(pv1 === '' ? [] : [pv1]),
    ].join('\r');
const visit = (discharge: string, ward = 'W1'): string =>
  [
    'PV1',
    '1',
    'I',
    `${ward}^1^1`,
    ...Array(15).fill(''),
    'V1',
    ...Array(16).fill(''),
    discharge === '' ? '' : '01',
    ...Array(7).fill(''),
    '202603010900',
    discharge,
  ].join('|');
const oru =
  (status: string, value: string, time: string, code = '2345-7^Glucose^LN'): Told =>
  (patient, control) =>
    [
      msh('ORU^R01^ORU_R01', control, time),
      `PID|1||${patient}^^^ORDERHOSP^MR||Lab^Name||19800101|F`,
      `OBR|1||F-${patient}|24323-8^CMP^LN|||202603020800|||||||||||||||202603020900|||${status}`,
      `OBX|1|NM|${code}||${value}|mg/dL|||||${status}`,
    ].join('\r');

/** Everything that the store holds of a patient, without ids and versions, which differ between patients and orders; open stays last until today. */
async function stateOf(patient: string): Promise<readonly string[]> {
  const resources = await house.database.query<{ body: string }>('SELECT body FROM fhir.resource WHERE body LIKE $1', [`%${patient}%`]);
  const bodies = resources.map(({ body }) => body);
  const own = bodies.filter((body) => body.startsWith('{"resourceType":"Patient"'));
  const id = /"id":"([^"]+)"/.exec(own[0] ?? '')?.[1] ?? 'nobody';
  const all = await house.database.query<{ body: string; updated: string }>(
    'SELECT body FROM fhir.resource WHERE body LIKE $1 OR body LIKE $2',
    [`%${patient}%`, `%Patient/${id}%`],
  );
  const rows = await house.database.query<{ row: string }>(
    `SELECT concat('measurement ', measurement_date, value_as_number) AS row FROM cdm.measurement WHERE person_id = (SELECT resource_key FROM fhir.resource WHERE id = $1)
     UNION ALL SELECT concat('visit ', visit_start_date, CASE WHEN visit_end_date > '2026-05-01' THEN ' open' ELSE visit_end_date::text END) FROM cdm.visit_occurrence WHERE person_id = (SELECT resource_key FROM fhir.resource WHERE id = $1)`,
    [id],
  );
  const plain = all.map(({ body }) => {
    const { meta: _, ...content } = JSON.parse(body);
    return JSON.stringify(sorted(content))
      .replaceAll(patient, 'PATIENT')
      .replaceAll(/[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f-]{21}/g, 'ID');
  });
  return [...plain, ...rows.map(({ row }) => row)].sort();
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, each]) => [name, sorted(each)]),
  );
}

let count = 0;
async function told(history: readonly Told[]): Promise<{ readonly patient: string; readonly control: (n: number) => string }> {
  const patient = `ORD${++count}X`;
  for (const [n, each] of history.entries()) {
    // A message keeps its number wherever it comes.
    const own = HISTORY.indexOf(each);
    await receive(house.parts, Buffer.from(`${each(patient, `${patient}-${own < 0 ? n : own}`)}\r`), 'mllp');
  }
  await house.drain();
  return { patient, control: (n) => `${patient}-${n}` };
}

async function codesOf(control: string): Promise<readonly string[]> {
  const [row] = await house.database.query<{ status: string; codes: readonly string[] }>(
    `SELECT o.status, ARRAY(SELECT p->>'code' FROM jsonb_array_elements(o.problems) p) AS codes FROM journal.message m
     JOIN journal.outcome o ON o.message_id = m.id WHERE m.control_id = $1`,
    [control],
  );
  return [row?.status ?? 'none', ...(row?.codes ?? [])];
}

const patientOf = async (patient: string): Promise<Record<string, unknown>> => {
  const [row] = await house.database.query<{ body: string }>(
    `SELECT body FROM fhir.resource WHERE body LIKE '{"resourceType":"Patient"%' AND body LIKE $1`,
    [`%"value":"${patient}"%`],
  );
  return JSON.parse(row?.body ?? '{}');
};
const observationOf = async (patient: string): Promise<Record<string, unknown>> => {
  const { id } = await patientOf(patient);
  const [row] = await house.database.query<{ body: string }>(
    `SELECT body FROM fhir.resource WHERE body LIKE '{"resourceType":"Observation"%' AND body LIKE $1`,
    [`%Patient/${id}%`],
  );
  return JSON.parse(row?.body ?? '{}');
};

const HISTORY: readonly Told[] = [
  adt('A04', '20260301080000', 'First^Name||19800101|F|||Street 1^^Town||5550100'),
  adt('A01', '20260301090000', 'First^Name||19800101|F', visit('')),
  adt('A08', '20260301100000', 'Second^Name||19800101|F|||Street 2^^City', visit('', 'W2')),
  oru('P', '100', '20260302090000'),
  adt('A08', '20260302093000', 'Second^Name|||||||||""', visit('', 'W2')),
  oru('F', '101', '20260302100000'),
  adt('A03', '20260303120000', 'Second^Name||19800101|F', visit('202603031130')),
  oru('C', '102', '20260303130000'),
  adt('A08', '20260304080000', 'Third^Name||19800102|F', visit('')),
];

describe('the order of what messages say', () => {
  it('is that of their times: every order of arrival ends in the same resources and rows', async () => {
    const { patient } = await told(HISTORY);
    const expected = await stateOf(patient);
    expect(expected.join()).toContain('"status":"corrected"');
    expect(expected.join()).toContain('Third');
    expect(expected.join()).not.toContain('5550100');
    await fc.assert(
      fc.asyncProperty(fc.shuffledSubarray([...HISTORY], { minLength: HISTORY.length }), async (history) => {
        expect(await stateOf((await told(history)).patient)).toEqual(expected);
      }),
      { numRuns: Number(process.env['POLYSEME_TEST_ORDERS'] ?? 25) },
    );
  });

  it('holds of any part of a history: what is told in order and what is told in disorder are one', async () => {
    await fc.assert(
      fc.asyncProperty(fc.shuffledSubarray([...HISTORY], { minLength: 2, maxLength: 5 }), async (history) => {
        const inOrder = HISTORY.filter((each) => history.includes(each));
        expect(await stateOf((await told(history)).patient)).toEqual(await stateOf((await told(inOrder)).patient));
      }),
      { numRuns: Number(process.env['POLYSEME_TEST_ORDERS'] ?? 15) },
    );
  });

  it('keeps a final result when the preliminary one comes after it, and says so of the message', async () => {
    const { patient, control } = await told([oru('F', '101', '20260302100000'), oru('P', '100', '20260302090000')]);
    expect(await observationOf(patient)).toMatchObject({ status: 'final', valueQuantity: { value: 101 } });
    expect(await codesOf(control(1))).toEqual(expect.arrayContaining(['applied', 'event-older-than-stored']));
  });

  it('keeps a final result also from a preliminary one that calls itself newer, and a corrected one from a final one', async () => {
    const first = await told([oru('F', '101', '20260302100000'), oru('P', '100', '20260302110000')]);
    expect(await observationOf(first.patient)).toMatchObject({ status: 'final', valueQuantity: { value: 101 } });
    expect(await codesOf(first.control(1))).toEqual(expect.arrayContaining(['applied', 'event-outranked']));
    const second = await told([oru('C', '102', '20260302100000'), oru('F', '101', '20260302100000')]);
    expect(await observationOf(second.patient)).toMatchObject({ status: 'corrected', valueQuantity: { value: 102 } });
  });

  it('takes a result that is reported anew after it was withdrawn, and none from before the withdrawal', async () => {
    const history = [
      oru('F', '10', '20260302090000'),
      oru('C', '11', '20260302100000'),
      oru('W', '11', '20260302110000'),
      oru('F', '12', '20260302120000'),
    ];
    // A Provenance names its message by the order of arrival here.
    const clinical = async (all: readonly Told[]) =>
      (await stateOf((await told(all)).patient)).filter((each) => !each.includes('"resourceType":"Provenance"'));
    const expected = await clinical(history);
    expect(expected.filter((each) => each.startsWith('measurement'))).toEqual(['measurement 2026-03-0212']);
    for (const order of [
      [3, 2, 1, 0],
      [2, 3, 0, 1],
      [0, 3, 1, 2],
      [3, 0, 2, 1],
    ])
      expect(await clinical(order.flatMap((n) => history[n] ?? []))).toEqual(expected);
    const withdrawn = await told([history[2], history[0], history[1]].flatMap((each) => each ?? []));
    expect((await stateOf(withdrawn.patient)).filter((each) => each.startsWith('measurement'))).toEqual([]);
  });

  it('fills what newer messages leave open, and does not undo what they deleted', async () => {
    const { patient } = await told([
      adt('A08', '20260305100000', 'New^Name|||||||||""'),
      adt('A08', '20260305090000', 'Old^Name||19800101|F|||Street 1^^Town||5550100'),
    ]);
    const found = await patientOf(patient);
    expect(JSON.stringify(found['name'])).toContain('New');
    expect([found['birthDate'], found['telecom']]).toEqual(['1980-01-01', undefined]);
  });

  it('takes the order of receipt where a message gives a day only, and where its time cannot be', async () => {
    const day = await told([
      adt('A08', '20260305100000', 'New^Name'),
      (patient, control) =>
        [
          `MSH|^~\\&|ADT|ORDERHOSP|P|H|20260304||ADT^A08^ADT_A01|${control}|P|2.5.1`,
          'EVN|A08|20260304',
          `PID|1||${patient}^^^ORDERHOSP^MR||Day^Name`,
        ].join('\r'),
    ]);
    expect(JSON.stringify((await patientOf(day.patient))['name'])).toContain('Day');
    const ahead = await told([adt('A08', '20990101000000', 'Ahead^Name'), adt('A08', '20991231000000', 'Last^Name')]);
    expect(await codesOf(ahead.control(0))).toContain('event-time-ahead');
    expect(JSON.stringify((await patientOf(ahead.patient))['name'])).toContain('Last');
  });

  it('takes the order of receipt between messages of one time', async () => {
    const { patient } = await told([1, 2, 3].map((n) => adt('A08', '20260305100000', `Same${n}^Name`)));
    expect(JSON.stringify((await patientOf(patient))['name'])).toContain('Same3');
  });
});
