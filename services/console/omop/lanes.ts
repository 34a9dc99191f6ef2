/** How a person's time is laid out: lanes by domain, days as numbers, what is in sight. Pure. */
import type { TimelineEvent } from '../../database/cdm/person-timeline.ts';

export interface Lane {
  readonly table: string;
  readonly title: string;
  readonly events: readonly PlacedEvent[];
  /** Rows of marks above each other. */
  readonly depth: number;
}

export interface PlacedEvent {
  readonly event: TimelineEvent;
  /** Days since 1970. */
  readonly from: number;
  readonly to: number;
  readonly level: number;
}

/** What is in sight: days since 1970. */
export interface Window {
  readonly from: number;
  readonly to: number;
}

const TITLES: Readonly<Record<string, string>> = {
  visit_occurrence: 'Visits',
  visit_detail: 'Visit details',
  condition_occurrence: 'Conditions',
  drug_exposure: 'Drugs',
  procedure_occurrence: 'Procedures',
  device_exposure: 'Devices',
  measurement: 'Measurements',
  observation: 'Observations',
  specimen: 'Specimens',
  note: 'Notes',
};
/** Deeper lanes would hide the others: what overlaps beyond it shares a row. */
const MOST_LEVELS = 4;

export const laneTitle = (table: string): string => TITLES[table] ?? table;

/** Returns days since 1970 of 'YYYY-MM-DD'. */
export const dayOf = (date: string): number => Math.floor(Date.parse(`${date.slice(0, 10)}T00:00:00Z`) / 86_400_000);

export const dateOfDay = (day: number): string => new Date(Math.round(day) * 86_400_000).toISOString().slice(0, 10);

/** Returns the lanes that have events, in the order of `TITLES`; marks that would overlap in `window` stand above each other. */
export function lanesOf(events: readonly TimelineEvent[], window: Window): readonly Lane[] {
  const byTable = Map.groupBy(events, ({ table }) => table);
  // A mark is never narrower than this share of what is in sight.
  const least = (window.to - window.from) / 160;
  return Object.keys(TITLES).flatMap((table) => {
    const own = byTable.get(table);
    return own === undefined ? [] : [laneOf(table, own, least)];
  });
}

function laneOf(table: string, events: readonly TimelineEvent[], least: number): Lane {
  const ends: number[] = [];
  const placed = events
    .map((event) => ({ event, from: dayOf(event.start), to: Math.max(dayOf(event.end ?? event.start), dayOf(event.start)) + 1 }))
    .toSorted((a, b) => a.from - b.from || a.to - b.to)
    .map(({ event, from, to }) => {
      const free = ends.findIndex((end) => end <= from);
      const level = free >= 0 ? free : ends.length < MOST_LEVELS ? ends.length : ends.indexOf(Math.min(...ends));
      ends[level] = Math.max(ends[level] ?? 0, to, from + least);
      return { event, from, to, level };
    });
  return { table, title: laneTitle(table), events: placed, depth: Math.max(1, ends.length) };
}

/** Returns the window that shows everything. */
export function wholeWindow(
  events: readonly TimelineEvent[],
  periods: readonly { readonly start: string; readonly end: string }[],
): Window {
  const days = [...events, ...periods].flatMap(({ start, end }) => [dayOf(start), dayOf(end ?? start) + 1]);
  const from = Math.min(...days);
  const to = Math.max(...days);
  const margin = Math.max(1, (to - from) * 0.02);
  return days.length === 0 ? { from: 0, to: 1 } : { from: from - margin, to: to + margin };
}

const LEAST_DAYS = 3;

/** Returns the window nearer (factor below 1) or farther around a point, within the whole. */
export function zoomed(window: Window, factor: number, whole: Window, around = (window.from + window.to) / 2): Window {
  const width = Math.min(whole.to - whole.from, Math.max(LEAST_DAYS, (window.to - window.from) * factor));
  const share = (around - window.from) / (window.to - window.from);
  return within({ from: around - share * width, to: around + (1 - share) * width }, whole);
}

/** Returns the window moved by a share of itself, within the whole. */
export const moved = (window: Window, share: number, whole: Window): Window => {
  const by = (window.to - window.from) * share;
  return within({ from: window.from + by, to: window.to + by }, whole);
};

function within({ from, to }: Window, whole: Window): Window {
  const shift = Math.max(0, whole.from - from) - Math.max(0, to - whole.to);
  return { from: Math.max(whole.from, from + shift), to: Math.min(whole.to, to + shift) };
}

const tenths = (day: number): string => String(Math.round(day * 10) / 10);

/** Returns what an address says of a window: days since 1970, to a tenth; nothing for the whole. */
export const windowQuery = (window: Window, whole: Window): Readonly<Record<'from' | 'to', string | undefined>> =>
  window.from <= whole.from && window.to >= whole.to
    ? { from: undefined, to: undefined }
    : { from: tenths(window.from), to: tenths(window.to) };

/** Returns the window that an address names, within the whole; the whole where it names none. */
export function windowAt(from: string | null, to: string | null, whole: Window): Window {
  const [start, end] = [Number(from ?? ''), Number(to ?? '')];
  if (!from || !to || !(start < end)) return whole;
  const named = { from: Math.max(whole.from, start), to: Math.min(whole.to, end) };
  return named.to - named.from >= Math.min(LEAST_DAYS / 2, whole.to - whole.from) ? named : whole;
}

/** Returns days and their labels for an axis: years, months or days, at most about ten. */
export function ticksOf({ from, to }: Window): readonly { readonly day: number; readonly label: string }[] {
  const steps = [1, 2, 7, 14, 31, 61, 92, 183, 365.25, 730.5, 1826.25, 3652.5];
  const step = steps.find((each) => (to - from) / each <= 10) ?? 7305;
  if (step < 28) return range(Math.ceil(from / step) * step, to, step).map((day) => ({ day, label: dateOfDay(day) }));
  const months = Math.max(1, Math.round(step / 30.44));
  const first = new Date(from * 86_400_000);
  const start = Math.floor((first.getUTCFullYear() * 12 + first.getUTCMonth()) / months) * months;
  const found: { day: number; label: string }[] = [];
  for (let month = start; found.length < 40; month += months) {
    const day = Date.UTC(Math.floor(month / 12), month % 12) / 86_400_000;
    if (day > to) break;
    if (day >= from) found.push({ day, label: months >= 12 ? dateOfDay(day).slice(0, 4) : dateOfDay(day).slice(0, 7) });
  }
  return found;
}

function range(from: number, to: number, step: number): readonly number[] {
  return Array.from({ length: Math.max(0, Math.floor((to - from) / step) + 1) }, (_, n) => from + n * step);
}
