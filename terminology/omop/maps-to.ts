import { rowOfId } from '../index-build.ts';
import type { IndexImage } from '../index-files.ts';
import type { MapTarget, NativeMap } from '../provider.ts';
import { vocabularyOf } from '../reader.ts';
import { OMOP_SYSTEM, OMOP_SYSTEMS, systemOfVocabulary, vocabulariesOfSystem } from '../systems.ts';
import type { Concept, Vocabulary } from '../vocabulary.ts';

/**
 * Returns the relationship 'Maps to' of the OMOP vocabularies as a concept map: from the codes of every vocabulary, and from concept ids, to
 * standard concepts and back. A concept that stands for itself is equal; of others the vocabulary does not say how near they are: relatedto.
 * 'Maps to value' is no translation and is left out.
 */
export const mapsTo = (image: IndexImage): NativeMap => new MapsTo(image);

class MapsTo implements NativeMap {
  readonly url = `${OMOP_SYSTEM}/ConceptMap/maps-to`;
  readonly version: string | undefined;
  readonly #image: IndexImage;
  readonly #vocabulary: Vocabulary;
  #sources: { readonly offsets: Uint32Array; readonly rows: Uint32Array } | undefined;

  constructor(image: IndexImage) {
    this.version = image.manifest.release === '' ? undefined : image.manifest.release;
    this.#image = image;
    this.#vocabulary = vocabularyOf(image);
  }

  translate({ system, code, other, reverse }: Parameters<NativeMap['translate']>[0]): readonly MapTarget[] {
    if (system === undefined) return [];
    const { source, targets } = this.#vocabulary.resolve(system, code);
    if (source === undefined) return [];
    const found = reverse ? this.#mappedTo(source) : [...new Map(targets.map(({ concept }) => [concept.concept_id, concept])).values()];
    return found.flatMap((concept) => {
      const named = this.#named(concept, other, OMOP_SYSTEMS.has(system) && reverse);
      return named === undefined
        ? []
        : [{ ...named, display: concept.concept_name, equivalence: concept === source ? 'equal' : 'relatedto' }];
    });
  }

  /** A concept as a code of the system that is wanted; unasked: its id, or, of what was asked for by id, its own code. */
  #named(concept: Concept, other: string | undefined, byOwnCode: boolean): Pick<MapTarget, 'system' | 'code'> | undefined {
    const { concept_id, concept_code, vocabulary_id } = concept;
    if (other === undefined ? !byOwnCode : OMOP_SYSTEMS.has(other)) return { system: other ?? OMOP_SYSTEM, code: String(concept_id) };
    if (other === undefined) return { system: systemOfVocabulary(vocabulary_id), code: concept_code };
    const isOfSystem = other === vocabulary_id || vocabulariesOfSystem(other).includes(vocabulary_id);
    return isOfSystem ? { system: other, code: concept_code } : undefined;
  }

  #mappedTo(target: Concept): readonly Concept[] {
    this.#sources ??= inverted(this.#image);
    const { offsets, rows } = this.#sources;
    const row = rowOfId(this.#image.arrays['concept-id'], target.concept_id);
    return [...rows.subarray(offsets[row], offsets[row + 1])].flatMap(
      (each) => this.#vocabulary.concept(this.#image.arrays['concept-id'][each] ?? 0) ?? [],
    );
  }
}

/** Of each row the rows that map to it, ascending. */
function inverted({ arrays }: IndexImage): { readonly offsets: Uint32Array; readonly rows: Uint32Array } {
  const from = arrays['target-offset'];
  const to = arrays['target-concept'];
  const total = arrays['concept-id'].length;
  const offsets = new Uint32Array(total + 1);
  const isAgain = (i: number, row: number): boolean => i > (from[row] ?? 0) && to[i] === to[i - 1];
  const each = (visit: (source: number, target: number) => void): void => {
    for (let row = 0; row < total; row += 1)
      for (let i = from[row] ?? 0; i < (from[row + 1] ?? 0); i += 1) if (!isAgain(i, row)) visit(row, to[i] ?? 0);
  };
  each((_, target) => {
    offsets[target + 1] = (offsets[target + 1] ?? 0) + 1;
  });
  for (let row = 0; row < total; row += 1) offsets[row + 1] = (offsets[row + 1] ?? 0) + (offsets[row] ?? 0);
  const rows = new Uint32Array(offsets[total] ?? 0);
  const next = offsets.slice();
  each((source, target) => {
    const place = next[target] ?? 0;
    rows[place] = source;
    next[target] = place + 1;
  });
  return { offsets, rows };
}
