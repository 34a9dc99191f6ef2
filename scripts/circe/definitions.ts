/** Random cohort definitions over what a CDM holds, each around one criterion that our compiler covers. */
import { CRITERIA_DOMAINS, type CriteriaDomain } from '../../services/omop/cohort-expression.ts';
import type { Chance } from '../simulator/chance.ts';

/** Concepts that stand in the tables of each domain; of domains without rows none. */
export type Concepts = Readonly<Partial<Record<CriteriaDomain, readonly number[]>>>;

const OPS = ['lt', 'lte', 'eq', 'gt', 'gte', 'bt', '!bt'] as const;
const EXCLUDES: Readonly<Record<CriteriaDomain, string>> = {
  ConditionOccurrence: 'ConditionTypeExclude',
  ConditionEra: '',
  DrugExposure: 'DrugTypeExclude',
  DrugEra: '',
  ProcedureOccurrence: 'ProcedureTypeExclude',
  DeviceExposure: 'DeviceTypeExclude',
  VisitOccurrence: 'VisitTypeExclude',
  Death: 'DeathTypeExclude',
  Measurement: 'MeasurementTypeExclude',
  Observation: 'ObservationTypeExclude',
};

const range = (chance: Chance, low: number, high: number): object => {
  const Value = chance.between(low, high);
  const Op = chance.pick(OPS);
  return { Value, Op, ...(Op.endsWith('bt') ? { Extent: Value + chance.between(0, high - low) } : {}) };
};

function dates(chance: Chance): object {
  const year = chance.between(1985, 2020);
  const Op = chance.pick(OPS);
  return {
    Value: `${year}-0${chance.between(1, 9)}-15`,
    Op,
    ...(Op.endsWith('bt') ? { Extent: `${year + chance.between(0, 9)}-12-31` } : {}),
  };
}

/** Returns a criterion; `named`: how often it names a concept set. */
function criterion(chance: Chance, domain: CriteriaDomain, set: number | undefined): object {
  const isValued = domain === 'Measurement' || domain === 'Observation';
  const isEra = domain.endsWith('Era');
  const begin = isEra ? undefined : 'OccurrenceStartDate';
  return {
    [domain]: {
      ...(set === undefined ? {} : { CodesetId: set }),
      ...(chance.happens(0.4) ? { First: true } : {}),
      ...(begin !== undefined && chance.happens(0.4) ? { [begin]: dates(chance) } : {}),
      ...(!isEra && chance.happens(0.4) ? { Age: range(chance, 1, 90) } : {}),
      ...(chance.happens(0.3) ? { Gender: [{ CONCEPT_ID: chance.pick([8507, 8532]), CONCEPT_NAME: '' }] } : {}),
      ...(isValued && chance.happens(0.4) ? { ValueAsNumber: range(chance, 1, 150) } : {}),
      ...(EXCLUDES[domain] === '' ? {} : { [EXCLUDES[domain]]: false }),
    },
  };
}

const bound = (chance: Chance): object => ({
  ...(chance.happens(0.8) ? { Days: chance.between(0, 900) } : {}),
  Coeff: chance.pick([-1, 1]),
});

/** Returns a definition whose first criterion is of this domain. */
export function definitionOf(chance: Chance, domain: CriteriaDomain, concepts: Concepts): object {
  const there = CRITERIA_DOMAINS.filter((each) => (concepts[each]?.length ?? 0) > 0);
  const sets: object[] = [];
  const setOf = (of: CriteriaDomain): number | undefined => {
    const ids = concepts[of] ?? [];
    if (ids.length === 0 || chance.happens(0.15)) return undefined;
    const items = Array.from({ length: chance.between(1, 4) }, (_, i) => ({
      concept: { CONCEPT_ID: ids[chance.below(ids.length)] ?? 0, CONCEPT_NAME: '' },
      isExcluded: i > 0 && chance.happens(0.2),
      includeDescendants: chance.happens(0.5),
      includeMapped: false,
    }));
    sets.push({ id: sets.length, name: `set ${sets.length}`, expression: { items } });
    return sets.length - 1;
  };
  const one = (of: CriteriaDomain): object => criterion(chance, of, setOf(of));
  const any = (): CriteriaDomain => there[chance.below(there.length)] ?? domain;
  const correlated = (): object => ({
    Criteria: one(any()),
    StartWindow: { Start: bound(chance), End: bound(chance), UseEventEnd: false },
    Occurrence: { Type: chance.pick([0, 1, 2]), Count: chance.between(0, 2) },
    ...(chance.happens(0.3) ? { IgnoreObservationPeriod: true } : {}),
  });
  const group = (depth: number): object => ({
    Type: chance.pick(['ALL', 'ANY', 'AT_LEAST', 'AT_MOST']),
    Count: chance.between(1, 2),
    CriteriaList: Array.from({ length: chance.between(1, 2) }, correlated),
    DemographicCriteriaList: chance.happens(0.4) ? [{ Age: range(chance, 5, 80) }] : [],
    Groups: depth > 0 && chance.happens(0.3) ? [group(depth - 1)] : [],
  });
  const limit = (): object => ({ Type: chance.pick(['First', 'Last', 'All']) });
  const first = [one(domain), ...(chance.happens(0.3) ? [one(any())] : [])];
  const additional = chance.happens(0.4) ? group(1) : undefined;
  const rules = Array.from({ length: chance.between(0, 2) }, (_, i) => ({ name: `rule ${i}`, expression: group(1) }));
  return {
    ConceptSets: sets,
    PrimaryCriteria: {
      CriteriaList: first,
      ObservationWindow: { PriorDays: chance.pick([0, 0, 90, 365]), PostDays: chance.pick([0, 0, 30]) },
      PrimaryCriteriaLimit: limit(),
    },
    ...(additional === undefined ? {} : { AdditionalCriteria: additional }),
    QualifiedLimit: limit(),
    ExpressionLimit: limit(),
    InclusionRules: rules,
    ...(chance.happens(0.4)
      ? { EndStrategy: { DateOffset: { DateField: chance.pick(['StartDate', 'EndDate']), Offset: chance.between(0, 400) } } }
      : {}),
    CensoringCriteria: [],
    CollapseSettings: { CollapseType: 'ERA', EraPad: chance.pick([0, 0, 30]) },
    CensorWindow: {},
  };
}
