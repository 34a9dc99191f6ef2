/** Which visits of one person are one stay (omop-rules 34). */

/** A visit as its resource states it. Dates are 'YYYY-MM-DD', times 'YYYY-MM-DD HH:MM:SS'. */
export interface StatedVisit {
  readonly id: number;
  /** Orders what begins together: numbers depend on what came first, names do not. */
  readonly name: string;
  readonly conceptId: number;
  readonly start: string;
  readonly startTime: string | undefined;
  readonly end: string;
  readonly endTime: string | undefined;
  /** The source states no end: the date of the data was taken (rule 33). */
  readonly isEndAssumed: boolean;
}

export interface JoinedStay {
  /** The visit that stays one; all others become its visit_details. */
  readonly whole: number;
  /** All that are one, the whole among them, as they begin. */
  readonly members: readonly number[];
  /** What begins first: the whole's start and where it was admitted from are this one's. */
  readonly first: number;
  /** What ends last: the whole's end and where it was discharged to are this one's. */
  readonly last: number;
  readonly conceptId: number;
}

/** Choices of the option 'overlapping-stays'; its default comes first. */
export const STAY_CHOICES = ['hospital', 'all', 'as-stated'] as const;
export type StayChoice = (typeof STAY_CHOICES)[number];

const [EMERGENCY, INPATIENT, EMERGENCY_AND_INPATIENT] = [9203, 9201, 262];
/** Stays outside hospitals: each kind is joined with its own. */
const INSTITUTIONS: ReadonlySet<number> = new Set([42898160, 8546, 8676]);

const isInpatient = ({ conceptId }: StatedVisit): boolean => conceptId === INPATIENT || conceptId === EMERGENCY_AND_INPATIENT;
const isEmergency = ({ conceptId }: StatedVisit): boolean => conceptId === EMERGENCY;

/** Nobody knows that a stay without an end still goes on: by its assumed days it is one with none. */
const knownEnd = ({ start, end, isEndAssumed }: StatedVisit): string => (isEndAssumed ? start : end);
const hasDays = (visit: StatedVisit): boolean => knownEnd(visit) > visit.start;

/** Where no time is known an emergency comes first that day, and what it may lead to last. */
const begins = (visit: StatedVisit): string => visit.startTime ?? `${visit.start} ${isInpatient(visit) ? '24' : '00'}:00:00`;

const byStart = (a: StatedVisit, b: StatedVisit): number =>
  compared(a.start, b.start) ||
  compared(begins(a), begins(b)) ||
  Number(isInpatient(a)) - Number(isInpatient(b)) ||
  compared(a.name, b.name);
const byEnd = (a: StatedVisit, b: StatedVisit): number =>
  compared(a.end, b.end) || compared(a.endTime ?? '', b.endTime ?? '') || byStart(a, b);
const compared = (a: string, b: string): number => (a < b ? -1 : Number(a > b));

/** Emergencies are of the hospital's kind. */
const kindOf = (visit: StatedVisit): number => (isEmergency(visit) || isInpatient(visit) ? INPATIENT : visit.conceptId);

/**
 * Returns the stays of one person that consist of several visits, however the visits are ordered. Visits are one where
 * - they last several days each and share more than the day that one ends and the other begins, and, unless the choice is 'all', are of one kind:
 *   hospital stays and emergencies, or the same institution outside hospitals;
 * - an emergency is followed, no later than the day that it ends, by an inpatient stay: the first that begins no earlier than it;
 * - whatever else lasts several days lies within a hospital stay.
 * With 'as-stated' there are none.
 */
export function joinedStays(visits: readonly StatedVisit[], choice: StayChoice): readonly JoinedStay[] {
  if (choice === 'as-stated') return [];
  const sorted = visits.toSorted(byStart);
  if (choice === 'all') return groupsOf(sorted, sorted).flatMap((core) => joined(core, [], choice));
  const hospital = groupsOf(
    sorted.filter((visit) => kindOf(visit) === INPATIENT),
    sorted,
  );
  const inside = absorbed(sorted, hospital);
  const others = Map.groupBy(
    sorted.filter((visit) => INSTITUTIONS.has(visit.conceptId) && !inside.has(visit)),
    kindOf,
  );
  return [
    ...hospital.flatMap((core) => {
      const parts = sorted.filter((visit) => inside.get(visit) === core);
      return joined(core, parts, choice);
    }),
    ...[...others.values()].flatMap((ofKind) => groupsOf(ofKind, []).flatMap((core) => joined(core, [], choice))),
  ];
}

/** Returns the visits in groups of what is one; `sorted` are the person's, among which an emergency finds the stay that it led to. */
function groupsOf(visits: readonly StatedVisit[], sorted: readonly StatedVisit[]): readonly (readonly StatedVisit[])[] {
  const groups = new Groups();
  joinOverlapping(visits.filter(hasDays), groups);
  joinEmergencies(sorted, groups);
  return groups.all(visits);
}

/** Visits in the order of their starts: each is one with what goes on when it begins. */
function joinOverlapping(visits: readonly StatedVisit[], groups: Groups): void {
  let longest: StatedVisit | undefined;
  for (const visit of visits) {
    if (longest !== undefined && visit.start < knownEnd(longest)) groups.join(longest, visit);
    if (longest === undefined || knownEnd(visit) > knownEnd(longest)) longest = visit;
  }
}

function joinEmergencies(sorted: readonly StatedVisit[], groups: Groups): void {
  let next: StatedVisit | undefined;
  for (const visit of sorted.toReversed()) {
    if (isInpatient(visit)) next = visit;
    else if (isEmergency(visit) && next !== undefined && next.start <= visit.end) groups.join(visit, next);
  }
}

/** Returns the visits of several days that lie within a hospital stay of another kind, with that stay. */
function absorbed(
  sorted: readonly StatedVisit[],
  hospital: readonly (readonly StatedVisit[])[],
): ReadonlyMap<StatedVisit, readonly StatedVisit[]> {
  const found = new Map<StatedVisit, readonly StatedVisit[]>();
  const core = new Set(hospital.flat());
  const others = sorted.filter((visit) => hasDays(visit) && !core.has(visit));
  if (others.length === 0) return found;
  const spans = hospital
    .map((members) => ({ members, from: members[0]?.start ?? '', to: members.map(knownEnd).reduce((a, b) => (a > b ? a : b), '') }))
    .filter(({ from, to }) => to > from);
  let at = 0;
  for (const visit of others) {
    // In the order of their starts; they share no more than the day that one ends and the next begins.
    while ((spans[at]?.to ?? '9') <= visit.start) at += 1;
    const span = spans[at];
    if (span !== undefined && visit.start >= span.from && knownEnd(visit) <= span.to) found.set(visit, span.members);
  }
  return found;
}

function joined(core: readonly StatedVisit[], parts: readonly StatedVisit[], choice: StayChoice): readonly JoinedStay[] {
  const [first] = core;
  if (first === undefined || core.length + parts.length < 2) return [];
  const whole = (choice === 'all' ? core.toSorted(byLength)[0] : core.find((visit) => !isEmergency(visit))) ?? first;
  const last = core.reduce((a, b) => (byEnd(a, b) < 0 ? b : a));
  const firstInpatient = core.find(isInpatient);
  const isLedTo =
    isInpatient(whole) && core.some((visit) => isEmergency(visit) && firstInpatient !== undefined && byStart(visit, firstInpatient) < 0);
  return [
    {
      whole: whole.id,
      members: [...core, ...parts].sort(byStart).map(({ id }) => id),
      first: first.id,
      last: last.id,
      conceptId: isLedTo ? EMERGENCY_AND_INPATIENT : whole.conceptId,
    },
  ];
}

const days = (visit: StatedVisit): number => (Date.parse(knownEnd(visit)) - Date.parse(visit.start)) / 86_400_000;
const byLength = (a: StatedVisit, b: StatedVisit): number => days(b) - days(a) || byStart(a, b);

/** Visits that are one, however long the chain that joins them. */
class Groups {
  readonly #above = new Map<StatedVisit, StatedVisit>();

  #top(visit: StatedVisit): StatedVisit {
    let top = visit;
    for (let above = this.#above.get(top); above !== undefined; above = this.#above.get(top)) {
      const higher = this.#above.get(above);
      if (higher !== undefined) this.#above.set(top, higher);
      top = above;
    }
    return top;
  }

  join(a: StatedVisit, b: StatedVisit): void {
    const [top, other] = [this.#top(a), this.#top(b)];
    if (top !== other) this.#above.set(other, top);
  }

  /** Returns the groups of `sorted`, each in its order; what is alone is a group too. */
  all(sorted: readonly StatedVisit[]): readonly (readonly StatedVisit[])[] {
    return [...Map.groupBy(sorted, (visit) => this.#top(visit)).values()];
  }
}
