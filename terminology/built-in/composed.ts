import { everyRow } from '../concept-sets.ts';
import { TextIndex } from '../fhir/text-index.ts';
import type {
  CodeSystemProvider,
  Concept,
  ConceptSet,
  Designation,
  Filter,
  FilterRefusal,
  ImplicitValueSet,
  Property,
  PropertyDefinition,
  TextMatches,
} from '../provider.ts';

/** What a composed code says. */
export interface Composed {
  /** As the grammar writes it, which may differ in case from what was asked. */
  readonly code: string;
  readonly display: string;
  readonly designations: readonly Designation[];
  readonly properties: readonly Property[];
}

/** A code system whose codes are made by a grammar: there is no list of them all, but of each it can be told whether it is one. */
export interface Grammar {
  readonly url: string;
  readonly version: string | undefined;
  readonly name: string;
  readonly title: string;
  readonly language: string | undefined;
  readonly caseSensitive: boolean;
  readonly properties: readonly PropertyDefinition[];
  readonly filters: CodeSystemProvider['filters'];
  /** Codes that are shown where all are asked for: those in use. */
  readonly listed: readonly string[];
  readonly freeDisplay?: boolean;
  readonly noSubsumption?: string;
  /** Whether the first of two codes subsumes the second; without it each subsumes itself alone. */
  subsumes?(above: Composed, below: Composed): boolean;
  /** Why it cannot be told how two codes stand to each other where neither subsumes the other. */
  undetermined?(a: Composed, b: Composed): string | undefined;
  /** Returns what a code says; undefined for what the grammar does not allow. */
  read(code: string): Composed | undefined;
  /** What must hold of the codes in the value set that a URL names; undefined when it names none of this code system. */
  implicit?(url: string): readonly Filter[] | undefined;
  /** Returns the test that a filter stands for. */
  filter(filter: Filter): ((composed: Composed) => boolean) | FilterRefusal;
}

/** Codes remembered: the same few come again and again. */
const REMEMBERED = 4_096;
const NONE: readonly never[] = [];

/** Returns the provider of a code system with a grammar. Listed codes are rows, every other code is a concept of row -1. */
export const composedSystem = (grammar: Grammar): CodeSystemProvider => new ComposedSystem(grammar);

class ComposedSystem implements CodeSystemProvider {
  readonly url: string;
  readonly version: string | undefined;
  readonly name: string;
  readonly title: string;
  readonly content = 'complete';
  readonly status = 'active';
  readonly language: string | undefined;
  readonly caseSensitive: boolean;
  readonly valueSet = undefined;
  readonly hierarchical = false;
  readonly grammar = true;
  readonly properties: readonly PropertyDefinition[];
  readonly filters: CodeSystemProvider['filters'];
  readonly supplements: readonly string[] = NONE;
  readonly freeDisplay: boolean;
  readonly noSubsumption: string | undefined;
  readonly #grammar: Grammar;
  readonly #known = new Map<string, Composed | undefined>();
  #rows: ReadonlyMap<string, number> | undefined;
  #texts: TextIndex | undefined;

  constructor(grammar: Grammar) {
    this.#grammar = grammar;
    this.url = grammar.url;
    this.version = grammar.version;
    this.name = grammar.name;
    this.title = grammar.title;
    this.language = grammar.language;
    this.caseSensitive = grammar.caseSensitive;
    this.properties = grammar.properties;
    this.filters = grammar.filters;
    this.freeDisplay = grammar.freeDisplay ?? false;
    this.noSubsumption = grammar.noSubsumption;
  }

  get total(): number {
    return this.#grammar.listed.length;
  }

  locate(code: string): Concept | undefined {
    const found = this.#read(code);
    if (found === undefined) return undefined;
    this.#rows ??= new Map(this.#grammar.listed.map((each, row) => [each, row]));
    return { code: found.code, row: this.#rows.get(found.code) ?? -1 };
  }

  conceptAt(row: number): Concept {
    return { code: this.#grammar.listed[row] ?? '', row };
  }

  display({ code }: Concept): string | undefined {
    return this.#read(code)?.display;
  }

  definition(): undefined {
    return undefined;
  }

  designations({ code }: Concept): readonly Designation[] {
    return this.#read(code)?.designations ?? NONE;
  }

  propertiesOf({ code }: Concept): readonly Property[] {
    return this.#read(code)?.properties ?? NONE;
  }

  extensions(): readonly never[] {
    return NONE;
  }

  isAbstract(): boolean {
    return false;
  }

  isInactive(): boolean {
    return false;
  }

  statusOf(): undefined {
    return undefined;
  }

  roots(): Iterable<number> {
    return everyRow(this.total).rows();
  }

  parents(): readonly number[] {
    return NONE;
  }

  children(): readonly number[] {
    return NONE;
  }

  subsumes(ancestor: Concept, concept: Concept): boolean {
    if (ancestor.code === concept.code) return true;
    const [above, below] = [this.#read(ancestor.code), this.#read(concept.code)];
    return above !== undefined && below !== undefined && this.#grammar.subsumes?.(above, below) === true;
  }

  undetermined(a: Concept, b: Concept): string | undefined {
    const [one, other] = [this.#read(a.code), this.#read(b.code)];
    return one === undefined || other === undefined ? undefined : this.#grammar.undetermined?.(one, other);
  }

  all(): ConceptSet {
    const listed = everyRow(this.total);
    return { size: listed.size, isOpen: true, rows: (from) => listed.rows(from), has: ({ code }) => this.#read(code) !== undefined };
  }

  filter(filter: Filter): ConceptSet | FilterRefusal {
    const test = this.#grammar.filter(filter);
    if (typeof test !== 'function') return test;
    const holds = (code: string): boolean => {
      const found = this.#read(code);
      return found !== undefined && test(found);
    };
    let rows: readonly number[] | undefined;
    const listed = (): readonly number[] => {
      rows ??= [...this.#grammar.listed.keys()].filter((row) => holds(this.#grammar.listed[row] ?? ''));
      return rows;
    };
    return {
      get size() {
        return listed().length;
      },
      isOpen: true,
      has: ({ code }) => holds(code),
      rows: (from = 0) => listed().filter((row) => row >= from),
    };
  }

  implicit(url: string): ImplicitValueSet | undefined {
    const filters = this.#grammar.implicit?.(url);
    return (
      filters && { url, name: this.name, title: `${this.title}: ${filters.map(({ value }) => value).join(', ') || 'all codes'}`, filters }
    );
  }

  search(text: string): TextMatches {
    this.#texts ??= new TextIndex(
      this.#grammar.listed.map((code) => {
        const found = this.#read(code);
        return [code, ...(found === undefined ? NONE : [found.display, ...found.designations.map(({ value }) => value)])];
      }),
    );
    return this.#texts.search(text);
  }

  #read(code: string): Composed | undefined {
    if (this.#known.has(code)) return this.#known.get(code);
    const found = this.#grammar.read(code);
    if (this.#known.size >= REMEMBERED) this.#known.clear();
    this.#known.set(code, found);
    return found;
  }
}
