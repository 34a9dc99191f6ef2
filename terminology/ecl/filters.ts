import { SCT } from '../rf2/ids-known.ts';
import { FLAG } from '../system/arrays.ts';
import { RowSet } from '../system/rows.ts';
import { type Context, timeFits } from './context.ts';
import type { ConceptCondition, DescriptionCondition, Dialect, Ids, StateCondition } from './syntax.ts';
import { isExpression } from './syntax.ts';
import { termTest } from './terms.ts';

type Test = (index: number) => boolean;

/** Where the state that concepts, descriptions and members have alike is kept. */
export interface States {
  readonly flags: Uint8Array;
  readonly times: Uint32Array;
  readonly modules: Uint16Array;
}

/** Returns a test of a state condition; an `active` one too. */
export function stateTest(context: Context, condition: StateCondition, { flags, times, modules }: States): Test {
  if (condition.kind === 'active') return (index) => (((flags[index] ?? 0) & FLAG.active) !== 0) === condition.value;
  if (condition.kind === 'time') return (index) => timeFits(times[index] ?? 0, condition.order, condition.values);
  const wanted = codesIn(context, condition.ids);
  const chosen = context.system.manifest.modules.map((code) => wanted.has(code) !== condition.isNot);
  return (index) => chosen[modules[index] ?? 0] ?? false;
}

/** Identifiers as texts, also of what is no concept of this release. */
function codesIn(context: Context, ids: Ids): ReadonlySet<string> {
  if (!isExpression(ids)) return new Set(ids);
  const codes = new Set<string>();
  const found = context.evaluate(ids.expression);
  found.forEach((row) => {
    codes.add(context.system.code(row));
  });
  return codes;
}

/** Returns the test that all `conditions` hold for a concept. */
export function conceptTest(context: Context, conditions: readonly ConceptCondition[]): Test {
  const { arrays } = context.system;
  const states = { flags: arrays['concept-flags'], times: arrays['concept-time'], modules: arrays['concept-module'] };
  const tests = conditions.map((condition): Test => {
    if (condition.kind !== 'definition') return stateTest(context, condition, states);
    const wanted = codesIn(context, condition.ids);
    const [defined, primitive] = [wanted.has(SCT.defined), wanted.has(SCT.primitive)];
    return (row) => (context.system.isDefined(row) ? defined : primitive) !== condition.isNot;
  });
  return (row) => tests.every((test) => test(row));
}

/** Returns the concepts of `set` that have a description for which all `conditions` hold; an active one unless they ask for `active`. */
export function descriptionRows(context: Context, set: RowSet, conditions: readonly DescriptionCondition[]): RowSet {
  const { system } = context;
  const { arrays } = system;
  const asked = conditions.some((condition) => condition.kind === 'active') ? conditions : [...conditions, ACTIVE];
  // What is cheap to ask comes first; terms are folded last.
  const tests = asked.toSorted((a, b) => cost(a) - cost(b)).map((condition) => descriptionTest(context, condition));
  const fits: Test = (designation) => tests.every((test) => test(designation));
  const searched = searchable(context, asked);
  const found = new RowSet(system.total);
  if (searched !== undefined) {
    context.spend(searched.size * 8);
    searched.forEach((rank) => {
      const designation = system.text.designationOfRank(rank);
      const row = arrays['designation-row'][designation] ?? 0;
      if (set.hasRow(row) && !found.hasRow(row) && fits(designation)) found.add(row);
    });
    return found;
  }
  const offsets = arrays['designation-offset'];
  context.spend(set.size * (asked.some((condition) => condition.kind === 'term') ? 40 : 4));
  return set.where((row) => {
    for (let designation = offsets[row] ?? 0; designation < (offsets[row + 1] ?? 0); designation += 1) if (fits(designation)) return true;
    return false;
  });
}

const ACTIVE: DescriptionCondition = { kind: 'active', value: true };
const cost = ({ kind }: DescriptionCondition): number => (kind === 'term' ? 2 : kind === 'dialect' ? 1 : 0);

/** The ranks of the text index to look at, where one word search over active descriptions is asked for. */
function searchable({ system }: Context, conditions: readonly DescriptionCondition[]): RowSet | undefined {
  if (conditions.some((condition) => condition.kind === 'active' && !condition.value)) return undefined;
  const term = conditions.find((condition) => condition.kind === 'term');
  if (term?.kind !== 'term' || term.isNot || term.terms.some((each) => each.kind === 'wild')) return undefined;
  const sets = term.terms.map((each) => system.text.ranks(each.text));
  return sets.reduce((all, set) => (all === undefined || set === undefined ? undefined : all.or(set)));
}

function descriptionTest(context: Context, condition: DescriptionCondition): Test {
  const { system } = context;
  const { arrays, manifest } = system;
  switch (condition.kind) {
    case 'term': {
      const fits = termTest(condition.terms);
      return (designation) => fits(system.term(designation)) !== condition.isNot;
    }
    case 'language': {
      const chosen = manifest.languages.map((language) => condition.codes.includes(language.slice(0, 2).toLowerCase()) !== condition.isNot);
      return (designation) => chosen[arrays['designation-language'][designation] ?? 0] ?? false;
    }
    case 'type': {
      const wanted = codesIn(context, condition.ids);
      const chosen = manifest.uses.map((use) => wanted.has(use.code) !== condition.isNot);
      return (designation) => chosen[arrays['designation-use'][designation] ?? 0] ?? false;
    }
    case 'id': {
      const ids = new Set(condition.ids);
      return (designation) => ids.has(system.designationId(designation)) !== condition.isNot;
    }
    case 'dialect':
      return dialectTest(context, condition.dialects, condition.isNot);
    default:
      return stateTest(context, condition, {
        flags: arrays['designation-flags'],
        times: arrays['designation-time'],
        modules: arrays['designation-module'],
      });
  }
}

function dialectTest(context: Context, dialects: readonly Dialect[], isNot: boolean): Test {
  const { system } = context;
  const wanted = dialects.flatMap(({ ids, acceptability }) => {
    const codes = codesIn(context, ids);
    return system.manifest.dialects.flatMap(({ code }, dialect) => (codes.has(code) ? [{ dialect, levels: acceptability ?? [1, 2] }] : []));
  });
  return (designation) =>
    wanted.some(({ dialect, levels }) => levels.some((level) => system.acceptability(dialect, designation) === level)) !== isNot;
}
