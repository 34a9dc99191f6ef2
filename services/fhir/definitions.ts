import { CODE_SETS, RESOURCE_TYPE_NAMES, TYPES } from './definitions.generated.ts';
import { NUMBERS_BEYOND, TYPES_BEYOND } from './definitions-beyond.ts';

/**
 * What FHIR R4 says about its types and elements (http://hl7.org/fhir/R4/resourcelist.html, …/datatypes.html), unpacked from
 * definitions.generated.ts when first asked. Names are the standard's: 'value[x]' is the element, 'valueQuantity' the property.
 */

/** resource: may be stored; abstract: Resource, DomainResource; backbone: an element with children, named by its path. */
export type TypeKind = 'resource' | 'abstract' | 'primitive' | 'datatype' | 'backbone';

export interface ElementType {
  /** 'code', 'Quantity', 'Reference', or the path of an element with children: 'Patient.contact'. */
  readonly code: string;
  /** Resource types that a Reference of this element may point to; undefined: any. */
  readonly targets: readonly string[] | undefined;
  /** A SimpleQuantity: `comparator` must not be there (sqty-1). */
  readonly withoutComparator: boolean;
}

export interface ElementDefinition {
  /** As asked for: 'gender', 'value[x]', or 'valueQuantity' when one type of a choice was meant. */
  readonly name: string;
  /** Where the element is declared: 'Patient.gender', 'Observation.value[x]'. */
  readonly path: string;
  readonly min: number;
  /** Infinity for `*`. */
  readonly max: number;
  /** One type, or the several of a choice. */
  readonly types: readonly ElementType[];
  /** True for 'value[x]' itself; false for one of its properties. */
  readonly isChoice: boolean;
  /** Codes of the required binding where they can be listed. */
  readonly binding: CodeSet | undefined;
  /** Resource types that a Reference here may point to; undefined: not a Reference, or any type. */
  readonly targets: readonly string[] | undefined;
  /** Part of the summary (http://hl7.org/fhir/R4/elementdefinition-definitions.html#ElementDefinition.isSummary). */
  readonly isSummary: boolean;
  /** Changes the meaning of what holds it, as a status entered-in-error does (…#ElementDefinition.isModifier). */
  readonly isModifier: boolean;
}

/** An enumerable value set; `systems` tells the codes of each code system in it. */
export interface CodeSet {
  readonly name: string;
  readonly codes: ReadonlySet<string>;
  readonly systems: ReadonlyMap<string, ReadonlySet<string>>;
}

interface TypeDefinition {
  readonly kind: TypeKind;
  readonly base: string;
  readonly lines: readonly string[];
}

const KINDS: Readonly<Record<string, TypeKind>> = { A: 'abstract', R: 'resource', P: 'primitive', T: 'datatype', B: 'backbone' };
const NAMES: readonly string[] = RESOURCE_TYPE_NAMES.split(' ');

/** Resource type -> its stable number, those of R4 counted from 1. The database stores it; it never changes while R4 is R4. */
export const RESOURCE_TYPES: ReadonlyMap<string, number> = new Map([
  ...NAMES.map((name, i): [string, number] => [name, i + 1]),
  ...NUMBERS_BEYOND,
]);

/** The resource types of R4 itself: what a CapabilityStatement may list. */
export const R4_TYPES: readonly string[] = NAMES;

const BY_NUMBER: ReadonlyMap<number, string> = new Map([...RESOURCE_TYPES].map(([name, number]) => [number, name]));

/** Returns true for the name of a concrete resource type that is stored: those of R4, and ViewDefinition. */
export const isResourceType = (name: string): boolean => RESOURCE_TYPES.has(name);

/** Returns the resource type of a stable number. */
export const resourceTypeOf = (number: number): string | undefined => BY_NUMBER.get(number);

let types: Map<string, TypeDefinition> | undefined;
const elements = new Map<string, ReadonlyMap<string, ElementDefinition>>();
let codeSets: Map<string, string> | undefined;
const unpackedCodeSets = new Map<string, CodeSet>();

function typeDefinitions(): ReadonlyMap<string, TypeDefinition> {
  if (types !== undefined) return types;
  types = new Map();
  for (const block of `${TYPES}${TYPES_BEYOND}`.slice(2).split('\n@')) {
    const [head = '', ...lines] = block.split('\n');
    const [name = '', kind = '', base = ''] = head.split(' ');
    types.set(name, { kind: KINDS[kind] ?? 'datatype', base, lines: lines.filter((line) => line !== '') });
  }
  return types;
}

/** Returns the code set of a value set by the last part of its URL ('administrative-gender'), or undefined when it is not listed. */
export function codeSetOf(name: string): CodeSet | undefined {
  const known = unpackedCodeSets.get(name);
  if (known !== undefined) return known;
  codeSets ??= new Map(CODE_SETS.split('\n').map((line) => [line.slice(0, Math.max(0, line.indexOf('\t'))), line]));
  const [, ...parts] = codeSets.get(name)?.split('\t') ?? [];
  if (parts.length === 0) return undefined;
  const systems = new Map<string, ReadonlySet<string>>();
  for (let i = 0; i + 1 < parts.length; i += 2) systems.set(parts[i] ?? '', new Set((parts[i + 1] ?? '').split('|')));
  const set: CodeSet = { name, systems, codes: new Set([...systems.values()].flatMap((each) => [...each])) };
  unpackedCodeSets.set(name, set);
  return set;
}

function unpackType(text: string): ElementType {
  const [, code = '', tilde, targets] = /^#?([^~(]+)(~?)(?:\((.*)\))?$/.exec(text) ?? [];
  return { code, targets: targets?.split(','), withoutComparator: tilde === '~' };
}

function unpackElement(owner: string, line: string): ElementDefinition {
  const [marked = '', min = '', max = '', typeText = '', binding] = line.split(' ');
  const [, marks = '', name = ''] = /^([+!]*)(.*)$/.exec(marked) ?? [];
  const types = typeText === '' ? [] : typeText.split('|').map(unpackType);
  const targets = types.length === 1 ? types[0]?.targets : undefined;
  return {
    name,
    path: `${owner}.${name}`,
    min: Number(min),
    max: max === '*' ? Number.POSITIVE_INFINITY : Number(max),
    types,
    isChoice: name.endsWith('[x]'),
    binding: binding === undefined ? undefined : codeSetOf(binding),
    targets,
    isSummary: marks.includes('+'),
    isModifier: marks.includes('!'),
  };
}

/** Returns what kind of type a name is, or undefined for no R4 type. Elements with children are types by their path. */
export const kindOf = (type: string): TypeKind | undefined => typeDefinitions().get(type)?.kind;

/** Returns the type that a type specialises: 'DomainResource' of Patient, 'uri' of canonical, 'Quantity' of Age; '' for none. */
export const baseOf = (type: string): string => typeDefinitions().get(type)?.base ?? '';

/** Returns all elements of a type by declared name ('value[x]'), inherited ones first; empty for primitives and unknown types. */
export function elementsOf(type: string): ReadonlyMap<string, ElementDefinition> {
  const known = elements.get(type);
  if (known !== undefined) return known;
  const definition = typeDefinitions().get(type);
  const found = new Map<string, ElementDefinition>();
  if (definition !== undefined && definition.kind !== 'primitive') {
    for (const [name, element] of definition.base === '' ? [] : elementsOf(definition.base)) found.set(name, element);
    for (const line of definition.lines) {
      const element = unpackElement(type, line);
      found.set(element.name, element);
    }
  }
  elements.set(type, found);
  return found;
}

const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

/** Returns the properties a choice element may appear as: 'value[x]' with its types -> ['valueQuantity', …]; others: its name. */
export function choiceNames(element: ElementDefinition): readonly string[] {
  if (!element.isChoice) return [element.name];
  return element.types.map((type) => element.name.slice(0, -3) + capital(type.code));
}

function elementIn(type: string, name: string): ElementDefinition | undefined {
  const all = elementsOf(type);
  const declared = all.get(name) ?? all.get(`${name}[x]`);
  if (declared !== undefined) return declared;
  for (const element of all.values()) {
    if (!element.isChoice || !name.startsWith(element.name.slice(0, -3))) continue;
    const one = element.types.find((each) => element.name.slice(0, -3) + capital(each.code) === name);
    if (one !== undefined) return { ...element, name, types: [one], isChoice: false, targets: one.targets };
  }
  return undefined;
}

/**
 * Returns the definition of an element, or undefined when the type has none of that name. `path` may go through children and
 * datatypes: elementOf('Patient', 'name.given'), elementOf('Observation', 'component.valueQuantity.value'); a choice may be
 * named 'value[x]', 'value' or by one property. With one argument the path starts with the type: elementOf('Patient.name.given').
 * A path cannot go on through a choice without naming its type, nor into a contained resource.
 */
export function elementOf(type: string, path?: string): ElementDefinition | undefined {
  if (path === undefined) {
    const dot = type.indexOf('.');
    return dot < 0 ? undefined : elementOf(type.slice(0, dot), type.slice(dot + 1));
  }
  let owner: string | undefined = type;
  let element: ElementDefinition | undefined;
  for (const name of path.split('.')) {
    element = owner === undefined ? undefined : elementIn(owner, name);
    if (element === undefined) return undefined;
    owner = element.types.length === 1 ? element.types[0]?.code : undefined;
  }
  return element;
}
