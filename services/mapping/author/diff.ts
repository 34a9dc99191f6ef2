/** What differs in meaning between two maps: rule by rule, with resource maps written in; layout, order, reasons and cases do not count. */
import { canonical } from '../digest.ts';
import { entryOf, type SpecNode } from '../read.ts';
import { FORM_KEYS } from '../rules.ts';

export interface Difference {
  /** 'resources.observation.fields.code'. */
  readonly path: string;
  /** undefined: not there. */
  readonly before: string | undefined;
  readonly after: string | undefined;
}

const SILENT = ['map', 'version', 'cases', 'because', 'notes', 'extends', 'match', 'override'];

/** Returns the differences of two trees, in the order of their paths. */
export function differencesOf(before: SpecNode, after: SpecNode): readonly Difference[] {
  const a = rulesOf(before);
  const b = rulesOf(after);
  return [...new Set([...a.keys(), ...b.keys()])]
    .filter((path) => a.get(path) !== b.get(path))
    .sort()
    .map((path) => ({ path, before: a.get(path), after: b.get(path) }));
}

/** Every rule by its path, as canonical text. Objects are walked; a long form, a list and a switch are one rule each. */
function rulesOf(root: SpecNode): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  const walk = (node: SpecNode, path: string, depth: number): void => {
    const isForm = depth > 0 && node.kind === 'map' && node.entries.some((each) => FORM_KEYS.includes(each.key));
    if (node.kind !== 'map' || isForm || depth > 20) {
      found.set(path, shown(node));
      return;
    }
    for (const { key, value } of node.entries) {
      if (depth === 0 && SILENT.includes(key)) continue;
      if (key !== 'because') walk(value, path === '' ? key : `${path}.${key}`, depth + 1);
    }
  };
  walk(withoutPaths(root), '', 0);
  return found;
}

/** `ignore` is a list of paths: which ones, not why. */
function withoutPaths(root: SpecNode): SpecNode {
  const ignore = entryOf(root, 'ignore')?.value;
  if (root.kind !== 'map' || ignore?.kind !== 'list') return root;
  const items = ignore.items.flatMap((each) => (entryOf(each, 'path')?.value === undefined ? [] : [entryOf(each, 'path')?.value ?? each]));
  const value: SpecNode = { kind: 'list', at: ignore.at, items };
  return { ...root, entries: root.entries.map((each) => (each.key === 'ignore' ? { ...each, value } : each)) };
}

const shown = (node: SpecNode): string => (node.kind === 'scalar' ? node.value : canonical(node));

/** Returns the differences as text: + for what is new, - for what is gone, ~ for what is another. */
export function differencesText(all: readonly Difference[]): string {
  const lines = all.map(({ path, before, after }) => {
    if (before === undefined) return `+ ${path}: ${after ?? ''}`;
    return after === undefined ? `- ${path}: ${before}` : `~ ${path}:\n    - ${before}\n    + ${after}`;
  });
  return [...lines, all.length === 0 ? 'no difference in meaning' : `${all.length} rules differ`].join('\n');
}
