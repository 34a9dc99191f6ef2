/** How numbers are written: in groups of three, bytes with their unit. */

export const countText = (n: number): string => n.toLocaleString('en');

/** Returns a count, or that it is not told: the privacy profile masks small ones (below 0). */
export const toldCount = (n: number): string => (n < 0 ? 'masked' : countText(n));
/** Returns '12.30 %' without its sign; a dash where it is not told. */
export const toldPercent = (n: number | null): string => (n === null ? '–' : n.toFixed(2));

/** Returns '1.2 M' from a million on, else the whole number. */
export const roughText = (n: number): string => (n >= 1_000_000 ? `${(n / 1_000_000).toFixed(1)} M` : countText(n));

/** Returns '12.3 kB'; powers of 1000. */
export function bytesText(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  const power = bytes < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log10(bytes) / 3));
  return `${(bytes / 1000 ** power).toFixed(power === 0 ? 0 : 1)} ${units[power] ?? ''}`;
}
