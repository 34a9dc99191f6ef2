import { setOfRows } from '../concept-sets.ts';
import type { TextMatches } from '../provider.ts';

/** Returns a text as it is compared: without case and accents. */
export const folded = (text: string): string => text.normalize('NFD').replace(/\p{M}/gu, '').toLowerCase();

/** Returns the words of a text: runs of letters and digits. */
export const wordsOf = (text: string): readonly string[] => folded(text).match(/[\p{L}\p{N}]+/gu) ?? [];

/** Searches that are remembered: whoever types sends the same words again for the next page. */
const REMEMBERED = 64;
/** Pages up to this size are picked without sorting everything that was found. */
const SMALL_PAGE = 200;
/** Added to the rank of what does not begin with the text. */
const LATER = 1_000_000_000;

/** Words of the terms of some concepts, sorted, each with the rows that have it. */
export class TextIndex {
  readonly #words: readonly string[];
  readonly #rows: readonly (readonly number[])[];
  /** The words of each row. */
  readonly #wordsOfRow: readonly (readonly string[])[];
  /** The first term of each row, folded. */
  readonly #first: readonly string[];
  /** Place of each row when all are ordered by the length of their first term. */
  readonly #ranks: Int32Array;
  readonly #remembered = new Map<string, TextMatches>();

  /** `terms` of row 0, 1, …; the first of each is the preferred one. */
  constructor(terms: readonly (readonly string[])[]) {
    const postings = new Map<string, number[]>();
    this.#wordsOfRow = terms.map((texts) => [...new Set(texts.flatMap(wordsOf))]);
    for (const [row, words] of this.#wordsOfRow.entries()) {
      for (const word of words) {
        const rows = postings.get(word);
        if (rows === undefined) postings.set(word, [row]);
        else rows.push(row);
      }
    }
    const sorted = [...postings].sort(([a], [b]) => (a < b ? -1 : 1));
    this.#words = sorted.map(([word]) => word);
    this.#rows = sorted.map(([, rows]) => rows);
    this.#first = terms.map(([first = '']) => folded(first));
    this.#ranks = new Int32Array(terms.length);
    const byLength = [...terms.keys()].sort((a, b) => (this.#first[a]?.length ?? 0) - (this.#first[b]?.length ?? 0) || a - b);
    for (const [rank, row] of byLength.entries()) this.#ranks[row] = rank;
  }

  /** Returns the rows of which each word of `text` begins some word; none for a text without words. */
  search(text: string): TextMatches {
    const whole = folded(text.trim());
    const known = this.#remembered.get(whole);
    if (known !== undefined) return known;
    const found = this.#search(whole);
    if (this.#remembered.size >= REMEMBERED) this.#remembered.clear();
    this.#remembered.set(whole, found);
    return found;
  }

  #search(whole: string): TextMatches {
    const ranges = [...new Set(wordsOf(whole))].map((word) => this.#startingWith(word)).sort((a, b) => a.postings - b.postings);
    const [rarest, ...others] = ranges;
    const rows = new Set<number>();
    for (let i = rarest?.from ?? 0; i < (rarest?.to ?? 0); i++) {
      for (const row of this.#rows[i] ?? []) {
        if (others.every(({ word }) => this.#wordsOfRow[row]?.some((each) => each.startsWith(word)) === true)) rows.add(row);
      }
    }
    return { set: setOfRows(rows), best: (count) => this.#best(rows, whole, count) };
  }

  /** The text itself first, then what begins with it, then short before long. */
  #best(rows: ReadonlySet<number>, whole: string, count: number): readonly number[] {
    const rankOf = (row: number): number => {
      const first = this.#first[row] ?? '';
      if (first === whole) return -1;
      return (this.#ranks[row] ?? 0) + (first.startsWith(whole) ? 0 : LATER);
    };
    if (count <= 0) return [];
    const ranked = [...rows].map((row) => ({ row, rank: rankOf(row) }));
    if (ranked.length <= count || count > SMALL_PAGE)
      return ranked
        .sort((a, b) => a.rank - b.rank)
        .slice(0, count)
        .map(({ row }) => row);
    const kept: { readonly row: number; readonly rank: number }[] = [];
    for (const each of ranked) {
      if (kept.length === count && each.rank >= (kept[count - 1]?.rank ?? 0)) continue;
      if (kept.length === count) kept.pop();
      let place = kept.length;
      while (place > 0 && (kept[place - 1]?.rank ?? 0) > each.rank) place--;
      kept.splice(place, 0, each);
    }
    return kept.map(({ row }) => row);
  }

  /** Which words begin with `word`, and how many rows they have together. */
  #startingWith(word: string): { readonly word: string; readonly from: number; readonly to: number; readonly postings: number } {
    let low = 0;
    let high = this.#words.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#words[middle] ?? '') < word) low = middle + 1;
      else high = middle;
    }
    let postings = 0;
    let to = low;
    for (; this.#words[to]?.startsWith(word) === true; to++) postings += this.#rows[to]?.length ?? 0;
    return { word, from: low, to, postings };
  }
}
