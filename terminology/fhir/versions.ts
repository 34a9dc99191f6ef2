/**
 * Versions of code systems and value sets: which one is asked for, and which is the newest. Wildcards are those of the terminology
 * ecosystem guide (https://build.fhir.org/ig/HL7/fhir-tx-ecosystem-ig): x, X or * for one part, a question mark at the end for any rest.
 */

const WILDCARD = /(^|\.)[xX*](\.|$)|\*|\?$/;

export const hasWildcard = (version: string): boolean => WILDCARD.test(version);

/** Returns whether the version `actual` is what `wanted` asks for. */
export function matchesVersion(wanted: string, actual: string | undefined): boolean {
  if (actual === undefined) return false;
  if (wanted === actual) return true;
  if (!hasWildcard(wanted)) return false;
  if (wanted.endsWith('?')) return actual.startsWith(wanted.slice(0, -1));
  const parts = wanted.split('.');
  const found = (actual.split(/[-+]/)[0] ?? '').split('.');
  return parts.length <= found.length && parts.every((part, i) => /^[xX*]$/.test(part) || part === found[i]);
}

/**
 * Orders versions, older first: runs of digits as numbers, so 1.10 follows 1.9 and 20250101 follows 20240701; what is a prerelease
 * by semver (1.0.0-draft) comes before its release; no version at all comes first.
 */
export function compareVersions(a: string | undefined, b: string | undefined): number {
  if (a === b) return 0;
  if (a === undefined || b === undefined) return a === undefined ? -1 : 1;
  const [left, right] = [partsOf(a), partsOf(b)];
  for (let i = 0; i < Math.max(left.length, right.length); i++) {
    const [x, y] = [left[i], right[i]];
    if (x === undefined || y === undefined) return endOrder(x ?? y ?? '') * (x === undefined ? -1 : 1);
    const order = /^\d+$/.test(x) && /^\d+$/.test(y) ? Number(x) - Number(y) : x < y ? -1 : x > y ? 1 : 0;
    if (order !== 0) return order;
  }
  return 0;
}

/** An experimental edition of SNOMED CT is never the newest where there is one for use. */
const EXPERIMENTAL = 'http://snomed.info/xsct/';

const partsOf = (version: string): readonly string[] =>
  (version.startsWith(EXPERIMENTAL) ? `http://snomed.info/0/${version.slice(EXPERIMENTAL.length)}` : version).match(/\d+|[A-Za-z]+|-/g) ??
  [];

/** What stands at the end of the longer one: a prerelease makes it older, more numbers make it newer. */
const endOrder = (rest: string): number => (rest === '-' ? -1 : 1);

/** 1.0.0 or 1.2.0; three and more: 1, 2 and 3. */
export function presentVersions(versions: readonly string[]): string {
  if (versions.length < 3) return versions.join(' or ');
  return `${versions.slice(0, -1).join(', ')} and ${versions.at(-1)}`;
}
