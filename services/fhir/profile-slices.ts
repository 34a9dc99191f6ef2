import { isArray, isObject } from './json.ts';
import type { ProfileElement, ResolveProfile } from './profile.ts';
import { isFixed, matchesPattern, type ProfileItem } from './profile-values.ts';
import type { JsonValue } from './resource.ts';

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

/** Whether an item fits a slice by one discriminator; undefined: that cannot be told here. */
function fits(
  slice: ProfileElement,
  by: { readonly type: string; readonly path: string },
  item: ProfileItem,
  resolve: ResolveProfile,
): boolean | undefined {
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
 * Returns the slice that an item belongs to (http://hl7.org/fhir/R4/profiling.html#slicing); undefined: none of them; 'unknown' where a
 * discriminator goes through references or is of a kind that is not looked at.
 */
export function sliceOf(sliced: ProfileElement, item: ProfileItem, resolve: ResolveProfile): ProfileElement | undefined | 'unknown' {
  const by = sliced.slicing?.by ?? (sliced.name.endsWith('[x]') ? [{ type: 'type', path: '$this' }] : []);
  if (by.length === 0) return sliced.slices.length === 0 ? undefined : 'unknown';
  let isUnknown = false;
  for (const slice of sliced.slices) {
    const answers = by.map((each) => fits(slice, each, item, resolve));
    if (answers.every((each) => each === true)) return slice;
    if (!answers.includes(false)) isUnknown = true;
  }
  return isUnknown ? 'unknown' : undefined;
}
