/** The project's own row maps, and small ones written in a test. */
import { readdirSync, readFileSync } from 'node:fs';
import type { JsonObject, Resource } from '../../services/fhir/resource.ts';
import type { RowContext } from '../../services/mapping/conversion.ts';
import { type ReadSpec, readSpec } from '../../services/mapping/read.ts';
import { compileRowMaps, type RowMaps } from '../../services/mapping/to-rows/maps.ts';
import { type WrittenConcept, writtenVocabulary } from '../../services/mapping/to-rows/vocabulary.ts';
import type { ResourceRows } from '../../services/omop/row.ts';

const folder = new URL('../../mappings/fhir-to-omop/', import.meta.url);

/** Returns every YAML file of mappings/fhir-to-omop as read. */
export const mapFiles = (): ReadSpec[] =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.yaml'))
    .sort()
    .map((name) => readSpec(readFileSync(new URL(name, folder), 'utf8'), name));

let compiled: RowMaps | undefined;
/** Returns the project's row maps, compiled once. */
export const projectMaps = (): RowMaps => {
  compiled ??= compileRowMaps(mapFiles());
  return compiled;
};

/** Returns a written concept with everything but what the test says at its usual value. */
export const concept = (given: Partial<WrittenConcept> & Pick<WrittenConcept, 'concept_id' | 'concept_code'>): WrittenConcept => ({
  system: 'http://snomed.info/sct',
  concept_name: `concept ${given.concept_id}`,
  domain_id: 'Condition',
  vocabulary_id: 'SNOMED',
  concept_class_id: 'Clinical Finding',
  standard_concept: 'S',
  invalid_reason: '',
  to: [],
  ...given,
});

/** Returns a context in UTC with exactly these concepts. */
export const contextOf = (concepts: readonly WrittenConcept[] = [], rest: Partial<RowContext> = {}): RowContext => ({
  vocabulary: writtenVocabulary(concepts),
  timezone: 'UTC',
  ...rest,
});

/** Returns what the project's maps make of `resource`. */
export const rowsFor = (resource: Resource, concepts: readonly WrittenConcept[] = [], rest: Partial<RowContext> = {}): ResourceRows =>
  projectMaps().rows(resource, contextOf(concepts, rest));

/** Returns a coding's CodeableConcept. */
export const coded = (code: string, system = 'http://snomed.info/sct'): JsonObject => ({ coding: [{ system, code }] });
