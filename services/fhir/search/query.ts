/**
 * What the search index holds for one resource, and what a search asks of it. The database room stores the first and turns the
 * second into SQL that narrows; `matches` (search-match.ts) decides on the resource itself, so that neither a hash collision nor a
 * text that the index cut returns a wrong patient.
 *
 * `p` is the stable 32-bit number of a slot (what the index keeps of one element); `h` a signed 64-bit hash over (slot, value form).
 */
import type { SearchParameter } from '../parameters.ts';

export interface IndexRows {
  /** Token forms and references. */
  readonly tokens: readonly bigint[];
  /** Normalised texts, and URIs as they are. */
  readonly strings: readonly { readonly p: number; readonly norm: string }[];
  /** Milliseconds since 1970, lower bound inclusive, upper bound exclusive. */
  readonly dates: readonly { readonly p: number; readonly lo: number; readonly hi: number }[];
  /** Both bounds inclusive. */
  readonly numbers: readonly { readonly p: number; readonly lo: number; readonly hi: number }[];
  /** In the canonical unit, or under 'system|code'; and with unit '' as they stand. Both bounds inclusive. */
  readonly quantities: readonly { readonly p: number; readonly unit: string; readonly lo: number; readonly hi: number }[];
  /** Numbers of the parameters that the resource has a value for, ascending: what :missing asks. */
  readonly present: readonly number[];
  /** The set of parameters (parameters.ts `parameterSet`) that made these rows. */
  readonly set: number;
}

export type Prefix = 'eq' | 'ne' | 'gt' | 'lt' | 'ge' | 'le' | 'sa' | 'eb' | 'ap';

/** What a time is compared by: its instant, or the date and time as written, whatever its offset. */
export type Clock = 'instant' | 'wall';

/**
 * What was asked, [lo, hi) in ms; a row or an update time [row.lo, row.hi) answers by its prefix (dates.ts `answers`):
 * eq lo <= row.lo AND row.hi <= hi; ne NOT eq; gt row.hi > hi; lt row.lo < lo; ge gt OR eq; le lt OR eq; sa row.lo >= hi;
 * eb row.hi <= lo; ap row.lo < hi AND row.hi > lo (lo and hi are widened already).
 *
 * By the clock on the wall (what was asked has no offset) it is the times as they are written that answer, without their offsets; rows of
 * the index hold instants, which then answer within the greatest offset.
 */
export interface DateRange {
  readonly prefix: Prefix;
  readonly clock: Clock;
  readonly lo: number;
  readonly hi: number;
}

/**
 * A number asked for, and what its digits cover, [lo, hi): a row [row.lo, row.hi] answers by its prefix: eq lo <= row.lo AND row.hi < hi;
 * ne NOT eq; gt, sa row.hi > value, row.lo > value; lt, eb row.lo < value, row.hi < value; ge row.hi >= value; le row.lo <= value;
 * ap row.lo <= hi AND row.hi >= lo (a tenth around the value).
 */
export interface AskedNumber {
  readonly prefix: Prefix;
  readonly value: number;
  readonly lo: number;
  readonly hi: number;
}

export interface AskedQuantity extends AskedNumber {
  /** The unit as IndexRows.quantities has it; '': in any unit. */
  readonly unit: string;
  /** `5.4||mg`: the code or the printed unit, as sent; the numbers are compared as they stand. */
  readonly anyCode: string | undefined;
}

/** A token as asked: undefined system: any or none; '' system: must have none; undefined code: any. */
export interface AskedToken {
  readonly system: string | undefined;
  readonly code: string | undefined;
}

export type TextMode = 'starts' | 'exact' | 'equals' | 'contains' | 'ends';

/** A point in degrees, and how far around it. */
export interface AskedPlace {
  readonly latitude: number;
  readonly longitude: number;
  readonly metres: number;
}

interface OfParameter {
  readonly parameter: SearchParameter;
}

/** One condition on a resource. `any`: its alternatives. `hashes`: of the forms in fhir.tok, one of which every match has. */
export type Clause =
  | { readonly kind: 'id'; readonly any: readonly string[] }
  | { readonly kind: 'type'; readonly any: readonly string[] }
  | { readonly kind: 'updated'; readonly any: readonly DateRange[] }
  | (OfParameter & {
      readonly kind: 'token';
      readonly any: readonly AskedToken[];
      readonly hashes: readonly bigint[];
      readonly exact: boolean;
    })
  | (OfParameter & {
      readonly kind: 'of-type';
      readonly any: readonly (AskedToken & { readonly value: string })[];
      readonly hashes: readonly bigint[];
    })
  /** Local references ('Patient/1'), absolute or canonical URLs. */
  | (OfParameter & { readonly kind: 'reference'; readonly any: readonly string[]; readonly hashes: readonly bigint[] })
  | (OfParameter & { readonly kind: 'identifier'; readonly any: readonly AskedToken[]; readonly hashes: readonly bigint[] })
  /** Texts: normalised, but for 'exact', where they are as asked. */
  | (OfParameter & { readonly kind: 'string'; readonly mode: TextMode; readonly any: readonly string[] })
  | (OfParameter & { readonly kind: 'uri'; readonly mode: 'exact' | 'below' | 'above'; readonly any: readonly string[] })
  | (OfParameter & { readonly kind: 'display'; readonly any: readonly string[] })
  | (OfParameter & { readonly kind: 'date'; readonly any: readonly DateRange[] })
  | (OfParameter & { readonly kind: 'number'; readonly any: readonly AskedNumber[] })
  | (OfParameter & { readonly kind: 'quantity'; readonly any: readonly AskedQuantity[] })
  | (OfParameter & { readonly kind: 'near'; readonly any: readonly AskedPlace[] })
  | (OfParameter & { readonly kind: 'missing'; readonly missing: boolean })
  /** Every alternative has one clause for each component, to hold of the same element. */
  | (OfParameter & { readonly kind: 'composite'; readonly any: readonly (readonly Clause[])[] })
  /** Every word in the narrative, or in any text of the resource. */
  | { readonly kind: 'words'; readonly within: 'narrative' | 'content'; readonly any: readonly (readonly string[])[] }
  /** In the compartment of 'Patient/1' (http://hl7.org/fhir/R4/compartmentdefinition.html). */
  | { readonly kind: 'compartment'; readonly name: string; readonly reference: string; readonly hashes: readonly bigint[] }
  /** Refers by the parameter to a resource of the type that answers the clause. */
  | (OfParameter & { readonly kind: 'chain'; readonly target: string; readonly clause: Clause })
  /** A resource of the type refers to it by the parameter, and answers the clause. */
  | (OfParameter & { readonly kind: 'has'; readonly type: string; readonly clause: Clause })
  /** Some value is there that does not answer the clause (`ne` of _filter). */
  | { readonly kind: 'differs'; readonly clause: Clause }
  | { readonly kind: 'not'; readonly clause: Clause }
  | { readonly kind: 'and' | 'or'; readonly clauses: readonly Clause[] };

export type ChainClause = Extract<Clause, { readonly kind: 'chain' | 'has' }>;

/** One key of the order: the resource's time of update, its id, or a parameter's first value in the direction asked for. */
export interface SortKey {
  readonly by: '_lastUpdated' | '_id' | 'parameter';
  readonly name: string;
  readonly descending: boolean;
  readonly parameter: SearchParameter | undefined;
}

/** _include (http://hl7.org/fhir/R4/search.html#include): follows references of `type`; reversed (_revinclude): those to it. */
export interface Include {
  readonly reverse: boolean;
  readonly iterate: boolean;
  /** The type that has the reference; undefined: any (`*`). */
  readonly type: string | undefined;
  /** undefined: every reference (`Type:*`). */
  readonly parameter: SearchParameter | undefined;
  /** Only resources of this type are followed to. */
  readonly target: string | undefined;
}

export interface SearchQuery {
  /** '' for a search over several types. */
  readonly type: string;
  readonly types: readonly string[];
  /** The path below the base URL: 'Observation', 'Patient/1/Observation', ''. */
  readonly path: string;
  readonly clauses: readonly Clause[];
  /** Page size; 0 asks for the total only. */
  readonly count: number;
  readonly sort: readonly SortKey[];
  readonly total: 'none' | 'accurate';
  readonly includes: readonly Include[];
  /** Opaque cursor of the page, made by the database room. */
  readonly page: string | undefined;
  /** The parameters as asked, in canonical order: the `self` link. */
  readonly parameters: readonly { readonly name: string; readonly value: string }[];
}
