import { addDays, daysBetween } from './dates.ts';
import { DAYS_AFTER_DEATH } from './death.ts';

/** A record of a person: dates 'YYYY-MM-DD', `end` not before `start`. Death is not an event. */
export interface PersonEvent {
  readonly start: string;
  readonly end?: string | undefined;
}

export interface Period {
  readonly start: string;
  readonly end: string;
}

export interface PeriodBounds {
  /** No period starts before birth (rule 60; the nine months before it for perinatal rows are not counted as observed). */
  readonly birth?: string | undefined;
  readonly death?: string | undefined;
  /** The date of the data: nothing is observed after it. */
  readonly pulled?: string | undefined;
  /** The system's first day: nothing is observed before it. */
  readonly goLive?: string | undefined;
}

/** A silence this long between two events closes a period. */
export const GAP_DAYS = 548;
/** How long after the last event a person still counts as observed. */
export const TAIL_DAYS = 60;

const earliest = (...dates: readonly (string | undefined)[]): string => dates.filter((date) => date !== undefined).sort()[0] ?? '';

/**
 * Returns the observation periods of one person in order (omop-rules 60, Themis' convention for EHR data): never overlapping. The plain
 * form that the database's SQL is compared with. Events wholly outside the bounds make no period; they stay in their tables (rule 61).
 */
export function observationPeriods(events: readonly PersonEvent[], bounds: PeriodBounds = {}): readonly Period[] {
  const floor = [bounds.birth, bounds.goLive].reduce((a, b) => (a === undefined || (b !== undefined && b > a) ? b : a), undefined);
  const lastDay = bounds.death === undefined ? undefined : addDays(bounds.death, DAYS_AFTER_DEATH);
  const ceiling = lastDay === undefined ? bounds.pulled : earliest(lastDay, bounds.pulled);
  const spans = events
    .map(({ start, end }) => ({ start, end: end === undefined || end < start ? start : end }))
    .filter((span) => floor === undefined || span.end >= floor)
    .map((span) => ({ start: floor !== undefined && span.start < floor ? floor : span.start, end: span.end }))
    .filter((span) => ceiling === undefined || span.start <= ceiling)
    .sort((a, b) => (a.start < b.start ? -1 : a.start > b.start ? 1 : 0));
  const out: { start: string; end: string }[] = [];
  for (const span of spans) {
    const open = out.at(-1);
    if (open === undefined || daysBetween(open.end, span.start) >= GAP_DAYS) out.push({ ...span });
    else if (span.end > open.end) open.end = span.end;
  }
  return out.map((span) => ({ start: span.start, end: earliest(addDays(span.end, TAIL_DAYS), ceiling) }));
}
