import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { deriveStale } from '../../services/database/derived/derived.ts';
import { unmergePatients } from '../../services/pipeline/apply/merge.ts';
import { processNext, receive } from '../../services/pipeline.ts';
import { type TestHouse, testHouse } from '../parts.ts';

let house: TestHouse;
beforeAll(async () => {
  house = await testHouse();
});
afterAll(() => house[Symbol.asyncDispose]());

const msh = (type: string, time: string, control: string): string =>
  `MSH|^~\\&|ADT|PAIRHOSP|POLYSEME|HUB|${time}+0000||${type}|${control}|P|2.5.1|||||USA|UNICODE UTF-8`;

interface Spoken {
  /** L: the loser's number, S: the survivor's. */
  readonly of: 'L' | 'S';
  readonly time: string;
  readonly type: string;
  readonly pid?: string;
  readonly more?: readonly string[];
}

const visit = (number: string, ward: string, discharge = ''): string =>
  [
    'PV1',
    '1',
    'I',
    `${ward}^1^1`,
    ...Array(15).fill(''),
    number,
    ...Array(16).fill(''),
    '',
    ...Array(7).fill(''),
    '202603010900',
    discharge,
  ].join('|');
const result = (filler: string, value: string, status: string): readonly string[] => [
  `OBR|1||${filler}|24323-8^CMP^LN|||202603020800|||||||||||||||202603020900|||${status}`,
  `OBX|1|NM|2345-7^Glucose^LN||${value}|mg/dL|||||${status}`,
];

/** One stay, one order and one diagnosis under both records of a patient, and a second stay of each. */
const HISTORY: readonly Spoken[] = [
  {
    of: 'L',
    time: '20260301090000',
    type: 'ADT^A01^ADT_A01',
    pid: 'Wrong^Name||19800101|F',
    more: [visit('V1', 'W1'), 'DG1|1||I10^^I10||20260301|A'],
  },
  { of: 'L', time: '20260302090000', type: 'ORU^R01^ORU_R01', more: [visit('V1', 'W1'), ...result('F1', '101', 'P')] },
  { of: 'S', time: '20260303090000', type: 'ADT^A02^ADT_A02', pid: 'Right^Name', more: [visit('V1', 'W2')] },
  { of: 'S', time: '20260304090000', type: 'ADT^A40^ADT_A39', pid: 'Right^Name', more: ['MRG'] },
  { of: 'S', time: '20260305090000', type: 'ORU^R01^ORU_R01', more: [visit('V1', 'W2'), ...result('F1', '102', 'F')] },
  { of: 'L', time: '20260306090000', type: 'ADT^A08^ADT_A01', pid: 'Late^Name||19800102|F', more: [visit('V2', 'W5')] },
  {
    of: 'S',
    time: '20260307090000',
    type: 'ADT^A03^ADT_A03',
    pid: 'Right^Name',
    more: [visit('V1', 'W3', '20260307080000'), 'DG1|1||I10^^I10||20260301|F'],
  },
];

function textOf({ of, time, type, pid = '', more = [] }: Spoken, pair: string): string {
  const number = (each: string): string => `${pair}${each}^^^PAIRHOSP^MR`;
  return [
    msh(type, time, `${pair}-${time}`),
    ...(type.startsWith('ADT') ? [`EVN|${type.slice(4, 7)}|${time}+0000`] : []),
    `PID|1||${number(of)}||${pid === '' ? 'Lab^Name' : pid}`,
    ...more.map((each) => (each === 'MRG' ? `MRG|${number('L')}` : each)),
    '',
  ].join('\r');
}

let pairs = 0;
async function told(order: readonly Spoken[], batch = 20): Promise<string> {
  const pair = `PAIR${++pairs}X`;
  for (const each of order) {
    await receive(house.parts, Buffer.from(textOf(each, pair)), 'mllp');
    if (batch === 1) while ((await processNext(house.parts, 1)) > 0);
  }
  while ((await processNext(house.parts, batch)) > 0);
  await deriveStale(house.database, { pullDate: '2026-06-01' });
  return pair;
}

const idOf = async (number: string): Promise<string> => {
  const [row] = await house.database.query<{ id: string }>(
    `SELECT id FROM fhir.resource WHERE body LIKE '{"resourceType":"Patient"%' AND body LIKE $1 AND (body LIKE '%"active":true%') = $2`,
    [`%"value":"${number}"%`, number.endsWith('S')],
  );
  return row?.id ?? 'nobody';
};

/** What the store holds of the pair: bodies without versions, ids by what they are, rows without keys. */
async function stateOf(pair: string): Promise<readonly string[]> {
  const [survivor, loser] = [await idOf(`${pair}S`), await idOf(`${pair}L`)];
  const bodies = await house.database.query<{ body: string }>(
    'SELECT body FROM fhir.resource WHERE NOT deleted AND (body LIKE $1 OR body LIKE $2 OR id IN ($3, $4))',
    [`%Patient/${survivor}"%`, `%Patient/${loser}"%`, survivor, loser],
  );
  const rows = await house.database.query<{ row: string }>(
    `WITH p AS (SELECT resource_key AS id FROM fhir.resource WHERE id IN ($1, $2))
     SELECT concat_ws(' ', 'person', year_of_birth, month_of_birth, day_of_birth, gender_concept_id) AS row FROM cdm.person WHERE person_id IN (SELECT id FROM p)
     UNION ALL SELECT concat_ws(' ', 'visit', visit_start_date, CASE WHEN visit_end_date > '2026-05-01' THEN 'open' ELSE visit_end_date::text END) FROM cdm.visit_occurrence WHERE person_id IN (SELECT id FROM p)
     UNION ALL SELECT concat_ws(' ', 'measurement', measurement_date, value_as_number, visit_occurrence_id IS NOT NULL) FROM cdm.measurement WHERE person_id IN (SELECT id FROM p)
     UNION ALL SELECT concat_ws(' ', 'condition', condition_source_value, condition_start_date, visit_occurrence_id IS NOT NULL) FROM cdm.condition_occurrence WHERE person_id IN (SELECT id FROM p)`,
    [survivor, loser],
  );
  const plain = bodies.map(({ body }) => {
    const { meta: _, ...content } = JSON.parse(body);
    return JSON.stringify(sorted(content))
      .replaceAll(survivor, 'SURVIVOR')
      .replaceAll(loser, 'LOSER')
      .replaceAll(pair, 'PAIR')
      .replaceAll(/[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f-]{21}/g, 'ID');
  });
  return [...plain.filter((each) => !each.includes('"resourceType":"Provenance"')), ...rows.map(({ row }) => row)].sort();
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

describe('the messages of a pair of records and their merge', () => {
  it('end in one stay, one order and one result, in any order', async () => {
    const inOrder = await stateOf(await told(HISTORY, 1));
    expect(inOrder.filter((each) => /^(visit|measurement|condition|person)/.test(each))).toEqual([
      'condition I10 2026-03-01 t',
      'measurement 2026-03-02 102 t',
      'person 1980 1 2 8532',
      'visit 2026-03-01 2026-03-07',
      'visit 2026-03-01 open',
    ]);
    const runs = Number(process.env['MERGE_ORDERS'] ?? 12);
    await fc.assert(
      fc.asyncProperty(
        fc.shuffledSubarray([...HISTORY], { minLength: HISTORY.length }),
        fc.constantFrom(1, 3, 20),
        async (order, batch) => {
          expect(await stateOf(await told(order, batch))).toEqual(inOrder);
        },
      ),
      { numRuns: runs, seed: 7 },
    );
  });

  it('become two again when the merge is taken back, each with what was said of it before', async () => {
    const before = HISTORY.filter(({ time }) => time < '20260304');
    const pair = await told([...before, ...HISTORY.filter(({ type }) => type.includes('A40'))], 1);
    const alone = await told(before, 1);
    const [loser] = await house.database.query<{ id: string }>(
      `SELECT id FROM fhir.resource WHERE body LIKE '{"resourceType":"Patient"%' AND body LIKE $1 AND body LIKE '%replaced-by%'`,
      [`%"value":"${pair}L"%`],
    );
    expect(await house.database.transaction((tx) => unmergePatients(house.parts, tx, loser?.id ?? ''))).toBe(true);
    await deriveStale(house.database, { pullDate: '2026-06-01' });
    const count = async (of: string): Promise<readonly unknown[]> =>
      house.database.query(
        `SELECT r.type, count(*) AS n FROM fhir.resource r WHERE NOT deleted AND body LIKE $1 AND r.type <> (SELECT type FROM fhir.resource WHERE body LIKE '{"resourceType":"Provenance"%' LIMIT 1) GROUP BY r.type ORDER BY r.type`,
        [`%Patient/${of}"%`],
      );
    const idsOf = async (number: string): Promise<string> => {
      const [row] = await house.database.query<{ id: string }>(
        `SELECT id FROM fhir.resource WHERE body LIKE '{"resourceType":"Patient"%' AND body LIKE $1`,
        [`%"value":"${number}"%`],
      );
      return row?.id ?? '';
    };
    for (const each of ['L', 'S']) expect(await count(await idsOf(`${pair}${each}`))).toEqual(await count(await idsOf(`${alone}${each}`)));
  });
});
