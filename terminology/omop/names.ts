import type { IndexImage } from '../index-files.ts';
import type { IndexArrays } from '../manifest.ts';
import type { TextMatches } from '../provider.ts';
import { matchesWords, wordsOf } from '../system/fold.ts';
import { RowSet } from '../system/rows.ts';
import { type Folded, foldedTexts, readFolded, type Searched } from './folded.ts';

/** Texts side by side, searched all at once. */
class Texts {
  readonly #offsets: Uint32Array;
  readonly #fold: () => Folded;
  #folded: { readonly text: Buffer; readonly offsets: Uint32Array } | undefined;

  /** `offsets`: where each text begins; `fold` returns them as they are searched, when they are for the first time. */
  constructor(offsets: Uint32Array, fold: () => Folded) {
    this.#offsets = offsets;
    this.#fold = fold;
  }

  /** Bytes of a text. */
  length(index: number): number {
    return (this.#offsets[index + 1] ?? 0) - (this.#offsets[index] ?? 0);
  }

  /** Visits the texts in which each of `words` begins a word, in their order. */
  matches(words: readonly string[], visit: (index: number) => void): void {
    const [longest] = words.toSorted((a, b) => b.length - a.length);
    if (longest === undefined || this.#offsets.length < 2) return;
    this.#folded ??= buffered(this.#fold());
    const { text, offsets } = this.#folded;
    const needles = words.map((word) => Buffer.from(word));
    const needle = Buffer.from(longest);
    for (let at = text.indexOf(needle); at >= 0; ) {
      const index = lastUpTo(offsets, at, offsets.length - 1);
      const end = offsets[index + 1] ?? text.length;
      const one = text.subarray(offsets[index], end);
      if (needles.every((each) => beginsWord(one, each))) visit(index);
      at = text.indexOf(needle, end);
    }
  }
}

const buffered = ({ text, offsets }: Folded) => ({ text: Buffer.from(text.buffer, text.byteOffset, text.byteLength), offsets });

/** Returns the last index below `count` whose offset is `at` or less. */
function lastUpTo(offsets: Uint32Array, at: number, count: number): number {
  let low = 0;
  let high = count;
  while (high - low > 1) {
    const middle = (low + high) >>> 1;
    if ((offsets[middle] ?? 0) <= at) low = middle;
    else high = middle;
  }
  return low;
}

/**
 * Searches the names and synonyms of OMOP concepts, and their ids, without an index of words: the longest word is looked for in all texts at once (a
 * fraction of a second in six million of them), each place is then looked at.
 */
export class OmopNames {
  readonly #arrays: IndexArrays;
  readonly #total: number;
  readonly #names: Texts;
  readonly #synonyms: Texts;

  constructor({ arrays, folder, manifest }: IndexImage) {
    const folded = (searched: Searched) => (): Folded => readFolded(folder, manifest.files, searched) ?? foldedTexts(arrays, searched);
    this.#arrays = arrays;
    this.#total = arrays['concept-id'].length;
    this.#names = new Texts(arrays['name-offset'], folded('name'));
    this.#synonyms = new Texts(arrays['synonym-place'], folded('synonym'));
  }

  /** Each word of `text` must begin a word of the name, or of one synonym (`withIds`: or the concept id); short ones come first, names before synonyms. */
  search(text: string, withIds: boolean): TextMatches {
    const words = wordsOf(text);
    let known: Found | undefined;
    const found = (): Found => {
      known ??= this.#matches(words, withIds);
      return known;
    };
    return {
      get set() {
        return found().rows;
      },
      best: (count) => {
        const { rows, synonyms } = found();
        const rank = (row: number): number => synonyms.get(row) ?? this.#names.length(row);
        return [...rows.rows()].sort((a, b) => rank(a) - rank(b) || a - b).slice(0, count);
      },
    };
  }

  #matches(words: readonly string[], withIds: boolean): Found {
    const rows = new RowSet(this.#total);
    /** Length of the shortest synonym that was found, of what was not found by its name. */
    const synonyms = new Map<number, number>();
    this.#names.matches(words, (row) => rows.add(row));
    if (withIds) {
      const read = (row: number): void => {
        if (matchesWords([...wordsOf(this.#nameAt(row)), String(this.#arrays['concept-id'][row])], words)) rows.add(row);
      };
      for (const word of words) if (/^\d+$/.test(word)) this.#idsBeginning(word).forEach(read);
    }
    const offsets = this.#arrays['synonym-offset'];
    this.#synonyms.matches(words, (index) => {
      const row = this.#rowOfSynonym(offsets, index);
      const length = this.#synonyms.length(index) + 1;
      const before = synonyms.get(row);
      if (before === undefined && rows.hasRow(row)) return;
      rows.add(row);
      synonyms.set(row, Math.min(before ?? length, length));
    });
    return { rows, synonyms };
  }

  #nameAt(row: number): string {
    const { 'name-text': bytes, 'name-offset': offsets } = this.#arrays;
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8', offsets[row], offsets[row + 1]);
  }

  #rowOfSynonym(offsets: Uint32Array, index: number): number {
    // Rows without synonyms begin where the next one does: the last of them has this one.
    return lastUpTo(offsets, index, this.#total);
  }

  #idsBeginning(digits: string): RowSet {
    const ids = this.#arrays['concept-id'];
    const found = new RowSet(this.#total);
    for (let low = Number(digits), high = low + 1; low <= 0xffffffff; low *= 10, high *= 10) {
      found.addRange(firstFrom(ids, low), firstFrom(ids, high));
      if (low === 0) break;
    }
    return found;
  }
}

interface Found {
  readonly rows: RowSet;
  readonly synonyms: ReadonlyMap<number, number>;
}

/** Returns the first place in the ascending `ids` that holds `id` or more. */
function firstFrom(ids: Uint32Array, id: number): number {
  let low = 0;
  let high = ids.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((ids[middle] ?? 0) < id) low = middle + 1;
    else high = middle;
  }
  return low;
}

const isLetter = (byte: number): boolean => (byte >= 0x61 && byte <= 0x7a) || (byte >= 0x30 && byte <= 0x39) || byte > 0x7f;

function beginsWord(name: Buffer, word: Buffer): boolean {
  for (let at = name.indexOf(word); at >= 0; at = name.indexOf(word, at + 1)) if (at === 0 || !isLetter(name[at - 1] ?? 0)) return true;
  return false;
}
