import type { IndexArrays } from '../manifest.ts';
import type { TextMatches } from '../provider.ts';
import { matchesWords, wordsOf } from '../system/fold.ts';
import { RowSet } from '../system/rows.ts';

/**
 * Searches the names of OMOP concepts, and their ids, without an index of words: the longest word is looked for in all names at once (a
 * fraction of a second in six million of them), each place is then looked at. Names in other letters than ASCII are read one by one.
 */
export class OmopNames {
  readonly #arrays: IndexArrays;
  readonly #total: number;
  /** The names in lower case, byte for byte where they were. */
  #folded: Buffer | undefined;
  /** Rows with other letters than ASCII. */
  #others: RowSet | undefined;

  constructor(arrays: IndexArrays) {
    this.#arrays = arrays;
    this.#total = arrays['concept-id'].length;
  }

  /** Each word of `text` must begin a word of the name, or the concept id; short names come first. */
  search(text: string): TextMatches {
    const words = wordsOf(text);
    let found: RowSet | undefined;
    const set = (): RowSet => {
      found ??= this.#matches(words);
      return found;
    };
    const offsets = this.#arrays['name-offset'];
    const length = (row: number): number => (offsets[row + 1] ?? 0) - (offsets[row] ?? 0);
    return {
      get set() {
        return set();
      },
      best: (count) => [...set().rows()].sort((a, b) => length(a) - length(b) || a - b).slice(0, count),
    };
  }

  #matches(words: readonly string[]): RowSet {
    const found = new RowSet(this.#total);
    const [longest] = words.toSorted((a, b) => b.length - a.length);
    if (longest === undefined) return found;
    const names = this.#lower();
    const needles = words.map((word) => Buffer.from(word));
    const offsets = this.#arrays['name-offset'];
    if (needles.every((needle, i) => needle.length === words[i]?.length)) {
      const needle = Buffer.from(longest);
      for (let at = names.indexOf(needle); at >= 0; ) {
        const row = this.#rowAt(at);
        const end = offsets[row + 1] ?? names.length;
        const name = names.subarray(offsets[row], end);
        if (needles.every((each) => beginsWord(name, each))) found.add(row);
        at = names.indexOf(needle, end);
      }
    }
    const read = (row: number): void => {
      const name = this.#name(row);
      if (matchesWords([...wordsOf(name), String(this.#arrays['concept-id'][row])], words)) found.add(row);
    };
    this.#others?.forEach(read);
    for (const word of words) if (/^\d+$/.test(word)) this.#idsBeginning(word).forEach(read);
    return found;
  }

  #name(row: number): string {
    const offsets = this.#arrays['name-offset'];
    const bytes = this.#arrays['name-text'];
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8', offsets[row], offsets[row + 1]);
  }

  #lower(): Buffer {
    if (this.#folded !== undefined) return this.#folded;
    const source = this.#arrays['name-text'];
    const lower = Buffer.allocUnsafe(source.length);
    const others = new RowSet(this.#total);
    const offsets = this.#arrays['name-offset'];
    for (let row = 0; row < this.#total; row += 1) {
      let isAscii = true;
      for (let i = offsets[row] ?? 0; i < (offsets[row + 1] ?? 0); i += 1) {
        const byte = source[i] ?? 0;
        lower[i] = byte >= 0x41 && byte <= 0x5a ? byte + 0x20 : byte;
        if (byte > 0x7f) isAscii = false;
      }
      if (!isAscii) others.add(row);
    }
    this.#others = others;
    this.#folded = lower;
    return lower;
  }

  /** The row in whose name byte `at` lies. */
  #rowAt(at: number): number {
    const offsets = this.#arrays['name-offset'];
    let low = 0;
    let high = this.#total;
    while (high - low > 1) {
      const middle = (low + high) >>> 1;
      if ((offsets[middle] ?? 0) <= at) low = middle;
      else high = middle;
    }
    return low;
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
