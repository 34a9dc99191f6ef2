/** What is known of types before an expression runs, and the conversions that ask for one. */
import { isResourceType } from '../definitions.ts';
import type { JsonValue } from '../resource.ts';
import type { PathNode } from './path-parse.ts';
import { hasType, NOTHING, type Path, type Scope, single, truth, type Values } from './path-values.ts';

/** What is known before an expression runs. */
export interface Known {
  /** Types of $this. */
  readonly types: readonly string[] | undefined;
  /** Constants by name, with their types. */
  readonly constants: ReadonlyMap<string, string>;
  /** Takes names of elements that the types do not have: they find nothing, which may be a mistake. */
  readonly strange: (element: string, type: string) => void;
}

export type Compile = (node: PathNode, known: Known) => Path;

/** `x.ofType(T)`, `x as T`, `x is T`: by the element's types where they tell, else by the form of the values. */
export function typed(of: Path, op: 'is' | 'as', type: string): Path {
  const name = type === 'String' || type === 'Boolean' || type === 'Integer' || type === 'Decimal' ? type.toLowerCase() : type;
  if (op === 'as' && of.ofType !== undefined) return of.ofType(name);
  const isSure = of.types?.length === 1 && of.types[0] === name && !isResourceType(name) && name !== 'Resource';
  const fits = (value: JsonValue): boolean => isSure || hasType(value, name);
  if (op === 'as') return { run: (self, scope) => of.run(self, scope).filter(fits), types: [name] };
  const run = (self: Values, scope: Scope): Values => {
    const value = single(of.run(self, scope));
    return value === undefined ? NOTHING : truth(fits(value));
  };
  return { run, types: ['boolean'] };
}
