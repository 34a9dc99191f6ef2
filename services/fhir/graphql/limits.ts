import { type DocumentNode, type FragmentDefinitionNode, Kind, type SelectionSetNode } from 'graphql';

export interface Limits {
  /** Fields within fields. */
  readonly depth: number;
  /** Fields of the query with its fragments written out. */
  readonly fields: number;
}

/** What is too much of a query that has been validated: it has no circles of fragments. undefined: nothing. */
export function exceeded(document: DocumentNode, { depth, fields }: Limits): 'depth' | 'fields' | undefined {
  const fragments = new Map<string, FragmentDefinitionNode>();
  for (const each of document.definitions) if (each.kind === Kind.FRAGMENT_DEFINITION) fragments.set(each.name.value, each);
  let count = 0;
  let deepest = 0;
  const walk = (set: SelectionSetNode | undefined, level: number): void => {
    for (const each of set?.selections ?? []) {
      // Fragments in fragments double with every line: the walk ends where the limit is passed.
      if (count > fields || deepest > depth) return;
      if (each.kind === Kind.FRAGMENT_SPREAD) walk(fragments.get(each.name.value)?.selectionSet, level);
      else if (each.kind === Kind.INLINE_FRAGMENT) walk(each.selectionSet, level);
      else {
        count++;
        // Questions about the schema are bounded by a rule of their own.
        if (each.name.value.startsWith('__')) continue;
        deepest = Math.max(deepest, level);
        walk(each.selectionSet, level + 1);
      }
    }
  };
  for (const each of document.definitions) if (each.kind === Kind.OPERATION_DEFINITION) walk(each.selectionSet, 1);
  if (deepest > depth) return 'depth';
  return count > fields ? 'fields' : undefined;
}
