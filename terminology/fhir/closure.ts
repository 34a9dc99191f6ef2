import type { CodeSystemProvider, Concept, JsonObject } from '../provider.ts';
import { refuse, TerminologyRefusal } from './issue.ts';
import { canonical, isObject, textAt } from './json.ts';
import type { Library } from './library.ts';
import { type Parameter, parameterText } from './settings.ts';

export interface ClosureConcept {
  readonly system: string;
  readonly code: string;
  /** The version of the code system that was asked for, and the one that it was placed by. */
  readonly askedVersion: string | undefined;
  readonly systemVersion: string | undefined;
  /** The version of the table that brought it. */
  readonly since: number;
}

/** A closure table as a client has it: its concepts say which entries it has, and since when. */
export interface ClosureTable {
  readonly version: number;
  readonly concepts: readonly ClosureConcept[];
}

/** The tables of one caller, by name. */
export interface ClosureTables {
  get(name: string): ClosureTable | undefined;
  set(name: string, table: ClosureTable): void;
}

export interface ClosureSurroundings {
  readonly library: Library;
  readonly tables: ClosureTables;
  /** Concepts of one table. */
  readonly most: number;
  /** ISO instant. */
  readonly now: () => string;
  /** RFC 9562 UUID. */
  readonly uuid: () => string;
}

/** It becomes the id of the answer. */
const NAME = /^[A-Za-z0-9\-.]{1,64}$/;

/**
 * $closure (http://hl7.org/fhir/R4/terminology-service.html#closure): returns the ConceptMap with what is new in the table: with a name alone
 * the table is begun anew; with concepts they are added; with a version everything since then is said again. An entry names the narrower
 * concept and, as its target, the one that subsumes it; that each subsumes itself is not said. Throws TerminologyRefusal, and changes nothing then.
 */
export function closure(parameters: readonly Parameter[], given: ClosureSurroundings): JsonObject {
  const name = closureName(parameters);
  const concepts = parameters.flatMap(({ name: each, value }) => (each === 'concept' && isObject(value) ? [value] : []));
  const version = parameterText(parameters, 'version');
  if (version !== undefined && concepts.length > 0) throw refuse(400, 'invalid', 'Send version or concept, not both');
  if (version === undefined && concepts.length === 0) {
    given.tables.set(name, { version: 0, concepts: [] });
    return mapOf(given, { id: name, name: `Closure Table ${name} Creation`, version: 0 });
  }
  const table = given.tables.get(name);
  if (table === undefined) throw refuse(404, 'not-found', `invalid closure name "${name}": send the name alone to begin the table`);
  const places = new Places(given.library, name);
  if (version !== undefined) {
    if (!/^\d{1,9}$/.test(version) || Number(version) > table.version)
      throw refuse(400, 'invalid', `version ${version.slice(0, 20)} of closure "${name}" was never sent`);
    const group = groupsOf(table.concepts, Number(version), places);
    return mapOf(given, {
      id: given.uuid(),
      name: `Replay for Closure Table ${name} from version ${version}`,
      version: table.version,
      group,
    });
  }
  const next = added(table, concepts, places, given.most);
  const group = groupsOf(next.concepts, table.version, places);
  given.tables.set(name, next);
  return mapOf(given, {
    id: group.length === 0 ? name : given.uuid(),
    name: `Updates for Closure Table ${name}`,
    version: next.version,
    group,
  });
}

/** Returns the name of the table that is asked for. Throws TerminologyRefusal. */
export function closureName(parameters: readonly Parameter[]): string {
  const name = parameterText(parameters, 'name');
  if (name === undefined) throw refuse(400, 'required', 'Name the closure table: name');
  if (!NAME.test(name))
    throw refuse(400, 'invalid', `invalid closure name "${name.slice(0, 64)}": letters, digits, - and . are allowed, at most 64`);
  return name;
}

/** Returns the table with the concepts that it has not yet. */
function added(table: ClosureTable, codings: readonly JsonObject[], places: Places, most: number): ClosureTable {
  const version = table.version + 1;
  const all = new Map(table.concepts.map((each) => [canonical(each.system, each.code), each]));
  for (const coding of codings) {
    const [system, code] = [textAt(coding, 'system'), textAt(coding, 'code')];
    if (system === undefined || code === undefined) throw refuse(400, 'required', 'A concept of a closure table needs its system and code');
    const askedVersion = textAt(coding, 'version');
    const place = places.locate(system, code, askedVersion);
    const key = canonical(system, code);
    if (!all.has(key)) all.set(key, { system, code, askedVersion, systemVersion: place.system.version, since: version });
  }
  if (all.size > most) throw refuse(422, 'too-costly', `A closure table holds at most ${most} concepts here; begin another`);
  return { version, concepts: [...all.values()] };
}

/** Returns the entries that one of whose concepts came after `version`. */
function groupsOf(concepts: readonly ClosureConcept[], version: number, places: Places): readonly JsonObject[] {
  return [...Map.groupBy(concepts, ({ system }) => system)].flatMap(([system, all]) => {
    const placed = all.map((each) => ({ ...each, ...places.placed(each) }));
    const element = placed.flatMap((below) => {
      const target = placed.flatMap((above) => {
        if (below === above || (below.since <= version && above.since <= version)) return [];
        if (below.concept.code === above.concept.code) return [{ code: above.code, equivalence: 'equal' }];
        // Concepts of another version of the code system are compared by the version of the one above.
        const own = below.system === above.system ? below.concept : above.system.locate(below.code);
        if (own === undefined) return [];
        if (!above.system.subsumes(above.concept, own)) {
          const why = above.system.subsumes(own, above.concept) ? undefined : above.system.undetermined?.(above.concept, own);
          if (why !== undefined) throw undetermined(below.code, above.code, why);
          return [];
        }
        return [{ code: above.code, equivalence: above.system.subsumes(own, above.concept) ? 'equal' : 'subsumes' }];
      });
      return target.length === 0 ? [] : [{ code: below.code, target }];
    });
    return element.length === 0 ? [] : [{ source: system, target: system, element }];
  });
}

const undetermined = (a: string, b: string, why: string): TerminologyRefusal =>
  refuse(
    422,
    'not-supported',
    `It cannot be determined whether '${a}' and '${b}' subsume each other: ${why}; they cannot be in one closure table`,
    'cannot-determine',
  );

/** Where concepts stand now. */
class Places {
  readonly #library: Library;
  readonly #name: string;
  constructor(library: Library, name: string) {
    this.#library = library;
    this.#name = name;
  }

  /** Returns a concept that the caller names. */
  locate(url: string, code: string, version: string | undefined): { readonly system: CodeSystemProvider; readonly concept: Concept } {
    const system = this.#library.codeSystem(url, version);
    if (system === undefined) throw refuse(422, 'not-found', `The code system '${canonical(url, version)}' is not known`);
    const concept = system.locate(code);
    if (concept === undefined)
      throw refuse(422, 'code-invalid', `Unknown code '${code}' in the CodeSystem '${canonical(url, system.version)}'`, 'invalid-code');
    // A table without entries would say that nothing is above anything.
    if (system.noSubsumption !== undefined)
      throw refuse(422, 'not-supported', `${system.noSubsumption}; a closure table of '${url}' cannot be kept`);
    return { system, concept };
  }

  /** Returns a concept of the table. Refuses where its code system is another than when it was added: what was said may be wrong now. */
  placed(each: ClosureConcept): { readonly system: CodeSystemProvider; readonly concept: Concept } {
    const system = this.#library.codeSystem(each.system, each.askedVersion);
    const concept = system?.locate(each.code);
    if (system === undefined || concept === undefined || system.version !== each.systemVersion) {
      const text = `closure "${this.#name}" must be reinitialized: the code system ${each.system} is another than when its concepts were added`;
      throw new TerminologyRefusal(422, [
        { severity: 'error', code: 'conflict', type: 'version-error', id: undefined, text, expression: undefined },
      ]);
    }
    return { system, concept };
  }
}

const mapOf = (
  { now }: ClosureSurroundings,
  {
    version,
    group = [],
    ...named
  }: { readonly id: string; readonly name: string; readonly version: number; readonly group?: readonly JsonObject[] },
): JsonObject => ({
  resourceType: 'ConceptMap',
  ...named,
  version: String(version),
  status: 'active',
  experimental: true,
  date: now(),
  ...(group.length === 0 ? {} : { group }),
});
