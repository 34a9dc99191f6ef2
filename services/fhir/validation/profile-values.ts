import { choiceNames, elementOf } from '../definitions.ts';
import { isArray, isObject } from '../format/json.ts';
import { Decimal, type JsonObject, type JsonValue } from '../resource.ts';
import type { ProfileElement } from './profile.ts';

/** One value of an element. */
export interface ProfileItem {
  /** undefined: only an id or extensions beside it. */
  readonly value: JsonValue | undefined;
  readonly beside: JsonValue | undefined;
  /** FHIRPath with indexes. */
  readonly at: string;
  /** Its type; 'BackboneElement' of an element with children. */
  readonly code: string;
}

const isNumber = (value: JsonValue): value is number | Decimal => typeof value === 'number' || value instanceof Decimal;

/** Returns true when a value is exactly the fixed one. */
export function isFixed(value: JsonValue | undefined, fixed: JsonValue): boolean {
  if (value === undefined) return false;
  if (isNumber(fixed)) return isNumber(value) && Number(value) === Number(fixed);
  if (isArray(fixed)) return isArray(value) && value.length === fixed.length && fixed.every((each, i) => isFixed(value[i], each));
  if (!isObject(fixed)) return value === fixed;
  if (!isObject(value)) return false;
  const names = new Set([...Object.keys(fixed), ...Object.keys(value)]);
  return [...names].every((name) => fixed[name] !== undefined && isFixed(value[name], fixed[name]));
}

/** Returns true when a value holds a pattern: what the pattern has is there, in lists anywhere (…elementdefinition-definitions.html#pattern). */
export function matchesPattern(value: JsonValue | undefined, pattern: JsonValue): boolean {
  if (value === undefined) return false;
  if (isArray(pattern)) return isArray(value) && pattern.every((each) => value.some((item) => matchesPattern(item, each)));
  if (!isObject(pattern)) return isFixed(value, pattern);
  return isObject(value) && Object.entries(pattern).every(([name, each]) => each === undefined || matchesPattern(value[name], each));
}

/** The types that an element may have by R4, with the properties they appear as. */
function propertiesOf(child: ProfileElement, ownerCode: string): readonly { readonly property: string; readonly code: string }[] {
  const ownerPath = child.path.slice(0, child.path.lastIndexOf('.'));
  const element = elementOf(`${ownerPath}.${child.name.replace('[x]', '')}`) ?? elementOf(ownerCode, child.name.replace('[x]', ''));
  if (element === undefined) return child.types.map(({ code }) => ({ property: child.name, code }));
  const asDeclared = element.isChoice ? element : { ...element, name: child.name };
  // An element with children goes by its path in our definitions, and by BackboneElement in profiles.
  const codeOf = (code: string): string => (code.includes('.') ? (child.types[0]?.code ?? 'BackboneElement') : code);
  return choiceNames(asDeclared).map((property, i) => ({ property, code: codeOf(element.types[i]?.code ?? '') }));
}

/** Returns the values of a profile's element in the object that has it. */
export function itemsOf(owner: JsonObject, child: ProfileElement, at: string, ownerCode: string): readonly ProfileItem[] {
  const name = child.name.replace('[x]', '');
  return propertiesOf(child, ownerCode).flatMap(({ property, code }): readonly ProfileItem[] => {
    const [value, beside] = [owner[property], owner[`_${property}`]];
    if (value === undefined && beside === undefined) return [];
    if (!isArray(value) && !isArray(beside)) return [{ value, beside, at: `${at}.${name}`, code }];
    const [values, besides] = [isArray(value) ? value : [], isArray(beside) ? beside : []];
    return Array.from({ length: Math.max(values.length, besides.length) }, (_, i) => ({
      value: values[i] ?? undefined,
      beside: besides[i] ?? undefined,
      at: `${at}.${name}[${i}]`,
      code,
    }));
  });
}
