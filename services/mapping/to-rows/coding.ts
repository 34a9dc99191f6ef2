/** From codings to concepts: choosing one coding, resolving it, and reporting what could not be resolved (rules 1, 2, 6, 7, 8, 9). */
import type { Concept, Resolution, Target, Vocabulary } from '../../../terminology/vocabulary.ts';
import type { Resource } from '../../fhir/resource.ts';
import { type Coding, inOrderOfChoice } from '../../omop/coding-choice.ts';
import { drugSpecificity } from '../../omop/drug-class.ts';
import { isObject, type RowRun, textAt } from './building.ts';

/** One clinical idea as the source says it. */
export interface Idea {
  readonly codings: readonly Coding[];
  readonly text: string | undefined;
  /** True when the codes stand in another resource that is not here: there is no code to report as unmapped. */
  readonly elsewhere?: boolean;
}

export interface Resolved {
  readonly coding: Coding | undefined;
  readonly source: Concept | undefined;
  /** Standard and valid, in order of concept_id. */
  readonly targets: readonly Target[];
  /** What *_source_value gets: the code, else the text. */
  readonly sourceValue: string | undefined;
}

const NO_TARGETS: Pick<Resolution, 'targets'> = { targets: [] };
const NOTHING: Idea = { codings: [], text: undefined };

/**
 * Returns the codings and the text of a CodeableConcept, a Coding, a plain code of `system`, a Reference to a resource with a `code`
 * (contained, or known to the caller), or a list of these.
 */
export function ideaOf(value: unknown, system: string, run: RowRun): Idea {
  if (typeof value === 'string') return value === '' ? NOTHING : { codings: [{ system, code: value }], text: undefined };
  if (Array.isArray(value)) {
    const ideas = value.map((each) => ideaOf(each, system, run));
    return { codings: ideas.flatMap((idea) => idea.codings), text: ideas.find((idea) => idea.text !== undefined)?.text };
  }
  if (!isObject(value)) return NOTHING;
  const reference = textAt(value, 'reference');
  if (reference !== undefined) return referredIdea(reference, textAt(value, 'display'), run);
  const codings: Coding[] = [];
  const { coding, text } = value;
  if (Array.isArray(coding)) for (const each of coding) addCoding(codings, each, system);
  else addCoding(codings, value, system);
  if (typeof text === 'string' && text !== '') return { codings, text };
  return { codings, text: codings.find((each) => each.display !== undefined)?.display ?? textAt(value, 'display') };
}

function addCoding(codings: Coding[], value: unknown, system: string): void {
  if (!isObject(value)) return;
  const { code, display } = value;
  if (typeof code !== 'string' || code === '') return;
  codings.push({
    system: typeof value['system'] === 'string' ? value['system'] : system,
    code,
    display: typeof display === 'string' ? display : undefined,
    userSelected: value['userSelected'] === true,
  });
}

/** A Medication (or Device) that is referred to instead of coded in place. */
function referredIdea(reference: string, display: string | undefined, run: RowRun): Idea {
  const found = reference.startsWith('#') ? containedIn(run.resource, reference.slice(1)) : run.context.lookup?.(reference);
  // A Medication has its code there, a Device its type.
  const code = isObject(found) ? (found['code'] ?? found['type']) : undefined;
  if (code !== undefined) return ideaOf(code, '', run);
  run.adjustments.push({ rule: 6, reason: 'the code stands in another resource, which is not here', at: run.resource.resourceType });
  return { codings: [], text: display ?? reference, elsewhere: true };
}

function containedIn(resource: Resource, id: string): unknown {
  const { contained } = resource;
  return Array.isArray(contained) ? contained.find((each: unknown) => isObject(each) && each['id'] === id) : undefined;
}

/**
 * Returns the one coding of an idea that is taken, with the concepts it maps to. Every coding that was tried and did not resolve is
 * reported, with the systems that do know its code. Drugs take the most specific of those that resolve (rule 9).
 */
export function resolveIdea(idea: Idea, prefer: readonly string[], run: RowRun, at: string, drugs = false): Resolved {
  const { vocabulary } = run.context;
  const ordered =
    idea.codings.length < 2 ? idea.codings : inOrderOfChoice(idea.codings, prefer, (system) => vocabulary.vocabularies(system).length > 0);
  let best: { coding: Coding; resolution: Resolution; targets: readonly Target[]; specificity: number } | undefined;
  let known: { coding: Coding; resolution: Resolution } | undefined;
  for (const coding of ordered) {
    const resolution = vocabulary.resolve(coding.system, coding.code);
    const targets = resolution.targets.every(isStandardTarget) ? resolution.targets : resolution.targets.filter(isStandardTarget);
    if (targets.length === 0) {
      reportUnmapped(coding, resolution, run, at);
      if (known === undefined && resolution.source !== undefined) known = { coding, resolution };
      continue;
    }
    const specificity = drugs ? Math.max(...targets.map((target) => drugSpecificity(target.concept.concept_class_id))) : 0;
    if (best === undefined || specificity > best.specificity) best = { coding, resolution, targets, specificity };
    if (!drugs) break;
  }
  if (best !== undefined) {
    return { coding: best.coding, source: best.resolution.source, targets: best.targets, sourceValue: best.coding.code };
  }
  const taken = known ?? (ordered[0] === undefined ? undefined : { coding: ordered[0], resolution: undefined });
  if (taken !== undefined) return { coding: taken.coding, source: taken.resolution?.source, targets: [], sourceValue: taken.coding.code };
  // Free text has no system: an author's answer to it is asked for under none.
  const { targets } = idea.text === undefined || idea.elsewhere === true ? NO_TARGETS : vocabulary.resolve('', idea.text);
  if (targets.length > 0) return { coding: undefined, source: undefined, targets, sourceValue: idea.text };
  if (idea.text !== undefined && idea.elsewhere !== true) run.unmapped.push({ system: '', code: idea.text, why: 'unknown-system', at });
  return { coding: undefined, source: undefined, targets: [], sourceValue: idea.text };
}

const isStandardTarget = ({ concept }: Target): boolean => isStandard(concept);
const isStandard = (concept: Concept): boolean => concept.standard_concept === 'S' && concept.invalid_reason === '';

function reportUnmapped(coding: Coding, resolution: Resolution, run: RowRun, at: string): void {
  const why = resolution.source !== undefined ? 'no-standard' : resolution.systemKnown ? 'unknown' : 'unknown-system';
  const { system, code, display } = coding;
  run.unmapped.push(display === undefined ? { system, code, why, at } : { system, code, display, why, at });
  if (resolution.source !== undefined) return;
  const others = run.context.vocabulary.systemsKnowing(code).filter((each) => each !== system);
  if (others.length > 0) {
    const said = system === '' ? 'no system' : system;
    run.adjustments.push({ rule: 1, reason: `code labelled ${said} is known to ${others.slice(0, 3).join(', ')}`, at });
  }
}

const standards = new WeakMap<Vocabulary, Map<number, number>>();

/**
 * Returns a concept id written in a map or a rule as it may be stored (rule 7): the id itself when it is standard or the loaded
 * vocabulary does not hold it, what it maps to when it is not standard, else 0.
 */
export function standardId(concept_id: number, vocabulary: Vocabulary): number {
  const known = standards.get(vocabulary) ?? new Map<number, number>();
  standards.set(vocabulary, known);
  let found = known.get(concept_id);
  if (found === undefined) {
    const concept = vocabulary.concept(concept_id);
    if (concept === undefined || isStandard(concept)) found = concept_id;
    else found = vocabulary.resolve(concept.vocabulary_id, concept.concept_code).targets[0]?.concept.concept_id ?? 0;
    known.set(concept_id, found);
  }
  return found;
}
