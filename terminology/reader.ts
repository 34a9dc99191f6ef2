import { type Codes, findCode } from './code-table.ts';
import { rowOfId } from './index-build.ts';
import { type IndexImage, readIndex } from './index-files.ts';
import { INVALID_FLAGS, STANDARD_FLAGS } from './manifest.ts';
import { spellings } from './spelling.ts';
import { OMOP_SYSTEMS, systemOfVocabulary, vocabulariesOfSystem } from './systems.ts';
import { unitFinder } from './units.ts';
import type { Concept, Resolution, Target, Vocabulary } from './vocabulary.ts';

/**
 * Opens a vocabulary index: `folder` is one index, or the folder given to `loadVocabulary` with its active one. Everything is read into
 * shared memory and checked. Throws TerminologyError: terminology-no-index, or terminology-corrupt-index naming the damaged file.
 */
export function openVocabulary(folder: string): Vocabulary {
  return vocabularyOf(readIndex(folder));
}

/** Returns the vocabulary of an index in memory; a worker thread that was posted the image builds its own reader of the same bytes. */
export function vocabularyOf(image: IndexImage): Vocabulary {
  return new IndexReader(image);
}

const UNKNOWN_SYSTEM: Resolution = Object.freeze({ source: undefined, targets: Object.freeze([]), systemKnown: false });
const UNKNOWN_CODE: Resolution = Object.freeze({ source: undefined, targets: Object.freeze([]), systemKnown: true });

/** The vocabulary of a service into which none was loaded: it knows no code and says so. */
export const emptyVocabulary: Vocabulary = Object.freeze({
  release: '',
  resolve: () => UNKNOWN_SYSTEM,
  unit: () => UNKNOWN_SYSTEM,
  concept: () => undefined,
  vocabularies: vocabulariesOfSystem,
  systemsKnowing: () => [],
});

/** A map that forgets the older half of what it knows instead of growing without end. */
class BoundedCache<K, V> {
  #young = new Map<K, V>();
  #old = new Map<K, V>();
  readonly #half: number;
  constructor(half: number) {
    this.#half = half;
  }
  get(key: K): V | undefined {
    const young = this.#young.get(key);
    if (young !== undefined) return young;
    const old = this.#old.get(key);
    if (old !== undefined) this.set(key, old);
    return old;
  }
  set(key: K, value: V): V {
    if (this.#young.size >= this.#half) {
      this.#old = this.#young;
      this.#young = new Map();
    }
    this.#young.set(key, value);
    return value;
  }
}

const CACHED_CONCEPTS = 32_768;
const CACHED_UNITS = 4_096;
/** No OMOP code is longer than 50 characters; a longer one is not there. */
const LONGEST_CODE_BYTES = 256;

class IndexReader implements Vocabulary {
  readonly release: string;
  readonly #image: IndexImage;
  readonly #codes: Codes;
  readonly #names: Buffer;
  readonly #texts: Buffer;
  readonly #vocabularyNumbers: ReadonlyMap<string, number>;
  readonly #systems = new Map<string, readonly (readonly [number, string])[]>();
  readonly #concepts = new BoundedCache<number, Concept>(CACHED_CONCEPTS);
  readonly #resolutions = new BoundedCache<number, Resolution>(CACHED_CONCEPTS);
  readonly #units = new BoundedCache<string, Resolution>(CACHED_UNITS);
  /** Codes that nothing resolves come again with every row of their kind. */
  readonly #knowing = new BoundedCache<string, readonly string[]>(CACHED_UNITS);
  readonly #findUnit: (unit: string) => number;
  readonly #scratch = new Uint8Array(LONGEST_CODE_BYTES);
  readonly #encoder = new TextEncoder();

  constructor(image: IndexImage) {
    const { arrays, manifest } = image;
    this.release = manifest.release;
    this.#image = image;
    this.#codes = { vocabularyOf: arrays['concept-vocabulary'], offsets: arrays['code-offset'], text: arrays['code-text'] };
    this.#names = bufferOf(arrays['name-text']);
    this.#texts = bufferOf(arrays['code-text']);
    this.#vocabularyNumbers = new Map(manifest.vocabularies.map((each, i) => [each.vocabulary_id, i]));
    this.#findUnit = unitFinder({
      find: (code) => this.#find(this.#vocabularyNumbers.get('UCUM') ?? -1, code),
      resolves: (row) => arrays['target-offset'][row] !== arrays['target-offset'][row + 1],
      all: () => this.#codesOf(this.#vocabularyNumbers.get('UCUM') ?? -1),
    });
  }

  resolve(system: string, code: string): Resolution {
    if (OMOP_SYSTEMS.has(system)) return this.#resolveId(code);
    const vocabularies = this.#systems.get(system) ?? this.#loadedOf(system);
    if (vocabularies.length === 0) return UNKNOWN_SYSTEM;
    for (const [vocabulary] of vocabularies) {
      const row = this.#find(vocabulary, code);
      if (row >= 0) return this.#resolution(row);
    }
    for (const [vocabulary, name] of vocabularies) {
      for (const spelling of spellings(name, code).slice(1)) {
        const row = this.#find(vocabulary, spelling);
        if (row >= 0) return this.#resolution(row);
      }
    }
    return UNKNOWN_CODE;
  }

  unit(code: string): Resolution {
    if (!this.#vocabularyNumbers.has('UCUM')) return UNKNOWN_SYSTEM;
    const known = this.#units.get(code);
    if (known !== undefined) return known;
    const row = this.#findUnit(code);
    return this.#units.set(code, row < 0 ? UNKNOWN_CODE : this.#resolution(row));
  }

  concept(concept_id: number): Concept | undefined {
    const row = rowOfId(this.#image.arrays['concept-id'], concept_id);
    return row < 0 ? undefined : this.#concept(row);
  }

  vocabularies(system: string): readonly string[] {
    const known = vocabulariesOfSystem(system);
    return known.length > 0 || !this.#vocabularyNumbers.has(system) ? known : [system];
  }

  systemsKnowing(code: string): readonly string[] {
    const known = this.#knowing.get(code);
    if (known !== undefined) return known;
    const systems = this.#systemsOf(code);
    return code.length > LONGEST_CODE_BYTES ? systems : this.#knowing.set(code, systems);
  }

  #systemsOf(code: string): readonly string[] {
    const systems = new Set<string>();
    for (const [vocabulary_id, number] of this.#vocabularyNumbers) {
      if (spellings(vocabulary_id, code).some((spelling) => this.#find(number, spelling) >= 0))
        systems.add(systemOfVocabulary(vocabulary_id));
    }
    return [...systems];
  }

  #loadedOf(system: string): readonly (readonly [number, string])[] {
    const loaded = this.vocabularies(system).flatMap((name) => {
      const number = this.#vocabularyNumbers.get(name);
      return number === undefined ? [] : [[number, name] as const];
    });
    if (this.#systems.size < 1024) this.#systems.set(system, loaded);
    return loaded;
  }

  #resolveId(code: string): Resolution {
    const row = /^\d{1,10}$/.test(code) ? rowOfId(this.#image.arrays['concept-id'], Number(code)) : -1;
    return row < 0 ? UNKNOWN_CODE : this.#resolution(row);
  }

  #find(vocabulary: number, code: string): number {
    if (vocabulary < 0 || code === '' || code.length > LONGEST_CODE_BYTES) return -1;
    let length = code.length;
    for (let i = 0; i < code.length; i += 1) {
      const unit = code.charCodeAt(i);
      if (unit > 0x7f) {
        const encoded = this.#encoder.encodeInto(code, this.#scratch);
        if (encoded.read < code.length) return -1;
        length = encoded.written;
        break;
      }
      this.#scratch[i] = unit;
    }
    return findCode(this.#image.arrays['code-table'], this.#codes, vocabulary, this.#scratch, length);
  }

  *#codesOf(vocabulary: number): Generator<readonly [number, string]> {
    const of = this.#codes.vocabularyOf;
    for (let row = of.indexOf(vocabulary); row >= 0; row = of.indexOf(vocabulary, row + 1)) yield [row, this.#concept(row).concept_code];
  }

  #resolution(row: number): Resolution {
    const known = this.#resolutions.get(row);
    if (known !== undefined) return known;
    const { arrays } = this.#image;
    const targets: Target[] = [];
    const end = arrays['target-offset'][row + 1] ?? 0;
    for (let i = arrays['target-offset'][row] ?? 0; i < end; i += 1) {
      const concept = this.#concept(arrays['target-concept'][i] ?? 0);
      const value = (arrays['target-value'][i] ?? 0) - 1;
      targets.push(value < 0 ? { concept } : { concept, value: this.#concept(value) });
    }
    return this.#resolutions.set(row, { source: this.#concept(row), targets, systemKnown: true });
  }

  #concept(row: number): Concept {
    const known = this.#concepts.get(row);
    if (known !== undefined) return known;
    const { arrays, manifest } = this.#image;
    const flags = arrays['concept-flags'][row] ?? 0;
    const concept: Concept = {
      concept_id: arrays['concept-id'][row] ?? 0,
      concept_name: this.#names.toString('utf8', arrays['name-offset'][row], arrays['name-offset'][row + 1]),
      domain_id: manifest.domains[arrays['concept-domain'][row] ?? 0] ?? '',
      vocabulary_id: manifest.vocabularies[arrays['concept-vocabulary'][row] ?? 0]?.vocabulary_id ?? '',
      concept_class_id: manifest.classes[arrays['concept-class'][row] ?? 0] ?? '',
      standard_concept: STANDARD_FLAGS[flags & 3] ?? '',
      concept_code: this.#texts.toString('utf8', arrays['code-offset'][row], arrays['code-offset'][row + 1]),
      invalid_reason: INVALID_FLAGS[flags >> 2] ?? '',
    };
    return this.#concepts.set(row, concept);
  }
}

const bufferOf = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
