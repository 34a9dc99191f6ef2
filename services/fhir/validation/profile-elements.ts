/**
 * The elements of a profile that comes without a snapshot (http://hl7.org/fhir/R4/profiling.html#snapshot): those of its base, with what its
 * differential says of them. What R4 itself says of a type is left out: the base validation looks at it.
 */
import { elementOf, kindOf } from '../definitions.ts';
import { isArray, isObject } from '../format/json.ts';
import type { JsonObject, JsonValue } from '../resource.ts';

const CORE = 'http://hl7.org/fhir/StructureDefinition/';

const textOf = (value: JsonValue | undefined): string | undefined => (typeof value === 'string' ? value : undefined);
const objectsIn = (value: JsonValue | undefined, name: string): readonly JsonObject[] => {
  const list = isObject(value) ? value[name] : undefined;
  return isArray(list) ? list.filter(isObject) : [];
};

/** Returns the elements of a StructureDefinition's snapshot; undefined where it has none. */
export function snapshotOf(definition: JsonObject): readonly JsonObject[] | undefined {
  const elements = objectsIn(definition['snapshot'], 'element');
  return elements.length === 0 ? undefined : elements;
}

/** Returns the url of the profile that another one without snapshot is based on; undefined when that is a type of R4 itself. */
export function baseProfileOf(definition: JsonObject): string | undefined {
  const base = textOf(definition['baseDefinition'])?.replace(/\|.*$/, '');
  const isType = base?.startsWith(CORE) === true && kindOf(base.slice(CORE.length)) !== undefined;
  return isType ? undefined : base;
}

/** Returns the urls of profiles that the differential names for values of its elements. */
export const profilesInDifferential = (definition: JsonObject): readonly string[] =>
  objectsIn(definition['differential'], 'element').flatMap((element) =>
    objectsIn(element, 'type').flatMap(({ profile }) => (isArray(profile) ? profile : []).flatMap((each) => textOf(each) ?? [])),
  );

/** `Observation.valueQuantity` is a slice of `Observation.value[x]` (…/elementdefinition.html#path), in the middle of a path too. */
function choiceAt(path: string): { readonly path: string; readonly slice: string; readonly type: string } | undefined {
  const name = path.slice(path.lastIndexOf('.') + 1);
  if (!path.includes('.') || name.endsWith('[x]')) return undefined;
  const found = elementOf(path);
  const type = found?.types[0]?.code;
  if (type === undefined || found?.types.length !== 1) return undefined;
  const stem = name.slice(0, name.length - type.length);
  if (stem === '' || name.toLowerCase() !== `${stem}${type}`.toLowerCase()) return undefined;
  const whole = `${path.slice(0, path.lastIndexOf('.') + 1)}${stem}`;
  return elementOf(whole)?.isChoice === true ? { path: `${whole}[x]`, slice: name, type } : undefined;
}

/** Where an element hangs: what it is a slice of, or a child of. */
function ownerOf(id: string): string {
  const dot = id.lastIndexOf('.');
  const colon = id.indexOf(':', dot + 1);
  return colon < 0 ? id.slice(0, Math.max(0, dot)) : id.slice(0, colon);
}

const pathOf = (id: string): string => id.replace(/:[^.]*/g, '');

/** An element that nothing is said of itself: slices of it are, or its children. */
function bare(id: string): JsonObject {
  const last = id.slice(id.lastIndexOf('.') + 1);
  const colon = last.indexOf(':');
  return { id, path: pathOf(id), ...(colon < 0 ? {} : { sliceName: last.slice(colon + 1) }) };
}

/** A choice that is named by one of its types has no other but those named (…/profiling.html#slicing). */
const BY_TYPE: JsonObject = { discriminator: [{ type: 'type', path: '$this' }], rules: 'closed' };

/** Extensions are told apart by their url wherever there are several, said or not (…/profiling.html#extensions). */
const BY_URL: JsonObject = { discriminator: [{ type: 'value', path: 'url' }], rules: 'open' };

class Elements {
  readonly byId = new Map<string, JsonObject>();
  /** The id that an element of a path had last: ids can be left out. */
  readonly #lastIds = new Map<string, string>();

  constructor(base: readonly JsonObject[]) {
    for (const each of base) this.byId.set(textOf(each['id']) ?? textOf(each['path']) ?? '', each);
  }

  add(element: JsonObject): void {
    const given = textOf(element['path']) ?? '';
    const id = this.#idOf(element, given);
    const path = pathOf(id);
    this.#hang(id, choiceAt(given) === undefined ? undefined : BY_TYPE);
    const before = this.byId.get(id) ?? bare(id);
    const constraint = [...objectsIn(before, 'constraint'), ...objectsIn(element, 'constraint')];
    const choice = choiceAt(given);
    const type = choice === undefined || element['type'] !== undefined ? {} : { type: [{ code: choice.type }] };
    this.byId.set(id, {
      ...baseOf(path),
      ...before,
      ...type,
      ...element,
      id,
      path,
      ...sliceNameOf(id),
      ...(constraint.length === 0 ? {} : { constraint }),
    });
  }

  #idOf(element: JsonObject, path: string): string {
    const parent = path.slice(0, Math.max(0, path.lastIndexOf('.')));
    const choice = choiceAt(path);
    const name = path.slice(path.lastIndexOf('.') + 1);
    const slice = textOf(element['sliceName']) ?? choice?.slice;
    const own = `${choice === undefined ? name : `${choice.path.slice(choice.path.lastIndexOf('.') + 1)}`}${slice === undefined ? '' : `:${slice}`}`;
    const said = textOf(element['id']);
    const above = this.#lastIds.get(parent) ?? parent;
    // An id that is written as its path says nothing of slices.
    const id =
      said === undefined || (said === path && (choice !== undefined || above !== parent)) ? (above === '' ? own : `${above}.${own}`) : said;
    for (const each of this.#lastIds.keys()) if (each.startsWith(`${path}.`)) this.#lastIds.delete(each);
    this.#lastIds.set(path, id);
    return id;
  }

  /** Everything above an element is there before it. */
  #hang(id: string, slicing?: JsonObject): void {
    const owner = ownerOf(id);
    if (owner === '') return;
    if (!this.byId.has(owner)) {
      this.#hang(owner);
      this.byId.set(owner, bare(owner));
    }
    const above = this.byId.get(owner);
    const isSlice = id[owner.length] === ':';
    const said = slicing ?? (/(?:^|\.)(?:modifierE|e)xtension$/.test(owner) ? BY_URL : undefined);
    if (isSlice && said !== undefined && above !== undefined && above['slicing'] === undefined)
      this.byId.set(owner, { ...above, slicing: said });
  }
}

/** How often R4 itself has an element: what it says is not said twice. */
function baseOf(path: string): { readonly base?: JsonObject } {
  const found = path.includes('.') ? elementOf(path) : undefined;
  return found === undefined ? {} : { base: { min: found.min, max: found.max === Number.POSITIVE_INFINITY ? '*' : String(found.max) } };
}

function sliceNameOf(id: string): { readonly sliceName?: string } {
  const last = id.slice(id.lastIndexOf('.') + 1);
  const colon = last.indexOf(':');
  return colon < 0 ? {} : { sliceName: last.slice(colon + 1) };
}

/** Returns the elements of a profile without snapshot; `base`: those of the profile that it is based on, none for a type of R4. */
export function overlaid(definition: JsonObject, base: readonly JsonObject[]): readonly JsonObject[] {
  const elements = new Elements(base);
  const type = textOf(definition['type']) ?? '';
  if (!elements.byId.has(type)) elements.byId.set(type, bare(type));
  for (const each of objectsIn(definition['differential'], 'element')) elements.add(each);
  return [...elements.byId.values()];
}
