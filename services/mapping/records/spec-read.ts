/** Reads the source of a map of CSV or JSON records. */
import { type Diagnostic, diagnostic, didYouMean } from '../diagnostics.ts';
import { entryOf, type MapNode, textOf, texts } from '../read.ts';
import type { RecordSpec } from '../spec.ts';
import { type ObjectShape, shapeOf } from './shape.ts';

const KEYS = { csv: ['format', 'columns', 'group', 'authority'], json: ['format', 'fields', 'match', 'authority'] };

/** Returns format, shape, grouping and match of `source:`. */
export function recordSource(
  root: MapNode,
  faults: Diagnostic[],
): Pick<RecordSpec, 'format' | 'shape' | 'group' | 'jsonMatch' | 'authority'> {
  const source = entryOf(root, 'source')?.value;
  const format = textOf(source, 'format') === 'csv' ? 'csv' : 'json';
  for (const each of source?.kind === 'map' ? source.entries : [])
    if (!KEYS[format].includes(each.key))
      faults.push(diagnostic('unknown-key', each.at, { name: each.key, nearest: didYouMean(each.key, KEYS[format]) }));
  const declared = entryOf(source, format === 'csv' ? 'columns' : 'fields')?.value;
  if (declared === undefined)
    faults.push(diagnostic('spec-header', root.at, { name: format === 'csv' ? 'source.columns' : 'source.fields' }));
  const flat: ObjectShape = declared === undefined ? { kind: 'object', parts: new Map(), optional: false } : shapeOf(declared, faults);
  const group = texts(entryOf(source, 'group')?.value);
  for (const each of group)
    if (!flat.parts.has(each.value))
      faults.push(
        diagnostic('unknown-element', each.at, { type: 'The file', name: each.value, nearest: didYouMean(each.value, flat.parts.keys()) }),
      );
  const rows = { kind: 'list', of: flat, optional: true } as const;
  const shape: ObjectShape = group.length === 0 ? flat : { ...flat, parts: new Map([...flat.parts, ['rows', rows]]) };
  const match = entryOf(source, 'match')?.value;
  const jsonMatch =
    match?.kind === 'map'
      ? match.entries.map(({ key, value }) => ({ path: key, values: new Set(texts(value).map((each) => each.value)) }))
      : [];
  return { format, shape, group: group.map((each) => each.value), jsonMatch, authority: textOf(source, 'authority') };
}
