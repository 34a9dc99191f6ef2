/** How much the terminology operations do for one caller: one setting, so that its parts are read and said in one place. */

/** Name in the setting, its name in the engine, and the largest value. */
const NAMES = [
  ['expansion', 'expansion', 1_000_000],
  ['page', 'page', 1_000_000],
  ['walk', 'walk', 100_000_000],
  ['batch', 'batch', 1_000_000],
  ['caches', 'caches', 10_000],
  ['cache-minutes', 'cacheMinutes', 10_080],
  ['cache-megabytes', 'cacheMegabytes', 65_536],
  ['closures', 'closures', 10_000],
  ['closure-concepts', 'closureConcepts', 50_000],
] as const;

/** What is set; terminology/fhir/limits.ts says what each means and what holds where nothing is set. */
export type TerminologyLimits = { readonly [name in (typeof NAMES)[number][1]]?: number };

/** Returns the limits that a text such as 'expansion=5000, caches=50' sets, or what is wrong with it. */
export function readTerminologyLimits(text: string): TerminologyLimits | string {
  const set: { -readonly [name in keyof TerminologyLimits]: TerminologyLimits[name] } = {};
  for (const part of text.split(',').map((each) => each.trim())) {
    if (part === '') continue;
    const [, name = '', digits = ''] = /^([a-z-]+)\s*=\s*(\d{1,9})$/.exec(part) ?? [];
    const known = NAMES.find(([each]) => each === name);
    if (known === undefined) return `'${part.slice(0, 60)}' is not one of NAME=NUMBER with ${NAMES.map(([each]) => each).join(', ')}`;
    const [, key, most] = known;
    if (Number(digits) < 1 || Number(digits) > most) return `${name} is a number from 1 to ${most}`;
    if (set[key] !== undefined) return `${name} is set twice`;
    set[key] = Number(digits);
  }
  return set;
}
