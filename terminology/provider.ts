/**
 * What the FHIR operations ask of a code system, however it is kept: a FHIR CodeSystem resource in memory, an index of SNOMED CT,
 * LOINC or the OMOP vocabularies. Everything answers at once, from memory. Concepts are numbered: `row` 0 to total - 1 is the code
 * system's own order (document order, or depth first), stable within one version, and what paging goes by.
 */

import type { Suggester } from './suggester.ts';

/** http://hl7.org/fhir/R4/valueset-codesystem-content-mode.html */
export type ContentMode = 'complete' | 'fragment' | 'example' | 'not-present' | 'supplement';

/** A concept that a provider found. A composed one (UCUM unit, post-coordinated expression) that has no place in the order has row -1. */
export interface Concept {
  /** As the code system writes it, which may differ in case from what was asked. */
  readonly code: string;
  readonly row: number;
}

/** A number that keeps the digits it was written with. */
export interface Numeral {
  readonly text: string;
  valueOf(): number;
  toString(): string;
  toJSON(): unknown;
}

export type Json = string | number | boolean | null | Numeral | readonly Json[] | JsonObject;
export interface JsonObject {
  readonly [name: string]: Json | undefined;
}

export interface Designation {
  /** BCP 47; undefined: the language of the code system, if it has one. */
  readonly language?: string | undefined;
  readonly use?: JsonObject | undefined;
  readonly value: string;
  /** standards-status of the designation itself: withdrawn, deprecated… */
  readonly status?: string | undefined;
  readonly extension?: readonly JsonObject[] | undefined;
  /** url|version of the supplement that it is from. */
  readonly source?: string | undefined;
}

/** The FHIR types a property can have, as in valueCode, valueString… */
export type PropertyType = 'Code' | 'String' | 'Integer' | 'Boolean' | 'DateTime' | 'Decimal' | 'Coding';

export interface Property {
  readonly code: string;
  readonly type: PropertyType;
  readonly value: Json;
  /** Display of a concept that the value names. */
  readonly description?: string | undefined;
  /** What the property means, where it is not the provider's own definition (a supplement's). */
  readonly uri?: string | undefined;
  readonly source?: string | undefined;
}

export interface PropertyDefinition {
  readonly code: string;
  readonly uri?: string | undefined;
  readonly description?: string | undefined;
  readonly type: string;
}

/** Some of the concepts of one provider. */
export interface ConceptSet {
  readonly size: number;
  /** True where codes that can be composed belong to it beside its rows, so that the rows are not all there are. */
  readonly isOpen?: boolean;
  has(concept: Concept): boolean;
  /** Ascending, from `from` on (default: all). */
  rows(from?: number): Iterable<number>;
}

/** Why a filter was not evaluated: the provider knows no such filter, or the value is wrong for it. */
export interface FilterRefusal {
  readonly refusal: 'not-supported' | 'invalid' | 'too-costly';
  readonly reason: string;
}

/** What a text search found. */
export interface TextMatches {
  readonly set: ConceptSet;
  /** Rows of the best matches, best first: short and preferred terms before long ones. */
  best(count: number): readonly number[];
}

/** One condition of ValueSet.compose.include.filter (http://hl7.org/fhir/R4/valueset-filter-operator.html; child-of and descendent-leaf of R5 too). */
export interface Filter {
  readonly property: string;
  readonly op: string;
  readonly value: string;
}

/** A code that a filter names; `isTree`: the filter asks what is below or above it. */
export interface NamedCode {
  readonly code: string;
  readonly isTree: boolean;
  /** Why it selects nothing though it is there, as the code system knows: it is no reference set. */
  readonly fault?: string | undefined;
}

/** A value set that exists by its URL alone, for instance http://snomed.info/sct?fhir_vs=isa/138875005. */
export interface ImplicitValueSet {
  readonly url: string;
  readonly name: string;
  readonly title: string;
  /** All must hold; none: all concepts. */
  readonly filters: readonly Filter[];
  /** The URL names the version of the code system; otherwise whoever asks may say which. */
  readonly isOfVersion?: boolean | undefined;
}

export interface CodeSystemProvider {
  readonly url: string;
  readonly version: string | undefined;
  readonly name: string;
  readonly title: string | undefined;
  readonly content: ContentMode;
  /** draft | active | retired | unknown; undefined where the source has no such thing. */
  readonly status?: string | undefined;
  readonly standardsStatus?: string | undefined;
  readonly experimental?: boolean | undefined;
  /** BCP 47 language of displays without one. */
  readonly language: string | undefined;
  readonly caseSensitive: boolean;
  /** Canonical of the value set of all concepts. */
  readonly valueSet: string | undefined;
  readonly hierarchical: boolean;
  /** True when codes can be composed, so that the rows are not all there are. */
  readonly grammar: boolean;
  /** True where the code system defines no displays, so that any is right. */
  readonly freeDisplay?: boolean;
  /** Why $subsumes has no answer, where the code system defines no subsumption. */
  readonly noSubsumption?: string | undefined;
  readonly properties: readonly PropertyDefinition[];
  /** What TerminologyCapabilities says of filters: property and operators. */
  readonly filters: readonly { readonly code: string; readonly op: readonly string[] }[];
  /** Rows. */
  readonly total: number;
  /** Maps that come with the code system. */
  readonly maps?: readonly NativeMap[];
  /** url|version of the supplements that are merged into the answers. */
  readonly supplements: readonly string[];

  /** Whether this version is what `wanted` asks for, where equality and wildcards do not decide: a SNOMED CT edition without a date. */
  matchesVersion?(wanted: string): boolean;
  locate(code: string): Concept | undefined;
  conceptAt(row: number): Concept;
  display(concept: Concept): string | undefined;
  definition(concept: Concept): string | undefined;
  /** All but the display itself. */
  designations(concept: Concept): readonly Designation[];
  /** The name that a dialect prefers, where dialects differ in that and not in language; undefined: `tag` (BCP 47) names none, or it prefers none. */
  preferredName?(concept: Concept, tag: string): string | undefined;
  /** All but parent and child, which come from the hierarchy. */
  propertiesOf(concept: Concept): readonly Property[];
  /** A property that is worked out and told only to who asks for it by name, such as SNOMED CT's normalForm. */
  derived?(concept: Concept, name: string): Property | undefined;
  extensions(concept: Concept): readonly JsonObject[];
  isAbstract(concept: Concept): boolean;
  isInactive(concept: Concept): boolean;
  /** Status word where there is one: active, retired, deprecated, withdrawn… */
  statusOf(concept: Concept): string | undefined;
  roots(): Iterable<number>;
  parents(concept: Concept): readonly number[];
  children(concept: Concept): readonly number[];
  /** True when `ancestor` is `concept` or above it. */
  subsumes(ancestor: Concept, concept: Concept): boolean;
  /** What the code system's own rules say against a composed code that can be read: what is wrong, and what was not checked. */
  judge?(concept: Concept): { readonly faults: readonly string[]; readonly unchecked: readonly string[] };
  /** Why it cannot be told how two concepts stand to each other where `subsumes` holds neither way; undefined: they do not. */
  undetermined?(a: Concept, b: Concept): string | undefined;
  all(): ConceptSet;
  filter(filter: Filter): ConceptSet | FilterRefusal;
  /** The codes that a filter names, where its value is more than a code: an expression. Undefined: it is as with other code systems. */
  namedIn?(filter: Filter): readonly NamedCode[] | undefined;
  /** Folds case and accents; each word of `text` must begin a word of the concept's terms. */
  search(text: string): TextMatches;
  /** The implicit value set that `url` (without |version) names, undefined when it names none of this code system. */
  implicit?(url: string): ImplicitValueSet | undefined;
}

export const isRefusal = (answer: ConceptSet | FilterRefusal): answer is FilterRefusal => 'refusal' in answer;

/** A translation that a native map knows. */
export interface MapTarget {
  readonly system: string;
  readonly code: string;
  readonly display: string | undefined;
  /** http://hl7.org/fhir/R4/valueset-concept-map-equivalence.html, of the target to the source. */
  readonly equivalence: string;
  /** What must hold for it, in the words of the map; undefined: nothing. */
  readonly condition?: string | undefined;
}

/** A concept map that is no FHIR resource, such as the relationship 'Maps to' of the OMOP vocabularies. */
export interface NativeMap {
  readonly url: string;
  readonly version: string | undefined;
  /** Whether another URL than its own names it: that of an edition. */
  isNamed?(url: string): boolean;
  /** Returns what a code of `system` maps to (`reverse`: what maps to it), in `other` system if given; nothing for codes it does not know. */
  translate(asked: {
    readonly system: string | undefined;
    readonly code: string;
    readonly other: string | undefined;
    readonly reverse: boolean;
  }): readonly MapTarget[];
}

/** What is loaded beside the resources of the store. A change of releases makes new lists: one answer never sees two states. */
export interface TerminologySources {
  readonly systems: readonly CodeSystemProvider[];
  readonly maps: readonly NativeMap[];
  /** Suggests standard concepts for codes that have none; undefined where no OMOP vocabularies are. */
  readonly suggester?: Suggester | undefined;
  /** What is loaded but cannot be read, and so does not answer. */
  readonly faults?: readonly TerminologyFault[] | undefined;
}

/** Why something that was loaded is off: the code of the error, the file, and what is wrong with it. */
export interface TerminologyFault {
  readonly code: string;
  readonly at: string;
  readonly text: string;
}
