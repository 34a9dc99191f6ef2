import type { IndexArrays } from '../manifest.ts';

/** Where the concepts of a word stand in the postings; several ranges side by side for the words that begin with what was asked. */
export interface Postings {
  readonly from: number;
  readonly to: number;
  /** True when the word itself is there; false when only longer ones begin with it. */
  readonly isWhole: boolean;
}

/** Looks up words in the index of names and synonyms. */
export class OmopWords {
  readonly #arrays: IndexArrays;
  readonly #text: Buffer;

  constructor(arrays: IndexArrays) {
    const bytes = arrays['word-text'];
    this.#arrays = arrays;
    this.#text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** False for an index that was written without words. */
  get areThere(): boolean {
    return this.#arrays['word-offset'].length > 1;
  }

  /** Returns the postings of a folded word, else of the words that begin with it; undefined when there are none. */
  find(word: string): Postings | undefined {
    const offsets = this.#arrays['posting-offset'];
    const wanted = Buffer.from(word);
    const first = this.#firstFrom(wanted);
    if (first >= offsets.length - 1) return undefined;
    const compared = this.#compare(first, wanted);
    if (compared === 0) return { from: offsets[first] ?? 0, to: offsets[first + 1] ?? 0, isWhole: true };
    let last = first;
    while (last < offsets.length - 1 && this.#begins(last, wanted)) last += 1;
    return last === first ? undefined : { from: offsets[first] ?? 0, to: offsets[last] ?? 0, isWhole: false };
  }

  /** How many concepts have the word: 0 for none. */
  count(word: string): number {
    const found = this.find(word);
    return found?.isWhole === true ? found.to - found.from : 0;
  }

  /** Whether a concept is in the postings of a whole word. */
  has({ from, to }: Postings, row: number): boolean {
    const rows = this.#arrays['posting-row'];
    let low = from;
    let high = to - 1;
    while (low <= high) {
      const middle = (low + high) >>> 1;
      const found = rows[middle] ?? 0;
      if (found === row) return true;
      if (found < row) low = middle + 1;
      else high = middle - 1;
    }
    return false;
  }

  /** Words are sorted by UTF-16 units, which for them is the order of their bytes too, but for letters beyond the basic plane. */
  #firstFrom(wanted: Buffer): number {
    let low = 0;
    let high = Math.max(0, this.#arrays['word-offset'].length - 1);
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#compare(middle, wanted) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #compare(index: number, wanted: Buffer): number {
    const offsets = this.#arrays['word-offset'];
    return this.#text.compare(wanted, 0, wanted.length, offsets[index], offsets[index + 1]);
  }

  #begins(index: number, wanted: Buffer): boolean {
    const start = this.#arrays['word-offset'][index] ?? 0;
    const end = this.#arrays['word-offset'][index + 1] ?? 0;
    return end - start >= wanted.length && this.#text.compare(wanted, 0, wanted.length, start, start + wanted.length) === 0;
  }
}
