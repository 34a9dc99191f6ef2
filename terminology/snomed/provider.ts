import { namedConcepts } from '../ecl/named.ts';
import { parseEcl } from '../ecl/parse.ts';
import type { CodeSystemProvider, Concept, ConceptSet, Designation, Filter, FilterRefusal, NamedCode, Property } from '../provider.ts';
import { isRefusal } from '../provider.ts';
import type { CodeSystem } from '../system/code-system.ts';
import { IndexedProvider } from '../system/provider.ts';
import { ConceptModel, type ModelFaults } from './concept-model.ts';
import type { SctExpression } from './expression.ts';
import { SctMeaning } from './meaning.ts';

/** Expressions remembered: the same few come again. */
const REMEMBERED = 1_000;
/** Filters on the hierarchy that an expression can be judged by. */
const ABOVE: ReadonlySet<string> = new Set(['is-a', 'descendent-of', 'descendant-of']);

/** What selects from a list: single concepts, and members of reference sets. */
const isClosed = ({ property, op }: Filter): boolean =>
  property === 'refset' || ((property === 'concept' || property === 'code') && ['=', 'in', 'regex'].includes(op));

/** The concept that everything selected is below, where the filter says no more than that. */
function topOf({ property, op, value }: Filter): string | undefined {
  if (property === 'concept' && ABOVE.has(op)) return value;
  const isEcl = (property === 'constraint' || property === 'expression') && op === '=';
  return isEcl ? /^\s*<<?\s*(\d{6,18})\s*(?:\|[^|]*\|\s*)?$/.exec(value)?.[1] : undefined;
}

/** Returns what the FHIR operations ask of a code system that is kept as an index. */
export const providerOf = (system: CodeSystem): CodeSystemProvider =>
  system.manifest.kind === 'snomed' ? new SnomedProvider(system) : new IndexedProvider(system);

/** SNOMED CT, whose codes are its concepts and the expressions that can be made of them (http://hl7.org/fhir/R4/snomedct.html#4.3.1.0.4). */
class SnomedProvider extends IndexedProvider {
  readonly #system: CodeSystem;
  readonly #meaning: SctMeaning;
  readonly #model: ConceptModel;
  readonly #known = new Map<string, SctExpression | undefined>();

  constructor(system: CodeSystem) {
    super(system);
    this.#system = system;
    this.#meaning = new SctMeaning(system);
    this.#model = new ConceptModel(system);
  }

  override locate(code: string): Concept | undefined {
    return super.locate(code) ?? (this.#expression(code) === undefined ? undefined : { code, row: -1 });
  }

  override display(concept: Concept): string | undefined {
    const composed = this.#composed(concept);
    return composed === undefined ? super.display(concept) : this.#meaning.display(composed);
  }

  override definition(concept: Concept): string | undefined {
    return concept.row < 0 ? undefined : super.definition(concept);
  }

  override designations(concept: Concept): readonly Designation[] {
    return concept.row < 0 ? [] : super.designations(concept);
  }

  override propertiesOf(concept: Concept): readonly Property[] {
    if (concept.row >= 0) return super.propertiesOf(concept);
    return [{ code: 'inactive', type: 'Boolean', value: this.isInactive(concept) }];
  }

  override isAbstract(concept: Concept): boolean {
    return concept.row >= 0 && super.isAbstract(concept);
  }

  /** An expression of which a part was retired is not to be used any more. */
  override isInactive(concept: Concept): boolean {
    const composed = this.#composed(concept);
    if (composed === undefined) return super.isInactive(concept);
    return this.#meaning.concepts(composed).some((code) => !this.#system.isActive(this.#system.row(code)));
  }

  override statusOf(concept: Concept): string | undefined {
    return this.isInactive(concept) ? 'inactive' : undefined;
  }

  /** Of an expression its focus concepts. */
  override parents(concept: Concept): readonly number[] {
    return this.#composed(concept)?.focus.map((code) => this.#system.row(code)) ?? super.parents(concept);
  }

  override children(concept: Concept): readonly number[] {
    return concept.row < 0 ? [] : super.children(concept);
  }

  override subsumes(ancestor: Concept, concept: Concept): boolean {
    if (ancestor.row >= 0 && concept.row >= 0) return super.subsumes(ancestor, concept);
    const [above, below] = [ancestor, concept].map((each) => this.#composed(each) ?? { focus: [each.code], groups: [] });
    return above !== undefined && below !== undefined && this.#meaning.subsumes(above, below);
  }

  /** What follows from axioms beyond the definitions was worked out for the release's own concepts, not for expressions. */
  undetermined(a: Concept, b: Concept): string | undefined {
    return a.row >= 0 && b.row >= 0 ? undefined : 'the definitions do not show it, and an expression was not classified with the release';
  }

  override all(): ConceptSet {
    const rows = super.all();
    return {
      size: rows.size,
      isOpen: true,
      rows: (from) => rows.rows(from),
      has: (concept) => (concept.row >= 0 ? rows.has(concept) : this.#composed(concept) !== undefined),
    };
  }

  override filter(filter: Filter): ConceptSet | FilterRefusal {
    const found = super.filter(filter);
    if (isRefusal(found) || isClosed(filter)) return found;
    if (filter.property === 'expressions') return filter.value === 'true' ? this.all() : found;
    const top = topOf(filter);
    const above = top === undefined ? undefined : super.locate(top);
    return {
      get size() {
        return found.size;
      },
      // Expressions can be made that fit what is not a list; an expansion without them is not whole.
      isOpen: true,
      rows: (from) => found.rows(from),
      has: (concept) => (concept.row >= 0 ? found.has(concept) : above !== undefined && this.subsumes(above, concept)),
    };
  }

  namedIn({ property, op, value }: Filter): readonly NamedCode[] | undefined {
    if ((property === 'constraint' || property === 'expression') && op === '=')
      return namedConcepts(parseEcl(value), (code) => this.#memberFault(code));
    return /^\d{6,18}$/.test(property) && op === '=' && /^\d{6,18}$/.test(value) ? [{ code: value, isTree: false }] : undefined;
  }

  #memberFault(code: string): string | undefined {
    const isRefset = this.#system.refset(code) >= 0 || this.#system.manifest.dialects.some((each) => each.code === code);
    return isRefset ? undefined : 'is no reference set with members';
  }

  judge(concept: Concept): ModelFaults {
    const composed = this.#composed(concept);
    return composed === undefined ? { faults: [], unchecked: [] } : this.#model.judge(composed);
  }

  override derived(concept: Concept, name: string): Property | undefined {
    if (name !== 'normalForm' && name !== 'normalFormTerse') return undefined;
    const composed = this.#composed(concept);
    return { code: name, type: 'String', value: this.#meaning.normalForm(composed ?? concept.row, name === 'normalForm') };
  }

  #composed({ code, row }: Concept): SctExpression | undefined {
    return row < 0 ? this.#expression(code) : undefined;
  }

  #expression(code: string): SctExpression | undefined {
    if (this.#known.has(code)) return this.#known.get(code);
    const found = this.#meaning.read(code);
    if (this.#known.size >= REMEMBERED) this.#known.clear();
    this.#known.set(code, found);
    return found;
  }
}
