/**
 * Cohort definitions as ATLAS exports them (https://github.com/OHDSI/circe-be), read strictly: what is not listed here is refused by name and
 * path, for a part of a definition that is left out would define another cohort.
 */
import * as z from 'zod';
import { failure, problem, type Result, success } from '../errors.ts';

const off = (reason: string) => z.union([z.literal(false), z.null()], { error: reason }).optional();
const none = z.union([z.array(z.unknown()).max(0), z.null(), z.strictObject({})]).optional();
const whole = z.int().min(-100_000).max(100_000);
const day = z.string().regex(/^\d{4}-\d{2}-\d{2}$/);
const NUMBER_OPS = ['lt', 'lte', 'eq', 'gt', 'gte', 'bt', '!bt'] as const;

const NumberRange = z.strictObject({ Value: z.number(), Op: z.enum(NUMBER_OPS), Extent: z.number().nullish() });
const DateRange = z.strictObject({ Value: day, Op: z.enum(NUMBER_OPS), Extent: day.nullish() });
// The names beside an id are for people; the id decides.
const ConceptRef = z.looseObject({ CONCEPT_ID: z.int().min(0) });

const common = {
  CodesetId: z.int().nullish(),
  First: z.boolean().nullish(),
  OccurrenceStartDate: DateRange.nullish(),
  Age: NumberRange.nullish(),
  Gender: z.array(ConceptRef).nullish(),
};
/** ATLAS writes ConditionTypeExclude: false and its kin even where no type is asked for. */
const asking = (exclude: string) => ({ ...common, [exclude]: off(exclude) });
const Plain = (exclude: string) => z.strictObject(asking(exclude));
const Valued = (exclude: string) =>
  z.strictObject({ ...asking(exclude), ValueAsNumber: NumberRange.nullish(), Unit: z.array(ConceptRef).nullish() });

export const CRITERIA_DOMAINS = [
  'ConditionOccurrence',
  'ConditionEra',
  'DrugExposure',
  'DrugEra',
  'ProcedureOccurrence',
  'DeviceExposure',
  'VisitOccurrence',
  'Death',
  'Measurement',
  'Observation',
] as const;
export type CriteriaDomain = (typeof CRITERIA_DOMAINS)[number];

const Criteria = z
  .strictObject({
    ConditionOccurrence: Plain('ConditionTypeExclude').optional(),
    ConditionEra: Plain('EraTypeExclude').optional(),
    DrugExposure: Plain('DrugTypeExclude').optional(),
    DrugEra: Plain('EraTypeExclude').optional(),
    ProcedureOccurrence: Plain('ProcedureTypeExclude').optional(),
    DeviceExposure: Plain('DeviceTypeExclude').optional(),
    VisitOccurrence: Plain('VisitTypeExclude').optional(),
    Death: Plain('DeathTypeExclude').optional(),
    Measurement: Valued('MeasurementTypeExclude').optional(),
    Observation: Valued('ObservationTypeExclude').optional(),
  })
  .refine((criteria) => Object.values(criteria).filter((each) => each !== undefined).length === 1, {
    error: 'a criterion is of exactly one of the domains that are covered',
  });
export type CriteriaBody = z.infer<ReturnType<typeof Valued>>;

const Bound = z.strictObject({ Days: whole.nullish(), Coeff: z.union([z.literal(1), z.literal(-1)]) });
const Window = z.strictObject({ Start: Bound, End: Bound, UseEventEnd: off('UseEventEnd'), UseIndexEnd: off('UseIndexEnd') });
const Correlated = z.strictObject({
  Criteria,
  StartWindow: Window,
  EndWindow: z.null().optional(),
  RestrictVisit: off('RestrictVisit'),
  IgnoreObservationPeriod: z.boolean().nullish(),
  /** 0 exactly, 1 at most, 2 at least. */
  Occurrence: z.strictObject({
    Type: z.union([z.literal(0), z.literal(1), z.literal(2)]),
    Count: z.int().min(0),
    IsDistinct: off('IsDistinct'),
  }),
});
const Demographic = z.strictObject({ Age: NumberRange.nullish(), Gender: z.array(ConceptRef).nullish() });

export interface Group {
  readonly Type: 'ALL' | 'ANY' | 'AT_LEAST' | 'AT_MOST';
  readonly Count?: number | null | undefined;
  readonly CriteriaList: readonly z.infer<typeof Correlated>[];
  readonly DemographicCriteriaList: readonly z.infer<typeof Demographic>[];
  readonly Groups: readonly Group[];
}
export type CorrelatedCriteria = z.infer<typeof Correlated>;
export type DemographicCriteria = z.infer<typeof Demographic>;

const GroupSchema: z.ZodType<Group> = z.strictObject({
  Type: z.enum(['ALL', 'ANY', 'AT_LEAST', 'AT_MOST']),
  Count: z.int().min(0).nullish(),
  CriteriaList: z.array(Correlated).default([]),
  DemographicCriteriaList: z.array(Demographic).default([]),
  get Groups() {
    return z.array(GroupSchema).default([]);
  },
});

const Limit = z.strictObject({ Type: z.enum(['First', 'Last', 'All']) });

const Expression = z.strictObject({
  cdmVersionRange: z.string().nullish(),
  ConceptSets: z.array(
    z.looseObject({
      id: z.int(),
      expression: z.strictObject({
        items: z.array(
          z.strictObject({
            concept: ConceptRef,
            isExcluded: z.boolean().nullish(),
            includeDescendants: z.boolean().nullish(),
            includeMapped: off('includeMapped'),
          }),
        ),
      }),
    }),
  ),
  PrimaryCriteria: z.strictObject({
    CriteriaList: z.array(Criteria).min(1),
    ObservationWindow: z.strictObject({ PriorDays: z.int().min(0), PostDays: z.int().min(0) }),
    PrimaryCriteriaLimit: Limit,
  }),
  AdditionalCriteria: GroupSchema.nullish(),
  QualifiedLimit: Limit.default({ Type: 'First' }),
  ExpressionLimit: Limit.default({ Type: 'First' }),
  InclusionRules: z.array(z.strictObject({ name: z.string(), description: z.string().nullish(), expression: GroupSchema })).default([]),
  EndStrategy: z.strictObject({ DateOffset: z.strictObject({ DateField: z.enum(['StartDate', 'EndDate']), Offset: whole }) }).nullish(),
  CensoringCriteria: none,
  CollapseSettings: z.strictObject({ CollapseType: z.literal('ERA'), EraPad: z.int().min(0) }).default({ CollapseType: 'ERA', EraPad: 0 }),
  CensorWindow: none,
});
export type CohortExpression = z.infer<typeof Expression>;

/** Constructs of ATLAS that are refused, by name. */
export const NOT_COVERED: readonly string[] = [
  'criteria of VisitDetail, Specimen, ObservationPeriod, DoseEra, PayerPlanPeriod, LocationRegion',
  'attributes of criteria other than CodesetId, First, OccurrenceStartDate, Age, Gender, and ValueAsNumber and Unit of Measurement and Observation',
  'nested criteria (CorrelatedCriteria within a criterion)',
  'includeMapped in concept sets',
  'EndWindow, UseEventEnd, UseIndexEnd, RestrictVisit, IsDistinct',
  'EndStrategy.CustomEra',
  'CensoringCriteria, CensorWindow',
];

const MOST_TOLD = 20;

/** Returns a definition; each part that is wrong or not covered is a problem with its path. */
export function readCohort(value: unknown): Result<CohortExpression> {
  const read = Expression.safeParse(value);
  if (!read.success) {
    // What is not covered comes before what is missing because of it.
    const issues = read.error.issues.toSorted((a, b) => Number(b.code === 'unrecognized_keys') - Number(a.code === 'unrecognized_keys'));
    const problems = issues.slice(0, MOST_TOLD).map((issue) => {
      const names = 'keys' in issue && Array.isArray(issue.keys) ? issue.keys : [];
      const what = names.length > 0 ? `${names.join(', ')} is not covered` : issue.message;
      return problem('cohort-not-covered', { reason: what }, [...issue.path, ...names.slice(0, 1)].join('.') || 'the definition');
    });
    return failure(...problems);
  }
  const known = new Set(read.data.ConceptSets.map(({ id }) => id));
  const wrong = codesetsOf(read.data).find((id) => !known.has(id));
  if (wrong !== undefined) return failure(problem('cohort-no-concept-set', { id: wrong }));
  return success(read.data);
}

/** Returns the one domain of a criterion and what is asked of it; undefined when there is none or more than one. */
export function criterionOf(criteria: z.infer<typeof Criteria>): readonly [CriteriaDomain, CriteriaBody] | undefined {
  const found = CRITERIA_DOMAINS.flatMap((domain): readonly (readonly [CriteriaDomain, CriteriaBody])[] => {
    const body = criteria[domain];
    return body === undefined ? [] : [[domain, body]];
  });
  return found.length === 1 ? found[0] : undefined;
}

function codesetsOf(expression: CohortExpression): readonly number[] {
  const ofGroup = (group: Group): readonly number[] => [
    ...group.CriteriaList.flatMap((each) => criterionOf(each.Criteria)?.[1].CodesetId ?? []),
    ...group.Groups.flatMap(ofGroup),
  ];
  return [
    ...expression.PrimaryCriteria.CriteriaList.flatMap((each) => criterionOf(each)?.[1].CodesetId ?? []),
    ...(expression.AdditionalCriteria ? ofGroup(expression.AdditionalCriteria) : []),
    ...expression.InclusionRules.flatMap((rule) => ofGroup(rule.expression)),
  ];
}
