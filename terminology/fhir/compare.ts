import type { JsonObject } from '../provider.ts';
import { type Compiled, compile } from './compose.ts';
import { refuse, TerminologyRefusal } from './issue.ts';
import { objectAt } from './json.ts';
import { nameOf } from './library.ts';
import { membersOf } from './members.ts';
import type { Scope } from './scope.ts';
import { type Parameter, parameterText } from './settings.ts';

type Result = 'same' | 'subset' | 'superset' | 'overlapping' | 'disjoint' | 'empty' | 'indeterminate';
const POLICIES = ['always', 'as-needed', 'never'] as const;
type Policy = (typeof POLICIES)[number];

/** Codes of a list in the diagnostics. */
const MOST_SHOWN = 1_000;

const EVERYTHING = { activeOnly: false, selectableOnly: false, text: undefined, anyVersion: false };

/**
 * $compare (https://hl7.org/fhir/tools/valueset-comparison.html): returns the Parameters that say how the codes of one value set stand to
 * those of another, seen from `one`. What cannot be told is `indeterminate`, with the reason. `most`: members that are walked through on each side.
 */
export function compare(
  scopes: readonly [Scope, Scope],
  [one, other]: readonly [JsonObject, JsonObject],
  parameters: readonly Parameter[],
  most: number,
): JsonObject {
  const asked = parameterText(parameters, 'version-policy') ?? 'as-needed';
  const policy = POLICIES.find((each) => each === asked);
  if (policy === undefined) throw refuse(400, 'invalid', `The parameter 'version-policy' is none of ${POLICIES.join(', ')}`);
  const names = [nameOf(one), nameOf(other)] as const;
  const found = compared(scopes, [one, other], policy, most);
  if (typeof found === 'string') return answerOf('indeterminate', `The value sets ${names.join(' and ')} cannot be compared: ${found}`, []);
  const { common, missing, extra } = found;
  const result = resultOf(common.length, missing.length, extra.length);
  const wantsMore = parameterText(parameters, 'diagnostics') === 'true';
  const list = (name: string, codes: readonly string[]) =>
    codes.length === 0 || result === 'same' ? [] : [{ name, valueString: codes.slice(0, MOST_SHOWN).join(',') }];
  const more = wantsMore
    ? [
        { name: 'performed-expansion', valueBoolean: true },
        ...list('common-codes', common),
        ...list('missing-codes', missing),
        ...list('extra-codes', extra),
      ]
    : [];
  return answerOf(result, WORDS[result](...names), more);
}

const answerOf = (result: Result, message: string, more: readonly JsonObject[]): JsonObject => ({
  resourceType: 'Parameters',
  parameter: [{ name: 'result', valueCode: result }, { name: 'message', valueString: message }, ...more],
});

const WORDS: Readonly<Record<Exclude<Result, 'indeterminate'>, (one: string, other: string) => string>> = {
  same: (one, other) => `The valueSets ${one} and ${other} contain the same codes`,
  subset: (one, other) => `The valueSet ${one} is a sub-set of the valueSet ${other}`,
  superset: (one, other) => `The valueSet ${one} is a super-set of the valueSet ${other}`,
  overlapping: (one, other) => `Both value sets have codes that the other has not, and share others: ${one}, ${other}`,
  disjoint: (one, other) => `The valueSets ${one} and ${other} share no codes`,
  empty: (one, other) => `The valueSets ${one} and ${other} are both empty`,
};

function resultOf(common: number, missing: number, extra: number): Exclude<Result, 'indeterminate'> {
  if (common + missing + extra === 0) return 'empty';
  if (missing === 0 && extra === 0) return 'same';
  if (common === 0 && missing > 0 && extra > 0) return 'disjoint';
  // The empty set is within every other.
  if (missing === 0) return 'subset';
  return extra === 0 ? 'superset' : 'overlapping';
}

interface Compared {
  /** Codes of both, of the first only, of the other only. */
  readonly common: readonly string[];
  readonly missing: readonly string[];
  readonly extra: readonly string[];
}

/** Returns the codes of both value sets side by side, or why they cannot be known. */
function compared(
  scopes: readonly [Scope, Scope],
  sets: readonly [JsonObject, JsonObject],
  policy: Policy,
  most: number,
): Compared | string {
  const compiled: Compiled[] = [];
  for (const [i, set] of sets.entries()) {
    if (objectAt(set, 'compose') === undefined && objectAt(set, 'expansion') === undefined) return `${nameOf(set)} has no definition`;
    try {
      const scope = scopes[i] ?? scopes[0];
      scope.require(set);
      compiled.push(compile(scope, set));
      scope.assertSupplements();
    } catch (error) {
      if (!(error instanceof TerminologyRefusal)) throw error;
      return error.issues.map(({ text }) => text).join('; ');
    }
  }
  const open = compiled.flatMap((each) => endlessness(each) ?? [])[0];
  if (open !== undefined) return open;
  const versioned = versionedSystems(compiled, policy);
  const codes = compiled.map((each) => codesOf(each, versioned, most));
  const [ours, theirs] = codes;
  if (ours === undefined || theirs === undefined) return `there are more than ${most} codes`;
  const common: string[] = [];
  const missing: string[] = [];
  for (const [key, code] of ours) (theirs.has(key) ? common : missing).push(code);
  return { common, missing, extra: [...theirs].flatMap(([key, code]) => (ours.has(key) ? [] : [code])) };
}

/** Why the members of a value set cannot be listed, undefined when they can. */
function endlessness({ includes, excludes }: Compiled): string | undefined {
  for (const { system, kind, imports } of [...includes, ...excludes]) {
    if (system?.content === 'fragment') return `the code system ${system.url} is a fragment`;
    if (system?.grammar === true && kind !== 'list') return `the code system ${system.url} has a grammar and so has infinite members`;
    const within = imports.flatMap((each) => endlessness(each) ?? [])[0];
    if (within !== undefined) return within;
  }
  return undefined;
}

/** The code systems whose versions count: with a filter one version selects what another does not. Undefined: those of all. */
function versionedSystems(sets: readonly Compiled[], policy: Policy): ReadonlySet<string> | undefined {
  if (policy === 'always') return undefined;
  const found = new Set<string>();
  const visit = ({ includes, excludes }: Compiled): void => {
    for (const { system, kind, imports } of [...includes, ...excludes]) {
      if (system !== undefined && kind === 'filter') found.add(system.url);
      for (const each of imports) visit(each);
    }
  };
  if (policy === 'as-needed') for (const each of sets) visit(each);
  return found;
}

/** Returns the codes of a value set by what they are compared by; undefined when they are too many. */
function codesOf(compiled: Compiled, versioned: ReadonlySet<string> | undefined, most: number): ReadonlyMap<string, string> | undefined {
  const found = new Map<string, string>();
  for (const { system, concept } of membersOf(compiled, EVERYTHING)) {
    const version = versioned === undefined || versioned.has(system.url) ? (system.version ?? '') : '';
    found.set(JSON.stringify([system.url, version, concept.code]), concept.code);
    if (found.size > most) return undefined;
  }
  return found;
}
