import type { Concept } from './vocabulary.ts';

/** What is sent beside a code says which of several concepts with like names is meant. */
export interface Beside {
  /** domain_id that the data say: Measurement, Drug… */
  readonly domain?: string | undefined;
  /** Unit of the values, as sent. */
  readonly unit?: string | undefined;
  /** What was examined: a name or a code of it (SER, Urine specimen). */
  readonly specimen?: string | undefined;
  /** What the values are. */
  readonly value?: 'number' | 'text' | undefined;
}

/** A code that has no standard concept yet. Either of code and text is needed. */
export interface Unmapped extends Beside {
  /** FHIR URI or OMOP vocabulary_id, if the sender says one. */
  readonly system?: string | undefined;
  readonly code?: string | undefined;
  /** What the sender calls it. */
  readonly text?: string | undefined;
}

/** A standard concept that a code may mean. It is never applied by itself. */
export interface Suggestion {
  readonly concept: Concept;
  /** 0 to 1; 1 only where the vocabulary itself maps the code. */
  readonly score: number;
  /** Why, the weightiest first. */
  readonly reasons: readonly string[];
}

export interface Suggester {
  /** Returns the best candidates, best first, equal ones by concept_id: the same question always gets the same answer. Takes milliseconds. */
  suggest(asked: Unmapped, count: number): readonly Suggestion[];
}
