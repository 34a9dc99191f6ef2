/** Dates as files write them: `MM/DD/YYYY`, `DD.MM.YYYY HH:mm:ss`. */

export interface DateForm {
  readonly pattern: RegExp;
  readonly parts: readonly string[];
}

const TOKENS: Readonly<Record<string, string>> = {
  YYYY: '(\\d{4})',
  MM: '(\\d{1,2})',
  DD: '(\\d{1,2})',
  HH: '(\\d{1,2})',
  mm: '(\\d{2})',
  ss: '(\\d{2})',
};

/** Returns the form that `text` describes; undefined when it has no year or holds other letters. */
export function dateForm(text: string): DateForm | undefined {
  if (text.length > 40) return undefined;
  const parts: string[] = [];
  let pattern = '';
  for (const [piece] of text.matchAll(/YYYY|MM|DD|HH|mm|ss|[^A-Za-z]|[A-Za-z]/g)) {
    const token = Object.hasOwn(TOKENS, piece) ? TOKENS[piece] : undefined;
    if (token !== undefined) parts.push(piece);
    else if (/[A-SU-Za-z]/.test(piece)) return undefined;
    pattern += token ?? piece.replace(/[.*+?^${}()|[\]\\/]/g, '\\$&');
  }
  const once = new Set(parts).size === parts.length;
  return once && parts.includes('YYYY') ? { pattern: new RegExp(`^${pattern}$`), parts } : undefined;
}

/** Returns the text as HL7v2 writes times (YYYYMMDD[HHMM[SS]]), which is then checked as all times are; undefined when it has another form. */
export function inForm(value: string, { pattern, parts }: DateForm): string | undefined {
  const found = pattern.exec(value.trim());
  if (found === null) return undefined;
  const of = (token: string): string => found[parts.indexOf(token) + 1]?.padStart(2, '0') ?? '';
  const has = (token: string): boolean => parts.includes(token);
  const date = `${of('YYYY')}${has('MM') ? of('MM') : ''}${has('MM') && has('DD') ? of('DD') : ''}`;
  return has('HH') && has('DD') ? `${date}${of('HH')}${has('mm') ? of('mm') : ''}${has('mm') && has('ss') ? of('ss') : ''}` : date;
}

const ISO = /^(\d{4})(?:-(\d{2})(?:-(\d{2})(?:[T ](\d{2}):(\d{2})(?::(\d{2})(\.\d{1,9})?)?(Z|[+-]\d{2}:?\d{2})?)?)?)?$/;

/** As inForm, of ISO 8601: 2026-03-01T08:15:00+01:00. */
export function inIso(value: string): string | undefined {
  const found = ISO.exec(value.trim());
  if (found === null) return undefined;
  const [, year = '', month = '', day = '', hour = '', minute = '', second = '', fraction = '', offset = ''] = found;
  const zone = offset === 'Z' ? '+0000' : offset.replace(':', '');
  return `${year}${month}${day}${hour}${minute}${second}${fraction}${zone}`;
}
