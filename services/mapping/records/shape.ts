/** What a record of a CSV or JSON source looks like: declared, so that paths and types are checked before the first record. */
import { type Diagnostic, diagnostic, didYouMean, type Position } from '../diagnostics.ts';
import type { ElementType, FhirTypes } from '../expression/scope.ts';
import { entryOf, type SpecNode, textNode } from '../read.ts';
import { type DateForm, dateForm } from './date-form.ts';

/** Types of single values; FHIR's names, so that they fit what expressions know. */
export const VALUE_TYPES = ['string', 'code', 'integer', 'decimal', 'boolean', 'date', 'dateTime', 'instant', 'time'] as const;
export type ValueType = (typeof VALUE_TYPES)[number];

export type Shape =
  | { readonly kind: 'value'; readonly type: ValueType; readonly form: DateForm | undefined; readonly optional: boolean }
  | { readonly kind: 'object'; readonly parts: ReadonlyMap<string, Shape>; readonly optional: boolean }
  | { readonly kind: 'list'; readonly of: Shape; readonly optional: boolean };

export type ObjectShape = Extract<Shape, { kind: 'object' }>;

const NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** Reads `columns:` or `fields:`: names with a type, { type, format, optional }, a nested map, or a list of one of these. */
export function shapeOf(node: SpecNode, faults: Diagnostic[], depth = 0): ObjectShape {
  const parts = new Map<string, Shape>();
  if (node.kind !== 'map' || depth > 10) faults.push(diagnostic('record-shape', node.at));
  for (const { key, at, value } of node.kind === 'map' ? node.entries : []) {
    if (!NAME.test(key) || key === '__proto__') faults.push(diagnostic('record-name', at, { name: key.slice(0, 40) }));
    else parts.set(key, partOf(value, faults, depth));
  }
  return { kind: 'object', parts, optional: false };
}

function partOf(node: SpecNode, faults: Diagnostic[], depth: number): Shape {
  if (node.kind === 'scalar') return valueShape(node.value, node.at, undefined, false, faults);
  if (node.kind === 'list') {
    const [item] = node.items;
    if (item === undefined || node.items.length > 1) faults.push(diagnostic('record-shape', node.at));
    return {
      kind: 'list',
      of: item === undefined ? { kind: 'object', parts: new Map(), optional: true } : partOf(item, faults, depth + 1),
      optional: true,
    };
  }
  const type = entryOf(node, 'type');
  const isLongForm = type?.value.kind === 'scalar' && VALUE_TYPES.some((each) => each === textNode(node, 'type')?.value);
  if (!isLongForm) return shapeOf(node, faults, depth + 1);
  for (const each of node.entries) {
    const known = ['type', 'format', 'optional', 'because'];
    if (!known.includes(each.key))
      faults.push(diagnostic('unknown-key', each.at, { name: each.key, nearest: didYouMean(each.key, known) }));
  }
  const format = textNode(node, 'format');
  const form = format === undefined ? undefined : dateForm(format.value);
  if (format !== undefined && form === undefined) faults.push(diagnostic('record-format', format.at, { name: format.value.slice(0, 40) }));
  return valueShape(textNode(node, 'type')?.value ?? '', node.at, form, textNode(node, 'optional')?.value === 'true', faults);
}

function valueShape(name: string, at: Position, form: DateForm | undefined, optional: boolean, faults: Diagnostic[]): Shape {
  const type = VALUE_TYPES.find((each) => each === name);
  if (type === undefined) faults.push(diagnostic('unknown-type', at, { name: name.slice(0, 40), nearest: didYouMean(name, VALUE_TYPES) }));
  return { kind: 'value', type: type ?? 'string', form, optional };
}

/** The shapes as expressions ask for them. Objects are named by their path; `read` hears every path that is read. */
export function shapeTypes(root: ObjectShape, read: (path: string) => void): FhirTypes {
  const at = (type: string): ObjectShape | undefined => {
    let here: Shape | undefined = root;
    for (const name of type === RECORD ? [] : type.slice(RECORD.length + 1).split('.')) {
      here = here?.kind === 'object' ? here.parts.get(name) : undefined;
      if (here?.kind === 'list') here = here.of;
    }
    return here?.kind === 'object' ? here : undefined;
  };
  return {
    element: (type, name): ElementType | undefined => {
      const part = at(type)?.parts.get(name);
      if (part === undefined) return undefined;
      const path = `${type}.${name}`;
      read(path.slice(RECORD.length + 1));
      const inner = part.kind === 'list' ? part.of : part;
      return { types: [inner.kind === 'value' ? inner.type : path], many: part.kind === 'list', choice: false };
    },
    elements: (type) => [...(at(type)?.parts.keys() ?? [])],
  };
}

/** The type name of a whole record. */
export const RECORD = 'Record';
