import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Database, openDatabase } from '../../services/database/connect.ts';
import { runCohort } from '../../services/database/ohdsi/cohort-run.ts';
import { cohortStatement } from '../../services/database/ohdsi/cohort-sql.ts';
import { readCohort } from '../../services/omop/cohort-expression.ts';
import { type FreshDatabase, freshDatabase } from '../fresh-database.ts';
import { dateOf, type Event, type History, naiveCohort } from './naive-cohort.ts';

const FIRST_DAY = 17_500;
const DAYS = 900;
const CHILDREN = new Map([[1, [1, 2, 3]]]);
let fresh: FreshDatabase;
let database: Database;
let histories: readonly History[];
beforeAll(async () => {
  fresh = await freshDatabase();
  database = openDatabase(fresh.url);
  histories = fc.sample(fc.tuple(...Array.from({ length: 60 }, (_, i) => history(i + 1))), { seed: 7, numRuns: 1 })[0] ?? [];
  await store();
});
afterAll(async () => {
  await database.close();
  await fresh.drop();
});

const day = fc.integer({ min: FIRST_DAY, max: FIRST_DAY + DAYS });
function history(person: number): fc.Arbitrary<History> {
  const event = fc.record({
    domain: fc.constantFrom('ConditionOccurrence', 'DrugExposure', 'Measurement'),
    concept: fc.integer({ min: 1, max: 5 }),
    start: day,
    days: fc.integer({ min: 0, max: 60 }),
    value: fc.integer({ min: 1, max: 9 }),
  });
  return fc
    .record({
      gender: fc.constantFrom(8507, 8532),
      birthYear: fc.integer({ min: 1950, max: 2000 }),
      cut: fc.option(day, { nil: undefined }),
      events: fc.array(event, { maxLength: 12 }),
    })
    .map(({ gender, birthYear, cut, events }) => ({
      person,
      gender,
      birthYear,
      periods:
        cut === undefined
          ? [[FIRST_DAY + 50, FIRST_DAY + DAYS - 50] as const]
          : [[FIRST_DAY, cut] as const, [cut + 10, FIRST_DAY + DAYS + 20] as const],
      events: events.map(({ domain, concept, start, days, value }, i): Event => {
        const isMeasured = domain === 'Measurement';
        return {
          domain,
          concept,
          start,
          id: person * 100 + i,
          end: isMeasured ? start + 1 : start + days,
          ...(isMeasured ? { value } : {}),
        };
      }),
    }));
}

async function store(): Promise<void> {
  const date = (value: number): string => `'${dateOf(value)}'`;
  for (const { person, gender, birthYear, periods, events } of histories) {
    await database.query(
      `INSERT INTO cdm.person (person_id, gender_concept_id, year_of_birth, race_concept_id, ethnicity_concept_id) VALUES (${person}, ${gender}, ${birthYear}, 0, 0)`,
    );
    for (const [i, [from, to]] of periods.entries())
      await database.query(`INSERT INTO cdm.observation_period VALUES (${person * 10 + i}, ${person}, ${date(from)}, ${date(to)}, 0)`);
    for (const { domain, id, concept, start, end, value } of events) {
      if (domain === 'Measurement')
        await database.query(
          `INSERT INTO cdm.measurement (measurement_id, person_id, measurement_concept_id, measurement_date, measurement_type_concept_id, value_as_number) VALUES (${id}, ${person}, ${concept}, ${date(start)}, 0, ${value})`,
        );
      const [table, stem] = domain === 'DrugExposure' ? ['drug_exposure', 'drug'] : ['condition_occurrence', 'condition'];
      const prefix = domain === 'DrugExposure' ? 'drug_exposure' : 'condition';
      if (domain !== 'Measurement')
        await database.query(
          `INSERT INTO cdm.${table} (${table}_id, person_id, ${stem}_concept_id, ${prefix}_start_date, ${prefix}_end_date, ${stem}_type_concept_id) VALUES (${id}, ${person}, ${concept}, ${date(start)}, ${date(end)}, 0)`,
        );
    }
  }
  for (const [above, all] of CHILDREN)
    for (const below of all) await database.query(`INSERT INTO cdm.concept_ancestor VALUES (${above}, ${below}, 0, 0)`);
}

const op = fc.constantFrom('lt', 'lte', 'eq', 'gt', 'gte', 'bt', '!bt');
const maybe = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | null> => fc.option(arbitrary, { freq: 3, nil: null });
const range = (value: fc.Arbitrary<number>) =>
  fc.tuple(value, fc.nat(20), op).map(([Value, more, Op]) => ({ Value, Op, Extent: Op.endsWith('bt') ? Value + more : null }));
const gender = fc.constantFrom([{ CONCEPT_ID: 8507 }], [{ CONCEPT_ID: 8532 }]);
const age = range(fc.integer({ min: 15, max: 70 }));
const dates = fc
  .tuple(day, fc.nat(300), op)
  .map(([from, more, Op]) => ({ Value: dateOf(from), Op, Extent: Op.endsWith('bt') ? dateOf(from + more) : null }));
const plain = {
  CodesetId: fc.option(fc.integer({ min: 0, max: 2 }), { freq: 6, nil: null }),
  First: fc.boolean(),
  OccurrenceStartDate: maybe(dates),
  Age: maybe(age),
  Gender: maybe(gender),
};
const criteria = fc.oneof(
  fc.record({ ConditionOccurrence: fc.record(plain) }),
  fc.record({ DrugExposure: fc.record(plain) }),
  fc.record({ Measurement: fc.record({ ...plain, ValueAsNumber: maybe(range(fc.integer({ min: 1, max: 9 }))) }) }),
);
const bound = fc.record({ Days: fc.option(fc.nat(400), { nil: null }), Coeff: fc.constantFrom(-1, 1) });
const correlated = fc.record({
  Criteria: criteria,
  StartWindow: fc.record({ Start: bound, End: bound, UseEventEnd: fc.constant(false) }),
  Occurrence: fc.record({ Type: fc.constantFrom(0, 1, 2), Count: fc.nat(2) }),
  IgnoreObservationPeriod: fc.boolean(),
});
const { group } = fc.letrec((tie) => ({
  group: fc.record({
    Type: fc.constantFrom('ALL', 'ANY', 'AT_LEAST', 'AT_MOST'),
    Count: fc.nat(2),
    CriteriaList: fc.array(correlated, { maxLength: 2 }),
    DemographicCriteriaList: fc.array(fc.record({ Age: maybe(age), Gender: maybe(gender) }), { maxLength: 1 }),
    Groups: fc.oneof({ depthSize: 'small' }, fc.constant([]), fc.tuple(tie('group'))),
  }),
}));
const limit = fc.record({ Type: fc.constantFrom('First', 'Last', 'All') });
const item = fc.record({
  concept: fc.record({ CONCEPT_ID: fc.integer({ min: 1, max: 5 }) }),
  isExcluded: fc.boolean(),
  includeDescendants: fc.boolean(),
});
const definition = fc.record({
  ConceptSets: fc.tuple(
    ...[0, 1, 2].map((id) =>
      fc.array(item, { minLength: 1, maxLength: 3 }).map((items) => ({ id, name: `set ${id}`, expression: { items } })),
    ),
  ),
  PrimaryCriteria: fc.record({
    CriteriaList: fc.array(criteria, { minLength: 1, maxLength: 2 }),
    ObservationWindow: fc.record({ PriorDays: fc.constantFrom(0, 30, 180), PostDays: fc.constantFrom(0, 30) }),
    PrimaryCriteriaLimit: limit,
  }),
  AdditionalCriteria: maybe(group),
  QualifiedLimit: limit,
  ExpressionLimit: limit,
  InclusionRules: fc.array(fc.record({ name: fc.constant("Robert'); DROP TABLE cdm.person; --"), expression: group }), { maxLength: 2 }),
  EndStrategy: fc.option(fc.record({ DateOffset: fc.record({ DateField: fc.constantFrom('StartDate', 'EndDate'), Offset: fc.nat(90) }) }), {
    nil: null,
  }),
  CollapseSettings: fc.record({ CollapseType: fc.constant('ERA'), EraPad: fc.constantFrom(0, 30) }),
});

describe('cohort definitions', () => {
  it('compiled find whom a naive evaluation finds, over random histories', async () => {
    let nonEmpty = 0;
    await fc.assert(
      fc.asyncProperty(definition, async (given) => {
        const read = readCohort(given);
        if (!read.ok) throw new Error(JSON.stringify(read.problems));
        const { text, values } = cohortStatement(read.value);
        const rows = await database.query<{ subject_id: number; cohort_start_date: string; cohort_end_date: string }>(text, values);
        const found = rows.map((row) => `${row.subject_id} ${row.cohort_start_date} ${row.cohort_end_date}`).sort();
        const expected = naiveCohort(read.value, histories, CHILDREN);
        if (expected.length > 0) nonEmpty++;
        expect(found).toEqual(expected);
        expect(text).not.toContain('Robert');
      }),
      { numRuns: Number(process.env['POLYSEME_TEST_COHORTS'] ?? 60), seed: 11 },
    );
    expect(nonEmpty).toBeGreaterThan(5);
  });

  it('are kept in results.cohort and cdm.cohort, anew at each run', async () => {
    const read = readCohort({
      ConceptSets: [{ id: 0, expression: { items: [{ concept: { CONCEPT_ID: 1 }, includeDescendants: true }] } }],
      PrimaryCriteria: {
        CriteriaList: [{ ConditionOccurrence: { CodesetId: 0, First: true } }],
        ObservationWindow: { PriorDays: 0, PostDays: 0 },
        PrimaryCriteriaLimit: { Type: 'First' },
      },
    });
    if (!read.ok) throw new Error(JSON.stringify(read.problems));
    const run = { id: 3, name: 'one', syntax: '{}', expression: read.value };
    const first = await runCohort(database, run);
    expect(first.entries).toBeGreaterThan(5);
    expect(await runCohort(database, run)).toEqual(first);
    expect(await database.query('SELECT count(*) AS n FROM cdm.cohort WHERE cohort_definition_id = 3')).toEqual([{ n: first.entries }]);
    expect(await database.query('SELECT cohort_definition_name AS name FROM cdm.cohort_definition')).toEqual([{ name: 'one' }]);
  });

  it('take what ATLAS writes beside, and refuse a criterion of no domain or of two', () => {
    const definition = (criterion: object) => ({
      ConceptSets: [{ id: 0, expression: { items: [] } }],
      PrimaryCriteria: {
        CriteriaList: [criterion],
        ObservationWindow: { PriorDays: 0, PostDays: 0 },
        PrimaryCriteriaLimit: { Type: 'All' },
      },
    });
    expect(readCohort(definition({ ConditionOccurrence: { CodesetId: 0, ConditionTypeExclude: false } })).ok).toBe(true);
    for (const wrong of [
      {},
      { Death: {}, DrugEra: {} },
      { ConditionOccurrence: { ConditionTypeExclude: true } },
      { Death: { CodesetId: 9 } },
    ])
      expect(readCohort(definition(wrong)).ok).toBe(false);
  });

  it.each([
    ['EndStrategy.CustomEra', { EndStrategy: { CustomEra: { DrugCodesetId: 0, GapDays: 30, Offset: 0 } } }],
    ['CensoringCriteria', { CensoringCriteria: [{ Death: {} }] }],
    ['CensorWindow', { CensorWindow: { StartDate: '2020-01-01' } }],
    ['PrimaryCriteria.CriteriaList.0.ConditionOccurrence.StopReason', { StopReason: { Text: 'x', Op: 'contains' } }],
    ['PrimaryCriteria.CriteriaList.0.Specimen', undefined],
  ])('that need %s are refused by name and path', (path, more) => {
    const isOwn = path.includes('ConditionOccurrence');
    const primary = more === undefined ? { Specimen: {} } : { ConditionOccurrence: { CodesetId: 0, ...(isOwn ? more : {}) } };
    const read = readCohort({
      ConceptSets: [{ id: 0, expression: { items: [] } }],
      PrimaryCriteria: { CriteriaList: [primary], ObservationWindow: { PriorDays: 0, PostDays: 0 }, PrimaryCriteriaLimit: { Type: 'All' } },
      ...(isOwn ? {} : more),
    });
    expect(read.ok).toBe(false);
    const [first] = read.problems;
    expect(first?.code).toBe('cohort-not-covered');
    expect(path.startsWith(first?.at ?? '?') || (first?.at ?? '').startsWith(path)).toBe(true);
  });
});
