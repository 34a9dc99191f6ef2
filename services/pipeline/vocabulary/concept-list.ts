/** A list of concept ids or codes that somebody brings along, each looked up: what it is, whether it is standard, and what it maps to. */
import type { Concept } from '../../../terminology/vocabulary.ts';
import type { Parts } from '../parts.ts';
import { csvCell } from '../views/table.ts';

/** More are refused, not cut. */
export const MOST_LISTED = 50_000;

/** What is wrong with a line; '' when it is a valid standard concept. */
export type ListedState = '' | 'unknown' | 'invalid' | 'not-standard';

export interface ListedConcept {
  /** As it was given. */
  readonly given: string;
  readonly state: ListedState;
  readonly concept:
    | Pick<Concept, 'concept_id' | 'concept_name' | 'domain_id' | 'vocabulary_id' | 'concept_code' | 'standard_concept'>
    | undefined;
  /** Standard concepts that it maps to, where it is none itself. */
  readonly targets: readonly Pick<Concept, 'concept_id' | 'concept_name'>[];
}

export interface ConceptList {
  /** Of the OMOP vocabularies. */
  readonly release: string;
  /** Each once, in the order they were given. */
  readonly lines: readonly ListedConcept[];
  /** How often something was given again. */
  readonly repeated: number;
  readonly counts: Readonly<Record<'standard' | 'not-standard' | 'invalid' | 'unknown', number>>;
}

/** Returns what a pasted list names: one on a line, or separated by commas, semicolons or tabs; quotes around one are left out. */
export const namesIn = (text: string): readonly string[] =>
  text
    .split(/[\r\n,;\t]+/)
    .map((each) =>
      each
        .trim()
        .replace(/^(["'])(.*)\1$/, '$2')
        .trim(),
    )
    .filter((each) => each !== '');

/** Looks up each of `names`: concept ids, or codes of `system` where one is given. */
export function conceptList(parts: Parts, names: readonly string[], system: string | undefined): ConceptList {
  const vocabulary = parts.live?.current ?? parts.vocabulary;
  const distinct = [...new Set(names)];
  const lines = distinct.map((given): ListedConcept => {
    const concept =
      system !== undefined
        ? vocabulary.resolve(system, given).source
        : /^\d{1,15}$/.test(given)
          ? vocabulary.concept(Number(given))
          : undefined;
    if (concept === undefined) return { given, state: 'unknown', concept: undefined, targets: [] };
    const { concept_id, concept_name, domain_id, vocabulary_id, concept_code, standard_concept } = concept;
    const state: ListedState = concept.invalid_reason !== '' ? 'invalid' : standard_concept === 'S' ? '' : 'not-standard';
    const targets = state === '' ? [] : vocabulary.resolve(vocabulary_id, concept_code).targets.map(({ concept: target }) => target);
    return {
      given,
      state,
      concept: { concept_id, concept_name, domain_id, vocabulary_id, concept_code, standard_concept },
      targets: targets.map((each) => ({ concept_id: each.concept_id, concept_name: each.concept_name })),
    };
  });
  const of = (state: ListedState): number => lines.filter((each) => each.state === state).length;
  return {
    release: vocabulary.release,
    lines,
    repeated: names.length - distinct.length,
    counts: { standard: of(''), 'not-standard': of('not-standard'), invalid: of('invalid'), unknown: of('unknown') },
  };
}

const COLUMNS =
  'given,state,concept_id,concept_name,domain_id,vocabulary_id,concept_code,standard_concept,maps_to_concept_id,maps_to_concept_name';

/** Returns the list as CSV (RFC 4180): a line for each, one more for each further target. */
export function conceptListCsv({ lines }: ConceptList): string {
  const rows = lines.flatMap(({ given, state, concept, targets }) =>
    (targets.length === 0 ? [undefined] : targets).map((target) =>
      [
        given,
        state === '' ? 'standard' : state,
        ...(concept === undefined
          ? ['', '', '', '', '', '']
          : [
              String(concept.concept_id),
              concept.concept_name,
              concept.domain_id,
              concept.vocabulary_id,
              concept.concept_code,
              concept.standard_concept,
            ]),
        target === undefined ? '' : String(target.concept_id),
        target?.concept_name ?? '',
      ]
        .map((each) => csvCell(each))
        .join(','),
    ),
  );
  return `${COLUMNS}\r\n${rows.map((row) => `${row}\r\n`).join('')}`;
}
