import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { USUAL_RATES } from '../../scripts/simulator/events.ts';
import { trafficOf } from '../../scripts/simulator/traffic.ts';
import { deriveAll, deriveStale } from '../../services/database/derived/derived.ts';
import { type Problem, Refusal } from '../../services/errors.ts';
import { parseMessage } from '../../services/hl7v2/parse.ts';
import type { LoadedMaps } from '../../services/mapping/maps.ts';
import { mergePatients, unmergePatients } from '../../services/pipeline/apply/merge.ts';
import { type Parts, processNext, receive, write } from '../../services/pipeline.ts';
import { type TestHouse, testHouse } from '../parts.ts';

const PULL = { pullDate: '2026-06-01' };

let house: TestHouse;
let parts: Parts;
beforeAll(async () => {
  house = await testHouse();
  parts = { ...house.parts, maps: withMerges(house.parts.maps) };
});
afterAll(() => house[Symbol.asyncDispose]());

/** The maps, with an A40 made of an A08 of each record: what the store does with it is under test here, not the map. */
function withMerges(maps: LoadedMaps): LoadedMaps {
  return {
    ...maps,
    rows: (resource, context) => maps.rows(resource, context),
    convert: (message, context) => {
      if (message.event !== 'A40') return maps.convert(message, context);
      const text = Buffer.from(message.bytes).toString('utf8').replace('ADT^A40^ADT_A39', 'ADT^A08^ADT_A01');
      const [survivor, loser] = [text.replace(/\rMRG.*/, '\r'), text.replace(/\rPID.*\rMRG\|([^\r]*)/, '\rPID|1||$1')].map((each) => {
        const parsed = parseMessage(Buffer.from(each, 'utf8'));
        if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
        return maps.convert(parsed.value, context);
      });
      const [winner, gone] = [survivor?.drafts[0], loser?.drafts[0]];
      if (!survivor || !winner || !gone) throw new Error('no patients');
      const link = [{ type: 'replaced-by', other: { reference: `Patient/${winner.resource.id}` } }];
      return { ...survivor, drafts: [winner, { ...gone, resource: { ...gone.resource, active: false, link } }] };
    },
  };
}

let seconds = 0;
let control = 0;
const at = (n: number): string => new Date(Date.UTC(2026, 2, 1, 8, 0, n * 60)).toISOString().replace(/[-:T]/g, '').slice(0, 14);
const next = (): string => at(++seconds);

const adt = (event: string, patient: string, pid: string, time = next(), more: readonly string[] = []): string =>
  [
    `MSH|^~\\&|ADT|MERGEHOSP|POLYSEME|HUB|${time}+0000||ADT^${event}^${event === 'A40' ? 'ADT_A39' : 'ADT_A01'}|M${++control}|P|2.5.1|||||USA|UNICODE UTF-8`,
    `EVN|${event}|${time}+0000`,
    `PID|1||${patient}^^^MERGEHOSP^MR||${pid}`,
    ...more,
  ].join('\r');
const merge = (survivor: string, loser: string, time = next()): string =>
  adt('A40', survivor, 'Merged^Name||19800101|F', time, [`MRG|${loser}^^^MERGEHOSP^MR`]);
const oru = (patient: string, value: string, time = next()): string =>
  [
    `MSH|^~\\&|LAB|MERGEHOSP|POLYSEME|HUB|${time}+0000||ORU^R01^ORU_R01|M${++control}|P|2.5.1|||||USA|UNICODE UTF-8`,
    `PID|1||${patient}^^^MERGEHOSP^MR||Merged^Name||19800101|F`,
    `OBR|1||F${value}|24323-8^CMP^LN|||20260302080${Number(value) % 10}`,
    `OBX|1|NM|2345-7^Glucose^LN||${value}|mg/dL|||||F`,
  ].join('\r');

async function tell(...messages: readonly string[]): Promise<void> {
  for (const each of messages) await receive(parts, Buffer.from(`${each}\r`), 'mllp');
  while ((await processNext(parts, 20)) > 0);
  await deriveStale(house.database, PULL);
}

type Body = Record<string, unknown> & { readonly id: string };
async function patientOf(number: string): Promise<Body> {
  const rows = await house.database.query<{ body: string }>(
    `SELECT body FROM fhir.resource WHERE body LIKE '{"resourceType":"Patient"%' AND body LIKE $1`,
    [`%"value":"${number}"%`],
  );
  const own = rows
    .map(({ body }) => JSON.parse(body))
    .find(({ identifier }) => identifier.some((each: { value: string; use?: string }) => each.value === number && each.use !== 'old'));
  return own ?? {};
}
const valuesOf = async (number: string): Promise<readonly string[]> => {
  const rows = await house.database.query<{ v: string }>(
    `SELECT value_as_number::text AS v FROM cdm.measurement m JOIN fhir.resource r ON r.resource_key = m.person_id WHERE r.id = $1 ORDER BY 1`,
    [(await patientOf(number)).id],
  );
  return rows.map(({ v }) => String(Number(v)));
};
const count = async (text: string, values: readonly unknown[] = []): Promise<number> => {
  const [row] = await house.database.query<{ n: number }>(`SELECT count(*) AS n ${text}`, values);
  return row?.n ?? -1;
};
const referring = async (number: string): Promise<number> =>
  count(`FROM fhir.resource WHERE NOT deleted AND body NOT LIKE '{"resourceType":"Patient"%' AND body LIKE $1`, [
    `%Patient/${(await patientOf(number)).id}"%`,
  ]);

/** Nothing may point at nobody; derived rows are what a full rebuild has. */
async function expectWhole(): Promise<void> {
  for (const table of ['measurement', 'visit_occurrence', 'observation', 'condition_occurrence', 'death', 'observation_period'])
    expect([table, await count(`FROM cdm.${table} t WHERE NOT EXISTS (SELECT FROM cdm.person p WHERE p.person_id = t.person_id)`)]).toEqual(
      [table, 0],
    );
  expect(await count('FROM (SELECT person_id FROM cdm.death GROUP BY person_id HAVING count(*) > 1) d')).toBe(0);
  const periods = () =>
    house.database.query(
      'SELECT person_id, observation_period_start_date AS s, observation_period_end_date AS e FROM cdm.observation_period ORDER BY 1, 2',
    );
  const before = await periods();
  await deriveAll(house.database, PULL);
  expect(await periods()).toEqual(before);
}

const codes = async (): Promise<readonly string[]> => {
  const [row] = await house.database.query<{ status: string; problems: readonly Problem[] }>(
    'SELECT status, problems FROM journal.outcome ORDER BY message_id DESC LIMIT 1',
  );
  return [row?.status ?? '', ...(row?.problems ?? []).map(({ code }) => code)];
};

describe('a merge', () => {
  it('gives what was the loser’s to the survivor, and leaves a loser that is no person', async () => {
    await tell(
      adt('A04', 'MA1', 'Right^Name||19800101|F'),
      adt('A04', 'MA2', `Wrong^Name||19800101|F${'|'.repeat(21)}20260401`),
      oru('MA2', '101'),
    );
    expect([await valuesOf('MA2'), await count('FROM cdm.death')]).toEqual([['101'], 1]);
    await tell(merge('MA1', 'MA2'));
    expect(await codes()).toEqual(expect.arrayContaining(['applied']));
    const [survivor, loser] = [await patientOf('MA1'), await patientOf('MA2')];
    expect(loser).toMatchObject({ active: false, link: [{ type: 'replaced-by', other: { reference: `Patient/${survivor.id}` } }] });
    expect(survivor).toMatchObject({
      link: [{ type: 'replaces', other: { reference: `Patient/${loser.id}` } }],
      deceasedDateTime: '2026-04-01',
    });
    expect([await valuesOf('MA1'), await referring('MA2'), await count('FROM cdm.death')]).toEqual([['101'], 0, 1]);
    expect(await count('FROM cdm.person p JOIN fhir.resource r ON r.resource_key = p.person_id WHERE r.id = $1', [loser.id])).toBe(0);
    await expectWhole();
  });

  it('lets later messages of the loser land on the survivor, and says so', async () => {
    await tell(oru('MA2', '102'), adt('A08', 'MA2', 'Newest^Name||19800101|F'));
    expect(await valuesOf('MA1')).toEqual(['101', '102']);
    expect(await codes()).toContain('merge-landed');
    expect(JSON.stringify((await patientOf('MA1'))['name'])).toContain('Newest');
    expect(JSON.stringify(await patientOf('MA1'))).toContain('"value":"MA1"');
    expect(await patientOf('MA2')).toMatchObject({ active: false });
    await expectWhole();
  });

  it('keeps what was said of the loser before it with the loser, however late it comes', async () => {
    await tell(adt('A08', 'MA2', 'Earlier^Name||19800101|F', at(0)));
    expect(JSON.stringify((await patientOf('MA1'))['name'])).toContain('Newest');
    expect(await patientOf('MA2')).toMatchObject({ active: false, link: [{ type: 'replaced-by' }] });
  });

  it('can be taken back: each has its own again, what landed since included', async () => {
    const { id } = await patientOf('MA2');
    expect(await house.database.transaction((tx) => unmergePatients(parts, tx, id))).toBe(true);
    await deriveStale(house.database, PULL);
    expect([await valuesOf('MA1'), await valuesOf('MA2')]).toEqual([[], ['101', '102']]);
    expect(await patientOf('MA2')).toMatchObject({ active: true });
    expect([(await patientOf('MA1'))['link'], (await patientOf('MA2'))['link']]).toEqual([undefined, undefined]);
    expect(await house.database.transaction((tx) => unmergePatients(parts, tx, id))).toBe(false);
    await expectWhole();
  });

  it('gives the loser’s numbers to the survivor as old ones, and takes them back with an A37', async () => {
    const numbers = async (number: string) =>
      ((await patientOf(number))['identifier'] as readonly { value: string; use?: string }[]).map(({ value, use }) =>
        `${value} ${use ?? ''}`.trim(),
      );
    await tell(
      adt('A04', 'NR1', 'One^Name||19800101|F'),
      adt('A04', 'NR2', 'Two^Name||19800101|F'),
      adt('A04', 'NR3', 'Three^Name||19800101|F'),
    );
    await tell(oru('NR2', '401'), merge('NR2', 'NR3'), merge('NR1', 'NR2'));
    expect([await numbers('NR1'), await numbers('NR2')]).toEqual([['NR1', 'NR2 old', 'NR3 old'], ['NR2']]);
    // A later message of either record replaces what it says of its own numbers only.
    await tell(adt('A08', 'NR1', 'One^Name||19800101|F'), adt('A08', 'NR2', 'Two^Name||19800101|F'));
    expect(await numbers('NR1')).toEqual(['NR1', 'NR2 old', 'NR3 old']);
    const pid = (number: string, name: string) => `PID|1||${number}^^^MERGEHOSP^MR||${name}^Name||19800101|F`;
    const [head = '', event = ''] = adt('A37', 'NR1', '').replace('ADT_A01', 'ADT_A37').split('\r');
    await tell([head, event, pid('NR1', 'One'), pid('NR2', 'Two')].join('\r'));
    expect((await codes())[0]).toBe('applied');
    expect([await numbers('NR1'), await numbers('NR2')]).toEqual([['NR1'], ['NR2', 'NR3 old']]);
    expect([(await patientOf('NR1'))['active'], (await patientOf('NR2'))['active'], (await patientOf('NR3'))['active']]).toEqual([
      true,
      true,
      false,
    ]);
    expect([await valuesOf('NR1'), await valuesOf('NR2')]).toEqual([[], ['401']]);
    await expectWhole();
  });

  it('of five records in a chain ends in one, in any order of the merges', async () => {
    const orders = [
      [0, 1, 2, 3],
      [3, 2, 1, 0],
      [1, 3, 0, 2],
    ];
    for (const [run, order] of orders.entries()) {
      const numbers = [1, 2, 3, 4, 5].map((n) => `CH${run}N${n}`);
      const [last = ''] = numbers.slice(-1);
      await tell(...numbers.flatMap((each, i) => [adt('A04', each, 'Chain^Name||19800101|F'), oru(each, String(200 + i))]));
      const chain = numbers.slice(0, -1).map((loser, i) => merge(numbers[i + 1] ?? '', loser));
      for (const i of order) await tell(chain[i] ?? '');
      expect(await valuesOf(last)).toEqual(['200', '201', '202', '203', '204']);
      const survivor = await patientOf(last);
      for (const each of numbers.slice(0, -1)) {
        expect(await patientOf(each)).toMatchObject({ active: false });
        expect(JSON.stringify((await patientOf(each))['link'])).toContain(`"reference":"Patient/${survivor.id}"`);
        expect(await referring(each)).toBe(0);
      }
      await tell(oru(numbers[0] ?? '', '209'));
      expect(await valuesOf(last)).toContain('209');
      await expectWhole();
    }
  });

  it('is parked when it would go round in a circle or contradict an earlier one; the same one again does nothing', async () => {
    await tell(...['CI1', 'CI2', 'CI3'].map((each) => adt('A04', each, 'Circle^Name||19800101|F')), merge('CI1', 'CI2'));
    await tell(merge('CI1', 'CI2'));
    expect(await codes()).toContain('applied');
    await tell(merge('CI2', 'CI1'));
    expect(await codes()).toEqual(['parked', 'merge-circular']);
    await tell(merge('CI3', 'CI2'));
    expect(await codes()).toEqual(['parked', 'merge-elsewhere']);
    await expect(
      house.database.transaction((tx) =>
        mergePatients(parts, tx, { survivor: 'nobody', loser: 'noone', at: '2026-03-01T00:00:00.000Z', messageId: undefined }),
      ),
    ).rejects.toBeInstanceOf(Refusal);
  });

  it('is stated by FHIR as Patient.link, and taken back by writing the Patient without it', async () => {
    await tell(adt('A04', 'FH1', 'One^Name||19800101|F'), adt('A04', 'FH2', 'Two^Name||19800101|F'), oru('FH2', '300'));
    const [{ id: survivor }, { meta: _, ...loser }] = [await patientOf('FH1'), await patientOf('FH2')];
    const put = async (resource: Record<string, unknown>) => {
      const entry = {
        source: 'fhir',
        channel: 'fhir',
        content: Buffer.from('{}'),
        controlId: undefined,
        messageType: 'Patient',
        patientKeys: [],
      } as const;
      const change = { update: 'replace', deletes: [], spec: '', problems: [], unmapped: [] } as const;
      await write(parts, entry, async () => [
        { ...change, resource: { ...JSON.parse(JSON.stringify(resource)), resourceType: 'Patient', id: loser.id } },
      ]);
      await deriveStale(house.database, PULL);
    };
    await put({ ...loser, active: false, link: [{ type: 'replaced-by', other: { reference: `Patient/${survivor}` } }] });
    expect([await valuesOf('FH1'), await referring('FH2')]).toEqual([['300'], 0]);
    await expectWhole();
    await put({ ...loser, active: true });
    expect([await valuesOf('FH1'), await valuesOf('FH2')]).toEqual([[], ['300']]);
    await expectWhole();
  });

  it('is made by the map of A40 as it is shipped; the simulated hospital’s merges leave no record with anything of its own', async () => {
    const rates = { ...USUAL_RATES, merges: 1, duplicates: 0.05, outOfOrder: 0.05, broken: 0 };
    const traffic = [...trafficOf({ seed: 77, patients: 6, rates, startMs: Date.UTC(2026, 0, 5), only: ['ADT', 'ORU^R01'] })];
    for (const { bytes } of traffic) await receive(house.parts, bytes, 'mllp');
    await house.drain();
    await deriveStale(house.database, PULL);
    const merged = new Set(traffic.filter(({ type }) => type === 'ADT^A40').map(({ person }) => person));
    expect(merged.size).toBeGreaterThan(2);
    for (const person of merged) {
      const [own, second] = [`77-${String(person).padStart(7, '0')}`, `77-T${String(person).padStart(7, '0')}`];
      expect(await patientOf(second)).toMatchObject({
        active: false,
        link: [{ type: 'replaced-by', other: { reference: `Patient/${(await patientOf(own)).id}` } }],
      });
      expect(await referring(second)).toBe(0);
    }
    const wrong = await house.database.query(
      "SELECT m.message_type, o.status, o.problems -> 0 ->> 'code' AS code FROM journal.outcome o JOIN journal.message m ON m.id = o.message_id WHERE m.source LIKE '%SIM%' AND o.status <> 'applied'",
    );
    expect(wrong).toEqual([]);
    await expectWhole();
  });
});
