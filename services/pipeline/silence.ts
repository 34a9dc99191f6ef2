/**
 * Is a source quieter than it usually is? For each quarter of an hour of working days, Saturdays and Sundays it is known on which share of the
 * past days something came. The chance of a silence is the product of what is left of each quarter that has passed since the last message:
 * a source that never sends at night is not missed at night, and one that sends every quarter is missed within the hour.
 */
import { IANAZone } from 'luxon';
import type { DayKind, Habit } from '../database/journal/rhythm.ts';

export interface Silence {
  readonly source: string;
  /** Since the last message. */
  readonly seconds: number;
  /** How probable so long a silence is by habit: 1 to 0. */
  readonly chance: number;
  /** Days that the habit was learned from; below `LEAST_DAYS` nothing is concluded. */
  readonly learnedDays: number;
  readonly isSilent: boolean;
}

export const WINDOW_DAYS = 28;
/** A habit needs a whole week. */
const LEAST_DAYS = 7;
const ALERT_BELOW = 1 / 1_000;
const QUARTER_MS = 900_000;
const DAY_MS = 86_400_000;

/** True when there were days enough to conclude anything. */
export const isLearned = ({ learnedDays }: Silence): boolean => learnedDays >= LEAST_DAYS;

/** YYYY-MM-DD of an instant in `timezone`, so many days later. */
export function localDay(at: Date, timezone: string, daysLater = 0): string {
  return new Date(wallOf(at.getTime(), IANAZone.create(timezone)) + daysLater * DAY_MS).toISOString().slice(0, 10);
}

const wallOf = (instantMs: number, zone: IANAZone): number => instantMs + zone.offset(instantMs) * 60_000;

function kindOf(wallMs: number): DayKind {
  const day = new Date(wallMs).getUTCDay();
  return day === 6 ? 1 : day === 0 ? 2 : 0;
}

/** Returns how silent a source is at `now` by a habit that was learned over the days before today's in `timezone`. A last message in the future counts as now. */
export function silenceOf(habit: Habit, last: Date, now: Date, timezone: string): Silence {
  const zone = IANAZone.create(timezone);
  const observed = observedDays(habit.firstDay, wallOf(now.getTime(), zone));
  const learnedDays = observed[0] + observed[1] + observed[2];
  const seconds = Math.max(0, (now.getTime() - last.getTime()) / 1000);
  let chance = 1;
  // The quarters of the last message and of now are not over: nothing follows from them.
  const first = Math.max(last.getTime(), now.getTime() - WINDOW_DAYS * DAY_MS);
  for (let quarter = Math.floor(first / QUARTER_MS) + 1; (quarter + 1) * QUARTER_MS <= now.getTime() && chance > 1e-12; quarter++) {
    const wall = wallOf(quarter * QUARTER_MS, zone);
    const kind = kindOf(wall);
    const days = habit.days.get(kind * 96 + Math.floor((wall % DAY_MS) / QUARTER_MS)) ?? 0;
    chance *= 1 - Math.min(days, observed[kind]) / (observed[kind] + 1);
  }
  return { source: habit.source, seconds, chance, learnedDays, isSilent: learnedDays >= LEAST_DAYS && chance < ALERT_BELOW };
}

/** Days of each kind from the first one until yesterday, at most those of the window. */
function observedDays(firstDay: string, wallNow: number): readonly [number, number, number] {
  const counts: [number, number, number] = [0, 0, 0];
  const today = Math.floor(wallNow / DAY_MS);
  const first = Math.max(Math.floor(Date.parse(`${firstDay}T00:00:00Z`) / DAY_MS), today - WINDOW_DAYS);
  for (let day = first; day < today; day++) counts[kindOf(day * DAY_MS)] += 1;
  return counts;
}

/** For people: how long, and how unusual by which habit. */
export function silenceText({ seconds, chance, learnedDays, isSilent }: Silence): string {
  const minutes = Math.floor(seconds / 60);
  const long = minutes < 120 ? `${minutes} min` : minutes < 2_880 ? `${Math.floor(minutes / 60)} h` : `${Math.floor(minutes / 1_440)} days`;
  if (learnedDays < LEAST_DAYS) return `${long}; its habit is not known yet (${learnedDays} of ${LEAST_DAYS} days)`;
  const odds = chance < 1e-6 ? 'less than 1 in a million' : `1 in ${Math.max(1, Math.round(1 / chance)).toLocaleString('en-GB')}`;
  return isSilent ? `SILENT for ${long}; by its habit of ${learnedDays} days the chance of that is ${odds}` : `${long}; usual`;
}
