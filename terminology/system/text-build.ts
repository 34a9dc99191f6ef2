import { GrowingNumbers } from '../growing.ts';
import { wordsOf } from './fold.ts';

export interface TermSource {
  readonly count: number;
  /** Undefined: not searched (retired, or of a retired concept that has better ones). */
  term(designation: number): string | undefined;
  /** Lower is better: preferred before acceptable, names before definitions. */
  tier(designation: number): number;
}

export interface TextIndex {
  readonly wordOffsets: Uint32Array;
  readonly wordText: Uint8Array;
  readonly postingOffsets: Uint32Array;
  readonly postings: Uint32Array;
  readonly rankDesignation: Uint32Array;
}

const LONGEST_TERM = 255;
const TIERS = 4;

/**
 * Returns the index of all words of the searched terms. A designation's rank grows with its length, and among equal lengths with its tier,
 * so that the first matches in rank order are the short and preferred ones.
 */
export function textIndexOf(source: TermSource): TextIndex {
  const numbers = new Map<string, number>();
  const occurrences = new GrowingNumbers();
  const words = new GrowingNumbers();
  const ranked: number[][] = Array.from({ length: (LONGEST_TERM + 1) * TIERS }, () => []);
  const starts = new GrowingNumbers();
  for (let designation = 0; designation < source.count; designation += 1) {
    starts.push(words.length);
    const term = source.term(designation);
    if (term === undefined) continue;
    for (const word of new Set(wordsOf(term))) {
      let number = numbers.get(word);
      if (number === undefined) {
        number = numbers.size;
        numbers.set(word, number);
        occurrences.push(0);
      }
      words.push(number);
      occurrences.set(number, occurrences.at(number) + 1);
    }
    ranked[Math.min(term.length, LONGEST_TERM) * TIERS + Math.min(source.tier(designation), TIERS - 1)]?.push(designation);
  }
  starts.push(words.length);
  const rankDesignation = Uint32Array.from(ranked.flat());
  const sorted = [...numbers.keys()].sort();
  return { ...wordTable(sorted), ...postingsOf(sorted, numbers, occurrences, starts, words, rankDesignation), rankDesignation };
}

function wordTable(sorted: readonly string[]): { wordOffsets: Uint32Array; wordText: Uint8Array } {
  const wordOffsets = new Uint32Array(sorted.length + 1);
  const wordText = Buffer.from(sorted.join(''), 'utf8');
  sorted.forEach((word, i) => {
    wordOffsets[i + 1] = (wordOffsets[i] ?? 0) + Buffer.byteLength(word);
  });
  return { wordOffsets, wordText };
}

function postingsOf(
  sorted: readonly string[],
  numbers: ReadonlyMap<string, number>,
  occurrences: GrowingNumbers,
  starts: GrowingNumbers,
  words: GrowingNumbers,
  rankDesignation: Uint32Array,
): { postingOffsets: Uint32Array; postings: Uint32Array } {
  const placeOf = new Uint32Array(sorted.length);
  const postingOffsets = new Uint32Array(sorted.length + 1);
  sorted.forEach((word, i) => {
    const number = numbers.get(word) ?? 0;
    placeOf[number] = i;
    postingOffsets[i + 1] = (postingOffsets[i] ?? 0) + occurrences.at(number);
  });
  const next = postingOffsets.slice();
  const postings = new Uint32Array(words.length);
  rankDesignation.forEach((designation, rank) => {
    for (let i = starts.at(designation); i < starts.at(designation + 1); i += 1) {
      const place = placeOf[words.at(i)] ?? 0;
      const at = next[place] ?? 0;
      postings[at] = rank;
      next[place] = at + 1;
    }
  });
  return { postingOffsets, postings };
}
