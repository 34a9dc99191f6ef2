import { setOfRows } from '../concept-sets.ts';
import type { TextMatches } from '../provider.ts';

/** Returns a text as it is compared: without case and accents. */
export const folded = (text: string): string => text.normalize('NFD').replace(/\p{M}/gu, '').toLowerCase();

/** Returns the words of a text: runs of letters and digits. */
export const wordsOf = (text: string): readonly string[] => folded(text).match(/[\p{L}\p{N}]+/gu) ?? [];

/** Words of the terms of some concepts, sorted, each with the rows that have it. */
export class TextIndex {
  readonly #words: readonly string[];
  readonly #rows: readonly (readonly number[])[];
  /** Length of the first term of each row: what is found is ranked by it. */
  readonly #lengths: readonly number[];
  readonly #first: readonly string[];

  /** `terms` of row 0, 1, …; the first of each is the preferred one. */
  constructor(terms: readonly (readonly string[])[]) {
    const postings = new Map<string, number[]>();
    for (const [row, texts] of terms.entries()) {
      for (const word of new Set(texts.flatMap(wordsOf))) {
        const rows = postings.get(word);
        if (rows === undefined) postings.set(word, [row]);
        else rows.push(row);
      }
    }
    const sorted = [...postings].sort(([a], [b]) => (a < b ? -1 : 1));
    this.#words = sorted.map(([word]) => word);
    this.#rows = sorted.map(([, rows]) => rows);
    this.#lengths = terms.map(([first = '']) => first.length);
    this.#first = terms.map(([first = '']) => folded(first));
  }

  /** Returns the rows of which each word of `text` begins some word; all rows have nothing to say to an empty text. */
  search(text: string): TextMatches {
    const asked = wordsOf(text);
    let found: Set<number> | undefined;
    for (const word of asked) {
      const rows = this.#startingWith(word);
      found = found === undefined ? rows : new Set([...found].filter((row) => rows.has(row)));
    }
    const rows = found ?? new Set<number>();
    const whole = folded(text.trim());
    return {
      set: setOfRows(rows),
      best: (count) => [...rows].sort((a, b) => this.#rank(a, whole) - this.#rank(b, whole) || a - b).slice(0, count),
    };
  }

  /** Lower is better: the text itself, then what begins with it, then short before long. */
  #rank(row: number, whole: string): number {
    const first = this.#first[row] ?? '';
    const length = this.#lengths[row] ?? 0;
    return first === whole ? -1 : length + (first.startsWith(whole) ? 0 : 10_000);
  }

  #startingWith(prefix: string): Set<number> {
    let low = 0;
    let high = this.#words.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#words[middle] ?? '') < prefix) low = middle + 1;
      else high = middle;
    }
    const found = new Set<number>();
    for (; this.#words[low]?.startsWith(prefix) === true; low++) for (const row of this.#rows[low] ?? []) found.add(row);
    return found;
  }
}
