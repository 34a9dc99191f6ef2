import { GrowingNumbers } from '../growing.ts';
import { wordsOf } from '../system/fold.ts';

/** The words of names and synonyms, sorted, each with the rows of the concepts that have it, ascending. */
export interface WordIndex {
  readonly wordOffsets: Uint32Array;
  readonly wordText: Uint8Array;
  readonly postingOffsets: Uint32Array;
  readonly postings: Uint32Array;
}

/** English, the language of concept names (concept 4180186); synonyms in others would only match by chance. */
const ENGLISH = '4180186';
/** Longer ones are sequences and identifiers, not words. */
const LONGEST_WORD = 40;

/** Gathers the words of a release while it is read. */
export class WordCollector {
  readonly #numbers = new Map<string, number>();
  readonly #counts = new GrowingNumbers();
  /** Word numbers of the names, one concept after the other, and where each begins. */
  readonly #words = new GrowingNumbers();
  readonly #starts = new GrowingNumbers();
  /** Pairs: concept_id, word number. */
  readonly #more = new GrowingNumbers();

  /** Adds the name of the next concept. */
  name(text: string): void {
    this.#starts.push(this.#words.length);
    for (const word of new Set(wordsOf(text))) if (word.length <= LONGEST_WORD) this.#words.push(this.#number(word));
  }

  /** Adds a row of CONCEPT_SYNONYM. */
  synonym([id = '', text = '', language = '']: readonly string[]): void {
    if (language !== ENGLISH) return;
    for (const word of new Set(wordsOf(text))) {
      if (word.length > LONGEST_WORD) continue;
      this.#more.push(Number(id));
      this.#more.push(this.#number(word));
    }
  }

  #number(word: string): number {
    const known = this.#numbers.get(word);
    if (known !== undefined) return known;
    this.#numbers.set(word, this.#numbers.size);
    this.#counts.push(0);
    return this.#numbers.size - 1;
  }

  /** Returns the index. `order`: the place in which each row's concept was read; `rowOf`: the row of a concept id, -1 for none; `holds`: rows that are worth finding. */
  index(order: Uint32Array, rowOf: (id: number) => number, holds: (row: number) => boolean): WordIndex {
    const synonyms = this.#synonymsByRow(order.length, rowOf);
    this.#starts.push(this.#words.length);
    const each = (visit: (row: number, word: number) => void): void => {
      const seen = new Set<number>();
      for (let row = 0; row < order.length; row += 1) {
        if (!holds(row)) continue;
        const place = order[row] ?? 0;
        seen.clear();
        for (let i = this.#starts.at(place); i < this.#starts.at(place + 1); i += 1) seen.add(this.#words.at(i));
        for (let i = synonyms.offsets[row] ?? 0; i < (synonyms.offsets[row + 1] ?? 0); i += 1) seen.add(synonyms.words[i] ?? 0);
        for (const word of seen) visit(row, word);
      }
    };
    each((_row, word) => this.#counts.set(word, this.#counts.at(word) + 1));
    const sorted = [...this.#numbers].filter(([, number]) => this.#counts.at(number) > 0).sort(([a], [b]) => (a < b ? -1 : 1));
    const next = new Uint32Array(this.#numbers.size);
    const wordOffsets = new Uint32Array(sorted.length + 1);
    const postingOffsets = new Uint32Array(sorted.length + 1);
    for (const [i, [word, number]] of sorted.entries()) {
      next[number] = postingOffsets[i] ?? 0;
      wordOffsets[i + 1] = (wordOffsets[i] ?? 0) + Buffer.byteLength(word);
      postingOffsets[i + 1] = (postingOffsets[i] ?? 0) + this.#counts.at(number);
    }
    const postings = new Uint32Array(postingOffsets.at(-1) ?? 0);
    each((row, word) => {
      const at = next[word] ?? 0;
      postings[at] = row;
      next[word] = at + 1;
    });
    return { wordOffsets, wordText: Buffer.from(sorted.map(([word]) => word).join(''), 'utf8'), postingOffsets, postings };
  }

  #synonymsByRow(total: number, rowOf: (id: number) => number): { readonly offsets: Uint32Array; readonly words: Uint32Array } {
    const pairs = this.#more.view();
    const offsets = new Uint32Array(total + 1);
    for (let i = 0; i < pairs.length; i += 2) {
      const row = rowOf(pairs[i] ?? 0);
      // A synonym of a concept that the release does not have says nothing.
      pairs[i] = row < 0 ? total : row;
      if (row >= 0) offsets[row + 1] = (offsets[row + 1] ?? 0) + 1;
    }
    for (let row = 0; row < total; row += 1) offsets[row + 1] = (offsets[row + 1] ?? 0) + (offsets[row] ?? 0);
    const words = new Uint32Array(offsets[total] ?? 0);
    const next = offsets.slice();
    for (let i = 0; i < pairs.length; i += 2) {
      const row = pairs[i] ?? 0;
      if (row === total) continue;
      const at = next[row] ?? 0;
      words[at] = pairs[i + 1] ?? 0;
      next[row] = at + 1;
    }
    return { offsets, words };
  }
}
