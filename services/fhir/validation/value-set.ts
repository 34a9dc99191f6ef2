import { codeSetOf } from '../definitions.ts';
import { isArray, isObject } from '../format/json.ts';
import type { JsonObject, JsonValue } from '../resource.ts';

/**
 * Tells whether a coding is in a value set; undefined: that cannot be told (its code system is not known). `terms` are value sets and
 * code systems that the value set is made of, of loaded packages.
 */
export type CodeCheck = (
  valueSet: string,
  coding: JsonObject,
  terms: readonly JsonObject[],
) => boolean | undefined | Promise<boolean | undefined>;

/** Returns a ValueSet or CodeSystem by its url without version. */
export type ResolveTerms = (url: string) => JsonObject | undefined;

const objectsOf = (value: JsonValue | undefined): readonly JsonObject[] => (isArray(value) ? value.filter(isObject) : []);
const textsOf = (value: JsonValue | undefined): readonly string[] =>
  isArray(value) ? value.filter((each) => typeof each === 'string') : [];
const withoutVersion = (url: string): string => url.replace(/\|.*$/, '');
const R4 = 'http://hl7.org/fhir/ValueSet/';
const DEEPEST = 20;

function hasConcept(concepts: readonly JsonObject[], code: JsonValue | undefined): boolean {
  return concepts.some((each) => each['code'] === code || hasConcept(objectsOf(each['concept']), code));
}

/** Whether all that one include (or exclude) asks for holds of a coding. */
function isIncluded(include: JsonObject, coding: JsonObject, resolve: ResolveTerms, depth: number): boolean | undefined {
  const answers: (boolean | undefined)[] = textsOf(include['valueSet']).map((url) => inValueSet(url, coding, resolve, depth + 1));
  const { system } = include;
  if (typeof system === 'string') {
    // A code alone is of whatever system the value set says.
    const isSystem = coding['system'] === undefined || coding['system'] === system;
    if (!isSystem) return false;
    const concepts = objectsOf(include['concept']);
    if (concepts.length > 0) answers.push(hasConcept(concepts, coding['code']));
    else if (objectsOf(include['filter']).length > 0) answers.push(undefined);
    else {
      const codeSystem = resolve(system);
      answers.push(codeSystem?.['content'] === 'complete' ? hasConcept(objectsOf(codeSystem['concept']), coding['code']) : undefined);
    }
  }
  if (answers.includes(false)) return false;
  return answers.includes(undefined) ? undefined : answers.length > 0;
}

/**
 * Returns whether a coding is in a value set that can be listed: of R4's own, or of what `resolve` finds; undefined where it cannot be
 * told. Filters and code systems that are not complete are the terminology engine's.
 */
export function inValueSet(url: string, coding: JsonObject, resolve: ResolveTerms, depth = 0): boolean | undefined {
  if (depth > DEEPEST) return undefined;
  const plain = withoutVersion(url);
  const own = plain.startsWith(R4) ? codeSetOf(plain.slice(R4.length)) : undefined;
  if (own !== undefined) {
    const { system, code } = coding;
    if (typeof code !== 'string') return false;
    return typeof system === 'string' ? (own.systems.get(system)?.has(code) ?? false) : own.codes.has(code);
  }
  const valueSet = resolve(plain);
  const compose = valueSet !== undefined && isObject(valueSet['compose']) ? valueSet['compose'] : undefined;
  if (compose === undefined) return undefined;
  const excluded = objectsOf(compose['exclude']).map((each) => isIncluded(each, coding, resolve, depth));
  const included = objectsOf(compose['include']).map((each) => isIncluded(each, coding, resolve, depth));
  if (excluded.includes(true) || included.every((each) => each === false)) return false;
  return excluded.includes(undefined) ? undefined : included.includes(true) ? true : undefined;
}
