/** Cohort definitions evaluated person by person, one event after the other: what the compiled statement is compared with. */
import { type CohortExpression, criterionOf, type Group } from '../../services/omop/cohort-expression.ts';

/** Days are whole numbers since 1970. */
export interface Event {
  readonly domain: string;
  readonly id: number;
  readonly concept: number;
  readonly start: number;
  readonly end: number;
  readonly value?: number;
}
export interface History {
  readonly person: number;
  readonly gender: number;
  readonly birthYear: number;
  readonly periods: readonly (readonly [number, number])[];
  readonly events: readonly Event[];
}
interface Candidate extends Event {
  readonly from: number;
  readonly to: number;
}

export const dateOf = (day: number): string => new Date(day * 86_400_000).toISOString().slice(0, 10);
const yearOf = (day: number): number => Number(dateOf(day).slice(0, 4));

interface Range {
  readonly Value: number | string;
  readonly Op: string;
  readonly Extent?: number | string | null | undefined;
}
function within(value: number | string | undefined, range: Range | null | undefined): boolean {
  if (!range) return true;
  if (value === undefined) return false;
  const other = range.Extent ?? range.Value;
  switch (range.Op) {
    case 'lt':
      return value < range.Value;
    case 'lte':
      return value <= range.Value;
    case 'gt':
      return value > range.Value;
    case 'gte':
      return value >= range.Value;
    case 'bt':
      return value >= range.Value && value <= other;
    case '!bt':
      return !(value >= range.Value && value <= other);
    default:
      return value === range.Value;
  }
}

/** Returns entries as 'person start end', in order. */
export function naiveCohort(
  expression: CohortExpression,
  histories: readonly History[],
  children: ReadonlyMap<number, readonly number[]>,
): readonly string[] {
  const sets = new Map(
    expression.ConceptSets.map(({ id, expression: { items } }) => {
      const all = (isExcluded: boolean) =>
        items
          .filter((item) => (item.isExcluded ?? false) === isExcluded)
          .flatMap(({ concept, includeDescendants }) => [
            concept.CONCEPT_ID,
            ...(includeDescendants ? (children.get(concept.CONCEPT_ID) ?? []) : []),
          ]);
      return [id, new Set(all(false).filter((concept) => !all(true).includes(concept)))];
    }),
  );
  return histories.flatMap((history) => ofPerson(expression, history, sets)).sort();
}

type Sets = ReadonlyMap<number, ReadonlySet<number>>;
const inOrder = (a: Event, b: Event): number => a.start - b.start || a.id - b.id;

function eventsOf(criteria: Parameters<typeof criterionOf>[0], history: History, sets: Sets): readonly Event[] {
  const [domain, body] = criterionOf(criteria) ?? [];
  if (body === undefined) return [];
  let found = history.events.filter(
    (event) => event.domain === domain && (body.CodesetId == null || sets.get(body.CodesetId)?.has(event.concept)),
  );
  found = found.toSorted(inOrder);
  if (body.First) found = found.slice(0, 1);
  return found.filter(
    (event) =>
      within(dateOf(event.start), body.OccurrenceStartDate) &&
      within(yearOf(event.start) - history.birthYear, body.Age) &&
      (!body.Gender?.length || body.Gender.some((each) => each.CONCEPT_ID === history.gender)) &&
      within(event.value, body.ValueAsNumber),
  );
}

function holds(group: Group, index: Candidate, history: History, sets: Sets): boolean {
  const tests = [
    ...group.CriteriaList.map(({ Criteria, StartWindow: { Start, End }, Occurrence, IgnoreObservationPeriod }) => {
      const bound = ({ Days, Coeff }: typeof Start, open: number): number => {
        if (Days != null) return index.start + Days * Coeff;
        return IgnoreObservationPeriod ? open : Coeff === -1 ? index.from : index.to;
      };
      const count = eventsOf(Criteria, history, sets).filter(
        ({ start }) =>
          (IgnoreObservationPeriod || (start >= index.from && start <= index.to)) &&
          start >= bound(Start, Number.NEGATIVE_INFINITY) &&
          start <= bound(End, Number.POSITIVE_INFINITY),
      ).length;
      return Occurrence.Type === 0
        ? count === Occurrence.Count
        : Occurrence.Type === 1
          ? count <= Occurrence.Count
          : count >= Occurrence.Count;
    }),
    ...group.DemographicCriteriaList.map(
      ({ Age, Gender }) =>
        within(yearOf(index.start) - history.birthYear, Age) &&
        (!Gender?.length || Gender.some((each) => each.CONCEPT_ID === history.gender)),
    ),
    ...group.Groups.map((each) => holds(each, index, history, sets)),
  ];
  if (tests.length === 0) return true;
  const count = tests.filter(Boolean).length;
  const needed = group.Count ?? 0;
  if (group.Type === 'ALL') return count === tests.length;
  if (group.Type === 'ANY') return count > 0;
  return group.Type === 'AT_LEAST' ? count >= needed : count <= needed;
}

const limited = (events: readonly Candidate[], type: 'First' | 'Last' | 'All'): readonly Candidate[] => {
  const sorted = events.toSorted((a, b) => (type === 'Last' ? b.start - a.start : a.start - b.start) || a.id - b.id || a.end - b.end);
  return type === 'All' ? sorted : sorted.slice(0, 1);
};

function ofPerson(expression: CohortExpression, history: History, sets: Sets): readonly string[] {
  const { PrimaryCriteria, AdditionalCriteria, QualifiedLimit, ExpressionLimit, InclusionRules, EndStrategy, CollapseSettings } =
    expression;
  const { PriorDays, PostDays } = PrimaryCriteria.ObservationWindow;
  const candidates = PrimaryCriteria.CriteriaList.flatMap((each) => eventsOf(each, history, sets)).flatMap((event) =>
    history.periods
      .filter(([from, to]) => event.start >= from + PriorDays && event.start + PostDays <= to)
      .map(([from, to]) => ({ ...event, from, to })),
  );
  let events = limited(candidates, PrimaryCriteria.PrimaryCriteriaLimit.Type);
  if (AdditionalCriteria)
    events = limited(
      events.filter((event) => holds(AdditionalCriteria, event, history, sets)),
      QualifiedLimit.Type,
    );
  events = limited(
    events.filter((event) => InclusionRules.every((rule) => holds(rule.expression, event, history, sets))),
    ExpressionLimit.Type,
  );
  const offset = EndStrategy?.DateOffset;
  const entries = events
    .map(({ start, end, to }): [number, number] => {
      const wanted = offset === undefined ? to : Math.min(to, (offset.DateField === 'StartDate' ? start : end) + offset.Offset);
      return [start, Math.max(start, wanted)];
    })
    .sort((a, b) => a[0] - b[0] || a[1] - b[1]);
  const eras: [number, number][] = [];
  for (const [start, end] of entries) {
    const last = eras.at(-1);
    if (last === undefined || start > last[1] + CollapseSettings.EraPad) eras.push([start, end]);
    else last[1] = Math.max(last[1], end);
  }
  return eras.map(([start, end]) => `${history.person} ${dateOf(start)} ${dateOf(end)}`);
}
