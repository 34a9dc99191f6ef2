/** A small vocabulary written out in a map's own cases, so that a case says all that it depends on. */
import type { Concept, Resolution, Target, Vocabulary } from '../../../terminology/vocabulary.ts';

export interface WrittenConcept extends Concept {
  /** FHIR code system, '' when it is only known by its vocabulary_id. */
  readonly system: string;
  /** 'Maps to'; empty: a standard concept maps to itself. */
  readonly to: readonly { readonly concept_id: number; readonly value: number | undefined }[];
}

const UCUM = 'http://unitsofmeasure.org';
const NOT_FOUND: Resolution = { source: undefined, targets: [], systemKnown: false };

/** Returns a Vocabulary of exactly these concepts. Codes are matched exactly. */
export function writtenVocabulary(concepts: readonly WrittenConcept[]): Vocabulary {
  const byId = new Map(concepts.map((concept) => [concept.concept_id, concept]));
  const byCode = new Map<string, WrittenConcept>();
  const systems = new Map<string, Set<string>>();
  for (const concept of concepts) {
    for (const name of [concept.system, concept.vocabulary_id]) {
      if (name === '') continue;
      byCode.set(`${name}|${concept.concept_code}`, concept);
      systems.set(name, (systems.get(name) ?? new Set()).add(concept.vocabulary_id));
    }
  }
  const resolve = (system: string, code: string): Resolution => {
    const source = byCode.get(`${system}|${code}`);
    if (source === undefined) return systems.has(system) ? { ...NOT_FOUND, systemKnown: true } : NOT_FOUND;
    return { source, targets: targetsOf(source, byId), systemKnown: true };
  };
  return {
    release: 'written in the case',
    resolve,
    unit: (code) => {
      const found = resolve(UCUM, code);
      return found.source === undefined ? resolve('UCUM', code) : found;
    },
    concept: (concept_id) => byId.get(concept_id),
    vocabularies: (system) => [...(systems.get(system) ?? [])],
    systemsKnowing: (code) => concepts.flatMap((each) => (each.concept_code === code && each.system !== '' ? [each.system] : [])),
  };
}

function targetsOf(source: WrittenConcept, byId: ReadonlyMap<number, WrittenConcept>): readonly Target[] {
  if (source.to.length === 0) return source.standard_concept === 'S' ? [{ concept: source }] : [];
  return source.to
    .flatMap(({ concept_id, value }): Target[] => {
      const concept = byId.get(concept_id);
      const partner = value === undefined ? undefined : byId.get(value);
      if (concept === undefined) return [];
      return [partner === undefined ? { concept } : { concept, value: partner }];
    })
    .sort((a, b) => a.concept.concept_id - b.concept.concept_id);
}
