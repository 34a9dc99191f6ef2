import type { IndexImage } from '../index-files.ts';
import type { Designation } from '../provider.ts';
import { RowSet } from '../system/rows.ts';
import { ancestryOf, HierarchyWithin, hierarchyOfPairs, type OmopHierarchy } from './hierarchy.ts';

/** What CONCEPT_RELATIONSHIP says of one concept. */
export interface Edge {
  readonly relationship_id: string;
  readonly row: number;
}

const IS_A = 'Is a';
const SUBSUMES = 'Subsumes';

/** Languages of synonyms (the concepts of domain Language, class of SNOMED's "… language") as BCP 47 has them. */
const LANGUAGES: Readonly<Record<string, string>> = {
  english: 'en',
  spanish: 'es',
  german: 'de',
  french: 'fr',
  italian: 'it',
  portuguese: 'pt',
  dutch: 'nl',
  russian: 'ru',
  chinese: 'zh',
  japanese: 'ja',
  korean: 'ko',
  turkish: 'tr',
  greek: 'el',
  polish: 'pl',
  estonian: 'et',
  danish: 'da',
  norwegian: 'no',
  swedish: 'sv',
  finnish: 'fi',
  czech: 'cs',
  hungarian: 'hu',
  arabic: 'ar',
  hebrew: 'he',
  ukrainian: 'uk',
};
/** The concept of English (https://athena.ohdsi.org/search-terms/terms/4180186), which every download of synonyms names. */
const ENGLISH = 4180186;
/** BCP 47: a language that is not known. */
const UNDETERMINED = 'und';

/** The relations between the concepts of an index: relationships, hierarchy, synonyms. */
export class OmopGraph {
  /** What CONCEPT_ANCESTOR says; undefined where it is not there. */
  readonly ancestry: OmopHierarchy | undefined;
  /** The relationships that there are, with their names. */
  readonly relationships: readonly { readonly relationship_id: string; readonly name: string }[];
  readonly #image: IndexImage;
  readonly #numbers: ReadonlyMap<string, number>;
  readonly #languages: readonly string[];

  /** `nameOf`: the name of a concept by its id, undefined for none. */
  constructor(image: IndexImage, nameOf: (concept_id: number) => string | undefined) {
    const { graph } = image.manifest;
    this.#image = image;
    this.ancestry = graph === undefined ? undefined : ancestryOf(image.arrays);
    this.relationships = graph?.relationships ?? [];
    this.#numbers = new Map(this.relationships.map(({ relationship_id }, i) => [relationship_id, i]));
    this.#languages = (graph?.languages ?? []).map((id) => (id === ENGLISH ? 'en' : tagOf(nameOf(id))));
  }

  has(relationship_id: string): boolean {
    return this.#numbers.has(relationship_id);
  }

  /** Returns what a row leads to, by the numbers of relationships and rows; `only`: of one relationship. */
  *edges(row: number, only?: string): Generator<Edge> {
    const { arrays } = this.#image;
    const wanted = only === undefined ? undefined : this.#numbers.get(only);
    const end = arrays['edge-offset'][row + 1] ?? 0;
    const kinds = arrays['edge-kind'];
    const targets = arrays['edge-target'];
    for (let i = arrays['edge-offset'][row] ?? 0; i < end; i += 1) {
      if (only !== undefined && kinds[i] !== wanted) continue;
      // A row that stands twice in the table says nothing more.
      if (i > (arrays['edge-offset'][row] ?? 0) && kinds[i] === kinds[i - 1] && targets[i] === targets[i - 1]) continue;
      yield { relationship_id: this.relationships[kinds[i] ?? 0]?.relationship_id ?? '', row: targets[i] ?? 0 };
    }
  }

  /** Returns the rows of which a relationship leads to a row that `holds`. */
  rowsLeading(relationship_id: string, holds: (target: number) => boolean): RowSet {
    const found = new RowSet(this.#image.arrays['concept-id'].length);
    for (const [row, target] of this.#pairs(relationship_id)) if (!found.hasRow(row) && holds(target)) found.add(row);
    return found;
  }

  /**
   * Returns what is above what among `own` rows, those of a vocabulary: as CONCEPT_ANCESTOR says where it has a pair of them, else as their
   * relationships 'Is a', and 'Subsumes' back, do; undefined where neither does.
   */
  hierarchyAmong(own: RowSet): OmopHierarchy | undefined {
    if (this.ancestry !== undefined) {
      const within = new HierarchyWithin(this.ancestry, own);
      const offsets = this.#image.arrays['parent-offset'];
      for (const row of own.rows()) if (offsets[row] !== offsets[row + 1] && within.parents(row).length > 0) return within;
    }
    return hierarchyOfPairs(own, this.#isAPairs(own));
  }

  /** Pairs of what is below and what is above it. A vocabulary may have a million concepts and none of them: no list is made of each row's edges. */
  #isAPairs(own: RowSet): readonly (readonly [number, number])[] {
    const { 'edge-kind': kinds, 'edge-offset': offsets, 'edge-target': targets } = this.#image.arrays;
    const [up, down] = [this.#numbers.get(IS_A) ?? -1, this.#numbers.get(SUBSUMES) ?? -1];
    const pairs = new Map<number, readonly [number, number]>();
    own.forEach((row) => {
      const end = offsets[row + 1] ?? 0;
      for (let i = offsets[row] ?? 0; i < end; i += 1) {
        const kind = kinds[i];
        const other = targets[i] ?? 0;
        if ((kind !== up && kind !== down) || other === row || !own.hasRow(other)) continue;
        const [below, above] = kind === up ? [row, other] : [other, row];
        pairs.set(below * own.total + above, [below, above]);
      }
    });
    return [...pairs.values()];
  }

  /** Every row of a relationship: from, to. */
  *#pairs(relationship_id: string): Generator<readonly [number, number]> {
    const { 'edge-kind': kinds, 'edge-offset': offsets, 'edge-target': targets } = this.#image.arrays;
    const wanted = this.#numbers.get(relationship_id);
    if (wanted === undefined) return;
    let row = 0;
    for (let i = kinds.indexOf(wanted); i >= 0; i = kinds.indexOf(wanted, i + 1)) {
      while ((offsets[row + 1] ?? 0) <= i) row += 1;
      yield [row, targets[i] ?? 0];
    }
  }

  /** Returns the synonyms of a row's concept. */
  synonyms(row: number): readonly Designation[] {
    const { arrays } = this.#image;
    const found: Designation[] = [];
    const text = arrays['synonym-text'];
    const bytes = Buffer.from(text.buffer, text.byteOffset, text.byteLength);
    const end = arrays['synonym-offset'][row + 1] ?? 0;
    for (let i = arrays['synonym-offset'][row] ?? 0; i < end; i += 1) {
      const value = bytes.toString('utf8', arrays['synonym-place'][i], arrays['synonym-place'][i + 1]);
      const language = this.#languages[arrays['synonym-language'][i] ?? 0] ?? UNDETERMINED;
      if (!found.some((each) => each.value === value && each.language === language)) found.push({ language, value });
    }
    return found;
  }
}

/** Returns the tag of the language that a concept names, such as "German language". */
function tagOf(name: string | undefined): string {
  const [word = ''] = (name ?? '').toLowerCase().split(/[ ,(]/);
  return LANGUAGES[word] ?? UNDETERMINED;
}
