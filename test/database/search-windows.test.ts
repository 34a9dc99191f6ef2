/** Several dates asked of one parameter, by every way of a first page: each answer is that of the resources themselves. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Database, openDatabase } from '../../services/database/connect.ts';
import { searchResources } from '../../services/database/search/search.ts';
import { indexRows } from '../../services/fhir/search/index.ts';
import { matches } from '../../services/fhir/search/match.ts';
import { parseSearch } from '../../services/fhir/search/parse.ts';
import { type FreshDatabase, freshDatabase } from '../fresh-database.ts';
import { rowsOnly, type Stored, writeIn } from './sample.ts';

let fresh: FreshDatabase;
let db: Database;

const PREFIXES = ['eq', 'ne', 'gt', 'lt', 'ge', 'le', 'sa', 'eb', 'ap'];
const DAYS = [
  '2020-02-28',
  '2020-03-01',
  '2020-03-01T23:30:00-05:00',
  '2020-03-02T00:30:00Z',
  '2020-03-31',
  '2020-12-31',
  '2021-01-01T13:00:00+14:00',
];

const observation = (i: number, effective: object, code = i % 5 === 0 ? 'other' : 'one'): Stored => ({
  resourceType: 'Observation',
  id: `o${i}`,
  status: 'final',
  code: { coding: [{ system: 'urn:c', code }] },
  ...effective,
});
const OBSERVATIONS: readonly Stored[] = [
  ...DAYS.map((day) => ({ effectiveDateTime: day })),
  ...['2020', '2020-03', '2020-03-01T10:00:00Z', '2020-03-01T10:00:00+02:00'].map((text) => ({ effectiveDateTime: text })),
  ...DAYS.flatMap((start) => [{ start }, { end: start }, { start: '2019-06-01', end: start }, { start, end: '2022-01-01' }]).map(
    (effectivePeriod) => ({
      effectivePeriod,
    }),
  ),
  { effectiveTiming: { event: ['2020-03-01T08:00:00Z', '2020-12-30'] } },
  {},
].map((effective, i) => observation(i, effective));
/** A date of each place: one row of the index answers the one clause, another row the other. */
const ENCOUNTERS: readonly Stored[] = [['2020-02-28', '2020-12-31'], ['2020-03-01'], ['2020-03-01', '2020-03-31', '2021-05-01'], []].map(
  (days, i) => ({
    resourceType: 'Encounter',
    id: `e${i}`,
    status: 'finished',
    class: { code: 'IMP' },
    location: days.map((start) => ({ location: { display: 'x' }, period: { start, end: start } })),
  }),
);
const ALL = [...OBSERVATIONS, ...ENCOUNTERS];

async function answersAre(type: string, text: string): Promise<void> {
  const query = parseSearch(type, [...new URLSearchParams(`${text}&_count=200`)]);
  if (!query.ok) throw new Error(query.problems.map(({ code }) => code).join());
  const wanted = ALL.filter((each) => matches(query.value, each)).map(({ id }) => id);
  for (const isLarge of [true, false]) {
    const found = (await searchResources(db, query.value, { isLarge })).resources.map(({ id }) => id);
    expect(found.toSorted(), `${text}${isLarge ? ' large' : ''}`).toEqual(wanted.toSorted());
  }
}

beforeAll(async () => {
  fresh = await freshDatabase();
  db = openDatabase(fresh.url, { max: 2 });
  for (const each of ALL)
    await db.transaction((tx) => writeIn(tx, [each], { index: indexRows(each), oldIndex: undefined, rows: rowsOnly([]) }));
});
afterAll(async () => {
  await db.close();
  await fresh.drop();
});

describe('a code with dates', () => {
  it.each(PREFIXES)('%s beside every other prefix', async (prefix) => {
    for (const [i, other] of PREFIXES.entries())
      for (const [first, second] of [
        [DAYS[i % 7], DAYS[(i + 3) % 7]],
        [DAYS[(i + 4) % 7], '2020-03'],
      ])
        await answersAre(
          'Observation',
          `code=one&date=${prefix}${encodeURIComponent(first ?? '')}&date=${other}${encodeURIComponent(second ?? '')}`,
        );
  });

  it('with alternatives, with a third condition, with several codes, oldest first', async () => {
    await answersAre('Observation', 'code=one&date=ge2020-03,2019&date=lt2020-12-31');
    await answersAre('Observation', 'code=one&date=ge2020-03&date=lt2020-12-31&date=ne2020-03-01');
    await answersAre('Observation', 'code=one,other&date=ge2020-03-01&date=lt2020-03-02');
    await answersAre('Observation', 'code=one&date=ge2020-03-01&date=lt2021&_sort=_lastUpdated');
    await answersAre('Observation', 'code=one&status=final&date=ge2020-03-01&date=lt2021');
  });
});

it('of an element that repeats, each condition may be answered by another of its dates', async () => {
  for (const text of [
    'location-period=ge2020-12-01&location-period=lt2020-03-01',
    'location-period=2020-03-01&location-period=ge2021',
    'location-period=ge2020-03-02&location-period=le2020-04',
  ])
    await answersAre('Encounter', `status=finished&${text}`);
});

it('the page is whole where most of what the index finds lies beside the days asked for by the clock on the wall', async () => {
  const beside = Array.from({ length: 150 }, (_, i) =>
    observation(1000 + i, { effectiveDateTime: `2018-01-01T00:00:00${i % 3 === 0 ? '+13:00' : 'Z'}` }, 'wall'),
  );
  const within = observation(2001, { effectiveDateTime: '2017-12-31T23:59:59-11:00' }, 'wall');
  for (const each of [within, ...beside])
    await db.transaction((tx) => writeIn(tx, [each], { index: indexRows(each), oldIndex: undefined, rows: rowsOnly([]) }));
  const query = parseSearch('Observation', [...new URLSearchParams('code=wall&date=ge2017-12-31&date=lt2018-01-01&_count=10')]);
  if (!query.ok) throw new Error();
  const page = await searchResources(db, query.value);
  expect([page.resources.map(({ id }) => id), page.nextPage]).toEqual([['o2001'], undefined]);
});
