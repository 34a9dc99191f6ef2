import type { SystemArrays } from './arrays.ts';
import { matchesWords, wordsOf } from './fold.ts';
import { RowSet } from './rows.ts';

/** Fewer postings than this are tested one by one instead of building sets for the other words. */
const FEW = 300;

/** Finds designations by the beginnings of their words, best first: the rank in the index grows with length, preferred terms first. */
export class TextSearch {
  readonly #arrays: SystemArrays;
  readonly #words: Buffer;
  readonly #terms: Buffer;

  constructor(arrays: SystemArrays) {
    this.#arrays = arrays;
    this.#words = bufferOf(arrays['word-text']);
    this.#terms = bufferOf(arrays['term-text']);
  }

  /** Returns the ranks of the designations in which every word of `text` begins a word; undefined when `text` has no word at all. */
  ranks(text: string): RowSet | undefined {
    const wanted = [...new Set(wordsOf(text))];
    if (wanted.length === 0) return undefined;
    const ranges = wanted.map((prefix) => this.#range(prefix)).sort((a, b) => a.to - a.from - (b.to - b.from));
    const [rarest, ...others] = ranges;
    const found = this.#set(rarest);
    if (rarest === undefined || others.length === 0) return found;
    if (rarest.to - rarest.from <= FEW) return found.where((rank) => matchesWords(wordsOf(this.#term(rank)), wanted));
    return others.reduce((set, range) => set.and(this.#set(range)), found);
  }

  /**
   * Returns up to `count` rows of concepts in whose terms every word of `text` begins a word, best first, each once; none when `text` has no
   * word. Testing candidates one by one until enough are found was measured: it takes twice as long at p95 as the sets of all words.
   */
  top(text: string, count: number): readonly number[] {
    const ranks = this.ranks(text);
    return ranks === undefined ? [] : this.best(ranks, count, () => true);
  }

  /** Returns up to `count` rows of concepts, those of the best ranks first, each once; `accepts` decides which count. */
  best(ranks: RowSet, count: number, accepts: (row: number) => boolean): readonly number[] {
    const rows = new Set<number>();
    for (const rank of ranks.rows()) {
      if (rows.size >= count) break;
      const row = this.rowOfRank(rank);
      if (accepts(row)) rows.add(row);
    }
    return [...rows];
  }

  /** Returns all concepts of the ranks. */
  rows(ranks: RowSet, total: number): RowSet {
    const rows = new RowSet(total);
    ranks.forEach((rank) => {
      rows.add(this.rowOfRank(rank));
    });
    return rows;
  }

  designationOfRank(rank: number): number {
    return this.#arrays['rank-designation'][rank] ?? 0;
  }

  rowOfRank(rank: number): number {
    return this.#arrays['designation-row'][this.designationOfRank(rank)] ?? 0;
  }

  #term(rank: number): string {
    const designation = this.designationOfRank(rank);
    const offsets = this.#arrays['term-offset'];
    return this.#terms.toString('utf8', offsets[designation], offsets[designation + 1]);
  }

  #set(range: { from: number; to: number } | undefined): RowSet {
    const set = new RowSet(this.#arrays['rank-designation'].length);
    const postings = this.#arrays['posting-rank'];
    const { words } = set;
    const to = range?.to ?? 0;
    for (let i = range?.from ?? 0; i < to; i += 1) {
      const rank = postings[i] ?? 0;
      words[rank >>> 5] = (words[rank >>> 5] ?? 0) | (1 << (rank & 31));
    }
    return set;
  }

  /** Places in the postings of all words that begin with `prefix`: they stand side by side. */
  #range(prefix: string): { from: number; to: number } {
    const offsets = this.#arrays['posting-offset'];
    const first = this.#lowest((word) => word >= prefix);
    const last = this.#lowest((word) => word >= prefix && !word.startsWith(prefix));
    return { from: offsets[first] ?? 0, to: offsets[last] ?? 0 };
  }

  /** Index of the first word for which `reached` holds; words are sorted and it holds for all after it. */
  #lowest(reached: (word: string) => boolean): number {
    const offsets = this.#arrays['word-offset'];
    let low = 0;
    let high = offsets.length - 1;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (reached(this.#words.toString('utf8', offsets[middle], offsets[middle + 1]))) high = middle;
      else low = middle + 1;
    }
    return low;
  }
}

export const bufferOf = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
