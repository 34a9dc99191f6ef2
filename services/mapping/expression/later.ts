/** A time of day later by a duration, in the form of the message: its own offset, its own precision. */

const MS: Readonly<Record<string, number>> = { S: 1000, M: 60_000, H: 3_600_000, D: 86_400_000 };

/**
 * Returns `time` (HL7v2 YYYYMMDDHHMM[SS[.S…]][+ZZZZ]) later by `amount` of `unit` (min unless it says s, h or d), on the clock the time is
 * told in; undefined when the time has no minutes or the amount is no number.
 */
export function later(time: string | undefined, amount: string | undefined, unit: string | undefined): string | undefined {
  const found = /^(\d{4})(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})?(?:\.\d{1,6})?([+-]\d{4})?$/.exec(time ?? '');
  const step = MS[(unit ?? 'M').trim().charAt(0).toUpperCase()];
  const count = /^\d{1,6}(?:\.\d{1,3})?$/.test(amount ?? '') ? Number(amount) : undefined;
  if (found === null || step === undefined || count === undefined) return undefined;
  const [, year, month, day, hour, minute, second = '00', offset = ''] = found;
  const from = Date.UTC(Number(year), Number(month) - 1, Number(day), Number(hour), Number(minute), Number(second));
  if (!Number.isFinite(from)) return undefined;
  return `${new Date(from + count * step).toISOString().slice(0, 19).replaceAll(/[-T:]/g, '')}${offset}`;
}
