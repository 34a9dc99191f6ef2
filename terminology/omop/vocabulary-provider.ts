import { rowOfId } from '../index-build.ts';
import type { IndexImage } from '../index-files.ts';
import type {
  CodeSystemProvider,
  Concept,
  ConceptSet,
  Designation,
  Filter,
  FilterRefusal,
  Property,
  PropertyDefinition,
  TextMatches,
} from '../provider.ts';
import { vocabularyOf } from '../reader.ts';
import { RowSet } from '../system/rows.ts';
import { OMOP_SYSTEM, systemOfVocabulary } from '../systems.ts';
import type { Concept as OmopConcept, Vocabulary } from '../vocabulary.ts';
import type { OmopGraph } from './graph.ts';
import type { OmopHierarchy } from './hierarchy.ts';
import type { OmopNames } from './names.ts';
import { TREE_OPERATORS, treeFilter } from './tree-filter.ts';
import { columnOf, columnsOf } from './vocabulary-columns.ts';

/** Only what the vocabulary itself holds is its code: not what OMOP added under names of its own. */
const NOT_ITS_OWN: ReadonlySet<string> = new Set(['RxNorm Extension']);
const OPERATORS: readonly string[] = ['=', 'in', 'not-in', 'exists'];
const NONE: readonly never[] = [];

const WITHOUT = 'the OMOP tables that were loaded for this code system tell no hierarchy of it';

/**
 * Returns the vocabularies of an index as code systems under the URIs that FHIR has for them: RxNorm, ICD-10-CM, NDC… Only those whose release
 * says its version: a starter set holds a few codes of each, and would call all others wrong. Their hierarchy is what CONCEPT_ANCESTOR says of their
 * concepts; of vocabularies without a pair there, such as ICD-10-CM, it is their relationship 'Is a'.
 */
export function vocabularyProviders(image: IndexImage, names: OmopNames, graph: OmopGraph): readonly CodeSystemProvider[] {
  const found = new Map<string, number[]>();
  for (const [number, { vocabulary_id, version }] of image.manifest.vocabularies.entries()) {
    const url = systemOfVocabulary(vocabulary_id);
    if (version === '' || url === vocabulary_id || NOT_ITS_OWN.has(vocabulary_id)) continue;
    found.set(url, [...(found.get(url) ?? []), number]);
  }
  return [...found].map(([url, numbers]) => new VocabularyProvider(image, names, graph, url, numbers));
}

class VocabularyProvider implements CodeSystemProvider {
  readonly url: string;
  readonly version: string | undefined;
  readonly name: string;
  readonly title: string;
  readonly content = 'complete';
  readonly status = 'active';
  readonly language = 'en';
  readonly caseSensitive = true;
  readonly valueSet = undefined;
  readonly grammar = false;
  readonly properties: readonly PropertyDefinition[];
  readonly filters: CodeSystemProvider['filters'];
  /** Rows are those of the whole index, so that they are a bound. */
  readonly total: number;
  readonly supplements: readonly string[] = NONE;
  readonly #image: IndexImage;
  readonly #vocabulary: Vocabulary;
  readonly #names: OmopNames;
  readonly #graph: OmopGraph;
  readonly #numbers: readonly number[];
  #all: RowSet | undefined;
  /** Undefined: not looked for yet; null: there is none. */
  #known: OmopHierarchy | null | undefined;

  constructor(image: IndexImage, names: OmopNames, graph: OmopGraph, url: string, numbers: readonly number[]) {
    const own = numbers.map((number) => image.manifest.vocabularies[number]);
    this.#image = image;
    this.#vocabulary = vocabularyOf(image);
    this.#names = names;
    this.#graph = graph;
    this.#numbers = numbers;
    this.url = url;
    this.version = versionOf(own[0]?.vocabulary_id ?? '', own[0]?.version ?? '');
    this.name = (own[0]?.vocabulary_id ?? '').replaceAll(/\W/g, '');
    this.title = `${own.map((each) => each?.name || each?.vocabulary_id).join(', ')} (from the OMOP vocabularies)`;
    const relationships = graph.relationships.map(
      ({ relationship_id, name }): PropertyDefinition => ({ code: relationship_id, description: name || relationship_id, type: 'Coding' }),
    );
    this.properties = [...columnsOf(url), ...relationships];
    this.filters = [
      { code: 'concept', op: ['=', 'in', 'not-in', ...TREE_OPERATORS] },
      ...this.properties.map(({ code }) => ({ code, op: OPERATORS })),
    ];
    this.total = image.arrays['concept-id'].length;
  }

  get hierarchical(): boolean {
    return this.#hierarchy !== undefined;
  }

  get noSubsumption(): string | undefined {
    return this.#hierarchy === undefined ? WITHOUT : undefined;
  }

  get #hierarchy(): OmopHierarchy | undefined {
    if (this.#known === undefined) this.#known = this.#graph.hierarchyAmong(this.all()) ?? null;
    return this.#known ?? undefined;
  }

  locate(code: string): Concept | undefined {
    for (const number of this.#numbers) {
      const { source } = this.#vocabulary.resolve(this.#image.manifest.vocabularies[number]?.vocabulary_id ?? '', code);
      if (source !== undefined) return { code: source.concept_code, row: rowOfId(this.#image.arrays['concept-id'], source.concept_id) };
    }
    return undefined;
  }

  conceptAt(row: number): Concept {
    return { code: this.#concept(row)?.concept_code ?? '', row };
  }

  display({ row }: Concept): string | undefined {
    return this.#concept(row)?.concept_name;
  }

  definition(): undefined {
    return undefined;
  }

  designations({ row }: Concept): readonly Designation[] {
    return this.#graph.synonyms(row);
  }

  propertiesOf({ row }: Concept): readonly Property[] {
    const concept = this.#concept(row);
    if (concept === undefined) return NONE;
    const columns = this.properties.flatMap(({ code }): readonly Property[] => {
      if (code === 'inactive') return [{ code, type: 'Boolean', value: concept.invalid_reason !== '' }];
      const value = columnOf(concept, code);
      return value === '' ? NONE : [{ code, type: 'Code', value }];
    });
    return [...columns, ...this.#related(row)];
  }

  /** What its relationships lead to, in this vocabulary or another. */
  *#related(row: number): Generator<Property> {
    for (const { relationship_id, row: other } of this.#graph.edges(row)) {
      const target = this.#concept(other);
      if (target === undefined) continue;
      const { concept_code: code, concept_name: display } = target;
      const system = this.all().hasRow(other) ? this.url : systemOfVocabulary(target.vocabulary_id);
      yield { code: relationship_id, type: 'Coding', value: { system, code, display } };
    }
  }

  extensions(): readonly never[] {
    return NONE;
  }

  isAbstract(): boolean {
    return false;
  }

  isInactive({ row }: Concept): boolean {
    return (this.#image.arrays['concept-flags'][row] ?? 0) >> 2 !== 0;
  }

  statusOf(concept: Concept): string | undefined {
    return this.isInactive(concept) ? 'inactive' : undefined;
  }

  roots(): Iterable<number> {
    return this.all()
      .where((row) => (this.#hierarchy?.parents(row).length ?? 0) === 0)
      .rows();
  }

  parents({ row }: Concept): readonly number[] {
    return this.#hierarchy?.parents(row) ?? NONE;
  }

  children({ row }: Concept): readonly number[] {
    return this.#hierarchy?.children(row) ?? NONE;
  }

  subsumes(ancestor: Concept, concept: Concept): boolean {
    return ancestor.row === concept.row || (this.#hierarchy?.isAbove(ancestor.row, concept.row) ?? false);
  }

  undetermined(...concepts: readonly Concept[]): string | undefined {
    const unplaced = concepts.find(({ row }) => this.#hierarchy?.places(row) === false);
    return unplaced === undefined ? undefined : this.#unplaced(unplaced.code);
  }

  #unplaced(code: string): string {
    return `${code} is not in CONCEPT_ANCESTOR, which holds what is standard or a classification in OMOP; its relationships are properties`;
  }

  all(): RowSet {
    const of = this.#image.arrays['concept-vocabulary'];
    this.#all ??= RowSet.of(this.total, rowsOf(of, this.#numbers));
    return this.#all;
  }

  filter(filter: Filter): ConceptSet | FilterRefusal {
    const placed = {
      total: this.total,
      all: () => this.all(),
      rowOf: (code: string) => this.locate(code)?.row,
      hierarchy: this.#hierarchy,
      without: WITHOUT,
      unplaced: (code: string) => this.#unplaced(code),
    };
    return treeFilter(filter, placed) ?? this.#byProperty(filter);
  }

  #byProperty({ property, op, value }: Filter): ConceptSet | FilterRefusal {
    if (!OPERATORS.includes(op) || (property === 'concept' && op === 'exists'))
      return {
        refusal: 'not-supported',
        reason: `${property} ${op} needs the code system's own release: ${this.title} supports ${OPERATORS.join(', ')}`,
      };
    const values = op === 'in' || op === 'not-in' ? value.split(',').map((each) => each.trim()) : [value];
    if (property === 'concept' || property === 'code') {
      const named = RowSet.of(
        this.total,
        values.flatMap((each) => this.locate(each)?.row ?? NONE),
      );
      return op === 'not-in' ? this.all().minus(named) : named;
    }
    if (!this.properties.some(({ code }) => code === property))
      return { refusal: 'not-supported', reason: `${this.title} has no property ${property}; its own release may have` };
    if (op === 'exists' && value !== 'true' && value !== 'false')
      return { refusal: 'invalid', reason: `exists is true or false, not ${value}` };
    if (this.#graph.has(property)) {
      const fits = (target: number): boolean => values.includes(this.#concept(target)?.concept_code ?? '');
      const rows = this.#graph.rowsLeading(property, (target) => op === 'exists' || fits(target)).and(this.all());
      return op === 'not-in' || (op === 'exists' && value === 'false') ? this.all().minus(rows) : rows;
    }
    const holds = (row: number): boolean => {
      const concept = this.#concept(row);
      const own =
        concept === undefined ? '' : property === 'inactive' ? String(concept.invalid_reason !== '') : columnOf(concept, property);
      if (op === 'exists') return (own !== '') === (value === 'true');
      return values.includes(own) !== (op === 'not-in');
    };
    return this.all().where(holds);
  }

  search(text: string): TextMatches {
    const found = this.#names.search(text, false);
    const all = this.all();
    const set = (): RowSet =>
      RowSet.of(
        this.total,
        [...found.set.rows()].filter((row) => all.hasRow(row)),
      );
    let known: RowSet | undefined;
    return {
      get set() {
        known ??= set();
        return known;
      },
      best: (count) =>
        found
          .best(Number.POSITIVE_INFINITY)
          .filter((row) => all.hasRow(row))
          .slice(0, count),
    };
  }

  #concept(row: number): OmopConcept | undefined {
    const id = this.#image.arrays['concept-id'][row];
    return id === undefined ? undefined : this.#vocabulary.concept(id);
  }
}

function* rowsOf(vocabularies: Uint16Array, numbers: readonly number[]): Generator<number> {
  for (let row = 0; row < vocabularies.length; row += 1) if (numbers.includes(vocabularies[row] ?? -1)) yield row;
}

/** OMOP writes the name before the version (RxNorm 20260105); what is no version of one word is none. */
function versionOf(vocabulary_id: string, stated: string): string | undefined {
  const bare = stated.startsWith(`${vocabulary_id} `) ? stated.slice(vocabulary_id.length + 1) : stated;
  return /^[\w.-]+$/.test(bare) ? bare : undefined;
}

/** Returns the systems without those whose URL an earlier one has: a release of its own tells more than the OMOP tables do. */
export function withoutRepeated(
  systems: readonly CodeSystemProvider[],
  before: readonly CodeSystemProvider[],
): readonly CodeSystemProvider[] {
  const urls = new Set(before.map(({ url }) => url));
  return systems.filter(({ url }) => !urls.has(url) || url === OMOP_SYSTEM);
}
