import type { Resolution } from '../../terminology/vocabulary.ts';

/** A release as plain rows, and what codes resolve to, worked out by scanning all of them: slow, and simple enough to believe. */
export interface NaiveConcept {
  readonly id: number;
  readonly domain: string;
  readonly vocabulary: string;
  readonly standard: 'S' | 'C' | '';
  readonly code: string;
  readonly invalid: 'D' | 'U' | '';
}
export interface NaiveRelationship {
  readonly from: number;
  readonly to: number;
  readonly kind: 'Maps to' | 'Maps to value' | 'Is a';
  readonly invalid: 'D' | '';
}
export interface NaiveRelease {
  readonly concepts: readonly NaiveConcept[];
  readonly relationships: readonly NaiveRelationship[];
}

/** [source id, [target id, value id]...]: what a resolution says, without the rest of the concepts. */
export type Answer = readonly [number | undefined, readonly (readonly [number, number | undefined])[]];

export const answerOf = ({ source, targets }: Resolution): Answer => [
  source?.concept_id,
  targets.map(({ concept, value }) => [concept.concept_id, value?.concept_id] as const),
];

export function naiveResolve(release: NaiveRelease, vocabulary: string, code: string): Answer {
  const rank = ({ standard, invalid }: NaiveConcept): number => (invalid !== '' ? 2 : standard === 'S' ? 0 : 1);
  const source = release.concepts
    .filter((concept) => concept.vocabulary === vocabulary && concept.code === code && code !== 'OMOP generated')
    .sort((a, b) => rank(a) - rank(b) || a.id - b.id)[0];
  return source === undefined ? [undefined, []] : [source.id, naiveTargets(release, source)];
}

function partners(release: NaiveRelease, from: number, kind: NaiveRelationship['kind']): number[] {
  const ids = release.relationships
    .filter((each) => each.from === from && each.kind === kind && each.invalid === '')
    .map((each) => each.to)
    .filter((to) => release.concepts.some((concept) => concept.id === to && concept.standard === 'S' && concept.invalid === ''));
  return [...new Set(ids)].sort((a, b) => a - b);
}

function naiveTargets(release: NaiveRelease, source: NaiveConcept): [number, number | undefined][] {
  const mapped = partners(release, source.id, 'Maps to');
  const standard = source.standard === 'S' && source.invalid === '';
  const targets = mapped.length > 0 ? mapped : standard ? [source.id] : [];
  const values = partners(release, source.id, 'Maps to value');
  const holder = values.length === 0 ? undefined : valueHolder(release, targets);
  return targets.flatMap((target) =>
    target === holder ? values.map((value): [number, number | undefined] => [target, value]) : [[target, undefined]],
  );
}

function valueHolder(release: NaiveRelease, targets: readonly number[]): number | undefined {
  const domainOf = (id: number): string => release.concepts.find((concept) => concept.id === id)?.domain ?? '';
  const withPlace = targets.filter((target) => ['Measurement', 'Observation'].includes(domainOf(target)));
  const possible = withPlace.length > 0 ? withPlace : targets;
  const elsewhereAlone = possible.filter((target) =>
    release.concepts.some(({ id }) => {
      const only = partners(release, id, 'Maps to');
      return only.length === 1 && only[0] === target && partners(release, id, 'Maps to value').length > 0;
    }),
  );
  return elsewhereAlone[0] ?? possible[0];
}
