import { join } from 'node:path';
import { type IndexImage, readIndex } from './index-files.ts';
import { vocabularyOf } from './reader.ts';
import type { Release } from './releases.ts';
import { CodeSystem } from './system/code-system.ts';
import { readSystem } from './system/system-files.ts';
import { OMOP_SYSTEM, systemOfVocabulary } from './systems.ts';
import type { Concept, Resolution } from './vocabulary.ts';

/** One code of which two releases say different things. */
export interface CodeChange {
  /** remapped: OMOP only, another standard concept; renamed: code systems only. */
  readonly kind: 'new' | 'retired' | 'remapped' | 'renamed';
  /** FHIR URI, or the OMOP vocabulary_id where FHIR has none. */
  readonly system: string;
  readonly code: string;
  readonly display: string;
  /** What stood there, and what stands there now: concept ids of OMOP, displays of code systems. */
  readonly from: string;
  readonly to: string;
}

/** Returns what differs between two releases of one kind, in the order of the codes' first places: valid codes that came, that went, that mean or map to something else. */
export function* releaseChanges(home: string, from: Release, to: Release): Generator<CodeChange> {
  if (from.kind === 'omop' && to.kind === 'omop') yield* omopChanges(readIndex(join(home, from.id)), readIndex(join(home, to.id)));
  else yield* systemChanges(new CodeSystem(readSystem(join(home, from.id))), new CodeSystem(readSystem(join(home, to.id))));
}

function* systemChanges(old: CodeSystem, now: CodeSystem): Generator<CodeChange> {
  const system = now.manifest.url;
  for (let row = 0; row < old.total; row += 1) {
    if (!old.isActive(row)) continue;
    const code = old.code(row);
    const other = now.row(code);
    const display = old.display(row) ?? '';
    if (other < 0 || !now.isActive(other)) yield { kind: 'retired', system, code, display, from: '', to: other < 0 ? 'gone' : 'inactive' };
    else if (now.display(other) !== old.display(row))
      yield { kind: 'renamed', system, code, display: now.display(other) ?? '', from: display, to: now.display(other) ?? '' };
  }
  for (let row = 0; row < now.total; row += 1) {
    if (!now.isActive(row)) continue;
    const before = old.row(now.code(row));
    if (before < 0 || !old.isActive(before))
      yield { kind: 'new', system, code: now.code(row), display: now.display(row) ?? '', from: before < 0 ? '' : 'inactive', to: '' };
  }
}

function* omopChanges(old: IndexImage, now: IndexImage): Generator<CodeChange> {
  const [before, after] = [vocabularyOf(old), vocabularyOf(now)];
  const isValid = (concept: Concept | undefined): boolean => concept !== undefined && concept.invalid_reason === '';
  const ofConcept = ({ vocabulary_id, concept_code, concept_name }: Concept) => ({
    system: systemOfVocabulary(vocabulary_id),
    code: concept_code,
    display: concept_name,
  });
  for (const id of old.arrays['concept-id']) {
    const [was, is] = [before.concept(id), after.concept(id)];
    if (was === undefined) continue;
    const [from, to] = [targetsText(before.resolve(OMOP_SYSTEM, String(id))), targetsText(after.resolve(OMOP_SYSTEM, String(id)))];
    if (isValid(was) && !isValid(is)) yield { kind: 'retired', ...ofConcept(was), from, to };
    else if (is !== undefined && isValid(was) === isValid(is) && from !== to) yield { kind: 'remapped', ...ofConcept(is), from, to };
    else if (is !== undefined && !isValid(was) && isValid(is)) yield { kind: 'new', ...ofConcept(is), from, to };
  }
  for (const id of now.arrays['concept-id']) {
    const is = after.concept(id);
    if (is === undefined || !isValid(is) || before.concept(id) !== undefined) continue;
    yield { kind: 'new', ...ofConcept(is), from: '', to: targetsText(after.resolve(OMOP_SYSTEM, String(id))) };
  }
}

const targetsText = ({ targets }: Resolution): string =>
  targets.map(({ concept, value }) => `${concept.concept_id}${value ? `=${value.concept_id}` : ''}@${concept.domain_id}`).join(' + ');
