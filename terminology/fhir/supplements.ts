import type {
  CodeSystemProvider,
  Concept,
  ConceptSet,
  ContentMode,
  Designation,
  Filter,
  FilterRefusal,
  ImplicitValueSet,
  JsonObject,
  NamedCode,
  Property,
  PropertyDefinition,
  TextMatches,
} from '../provider.ts';
import { canonical, extensionText, STANDARDS_STATUS } from './json.ts';

/**
 * Returns a code system together with what supplements (http://hl7.org/fhir/R4/codesystem.html#supplements) add to it: designations,
 * properties and extensions of its concepts. Codes, hierarchy and filters stay its own.
 */
export const supplemented = (base: CodeSystemProvider, supplements: readonly CodeSystemProvider[]): CodeSystemProvider =>
  supplements.length === 0 ? base : new Supplemented(base, supplements);

class Supplemented implements CodeSystemProvider {
  readonly #base: CodeSystemProvider;
  readonly #added: readonly CodeSystemProvider[];
  readonly url: string;
  readonly version: string | undefined;
  readonly name: string;
  readonly title: string | undefined;
  readonly content: ContentMode;
  readonly status: string | undefined;
  readonly standardsStatus: string | undefined;
  readonly experimental: boolean | undefined;
  readonly language: string | undefined;
  readonly caseSensitive: boolean;
  readonly valueSet: string | undefined;
  readonly hierarchical: boolean;
  readonly grammar: boolean;
  readonly freeDisplay: boolean;
  readonly noSubsumption: string | undefined;
  readonly properties: readonly PropertyDefinition[];
  readonly filters: CodeSystemProvider['filters'];
  readonly total: number;
  readonly supplements: readonly string[];

  constructor(base: CodeSystemProvider, added: readonly CodeSystemProvider[]) {
    this.#base = base;
    this.#added = added;
    this.url = base.url;
    this.version = base.version;
    this.name = base.name;
    this.title = base.title;
    this.content = base.content;
    this.status = base.status;
    this.standardsStatus = base.standardsStatus;
    this.experimental = base.experimental;
    this.language = base.language;
    this.caseSensitive = base.caseSensitive;
    this.valueSet = base.valueSet;
    this.hierarchical = base.hierarchical;
    this.grammar = base.grammar;
    this.freeDisplay = base.freeDisplay ?? false;
    this.noSubsumption = base.noSubsumption;
    this.properties = [...base.properties, ...added.flatMap((each) => each.properties)];
    this.filters = base.filters;
    this.total = base.total;
    this.supplements = added.map((each) => canonical(each.url, each.version));
  }

  matchesVersion(wanted: string): boolean {
    return this.#base.matchesVersion?.(wanted) ?? false;
  }
  preferredName(concept: Concept, tag: string): string | undefined {
    return this.#base.preferredName?.(concept, tag);
  }
  derived(concept: Concept, name: string): Property | undefined {
    return this.#base.derived?.(concept, name);
  }
  judge(concept: Concept) {
    return this.#base.judge?.(concept) ?? { faults: [], unchecked: [] };
  }
  undetermined(a: Concept, b: Concept): string | undefined {
    return this.#base.undetermined?.(a, b);
  }
  locate(code: string): Concept | undefined {
    return this.#base.locate(code);
  }
  conceptAt(row: number): Concept {
    return this.#base.conceptAt(row);
  }
  display(concept: Concept): string | undefined {
    return this.#base.display(concept);
  }
  definition(concept: Concept): string | undefined {
    return this.#base.definition(concept);
  }

  designations(concept: Concept): readonly Designation[] {
    const added = this.#found(concept).flatMap(([system, own]) => {
      const source = canonical(system.url, system.version);
      const display = system.display(own);
      const designations = system.designations(own).map((each) => ({ ...each, language: each.language ?? system.language, source }));
      return display === undefined ? designations : [{ value: display, language: system.language, source }, ...designations];
    });
    return added.length === 0 ? this.#base.designations(concept) : [...this.#base.designations(concept), ...added];
  }

  propertiesOf(concept: Concept): readonly Property[] {
    const added = this.#found(concept).flatMap(([system, own]) =>
      system.propertiesOf(own).map((each) => ({
        ...each,
        uri: system.properties.find(({ code }) => code === each.code)?.uri,
        source: canonical(system.url, system.version),
      })),
    );
    return added.length === 0 ? this.#base.propertiesOf(concept) : [...this.#base.propertiesOf(concept), ...added];
  }

  extensions(concept: Concept): readonly JsonObject[] {
    const added = this.#found(concept).flatMap(([system, own]) => system.extensions(own));
    return added.length === 0 ? this.#base.extensions(concept) : [...this.#base.extensions(concept), ...added];
  }

  isAbstract(concept: Concept): boolean {
    return this.#base.isAbstract(concept);
  }
  isInactive(concept: Concept): boolean {
    return this.#base.isInactive(concept);
  }
  statusOf(concept: Concept): string | undefined {
    return this.#base.statusOf(concept) ?? extensionText({ extension: this.extensions(concept) }, STANDARDS_STATUS);
  }
  roots(): Iterable<number> {
    return this.#base.roots();
  }
  parents(concept: Concept): readonly number[] {
    return this.#base.parents(concept);
  }
  children(concept: Concept): readonly number[] {
    return this.#base.children(concept);
  }
  subsumes(ancestor: Concept, concept: Concept): boolean {
    return this.#base.subsumes(ancestor, concept);
  }
  all(): ConceptSet {
    return this.#base.all();
  }
  filter(filter: Filter): ConceptSet | FilterRefusal {
    return this.#base.filter(filter);
  }
  search(text: string): TextMatches {
    return this.#base.search(text);
  }
  namedIn(filter: Filter): readonly NamedCode[] | undefined {
    return this.#base.namedIn?.(filter);
  }
  implicit(url: string): ImplicitValueSet | undefined {
    return this.#base.implicit?.(url);
  }

  /** The concept in each of the supplements that speak of it. */
  #found({ code }: Concept): readonly (readonly [CodeSystemProvider, Concept])[] {
    return this.#added.flatMap((each) => {
      const own = each.locate(code);
      return own === undefined ? [] : [[each, own] as const];
    });
  }
}
