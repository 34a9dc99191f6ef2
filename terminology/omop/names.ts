import type { IndexArrays } from '../manifest.ts';
import type { TextMatches } from '../provider.ts';
import { matchesWords, wordsOf } from '../system/fold.ts';
import { RowSet } from '../system/rows.ts';

/** Texts side by side, searched all at once. */
class Texts {
  readonly #bytes: Buffer;
  readonly #offsets: Uint32Array;
  /** The texts in lower case, byte for byte where they were. */
  #folded: Buffer | undefined;
  /** Texts with other letters than ASCII. */
  #others: RowSet | undefined;

  constructor(bytes: Uint8Array, offsets: Uint32Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#offsets = offsets;
  }

  get #count(): number {
    return Math.max(0, this.#offsets.length - 1);
  }

  at(index: number): string {
    return this.#bytes.toString('utf8', this.#offsets[index], this.#offsets[index + 1]);
  }

  /** Bytes of a text. */
  length(index: number): number {
    return (this.#offsets[index + 1] ?? 0) - (this.#offsets[index] ?? 0);
  }

  /** Visits the texts in which each of `words` begins a word, in their order but for those with other letters than ASCII, which come last. */
  matches(words: readonly string[], visit: (index: number) => void): void {
    const [longest] = words.toSorted((a, b) => b.length - a.length);
    if (longest === undefined || this.#count === 0) return;
    const folded = this.#lower();
    const needles = words.map((word) => Buffer.from(word));
    if (needles.every((needle, i) => needle.length === words[i]?.length)) {
      const needle = Buffer.from(longest);
      for (let at = folded.indexOf(needle); at >= 0; ) {
        const index = this.#indexAt(at);
        const end = this.#offsets[index + 1] ?? folded.length;
        const text = folded.subarray(this.#offsets[index], end);
        if (this.#others?.hasRow(index) !== true && needles.every((each) => beginsWord(text, each))) visit(index);
        at = folded.indexOf(needle, end);
      }
    }
    this.#others?.forEach((index) => {
      if (matchesWords(wordsOf(this.at(index)), words)) visit(index);
    });
  }

  #lower(): Buffer {
    if (this.#folded !== undefined) return this.#folded;
    const source = this.#bytes;
    const lower = Buffer.allocUnsafe(source.length);
    const others = new RowSet(this.#count);
    for (let index = 0; index < this.#count; index += 1) {
      let isAscii = true;
      for (let i = this.#offsets[index] ?? 0; i < (this.#offsets[index + 1] ?? 0); i += 1) {
        const byte = source[i] ?? 0;
        lower[i] = byte >= 0x41 && byte <= 0x5a ? byte + 0x20 : byte;
        if (byte > 0x7f) isAscii = false;
      }
      if (!isAscii) others.add(index);
    }
    this.#others = others;
    this.#folded = lower;
    return lower;
  }

  /** The text in which byte `at` lies; none of them is empty. */
  #indexAt(at: number): number {
    return lastUpTo(this.#offsets, at, this.#count);
  }
}

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
 * fraction of a second in six million of them), each place is then looked at. Texts in other letters than ASCII are read one by one.
 */
export class OmopNames {
  readonly #arrays: IndexArrays;
  readonly #total: number;
  readonly #names: Texts;
  readonly #synonyms: Texts;

  constructor(arrays: IndexArrays) {
    this.#arrays = arrays;
    this.#total = arrays['concept-id'].length;
    this.#names = new Texts(arrays['name-text'], arrays['name-offset']);
    this.#synonyms = new Texts(arrays['synonym-text'], arrays['synonym-place']);
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
        if (matchesWords([...wordsOf(this.#names.at(row)), String(this.#arrays['concept-id'][row])], words)) rows.add(row);
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
