/** FHIR's simple values as HL7v2 writes them (chapter 2A, https://www.hl7.eu/HL7v2x/v251/std251/ch02a.html), escaped. */
import { escapeText } from '../../hl7v2/escape.ts';
import type { Delimiters } from '../../hl7v2/message.ts';

export const DELIMITERS: Delimiters = { field: '|', component: '^', repetition: '~', escape: '\\', subcomponent: '&', truncation: '' };

/** A written value: text that is escaped already, or components (subcomponents) in order. */
export type Value = string | readonly (Value | undefined)[];

/** A value, or why HL7v2 cannot write it. */
export type Written = { readonly text: string } | { readonly reason: string };

const DATE = /^(\d{4})(?:-(\d\d)(?:-(\d\d))?)?$/;
const DATE_TIME = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d+))?(Z|[+-]\d\d:\d\d)$/;
const TIME = /^(\d\d):(\d\d)(?::(\d\d)(?:\.(\d+))?)?$/;
const NUMBER = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d{1,3}))?$/;

/** `.120000` as `.12`; undefined where four digits (DTM) do not say it. */
function fractionOf(digits: string | undefined): string | undefined {
  const plain = (digits ?? '').replace(/0+$/, '');
  return plain.length > 4 ? undefined : plain === '' ? '' : `.${plain}`;
}

const finer: Written = { reason: 'a time finer than a ten-thousandth of a second' };

/** A FHIR date, dateTime or instant as DT, DTM or TS, as precise as it is; of a DT only the date is taken when there is no time. */
function written(value: string, datatype: string): Written {
  const date = DATE.exec(value);
  if (date !== null) return { text: date.slice(1).join('') };
  const time = DATE_TIME.exec(value);
  if (time === null) return { reason: 'no date or time of FHIR' };
  if (datatype === 'DT') return { reason: 'a time of day where HL7v2 has a date only' };
  const fraction = fractionOf(time[7]);
  if (fraction === undefined) return finer;
  const offset = time[8] === 'Z' ? '+0000' : (time[8] ?? '').replace(':', '');
  return { text: `${time.slice(1, 7).join('')}${fraction}${offset}` };
}

function timeOfDay(value: string): Written {
  const time = TIME.exec(value);
  const fraction = fractionOf(time?.[4]);
  if (time === null) return { reason: 'no time of day' };
  return fraction === undefined ? finer : { text: `${time[1]}${time[2]}${time[3] ?? ''}${fraction}` };
}

/** NM knows no exponent: its digits are moved, none is lost. */
function numeric(value: string): Written {
  const parts = NUMBER.exec(value.trim());
  if (parts === null) return { reason: 'no number' };
  const [, sign = '', whole = '', fraction = '', exponent] = parts;
  if (exponent === undefined) return { text: value.trim() };
  const shift = Number(exponent);
  const digits = whole + fraction;
  const point = whole.length + shift;
  const padded = point <= 0 ? `${'0'.repeat(1 - point)}${digits}` : digits.padEnd(point, '0');
  const place = Math.max(point, 1);
  const text = padded.slice(place) === '' ? padded.slice(0, place) : `${padded.slice(0, place)}.${padded.slice(place)}`;
  return { text: `${sign}${text.replace(/^0+(?=\d)/, '')}` };
}

const TEMPORAL = new Set(['DT', 'DTM', 'TS']);
/** Line breaks are a command of formatted text; elsewhere they are characters. */
const FORMATTED = new Set(['FT', 'TX']);

/** Returns a FHIR value of a system type as a value of a simple HL7v2 datatype, escaped. */
export function primitive(value: unknown, datatype: string): Written {
  if (typeof value === 'boolean') return { text: value ? 'Y' : 'N' };
  const text = String(value);
  // Two quotes alone would delete what the receiver has.
  if (text === '""') return { reason: 'a text of two quotes, which in HL7v2 deletes' };
  const made = TEMPORAL.has(datatype)
    ? written(text, datatype)
    : datatype === 'TM'
      ? timeOfDay(text)
      : datatype === 'NM' || datatype === 'SI'
        ? numeric(text)
        : { text };
  if ('reason' in made) return made;
  const escaped = escapeText(made.text, DELIMITERS);
  return { text: FORMATTED.has(datatype) ? escaped.replaceAll('\\X0A\\', '\\.br\\') : escaped };
}

const SEPARATORS = [DELIMITERS.component, DELIMITERS.subcomponent];

/** Returns a value with the separators of its level between its parts, none after the last. */
export function textOfValue(value: Value | undefined, level = 0): string {
  if (value === undefined) return '';
  if (typeof value === 'string') return value;
  const parts = value.map((each) => textOfValue(each, level + 1));
  while (parts.at(-1) === '') parts.pop();
  return parts.join(SEPARATORS[level] ?? DELIMITERS.subcomponent);
}

/** True when a value says something. */
export const isValued = (value: Value | undefined): boolean => textOfValue(value) !== '';
