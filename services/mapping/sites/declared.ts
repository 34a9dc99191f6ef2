/** Segments that only a sender knows (Z-segments), declared by a map: where they stand and what their fields are. */
import { componentsOf } from '../../hl7v2/definitions.ts';
import type { StructureElement } from '../../hl7v2/structures.ts';
import { type Diagnostic, diagnostic, didYouMean } from '../diagnostics.ts';
import { V2_PRIMITIVES } from '../expression/typed.ts';
import { entryOf, type MapEntry, type SpecNode, textOf } from '../read.ts';
import type { DeclaredField, DeclaredSegment } from '../spec.ts';

const NEWEST = '2.8.2';
const COMMON = [
  'ST',
  'CWE',
  'NM',
  'DTM',
  'DT',
  'TM',
  'ID',
  'IS',
  'SI',
  'TX',
  'FT',
  'XPN',
  'XAD',
  'XTN',
  'XCN',
  'XON',
  'CX',
  'EI',
  'HD',
  'CQ',
  'PL',
  'SN',
];

/** True for the name of a datatype of the standard. */
export const isDatatype = (name: string): boolean =>
  V2_PRIMITIVES.has(name) || componentsOf(NEWEST, name).length > 0 || componentsOf('2.5.1', name).length > 0;

/** Reads `segments: { ZLR: { after: OBR, repeats: "false", fields: { 1: { name: analyzer, type: CWE } } } }`. */
export function declaredSegments(node: SpecNode | undefined, faults: Diagnostic[]): ReadonlyMap<string, DeclaredSegment> {
  const found = new Map<string, DeclaredSegment>();
  if (node !== undefined && node.kind !== 'map') faults.push(diagnostic('spec-shape', node.at));
  for (const entry of node?.kind === 'map' ? node.entries : []) {
    const { key, at, value } = entry;
    if (!/^Z[A-Z0-9]{2}$/.test(key)) faults.push(diagnostic('segment-name', at, { name: key }));
    const after = textOf(value, 'after') ?? '';
    if (after === '') faults.push(diagnostic('segment-place', at, { name: key }));
    unknownKeys(value, ['after', 'fields', 'repeats', 'because'], faults);
    const fields = entryOf(value, 'fields')?.value;
    found.set(key, {
      name: key,
      after,
      at: entryOf(value, 'after')?.value.at ?? at,
      repeats: textOf(value, 'repeats') === 'true',
      fields: new Map((fields?.kind === 'map' ? fields.entries : []).flatMap((each) => fieldOf(each, key, faults))),
    });
  }
  return found;
}

function fieldOf({ key, at, value }: MapEntry, segment: string, faults: Diagnostic[]): readonly (readonly [number, DeclaredField])[] {
  const type = value.kind === 'scalar' ? value.value : (textOf(value, 'type') ?? '');
  unknownKeys(value, ['name', 'type', 'repeats', 'because'], faults);
  if (!/^[1-9]\d{0,2}$/.test(key)) faults.push(diagnostic('segment-field', at, { name: `${segment}-${key}` }));
  else if (!isDatatype(type)) faults.push(diagnostic('unknown-type', value.at, { name: type, nearest: didYouMean(type, COMMON) }));
  else return [[Number(key), { name: textOf(value, 'name') ?? '', datatype: type, repeats: textOf(value, 'repeats') === 'true' }]];
  return [];
}

function unknownKeys(node: SpecNode, known: readonly string[], faults: Diagnostic[]): void {
  for (const each of node.kind === 'map' ? node.entries : []) {
    if (!known.includes(each.key))
      faults.push(diagnostic('unknown-key', each.at, { name: each.key, nearest: didYouMean(each.key, known) }));
  }
}

/** Returns the structure with declared segments behind the segments they follow; in each group that has such a one. */
export function withDeclared(
  children: readonly StructureElement[],
  declared: ReadonlyMap<string, DeclaredSegment>,
): readonly StructureElement[] {
  if (declared.size === 0) return children;
  return children.flatMap((each) => {
    const inner = each.children === undefined ? each : { ...each, children: withDeclared(each.children, declared) };
    const behind = [...declared.values()].filter(
      (segment) => each.children === undefined && each.segments?.includes(segment.after) === true,
    );
    return [inner, ...behind.map(({ name, repeats }): StructureElement => ({ name, optional: true, repeats, segments: [name] }))];
  });
}
