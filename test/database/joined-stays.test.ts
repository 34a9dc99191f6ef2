/** Stays that are one (rule 34), in the tables. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type ExplainedRow, explainRow } from '../../services/database/cdm/explain.ts';
import { writeChoices } from '../../services/database/cdm/metadata.ts';
import { deriveAll, deriveStale } from '../../services/database/derived/derived.ts';
import { resourceOfRow, tracedRow } from '../../services/pipeline/explain.ts';
import { mergeRequested } from '../../services/pipeline/fhir/merge.ts';
import type { TestHouse } from '../parts.ts';
import { encounter, expectRebuildEqual, given, patient, put, remove, subject, weight } from './omop-house.ts';
import { at, COUNTED, classed, DERIVE, DETAILS, EVENTS, OF, owner, person, stayHouse, VISITS } from './stay-rows.ts';

let house: TestHouse;
beforeAll(async () => {
  house = await stayHouse();
});
afterAll(() => house[Symbol.asyncDispose]());

const rows = (text: string, ...values: unknown[]): Promise<readonly object[]> => house.database.query(text, values);

it('rule 34: hospital stays that overlap are one visit, with what happened in them; each is as stated again when one of them changes', async () => {
  const of = person('ap');
  await put(house, patient('ap'), encounter('a1', '2020-01-01', '2020-01-09', of), encounter('a3', '2020-01-20', '2020-01-25', of));
  await put(house, weight('aw', { ...of, ...at('a2') }));
  await put(
    house,
    encounter('a2', '2020-01-04', '2020-01-20', { ...of, hospitalization: { dischargeDisposition: { coding: [{ code: 'snf' }] } } }),
  );
  expect(await rows(VISITS, 'a')).toEqual([
    { id: 'a1', concept: 9201, start: '2020-01-01', end: '2020-01-20' },
    { id: 'a3', concept: 9201, start: '2020-01-20', end: '2020-01-25' },
  ]);
  expect(await rows(DETAILS, 'a')).toEqual([{ id: 'a2', n: 0, visit: 'a1', parent: null }]);
  expect(await rows(EVENTS, 'a')).toEqual([{ id: 'aw', visit: 'a1', detail: 'a2' }]);
  expect(
    await rows(`SELECT discharged_to_source_value AS v FROM cdm.visit_occurrence WHERE ${OF('visit_occurrence_id')} ORDER BY 1`, 'a'),
  ).toEqual([{ v: 'snf' }, { v: null }]);
  expect(await rows(COUNTED, 'a')).toEqual([
    { id: 'a1', reason: 'joined with a stay that it overlaps or led to' },
    { id: 'a2', reason: 'a detail of the stay that it overlaps or led to' },
  ]);
  // What comes later is in the part that it names.
  await put(house, weight('ax', { ...of, ...at('a2') }));
  expect(await rows(EVENTS, 'a')).toEqual([
    { id: 'aw', visit: 'a1', detail: 'a2' },
    { id: 'ax', visit: 'a1', detail: 'a2' },
  ]);
  await put(house, encounter('a2', '2020-01-09', '2020-01-20', of));
  expect(await rows(VISITS, 'a')).toHaveLength(3);
  expect(await rows(EVENTS, 'a')).toEqual([
    { id: 'aw', visit: 'a2', detail: null },
    { id: 'ax', visit: 'a2', detail: null },
  ]);
  expect(await rows(COUNTED, 'a')).toEqual([]);
});

it('rule 34: an emergency that led to a stay is one visit 262 with it, also when both are encounters of their own', async () => {
  const of = person('bp');
  const emergency = { ...of, ...classed('EMER') };
  await put(house, patient('bp'), encounter('b1', '2020-01-01T08:00:00Z', '2020-01-01T14:00:00Z', emergency));
  await put(house, encounter('b2', '2020-01-01T14:30:00Z', '2020-01-05T10:00:00Z', of));
  await put(house, encounter('b3', '2020-01-05T18:00:00Z', '2020-01-05T20:00:00Z', emergency));
  expect(await rows(VISITS, 'b')).toEqual([
    { id: 'b2', concept: 262, start: '2020-01-01', end: '2020-01-05' },
    { id: 'b3', concept: 9203, start: '2020-01-05', end: '2020-01-05' },
  ]);
  expect(
    await rows(`SELECT visit_start_datetime::text AS at FROM cdm.visit_occurrence v WHERE ${OF('visit_occurrence_id')} ORDER BY 1`, 'b2'),
  ).toEqual([{ at: '2020-01-01 08:00:00' }]);
  expect(await rows(`SELECT visit_detail_concept_id AS c FROM cdm.visit_detail WHERE ${OF('visit_detail_id')}`, 'b')).toEqual([
    { c: 9203 },
  ]);
  await remove(house, 'Encounter', 'b1');
  expect((await rows(VISITS, 'b'))[0]).toEqual({ id: 'b2', concept: 9201, start: '2020-01-01', end: '2020-01-05' });
});

it('rule 34: what the operator chooses holds, and a stay that nobody ended is one with nothing', async () => {
  const of = person('cp');
  const [open, course] = [
    { status: 'in-progress', period: { start: '2020-01-01' }, ...of },
    { ...of, ...classed('AMB') },
  ];
  await put(house, patient('cp'), given('Encounter', 'c1', { ...classed('IMP'), ...open }));
  await put(
    house,
    encounter('c2', '2020-03-01', '2020-03-05', of),
    encounter('c3', '2020-03-03', '2020-03-09', of),
    encounter('c4', '2020-02-01', '2020-06-30', course),
  );
  const ids = async () => (await house.database.query<{ id: string }>(VISITS, ['c'])).map(({ id }) => id);
  try {
    expect(await ids()).toEqual(['c1', 'c2', 'c4']);
    for (const [choice, expected] of [
      ['all', ['c1', 'c4']],
      ['as-stated', ['c1', 'c2', 'c3', 'c4']],
      ['hospital', ['c1', 'c2', 'c4']],
    ] as const) {
      await writeChoices(house.database, { 'overlapping-stays': choice });
      await deriveAll(house.database, DERIVE);
      expect(await ids()).toEqual(expected);
    }
    expect(await rows('SELECT value_as_string LIKE $1 AS told FROM cdm.metadata WHERE metadata_id = 34', 'hospital:%')).toEqual([
      { told: true },
    ]);
  } finally {
    await writeChoices(house.database);
  }
});

it('rule 34: costs, episodes and later ages of a joined stay are of the whole; explain tells what was stated', async () => {
  const of = person('dp');
  await put(
    house,
    patient('dp'),
    given('EpisodeOfCare', 'de', {
      status: 'active',
      patient: subject('dp'),
      period: { start: '2020-01-01' },
      diagnosis: [{ condition: { reference: 'Condition/none' } }],
    }),
  );
  const cost = given('Claim', 'dc', {
    status: 'active',
    use: 'claim',
    type: { text: 'inpatient' },
    patient: subject('dp'),
    created: '2020-02-01',
    provider: { display: 'x' },
    priority: { text: 'normal' },
    insurance: [{ sequence: 1, focal: true, coverage: { display: 'State Fund' } }],
    item: [
      {
        sequence: 1,
        productOrService: { text: 'stay' },
        servicedDate: '2020-01-04',
        encounter: [{ reference: 'Encounter/d2' }],
        net: { value: 10, currency: 'USD' },
      },
    ],
    total: { value: 10, currency: 'USD' },
  });
  const second = encounter('d2', '2020-01-04', '2020-01-12', { ...of, episodeOfCare: [{ reference: 'EpisodeOfCare/de' }] });
  const aged = given('Condition', 'da', {
    ...of,
    ...at('d2'),
    code: { coding: [{ system: 'http://snomed.info/sct', code: '44054006' }] },
    onsetAge: { value: 49, code: 'a', system: 'http://unitsofmeasure.org' },
  });
  await put(house, second, cost, aged);
  const costs = `SELECT ${owner('cost_event_id')} AS visit FROM cdm.cost WHERE ${OF('cost_id')}`;
  const episode = `SELECT ${owner('event_id')} AS visit FROM cdm.episode_event WHERE ${OF('episode_id')}`;
  const stated = await Promise.all([rows(costs, 'd'), rows(episode, 'd'), rows(EVENTS, 'd')]);
  expect(stated).toEqual([[{ visit: 'd2' }], [{ visit: 'd2' }], [{ id: 'da', visit: 'd2', detail: null }]]);
  await put(house, encounter('d1', '2020-01-01', '2020-01-09', of));
  expect(await Promise.all([rows(costs, 'd'), rows(episode, 'd'), rows(EVENTS, 'd')])).toEqual([
    [{ visit: 'd1' }],
    [{ visit: 'd1' }],
    [{ id: 'da', visit: 'd1', detail: 'd2' }],
  ]);
  // Written while they are one: no word of the whole is taken for what was stated.
  await put(house, { ...cost, id: 'dc' }, { ...aged });
  await put(house, given('Condition', 'db', { ...aged, id: 'db' }));
  const [whole] = await house.database.query<{ id: number }>(
    'SELECT visit_occurrence_id AS id FROM cdm.visit_occurrence WHERE visit_end_date = $1',
    ['2020-01-12'],
  );
  const explained = await explainRow(house.database, 'visit_occurrence', whole?.id ?? 0);
  expect(explained?.joined).toMatchObject([
    { reference: 'Encounter/d1', isWhole: true, start: '2020-01-01', end: '2020-01-09', conceptId: 9201 },
    { reference: 'Encounter/d2', isWhole: false, start: '2020-01-04', end: '2020-01-12', conceptId: 9201 },
  ]);
  expect(explained?.ofOthers).toEqual(['visit_end_date']);
  const resource = explained && resourceOfRow(explained);
  if (explained === undefined || resource === undefined) throw new Error('no such row');
  const { maps, vocabulary } = house.parts;
  const columnsOf = (row: ExplainedRow) =>
    tracedRow(row, resource, maps, { vocabulary, timezone: 'UTC', asOf: '2026-06-01' }).lineage?.columns;
  const end = columnsOf(explained)?.find(({ column }) => column === 'visit_end_date');
  expect(end).toMatchObject({ rule: 'engine', at: undefined, read: [] });
  const start = columnsOf({ ...explained, table: 'visit_detail' })?.find(({ column }) => column === 'visit_detail_start_date');
  expect(start?.read).toContain('Encounter.period.start');
  await remove(house, 'Encounter', 'd1');
  expect(await Promise.all([rows(costs, 'd'), rows(episode, 'd'), rows(EVENTS, 'd')])).toEqual([
    [{ visit: 'd2' }],
    [{ visit: 'd2' }],
    [
      { id: 'da', visit: 'd2', detail: null },
      { id: 'db', visit: 'd2', detail: null },
    ],
  ]);
});

it('rules 34 and 71: stays of records that are merged are one, with what comes later of a loser, and each its own again when that is undone', async () => {
  const ids = ['g1', 'g2', 'g3', 'g4', 'g5'];
  for (const [i, id] of ids.entries()) {
    const own = [
      encounter(`${id}s`, `2020-01-0${i + 1}`, `2020-01-0${i + 3}`, person(id)),
      weight(`${id}w`, { ...person(id), ...at(`${id}s`) }),
    ];
    await put(house, patient(id), ...own);
  }
  const stays = () => rows(VISITS, 'g');
  const apart = await stays();
  expect(apart).toHaveLength(5);
  for (const [survivor, loser] of [
    ['g4', 'g5'],
    ['g2', 'g3'],
    ['g1', 'g2'],
    ['g1', 'g4'],
  ] as const) {
    await mergeRequested(house.parts, Buffer.from(`${survivor} ${loser}`), { survivor, loser });
    if (loser !== 'g3') await deriveStale(house.database, DERIVE);
  }
  expect(await stays()).toEqual([{ id: 'g1s', concept: 9201, start: '2020-01-01', end: '2020-01-07' }]);
  await put(house, weight('g5x', { ...person('g5'), ...at('g5s') }), encounter('g5t', '2020-01-06', '2020-01-08', person('g5')));
  expect(await stays()).toEqual([{ id: 'g1s', concept: 9201, start: '2020-01-01', end: '2020-01-08' }]);
  expect(await rows(EVENTS, 'g5')).toEqual(['g5w', 'g5x'].map((id) => ({ id, visit: 'g1s', detail: 'g5s' })));
  await expectRebuildEqual(house);
  await remove(house, 'Encounter', 'g5t');
  for (const id of ids.slice(1)) await put(house, patient(id));
  expect(await stays()).toEqual(apart);
  expect(await rows(DETAILS, 'g')).toEqual([]);
  expect(await rows(EVENTS, 'g5')).toEqual(['g5w', 'g5x'].map((id) => ({ id, visit: 'g5s', detail: null })));
});

it('rule 34: what these stays have come to is what a full rebuild makes', () => expectRebuildEqual(house));
