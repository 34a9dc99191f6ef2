import type { NamedCode } from '../provider.ts';
import type { Expression } from './syntax.ts';

/** Returns the concepts that an expression names, each once: those of which it asks what is below or above them too, and others. */
export function namedConcepts(expression: Expression): readonly NamedCode[] {
  const found = new Map<string, boolean>();
  const visit = (part: unknown): void => {
    if (Array.isArray(part)) part.forEach(visit);
    else if (typeof part === 'object' && part !== null) {
      const focus: unknown = Reflect.get(part, 'focus');
      const [kind, id]: readonly unknown[] =
        typeof focus === 'object' && focus !== null ? [Reflect.get(focus, 'kind'), Reflect.get(focus, 'id')] : [];
      const isTree = Reflect.get(part, 'operator') !== undefined;
      if (kind === 'concept' && typeof id === 'string') found.set(id, isTree || found.get(id) === true);
      Object.values(part).forEach(visit);
    }
  };
  visit(expression);
  return [...found].map(([code, isTree]) => ({ code, isTree }));
}
