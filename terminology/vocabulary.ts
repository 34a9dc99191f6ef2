/** What the pipeline asks of the terminology engine. Answers come from memory; nothing here waits. */
export interface Concept {
  readonly concept_id: number;
  readonly concept_name: string;
  readonly domain_id: string;
  readonly vocabulary_id: string;
  readonly concept_class_id: string;
  readonly standard_concept: 'S' | 'C' | '';
  readonly concept_code: string;
  readonly invalid_reason: 'D' | 'U' | '';
}

/** One standard concept that a source concept maps to, with the 'Maps to value' partner where there is one. */
export interface Target {
  readonly concept: Concept;
  readonly value?: Concept;
}

export interface Resolution {
  /** Undefined: the vocabulary holds no such code. */
  readonly source: Concept | undefined;
  /** Standard and valid, in order of concept_id; empty when the source has none. */
  readonly targets: readonly Target[];
  /** False when no vocabulary answers to the code system at all. */
  readonly systemKnown: boolean;
}

export interface Vocabulary {
  /** vocabulary_version of vocabulary_id 'None', e.g. 'v5.0 27-AUG-25'; '' when nothing is loaded. */
  readonly release: string;
  /** Resolves a FHIR coding: `system` is a FHIR URI (or an OMOP vocabulary_id); codes are matched exactly after the system's own spelling rules. */
  resolve(system: string, code: string): Resolution;
  /** Resolves a UCUM code or a known alias of one (mmHg, K/uL) to its standard Unit concept. */
  unit(code: string): Resolution;
  concept(concept_id: number): Concept | undefined;
  /** The OMOP vocabulary_ids that a FHIR code system stands for, e.g. http://loinc.org -> ['LOINC']. */
  vocabularies(system: string): readonly string[];
  /** Systems among the loaded ones that know `code`; to report a code labelled with the wrong system. */
  systemsKnowing(code: string): readonly string[];
}
