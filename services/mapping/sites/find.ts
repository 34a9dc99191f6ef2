/**
 * Rules of a spec addressed by path: `observation.value[x].NM.Quantity.unit`. A step is an element's name, a case's label (`NM`, `else`) or
 * the number of an alternative (from 1). Lists, switches and long forms that a path does not name are looked through, so a short path may
 * find several rules: who needs exactly one asks for the count.
 */
import type { ListNode, MapEntry, MapNode, SpecNode } from '../read.ts';
import { FORM_KEYS, OPTION_KEYS } from '../rules.ts';

/** Indexes from a root down to a node: of entries in maps, of items in lists. */
export type NodePath = readonly number[];

const FORMS = ['from', 'switch', 'all', 'then'];

/** Returns where the rules stand that `steps` names under `node`; none, one or several. */
export function findRules(node: SpecNode, steps: readonly string[]): readonly NodePath[] {
  const found = new Map<string, NodePath>();
  for (const path of walk(node, steps)) found.set(path.join('.'), path);
  return [...found.values()];
}

function* walk(node: SpecNode, steps: readonly string[]): Generator<NodePath> {
  const [step, ...rest] = steps;
  if (step === undefined) yield [];
  else if (node.kind === 'list') yield* inList(node, step, steps, rest);
  else if (node.kind === 'map')
    yield* FORMS.some((form) => node.entries.some((each) => each.key === form)) ? inForm(node, steps) : inObject(node, step, rest);
}

function* inObject(node: MapNode, step: string, rest: readonly string[]): Generator<NodePath> {
  const index = node.entries.findIndex((each) => each.key === step && !OPTION_KEYS.includes(step) && step !== 'is');
  const entry = node.entries[index];
  if (entry !== undefined) yield* under([index], entry.value, rest);
}

function* inForm(node: MapNode, steps: readonly string[]): Generator<NodePath> {
  for (const [index, { key, value }] of node.entries.entries()) {
    if (key === 'cases' && value.kind === 'list') yield* under([index], value, steps, inCases);
    else if ((key === 'from' || key === 'then' || key === 'all') && value.kind !== 'scalar') yield* under([index], value, steps);
  }
}

function* inList(node: ListNode, step: string, steps: readonly string[], rest: readonly string[]): Generator<NodePath> {
  for (const [index, item] of node.items.entries()) {
    if (step === String(index + 1)) yield* under([index], item, rest);
    yield* under([index], item, steps);
  }
}

/** Cases of a switch: a label names one, any other step is looked for in all of them. */
function* inCases(list: SpecNode, steps: readonly string[]): Generator<NodePath> {
  const [step, ...rest] = steps;
  if (list.kind !== 'list' || step === undefined) return;
  for (const [index, item] of list.items.entries()) {
    if (item.kind !== 'map') continue;
    const at = item.entries.findIndex((each) => each.key === 'else');
    const otherwise = item.entries[at];
    const path = otherwise === undefined ? [index] : [index, at];
    const inner = otherwise?.value ?? item;
    if (labelsOf(item).includes(step)) yield* under(path, inner, rest);
    yield* under(path, inner, steps);
  }
}

function labelsOf(item: MapNode): readonly string[] {
  return item.entries.flatMap(({ key, value }) => {
    if (key === 'else') return ['else'];
    if (key !== 'is') return [];
    return (value.kind === 'list' ? value.items : [value]).flatMap((each) => (each.kind === 'scalar' ? [each.value] : []));
  });
}

function* under(path: NodePath, node: SpecNode, steps: readonly string[], go = walk): Generator<NodePath> {
  for (const each of go(node, steps)) yield [...path, ...each];
}

/** Returns the node at a path that findRules gave. */
export function nodeAt(root: SpecNode, path: NodePath): SpecNode | undefined {
  let here: SpecNode | undefined = root;
  for (const index of path)
    here = here?.kind === 'map' ? here.entries[index]?.value : here?.kind === 'list' ? here.items[index] : undefined;
  return here;
}

/** Returns the tree with another node at a path, or without it (undefined: its entry or item is taken out). */
export function withNode(root: SpecNode, path: NodePath, node: SpecNode | undefined): SpecNode {
  const [index, ...rest] = path;
  if (index === undefined) return node ?? root;
  const removes = rest.length === 0 && node === undefined;
  if (root.kind === 'list') {
    const items = root.items.flatMap((item, i) => (i !== index ? [item] : removes ? [] : [withNode(item, rest, node)]));
    return { ...root, items };
  }
  if (root.kind !== 'map') return root;
  const entries = root.entries.flatMap((each, i) =>
    i !== index ? [each] : removes ? [] : [{ ...each, value: withNode(each.value, rest, node) }],
  );
  return { ...root, entries };
}

/** Every path that names a rule under `node`, for suggestions. */
export function rulePaths(node: SpecNode, prefix = '', depth = 0): readonly string[] {
  if (node.kind === 'list') return node.items.flatMap((item) => rulePaths(item, prefix, depth + 1));
  if (node.kind !== 'map' || depth > 12) return [];
  return node.entries.flatMap(({ key, value }) => {
    if (OPTION_KEYS.includes(key) || key === 'is') return [];
    if (FORM_KEYS.includes(key) || key === 'else') return rulePaths(value, prefix, depth + 1);
    const path = prefix === '' ? key : `${prefix}.${key}`;
    return [path, ...rulePaths(value, path, depth + 1)];
  });
}

/** Returns the rule with what `set` says: keys of a map replace the rule's own of that name and leave the others; anything else replaces it. */
export function changedRule(base: SpecNode, set: SpecNode): SpecNode {
  const is = base.kind === 'map' ? base.entries.filter((each) => each.key === 'is') : [];
  if (set.kind !== 'map')
    return is.length === 0 ? set : { kind: 'map', at: set.at, entries: [...is, { key: 'from', at: set.at, value: set }] };
  const form = set.entries.find((each) => FORMS.includes(each.key))?.key;
  const onlyOptions = set.entries.every((each) => OPTION_KEYS.includes(each.key) || FORM_KEYS.includes(each.key));
  const long = longForm(base);
  const isObject = base.kind === 'map' && !base.entries.some((each) => FORMS.includes(each.key));
  if (!onlyOptions && !isObject) return { ...set, entries: [...is, ...set.entries] };
  const kept = long.entries.filter((each) => form === undefined || !FORM_KEYS.includes(each.key));
  return { kind: 'map', at: set.at, entries: merged(kept, set.entries) };
}

function longForm(base: SpecNode): MapNode {
  if (base.kind === 'map') return base;
  const isLiteral = base.kind === 'scalar' && !base.value.startsWith('=');
  return { kind: 'map', at: base.at, entries: [{ key: isLiteral ? 'then' : 'from', at: base.at, value: base }] };
}

/** Entries of `own` with those of `other` in place of those of the same name, the rest behind. */
export function merged(own: readonly MapEntry[], other: readonly MapEntry[]): readonly MapEntry[] {
  const names = new Map(other.map((each) => [each.key, each]));
  return [...own.map((each) => names.get(each.key) ?? each), ...other.filter((each) => !own.some(({ key }) => key === each.key))];
}
