import { daysInMonth, moment } from './dates.ts';

export interface Death {
  /** 'YYYY-MM-DD'. */
  readonly death_date: string;
  /** 'YYYY-MM-DD HH:MM:SS', null when no time is known. */
  readonly death_datetime: string | null;
  readonly imputed: 'nothing' | 'day' | 'month and day';
}

/**
 * Returns the date columns of death (omop-rules 29); undefined when `deceased` is no date: a death without a date makes no row.
 * A month alone means its last day, a year alone 31 December, so that no event of a living person falls after it. Nobody has died
 * after `asOf` ('YYYY-MM-DD', the day the data left its source): that is no realistic date.
 */
export function death(deceased: string | undefined, zone: string, asOf?: string): Death | undefined {
  const known = deceased === undefined ? undefined : moment(deceased, zone);
  if (known === undefined) return undefined;
  const { imputed, date } = known;
  if (asOf !== undefined && date > asOf) return undefined;
  const year = date.slice(0, 4);
  if (imputed === 'month and day') return { death_date: `${year}-12-31`, death_datetime: null, imputed };
  if (imputed === 'day') {
    const last = daysInMonth(Number(year), Number(date.slice(5, 7)));
    return { death_date: `${date.slice(0, 8)}${last}`, death_datetime: null, imputed };
  }
  return { death_date: date, death_datetime: known.datetime, imputed };
}

/** Activity later than this after a death says that the death is wrong (rule 30). */
export const DAYS_AFTER_DEATH = 60;
