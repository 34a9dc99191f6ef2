import { isArray, isObject } from '../format/json.ts';
import type { JsonValue } from '../resource.ts';
import { type ProfileElement, RESOLVES, type ResolveProfile, typeOfTarget } from './profile.ts';
import { isFixed, matchesPattern, type ProfileItem } from './profile-values.ts';

/** The values at a path of names below a value; lists flattened. */
function valuesAt(value: JsonValue | undefined, names: readonly string[]): readonly JsonValue[] {
  if (value === undefined || value === null) return [];
  if (isArray(value)) return value.flatMap((each) => valuesAt(each, names));
  const [first, ...rest] = names;
  if (first === undefined) return [value];
  if (!isObject(value)) return [];
  const choice = Object.keys(value).find((name) => name.startsWith(first) && /^[A-Z]/.test(name.slice(first.length)));
  return valuesAt(value[first] ?? (choice === undefined ? undefined : value[choice]), rest);
}

/** The elements at a path below a slice; where its own snapshot ends, those of the profile of its type. */
function elementsAt(element: ProfileElement, names: readonly string[], resolve: ResolveProfile): readonly ProfileElement[] {
  const [first, ...rest] = names;
  if (first === undefined) return [element];
  const roots = [
    element,
    ...element.types.flatMap(({ profiles }) => profiles.flatMap((url) => resolve(url.replace(/\|.*$/, ''))?.root ?? [])),
  ];
  for (const root of roots) {
    const child = root.children.find(({ name }) => name === first || name === `${first}[x]`);
    if (child !== undefined) return [child, ...child.slices].flatMap((each) => elementsAt(each, rest, resolve));
  }
  return [];
}

/** What a fixed value or pattern of an element on the way says of the path below it. */
function expectedAt(slice: ProfileElement, names: readonly string[], resolve: ResolveProfile): readonly ((value: JsonValue) => boolean)[] {
  for (let n = names.length; n >= 0; n--) {
    const tests = elementsAt(slice, names.slice(0, n), resolve).flatMap(({ fixed, pattern }) => {
      const below = names.slice(n);
      const [asFixed, asPattern] = [fixed, pattern].map((each) => (each === undefined ? [] : valuesAt(each, below)));
      return [
        ...(asFixed ?? []).map((each) => (value: JsonValue) => isFixed(value, each)),
        ...(asPattern ?? []).map((each) => (value: JsonValue) => matchesPattern(value, each)),
      ];
    });
    if (tests.length > 0) return tests;
  }
  return [];
}

/** The type of what a reference leads to, as the reference itself tells it; undefined: it does not. */
function targetTypeOf(value: JsonValue): string | undefined {
  if (!isObject(value)) return undefined;
  const { type, reference } = value;
  const [, found] =
    (typeof reference === 'string' && /(?:^|\/)([A-Z][A-Za-z]+)\/[A-Za-z0-9\-.]{1,64}(?:\/_history\/[^/]+)?$/.exec(reference)) || [];
  return found ?? (typeof type === 'string' ? type : undefined);
}

/**
 * Whether what a reference leads to fits a slice, by its type: the reference alone is looked at. Another type is another slice; the same
 * type is this slice where the slice asks for no more than the type.
 */
function fitsTarget(
  slice: ProfileElement,
  by: { readonly type: string; readonly path: string },
  item: ProfileItem,
  resolve: ResolveProfile,
): boolean | undefined {
  const names = by.path
    .replace(RESOLVES, '')
    .replace(/^\$this\.?/, '')
    .split('.')
    .filter((name) => name !== '');
  const urls = elementsAt(slice, names, resolve).flatMap(({ types }) => types.flatMap(({ targets }) => targets));
  const [value] = valuesAt(item.value, names);
  const type = value === undefined ? undefined : targetTypeOf(value);
  if (type === undefined || urls.length === 0 || (by.type !== 'type' && by.type !== 'profile')) return undefined;
  const wanted = urls.map((url) => ({ url, type: typeOfTarget(url, resolve) }));
  if (wanted.some((each) => each.type === 'Resource')) return true;
  const same = wanted.filter((each) => each.type === type);
  if (same.length === 0) return wanted.some((each) => each.type === undefined) ? undefined : false;
  return by.type === 'type' || same.some(({ url }) => url.endsWith(`/fhir/StructureDefinition/${type}`)) ? true : undefined;
}

/** Whether an item fits a slice by one discriminator; undefined: that cannot be told here. */
function fits(
  slice: ProfileElement,
  by: { readonly type: string; readonly path: string },
  item: ProfileItem,
  resolve: ResolveProfile,
): boolean | undefined {
  if (RESOLVES.test(by.path)) return fitsTarget(slice, by, item, resolve);
  const path = by.path.replace(/\.ofType\(\w+\)/g, '').replace(/^\$this\.?/, '');
  if (!/^(\w+(\.\w+)*)?$/.test(path)) return undefined;
  const names = path === '' ? [] : path.split('.');
  if (by.type === 'value' || by.type === 'pattern') {
    const tests = expectedAt(slice, names, resolve);
    if (tests.length === 0) return undefined;
    const values = valuesAt(item.value, names);
    return tests.every((test) => values.some(test));
  }
  if (by.type === 'exists') {
    const [element] = elementsAt(slice, names, resolve);
    if (element === undefined || (element.min === 0 && element.max > 0)) return undefined;
    return valuesAt(item.value, names).length > 0 === element.max > 0;
  }
  if (by.type === 'type' && names.length === 0) return slice.types.some(({ code }) => code === item.code);
  if (by.type === 'type') {
    const types = elementsAt(slice, names, resolve).flatMap((each) => each.types.map(({ code }) => code));
    const [value] = valuesAt(item.value, names);
    return isObject(value) && typeof value['resourceType'] === 'string' ? types.includes(value['resourceType']) : undefined;
  }
  return undefined;
}

/**
 * Returns the slice that an item belongs to (http://hl7.org/fhir/R4/profiling.html#slicing), undefined: none of them; and those that it
 * may belong to instead where a discriminator asks for more of a reference's target than its type, or is of a kind that is not looked at.
 */
export function sliceOf(
  sliced: ProfileElement,
  item: ProfileItem,
  resolve: ResolveProfile,
): { readonly slice: ProfileElement | undefined; readonly possible: readonly ProfileElement[] } {
  const by = sliced.slicing?.by ?? (sliced.name.endsWith('[x]') ? [{ type: 'type', path: '$this' }] : []);
  if (by.length === 0) return { slice: undefined, possible: sliced.slices };
  const possible: ProfileElement[] = [];
  for (const slice of sliced.slices) {
    const answers = by.map((each) => fits(slice, each, item, resolve));
    if (answers.every((each) => each === true)) return { slice, possible: [] };
    if (!answers.includes(false)) possible.push(slice);
  }
  return { slice: undefined, possible };
}
