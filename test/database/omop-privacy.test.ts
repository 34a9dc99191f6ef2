/** The privacy profile: what those see who may not know who somebody is. */
import { afterEach, beforeEach, expect, it } from 'vitest';
import { z } from 'zod';
import { writeChoices } from '../../services/database/cdm/metadata.ts';
import { analyse } from '../../services/database/ohdsi/achilles.ts';
import { keepRun } from '../../services/database/ohdsi/quality-history.ts';
import { countChecks } from '../../services/database/ohdsi/quality-run.ts';
import type { OmopChoices } from '../../services/omop/options.ts';
import { maskedCount, maskedShare, privateTables, shownOf } from '../../services/omop/privacy.ts';
import { allChecks, judge } from '../../services/omop/quality.ts';
import { dqdDocument } from '../../services/omop/quality-report.ts';
import { CDM_TABLES, type CdmColumn } from '../../services/omop/tables.generated.ts';
import { checkPage, qualityPage } from '../../services/pipeline/quality-desk.ts';
import { usagiLines } from '../../services/pipeline/unmapped/usagi-file.ts';
import { type TestHouse, testHouse } from '../parts.ts';
import { encounter, given, patient, put, subject, weight } from './omop-house.ts';

let house: TestHouse;
beforeEach(async () => {
  house = await testHouse();
  const address = [{ line: ['1 Main St'], city: 'Springfield', state: 'IL', postalCode: '62701' }];
  await put(
    house,
    patient('p1', { address, identifier: [{ value: 'MRN-7' }] }),
    patient('old', { birthDate: '1920-05-06' }),
    patient('late', { birthDate: '1910', deceasedDateTime: '2003-01-02' }),
    patient('month', { birthDate: '1980-07' }),
    weight('w1'),
    weight('w2', { effectiveDateTime: '2021-07-09T10:11:12Z' }),
    weight('w3', { subject: subject('old') }),
    weight('w4', { subject: subject('late'), effectiveDateTime: '2003-01-01' }),
    encounter('e', '2020-01-02', '2020-01-05'),
    given('Condition', 'c', {
      subject: subject(),
      code: { text: 'what Jane Doe has', coding: [{ system: 'http://snomed.info/sct', code: '44054006' }] },
      onsetDateTime: '2020-01-02',
    }),
    given('DocumentReference', 'd', {
      status: 'current',
      subject: subject(),
      date: '2020-01-03T00:00:00Z',
      type: { text: 'Letter' },
      content: [{ attachment: { contentType: 'text/plain', data: Buffer.from('Jane Doe was here.').toString('base64') } }],
    }),
  );
});
afterEach(() => house[Symbol.asyncDispose]());

const PRIVATE = { 'privacy-profile': 'views' } as const;
const rows = <Row extends object = Record<string, unknown>>(text: string): Promise<readonly Row[]> => house.database.query<Row>(text);
const columnsOf = (table: keyof typeof CDM_TABLES): readonly CdmColumn[] => CDM_TABLES[table];
const hasPerson = (table: keyof typeof CDM_TABLES): boolean => columnsOf(table).some(({ name }) => name === 'person_id');
const isDate = ({ type }: CdmColumn): boolean => type === 'date' || type === 'datetime';

it('rule 72: every date of every table of a person is moved by the same days, the same at every time, and no other', async () => {
  await writeChoices(house.database, PRIVATE);
  const moved = async (): Promise<ReadonlyMap<number, ReadonlySet<number>>> => {
    const days = new Map<number, Set<number>>();
    for (const table of privateTables().filter(hasPerson)) {
      const [key] = columnsOf(table);
      for (const { name } of columnsOf(table).filter((column) => isDate(column) && !(table === 'person')))
        for (const { person, by } of await rows<{ person: number; by: number }>(
          `SELECT t.person_id AS person, (v."${name}"::date - t."${name}"::date) AS by FROM cdm.${table} t JOIN cdm_private.${table} v USING ("${key?.name}")
           WHERE t."${name}" IS NOT NULL`,
        ))
          days.set(person, (days.get(person) ?? new Set()).add(by));
    }
    return days;
  };
  const first = await moved();
  expect(first.size).toBeGreaterThan(2);
  for (const each of first.values()) {
    expect(each.size).toBe(1);
    expect([...each].every((by) => by < 0 && by >= -364)).toBe(true);
  }
  expect(new Set([...first.values()].flatMap((each) => [...each])).size).toBeGreaterThan(1);
  await writeChoices(house.database, {});
  await writeChoices(house.database, PRIVATE);
  expect(await moved()).toEqual(first);
  // The time of day stays.
  expect(
    await rows(
      `SELECT measurement_datetime::time::text AS t FROM cdm_private.measurement WHERE measurement_time <> '00:00:00' ORDER BY measurement_id`,
    ),
  ).toEqual(
    await rows(
      `SELECT measurement_datetime::time::text AS t FROM cdm.measurement WHERE measurement_time <> '00:00:00' ORDER BY measurement_id`,
    ),
  );
});

it('rule 72: nobody is older than 90, alive or at death; what is not known of a birth date stays unknown', async () => {
  await writeChoices(house.database, PRIVATE);
  const persons = await rows<{ id: string; year: number; month: number | null; day: number | null; birth: string | null; now: number }>(
    `SELECT r.id, p.year_of_birth AS year, p.month_of_birth AS month, p.day_of_birth AS day, p.birth_datetime::text AS birth,
       extract(year FROM least(current_date, d.death_date))::int AS now
     FROM cdm_private.person p JOIN fhir.resource r ON r.resource_key = p.person_id LEFT JOIN cdm.death d USING (person_id) ORDER BY 1`,
  );
  const named = new Map(persons.map((each) => [each.id, each]));
  for (const id of ['old', 'late']) {
    const each = named.get(id);
    expect(each).toMatchObject({ month: null, day: null, birth: null });
    // A year less where the days moved it over the turn of the year.
    expect([90, 91]).toContain((each?.now ?? 0) - (each?.year ?? 0));
  }
  expect(named.get('month')).toMatchObject({ day: null });
  expect(named.get('p1')?.birth).not.toBeNull();
  expect(await rows('SELECT count(*)::int AS n FROM cdm_private.person')).toEqual([{ n: 4 }]);
});

it('rule 72: no column holds what was sent, a text, a name or an address; each table has its columns in their order', async () => {
  await writeChoices(house.database, PRIVATE);
  for (const table of privateTables()) {
    const found = await rows<{ name: string }>(
      `SELECT column_name::text AS name FROM information_schema.columns WHERE table_schema = 'cdm_private' AND table_name = '${table}' ORDER BY ordinal_position`,
    );
    expect([table, found.map(({ name }) => name)]).toEqual([table, columnsOf(table).map(({ name }) => name)]);
    if (table === 'metadata' || table === 'cdm_source' || table === 'cohort_definition') continue;
    const texts = columnsOf(table).filter(({ name, type }) => name.endsWith('_source_value') || type === 'text');
    for (const { name } of texts)
      expect([table, name, await rows(`SELECT 1 FROM cdm_private.${table} WHERE coalesce("${name}"::text, '') <> '' LIMIT 1`)]).toEqual([
        table,
        name,
        [],
      ]);
    const all = JSON.stringify(await rows(`SELECT * FROM cdm_private.${table}`));
    expect([table, /Jane|Main St|Springfield|62701|MRN-7|Letter/.test(all)]).toEqual([table, false]);
  }
  expect(await rows('SELECT state FROM cdm_private.location')).toEqual([{ state: 'IL' }]);
  // A text column that nobody has thought of is closed.
  expect(shownOf('person', { name: 'nickname', type: 'varchar', required: false })).toBe('cleared');
  expect(shownOf('measurement', { name: 'noticed_date', type: 'date', required: false })).toBe('shifted');
});

it('rule 72: it is off unless chosen, stands in metadata, and who may read only it reaches neither the CDM nor the secret', async () => {
  const schema = () => rows(`SELECT nspname::text AS n FROM pg_namespace WHERE nspname = 'cdm_private'`);
  const said = () => rows('SELECT value_as_string AS v FROM cdm.metadata WHERE metadata_id = 72');
  await writeChoices(house.database, {});
  expect([await schema(), await said()]).toEqual([[], [{ v: expect.stringMatching(/^off: /) }]]);
  await writeChoices(house.database, PRIVATE);
  expect([await schema(), await said()]).toEqual([[{ n: 'cdm_private' }], [{ v: expect.stringMatching(/^views: /) }]]);
  const role = `reader_${process.pid}_${Date.now()}`;
  await house.database.run(`CREATE ROLE ${role}`);
  await house.database.run(`GRANT ${role} TO CURRENT_USER`);
  try {
    await house.database.run(`GRANT USAGE ON SCHEMA cdm_private TO ${role}`);
    await house.database.run(`GRANT SELECT ON ALL TABLES IN SCHEMA cdm_private TO ${role}`);
    // The same choice again leaves what was given.
    await writeChoices(house.database, PRIVATE);
    const as = (text: string) =>
      house.database.transaction(
        async (tx) => {
          await tx.run(`SET LOCAL ROLE ${role}`);
          return tx.query(text);
        },
        { attempts: 1 },
      );
    expect(await as('SELECT count(*)::int AS n FROM cdm_private.measurement')).toEqual([{ n: 4 }]);
    for (const closed of ['cdm.measurement', 'ops.privacy_key', 'fhir.resource'])
      await expect(as(`SELECT * FROM ${closed}`)).rejects.toThrow();
  } finally {
    await house.database.run(`REVOKE ALL ON ALL TABLES IN SCHEMA cdm_private FROM ${role}`);
    await house.database.run(`REVOKE ALL ON SCHEMA cdm_private FROM ${role}`);
    await house.database.run(`DROP ROLE ${role}`);
  }
});

it('rule 72: of codes that fewer than 5 persons have, Usagi learns neither how many nor what stood beside them', async () => {
  const lines = async (choices: OmopChoices) => (await usagiLines({ ...house.parts, choices }, {}, { suggest: 0 })).lines.slice(1);
  const [open = '', closed = ''] = [(await lines({}))[0], (await lines(PRIVATE))[0]];
  expect(open).not.toBe('');
  const cells = (line: string): readonly string[] => line.split(',');
  expect(Number(cells(open)[2])).toBeGreaterThan(0);
  expect([cells(closed)[0], cells(closed)[2], ...cells(closed).slice(5, 9)]).toEqual([cells(open)[0], '-5', '-5', '', '', '']);
});

it('rule 72: results of quality checks tell no count below 5, nor a share it could be worked out from', async () => {
  const checks = allChecks().filter(({ table }) => table === 'person' || table === 'measurement');
  const { counts, texts } = await countChecks(house.database, checks);
  const context = { startedAt: '', endedAt: '', seconds: 1, texts, source: {}, version: '' };
  const results = (smallestCell: number): readonly Record<string, number | undefined>[] => {
    const text = JSON.stringify(dqdDocument(judge(checks, counts), { ...context, smallestCell })['CheckResults']);
    return z.array(z.record(z.string(), z.any())).parse(JSON.parse(text));
  };
  const isSmall = (count: number | undefined): boolean => count !== undefined && count > 0 && count < 5;
  expect(results(0).filter((each) => isSmall(each['numViolatedRows']) || isSmall(each['numDenominatorRows'])).length).toBeGreaterThan(5);
  for (const each of results(5)) {
    const [few, all] = [each['numViolatedRows'], each['numDenominatorRows']];
    expect([isSmall(few), isSmall(all), few === -5 && each['pctViolatedRows'] !== undefined]).toEqual([false, false, false]);
    if (few !== undefined && all !== undefined && few >= 0) expect(isSmall(all - few)).toBe(false);
  }
  expect(maskedCount(0, 5)).toBe(0);
});

it("rule 72: the console's pages of quality tell no count below 5, nor a share it could be worked out from, nor which few rows", async () => {
  const checks = allChecks().filter(({ table }) => table === 'person' || table === 'measurement');
  const keep = async (): Promise<number> =>
    keepRun(house.database, judge(checks, (await countChecks(house.database, checks)).counts), {
      startedAt: '2026-06-01',
      seconds: 1,
      software: 't',
    });
  await keep();
  // What passed fails.
  await house.database.query('UPDATE cdm.person SET year_of_birth = 2999');
  await keep();
  const { database } = house;
  const open = await qualityPage({ database, choices: undefined }, undefined);
  const masked = await qualityPage({ database, choices: PRIVATE }, undefined);
  const isSmall = (count: number): boolean => count > 0 && count < 5;
  expect(open.shown?.failures.some(({ violated }) => isSmall(violated))).toBe(true);
  expect(open.shown?.changes.some(({ percentAfter }) => percentAfter !== null && percentAfter > 0)).toBe(true);
  expect(masked.shown?.failures.length).toBe(open.shown?.failures.length);
  for (const { violated, rows: all, percent } of masked.shown?.failures ?? []) {
    expect([isSmall(violated), isSmall(all)]).toEqual([false, false]);
    expect(percent === null).toBe(violated < 0);
  }
  expect(masked.shown?.changes.map(({ percentAfter }) => percentAfter)).toEqual(masked.shown?.changes.map(() => null));
  const { checkId = '' } = open.shown?.failures.find(({ name }) => name === 'plausibleValueHigh') ?? {};
  expect((await checkPage({ database, choices: undefined }, checkId)).violations.ids.length).toBe(4);
  const page = await checkPage({ database, choices: PRIVATE }, checkId);
  expect(page.violations).toEqual({ ids: [], why: 'fewer than 5 violate it, and the privacy profile tells no such count' });
  expect(page.history.at(-1)).toMatchObject({ violated: -5, percent: null });
  expect(maskedShare({ violated: 90, rows: 93, percent: 96.8 }, 5)).toEqual({ violated: -5, rows: 93, percent: null });
  expect(maskedShare({ violated: 0, rows: 93, percent: 0 }, 5)).toEqual({ violated: 0, rows: 93, percent: 0 });
});

it('rule 72: counts below 5 are left out of what ATLAS reads', async () => {
  const small = () =>
    rows(
      'SELECT 1 FROM results.achilles_results WHERE count_value < 5 UNION ALL SELECT 1 FROM results.achilles_result_concept_count WHERE person_count BETWEEN 1 AND 4',
    );
  await analyse(house.database);
  expect((await small()).length).toBeGreaterThan(0);
  await analyse(house.database, undefined, 5);
  expect(await small()).toEqual([]);
});
