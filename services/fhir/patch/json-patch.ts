import { failure, type Problem, problem, type Result, success } from '../../errors.ts';
import { isArray, isObject, readJsonArray } from '../format/json.ts';
import { Decimal, type JsonObject, type JsonValue } from '../resource.ts';

/** One operation of a JSON Patch (https://www.rfc-editor.org/rfc/rfc6902#section-4); paths as their unescaped tokens. */
export type JsonPatchOperation =
  | { readonly op: 'add' | 'replace' | 'test'; readonly path: readonly string[]; readonly value: JsonValue }
  | { readonly op: 'remove'; readonly path: readonly string[] }
  | { readonly op: 'move' | 'copy'; readonly path: readonly string[]; readonly from: readonly string[] };

const MOST_OPERATIONS = 1_000;
/** Values that all copies of one patch may copy together: each copy may double what is there. */
const MOST_COPIED = 500_000;

const unreadable = (reason: string, at?: string): Result<never> => failure(problem('fhir-patch-form', { reason }, at));

/** Returns the tokens of a JSON Pointer (https://www.rfc-editor.org/rfc/rfc6901); undefined when it is none. */
function pointer(value: JsonValue | undefined): readonly string[] | undefined {
  if (typeof value !== 'string' || (value !== '' && !value.startsWith('/')) || /~(?![01])/.test(value)) return undefined;
  const tokens = value.split('/').slice(1);
  return tokens.map((token) => token.replaceAll('~1', '/').replaceAll('~0', '~'));
}

function operationOf(value: JsonValue, number: number): Result<JsonPatchOperation> {
  const at = `operation ${number}`;
  if (!isObject(value)) return unreadable('an operation is not an object', at);
  const { op } = value;
  const path = pointer(value['path']);
  if (path === undefined) return unreadable('path is not a JSON Pointer', at);
  // An assignment to it would change the prototype of the object instead of a property.
  if (path.includes('__proto__')) return unreadable('__proto__ is no element', at);
  if (op === 'remove') return success({ op, path });
  if (op === 'add' || op === 'replace' || op === 'test') {
    const given = value['value'];
    return given === undefined ? unreadable('value is missing', at) : success({ op, path, value: given });
  }
  if (op !== 'move' && op !== 'copy') return unreadable('op is not one of add, remove, replace, move, copy, test', at);
  const from = pointer(value['from']);
  if (from === undefined) return unreadable('from is not a JSON Pointer', at);
  if (op === 'move' && from.length < path.length && from.every((token, i) => token === path[i])) {
    return unreadable('a value cannot be moved into itself', at);
  }
  return success({ op, path, from });
}

/** Returns the operations of a JSON Patch document; Problem fhir-patch-form or fhir-not-json. Numbers keep their digits. */
export function readJsonPatch(source: string | Uint8Array): Result<readonly JsonPatchOperation[]> {
  const read = readJsonArray(source);
  if (!read.ok) return read;
  if (read.value.length > MOST_OPERATIONS) return unreadable(`it has more than ${MOST_OPERATIONS} operations`);
  const operations: JsonPatchOperation[] = [];
  for (const [i, each] of read.value.entries()) {
    const operation = operationOf(each, i + 1);
    if (!operation.ok) return operation;
    operations.push(operation.value);
  }
  return success(operations);
}

/** Why an operation does not fit; never leaves this file. */
class Misfit extends Error {}

function indexOf(token: string, length: number): number {
  if (!/^(0|[1-9]\d{0,8})$/.test(token)) throw new Misfit('an array is addressed by something else than an index');
  const index = Number(token);
  if (index >= length) throw new Misfit('an index is beyond the end of its array');
  return index;
}

function childOf(value: JsonValue, token: string): JsonValue {
  if (isArray(value)) return value[indexOf(token, value.length)] ?? null;
  const child = isObject(value) && Object.hasOwn(value, token) ? value[token] : undefined;
  if (child === undefined) throw new Misfit('the path leads to nothing');
  return child;
}

const valueAt = (root: JsonValue, path: readonly string[]): JsonValue => path.reduce(childOf, root);

/** Returns `root` with the container of the path's end replaced by what `change` makes of it. */
function changed(root: JsonValue, path: readonly string[], change: (container: JsonValue, token: string) => JsonValue): JsonValue {
  const [token = '', ...rest] = path;
  if (rest.length === 0) return change(root, token);
  const child = changed(childOf(root, token), rest, change);
  return isArray(root) ? root.with(indexOf(token, root.length), child) : { ...(isObject(root) ? root : {}), [token]: child };
}

const added = (root: JsonValue, path: readonly string[], value: JsonValue): JsonValue =>
  path.length === 0
    ? value
    : changed(root, path, (container, token) => {
        if (isArray(container))
          return container.toSpliced(token === '-' ? container.length : indexOf(token, container.length + 1), 0, value);
        if (!isObject(container)) throw new Misfit('the path goes through a value that has no elements');
        return { ...container, [token]: value };
      });

function removed(root: JsonValue, path: readonly string[]): JsonValue {
  if (path.length === 0) throw new Misfit('the whole resource cannot be removed');
  return changed(root, path, (container, token) => {
    childOf(container, token);
    if (isArray(container)) return container.toSpliced(indexOf(token, container.length), 1);
    const { [token]: _removed, ...rest } = isObject(container) ? container : {};
    return rest;
  });
}

const replaced = (root: JsonValue, path: readonly string[], value: JsonValue): JsonValue =>
  path.length === 0
    ? value
    : changed(root, path, (container, token) => {
        childOf(container, token);
        if (isArray(container)) return container.with(indexOf(token, container.length), value);
        return { ...(isObject(container) ? container : {}), [token]: value };
      });

/** A number as sign, digits and exponent without needless zeros: 1.0 and 1e0 are one number, whatever their size. */
function canonicalNumber(value: number | Decimal): string {
  const [, sign = '', whole = '', fraction = '', exponent = '0'] = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(String(value)) ?? [];
  const digits = `${whole}${fraction}`.replace(/^0+/, '');
  const kept = digits.replace(/0+$/, '');
  return kept === '' ? '0' : `${sign}${kept}e${BigInt(exponent) - BigInt(fraction.length) + BigInt(digits.length - kept.length)}`;
}

const isNumber = (value: JsonValue): value is number | Decimal => typeof value === 'number' || value instanceof Decimal;

/** Equality of section 4.6: numbers by their value, objects in any order. */
function isEqual(a: JsonValue, b: JsonValue): boolean {
  if (a === b) return true;
  if (isNumber(a)) return isNumber(b) && canonicalNumber(a) === canonicalNumber(b);
  if (isArray(a)) return isArray(b) && a.length === b.length && a.every((each, i) => isEqual(each, b[i] ?? null));
  if (!isObject(a) || !isObject(b)) return false;
  const names = Object.keys(a);
  return (
    names.length === Object.keys(b).length && names.every((name) => Object.hasOwn(b, name) && isEqual(a[name] ?? null, b[name] ?? null))
  );
}

/** Counts the values within a value, up to `most`. */
function sizeOf(value: JsonValue, most: number): number {
  if (typeof value !== 'object' || value === null || value instanceof Decimal) return 1;
  let size = 1;
  for (const each of Object.values(value)) {
    if (each !== undefined) size += sizeOf(each, most - size);
    if (size > most) return size;
  }
  return size;
}

/**
 * Returns what a JSON Patch makes of a resource (RFC 6902): all of its operations, or the problem of the first that does not fit.
 * The resource itself stays as it is. Problems: fhir-patch-path, fhir-patch-test.
 */
export function applyJsonPatch(resource: JsonObject, operations: readonly JsonPatchOperation[]): Result<JsonValue> {
  let root: JsonValue = resource;
  let copied = 0;
  for (const [i, operation] of operations.entries()) {
    const { path } = operation;
    const wrong = (reason: string): Problem => problem('fhir-patch-path', { number: i + 1, reason });
    try {
      if (operation.op === 'add') root = added(root, path, operation.value);
      else if (operation.op === 'remove') root = removed(root, path);
      else if (operation.op === 'replace') root = replaced(root, path, operation.value);
      else if (operation.op === 'move') root = added(removed(root, operation.from), path, valueAt(root, operation.from));
      else if (operation.op === 'copy') {
        const value = valueAt(root, operation.from);
        copied += sizeOf(value, MOST_COPIED - copied);
        if (copied > MOST_COPIED) return failure(wrong(`the patch copies more than ${MOST_COPIED} values`));
        root = added(root, path, value);
      } else if (operation.op === 'test' && !isEqual(valueAt(root, path), operation.value))
        return failure(problem('fhir-patch-test', { number: i + 1 }));
    } catch (error) {
      if (!(error instanceof Misfit)) throw error;
      return failure(wrong(error.message));
    }
  }
  return success(root);
}
