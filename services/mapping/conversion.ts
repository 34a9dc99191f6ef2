import type { Vocabulary } from '../../terminology/vocabulary.ts';
import type { Problem } from '../errors.ts';
import type { Resource } from '../fhir/resource.ts';
import type { Message } from '../hl7v2/message.ts';
import type { Annotator } from '../omop/annotate.ts';
import type { OmopChoices } from '../omop/options.ts';
import type { ResourceRows, UnmappedCode } from '../omop/row.ts';

/**
 * One resource that a message asks for. A merge of two records (ADT A40 and its like, omop-rules 71) is stated as FHIR states it: the
 * message makes the loser's Patient too, `update: merge`, with `active: false` and `link: { type: replaced-by, other: =ref(patient) }`
 * (http://hl7.org/fhir/R4/patient-definitions.html#Patient.link). `mergesOf` reads it from the drafts; the store moves everything that
 * refers to the loser, and later messages about the loser land on the survivor.
 */
export interface Draft {
  readonly resource: Resource & { readonly id: string };
  /**
   * merge: elements that the message does not value keep what is stored; replace: the resource is the whole truth; ensure: only so that
   * references have a target: what is stored stays as it is (a laboratory's idea of a stay must not overwrite the registration's).
   */
  readonly update: 'merge' | 'replace' | 'ensure';
  /** Top-level elements that the message deletes with `""`. */
  readonly deletes: readonly string[];
  /** id@version#digest of the map that made it. */
  readonly spec: string;
  /**
   * What its id is made from, without saying which Patient: two records of one patient that turn out to be one have resources of the
   * same kin where they speak of the same stay or order. Undefined for what has no Patient in its key.
   */
  readonly kin?: string | undefined;
}

/** How bad it got: what the acknowledgement derives from. */
export type Rung = 'none' | 'drop' | 'default' | 'park-resource' | 'park-message' | 'refuse';

/** A field with a value that no rule of the map reads and no `ignore` names: 'PID-12', and in how many segments of the message. */
export interface UnreadField {
  readonly path: string;
  readonly count: number;
}

export interface Conversion {
  readonly drafts: readonly Draft[];
  readonly problems: readonly Problem[];
  readonly unmapped: readonly UnmappedCode[];
  readonly unread: readonly UnreadField[];
  readonly rung: Rung;
  /** id@version#digest of the message map; '' when none takes the message (then `problems` says so and `rung` is park-message). */
  readonly spec: string;
}

export interface ConvertContext {
  /** Namespace of the deterministic ids: the source's name, or MSH-4 (else MSH-3) of the message when undefined. */
  readonly authority?: string;
  /** IANA zone for local times without offset when the map's site does not set one. */
  readonly timezone: string;
  /** The site whose maps take the messages of this source: a folder under mappings/sites, or the id of a site's map; else `match` decides. */
  readonly site?: string;
}

export interface RowContext {
  readonly vocabulary: Vocabulary;
  /** IANA zone that all CDM datetimes are in (omop-rules 68). */
  readonly timezone: string;
  /** 'YYYY-MM-DD', the day the data left its source (the journal's receipt): until then an open stay lasts, later nobody is born. */
  readonly asOf?: string;
  /** What was chosen where sources disagree; the defaults when undefined. */
  readonly choices?: OmopChoices | undefined;
  /** Finds what notes name, in place of the project's own list of words. */
  readonly annotator?: Annotator | undefined;
  /** Another resource, by its reference ('Medication/…'), where the caller has it: the drug of a request may stand there. */
  lookup?(reference: string): Resource | undefined;
}

/** The published maps, compiled. Pure and synchronous. */
export interface Maps {
  convert(message: Message, context: ConvertContext): Conversion;
  /** Returns true when `convert` would neither park nor refuse the message, in a fraction of its time; false when only that can tell. */
  accepts(message: Message, context: ConvertContext): boolean;
  rows(resource: Resource, context: RowContext): ResourceRows;
}
