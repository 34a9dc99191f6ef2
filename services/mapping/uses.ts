/** The maps that a map uses, as far as its text says: concept maps by name; of datatype maps all that may be chosen by a pair of types. */
import type { SpecNode } from './read.ts';
import type { ResourceSpec, SpecBase, SpecFamily } from './spec.ts';

/** Returns them once each, in the order of their ids. */
export function usedMaps(spec: SpecBase, family: SpecFamily, resources: readonly ResourceSpec[]): readonly SpecBase[] {
  const types = [...new Set(family.types.values())];
  const rules: readonly SpecBase[] = [spec, ...resources, ...types];
  const tables = rules.flatMap((each) => tablePaths(each).flatMap((path) => family.tables.get(path) ?? []));
  return [...new Set<SpecBase>([...resources, ...types, ...tables])].sort((a, b) => (a.id < b.id ? -1 : 1));
}

/** Every message map asks for those of every datatype map. */
const known = new WeakMap<SpecBase, readonly string[]>();

function tablePaths(spec: SpecBase): readonly string[] {
  const paths = known.get(spec) ?? pathsIn(spec.root, spec.use);
  known.set(spec, paths);
  return paths;
}

function pathsIn(node: SpecNode, use: SpecBase['use']): readonly string[] {
  if (node.kind === 'scalar') return [];
  if (node.kind === 'list') return node.items.flatMap((each) => pathsIn(each, use));
  return node.entries.flatMap(({ key, value }) =>
    key === 'map' && value.kind === 'scalar' ? [(use.get(value.value)?.value ?? value.value).split('@')[0] ?? ''] : pathsIn(value, use),
  );
}
