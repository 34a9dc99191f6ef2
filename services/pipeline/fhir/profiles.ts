/** Validation of resources by the profiles that are stored or in loaded packages (http://hl7.org/fhir/R4/validation.html). */
import type { Queryable } from '../../database/connect.ts';
import { namedResources, type PackagedResource } from '../../database/resources/packages.ts';
import { type Problem, problem } from '../../errors.ts';
import { isArray, isObject, readJson } from '../../fhir/format/json.ts';
import type { JsonObject, JsonValue } from '../../fhir/resource.ts';
import { type Profile, profilesNamedBy, readProfile } from '../../fhir/validation/profile.ts';
import { baseProfileOf, overlaid, profilesInDifferential, snapshotOf } from '../../fhir/validation/profile-elements.ts';
import { type ProfileFindings, validateByProfile } from '../../fhir/validation/profile-validate.ts';
import { type CodeCheck, inValueSet } from '../../fhir/validation/value-set.ts';
import { evaluateFhirPath, type FhirPathAnswer } from './fhirpath.ts';

const withoutVersion = (url: string): string => url.replace(/\|.*$/, '');
/** Profiles named by profiles, and value sets by value sets. */
const DEEPEST = 8;
const MOST_RULES = 2_000;

/** Reads resources of the store and of packages by their urls, and what those name in turn. */
async function closure<T>(
  database: Queryable,
  start: readonly string[],
  read: (resource: PackagedResource, body: JsonObject) => { readonly value: T; readonly next: readonly string[] } | undefined,
): Promise<ReadonlyMap<string, T>> {
  const found = new Map<string, T>();
  const asked = new Set<string>();
  let wave = start.map(withoutVersion);
  for (let depth = 0; wave.length > 0 && depth < DEEPEST; depth++) {
    for (const url of wave) asked.add(url);
    const next: string[] = [];
    for (const each of await namedResources(database, wave)) {
      const body = readJson(each.body);
      const made = body.ok ? read(each, body.value) : undefined;
      if (made === undefined) continue;
      found.set(each.url, made.value);
      next.push(...made.next.map(withoutVersion));
    }
    wave = [...new Set(next)].filter((url) => !asked.has(url));
  }
  return found;
}

/** Returns profiles by url; a text: the base of a profile without snapshot, or of its base, that is not loaded. */
async function profilesOf(database: Queryable, urls: readonly string[]): Promise<ReadonlyMap<string, Profile | string>> {
  const definitions = await closure<JsonObject>(database, urls, ({ type }, body) => {
    if (type !== 'StructureDefinition') return undefined;
    const snapshot = snapshotOf(body);
    const profile = snapshot && readProfile(body, snapshot);
    if (profile !== undefined) return { value: body, next: profilesNamedBy(profile) };
    const base = baseProfileOf(body);
    return { value: body, next: [...(base === undefined ? [] : [base]), ...profilesInDifferential(body)] };
  });
  const profiles = new Map<string, Profile | string>();
  for (const [url, body] of definitions) {
    const elements = elementsOf(body, definitions, DEEPEST);
    const profile = typeof elements === 'string' ? elements : readProfile(body, elements);
    if (profile !== undefined) profiles.set(url, profile);
  }
  return profiles;
}

/** The elements of a profile, made of its base where it has no snapshot; the base's url when that is not there. */
function elementsOf(body: JsonObject, definitions: ReadonlyMap<string, JsonObject>, depth: number): readonly JsonObject[] | string {
  const snapshot = snapshotOf(body);
  if (snapshot !== undefined) return snapshot;
  const base = baseProfileOf(body);
  if (base === undefined) return overlaid(body, []);
  const definition = definitions.get(base);
  if (definition === undefined || depth === 0) return base;
  const inherited = elementsOf(definition, definitions, depth - 1);
  return typeof inherited === 'string' ? inherited : overlaid(body, inherited);
}

/** The urls of value sets and code systems that a value set is made of. */
function termsNamedBy(body: JsonObject): readonly string[] {
  const compose = isObject(body['compose']) ? body['compose'] : {};
  const parts = [compose['include'], compose['exclude']].flatMap((each) => (isArray(each) ? each.filter(isObject) : []));
  const texts = (value: JsonValue | undefined): readonly string[] =>
    (isArray(value) ? value : [value]).filter((each) => typeof each === 'string');
  return parts.flatMap((each) => [...texts(each['system']), ...texts(each['valueSet'])]);
}

/** Returns the stored and packaged value sets of these urls, and what they are made of. */
export const termsOf = (database: Queryable, urls: readonly string[]): Promise<ReadonlyMap<string, JsonObject>> =>
  closure(database, urls, ({ type }, body) =>
    type === 'ValueSet' || type === 'CodeSystem' ? { value: body, next: termsNamedBy(body) } : undefined,
  );

/**
 * Returns what is wrong with a valid resource by profiles: `asked` must be loaded (fhir-profile-unknown), those that the resource claims in
 * meta.profile are said to be unchecked where they are not. `checkCode` is asked for codes of value sets that cannot be listed here.
 */
export async function profileProblems(
  database: Queryable,
  resource: JsonObject,
  asked: readonly string[],
  checkCode?: CodeCheck,
): Promise<readonly Problem[]> {
  const meta = isObject(resource['meta']) ? resource['meta'] : {};
  const claimed = (isArray(meta['profile']) ? meta['profile'] : []).filter((each) => typeof each === 'string');
  const urls = [...new Set([...asked, ...claimed].map(withoutVersion))];
  const profiles = await profilesOf(database, urls);
  const resolve = (url: string): Profile | undefined => {
    const found = profiles.get(url);
    return typeof found === 'string' ? undefined : found;
  };
  const type = String(resource['resourceType']);
  const problems: Problem[] = [];
  for (const url of urls) {
    const profile = resolve(url);
    const isAsked = asked.some((each) => withoutVersion(each) === url);
    const missing = profiles.get(url);
    if (profile !== undefined) {
      const findings = validateByProfile(resource, profile, resolve);
      problems.push(
        ...findings.problems,
        ...(await brokenRules(resource, findings)),
        ...(await foreignCodes(database, findings, checkCode)),
      );
    } else if (isOfR4(url, type)) continue;
    // Whoever asks for a profile must not take what was not looked at for right.
    else if (isAsked) problems.push(problem('fhir-profile-unknown', { profile: typeof missing === 'string' ? missing : url }));
    else if (typeof missing === 'string')
      problems.push(problem('fhir-profile-unchecked', { profile: url, what: `its base ${missing} is not loaded` }));
    else problems.push(problem('fhir-profile-unchecked', { profile: url, what: 'it is not loaded' }, `${type}.meta.profile`));
  }
  return problems;
}

/** R4's own definition of the type: what the base validation checks. */
const isOfR4 = (url: string, type: string): boolean => url === `http://hl7.org/fhir/StructureDefinition/${type}`;

async function brokenRules(resource: JsonObject, { rules }: ProfileFindings): Promise<readonly Problem[]> {
  if (rules.length === 0) return [];
  const used = rules.slice(0, MOST_RULES);
  const type = String(resource['resourceType']);
  const questions = used.map(({ rule, at, base }) => ({ expression: rule.expression, ...(at === type ? {} : { at, base }) }));
  const found = await evaluateFhirPath(resource, questions);
  if (!found.ok) return [...found.problems];
  return used.flatMap(({ rule: { key, text, isAdvice }, profile, at }, i) => {
    const answer = found.value.answers[i];
    if (answer === undefined || 'fault' in answer) return [problem('fhir-profile-unchecked', { profile, what: `the rule ${key}` }, at)];
    if (holds(answer)) return [];
    return [problem(isAdvice ? 'fhir-profile-advice' : 'fhir-profile-rule', { profile, key, rule: text }, at)];
  });
}

/** A rule that finds nothing is not broken (http://hl7.org/fhir/R4/conformance-rules.html#constraints); anything but false is true. */
const holds = (answer: Exclude<FhirPathAnswer, { readonly fault: string }>): boolean => !answer.values.includes('false');

async function foreignCodes(
  database: Queryable,
  { codes }: ProfileFindings,
  checkCode: CodeCheck | undefined,
): Promise<readonly Problem[]> {
  if (codes.length === 0) return [];
  const terms = await termsOf(
    database,
    codes.map(({ set }) => set),
  );
  const known = [...terms.values()];
  const problems: Problem[] = [];
  for (const { codings, set, profile, at, isRequired } of codes) {
    const answers: (boolean | undefined)[] = [];
    for (const coding of codings) answers.push(inValueSet(set, coding, (url) => terms.get(url)) ?? (await checkCode?.(set, coding, known)));
    if (answers.includes(true)) continue;
    const element = at.slice(at.lastIndexOf('.') + 1).replace(/\[\d+\]$/, '');
    if (answers.includes(undefined))
      problems.push(problem('fhir-profile-unchecked', { profile, what: `whether the code is in ${set}` }, at));
    else problems.push(problem(isRequired ? 'fhir-profile-code' : 'fhir-profile-code-other', { profile, element, set }, at));
  }
  return problems;
}
