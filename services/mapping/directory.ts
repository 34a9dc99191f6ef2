/**
 * Who and where a message names by a number: doctors, wards, organizations. A map states them where they are needed, as a Reference with
 * identifier and display; here each gets a resource of its own that the Reference points to, so that no map can forget one. A name without a
 * number stays a name.
 */
import { isArray, isObject } from '../fhir/format/json.ts';
import type { JsonObject, JsonValue } from '../fhir/resource.ts';
import type { Message } from '../hl7v2/message.ts';
import type { ConvertContext, Draft } from './conversion.ts';
import { nameParts, type PlaceLevel, placeLevels } from './directory-parts.ts';
import { Remembered } from './expression/remembered.ts';
import { idOf } from './to-fhir/ids.ts';

/** The types that many patients' resources refer to, and that belong to none of them. */
export const DIRECTORY_TYPES = ['Practitioner', 'Organization', 'Location'] as const;
type DirectoryType = (typeof DIRECTORY_TYPES)[number];

/** Who sends, who enters and who pays takes no part in care: as organizations they would be sites of care in the CDM. */
const NOT_CARE = new Set(['Provenance', 'MessageHeader', 'Coverage', 'ClaimResponse']);
const PERSONS = new Set(['Patient', 'RelatedPerson', 'Person']);

export interface WithDirectory {
  readonly drafts: readonly Draft[];
  /** Each once; the same content wherever the same is said. */
  readonly directory: readonly Draft[];
}

/** Returns the namespace of the ids of a message; undefined when neither its source nor MSH-4 or MSH-3 says one. */
export function authorityOf(message: Message, context: Pick<ConvertContext, 'authority'>): string | undefined {
  const msh = message.segments[0];
  return context.authority ?? msh?.value(4) ?? msh?.value(4, 1, 2) ?? msh?.value(3) ?? msh?.value(3, 1, 2);
}

/**
 * Returns drafts whose References to directory entries have their targets, and these. Ids are made of authority, type, system and value.
 * A place comes with those it is part of, a person with the parts of the name, where `message` (which the
 * drafts are of) says them.
 */
export function withDirectory(drafts: readonly Draft[], authority: string, message?: Message): WithDirectory {
  const links = new Links(authority, drafts, message);
  const linked = drafts.map((draft) => {
    if (NOT_CARE.has(draft.resource.resourceType)) return draft;
    links.spec = draft.spec;
    const resource = links.object(draft.resource);
    return resource === draft.resource ? draft : { ...draft, resource: { ...draft.resource, ...resource } };
  });
  return { drafts: links.found.size === 0 ? drafts : linked, directory: [...links.found.values()] };
}

const entries = new Remembered<Draft>(5_000, 400);

interface Named {
  readonly type: DirectoryType;
  readonly system: string;
  readonly value: string;
  readonly display: string | undefined;
}

class Links {
  readonly found = new Map<string, Draft>();
  spec = '';
  readonly #authority: string;
  readonly #persons: Persons;
  readonly #message: Message | undefined;

  constructor(authority: string, drafts: readonly Draft[], message: Message | undefined) {
    this.#authority = authority;
    this.#persons = new Persons(drafts);
    this.#message = message;
  }

  object(value: JsonObject): JsonObject {
    const named = namedIn(value);
    if (named !== undefined) return this.#persons.isOne(named) ? value : { reference: this.#target(named), ...value };
    let changed: Record<string, JsonValue | undefined> | undefined;
    for (const name in value) {
      const each = value[name];
      // Who assigned a number is not asked for: it says nothing of care.
      if (typeof each !== 'object' || each === null || name === 'identifier') continue;
      const mapped = this.#value(each);
      if (mapped === each) continue;
      changed ??= { ...value };
      changed[name] = mapped;
    }
    return changed ?? value;
  }

  #value(value: JsonValue): JsonValue {
    if (isObject(value)) return this.object(value);
    if (!isArray(value)) return value;
    let changed: JsonValue[] | undefined;
    for (const [i, each] of value.entries()) {
      const mapped = this.#value(each);
      if (mapped === each) continue;
      changed ??= [...value];
      changed[i] = mapped;
    }
    return changed ?? value;
  }

  #target(named: Named): string {
    const { type, system, value, display } = named;
    if (type === 'Location') return this.#place(named);
    const name =
      type === 'Practitioner' && display !== undefined && this.#message !== undefined
        ? nameParts(this.#message, value, display)
        : undefined;
    // The same few are named all day long.
    return this.#noted(
      entries.get(JSON.stringify([this.#authority, this.spec, type, system, value, display, name]), () =>
        draftOf(named, this.#idOf(type, system, value), this.spec, name === undefined ? {} : { name: [name] }),
      ),
    );
  }

  /** A place, and after those that it is part of. */
  #place(named: Named): string {
    const { type, system, value } = named;
    const levels = this.#message === undefined ? [] : placeLevels(this.#message, value);
    let whole: string | undefined;
    for (const level of levels.slice(0, -1)) whole = this.#level({ type, system, value: level.value, display: level.name }, level, whole);
    return this.#level(named, levels.at(-1), whole);
  }

  #level({ type, system, value, display }: Named, level: PlaceLevel | undefined, whole: string | undefined): string {
    const about = {
      ...(level?.kind === undefined ? {} : { physicalType: level.kind }),
      ...(whole === undefined ? {} : { partOf: { reference: whole } }),
    };
    return this.#noted(
      entries.get(JSON.stringify([this.#authority, this.spec, type, system, value, display, about]), () =>
        draftOf({ type, system, value, display }, this.#idOf(type, system, value), this.spec, about),
      ),
    );
  }

  #idOf(type: DirectoryType, system: string, value: string): string {
    return idOf(this.#authority, type, ['directory', system, value]);
  }

  #noted(draft: Draft): string {
    const reference = `${draft.resource.resourceType}/${draft.resource.id}`;
    const known = this.found.get(reference);
    // One message may name somebody by number in one place and by number and name in another.
    if (known === undefined || namedness(known.resource) < namedness(draft.resource)) this.found.set(reference, draft);
    return reference;
  }
}

/**
 * Returns how much a directory entry says of a name: 0 nothing, 1 that of its own parts (a place called as it is numbered), 2 a name that
 * somebody gave it.
 */
export function namedness({ name, identifier }: JsonObject): 0 | 1 | 2 {
  if (name === undefined) return 0;
  const [own] = objectsOf(identifier);
  return typeof name === 'string' && name.replaceAll(' ', '-') === own?.['value'] ? 1 : 2;
}

function draftOf({ type, system, value, display }: Named, id: string, spec: string, about: JsonObject): Draft {
  const name = display === undefined ? {} : { name: type === 'Practitioner' ? [{ text: display }] : display };
  return { resource: { resourceType: type, id, identifier: [{ system, value }], ...name, ...about }, update: 'replace', deletes: [], spec };
}

function namedIn({ type, reference, identifier, display }: JsonObject): Named | undefined {
  const known = DIRECTORY_TYPES.find((each) => each === type);
  if (known === undefined || reference !== undefined || !isObject(identifier)) return undefined;
  const { system, value } = identifier;
  if (typeof system !== 'string' || typeof value !== 'string') return undefined;
  return { type: known, system, value, display: typeof display === 'string' ? display : undefined };
}

/**
 * The persons of a message. Who measures at home is named as the observer, by the patient's own number and name: that is nobody for a
 * directory, which outlives the patient's erasure.
 */
class Persons {
  readonly #drafts: readonly Draft[];
  #numbers: ReadonlyMap<string, ReadonlySet<JsonValue | undefined>> | undefined;
  #names: readonly ReadonlySet<string>[] = [];

  constructor(drafts: readonly Draft[]) {
    this.#drafts = drafts;
  }

  isOne({ system, value, display }: Named): boolean {
    this.#numbers ??= this.#read();
    const systems = this.#numbers.get(value);
    if (systems?.has(system) || (systems !== undefined && display === undefined)) return true;
    const words = new Set(wordsOf(display ?? ''));
    return this.#names.some((name) => name.size > 1 && [...name].every((word) => words.has(word)));
  }

  #read(): ReadonlyMap<string, ReadonlySet<JsonValue | undefined>> {
    const numbers = new Map<string, Set<JsonValue | undefined>>();
    const names: ReadonlySet<string>[] = [];
    for (const { resource } of this.#drafts) {
      if (!PERSONS.has(resource.resourceType)) continue;
      for (const { system, value } of objectsOf(resource['identifier'])) {
        if (typeof value !== 'string') continue;
        const systems = numbers.get(value);
        if (systems) systems.add(system);
        else numbers.set(value, new Set([system]));
      }
      for (const { family, given } of objectsOf(resource['name'])) {
        const [first] = isArray(given) ? given : [];
        names.push(new Set([family, first].flatMap((part) => (typeof part === 'string' ? wordsOf(part) : []))));
      }
    }
    this.#names = names;
    return numbers;
  }
}

const objectsOf = (value: JsonValue | undefined): readonly JsonObject[] => (isArray(value) ? value.filter(isObject) : []);
const wordsOf = (text: string): readonly string[] => text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [];
