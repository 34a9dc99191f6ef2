import type { CodeSystemProvider, Filter, JsonObject, NamedCode } from '../provider.ts';
import { operatorOf } from './include-filters.ts';
import { canonical, objectsAt, textAt } from './json.ts';

/** Operators that ask what is below or above a concept. */
const TREE: ReadonlySet<string> = new Set([
  'is-a',
  'descendent-of',
  'descendant-of',
  'is-not-a',
  'generalizes',
  'child-of',
  'descendent-leaf',
  'descendant-leaf',
]);
const LONGEST_SHOWN = 100;

/**
 * Returns what is to be said of the concepts that the filters of an include name: that the code system does not have one, or that one is inactive and
 * so has nothing below it. The standards give such a filter a meaning (nothing), and value sets of one edition are used with others, so it is no error
 * as in Snowstorm; but who asks about patients by a mistyped or retired code must hear it, not get an empty list.
 */
export function filterNotes(system: CodeSystemProvider, include: JsonObject): readonly string[] {
  // A fragment does not know what there is.
  if (system.content !== 'complete') return [];
  const known = told.get(include)?.get(system);
  if (known !== undefined) return known;
  const notes = objectsAt(include, 'filter').flatMap((each) => {
    const filter = { property: textAt(each, 'property') ?? '', op: operatorOf(each), value: textAt(each, 'value') ?? '' };
    return namedCodes(system, filter).flatMap((named) => noteOf(system, filter, named) ?? []);
  });
  const of = told.get(include) ?? new WeakMap<CodeSystemProvider, readonly string[]>();
  told.set(include, of.set(system, [...new Set(notes)]));
  return notes;
}

/** What was found of includes of stored value sets, kept as long as both they and the code system are. */
const told = new WeakMap<JsonObject, WeakMap<CodeSystemProvider, readonly string[]>>();

function noteOf(system: CodeSystemProvider, { property, op, value }: Filter, { code, isTree, fault }: NamedCode): string | undefined {
  const name = canonical(system.url, system.version);
  const filter = `${property} ${op} ${value.length > LONGEST_SHOWN ? `${value.slice(0, LONGEST_SHOWN)}…` : value}`;
  const concept = system.locate(code);
  if (concept === undefined) return `The code '${code}' in the filter '${filter}' is not in the CodeSystem '${name}': it selects nothing`;
  if (fault !== undefined) return `The code '${code}' in the filter '${filter}' ${fault} in the CodeSystem '${name}': it selects nothing`;
  if (!isTree || !system.isInactive(concept) || system.children(concept).length > 0 || system.parents(concept).length > 0) return undefined;
  return `The code '${code}' in the filter '${filter}' is inactive in the CodeSystem '${name}': nothing is below or above it`;
}

/** Returns the codes that a filter names; those of expressions the code system knows. */
function namedCodes(system: CodeSystemProvider, filter: Filter): readonly NamedCode[] {
  const own = system.namedIn?.(filter);
  if (own !== undefined) return own;
  const { property, op, value } = filter;
  if ((property === 'parent' || property === 'child' || property === 'ancestor') && op === '=') return [{ code: value, isTree: true }];
  if (property !== 'concept' && property !== 'code') return [];
  if (TREE.has(op)) return [{ code: value, isTree: true }];
  if (op === '=') return [{ code: value, isTree: false }];
  return op === 'in' || op === 'not-in' ? value.split(',').map((code) => ({ code: code.trim(), isTree: false })) : [];
}
