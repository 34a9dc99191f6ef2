/** What a row map is stored under. */
import { createHash } from 'node:crypto';
import type { SpecNode } from '../read.ts';

/** Returns 'id@version#digest': the digest is of the map's content, whatever its layout, and of every concept table it uses. */
export function specName(id: string, version: string, trees: readonly SpecNode[]): string {
  const digest = createHash('sha256')
    .update(JSON.stringify(trees.map(content)))
    .digest('hex');
  return `${id}@${version}#sha256:${digest}`;
}

function content(node: SpecNode): unknown {
  if (node.kind === 'scalar') return node.value;
  if (node.kind === 'list') return node.items.map(content);
  return node.entries.filter(({ key }) => key !== 'cases').map(({ key, value }) => [key, content(value)]);
}
