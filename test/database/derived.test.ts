import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { writeCdmSource } from '../../services/database/cdm/source.ts';
import { type Database, openDatabase } from '../../services/database/connect.ts';
import { type DeriveOptions, deriveAll, deriveStale } from '../../services/database/derived/derived.ts';
import { readResource } from '../../services/database/resources/resources.ts';
import { observationPeriods } from '../../services/omop/observation-period.ts';
import { type FreshDatabase, freshDatabase } from '../fresh-database.ts';
import { encounter, observation, patient, rowsOnly, write } from './sample.ts';

let fresh: FreshDatabase;
let db: Database;
const options: DeriveOptions = { pullDate: '2020-09-01' };

beforeAll(async () => {
  fresh = await freshDatabase();
  db = openDatabase(fresh.url, { max: 4 });
});
afterAll(async () => {
  await db.close();
  await fresh.drop();
});

const personId = async (id: string): Promise<number> => (await readResource(db, 'Patient', id))?.resourceKey ?? -1;
const periodsOf = async (person: number): Promise<readonly (readonly [string, string])[]> =>
  (
    await db.query<{ s: string; e: string }>(
      `SELECT observation_period_start_date AS s, observation_period_end_date AS e FROM cdm.observation_period WHERE person_id = $1
       ORDER BY observation_period_id`,
      [person],
    )
  ).map((row) => [row.s, row.e]);
let numbers = 0;
const events = (id: string, dates: readonly string[]) => dates.map((date) => observation(`${id}-${++numbers}`, id, date));

describe('observation periods (rule 60)', () => {
  test('the example of the convention: 60 days after the last event, a gap of 548 days, the date of the data', async () => {
    await write(db, [patient('themis', 1950), ...events('themis', ['2010-01-01', '2011-03-01', '2012-06-15', '2018-10-01', '2020-02-01'])]);
    expect(await deriveStale(db, options)).toBe(1);
    // The page prints 2018-10-01 to 2020-09-01 and 08/15/2012 for the first end, which would be 61 days.
    expect(await periodsOf(await personId('themis'))).toEqual([
      ['2010-01-01', '2012-08-14'],
      ['2018-10-01', '2020-04-01'],
    ]);
    await write(db, events('themis', ['2020-08-01']));
    await deriveStale(db, options);
    expect((await periodsOf(await personId('themis')))[1]).toEqual(['2018-10-01', '2020-09-01']);
    expect(await deriveStale(db, options)).toBe(0);
  });

  test('bounds: birth, death and 60 days, go-live; a death alone makes none', async () => {
    await write(db, [
      patient('bounds', 2015, { deceasedDateTime: '2019-01-01' }),
      ...events('bounds', ['2014-12-31', '2015-01-01', '2018-12-20']),
    ]);
    await write(db, [patient('alone', 1950, { deceasedDateTime: '2019-01-01' })]);
    await deriveStale(db, options);
    expect(await periodsOf(await personId('bounds'))).toEqual([
      ['2015-01-01', '2015-03-02'],
      ['2018-12-20', '2019-02-18'],
    ]);
    expect(await periodsOf(await personId('alone'))).toEqual([]);
    await deriveAll(db, { ...options, goLive: '2016-01-01' });
    expect(await periodsOf(await personId('bounds'))).toEqual([['2018-12-20', '2019-02-18']]);
    await deriveAll(db, options);
  });

  test('other strategies, and periods that go with their person', async () => {
    await write(db, [
      patient('other', 1950),
      encounter('other', 'other', '2012-01-01', '2012-01-05'),
      ...events('other', ['2010-01-01', '2015-01-01']),
    ]);
    const person = await personId('other');
    await deriveStale(db, { ...options, strategy: 'events' });
    expect(await periodsOf(person)).toEqual([['2010-01-01', '2015-01-01']]);
    await deriveAll(db, { ...options, strategy: 'visits' });
    expect(await periodsOf(person)).toEqual([['2012-01-01', '2012-01-05']]);
    await write(db, [patient('other', 1950)], { delete: true });
    await deriveStale(db, options);
    expect(await periodsOf(person)).toEqual([]);
    await deriveAll(db, options);
  });

  test('property: the SQL is the plain rule, whatever the order and the batches', async () => {
    const date = fc.integer({ min: 12_000, max: 18_600 }).map((day) => new Date(day * 86_400_000).toISOString().slice(0, 10));
    const visit = fc.record({ start: date, days: fc.integer({ min: 0, max: 700 }) });
    const person = fc.record({
      dates: fc.array(date, { maxLength: 8 }),
      visits: fc.array(visit, { maxLength: 2 }),
      died: fc.option(date, { nil: undefined }),
      year: fc.integer({ min: 1990, max: 2010 }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(person, { minLength: 1, maxLength: 6 }), async (persons) => {
        const round = ++numbers;
        const made = persons.map((each, i) => {
          const id = `prop${round}-${i}`;
          const visits = each.visits.map(({ start, days }) => ({
            start,
            end: new Date(Date.parse(start) + days * 86_400_000).toISOString().slice(0, 10),
          }));
          return { ...each, id, visits };
        });
        for (const each of made) {
          await write(db, [
            patient(each.id, each.year, each.died === undefined ? {} : { deceasedDateTime: each.died }),
            ...events(each.id, each.dates),
          ]);
          await write(
            db,
            each.visits.map((span) => encounter(`${each.id}-${++numbers}`, each.id, span.start, span.end)),
          );
        }
        await deriveStale(db, options);
        for (const each of made) {
          const starts = [...each.dates, ...each.visits.map((span) => span.start)].sort();
          const limit = each.died === undefined ? '' : new Date(Date.parse(each.died) + 60 * 86_400_000).toISOString().slice(0, 10);
          const contradicted = each.died !== undefined && (starts.at(-1) ?? '') > limit;
          const expected = observationPeriods([...each.dates.map((start) => ({ start })), ...each.visits], {
            birth: `${each.year}-01-01`,
            death: contradicted ? undefined : each.died,
            pulled: options.pullDate,
          });
          expect(await periodsOf(await personId(each.id))).toEqual(expected.map((period) => [period.start, period.end]));
        }
      }),
      { numRuns: 30 },
    );
    const before = await db.query('SELECT * FROM cdm.observation_period ORDER BY 1');
    expect(before.length).toBeGreaterThan(20);
    await deriveAll(db, options);
    expect(await db.query('SELECT * FROM cdm.observation_period ORDER BY 1')).toEqual(before);
  });
});

test('a year of birth alone: the earliest record of that year, else 15 June; the parts stay empty (rule 24)', async () => {
  await write(db, [patient('year', 2001), ...events('year', ['2001-03-04', '2001-11-01'])]);
  const born = async () =>
    (await db.query('SELECT month_of_birth, birth_datetime FROM cdm.person WHERE person_id = $1', [await personId('year')]))[0];
  await deriveStale(db, options);
  expect(await born()).toEqual({ month_of_birth: null, birth_datetime: '2001-03-04 00:00:00' });
  await write(db, [patient('year', 2002)]);
  await deriveStale(db, options);
  expect(await born()).toEqual({ month_of_birth: null, birth_datetime: '2002-06-15 00:00:00' });
});

test('activity more than 60 days after a death withdraws it, is reported, and both are undone (rule 30)', async () => {
  const late = observation('late', 'undead', '2010-03-03');
  await write(db, [patient('undead', 1950, { deceasedDateTime: '2010-01-01' }), observation('early', 'undead', '2010-03-02')]);
  const person = await personId('undead');
  const state = async () => {
    await deriveStale(db, options);
    const deaths = await db.query('SELECT death_date FROM cdm.death WHERE person_id = $1', [person]);
    const excluded = await db.query('SELECT kind FROM ops.exclusion WHERE resource_key = $1 AND rule = 30', [person]);
    return [deaths.length, excluded.length];
  };
  expect(await state()).toEqual([1, 0]);
  await write(db, [late]);
  expect(await state()).toEqual([0, 1]);
  await write(db, [patient('undead', 1951, { deceasedDateTime: '2010-01-01' })]);
  expect(await state()).toEqual([0, 1]);
  await write(db, [late], { delete: true });
  expect(await state()).toEqual([1, 0]);
  await write(db, [patient('undead', 1951)]);
  expect(await state()).toEqual([0, 0]);
});

test('several races: observation rows dated by the most recent visit, none before there is one (rule 25)', async () => {
  const person = { gender_concept_id: 0, year_of_birth: 1990, race_concept_id: 1546847, ethnicity_concept_id: 0 };
  const race = (n: number, concept: number) =>
    ({
      table: 'observation',
      n,
      columns: {
        person_id: { ref: 'Patient/races' },
        observation_concept_id: 4013886,
        observation_date: { ref: 'most-recent-visit' },
        observation_type_concept_id: 32817,
        value_as_concept_id: concept,
      },
    }) as const;
  await write(db, [patient('races', 1990)], { rows: rowsOnly([{ table: 'person', n: 0, columns: person }, race(1, 8527), race(2, 8515)]) });
  const id = await personId('races');
  const dates = async () => {
    await deriveStale(db, options);
    const rows = await db.query<{ d: string; c: number }>(
      'SELECT observation_date AS d, value_as_concept_id AS c FROM cdm.observation WHERE person_id = $1 ORDER BY observation_id',
      [id],
    );
    return rows.map((row) => [row.d, row.c]);
  };
  const excluded = async () => (await db.query('SELECT 1 FROM ops.exclusion WHERE resource_key = $1 AND rule = 25', [id])).length;
  expect([await dates(), await excluded()]).toEqual([[], 2]);
  await write(db, [encounter('races1', 'races', '2012-01-01'), encounter('races2', 'races', '2014-01-01')]);
  expect([await dates(), await excluded()]).toEqual([
    [
      ['2014-01-01', 8527],
      ['2014-01-01', 8515],
    ],
    0,
  ]);
  await write(db, [encounter('races2', 'races', '2014-01-01')], { delete: true });
  expect(await dates()).toEqual([
    ['2012-01-01', 8527],
    ['2012-01-01', 8515],
  ]);
  await write(db, [patient('races', 1991)]);
  expect(await dates()).toEqual([]);
});

test('concurrent derivations end in the newest state', async () => {
  await write(db, [patient('busy', 1950)]);
  await Promise.all(
    Array.from({ length: 12 }, async (_, i) => {
      await write(db, events('busy', [`2019-0${(i % 9) + 1}-01`]));
      await deriveStale(db, options);
    }),
  );
  expect(await periodsOf(await personId('busy'))).toEqual([['2019-01-01', '2019-10-31']]);
});

test('cdm_source is one row, however often and concurrently it is written (rule 66)', async () => {
  const source = {
    name: 'Test',
    abbreviation: 'T',
    holder: 'H',
    description: '',
    etlReference: 'polyseme@0.1.0',
    sourceReleaseDate: '2020-09-01',
    cdmReleaseDate: '2020-09-01',
  };
  await Promise.all(Array.from({ length: 4 }, (_, i) => writeCdmSource(db, { ...source, name: `Test ${i}` })));
  const rows = await db.query<{ cdm_version_concept_id: number; vocabulary_version: string }>('SELECT * FROM cdm.cdm_source');
  expect(rows).toMatchObject([{ cdm_version_concept_id: 756265, vocabulary_version: 'none' }]);
});
