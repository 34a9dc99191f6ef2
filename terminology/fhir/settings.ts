import type { Json, JsonObject } from '../provider.ts';
import { issue, refuse, TerminologyRefusal } from './issue.ts';
import { choiceOf, extensionsOf, isObject, objectsAt, primitiveText, textAt, textsAt } from './json.ts';
import { type Languages, readLanguages, withOthers } from './languages.ts';

/** One parameter of an operation; `value` is a primitive, an element, a resource, or an object with the property `part`. */
export interface Parameter {
  readonly name: string;
  readonly value: Json;
}

/** Returns the parameters of a Parameters resource, in their order. */
export const parametersOf = (resource: JsonObject): readonly Parameter[] =>
  objectsAt(resource, 'parameter').flatMap((each) => {
    const name = textAt(each, 'name');
    const value = each['resource'] ?? choiceOf(each)?.[1] ?? (each['part'] === undefined ? undefined : { part: each['part'] });
    return name === undefined || value === undefined || value === null ? [] : [{ name, value }];
  });

export const parameterText = (parameters: readonly Parameter[], name: string): string | undefined => {
  const text = primitiveText(parameters.find((each) => each.name === name)?.value);
  return text === '' ? undefined : text;
};

export const parameterObject = (parameters: readonly Parameter[], name: string): JsonObject | undefined => {
  const value = parameters.find((each) => each.name === name)?.value;
  return isObject(value) ? value : undefined;
};

/** system-version, check-system-version, force-system-version and the same for value sets. */
export interface VersionRule {
  readonly parameter: string;
  readonly mode: 'default' | 'check' | 'force';
  readonly url: string;
  readonly version: string;
}

/** What can be asked of an operation beside its subject. Undefined: not asked. */
export interface Settings {
  readonly rules: readonly VersionRule[];
  readonly displayLanguage: Languages | undefined;
  readonly acceptLanguage: Languages | undefined;
  /** What displays are chosen by: displayLanguage, else Accept-Language. */
  readonly languages: Languages | undefined;
  readonly designations: readonly string[];
  readonly properties: readonly string[];
  readonly supplements: readonly string[];
  readonly includeDesignations: boolean | undefined;
  readonly includeDefinition: boolean | undefined;
  readonly activeOnly: boolean | undefined;
  readonly excludeNested: boolean | undefined;
  readonly excludeNotForUI: boolean | undefined;
  readonly excludePostCoordinated: boolean | undefined;
  readonly versionsMatch: boolean | undefined;
  readonly lenientDisplay: boolean;
  readonly membershipOnly: boolean;
  readonly inferSystem: boolean;
  readonly abstractOk: boolean;
  readonly filter: string | undefined;
  readonly count: number | undefined;
  readonly offset: number | undefined;
}

const RULE_MODES: Readonly<Record<string, VersionRule['mode']>> = {
  'system-version': 'default',
  'default-valueset-version': 'default',
  'check-system-version': 'check',
  'check-valueset-version': 'check',
  'force-system-version': 'force',
  'force-valueset-version': 'force',
};

/**
 * Returns what the parameters of a request ask for. `stated` are the expansion parameters that the value set itself states; the
 * request's own come before them. `isExpanding`: languages that are not asked for may still be shown. Throws TerminologyRefusal.
 */
export function readSettings(
  parameters: readonly Parameter[],
  given: {
    readonly acceptLanguage?: string | undefined;
    /** Of the value set, where nothing else says one. */
    readonly ownLanguage?: string | undefined;
    readonly isExpanding: boolean;
    readonly stated?: readonly Parameter[];
  },
): Settings {
  const all = [...parameters, ...(given.stated ?? [])];
  if (parameterText(parameters, 'exclude-system') !== undefined)
    throw refuse(400, 'not-supported', "The parameter 'exclude-system' is not supported");
  const flag = (name: string): boolean | undefined => {
    const text = parameterText(all, name);
    if (text !== undefined && text !== 'true' && text !== 'false')
      throw refuse(400, 'invalid', `The parameter '${name}' is neither true nor false`);
    return text === undefined ? undefined : text === 'true';
  };
  const texts = (name: string): readonly string[] => [
    ...new Set(all.flatMap((each) => (each.name === name ? (primitiveText(each.value) ?? []) : []))),
  ];
  // * alone is what HTTP libraries send when nobody chose a language.
  const accepted = given.acceptLanguage?.trim() === '*' ? undefined : given.acceptLanguage;
  const acceptLanguage = languagesOf(accepted ?? given.ownLanguage, given.isExpanding, false);
  const displayLanguage = languagesOf(parameterText(all, 'displayLanguage'), given.isExpanding, true);
  return {
    rules: all.flatMap(ruleOf),
    displayLanguage,
    acceptLanguage,
    languages: displayLanguage ?? acceptLanguage,
    designations: texts('designation'),
    properties: texts('property'),
    supplements: texts('useSupplement'),
    includeDesignations: flag('includeDesignations'),
    includeDefinition: flag('includeDefinition'),
    activeOnly: flag('activeOnly'),
    excludeNested: flag('excludeNested'),
    excludeNotForUI: flag('excludeNotForUI'),
    excludePostCoordinated: flag('excludePostCoordinated'),
    versionsMatch: flag('versionsMatch'),
    lenientDisplay: flag('lenient-display-validation') ?? false,
    membershipOnly: flag('valueset-membership-only') ?? false,
    inferSystem: flag('inferSystem') ?? false,
    abstractOk: flag('abstract') ?? true,
    filter: parameterText(all, 'filter')?.trim() || undefined,
    count: wholeNumber(all, 'count'),
    offset: wholeNumber(all, 'offset'),
  };
}

function wholeNumber(parameters: readonly Parameter[], name: string): number | undefined {
  const text = parameterText(parameters, name);
  if (text === undefined) return undefined;
  if (!/^\d{1,9}$/.test(text)) throw refuse(400, 'invalid', `The parameter '${name}' is not a number of zero or more`);
  return Number(text);
}

function languagesOf(text: string | undefined, isExpanding: boolean, isParameter: boolean): Languages | undefined {
  if (text === undefined || text.trim() === '') return undefined;
  const read = readLanguages(text);
  // A header that cannot be read is the client program's; a parameter is what somebody asked for.
  if (read === undefined && isParameter)
    throw new TerminologyRefusal(400, [
      issue('error', ['processing', 'invalid-display'], undefined, 'INVALID_DISPLAY_NAME', text.slice(0, 100)),
    ]);
  return read === undefined || !isExpanding ? read : withOthers(read);
}

function ruleOf({ name, value }: Parameter): readonly VersionRule[] {
  const mode = RULE_MODES[name];
  if (mode === undefined) return [];
  const text = primitiveText(value) ?? '';
  const bar = text.lastIndexOf('|');
  if (bar <= 0 || bar === text.length - 1)
    throw refuse(400, 'invalid', `The parameter '${name}' must be a canonical with a version: url|version`);
  return [{ parameter: name, mode, url: text.slice(0, bar), version: text.slice(bar + 1) }];
}

const EXPANSION_PARAMETER = [
  'http://hl7.org/fhir/StructureDefinition/valueset-expansion-parameter',
  'http://hl7.org/fhir/tools/StructureDefinition/valueset-expansion-parameter',
];

/** Returns the expansion parameters that a value set states for itself. */
export function statedParameters(valueSet: JsonObject): readonly Parameter[] {
  const compose = isObject(valueSet['compose']) ? valueSet['compose'] : undefined;
  const stated = EXPANSION_PARAMETER.flatMap((url) => extensionsOf(compose, url)).flatMap((each) => {
    const [name] = extensionsOf(each, 'name');
    const [value] = extensionsOf(each, 'value');
    const key = name === undefined ? undefined : primitiveText(choiceOf(name)?.[1]);
    const content = value === undefined ? undefined : choiceOf(value)?.[1];
    return key === undefined || content === undefined ? [] : [{ name: key, value: content }];
  });
  return [...stated, ...textsAt(compose, 'property').map((value) => ({ name: 'property', value }))];
}
