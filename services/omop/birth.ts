import { moment } from './dates.ts';

/** What person stores of a birth date (omop-rules 22, 24). */
export interface Birth {
  readonly year_of_birth: number;
  readonly month_of_birth: number | null;
  readonly day_of_birth: number | null;
  /** 'YYYY-MM-DD HH:MM:SS'. */
  readonly birth_datetime: string;
  readonly imputed: 'nothing' | 'day' | 'month and day';
}

/** DQD's lowest plausible year of birth (plausibleValueLow of person.year_of_birth). */
const EARLIEST_YEAR = 1850;

export interface BirthOptions {
  /** IANA zone of the CDM's datetimes. */
  readonly zone: string;
  /** The dateTime of http://hl7.org/fhir/R4/extension-patient-birthtime.html. */
  readonly birthTime?: string | undefined;
  /** 'YYYY-MM-DD': nobody is born later. */
  readonly asOf?: string | undefined;
  /** 'YYYY-MM-DD': the person's earliest record, used when only its year is known as the year of birth. */
  readonly earliestRecord?: string | undefined;
}

/**
 * Returns the birth columns; undefined when no possible year of birth can be derived: then the person has no row (rule 22; a year is
 * never invented). Rule 24: day unknown -> the first of the month; month unknown -> the earliest record of that year, else 15 June;
 * imputed parts stay NULL in month_of_birth and day_of_birth and only birth_datetime carries them.
 */
export function birth(birthDate: string | undefined, options: BirthOptions): Birth | undefined {
  const known = birthDate === undefined ? undefined : moment(birthDate, options.zone);
  if (known === undefined) return undefined;
  const year = Number(known.date.slice(0, 4));
  if (year < EARLIEST_YEAR || (options.asOf !== undefined && known.date > options.asOf)) return undefined;
  const { imputed } = known;
  const month = imputed === 'month and day' ? null : Number(known.date.slice(5, 7));
  const day = imputed === 'nothing' ? Number(known.date.slice(8, 10)) : null;
  const earliest = options.earliestRecord?.startsWith(known.date.slice(0, 4)) ? options.earliestRecord : undefined;
  const date = month === null ? (earliest ?? `${known.date.slice(0, 4)}-06-15`) : known.date;
  const time = options.birthTime === undefined ? null : (moment(options.birthTime, options.zone)?.datetime ?? null);
  return {
    year_of_birth: year,
    month_of_birth: month,
    day_of_birth: day,
    birth_datetime: time ?? known.datetime ?? `${date} 00:00:00`,
    imputed,
  };
}
