import { useZone } from '../preferences.ts';
import { useSourceZone } from './source-zone.ts';

/** Returns '2026-03-01 12:00:03' in a zone of the IANA's names, seconds included; undefined: this browser's. */
export function timeText(at: string, timeZone: string | undefined): string {
  const date = new Date(at);
  if (Number.isNaN(date.getTime())) return at;
  const style = { dateStyle: 'short', timeStyle: 'medium' } as const;
  try {
    return new Intl.DateTimeFormat('sv-SE', { ...style, ...(timeZone === undefined ? {} : { timeZone }) }).format(date);
  } catch {
    // A zone that this browser does not know.
    return `${new Intl.DateTimeFormat('sv-SE', { ...style, timeZone: 'UTC' }).format(date)} UTC`;
  }
}

interface TimeProps {
  readonly at: string | undefined;
  /** Whose message it is of: its time zone can be chosen. */
  readonly source?: string | undefined;
}

/** Shows an instant in the zone that this person chose; another one is in its title. */
export function Time({ at, source }: TimeProps) {
  const [zone] = useZone();
  const named = useSourceZone(zone === 'source' ? source : undefined);
  if (at === undefined) return <span class="none">never</span>;
  const shown = zone === 'UTC' ? 'UTC' : zone === 'source' ? named : undefined;
  const title = zone === 'UTC' ? `${timeText(at, undefined)} local time` : `${timeText(at, 'UTC')} UTC`;
  return (
    <time dateTime={at} title={named === undefined ? title : `${title}; shown in ${named}`}>
      {timeText(at, shown)}
    </time>
  );
}

const UNITS = [
  [86_400, 'd'],
  [3_600, 'h'],
  [60, 'min'],
  [1, 's'],
] as const;

/** Returns '3 min', '2 d'; the largest whole unit. */
export function durationText(seconds: number): string {
  const [size, unit] = UNITS.find(([each]) => seconds >= each) ?? [1, 's'];
  return `${Math.max(0, Math.floor(seconds / size)).toLocaleString('en')} ${unit}`;
}
