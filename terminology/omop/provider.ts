import { rowOfId } from '../index-build.ts';
import type { IndexImage } from '../index-files.ts';
import { INVALID_FLAGS, STANDARD_FLAGS } from '../manifest.ts';
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
import { OMOP_SYSTEM } from '../systems.ts';
import type { Concept as OmopConcept, Vocabulary } from '../vocabulary.ts';
import { OmopGraph } from './graph.ts';
import type { OmopHierarchy } from './hierarchy.ts';
import { OmopNames } from './names.ts';
import { TREE_OPERATORS, treeFilter } from './tree-filter.ts';

const definition = (code: string, description: string, type = 'code'): PropertyDefinition => ({
  code,
  uri: `${OMOP_SYSTEM}/property/${code}`,
  description,
  type,
});

/** The columns of the OMOP table CONCEPT (https://ohdsi.github.io/CommonDataModel/cdm54.html#concept) that an index keeps. */
const PROPERTIES: readonly PropertyDefinition[] = [
  definition('domain_id', 'The domain, which says which table of the CDM holds the concept'),
  definition('vocabulary_id', 'The vocabulary that the concept comes from'),
  definition('concept_class_id', 'The class of the concept within its vocabulary'),
  definition('standard_concept', 'S: standard, C: classification; nothing: neither'),
  definition('concept_code', "The concept's code in its own vocabulary", 'string'),
  definition('invalid_reason', 'D: deleted, U: replaced by an update; nothing: valid'),
];
const INACTIVE: PropertyDefinition = { code: 'inactive', uri: 'http://hl7.org/fhir/concept-properties#inactive', type: 'boolean' };

type Column = 'domain_id' | 'vocabulary_id' | 'concept_class_id' | 'standard_concept' | 'concept_code' | 'invalid_reason';
const COLUMNS: readonly Column[] = ['domain_id', 'vocabulary_id', 'concept_class_id', 'standard_concept', 'concept_code', 'invalid_reason'];

const WITHOUT =
  'the index of the OMOP vocabularies has no ancestors (CONCEPT_ANCESTOR was empty, or it was loaded before they were kept: load it again)';

/** Operators that every property answers to, and concept (the id itself). */
const OPERATORS: readonly string[] = ['=', 'in', 'not-in', 'exists'];

/**
 * Returns the OMOP concepts as a code system whose codes are concept ids (https://build.fhir.org/ig/HL7/fhir-omop-ig/). What is above what is what
 * CONCEPT_ANCESTOR says: of a concept that is not in it (it is neither standard nor a classification) it is not known. Relationships are properties.
 */
export const omopProvider = (image: IndexImage, names = new OmopNames(image), graph = graphOf(image)): CodeSystemProvider =>
  new OmopProvider(image, names, graph);

/** Returns the relations between the concepts of an index. */
export function graphOf(image: IndexImage): OmopGraph {
  const vocabulary = vocabularyOf(image);
  return new OmopGraph(image, (concept_id) => vocabulary.concept(concept_id)?.concept_name);
}

const notInAncestry = (code: string): string =>
  `concept ${code} is not in CONCEPT_ANCESTOR, which holds standard concepts and classifications; ask by a relationship, such as 'Is a' = ${code}`;

class OmopProvider implements CodeSystemProvider {
  readonly url = OMOP_SYSTEM;
  readonly version: string | undefined;
  readonly name = 'OMOP';
  readonly title = 'OMOP standardized vocabularies';
  readonly content = 'complete';
  readonly status = 'active';
  readonly language = 'en';
  readonly caseSensitive = true;
  readonly valueSet = undefined;
  readonly hierarchical: boolean;
  readonly grammar = false;
  readonly noSubsumption: string | undefined;
  readonly properties: readonly PropertyDefinition[];
  readonly filters: CodeSystemProvider['filters'];
  readonly total: number;
  readonly supplements: readonly string[] = [];
  readonly #image: IndexImage;
  readonly #vocabulary: Vocabulary;
  readonly #names: OmopNames;
  readonly #graph: OmopGraph;
  readonly #hierarchy: OmopHierarchy | undefined;

  constructor(image: IndexImage, names: OmopNames, graph: OmopGraph) {
    this.version = image.manifest.release === '' ? undefined : image.manifest.release;
    this.total = image.arrays['concept-id'].length;
    this.#image = image;
    this.#vocabulary = vocabularyOf(image);
    this.#names = names;
    this.#graph = graph;
    this.#hierarchy = graph.ancestry;
    this.hierarchical = graph.ancestry !== undefined;
    this.noSubsumption = graph.ancestry === undefined ? WITHOUT : undefined;
    const relationships = graph.relationships.map(
      ({ relationship_id, name }): PropertyDefinition => ({ code: relationship_id, description: name || relationship_id, type: 'code' }),
    );
    this.properties = [INACTIVE, ...PROPERTIES, ...relationships];
    const tree = graph.ancestry === undefined ? [] : TREE_OPERATORS;
    this.filters = [
      { code: 'concept', op: ['=', 'in', 'not-in', ...tree] },
      ...this.properties.map(({ code }) => ({ code, op: OPERATORS })),
    ];
  }

  locate(code: string): Concept | undefined {
    const row = /^(?:0|[1-9]\d{0,9})$/.test(code) ? rowOfId(this.#image.arrays['concept-id'], Number(code)) : -1;
    return row < 0 ? undefined : { code, row };
  }

  conceptAt(row: number): Concept {
    return { code: String(this.#image.arrays['concept-id'][row] ?? ''), row };
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
    if (concept === undefined) return [];
    return [
      { code: 'inactive', type: 'Boolean', value: concept.invalid_reason !== '' },
      ...COLUMNS.flatMap((code): readonly Property[] =>
        concept[code] === '' ? [] : [{ code, type: code === 'concept_code' ? 'String' : 'Code', value: concept[code] }],
      ),
      ...this.#related(row),
    ];
  }

  *#related(row: number): Generator<Property> {
    for (const { relationship_id: code, row: other } of this.#graph.edges(row)) {
      const target = this.conceptAt(other);
      yield { code, type: 'Code', value: target.code, description: this.display(target) };
    }
  }

  extensions(): readonly never[] {
    return [];
  }

  isAbstract(): boolean {
    return false;
  }

  isInactive({ row }: Concept): boolean {
    return (this.#image.arrays['concept-flags'][row] ?? 0) >= 4;
  }

  statusOf(concept: Concept): string | undefined {
    return this.isInactive(concept) ? 'inactive' : undefined;
  }

  *roots(): Generator<number> {
    for (let row = 0; row < this.total; row += 1) if ((this.#hierarchy?.parents(row).length ?? 0) === 0) yield row;
  }

  parents({ row }: Concept): readonly number[] {
    return this.#hierarchy?.parents(row) ?? [];
  }

  children({ row }: Concept): readonly number[] {
    return this.#hierarchy?.children(row) ?? [];
  }

  subsumes(ancestor: Concept, concept: Concept): boolean {
    return ancestor.row === concept.row || (this.#hierarchy?.isAbove(ancestor.row, concept.row) ?? false);
  }

  undetermined(...concepts: readonly Concept[]): string | undefined {
    const unplaced = concepts.find(({ row }) => this.#hierarchy?.places(row) === false);
    return unplaced === undefined ? undefined : notInAncestry(unplaced.code);
  }

  all(): ConceptSet {
    return RowSet.all(this.total);
  }

  search(text: string): TextMatches {
    return this.#names.search(text, true);
  }

  filter(filter: Filter): ConceptSet | FilterRefusal {
    const placed = {
      total: this.total,
      all: () => RowSet.all(this.total),
      rowOf: (code: string) => this.locate(code)?.row,
      hierarchy: this.#hierarchy,
      without: WITHOUT,
      unplaced: notInAncestry,
    };
    return treeFilter(filter, placed) ?? this.#byProperty(filter);
  }

  #byProperty({ property, op, value }: Filter): ConceptSet | FilterRefusal {
    const values = op === 'in' || op === 'not-in' ? value.split(',').map((each) => each.trim()) : [value];
    const isNegated = op === 'not-in' || (op === 'exists' && value === 'false');
    if (!OPERATORS.includes(op))
      return { refusal: 'not-supported', reason: `${property} ${op} is not supported; these are: ${OPERATORS.join(', ')}` };
    if (property === 'concept' && op !== 'exists') {
      const rows = RowSet.of(
        this.total,
        values.flatMap((each) => this.locate(each)?.row ?? []),
      );
      return isNegated ? RowSet.all(this.total).minus(rows) : rows;
    }
    if (op === 'exists' && value !== 'true' && value !== 'false')
      return { refusal: 'invalid', reason: `exists is true or false, not ${value}` };
    if (this.#graph.has(property)) {
      const wanted = new Set(values.flatMap((each) => this.locate(each)?.row ?? []));
      const rows = this.#graph.rowsLeading(property, (target) => op === 'exists' || wanted.has(target));
      return isNegated ? RowSet.all(this.total).minus(rows) : rows;
    }
    const holds = this.#test(property, op === 'exists' ? undefined : values);
    if (holds === undefined) return { refusal: 'not-supported', reason: `the OMOP vocabularies have no property ${property}` };
    return RowSet.all(this.total).where((row) => holds(row) !== isNegated);
  }

  /** Returns the test whether a row has one of `values`, or any value at all; undefined for an unknown property. */
  #test(property: string, values: readonly string[] | undefined): ((row: number) => boolean) | undefined {
    const { arrays, manifest } = this.#image;
    const flags = arrays['concept-flags'];
    const numbered = (numbers: Uint16Array, names: readonly string[]) => {
      const wanted = new Set(names.flatMap((name, i) => (values === undefined || values.includes(name) ? [i] : [])));
      return (row: number): boolean => wanted.has(numbers[row] ?? -1);
    };
    const flagged = (shift: number, names: readonly string[]) => {
      const wanted = new Set(names.flatMap((name, i) => ((values === undefined ? name !== '' : values.includes(name)) ? [i] : [])));
      return (row: number): boolean => wanted.has(((flags[row] ?? 0) >> shift) & 3);
    };
    switch (property) {
      case 'domain_id':
        return numbered(arrays['concept-domain'], manifest.domains);
      case 'concept_class_id':
        return numbered(arrays['concept-class'], manifest.classes);
      case 'vocabulary_id':
        return numbered(
          arrays['concept-vocabulary'],
          manifest.vocabularies.map((each) => each.vocabulary_id),
        );
      case 'standard_concept':
        return flagged(0, STANDARD_FLAGS);
      case 'invalid_reason':
        return flagged(2, INVALID_FLAGS);
      case 'inactive':
        return (row) => values === undefined || values.includes(String((flags[row] ?? 0) >= 4));
      case 'concept_code': {
        const wanted = values?.map((each) => Buffer.from(each));
        return (row) => wanted === undefined || wanted.some((each) => this.#hasCode(row, each));
      }
      default:
        return undefined;
    }
  }

  #hasCode(row: number, code: Buffer): boolean {
    const start = this.#image.arrays['code-offset'][row] ?? 0;
    if ((this.#image.arrays['code-offset'][row + 1] ?? 0) - start !== code.length) return false;
    const text = this.#image.arrays['code-text'];
    return code.every((byte, i) => text[start + i] === byte);
  }

  #concept(row: number): OmopConcept | undefined {
    const id = this.#image.arrays['concept-id'][row];
    return id === undefined ? undefined : this.#vocabulary.concept(id);
  }
}
