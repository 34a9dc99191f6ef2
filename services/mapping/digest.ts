/** The digest of a spec: sha256 over the canonical JSON of its tree and of every map it uses. Comments, quotes and key order do not count. */
import { hash } from 'node:crypto';
import type { SpecNode } from './read.ts';

type Json = string | readonly Json[] | { readonly [name: string]: Json };

function plain(node: SpecNode): Json {
  if (node.kind === 'scalar') return node.value;
  if (node.kind === 'list') return node.items.map(plain);
  // Cases of a map and reasons say nothing about what it does; cases of a switch are what it does.
  const isSwitch = node.entries.some((each) => each.key === 'switch');
  const entries = node.entries.filter((each) => (each.key !== 'cases' || isSwitch) && each.key !== 'because' && each.key !== 'notes');
  return Object.fromEntries(entries.map((each) => [each.key, plain(each.value)] as const).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** Every map that uses a datatype map has it in its digest. */
const known = new WeakMap<SpecNode, string>();

/** Returns the canonical JSON of a tree: keys sorted, every scalar a text. */
export function canonical(node: SpecNode): string {
  const text = known.get(node) ?? JSON.stringify(plain(node));
  known.set(node, text);
  return text;
}

/** Returns the sha256 (hexadecimal) over trees in an order that does not depend on the files' order. */
export const digestOf = (trees: readonly SpecNode[]): string => hash('sha256', trees.map(canonical).sort().join('\n'), 'hex');

/** Returns 'id@version#digest' as stored with everything a map makes: the first 16 hexadecimal digits, 64 bits, tell versions apart. */
export const specLabel = (id: string, version: string, digest: string): string => `${id}@${version}#${digest.slice(0, 16)}`;
