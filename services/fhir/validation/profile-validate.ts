import { type ErrorCode, type Problem, problem } from '../../errors.ts';
import { isArray, isObject } from '../format/json.ts';
import type { JsonObject, JsonValue } from '../resource.ts';
import type { Profile, ProfileElement, ProfileRule, ResolveProfile } from './profile.ts';
import { sliceOf } from './profile-slices.ts';
import { isFixed, itemsOf, matchesPattern, type ProfileItem } from './profile-values.ts';

/** What is left to ask of others: rules in FHIRPath, and whether codes are in value sets. */
export interface ProfileFindings {
  readonly problems: readonly Problem[];
  readonly rules: readonly { readonly rule: ProfileRule; readonly profile: string; readonly at: string; readonly base: string }[];
  readonly codes: readonly {
    readonly codings: readonly JsonObject[];
    readonly set: string;
    readonly profile: string;
    readonly at: string;
    readonly isRequired: boolean;
  }[];
}

const MOST_PROBLEMS = 200;
/** Profiles within profiles: extensions within extensions. */
const DEEPEST = 20;

/** One check of a resource against a profile. */
class Run {
  readonly problems: Problem[] = [];
  readonly rules: ProfileFindings['rules'][number][] = [];
  readonly codes: ProfileFindings['codes'][number][] = [];
  readonly #resolve: ResolveProfile;
  #depth = 0;

  constructor(resolve: ResolveProfile) {
    this.#resolve = resolve;
  }

  profile(profile: Profile, value: JsonObject, at: string, base: string): void {
    if (this.#depth >= DEEPEST) return;
    this.#depth++;
    this.#element(profile, profile.root, { value, beside: undefined, at, code: profile.type }, base);
    this.#depth--;
  }

  report(code: ErrorCode, profile: Profile, values: Readonly<Record<string, string | number>>, at: string): void {
    if (this.problems.length < MOST_PROBLEMS) this.problems.push(problem(code, { profile: profile.url, ...values }, at));
  }

  #element(profile: Profile, element: ProfileElement, item: ProfileItem, base: string): void {
    const { at, value } = item;
    const { name: own } = element;
    if (element.fixed !== undefined && !isFixed(value, element.fixed)) this.report('fhir-profile-value', profile, { element: own }, at);
    if (element.pattern !== undefined && !matchesPattern(value, element.pattern))
      this.report('fhir-profile-value', profile, { element: own }, at);
    for (const rule of element.rules) this.rules.push({ rule, profile: profile.url, at, base });
    const type = element.types.find(({ code }) => code === item.code);
    const isOther = element.types.length > 0 && type === undefined && element !== profile.root && element.name.endsWith('[x]');
    if (isOther) this.report('fhir-profile-type', profile, { element: own, type: item.code }, at);
    else this.#binding(profile, element, item);
    if (isObject(value)) {
      const parent = element.contentReference === undefined ? element : (profile.byId.get(element.contentReference) ?? element);
      for (const child of parent.children) this.#child(profile, child, value, item, base);
      this.#typeProfiles(profile, type?.profiles ?? [], value, at, base);
    }
  }

  /** A value of a profiled type (an extension) has to fit one of its profiles. */
  #typeProfiles(profile: Profile, urls: readonly string[], value: JsonObject, at: string, base: string): void {
    if (urls.length === 0) return;
    const known = urls.flatMap((url) => this.#resolve(url.replace(/\|.*$/, '')) ?? []);
    if (known.length < urls.length) {
      const what = `the profile ${urls.find((url) => this.#resolve(url.replace(/\|.*$/, '')) === undefined)} is not loaded`;
      this.report('fhir-profile-unchecked', profile, { what }, at);
      if (known.length === 0) return;
    }
    const [only] = known;
    if (known.length === 1 && urls.length === 1 && only !== undefined) {
      this.profile(only, value, at, base);
      return;
    }
    const fits = known.some((each) => {
      const trial = new Run(this.#resolve);
      trial.profile(each, value, at, base);
      return trial.problems.every(({ code }) => code === 'fhir-profile-unchecked');
    });
    if (!fits && known.length === urls.length)
      this.report('fhir-profile-type', profile, { element: 'value', type: 'of none of its profiles' }, at);
  }

  #child(profile: Profile, child: ProfileElement, owner: JsonObject, { at, code }: ProfileItem, base: string): void {
    const items = itemsOf(owner, child, at, code);
    const place = `${at}.${child.name.replace('[x]', '')}`;
    this.#count(profile, child, items.length, place);
    const slices = new Map<ProfileElement, number>();
    const possible = new Map<ProfileElement, number>();
    const add = (counts: Map<ProfileElement, number>, slice: ProfileElement) => counts.set(slice, (counts.get(slice) ?? 0) + 1);
    for (const item of items) {
      const next = `${base}.${child.name.replace('[x]', '')}`;
      this.#element(profile, child, item, next);
      if (child.slicing === undefined && child.slices.length === 0) continue;
      const { slice, possible: others } = sliceOf(child, item, this.#resolve);
      if (others.length > 0) {
        for (const each of others) add(possible, each);
        this.report('fhir-profile-unchecked', profile, { what: `which slice of ${child.name} this is` }, item.at);
      } else if (slice !== undefined) {
        add(slices, slice);
        this.#element(profile, slice, item, next);
      } else if (child.slicing?.rules === 'closed' && child.slices.length > 0)
        this.report('fhir-profile-slice', profile, { element: child.name }, item.at);
    }
    // What may be of a slice is counted where it would be too few without, not where it would be too many with it.
    for (const slice of child.slices) this.#count(profile, slice, slices.get(slice) ?? 0, place, possible.get(slice) ?? 0);
  }

  /** R4's own numbers were looked at already. */
  #count(profile: Profile, element: ProfileElement, count: number, at: string, possible = 0): void {
    const isSlice = element.sliceName !== undefined;
    const tooFew = count + possible < element.min && (isSlice || element.min > element.baseMin);
    const tooMany = count > element.max && (isSlice || element.max < element.baseMax);
    if (!tooFew && !tooMany) return;
    const wanted = tooFew ? `at least ${element.min} times` : `at most ${element.max} times`;
    this.report(
      'fhir-profile-cardinality',
      profile,
      { element: isSlice ? `${element.name}:${element.sliceName}` : element.name, wanted, count },
      at,
    );
  }

  #binding(profile: Profile, { binding }: ProfileElement, { value, code, at }: ProfileItem): void {
    if (binding === undefined || value === undefined) return;
    const codings = codingsOf(value, code);
    // A text alone says nothing that a value set could hold: only a required binding asks for more.
    if (codings.length === 0 && binding.strength === 'extensible') return;
    this.codes.push({ codings, set: binding.valueSet, profile: profile.url, at, isRequired: binding.strength === 'required' });
  }
}

function codingsOf(value: JsonValue, code: string): readonly JsonObject[] {
  if (typeof value === 'string') return [{ code: value }];
  if (!isObject(value)) return [];
  if (code === 'CodeableConcept') return isArray(value['coding']) ? value['coding'].filter(isObject) : [];
  return value['code'] === undefined ? [] : [value];
}

/**
 * Returns what is wrong with a valid resource by a profile: cardinalities, fixed values and patterns, types, slices, extensions; and what
 * is to be asked of others: rules, and codes of required and extensible bindings. What could not be looked at is said (fhir-profile-unchecked).
 */
export function validateByProfile(resource: JsonObject, profile: Profile, resolve: ResolveProfile): ProfileFindings {
  const run = new Run(resolve);
  const type = String(resource['resourceType']);
  if (type !== profile.type) run.report('fhir-profile-type', profile, { element: 'the resource', type }, type);
  else run.profile(profile, resource, type, type);
  return run;
}
