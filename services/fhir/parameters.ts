import { hash31, hasherAfter } from './hash.ts';
import { compileExpression, ENTRY, isOfType, type ParameterPath, type Step } from './search/expression.ts';
import { linesOf, officialOf, officialOfEvery, type ParameterKind, type ParameterText } from './search/table.ts';
import { COMPARTMENTS } from './search-parameters.generated.ts';

export { isOfficial, type ParameterKind, type ParameterText, whyNotIndexed } from './search/table.ts';

/**
 * What the index keeps of one element for one kind of search. Parameters that look at the same element (subject and patient,
 * value-quantity and combo-value-quantity) have the same slot: it is indexed once.
 */
export interface Slot {
  /** 'Observation.subject:reference': what its hashes begin with. */
  readonly key: string;
  /** Stable number of the key. */
  readonly p: number;
  readonly kind: Exclude<ParameterKind, 'composite' | 'phonetic' | 'near'>;
  readonly paths: readonly ParameterPath[];
  /** All values are codes without a system of their own (code, boolean, string…): they have one form in the index. */
  readonly plain: boolean;
  readonly hash: (form: string) => bigint;
}

/** A slot as a parameter uses it: `target` keeps references to that type only. */
export interface SlotUse {
  readonly slot: Slot;
  readonly target: string | undefined;
}

/** One part of a composite parameter, seen from the elements it is asked of. */
export interface Component {
  /** The parameter whose index finds candidates for this part. */
  readonly parameter: SearchParameter;
  /** The values of the part within one element, or within the resource for `%resource.…`. */
  readonly paths: readonly ParameterPath[];
  readonly ofResource: boolean;
}

export interface SearchParameter {
  readonly name: string;
  readonly kind: ParameterKind;
  /** Stable number of (resource type, parameter): its mark in fhir.present. */
  readonly p: number;
  readonly uses: readonly SlotUse[];
  /** Of a composite: the elements, and what each of its values asks. */
  readonly composite: { readonly elements: readonly ParameterPath[]; readonly components: readonly Component[] } | undefined;
}

/** Datatypes that a kind of parameter can search (http://hl7.org/fhir/R4/search.html#table). */
const SEARCHED: Readonly<Record<Slot['kind'], readonly string[]>> = {
  token: ['code', 'boolean', 'Coding', 'CodeableConcept', 'Identifier', 'ContactPoint', 'string', 'uri', 'id'],
  reference: ['Reference', 'canonical', 'uri', ENTRY],
  date: ['date', 'dateTime', 'instant', 'Period', 'Timing'],
  string: ['string', 'markdown', 'HumanName', 'Address'],
  uri: ['uri', 'url', 'canonical', 'oid', 'uuid'],
  number: ['decimal', 'integer', 'Range'],
  quantity: ['Quantity', 'Money', 'Range', 'SampledData'],
};
export const SOUND = 'sound';
const PLAIN = ['code', 'boolean', 'string', 'uri', 'id', 'ContactPoint', SOUND];
const PARTS: Readonly<Record<string, readonly string[]>> = {
  HumanName: ['text', 'family', 'given', 'prefix', 'suffix'],
  Address: ['text', 'line', 'city', 'district', 'state', 'postalCode', 'country'],
};

const slots = new Map<string, Slot>();

const isSearched = (kind: Slot['kind'], datatype: string): boolean =>
  SEARCHED[kind].some(
    (each) =>
      isOfType(datatype, each) &&
      (each !== 'string' || datatype === 'string') &&
      (each !== 'uri' || kind !== 'token' || datatype === 'uri'),
  );

/** Names and addresses are searched by their parts: each is an element of its own. */
function parted(path: ParameterPath): readonly ParameterPath[] {
  const parts = PARTS[path.datatype];
  if (parts === undefined) return [path];
  return parts.map((name) => ({
    ...path,
    steps: [...path.steps, { name, where: undefined, index: undefined }],
    element: `${path.element}.${name}`,
    datatype: 'string',
  }));
}

function slotOf(base: string, kind: Slot['kind'], element: string, paths: readonly ParameterPath[]): Slot {
  const types = [...new Set(paths.map(({ datatype, truth }) => (truth ? 'exists' : datatype)))].sort().join(',');
  const key = `${base}.${element}:${kind}:${types}`;
  const known = slots.get(key);
  if (known !== undefined) return known;
  const plain = paths.every(({ datatype, truth }) => truth || PLAIN.includes(datatype));
  const slot: Slot = { key, p: hash31(key), kind, paths, plain, hash: hasherAfter(`${key}=`) };
  slots.set(key, slot);
  return slot;
}

function usesOf(base: string, kind: Slot['kind'], paths: readonly ParameterPath[]): readonly SlotUse[] {
  const searched = paths
    .filter((path) => path.truth || isSearched(kind, path.datatype))
    .flatMap(kind === 'string' ? parted : (path) => [path]);
  const uses = new Map<string, SlotUse>();
  for (const [element, group] of Map.groupBy(searched, (path) => path.element)) {
    const slot = slotOf(base, kind, element, [
      ...new Map(group.map((path) => [JSON.stringify([path.steps, path.datatype]), { ...path, target: undefined }])).values(),
    ]);
    for (const { target } of group) uses.set(`${slot.key} ${target ?? ''}`, { slot, target });
  }
  return [...uses.values()];
}

/** The words of names as they sound; what stands before and behind a name says little of it. */
const soundUses = (base: string, paths: readonly ParameterPath[]): readonly SlotUse[] =>
  usesOf(base, 'string', paths)
    .filter(({ slot }) => !/\.(prefix|suffix):/.test(slot.key))
    .flatMap(({ slot, target }) => {
      const sounds = slot.paths.map((path) => ({ ...path, datatype: SOUND }));
      return sounds[0] === undefined ? [] : [{ slot: slotOf(base, 'token', sounds[0].element, sounds), target }];
    });

const WITH_RESOURCE = '%resource.';

function componentOf(
  type: string,
  known: ReadonlyMap<string, SearchParameter>,
  elements: readonly ParameterPath[],
  [name, expression]: readonly [string, string],
): Component | undefined {
  const parameter = known.get(name);
  if (parameter === undefined || parameter.kind === 'composite' || parameter.kind === 'phonetic' || parameter.kind === 'near')
    return undefined;
  const ofResource = expression.includes(WITH_RESOURCE);
  const kind = parameter.kind;
  const roots = ofResource ? [type] : elements.map(({ datatype }) => datatype);
  const paths = roots.flatMap((root) => {
    const compiled = compileExpression(expression.replaceAll(WITH_RESOURCE, ''), root === '' ? type : root);
    return compiled.ok ? compiled.value : [];
  });
  const distinct = new Map(
    paths
      .filter((path) => isSearched(kind, path.datatype))
      .flatMap(kind === 'string' ? parted : (path) => [path])
      .map((path) => [JSON.stringify(path.steps), path]),
  );
  return distinct.size === 0 ? undefined : { parameter, paths: [...distinct.values()], ofResource };
}

/** The way from a resource to one that it holds, and how the elements of that one are called then. */
interface Way {
  readonly steps: readonly Step[];
  readonly element: string;
}

const onTheWay = (path: ParameterPath, { steps, element }: Way): ParameterPath => ({
  ...path,
  steps: [...steps, ...path.steps],
  element: `${element}.${path.element}`,
  single: false,
});

/**
 * Returns a parameter compiled for a type; what it lacks when it cannot be indexed. `known`: the type's others, for composites. `way`: from
 * `base` to the resource of the type.
 */
export function compileParameter(
  type: string,
  text: ParameterText,
  known: ReadonlyMap<string, SearchParameter>,
  base = type,
  way?: Way,
): SearchParameter | string {
  const { name, kind } = text;
  const expression = kind === 'near' ? `${text.expression}.latitude | ${text.expression}.longitude` : text.expression;
  const compiled = compileExpression(expression, type);
  if (!compiled.ok) return compiled.problems[0]?.text ?? 'the expression is not understood';
  const p = hash31(`${base}?${name}`);
  if (kind !== 'composite') {
    const paths = way === undefined ? compiled.value : compiled.value.map((path) => onTheWay(path, way));
    const uses = kind === 'phonetic' ? soundUses(base, paths) : usesOf(base, kind === 'near' ? 'number' : kind, paths);
    return uses.length === 0 ? 'its expression has no value that its type can search' : { name, kind, p, uses, composite: undefined };
  }
  // The resource itself is an element too: `Observation | Observation.component`.
  const elements = compiled.value;
  const components = text.components.map((each) => componentOf(type, known, elements, each));
  const found = components.filter((each) => each !== undefined);
  if (found.length < 2 || found.length < components.length) return 'a part of the composite cannot be searched';
  return { name, kind, p, uses: [], composite: { elements, components: found } };
}

const byType = new Map<string, ReadonlyMap<string, SearchParameter>>();
let custom: ReadonlyMap<string, readonly ParameterText[]> = new Map();

let set = 0;

/** Returns the number of the set of parameters that is in force: another one after each `setCustomParameters`. */
export const parameterSet = (): number => set;

/**
 * Sets the parameters that SearchParameter resources of the store add, by resource type; what was set before is gone. Whoever writes or
 * searches a store must have set those of this store.
 */
export function setCustomParameters(parameters: ReadonlyMap<string, readonly ParameterText[]>): void {
  set++;
  custom = parameters;
  byType.clear();
  listed.clear();
  slotsByType.clear();
}

/** Returns the parameters of a resource type by name, with those that every type has, without _id and _lastUpdated. */
export function searchParameters(type: string): ReadonlyMap<string, SearchParameter> {
  const known = byType.get(type);
  if (known !== undefined) return known;
  const found = new Map<string, SearchParameter>();
  const add = (text: ParameterText, base?: string): void => {
    const parameter = compileParameter(type, text, found, base);
    if (typeof parameter !== 'string') found.set(text.name, parameter);
  };
  for (const text of officialOfEvery()) add(text, 'Resource');
  const own = [...officialOf(type), ...(custom.get(type) ?? [])];
  for (const text of own.filter(({ kind }) => kind !== 'composite')) add(text);
  for (const text of own.filter(({ kind }) => kind === 'composite')) add(text);
  byType.set(type, found);
  return found;
}

/** Columns of a stored resource, values of one that another holds. */
const OF_THE_HELD: readonly ParameterText[] = [
  { name: '_id', kind: 'token', expression: 'Resource.id', components: [] },
  { name: '_lastUpdated', kind: 'date', expression: 'Resource.meta.lastUpdated', components: [] },
];
const withinByType = new Map<string, ReadonlyMap<string, SearchParameter>>();

/**
 * Returns the parameters that look into a resource which one of the type holds, by their names: `composition.patient` of a Bundle whose first resource
 * is a Composition (http://hl7.org/fhir/R4/bundle.html#search: composition and message give "access to search its contents").
 */
export function parametersWithin(type: string): ReadonlyMap<string, SearchParameter> {
  const known = withinByType.get(type);
  if (known !== undefined) return known;
  const found = new Map<string, SearchParameter>();
  withinByType.set(type, found);
  for (const text of officialOf(type)) {
    const parameter = text.kind === 'reference' ? compileParameter(type, text, new Map()) : '';
    const [path] = typeof parameter === 'string' ? [] : parameter.uses.flatMap(({ slot }) => slot.paths);
    const target = typeof parameter === 'string' ? undefined : parameter.uses[0]?.target;
    if (path?.datatype !== ENTRY || target === undefined) continue;
    const way: Way = {
      steps: [...path.steps, { name: 'resource', where: ['resourceType', target], index: undefined }],
      element: `${path.element}.resource[${target}]`,
    };
    for (const each of [...OF_THE_HELD, ...officialOfEvery(), ...officialOf(target)]) {
      const name = `${text.name}.${each.name}`;
      const compiled = each.kind === 'composite' ? '' : compileParameter(target, { ...each, name }, new Map(), type, way);
      if (typeof compiled !== 'string') found.set(name, compiled);
    }
  }
  return found;
}

/** Returns the parameters that R4 gives a type, whatever SearchParameter resources add: with those that look into what it holds. */
export const officialParameters = (type: string): readonly SearchParameter[] =>
  [
    ...officialOfEvery().map((text) => compileParameter(type, text, new Map(), 'Resource')),
    ...officialOf(type).map((text) => (text.kind === 'composite' ? '' : compileParameter(type, text, new Map()))),
    ...parametersWithin(type).values(),
  ].filter((each) => typeof each !== 'string');

const listed = new Map<string, readonly SearchParameter[]>();

/** Returns the parameters of a type and those that look into what it holds, composites after what they are made of. */
export function parametersOf(type: string): readonly SearchParameter[] {
  const all = listed.get(type) ?? [...searchParameters(type).values(), ...parametersWithin(type).values()];
  listed.set(type, all);
  return all;
}

const slotsByType = new Map<string, readonly Slot[]>();

/** Returns the slots of a type, each once: what is indexed. */
export function slotsOf(type: string): readonly Slot[] {
  const found = slotsByType.get(type) ?? [...new Set(parametersOf(type).flatMap(({ uses }) => uses.map(({ slot }) => slot)))];
  slotsByType.set(type, found);
  return found;
}

/** Returns the types of a compartment ('Patient') with the parameters that put them there; undefined: no such compartment. */
export function compartmentOf(name: string): ReadonlyMap<string, readonly SearchParameter[]> | undefined {
  const block = `\n${COMPARTMENTS}`.split('\n@').find((each) => each.startsWith(`${name}\n`));
  if (block === undefined) return undefined;
  const lines = linesOf(block).slice(1);
  return new Map(
    lines.map((line) => {
      const [type = '', ...names] = line.split(' ');
      return [type, names.flatMap((each) => searchParameters(type).get(each) ?? [])];
    }),
  );
}
