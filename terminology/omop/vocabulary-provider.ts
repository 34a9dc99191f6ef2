import { rowOfId } from '../index-build.ts';
import type { IndexImage } from '../index-files.ts';
import type {
  CodeSystemProvider,
  Concept,
  ConceptSet,
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
import type { OmopNames } from './names.ts';

/** What the tables of OMOP tell of a code beside its name. */
const PROPERTIES: readonly PropertyDefinition[] = [
  { code: 'inactive', uri: 'http://hl7.org/fhir/concept-properties#inactive', type: 'boolean' },
  { code: 'concept_id', description: 'The id of its OMOP concept', type: 'code' },
  { code: 'domain_id', description: 'Its domain in OMOP', type: 'code' },
  { code: 'concept_class_id', description: 'Its class within the vocabulary in OMOP', type: 'code' },
  { code: 'standard_concept', description: 'S: standard in OMOP, C: classification', type: 'code' },
];
const TTY: PropertyDefinition = {
  code: 'TTY',
  description: 'Term type (https://www.nlm.nih.gov/research/umls/rxnorm/docs/appendix5.html)',
  type: 'code',
};
const RXNORM = 'http://www.nlm.nih.gov/research/umls/rxnorm';
/** Classes of OMOP's RxNorm are its term types under longer names. */
const TERM_TYPES: Readonly<Record<string, string>> = {
  Ingredient: 'IN',
  'Precise Ingredient': 'PIN',
  'Multiple Ingredients': 'MIN',
  'Brand Name': 'BN',
  'Clinical Drug': 'SCD',
  'Clinical Drug Comp': 'SCDC',
  'Clinical Drug Form': 'SCDF',
  'Clinical Dose Group': 'SCDG',
  'Quant Clinical Drug': 'SCD',
  'Branded Drug': 'SBD',
  'Branded Drug Comp': 'SBDC',
  'Branded Drug Form': 'SBDF',
  'Branded Dose Group': 'SBDG',
  'Quant Branded Drug': 'SBD',
  'Clinical Pack': 'GPCK',
  'Branded Pack': 'BPCK',
  'Dose Form': 'DF',
  'Dose Form Group': 'DFG',
};
/** Only what the vocabulary itself holds is its code: not what OMOP added under names of its own. */
const NOT_ITS_OWN: ReadonlySet<string> = new Set(['RxNorm Extension']);
const OPERATORS: readonly string[] = ['=', 'in', 'not-in', 'exists'];
const NONE: readonly never[] = [];

/**
 * Returns the vocabularies of an index as code systems under the URIs that FHIR has for them: RxNorm, ICD-10-CM, NDC… Only those whose release
 * says its version: a starter set holds a few codes of each, and would call all others wrong. They have no hierarchy: the index keeps none.
 */
export function vocabularyProviders(image: IndexImage, names: OmopNames): readonly CodeSystemProvider[] {
  const found = new Map<string, number[]>();
  for (const [number, { vocabulary_id, version }] of image.manifest.vocabularies.entries()) {
    const url = systemOfVocabulary(vocabulary_id);
    if (version === '' || url === vocabulary_id || NOT_ITS_OWN.has(vocabulary_id)) continue;
    found.set(url, [...(found.get(url) ?? []), number]);
  }
  return [...found].map(([url, numbers]) => new VocabularyProvider(image, names, url, numbers));
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
  readonly hierarchical = false;
  readonly grammar = false;
  readonly noSubsumption = 'OMOP tables were loaded for this code system, which do not say what its own hierarchy is';
  readonly properties: readonly PropertyDefinition[];
  readonly filters: CodeSystemProvider['filters'];
  /** Rows are those of the whole index, so that they are a bound. */
  readonly total: number;
  readonly supplements: readonly string[] = NONE;
  readonly #image: IndexImage;
  readonly #vocabulary: Vocabulary;
  readonly #names: OmopNames;
  readonly #numbers: readonly number[];
  #all: RowSet | undefined;

  constructor(image: IndexImage, names: OmopNames, url: string, numbers: readonly number[]) {
    const own = numbers.map((number) => image.manifest.vocabularies[number]);
    this.#image = image;
    this.#vocabulary = vocabularyOf(image);
    this.#names = names;
    this.#numbers = numbers;
    this.url = url;
    this.version = versionOf(own[0]?.vocabulary_id ?? '', own[0]?.version ?? '');
    this.name = (own[0]?.vocabulary_id ?? '').replaceAll(/\W/g, '');
    this.title = `${own.map((each) => each?.name || each?.vocabulary_id).join(', ')} (from the OMOP vocabularies)`;
    this.properties = url === RXNORM ? [...PROPERTIES, TTY] : PROPERTIES;
    this.filters = [{ code: 'concept', op: ['=', 'in', 'not-in'] }, ...this.properties.map(({ code }) => ({ code, op: OPERATORS }))];
    this.total = image.arrays['concept-id'].length;
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

  designations(): readonly never[] {
    return NONE;
  }

  propertiesOf({ row }: Concept): readonly Property[] {
    const concept = this.#concept(row);
    if (concept === undefined) return NONE;
    return this.properties.flatMap(({ code }): readonly Property[] => {
      if (code === 'inactive') return [{ code, type: 'Boolean', value: concept.invalid_reason !== '' }];
      const value = columnOf(concept, code);
      return value === '' ? NONE : [{ code, type: 'Code', value }];
    });
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
    return this.all().rows();
  }

  parents(): readonly number[] {
    return NONE;
  }

  children(): readonly number[] {
    return NONE;
  }

  subsumes(ancestor: Concept, concept: Concept): boolean {
    return ancestor.row === concept.row;
  }

  all(): RowSet {
    const of = this.#image.arrays['concept-vocabulary'];
    this.#all ??= RowSet.of(this.total, rowsOf(of, this.#numbers));
    return this.#all;
  }

  filter({ property, op, value }: Filter): ConceptSet | FilterRefusal {
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
    const found = this.#names.search(text);
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

function columnOf(concept: OmopConcept, property: string): string {
  if (property === 'concept_id') return String(concept.concept_id);
  if (property === 'TTY') return TERM_TYPES[concept.concept_class_id] ?? '';
  if (property === 'domain_id' || property === 'concept_class_id' || property === 'standard_concept') return concept[property];
  return '';
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
