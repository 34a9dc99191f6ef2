/**
 * What the search index holds for one resource, and what a search asks of it. The database room stores the first and turns the
 * second into SQL; both come from services/fhir, so that a value is normalised by the same code when written and when asked.
 *
 * `p` is the stable 32-bit number of a search parameter of a resource type; `h` a signed 64-bit hash over (type, parameter,
 * value form). A hash hit is only a candidate: `matches` compares the original strings.
 */
export interface IndexRows {
  /** Token forms, references, URIs, presence markers. */
  readonly tokens: readonly bigint[];
  readonly strings: readonly { readonly p: number; readonly norm: string }[];
  /** Milliseconds since 1970, lower bound inclusive, upper bound exclusive. */
  readonly dates: readonly { readonly p: number; readonly lo: number; readonly hi: number }[];
  readonly numbers: readonly { readonly p: number; readonly lo: number; readonly hi: number }[];
  readonly quantities: readonly { readonly p: number; readonly unit: string; readonly lo: number; readonly hi: number }[];
}

export type DatePrefix = 'eq' | 'ne' | 'gt' | 'lt' | 'ge' | 'le' | 'sa' | 'eb' | 'ap';

/**
 * One search parameter: any of its alternatives must hold (OR); the clauses of a query all must (AND).
 * string: a row's `norm` starts with one of the texts (already normalised and cut as IndexRows.strings are).
 */
export type Clause =
  | { readonly kind: 'id'; readonly any: readonly string[] }
  | { readonly kind: 'token'; readonly parameter: string; readonly any: readonly bigint[] }
  | { readonly kind: 'string'; readonly parameter: string; readonly p: number; readonly any: readonly string[] }
  | { readonly kind: 'date'; readonly parameter: string; readonly p: number; readonly any: readonly DateRange[] }
  | { readonly kind: 'updated'; readonly any: readonly DateRange[] };

/**
 * What was asked, [lo, hi) in ms; a row or an update time [row.lo, row.hi) answers by its prefix (dates.ts `answers`):
 * eq lo <= row.lo AND row.hi <= hi; ne NOT eq; gt row.hi > hi; lt row.lo < lo; ge gt OR eq; le lt OR eq; sa row.lo >= hi;
 * eb row.hi <= lo; ap row.lo < hi AND row.hi > lo (lo and hi are widened already).
 */
export interface DateRange {
  readonly prefix: DatePrefix;
  readonly lo: number;
  readonly hi: number;
}

export interface SearchQuery {
  readonly type: string;
  readonly clauses: readonly Clause[];
  /** Page size; 0 asks for the total only. */
  readonly count: number;
  readonly sort: readonly { readonly by: '_lastUpdated' | '_id' | 'date'; readonly descending: boolean; readonly p: number }[];
  readonly total: 'none' | 'accurate';
  /** Opaque cursor of the page, made by the database room. */
  readonly page: string | undefined;
  /** The parameters as asked, in canonical order: the `self` link, and what `matches` compares original strings with. */
  readonly parameters: readonly { readonly name: string; readonly value: string }[];
}
