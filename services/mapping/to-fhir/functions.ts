/**
 * Resources of a fast module as functions of their own: a closure per run and resource is slower to make than to call, and the engine
 * optimises a small function with parameters better than one that reaches out. What a function reads of a field more than once it reads once.
 */

import type { Level } from './levels.ts';
import { readOnce } from './reads.ts';

/** Names that emitted code declares: a letter and a number of Build.fresh; `root` is the message. Quoted text is passed over. */
const NAMES = /"(?:[^"\\]|\\.)*"|\b(?:[a-z]\d+|root)\b/g;
const DECLARED = /^(?:for \()?(?:const|let) ([a-z]\d+)\b/;

/** Returns the names that a level and those inside it declare. */
export function declaredIn({ open, declarations, children }: Level, found: Set<string> = new Set()): ReadonlySet<string> {
  for (const each of [open, ...declarations]) {
    const name = DECLARED.exec(each)?.[1];
    if (name !== undefined) found.add(name);
  }
  for (const child of children.values()) declaredIn(child, found);
  return found;
}

export interface ResourceFunction {
  readonly text: string;
  /** The arguments to call it with. */
  readonly args: string;
}

/** Returns the function `name` whose body may use the names in `outer`, declared where it is called; a traced one tells of every read. */
export function resourceFunction(name: string, body: string, outer: ReadonlySet<string>, isFast: boolean): ResourceFunction {
  const used = new Set<string>();
  for (const [found] of body.matchAll(NAMES)) if (outer.has(found) || found === 'root') used.add(found);
  const args = [...used, 'X'].join(', ');
  return { text: `function ${name}(${args}) {\n${isFast ? readOnce(body, used) : body}\n}`, args };
}
