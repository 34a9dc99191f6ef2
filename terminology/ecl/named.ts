import type { NamedCode } from '../provider.ts';
import type { Expression } from './syntax.ts';

/**
 * Returns the concepts that an expression names, each once: those of which it asks what is below or above them too, and others. `memberFault`: why a
 * concept has no members.
 */
export function namedConcepts(expression: Expression, memberFault: (code: string) => string | undefined): readonly NamedCode[] {
  const found = new Map<string, Omit<NamedCode, 'code'>>();
  const visit = (part: unknown): void => {
    if (Array.isArray(part)) part.forEach(visit);
    else if (typeof part === 'object' && part !== null) {
      const focus: unknown = Reflect.get(part, 'focus');
      const [kind, id]: readonly unknown[] =
        typeof focus === 'object' && focus !== null ? [Reflect.get(focus, 'kind'), Reflect.get(focus, 'id')] : [];
      const isTree = Reflect.get(part, 'operator') !== undefined;
      if (kind === 'concept' && typeof id === 'string') {
        const before = found.get(id);
        const fault = Reflect.get(part, 'memberOf') === undefined ? undefined : memberFault(id);
        found.set(id, { isTree: isTree || before?.isTree === true, fault: before?.fault ?? fault });
      }
      Object.values(part).forEach(visit);
    }
  };
  visit(expression);
  return [...found].map(([code, told]) => ({ code, ...told }));
}
