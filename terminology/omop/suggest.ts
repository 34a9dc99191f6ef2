import { rowOfId } from '../index-build.ts';
import type { IndexImage } from '../index-files.ts';
import { vocabularyOf } from '../reader.ts';
import type { Suggester, Suggestion, Unmapped } from '../suggester.ts';
import { wordsOf } from '../system/fold.ts';
import { OMOP_SYSTEM } from '../systems.ts';
import type { Concept, Vocabulary } from '../vocabulary.ts';
import { evidenceOf } from './evidence.ts';
import { OmopWords, type Postings } from './words.ts';

/** Returns what suggests concepts of an index. */
export const suggesterOf = (image: IndexImage): Suggester => new IndexSuggester(image);

interface Candidate {
  readonly concept: Concept;
  score: number;
  readonly reasons: string[];
}
interface Word extends Postings {
  readonly text: string;
  /** How much it tells: rare words tell more. */
  readonly weight: number;
}

const MOST_WORDS = 24;
/** Words whose weight is remembered. */
const WEIGHTS = 100_000;
/** Concepts that are looked at closely. */
const LOOKED_AT = 200;
/** Postings that are walked through at most: what bounds the time. Words beyond it only count for what was found by the others. */
const MOST_POSTINGS = 150_000;
/** Postings of the rarest word, which are walked through even where it is not rare. */
const MOST_OF_ONE = 2_000_000;
/** Words that hold a name together and tell nothing of the concept. */
const EMPTY = new Set('a an and at by for from in of on or the to with without nos unspecified other'.split(' '));

/** The different words of a text, without the empty ones unless there are no others. */
function telling(text: string): readonly string[] {
  const words = [...new Set(wordsOf(text))];
  const left = words.filter((word) => !EMPTY.has(word));
  return left.length === 0 ? words : left;
}

class IndexSuggester implements Suggester {
  readonly #image: IndexImage;
  readonly #vocabulary: Vocabulary;
  readonly #words: OmopWords;
  readonly #total: number;
  #sums: Float32Array | undefined;
  #touched: Uint32Array | undefined;
  readonly #weights = new Map<string, number>();

  constructor(image: IndexImage) {
    this.#image = image;
    this.#vocabulary = vocabularyOf(image);
    this.#words = new OmopWords(image.arrays);
    this.#total = image.arrays['concept-id'].length;
  }

  suggest(asked: Unmapped, count: number): readonly Suggestion[] {
    const found = new Map<number, Candidate>();
    const words = this.#wordsOf(asked.text ?? '');
    this.#byCode(asked, words, found);
    if (this.#words.areThere && words.length > 0) this.#byText(words, found);
    for (const candidate of found.values()) {
      if (candidate.score >= 1) continue;
      for (const { weight, reason } of evidenceOf(candidate.concept, asked)) {
        candidate.score += weight;
        candidate.reasons.push(reason);
      }
      candidate.score = Math.min(0.99, Math.max(0, candidate.score));
    }
    return [...found.values()]
      .sort((a, b) => b.score - a.score || a.concept.concept_id - b.concept.concept_id)
      .slice(0, count)
      .map(({ concept, score, reasons }) => ({ concept, score: Math.round(score * 1000) / 1000, reasons }));
  }

  /** What vocabularies that know the code map it to: the one that it is said to be of, and others, which may know another thing by it. */
  #byCode({ system, code, text }: Unmapped, words: readonly Word[], found: Map<number, Candidate>): void {
    if (code === undefined || code === '') return;
    const own = system === undefined ? undefined : this.#vocabulary.resolve(system, code);
    for (const { concept } of own?.targets ?? []) {
      const source = own?.source;
      const how = source?.concept_id === concept.concept_id ? 'is' : 'maps to';
      add(found, concept, 1, `${source?.vocabulary_id} ${source?.concept_code} (${source?.concept_name}) ${how} it`);
    }
    for (const other of this.#vocabulary.systemsKnowing(code)) {
      const { source, targets } = this.#vocabulary.resolve(other, code);
      if (source === undefined || source === own?.source) continue;
      const likeness = words.length === 0 ? 0 : this.#likeness(words, this.#rowOf(source), source.concept_name).score;
      // A short number is a code of many vocabularies, and means something else in each.
      const base = /^\d{1,4}$/.test(code) ? 0.1 : 0.6;
      const score = text === undefined ? base : base * 0.5 + 0.6 * likeness;
      for (const { concept } of targets)
        add(found, concept, Math.min(0.95, score), `${source.vocabulary_id} has the code ${source.concept_code} (${source.concept_name})`);
    }
  }

  #byText(words: readonly Word[], found: Map<number, Candidate>): void {
    for (const row of this.#rowsWith(words)) {
      const source = this.#concept(row);
      if (source === undefined) continue;
      const { score, shared, missing } = this.#likeness(words, row, source.concept_name);
      if (score < 0.15) continue;
      const without = missing.length === 0 ? '' : `, not: ${missing.join(' ')}`;
      const names = `${shared.join(' ')}${without}`;
      for (const { concept } of this.#vocabulary.resolve(OMOP_SYSTEM, String(source.concept_id)).targets) {
        const isSame = concept.concept_id === source.concept_id;
        const reason = isSame
          ? `its names have: ${names}`
          : `${source.vocabulary_id} ${source.concept_code} (${source.concept_name}), which has: ${names}, maps to it`;
        add(found, concept, 0.9 * (isSame ? score : score * 0.95), reason);
      }
    }
  }

  /** Folded words of a text that some concept has, each with what it tells. */
  #wordsOf(text: string): readonly Word[] {
    const wanted = telling(text).slice(0, MOST_WORDS);
    return wanted.map((word): Word => {
      const found = word.length > 1 ? this.#words.find(word) : undefined;
      const whole = found ?? (word.length === 1 ? this.#words.find(word) : undefined);
      if (whole === undefined || (!whole.isWhole && word.length < 3))
        return { text: word, from: 0, to: 0, isWhole: true, weight: this.#weight(1) };
      return { ...whole, text: word, weight: this.#weight(whole.to - whole.from) };
    });
  }

  #weight(concepts: number): number {
    return Math.log(1 + this.#total / Math.max(1, concepts));
  }

  #weightOf(word: string): number {
    const known = this.#weights.get(word);
    if (known !== undefined) return known;
    if (this.#weights.size >= WEIGHTS) this.#weights.clear();
    const weight = this.#weight(this.#words.count(word));
    this.#weights.set(word, weight);
    return weight;
  }

  /** The rows with the most telling words, at most LOOKED_AT. */
  #rowsWith(words: readonly Word[]): readonly number[] {
    const rows = this.#image.arrays['posting-row'];
    this.#sums ??= new Float32Array(this.#total);
    const sums = this.#sums;
    this.#touched ??= new Uint32Array(MOST_OF_ONE + MOST_POSTINGS);
    const touched = this.#touched;
    let count = 0;
    let walked = 0;
    for (const { from, to, weight, isWhole } of [...words].sort((a, b) => a.to - a.from - (b.to - b.from))) {
      if (count > 0 && walked + to - from > MOST_POSTINGS) break;
      const end = count > 0 ? to : Math.min(to, from + MOST_OF_ONE);
      for (let i = from; i < end; i += 1) {
        const row = rows[i] ?? 0;
        const sum = sums[row] ?? 0;
        if (sum === 0) {
          touched[count] = row;
          count += 1;
        }
        sums[row] = sum + (isWhole ? weight : weight * 0.5);
      }
      walked += to - from;
    }
    const rowsTouched = touched.subarray(0, count);
    const best = this.#best(rowsTouched, sums);
    for (const row of rowsTouched) sums[row] = 0;
    return best;
  }

  /** Of many rows the LOOKED_AT with the greatest sums, among equal ones those with short names; ascending rows. */
  #best(touched: Uint32Array, sums: Float32Array): readonly number[] {
    if (touched.length <= LOOKED_AT) return [...touched];
    const offsets = this.#image.arrays['name-offset'];
    const kept: { readonly row: number; readonly key: number }[] = [];
    let least = Number.NEGATIVE_INFINITY;
    for (const row of touched) {
      const key = (sums[row] ?? 0) - Math.min((offsets[row + 1] ?? 0) - (offsets[row] ?? 0), 250) / 1e4;
      if (key < least) continue;
      kept.push({ row, key });
      if (kept.length < 4 * LOOKED_AT) continue;
      least = cut(kept);
    }
    cut(kept);
    return kept.map(({ row }) => row);
  }

  /** The weighted share of words that a text and a concept's names have in common (Dice), and which. */
  #likeness(
    words: readonly Word[],
    row: number,
    name: string,
  ): { readonly score: number; readonly shared: string[]; readonly missing: string[] } {
    const own = telling(name);
    const shared: string[] = [];
    const missing: string[] = [];
    let both = 0;
    let asked = 0;
    let inName = 0;
    for (const word of words) {
      asked += word.weight;
      const isInName = own.includes(word.text) || (!word.isWhole && own.some((each) => each.startsWith(word.text)));
      if (isInName || (word.isWhole && this.#words.has(word, row))) {
        both += word.weight;
        shared.push(word.text);
        if (isInName) inName += word.weight;
      } else missing.push(word.text);
    }
    if (both === 0) return { score: 0, shared, missing };
    // Words that are only in a synonym stand for words of the name that were not asked for.
    const rest = own.filter((each) => !words.some(({ text, isWhole }) => each === text || (!isWhole && each.startsWith(text))));
    const unasked = Math.max(0, rest.reduce((sum, each) => sum + this.#weightOf(each), 0) - (both - inName));
    return { score: (2 * both) / (asked + both + unasked), shared, missing };
  }

  #rowOf(concept: Concept): number {
    return rowOfId(this.#image.arrays['concept-id'], concept.concept_id);
  }

  #concept(row: number): Concept | undefined {
    return this.#vocabulary.concept(this.#image.arrays['concept-id'][row] ?? -1);
  }
}

/** Leaves the LOOKED_AT with the greatest keys, among equal ones the lowest rows; returns the least key that is left. */
function cut(kept: { readonly row: number; readonly key: number }[]): number {
  kept.sort((a, b) => b.key - a.key || a.row - b.row);
  kept.length = Math.min(kept.length, LOOKED_AT);
  return kept.at(-1)?.key ?? Number.NEGATIVE_INFINITY;
}

function add(found: Map<number, Candidate>, concept: Concept, score: number, reason: string): void {
  const known = found.get(concept.concept_id);
  if (known === undefined) found.set(concept.concept_id, { concept, score, reasons: [reason] });
  else if (score > known.score) {
    known.score = score;
    known.reasons.unshift(reason);
  } else if (known.reasons.length < 3) known.reasons.push(reason);
}
