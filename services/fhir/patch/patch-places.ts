import { choiceNames, type ElementDefinition, elementsOf, kindOf } from '../definitions.ts';
import { isArray } from '../format/json.ts';
import { Decimal, type JsonValue } from '../resource.ts';

/** JSON that may be changed in place: a copy of what came. */
export type Editable = string | number | boolean | null | Decimal | Editable[] | EditableObject;
export interface EditableObject {
  [name: string]: Editable | undefined;
}

/** Returns a copy that may be changed. Decimals are shared: they never change. */
export function editable(value: JsonValue): Editable {
  if (typeof value !== 'object' || value === null || value instanceof Decimal) return value;
  if (isArray(value)) return value.map(editable);
  const copy: EditableObject = {};
  for (const name in value) {
    const each = value[name];
    if (each !== undefined) copy[name] = editable(each);
  }
  return copy;
}

/** A property of an object, or one item of the list in it. */
export interface Slot {
  readonly owner: EditableObject;
  readonly property: string;
  readonly index: number | undefined;
}

/** An element that a FHIRPath with indexes leads to. */
export interface Place {
  /** undefined: the resource itself. */
  readonly at: Slot | undefined;
  /** How the element is declared; its choice whole ('value[x]'). */
  readonly element: ElementDefinition | undefined;
  /** Its type, for the names of its children; undefined where they are not known. */
  readonly type: string | undefined;
  /** The object that holds its children; of a primitive the one beside it (_birthDate), which is made when there is none. */
  asObject(): EditableObject;
}

const isObject = (value: Editable | undefined): value is EditableObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Decimal);

const typeOfResource = (value: EditableObject): string => (typeof value['resourceType'] === 'string' ? value['resourceType'] : '');

/** Returns what a path such as Patient.name[0].given[1] leads to; choices go by their declared name (Observation.value). */
export function placeOf(root: EditableObject, path: string): Place | undefined {
  const [first = '', ...steps] = path.split('.');
  if (first !== typeOfResource(root)) return undefined;
  let place: Place | undefined = { at: undefined, element: undefined, type: first, asObject: () => root };
  for (const step of steps) place = place === undefined ? undefined : childOf(place, step);
  return place;
}

function childOf(parent: Place, step: string): Place | undefined {
  const [, name = '', digits] = /^(\w+)(?:\[(\d+)\])?$/.exec(step) ?? [];
  const owner = parent.asObject();
  const all = elementsOf(parent.type ?? '');
  const element = all.get(name) ?? all.get(`${name}[x]`);
  if (element === undefined) return undefined;
  const names = choiceNames(element);
  const n = names.findIndex((each) => owner[each] !== undefined || owner[`_${each}`] !== undefined);
  const property = names[n];
  if (property === undefined) return undefined;
  const index = digits !== undefined ? Number(digits) : element.max > 1 ? 0 : undefined;
  const slot: Slot = { owner, property, index: element.max > 1 ? index : undefined };
  const code = element.types[n]?.code ?? element.types[0]?.code ?? '';
  if (kindOf(code) === 'primitive') return { at: slot, element, type: 'Element', asObject: () => besideOf(slot) };
  const value = valueIn(slot);
  if (!isObject(value)) return undefined;
  return { at: slot, element, type: code === 'Resource' ? typeOfResource(value) : code, asObject: () => value };
}

function valueIn({ owner, property, index }: Slot): Editable | undefined {
  const value = owner[property];
  return index === undefined ? value : Array.isArray(value) ? value[index] : undefined;
}

/** The object beside a primitive; made when there is none. */
function besideOf({ owner, property, index }: Slot): EditableObject {
  const name = `_${property}`;
  if (index === undefined) {
    const found = owner[name];
    const object = isObject(found) ? found : {};
    owner[name] = object;
    return object;
  }
  const list = paddedList(owner, name, index + 1);
  const found = list[index];
  const object = isObject(found) ? found : {};
  list[index] = object;
  return object;
}

function paddedList(owner: EditableObject, name: string, length: number): Editable[] {
  const found = owner[name];
  const list = Array.isArray(found) ? found : [];
  while (list.length < length) list.push(null);
  owner[name] = list;
  return list;
}

/** Puts an item into a list, and what stands beside it at the same place of the list beside it. */
export function insertAt(slot: Slot & { readonly index: number }, value: Editable | undefined, beside: Editable | undefined): void {
  const { owner, property, index } = slot;
  const other = `_${property}`;
  const length = Math.max(lengthOf(owner[property]), lengthOf(owner[other]));
  if (value !== undefined || owner[property] !== undefined) paddedList(owner, property, length).splice(index, 0, value ?? null);
  if (beside !== undefined || owner[other] !== undefined) paddedList(owner, other, length).splice(index, 0, beside ?? null);
}

const lengthOf = (value: Editable | undefined): number => (Array.isArray(value) ? value.length : 0);

/** Takes an element out; lists and objects that become empty go with it, since FHIR knows no empty ones. */
export function removeAt({ owner, property, index }: Slot): void {
  for (const name of [property, `_${property}`]) {
    const value = owner[name];
    if (index === undefined || !Array.isArray(value)) {
      delete owner[name];
      continue;
    }
    value.splice(index, 1);
    if (value.every((each) => each === null)) delete owner[name];
  }
}

/** Moves an item of a list, and what stands beside it. */
export function moveWithin(owner: EditableObject, property: string, from: number, to: number): void {
  const length = Math.max(lengthOf(owner[property]), lengthOf(owner[`_${property}`]));
  for (const name of [property, `_${property}`]) {
    if (!Array.isArray(owner[name])) continue;
    const list = paddedList(owner, name, length);
    const [moved = null] = list.splice(from, 1);
    list.splice(to, 0, moved);
  }
}
