/**
 * Concepts named in the text of notes, for note_nlp. An annotator is anything that finds them; the one that comes with the project looks words
 * up in a list (note-terms.json) and knows negation by a word before the term within the same sentence, five words away at most. It knows
 * nothing of time, certainty, or who the sentence is about.
 */
import terms from './note-terms.json' with { type: 'json' };

export interface Annotation {
  /** Where in the text it stands, in UTF-16 units. */
  readonly start: number;
  readonly end: number;
  readonly system: string;
  readonly code: string;
  readonly negated: boolean;
}

export interface Annotator {
  /** Name and version, for nlp_system. */
  readonly name: string;
  /** Returns what the text names, in its order. Must give the same for the same text. */
  annotate(text: string): readonly Annotation[];
}

export interface Dictionary {
  readonly system: string;
  /** Spellings by code. */
  readonly terms: Readonly<Record<string, readonly string[]>>;
  /** Words that deny what follows them. */
  readonly negations: readonly string[];
}

const WORDS_BEFORE = 5;

/** Returns an annotator that finds whole words and phrases, whatever their case; of those that overlap the longest. */
export function dictionaryAnnotator(name: string, { system, terms: known, negations }: Dictionary): Annotator {
  const codes = new Map(Object.entries(known).flatMap(([code, spellings]) => spellings.map((each) => [each.toLowerCase(), code] as const)));
  const longest = [...codes.keys()].toSorted((a, b) => b.length - a.length);
  if (longest.length === 0) return { name, annotate: () => [] };
  const found = new RegExp(`(?<![\\p{L}\\p{N}])(?:${longest.map(escaped).join('|')})(?![\\p{L}\\p{N}])`, 'giu');
  const denied = new RegExp(
    `(?<![\\p{L}\\p{N}])(?:${negations.map(escaped).join('|')})(?:\\s+[\\p{L}\\p{N}'-]+){0,${WORDS_BEFORE}}[\\s,]*$`,
    'iu',
  );
  return {
    name,
    annotate: (text) =>
      [...text.matchAll(found)].flatMap((match) => {
        const code = codes.get(match[0].toLowerCase().replaceAll(/\s+/g, ' '));
        if (code === undefined) return [];
        return [
          { start: match.index, end: match.index + match[0].length, system, code, negated: denied.test(sentenceBefore(text, match.index)) },
        ];
      }),
  };
}

const escaped = (term: string): string => term.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&').replaceAll(' ', '\\s+');

/** At most this much of the text before a term is looked at. */
const SENTENCE = 200;

/** What stands before a place in its own sentence; a "but" begins another one. */
const sentenceBefore = (text: string, at: number): string =>
  text
    .slice(Math.max(0, at - SENTENCE), at)
    .split(/[.;:!?\n]|\bbut\b/i)
    .at(-1) ?? '';

/** The annotator that comes with the project. */
export const DICTIONARY: Annotator = dictionaryAnnotator('polyseme dictionary 1', terms);
