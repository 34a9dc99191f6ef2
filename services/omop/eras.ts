import { addDays, daysBetween } from './dates.ts';

/** One exposure to an ingredient, or one occurrence of a condition: dates 'YYYY-MM-DD', `end` not before `start`. */
export interface Spell {
  readonly start: string;
  readonly end: string;
}

export interface Era extends Spell {
  /** How many spells it was made of. */
  readonly count: number;
  /** Days of the era that no spell covers. */
  readonly gapDays: number;
}

/** Two spells this many days apart, or fewer, belong to one era. */
export const PERSISTENCE_DAYS = 30;

interface Joined extends Spell {
  readonly count: number;
  readonly covered: number;
}

/**
 * Returns the eras of one ingredient or condition of one person in order (omop-rules 62 and 63, OHDSI's published script without
 * stockpiling): overlapping spells are merged first, then what is at most 30 days apart. The plain form that the database's SQL is
 * compared with (https://ohdsi.github.io/CommonDataModel/sqlScripts.html).
 */
export function erasOf(spells: readonly Spell[]): readonly Era[] {
  const merged = joined(
    spells.map((each) => ({ ...each, count: 1, covered: daysBetween(each.start, each.end) })),
    0,
    (start, end) => daysBetween(start, end),
  );
  return joined(merged, PERSISTENCE_DAYS).map(({ start, end, count, covered }) => ({
    start,
    end,
    count,
    gapDays: daysBetween(start, end) - covered,
  }));
}

/** Joins neighbours at most `apart` days from each other; `coveredBy` says what a merged one covers, else it is the sum of its parts. */
function joined(parts: readonly Joined[], apart: number, coveredBy?: (start: string, end: string) => number): readonly Joined[] {
  const out: Joined[] = [];
  for (const part of [...parts].sort((a, b) => (a.start < b.start ? -1 : a.start > b.start ? 1 : 0))) {
    const last = out.at(-1);
    if (last === undefined || part.start > addDays(last.end, apart)) out.push(part);
    else {
      const end = part.end > last.end ? part.end : last.end;
      const covered = coveredBy?.(last.start, end) ?? last.covered + part.covered;
      out.splice(-1, 1, { start: last.start, end, count: last.count + part.count, covered });
    }
  }
  return out;
}
