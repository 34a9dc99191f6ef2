/** Reads `override:`: a list of { at, base, set }, { remove, base } and { add, set }, each with a `because`. */
import { type Diagnostic, diagnostic, didYouMean } from '../diagnostics.ts';
import { entryOf, type SpecNode, textNode } from '../read.ts';
import type { Override } from '../spec.ts';

const KEYS = ['at', 'remove', 'add', 'set', 'base', 'because'];

/** Returns the overrides, in their order; what is none is reported. */
export function overridesOf(node: SpecNode | undefined, faults: Diagnostic[]): readonly Override[] {
  if (node === undefined) return [];
  if (node.kind !== 'list') {
    faults.push(diagnostic('spec-shape', node.at));
    return [];
  }
  return node.items.flatMap((item) => {
    const found = item.kind === 'map' ? overrideOf(item, faults) : undefined;
    if (found === undefined) faults.push(diagnostic('override-form', item.at));
    return found ?? [];
  });
}

function overrideOf(item: SpecNode, faults: Diagnostic[]): Override | undefined {
  for (const each of item.kind === 'map' ? item.entries : []) {
    if (!KEYS.includes(each.key)) faults.push(diagnostic('unknown-key', each.at, { name: each.key, nearest: didYouMean(each.key, KEYS) }));
  }
  const at = textNode(item, 'at');
  const remove = textNode(item, 'remove');
  const add = textNode(item, 'add');
  const set = entryOf(item, 'set')?.value;
  const path = at ?? remove ?? add;
  const named = [at, remove, add].filter((each) => each !== undefined).length;
  if (path === undefined || named !== 1 || (remove === undefined) !== (set !== undefined)) return undefined;
  const action = at !== undefined ? 'set' : remove !== undefined ? 'remove' : 'add';
  return { action, path, base: textNode(item, 'base'), set: set ?? path };
}
