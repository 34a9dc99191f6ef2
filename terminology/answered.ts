/** A vocabulary with what authors said that codes mean which it does not map. */
import type { Concept, Resolution, Target, Vocabulary } from './vocabulary.ts';

/** What a code means: each `concept` a 'Maps to', `value` their common 'Maps to value' (omop-rules 5). */
export interface Answer {
  /** As the source wrote them; system '' for free text. */
  readonly system: string;
  readonly code: string;
  readonly concepts: readonly number[];
  readonly value: number | undefined;
}

/** A code whose answer was given out. */
export interface AnsweredCode {
  readonly system: string;
  readonly code: string;
}

const NONE: readonly AnsweredCode[] = Object.freeze([]);
const key = (system: string, code: string): string => `${system}\n${code}`;

/**
 * Answers as `base` does, and by `answers` where it has no standard concept: a release that begins to map a code wins over what was said
 * before. A concept that is not standard any more counts as what it maps to; one that maps to nothing leaves the code unmapped.
 */
export class AnsweredVocabulary implements Vocabulary {
  readonly release: string;
  readonly base: Vocabulary;
  readonly #answers = new Map<string, Answer>();
  #given: Map<string, AnsweredCode> | undefined;

  constructor(base: Vocabulary, answers: readonly Answer[]) {
    this.release = base.release;
    this.base = base;
    for (const each of answers) this.#answers.set(key(each.system, each.code), each);
  }

  resolve(system: string, code: string): Resolution {
    const found = this.base.resolve(system, code);
    if (found.targets.length > 0) return found;
    const answer = this.#answers.get(key(system, code));
    if (answer === undefined) return found;
    this.#given ??= new Map();
    this.#given.set(key(system, code), { system, code });
    const targets = targetsOf(this.base, answer);
    return targets.length === 0 ? found : { ...found, targets };
  }

  /** Returns the codes whose answers were given out since this was last asked. */
  given(): readonly AnsweredCode[] {
    if (this.#given === undefined) return NONE;
    const given = [...this.#given.values()];
    this.#given = undefined;
    return given;
  }

  unit(code: string): Resolution {
    return this.base.unit(code);
  }

  concept(concept_id: number): Concept | undefined {
    return this.base.concept(concept_id);
  }

  vocabularies(system: string): readonly string[] {
    return this.base.vocabularies(system);
  }

  systemsKnowing(code: string): readonly string[] {
    return this.base.systemsKnowing(code);
  }
}

/** Returns the standard concepts an answer leads to, in order of concept_id; none when its concepts are not standard any more. */
export function targetsOf(vocabulary: Vocabulary, { concepts, value }: Pick<Answer, 'concepts' | 'value'>): readonly Target[] {
  const [partner] = value === undefined ? [] : standardOf(vocabulary, value);
  const found = new Map(concepts.flatMap((each) => standardOf(vocabulary, each)).map((concept) => [concept.concept_id, concept]));
  return [...found.values()]
    .sort((a, b) => a.concept_id - b.concept_id)
    .map((concept) => (partner === undefined ? { concept } : { concept, value: partner }));
}

/** Returns the concept itself when it is standard and valid, else what it maps to. */
export function standardOf(vocabulary: Vocabulary, concept_id: number): readonly Concept[] {
  const concept = vocabulary.concept(concept_id);
  if (concept === undefined) return [];
  if (concept.standard_concept === 'S' && concept.invalid_reason === '') return [concept];
  return vocabulary.resolve(concept.vocabulary_id, concept.concept_code).targets.map((target) => target.concept);
}
