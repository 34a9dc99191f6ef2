/** Segments as text, with the separators `|^~\&`. */
const ESCAPES: Readonly<Record<string, string>> = { '|': '\\F\\', '^': '\\S\\', '~': '\\R\\', '\\': '\\E\\', '&': '\\T\\' };

/** Returns free text with its separators escaped. */
export const text = (value: string): string => value.replace(/[|^~\\&]/g, (sign) => ESCAPES[sign] ?? sign);

/** Returns the segment with these fields, by their numbers; values are written as they are. */
export function segment(name: string, fields: Readonly<Record<number, string>>): string {
  const values: string[] = [];
  for (const [number, value] of Object.entries(fields)) values[Number(number) - 1] = value;
  return `${name}|${Array.from(values, (value) => value ?? '').join('|')}`.replace(/\|+$/, '');
}

const OFFSET_HOURS = -5;

/** Returns YYYYMMDDHHMMSS-0500 of the instant so many seconds after `epochMs`. */
export function time(epochMs: number, seconds: number): string {
  const local = new Date(epochMs + (seconds + OFFSET_HOURS * 3600) * 1000).toISOString();
  return `${local.slice(0, 19).replace(/[-T:]/g, '')}-0500`;
}
