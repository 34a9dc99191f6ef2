import { failure, problem, type Result, success } from '../../errors.ts';
import { choiceNames, type ElementDefinition, elementOf, elementsOf, kindOf } from '../definitions.ts';
import { isArray, isObject } from '../format/json.ts';
import type { JsonObject, JsonValue, Resource } from '../resource.ts';
import { type Editable, type EditableObject, editable, insertAt, moveWithin, type Place, placeOf, removeAt } from './patch-places.ts';

/** One operation of a FHIRPath Patch (http://hl7.org/fhir/R4/fhirpatch.html). */
export type FhirPathOperation =
  | { readonly type: 'add'; readonly path: string; readonly name: string; readonly value: JsonObject }
  | { readonly type: 'insert'; readonly path: string; readonly index: number; readonly value: JsonObject }
  | { readonly type: 'delete'; readonly path: string }
  | { readonly type: 'replace'; readonly path: string; readonly value: JsonObject }
  | { readonly type: 'move'; readonly path: string; readonly source: number; readonly destination: number };

/** Returns the places that an expression finds in a resource, as FHIRPaths with indexes: Patient.name[0].given[1]. */
export type Locate = (resource: JsonObject, expression: string) => Promise<Result<readonly string[]>>;

const MOST_OPERATIONS = 200;

const unreadable = (reason: string, number: number): Result<never> =>
  failure(problem('fhir-patch-form', { reason }, `Parameters.parameter[${number - 1}]`));

/** Returns the operations of a Parameters resource; Problem fhir-patch-form. */
export function readFhirPathPatch(parameters: JsonObject): Result<readonly FhirPathOperation[]> {
  const all = isArray(parameters['parameter']) ? parameters['parameter'] : [];
  if (parameters['resourceType'] !== 'Parameters')
    return failure(problem('fhir-patch-form', { reason: 'it is not a Parameters resource' }));
  if (all.length > MOST_OPERATIONS)
    return failure(problem('fhir-patch-form', { reason: `it has more than ${MOST_OPERATIONS} operations` }));
  const operations: FhirPathOperation[] = [];
  for (const [i, each] of all.entries()) {
    const operation = operationOf(isObject(each) ? each : {}, i + 1);
    if (!operation.ok) return operation;
    operations.push(operation.value);
  }
  return success(operations);
}

function operationOf(parameter: JsonObject, number: number): Result<FhirPathOperation> {
  if (parameter['name'] !== 'operation') return unreadable('a parameter is not called operation', number);
  const parts = new Map<string, JsonObject>();
  for (const part of isArray(parameter['part']) ? parameter['part'] : [])
    if (isObject(part) && typeof part['name'] === 'string') parts.set(part['name'], part);
  const text = (name: string, ...kinds: readonly string[]): string | undefined => {
    const found = kinds.map((kind) => parts.get(name)?.[`value${kind}`]).find((each) => each !== undefined);
    return typeof found === 'string' ? found : undefined;
  };
  const index = (name: string): number | undefined => {
    const found = parts.get(name)?.['valueInteger'];
    return typeof found === 'number' && Number.isInteger(found) && found >= 0 ? found : undefined;
  };
  const type = text('type', 'Code', 'String');
  const path = text('path', 'String');
  if (path === undefined || path === '') return unreadable('a path (valueString) is missing', number);
  if (type === 'delete') return success({ type, path });
  if (type === 'move') {
    const [source, destination] = [index('source'), index('destination')];
    if (source === undefined || destination === undefined) return unreadable('source and destination (valueInteger) are missing', number);
    return success({ type, path, source, destination });
  }
  if (type !== 'add' && type !== 'insert' && type !== 'replace')
    return unreadable('type is not one of add, insert, delete, replace, move', number);
  const value = parts.get('value');
  if (value === undefined) return unreadable('value is missing', number);
  if (type === 'replace') return success({ type, path, value });
  if (type === 'add') {
    const name = text('name', 'String');
    return name === undefined ? unreadable('name (valueString) is missing', number) : success({ type, path, name, value });
  }
  const at = index('index');
  return at === undefined ? unreadable('index (valueInteger) is missing', number) : success({ type, path, index: at, value });
}

/** Why an operation does not fit; never leaves this file. */
class Misfit extends Error {}

/** A value with the type that it was given in; a primitive may have an id or extensions beside it. */
interface Given {
  /** 'Quantity', 'string'; '' for one given by parts. */
  readonly datatype: string;
  readonly value: Editable | undefined;
  readonly beside: Editable | undefined;
}

/** Returns the value of a part for an element: `value[x]`, a resource, or parts that name the elements of a backbone. */
function givenOf(part: JsonObject, element: ElementDefinition): Given {
  for (const name in part) {
    const each = part[name];
    const datatype = /^_?value([A-Z]\w*)$/.exec(name)?.[1];
    if (each === undefined || datatype === undefined) continue;
    const beside = part[`_value${datatype}`];
    const value = part[`value${datatype}`];
    return {
      datatype,
      value: value === undefined ? undefined : editable(value),
      beside: beside === undefined ? undefined : editable(beside),
    };
  }
  if (isObject(part['resource'])) return { datatype: 'Resource', value: editable(part['resource']), beside: undefined };
  const type = element.types[0]?.code ?? '';
  const object: EditableObject = {};
  for (const each of isArray(part['part']) ? part['part'] : []) {
    if (!isObject(each) || typeof each['name'] !== 'string') throw new Misfit('a part of the value has no name');
    addTo(object, type, each['name'], each);
  }
  return { datatype: '', value: object, beside: undefined };
}

/** The property of an element that a value of a datatype goes into. */
function propertyFor(element: ElementDefinition, asked: string, { datatype }: Given): string {
  if (!element.isChoice) return asked;
  const base = element.name.slice(0, -3);
  const property = `${base}${datatype}`;
  if (datatype === '' || !choiceNames(element).includes(property)) throw new Misfit('the element cannot have a value of this type');
  return property;
}

/** Puts a value into an object of a type: at the end of a list, or where nothing is yet. */
function addTo(object: EditableObject, type: string, name: string, part: JsonObject): void {
  const element = /^[A-Za-z]+$/.test(name) ? elementOf(type, name) : undefined;
  if (element === undefined) throw new Misfit('there is no element of that name');
  const given = givenOf(part, element);
  const property = propertyFor(element, name, given);
  if (element.max > 1) {
    const list = object[property];
    insertAt({ owner: object, property, index: Array.isArray(list) ? list.length : 0 }, given.value, given.beside);
    return;
  }
  const names = elementsOf(type).get(element.name) === undefined ? [property] : choiceNames(element);
  if (names.some((each) => object[each] !== undefined || object[`_${each}`] !== undefined))
    throw new Misfit('the element has a value already');
  if (given.value !== undefined) object[property] = given.value;
  if (given.beside !== undefined) object[`_${property}`] = given.beside;
}

async function located(root: EditableObject, expression: string, locate: Locate): Promise<readonly Place[]> {
  const found = await locate(root, expression);
  if (!found.ok) throw new Stop(found);
  return found.value.map((text) => {
    const place = placeOf(root, text);
    if (place === undefined) throw new Misfit('the path leads to a computed value, not to an element');
    return place;
  });
}

/** Problems of the one who locates. */
class Stop extends Error {
  readonly result: Result<never>;
  constructor(result: Result<unknown>) {
    super('located');
    this.result = failure(...result.problems);
  }
}

async function onlyOne(root: EditableObject, expression: string, locate: Locate): Promise<Place> {
  const [only, second] = await located(root, expression, locate);
  if (only === undefined) throw new Misfit('the path finds nothing');
  if (second !== undefined) throw new Misfit('the path finds more than one element');
  return only;
}

/** The list that a path such as Patient.name.where(use='official').given names: its owner and property. */
async function listOf(root: EditableObject, path: string, locate: Locate) {
  const [, parent = '', name = ''] = /^(.+)\.([A-Za-z]+)$/s.exec(path) ?? [];
  if (name === '') throw new Misfit('the path does not end with the name of a list');
  const owner = await onlyOne(root, parent, locate);
  const element = owner.type === undefined ? undefined : elementOf(owner.type, name);
  if (element === undefined || !(element.max > 1)) throw new Misfit('the path does not lead to an element that may repeat');
  return { owner: owner.asObject(), property: name, element };
}

async function applied(root: EditableObject, operation: FhirPathOperation, locate: Locate): Promise<void> {
  if (operation.type === 'add') {
    const place = await onlyOne(root, operation.path, locate);
    addTo(place.asObject(), place.type ?? '', operation.name, operation.value);
    return;
  }
  if (operation.type === 'insert' || operation.type === 'move') {
    const { owner, property, element } = await listOf(root, operation.path, locate);
    const list = owner[property];
    const length = Array.isArray(list) ? list.length : 0;
    if (operation.type === 'insert') {
      if (operation.index > length) throw new Misfit('the index is beyond the end of the list');
      const given = givenOf(operation.value, element);
      insertAt({ owner, property, index: operation.index }, given.value, given.beside);
    } else if (Math.max(operation.source, operation.destination) >= length) throw new Misfit('the index is beyond the end of the list');
    else moveWithin(owner, property, operation.source, operation.destination);
    return;
  }
  if (operation.type === 'delete') {
    const [only, second] = await located(root, operation.path, locate);
    if (second !== undefined) throw new Misfit('the path finds more than one element');
    if (only?.at === undefined && only !== undefined) throw new Misfit('the whole resource cannot be deleted');
    if (only?.at !== undefined) removeAt(only.at);
    return;
  }
  replaced(await onlyOne(root, operation.path, locate), operation.value);
}

function replaced({ at, element }: Place, part: JsonObject): void {
  if (at === undefined || element === undefined) throw new Misfit('the whole resource cannot be replaced');
  const given = givenOf(part, element);
  if (at.index !== undefined) {
    const { index } = at;
    removeAt(at);
    insertAt({ ...at, index }, given.value, given.beside);
    return;
  }
  const property = propertyFor(element, at.property, given);
  removeAt(at);
  if (given.value !== undefined) at.owner[property] = given.value;
  if (given.beside !== undefined) at.owner[`_${property}`] = given.beside;
}

/**
 * Returns what a FHIRPath Patch makes of a resource: all of its operations, each on what those before it made, or the problem of the
 * first that does not fit. The resource itself stays as it is; numbers keep their digits. Problems: fhir-patch-path and those of `locate`.
 */
export async function applyFhirPathPatch(
  resource: Resource,
  operations: readonly FhirPathOperation[],
  locate: Locate,
): Promise<Result<JsonValue>> {
  const root = editable(resource);
  if (typeof root !== 'object' || root === null || Array.isArray(root) || !isEditableObject(root)) return success(root);
  for (const [i, operation] of operations.entries()) {
    try {
      await applied(root, operation, locate);
    } catch (error) {
      if (error instanceof Stop) return error.result;
      if (error instanceof Misfit) return failure(problem('fhir-patch-path', { number: i + 1, reason: error.message }));
      throw error;
    }
  }
  return success(root);
}

const isEditableObject = (value: Editable): value is EditableObject =>
  isObject(value) && kindOf(String(value['resourceType'])) === 'resource';
