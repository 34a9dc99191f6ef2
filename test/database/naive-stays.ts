/** Rule 34 as one would do it by hand: every pair of visits is looked at, again until nothing more is joined. No file of services/omop is used. */

/** A visit as it was sent. Days are 'YYYY-MM-DD'; `hour` is that of the start ('08'), undefined where only the day was sent. */
export interface NaiveVisit {
  readonly id: string;
  readonly person: string;
  readonly kind: 'IMP' | 'EMER' | 'OBSENC' | 'AMB' | 'NONAC' | 'VR';
  readonly start: string;
  readonly hour: string | undefined;
  /** Undefined: a stay that still goes on. */
  readonly end: string | undefined;
}

export interface NaiveStay {
  readonly whole: string;
  readonly members: readonly string[];
  readonly start: string;
  readonly end: string;
  readonly concept: number;
}

const CONCEPTS = { IMP: 9201, EMER: 9203, OBSENC: 262, AMB: 9202, NONAC: 42898160, VR: 722455 } as const;
const STAYING = ['IMP', 'OBSENC', 'NONAC'];
const inHospital = ({ kind }: NaiveVisit) => kind === 'IMP' || kind === 'EMER' || kind === 'OBSENC';
const inpatient = ({ kind }: NaiveVisit) => kind === 'IMP' || kind === 'OBSENC';

export const conceptOf = ({ kind }: NaiveVisit): number => CONCEPTS[kind];
/** The last day in the CDM. */
export const endOf = (visit: NaiveVisit, today: string): string =>
  visit.end ?? (STAYING.includes(visit.kind) && today > visit.start ? today : visit.start);
const known = (visit: NaiveVisit): string => visit.end ?? visit.start;
const lasts = (visit: NaiveVisit): boolean => known(visit) > visit.start;
const share = (a: NaiveVisit, b: NaiveVisit): boolean => lasts(a) && lasts(b) && a.start < known(b) && b.start < known(a);

/** What a visit's place in time is written as; a stay of unknown hour begins at the end of its day. */
const mark = (visit: NaiveVisit): string =>
  [visit.start, visit.hour ?? (inpatient(visit) ? '24' : '00'), inpatient(visit) ? 1 : 0, visit.id].join(' ');
const before = (a: NaiveVisit, b: NaiveVisit): boolean => mark(a) < mark(b);

/** The stay that an emergency led to. */
function ledTo(emergency: NaiveVisit, all: readonly NaiveVisit[]): NaiveVisit | undefined {
  const after = all.filter((visit) => inpatient(visit) && before(emergency, visit));
  const next = after.find((visit) => after.every((other) => other === visit || before(visit, other)));
  return emergency.kind === 'EMER' && next !== undefined && next.start <= known(emergency) ? next : undefined;
}

/** Returns the stays of one person that are several visits. */
export function naiveStays(all: readonly NaiveVisit[], choice: 'hospital' | 'all', today: string): readonly NaiveStay[] {
  const isOne = (a: NaiveVisit, b: NaiveVisit): boolean => {
    if (ledTo(a, all) === b || ledTo(b, all) === a) return true;
    return share(a, b) && (choice === 'all' || (inHospital(a) ? inHospital(b) : a.kind === b.kind && a.kind === 'NONAC'));
  };
  const stays: NaiveStay[] = [];
  const taken = new Set<NaiveVisit>();
  const gather = (among: readonly NaiveVisit[], absorbs: boolean): void => {
    for (const visit of among) {
      if (taken.has(visit)) continue;
      const group = new Set([visit]);
      for (let size = 0; size !== group.size; ) {
        size = group.size;
        for (const other of among) if (!taken.has(other) && [...group].some((member) => isOne(member, other))) group.add(other);
      }
      for (const member of group) taken.add(member);
      const parts = absorbs ? all.filter((other) => !inHospital(other) && lasts(other) && isWithin(other, [...group])) : [];
      for (const part of parts) taken.add(part);
      if (group.size + parts.length > 1) stays.push(stayOf([...group], parts, choice, today));
    }
  };
  if (choice === 'hospital') gather(all.filter(inHospital), true);
  gather(all, false);
  return stays;
}

const isWithin = (visit: NaiveVisit, group: readonly NaiveVisit[]): boolean =>
  group.some((each) => each.start <= visit.start) && group.some((each) => known(each) >= known(visit));

function stayOf(group: readonly NaiveVisit[], parts: readonly NaiveVisit[], choice: string, today: string): NaiveStay {
  const ordered = [...group].sort((a, b) => (before(a, b) ? -1 : 1));
  const length = (visit: NaiveVisit): number => Date.parse(known(visit)) - Date.parse(visit.start);
  const longest = Math.max(...group.map(length));
  const whole = ordered.find((visit) => (choice === 'all' ? length(visit) === longest : visit.kind !== 'EMER')) ?? ordered[0];
  const [first] = ordered;
  const admitted = ordered.find(inpatient);
  if (whole === undefined || first === undefined) throw new Error('an empty group');
  const isLedTo = inpatient(whole) && ordered.some((visit) => visit.kind === 'EMER' && admitted !== undefined && before(visit, admitted));
  return {
    whole: whole.id,
    members: [...group, ...parts].map(({ id }) => id).sort(),
    start: first.start,
    end:
      group
        .map((visit) => endOf(visit, today))
        .sort()
        .at(-1) ?? '',
    concept: isLedTo ? 262 : conceptOf(whole),
  };
}
