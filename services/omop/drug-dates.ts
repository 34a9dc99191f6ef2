import { addDays } from './dates.ts';

/** What a drug row comes from: it decides how a missing end is derived. */
export const EXPOSURES = ['prescription', 'mail-order', 'dispense', 'administration', 'immunization', 'statement'] as const;
export type Exposure = (typeof EXPOSURES)[number];

export interface DrugPeriod {
  readonly exposure: Exposure;
  /** 'YYYY-MM-DD'. */
  readonly start: string;
  /** 'YYYY-MM-DD', only when the source says it. */
  readonly end?: string | undefined;
  /** Whole days, verbatim from the source. */
  readonly daysSupply?: number | undefined;
  readonly quantity?: number | undefined;
  /** In the unit of `quantity`. */
  readonly dailyDose?: number | undefined;
}

export interface DrugEnd {
  /** 'YYYY-MM-DD', never before the start. */
  readonly end: string;
  readonly from:
    | 'source'
    | 'days_supply'
    | 'quantity'
    | 'start'
    | 'prescription'
    | 'mail order'
    | 'start, as the source ends before it starts';
}

/** Returns the end of a drug exposure by the first of rule 42's steps that applies. */
export function drugEnd(period: DrugPeriod): DrugEnd {
  const { start, end, daysSupply, quantity, dailyDose, exposure } = period;
  if (end !== undefined) return end >= start ? { end, from: 'source' } : { end: start, from: 'start, as the source ends before it starts' };
  if (daysSupply !== undefined && daysSupply > 0) return { end: addDays(start, daysSupply - 1), from: 'days_supply' };
  if (quantity !== undefined && quantity > 0 && dailyDose !== undefined && dailyDose > 0) {
    return { end: addDays(start, Math.max(Math.ceil(quantity / dailyDose), 1) - 1), from: 'quantity' };
  }
  if (exposure === 'mail-order') return { end: addDays(start, 89), from: 'mail order' };
  if (exposure === 'prescription') return { end: addDays(start, 29), from: 'prescription' };
  return { end: start, from: 'start' };
}

/** UCUM units of a supply that are whole days, and the words senders write for them. */
const DAYS: Readonly<Record<string, number>> = { d: 1, day: 1, days: 1, wk: 7, week: 7, weeks: 7 };

/**
 * Returns days_supply from a duration (rule 43): whole days as the source gives them, weeks as seven days each; undefined for anything
 * not positive, not whole or in months, which have no fixed number of days. It is never computed from a quantity.
 */
export function daysSupply(value: number | undefined, unit: string | undefined): number | undefined {
  const days = value === undefined ? undefined : value * (DAYS[unit ?? 'd'] ?? Number.NaN);
  return days !== undefined && Number.isInteger(days) && days > 0 ? days : undefined;
}

/** Hours of FHIR's units of time (http://hl7.org/fhir/R4/valueset-units-of-time.html) that have a fixed length. */
const UNIT_HOURS: Readonly<Record<string, number>> = { min: 1 / 60, h: 1, d: 24, wk: 168 };

/** Returns how much is taken a day by Timing.repeat's frequency per period; undefined when one of them is missing or not fixed. */
export function dailyDose(
  dose: number | undefined,
  repeat: { readonly frequency?: number | undefined; readonly period?: number | undefined; readonly periodUnit?: string | undefined },
): number | undefined {
  const hours = UNIT_HOURS[repeat.periodUnit ?? ''];
  if (dose === undefined || hours === undefined || repeat.period === undefined || repeat.period <= 0) return undefined;
  return (dose * (repeat.frequency ?? 1) * 24) / (repeat.period * hours);
}
