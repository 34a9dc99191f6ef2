import { useZone, type Zone } from '../preferences.ts';

/** Returns '2026-03-01 12:00:03' in the zone, seconds included. */
export function timeText(at: string, zone: Zone): string {
  const date = new Date(at);
  if (Number.isNaN(date.getTime())) return at;
  return new Intl.DateTimeFormat('sv-SE', {
    dateStyle: 'short',
    timeStyle: 'medium',
    ...(zone === 'UTC' ? { timeZone: 'UTC' } : {}),
  }).format(date);
}

/** Shows an instant in the zone that this person chose; the other zone is in its title. */
export function Time({ at }: { readonly at: string | undefined }) {
  const [zone] = useZone();
  if (at === undefined) return <span class="none">never</span>;
  const other: Zone = zone === 'UTC' ? 'local' : 'UTC';
  return (
    <time dateTime={at} title={`${timeText(at, other)} ${other === 'UTC' ? 'UTC' : 'local time'}`}>
      {timeText(at, zone)}
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
