/** Candidates for a code that is not mapped, by the words of its name; never applied by themselves. */
import type { CodeSystemProvider, TerminologySources } from '../../../terminology/provider.ts';
import { OMOP_SYSTEM } from '../../../terminology/systems.ts';
import type { Concept, Vocabulary } from '../../../terminology/vocabulary.ts';
import { type PastAnswers, wordsIn } from './past.ts';
import type { Beside } from './samples.ts';

export interface Suggestion {
  readonly concept: Concept;
  /** 0 to 1. */
  readonly score: number;
  readonly reason: string;
}

/** What is suggested for. */
export interface Asked extends Beside {
  readonly system: string;
  readonly code: string;
  readonly display: string | null;
  readonly places: readonly string[];
  readonly specimens: readonly string[];
}

const MOST_REASONS = 4;

/** What an answer given before adds to a candidate that was found by itself too. */
const AGREED = 0.1;

/**
 * Returns up to `count` standard concepts: by the vocabulary's own suggester, which weighs the data beside the code, or by words alone; and those that
 * codes like it were answered with. Never certain, so never 1, unless the vocabulary itself maps the code.
 */
export function suggestionsFor(
  sources: TerminologySources,
  vocabulary: Vocabulary,
  asked: Asked,
  given: { readonly past: PastAnswers; readonly count: number },
): readonly Suggestion[] {
  const found = new Map(ofVocabulary(sources, vocabulary, asked, given.count).map((each) => [each.concept.concept_id, each]));
  for (const { concept, score, reason } of given.past.like(vocabulary, asked)) {
    const known = found.get(concept.concept_id);
    if (known === undefined) found.set(concept.concept_id, { concept, score: rounded(score), reason });
    else if (known.score < 1) {
      const both = Math.min(0.99, Math.max(known.score, score) + AGREED);
      found.set(concept.concept_id, { concept, score: rounded(both), reason: `${reason}; ${known.reason}` });
    }
  }
  return [...found.values()].sort((a, b) => b.score - a.score || a.concept.concept_id - b.concept.concept_id).slice(0, given.count);
}

const rounded = (score: number): number => Math.round(score * 1000) / 1000;

function ofVocabulary(sources: TerminologySources, vocabulary: Vocabulary, asked: Asked, count: number): readonly Suggestion[] {
  const { system, code, display, places, units, values, specimens } = asked;
  const isUnit = places.length > 0 && places.every((place) => /unit/i.test(place));
  const isNumber = values.length > 0 && values.every((value) => /^[<>=~]*\s*[-+]?\d/.test(value));
  const found =
    sources.suggester?.suggest(
      {
        ...(system === '' ? { text: display ?? code } : { system, code, text: display ?? undefined }),
        domain: isUnit ? 'Unit' : undefined,
        unit: isUnit ? undefined : units[0],
        specimen: specimens[0],
        value: !isUnit && isNumber ? 'number' : undefined,
      },
      count,
    ) ?? [];
  if (found.length === 0) return suggestions(sources, vocabulary, display ?? code, count);
  return found.map(({ concept, score, reasons }) => ({ concept, score, reason: reasons.slice(0, MOST_REASONS).join('; ') }));
}

const MOST_WORDS = 8;
const LOOKED_AT = 40;

/** Returns up to `count` standard concepts whose names have the words of `text`: all of them first, then all but one. */
function suggestions(sources: TerminologySources, vocabulary: Vocabulary, text: string, count: number): readonly Suggestion[] {
  const provider = sources.systems.find(({ url }) => url === OMOP_SYSTEM);
  const words = wordsIn(text).slice(0, MOST_WORDS);
  if (provider === undefined || words.length === 0) return [];
  const found = new Map<number, Suggestion>();
  for (const wanted of [words, ...(words.length > 1 ? words.map((_, i) => words.toSpliced(i, 1)) : [])]) {
    if (found.size >= count && wanted !== words) break;
    for (const concept of standardNamed(provider, vocabulary, wanted.join(' '))) {
      if (!found.has(concept.concept_id)) found.set(concept.concept_id, suggestionOf(concept, words, wanted));
    }
  }
  return [...found.values()].sort((a, b) => b.score - a.score || a.concept.concept_id - b.concept.concept_id).slice(0, count);
}

function standardNamed(provider: CodeSystemProvider, vocabulary: Vocabulary, text: string): readonly Concept[] {
  const rows = provider.search(text).best(LOOKED_AT);
  return rows.flatMap((row) => {
    const concept = vocabulary.concept(Number(provider.conceptAt(row).code));
    return concept?.standard_concept === 'S' && concept.invalid_reason === '' ? [concept] : [];
  });
}

function suggestionOf(concept: Concept, words: readonly string[], wanted: readonly string[]): Suggestion {
  const name = wordsIn(concept.concept_name);
  const shared = words.filter((word) => name.some((each) => each.startsWith(word)));
  const score = Math.round((200 * shared.length) / (words.length + Math.max(name.length, 1))) / 200;
  const missing = words.filter((word) => !wanted.includes(word));
  const without = missing.length === 0 ? '' : `; not: ${missing.join(', ')}`;
  return { concept, score: Math.min(1, score), reason: `its name has: ${wanted.join(', ')}${without}` };
}
