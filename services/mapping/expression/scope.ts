/** What an expression can see, and what its compiled form is. Written by the callers of compile.ts, one per place in a map. */
import type { DiagnosticCode, Position } from '../diagnostics.ts';

/**
 * The type of a compiled expression.
 * system: text and numbers (`name`: string, boolean, integer, decimal, date, dateTime, instant, time); v2: a place in a message
 * (`name`: XPN, CWE, ST, …, 'varies' for OBX-5); fhir: an object (`name`: CodeableConcept, Patient.contact, …); choice: an element
 * x[y] whose type is not chosen yet; segment: an HL7v2 segment; any: after an error, fits everywhere.
 */
export interface ValueType {
  readonly kind: 'system' | 'v2' | 'fhir' | 'choice' | 'segment' | 'any';
  readonly name: string;
  readonly many: boolean;
}

export interface Compiled {
  /** JavaScript whose value is: many -> an array (may be empty); one -> the value or undefined. v2: `Place`s. */
  readonly js: string;
  readonly type: ValueType;
  /** v2 and references: JavaScript for the text form, cheaper than going through the Place. Same cardinality as `js`. */
  readonly text?: string;
  /** choice: the element's name ('value') and its types; `js` is then the object that holds it. */
  readonly element?: string;
  readonly choices?: readonly string[];
  /** For reports where no place of a message is known: the expression. */
  readonly label?: string;
  /** A text literal's value. */
  readonly literal?: string;
  /** many, converted one by one: the list before, and the conversion of one, for who wants only one. */
  readonly mapped?: { readonly list: string; one(js: string): string };
  /** v2, a whole field that should not repeat: JavaScript of all repetitions that are there all the same. */
  readonly every?: { readonly js: string; readonly text: string; taken(): void };
  /** v2: the first field it reads, for reports: JavaScript of the segment, and 'OBX-5'. */
  readonly source?: { readonly segment: string; readonly path: string; readonly field: number };
  /** v2: without a text in this field there is no value and no fault: whoever sets something to it need not even ask. */
  readonly needs?: Needed;
}

/** A field of a segment: its JavaScript, 'undefined' where the message's structure has none. */
export interface Needed {
  readonly segment: string;
  readonly field: number;
}

export interface ScopeFault {
  readonly code: DiagnosticCode;
  readonly values: Readonly<Record<string, string | number>>;
}

/** HL7v2: how segments are reached from here, and what the standard says of them in the version that is compiled for. */
export interface Hl7v2Scope extends CommonScope {
  readonly format: 'hl7v2';
  readonly version: string;
  /** JavaScript of type `Segment | undefined` (or an array when `many`); `occurrence` is 1-based, from `OBX[2]-5`. */
  segment(name: string, occurrence: number | undefined): { readonly js: string; readonly many: boolean } | ScopeFault;
  field(segment: string, field: number): { readonly datatype: string; readonly many: boolean } | undefined;
  component(datatype: string, component: number): { readonly datatype: string } | undefined;
  /** Told of every segment that is named, and whether this structure has a place that is meant. */
  reached?(name: string, isReached: boolean, at: Position): void;
  /** Told of every field that is read; `all` when every repetition is. */
  read(segment: string, field: number, all: boolean): void;
  /** The Place that `.1` is relative to. */
  readonly current?: { readonly js: string; readonly datatype: string };
}

/** What a FHIR element is. `types` are FHIR type names; a backbone element's type is its path ('Patient.contact'). */
export interface ElementType {
  readonly types: readonly string[];
  readonly many: boolean;
  /** True for x[y]: the JSON property is the name followed by the capitalised type. */
  readonly choice: boolean;
}

export interface FhirTypes {
  element(type: string, name: string): ElementType | undefined;
  /** Names of the elements of a type, for suggestions; undefined when there is no such type. */
  elements(type: string): readonly string[] | undefined;
}

/** FHIR: names are elements of `root`. `names` are further objects that can be named before the root is asked (assertions use it). */
export interface FhirScope extends CommonScope {
  readonly format: 'fhir';
  /** Texts that become dates are ISO 8601 and are checked: records of files. Undefined: FHIR, where they are valid already. */
  readonly texts?: 'iso';
  readonly types: FhirTypes;
  readonly root: { readonly js: string; readonly type: string } | undefined;
  readonly names?: ReadonlyMap<string, Compiled>;
}

interface CommonScope {
  /** JavaScript of a FHIR Reference (or undefined) to the resource of that name, for `ref(name)`; of an array of them for `refs(name)`. */
  handle?(name: string, all: boolean): string | ScopeFault;
  /** JavaScript of a declared parameter's text. */
  param?(name: string): string | ScopeFault;
}

export type Scope = Hl7v2Scope | FhirScope;
