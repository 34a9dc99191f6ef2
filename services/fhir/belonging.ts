import { searchParameters } from './parameters.ts';
import { references } from './references.ts';
import { refersTo } from './referrers.ts';
import type { Resource } from './resource.ts';
import { holds, valuesOfParameter } from './search/match.ts';
import { type IndexOptions, localReference, referenceOf } from './search/values.ts';

/** Whose record a $everything is about: the resource itself, and the patients it is of. */
export interface Subject {
  readonly type: 'Patient' | 'Encounter';
  readonly id: string;
  /** 'Patient/1'; none where the encounter does not name its patient. */
  readonly patients: ReadonlySet<string>;
}

/** Types that hold other resources whole: whose they are cannot be told. */
const HOLDERS = new Set(['Bundle', 'Parameters']);

/** Returns the patients ('Patient/1') that a resource says it is about, by the search parameters patient and subject. */
export function patientsAbout(resource: Resource, options: IndexOptions = {}): readonly string[] {
  const parameters = searchParameters(resource.resourceType);
  const found = ['patient', 'subject'].flatMap((name) => {
    const parameter = parameters.get(name);
    return parameter === undefined || parameter.kind !== 'reference'
      ? []
      : valuesOfParameter(resource, parameter, options).map(({ value }) => referenceOf(value, options));
  });
  return [...new Set(found)].filter((each) => each.startsWith('Patient/'));
}

/**
 * Returns what a resource is to a subject: 'own' when it is in the compartment (http://hl7.org/fhir/R4/compartmentdefinition.html) or says
 * that it is about the subject's patient, or refers to the subject and names no other patient; 'other' when it refers to the subject but
 * is about another patient, or holds whole resources; undefined when it has nothing to do with it.
 */
export function belonging(resource: Resource, { type, id, patients }: Subject, options: IndexOptions = {}): 'own' | 'other' | undefined {
  const reference = `${type}/${id}`;
  if (!refersTo(resource, reference)) return undefined;
  // A Patient that refers to this one is another person, or a record that was merged.
  if ((resource.resourceType === 'Patient' && type === 'Patient') || HOLDERS.has(resource.resourceType)) return 'other';
  const about = patientsAbout(resource, options);
  const isAbout = about.some((each) => patients.has(each));
  if (patients.size > 0 && about.length > 0 && !isAbout) return 'other';
  if (isAbout || holds(resource, { kind: 'compartment', name: type, reference, hashes: [] }, options)) return 'own';
  const named = references(resource).map((each) => localReference(each.reference.replace(/#.*$/, ''), options.base));
  return patients.size > 0 && named.some((each) => each.startsWith('Patient/') && !patients.has(each)) ? 'other' : 'own';
}
