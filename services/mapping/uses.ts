/** The maps that a map uses, as far as its text says: concept maps by name; of datatype maps all that may be chosen by a pair of types. */
import type { SpecNode } from './read.ts';
import type { ResourceSpec, SpecBase, SpecFamily, TableSpec } from './spec.ts';

/** Returns them once each, in the order of their ids. */
export function usedMaps(spec: SpecBase, family: SpecFamily, resources: readonly ResourceSpec[]): readonly SpecBase[] {
  const types = [...new Set(family.types.values())];
  const rules: readonly SpecBase[] = [spec, ...resources, ...types];
  const tables = rules.flatMap((each) => tablesIn(each.root, each.use, family));
  return [...new Set<SpecBase>([...resources, ...types, ...tables])].sort((a, b) => (a.id < b.id ? -1 : 1));
}

function tablesIn(node: SpecNode, use: SpecBase['use'], family: SpecFamily): readonly TableSpec[] {
  if (node.kind === 'scalar') return [];
  if (node.kind === 'list') return node.items.flatMap((each) => tablesIn(each, use, family));
  return node.entries.flatMap(({ key, value }) => {
    if (key !== 'map' || value.kind !== 'scalar') return tablesIn(value, use, family);
    const path = (use.get(value.value)?.value ?? value.value).split('@')[0] ?? '';
    const table = family.tables.get(path);
    return table === undefined ? [] : [table];
  });
}
