/** A cohort definition as one statement whose every value is a parameter: nothing of the definition's text is in the SQL. */
import {
  type CohortExpression,
  type CorrelatedCriteria,
  type CriteriaBody,
  type CriteriaDomain,
  criterionOf,
  type DemographicCriteria,
  type Group,
} from '../../omop/cohort-expression.ts';

interface Source {
  readonly table: string;
  readonly key: string;
  readonly concept: string;
  readonly start: string;
  /** An event without an end lasts a day, as in circe. */
  readonly end: string;
}

const SOURCES: Readonly<Record<CriteriaDomain, Source>> = {
  ConditionOccurrence: {
    table: 'condition_occurrence',
    key: 'condition_occurrence_id',
    concept: 'condition_concept_id',
    start: 'condition_start_date',
    end: 'coalesce(t.condition_end_date, t.condition_start_date + 1)',
  },
  ConditionEra: {
    table: 'condition_era',
    key: 'condition_era_id',
    concept: 'condition_concept_id',
    start: 'condition_era_start_date',
    end: 't.condition_era_end_date',
  },
  DrugExposure: {
    table: 'drug_exposure',
    key: 'drug_exposure_id',
    concept: 'drug_concept_id',
    start: 'drug_exposure_start_date',
    end: 'coalesce(t.drug_exposure_end_date, t.drug_exposure_start_date + t.days_supply, t.drug_exposure_start_date + 1)',
  },
  DrugEra: { table: 'drug_era', key: 'drug_era_id', concept: 'drug_concept_id', start: 'drug_era_start_date', end: 't.drug_era_end_date' },
  ProcedureOccurrence: {
    table: 'procedure_occurrence',
    key: 'procedure_occurrence_id',
    concept: 'procedure_concept_id',
    start: 'procedure_date',
    // circe knows no end of a procedure: what is counted from its end is counted from the day after.
    end: 't.procedure_date + 1',
  },
  DeviceExposure: {
    table: 'device_exposure',
    key: 'device_exposure_id',
    concept: 'device_concept_id',
    start: 'device_exposure_start_date',
    end: 'coalesce(t.device_exposure_end_date, t.device_exposure_start_date + 1)',
  },
  VisitOccurrence: {
    table: 'visit_occurrence',
    key: 'visit_occurrence_id',
    concept: 'visit_concept_id',
    start: 'visit_start_date',
    end: 't.visit_end_date',
  },
  Death: { table: 'death', key: 'person_id', concept: 'cause_concept_id', start: 'death_date', end: 't.death_date + 1' },
  Measurement: {
    table: 'measurement',
    key: 'measurement_id',
    concept: 'measurement_concept_id',
    start: 'measurement_date',
    end: 't.measurement_date + 1',
  },
  Observation: {
    table: 'observation',
    key: 'observation_id',
    concept: 'observation_concept_id',
    start: 'observation_date',
    end: 't.observation_date + 1',
  },
};

export interface CohortStatement {
  readonly text: string;
  readonly values: readonly unknown[];
}

/** Collects what the statement is made of. */
class Writing {
  readonly values: unknown[] = [];
  readonly parts: string[] = [];
  #criteria = 0;

  bind(value: unknown, type: string): string {
    this.values.push(value);
    return `$${this.values.length}::${type}`;
  }

  /** Adds a table of events and returns its name. */
  events(domain: CriteriaDomain, body: CriteriaBody): string {
    const name = `c${this.#criteria++}`;
    this.parts.push(`${name} AS MATERIALIZED (${eventsText(this, domain, body)})`);
    return name;
  }
}

function eventsText(writing: Writing, domain: CriteriaDomain, body: CriteriaBody): string {
  const { table, key, concept, start, end } = SOURCES[domain];
  const isIn =
    body.CodesetId === undefined || body.CodesetId === null
      ? ''
      : `WHERE t.${concept} IN (SELECT concept_id FROM codeset WHERE id = ${writing.bind(body.CodesetId, 'int')})`;
  const isValued = domain === 'Measurement' || domain === 'Observation';
  const values = isValued ? ', t.value_as_number, t.unit_concept_id' : '';
  const inner = `SELECT t.person_id, t.${key} AS event_id, t.${start} AS start_date, ${end} AS end_date${values},
    row_number() OVER (PARTITION BY t.person_id ORDER BY t.${start}, t.${key}) AS n FROM cdm.${table} t ${isIn}`;
  const conditions = [
    ...(body.First === true ? ['t.n = 1'] : []),
    ...(body.OccurrenceStartDate ? [rangeText(writing, 't.start_date', body.OccurrenceStartDate, 'date')] : []),
    ...demographicTexts(writing, body, 't.start_date'),
    ...(body.ValueAsNumber ? [rangeText(writing, 't.value_as_number', body.ValueAsNumber, 'numeric')] : []),
    ...(body.Unit && body.Unit.length > 0
      ? [
          `t.unit_concept_id = ANY (${writing.bind(
            body.Unit.map((each) => each.CONCEPT_ID),
            'int[]',
          )})`,
        ]
      : []),
  ];
  return `SELECT t.person_id, t.event_id, t.start_date, t.end_date FROM (${inner}) t JOIN cdm.person p ON p.person_id = t.person_id
    ${conditions.length === 0 ? '' : `WHERE ${conditions.join(' AND ')}`}`;
}

function demographicTexts(writing: Writing, { Age, Gender }: DemographicCriteria, start: string): readonly string[] {
  return [
    ...(Age ? [rangeText(writing, `(extract(year FROM ${start}) - p.year_of_birth)`, Age, 'numeric')] : []),
    ...(Gender && Gender.length > 0
      ? [
          `p.gender_concept_id = ANY (${writing.bind(
            Gender.map((each) => each.CONCEPT_ID),
            'int[]',
          )})`,
        ]
      : []),
  ];
}

const OPERATORS = { lt: '<', lte: '<=', eq: '=', gt: '>', gte: '>=' } as const;

function rangeText(
  writing: Writing,
  field: string,
  { Value, Op, Extent }: { readonly Value: number | string; readonly Op: string; readonly Extent?: number | string | null | undefined },
  type: string,
): string {
  const first = writing.bind(Value, type);
  if (Op === 'bt' || Op === '!bt')
    return `(${field} ${Op === 'bt' ? '' : 'NOT '}BETWEEN ${first} AND ${writing.bind(Extent ?? Value, type)})`;
  const operator = Object.entries(OPERATORS).find(([name]) => name === Op)?.[1] ?? '=';
  return `(${field} ${operator} ${first})`;
}

/** A condition on the index event e (person_id, start_date, op_start, op_end) and its person p. */
function groupText(writing: Writing, group: Group): string {
  const tests = [
    ...group.CriteriaList.map((each) => correlatedText(writing, each)),
    ...group.DemographicCriteriaList.map((each) => `(${demographicTexts(writing, each, 'e.start_date').join(' AND ') || 'true'})`),
    ...group.Groups.map((each) => groupText(writing, each)),
  ];
  if (tests.length === 0) return 'true';
  if (group.Type === 'ALL') return `(${tests.join(' AND ')})`;
  if (group.Type === 'ANY') return `(${tests.join(' OR ')})`;
  const count = tests.map((test) => `(${test})::int`).join(' + ');
  return `((${count}) ${group.Type === 'AT_LEAST' ? '>=' : '<='} ${writing.bind(group.Count ?? 0, 'int')})`;
}

const OCCURRENCES = ['=', '<=', '>='] as const;

function correlatedText(writing: Writing, correlated: CorrelatedCriteria): string {
  const criterion = criterionOf(correlated.Criteria);
  if (criterion === undefined) return 'false';
  const name = writing.events(...criterion);
  const { Start, End } = correlated.StartWindow;
  const isAnywhere = correlated.IgnoreObservationPeriod === true;
  // Without a number of days the bound is the begin (before) or the end (after) of the observation period.
  const edge = ({ Days, Coeff }: typeof Start, operator: string): readonly string[] =>
    Days !== undefined && Days !== null
      ? [`a.start_date ${operator} e.start_date + ${writing.bind(Days * Coeff, 'int')}`]
      : isAnywhere
        ? []
        : [`a.start_date ${operator} ${Coeff === -1 ? 'e.op_start' : 'e.op_end'}`];
  const inPeriod = isAnywhere ? [] : ['a.start_date >= e.op_start', 'a.start_date <= e.op_end'];
  const conditions = ['a.person_id = e.person_id', ...inPeriod, ...edge(Start, '>='), ...edge(End, '<=')];
  const { Type, Count } = correlated.Occurrence;
  return `((SELECT count(*) FROM ${name} a WHERE ${conditions.join(' AND ')}) ${OCCURRENCES[Type]} ${writing.bind(Count, 'int')})`;
}

const limited = (name: string, from: string, type: 'First' | 'Last' | 'All', where: string): string =>
  `${name} AS MATERIALIZED (SELECT person_id, start_date, end_date, op_start, op_end, event_id FROM (
    SELECT e.*, row_number() OVER (PARTITION BY e.person_id ORDER BY e.start_date ${type === 'Last' ? 'DESC' : 'ASC'}, e.event_id, e.end_date) AS ordinal
    FROM ${from} e JOIN cdm.person p ON p.person_id = e.person_id WHERE ${where}) q ${type === 'All' ? '' : 'WHERE ordinal = 1'})`;

/** Returns a statement that yields subject_id, cohort_start_date and cohort_end_date. */
export function cohortStatement(expression: CohortExpression): CohortStatement {
  const writing = new Writing();
  const { PrimaryCriteria, AdditionalCriteria, QualifiedLimit, ExpressionLimit, InclusionRules, EndStrategy, CollapseSettings } =
    expression;
  writing.parts.push(codesetText(writing, expression));
  const names = PrimaryCriteria.CriteriaList.flatMap((each) => {
    const criterion = criterionOf(each);
    return criterion === undefined ? [] : [writing.events(...criterion)];
  });
  const { PriorDays, PostDays } = PrimaryCriteria.ObservationWindow;
  writing.parts.push(`candidate AS MATERIALIZED (
    SELECT c.person_id, c.start_date, c.end_date, c.event_id, o.observation_period_start_date AS op_start, o.observation_period_end_date AS op_end
    FROM (${names.map((name) => `SELECT * FROM ${name}`).join(' UNION ALL ')}) c JOIN cdm.observation_period o ON o.person_id = c.person_id
      AND c.start_date >= o.observation_period_start_date + ${writing.bind(PriorDays, 'int')}
      AND c.start_date + ${writing.bind(PostDays, 'int')} <= o.observation_period_end_date)`);
  writing.parts.push(limited('primary_event', 'candidate', PrimaryCriteria.PrimaryCriteriaLimit.Type, 'true'));
  const additional = AdditionalCriteria ? groupText(writing, AdditionalCriteria) : 'true';
  writing.parts.push(limited('qualified', 'primary_event', AdditionalCriteria ? QualifiedLimit.Type : 'All', additional));
  const rules = InclusionRules.map((rule) => groupText(writing, rule.expression)).join(' AND ') || 'true';
  writing.parts.push(limited('included', 'qualified', ExpressionLimit.Type, rules));
  const offset = EndStrategy?.DateOffset;
  const end =
    offset === undefined
      ? 'op_end'
      : `least(op_end, ${offset.DateField === 'StartDate' ? 'start_date' : 'end_date'} + ${writing.bind(offset.Offset, 'int')})`;
  const pad = writing.bind(CollapseSettings.EraPad, 'int');
  writing.parts.push(`entry AS (SELECT person_id, start_date, greatest(${end}, start_date) AS end_date FROM included)`);
  writing.parts.push(`opened AS (SELECT *, coalesce(start_date > max(end_date) OVER (PARTITION BY person_id ORDER BY start_date, end_date
      ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) + ${pad}, true) AS is_new FROM entry)`);
  writing.parts.push(`numbered AS (SELECT *, count(*) FILTER (WHERE is_new) OVER (PARTITION BY person_id ORDER BY start_date, end_date
      ROWS UNBOUNDED PRECEDING) AS era FROM opened)`);
  const text = `WITH ${writing.parts.join(',\n')}
    SELECT person_id AS subject_id, min(start_date) AS cohort_start_date, max(end_date) AS cohort_end_date FROM numbered GROUP BY person_id, era`;
  return { text, values: writing.values };
}

/** The concepts of every set: named ones and those below, without the excluded ones and those below. */
function codesetText(writing: Writing, { ConceptSets }: CohortExpression): string {
  const items = ConceptSets.flatMap(({ id, expression }) => expression.items.map((item) => ({ id, ...item })));
  const column = (values: readonly unknown[], type: string): string => writing.bind(values, `${type}[]`);
  const ids = column(
    items.map(({ id }) => id),
    'int',
  );
  const concepts = column(
    items.map(({ concept }) => concept.CONCEPT_ID),
    'int',
  );
  const excluded = column(
    items.map(({ isExcluded }) => isExcluded === true),
    'boolean',
  );
  const below = column(
    items.map(({ includeDescendants }) => includeDescendants === true),
    'boolean',
  );
  return `item AS (SELECT * FROM unnest(${ids}, ${concepts}, ${excluded}, ${below}) AS i(id, concept_id, is_excluded, with_descendants)),
    member AS (SELECT id, concept_id, is_excluded FROM item
      UNION SELECT i.id, a.descendant_concept_id, i.is_excluded FROM item i JOIN cdm.concept_ancestor a ON a.ancestor_concept_id = i.concept_id WHERE i.with_descendants),
    codeset AS MATERIALIZED (SELECT id, concept_id FROM member WHERE NOT is_excluded EXCEPT SELECT id, concept_id FROM member WHERE is_excluded)`;
}
