/** How much one request may ask for. */
export interface Limits {
  /** Codes of an expansion that is not asked for page by page. */
  readonly expansion: number;
  /** Codes of one page; never fewer than `expansion`. */
  readonly page: number;
  /** Members that are walked through beyond a page for its total, and on either side of a comparison. */
  readonly walk: number;
  /** Validations of one $batch-validate-code. */
  readonly batch: number;
  /** Concepts of one closure table. */
  readonly closureConcepts: number;
}

/** The same, and what callers may leave with the server between their requests. */
export interface ServerLimits extends Limits {
  /** Caches of one caller ($cache-control); all callers together have ten times as many. */
  readonly caches: number;
  /** A cache that is not used for so long is gone. */
  readonly cacheMinutes: number;
  /** JSON text of all caches together. */
  readonly cacheMegabytes: number;
  /** Closure tables of one caller; all callers together have ten times as many. */
  readonly closures: number;
}

const USUAL: ServerLimits = {
  expansion: 1_000,
  page: 10_000,
  walk: 200_000,
  batch: 10_000,
  closureConcepts: 5_000,
  caches: 20,
  cacheMinutes: 30,
  cacheMegabytes: 256,
  closures: 100,
};

/** Returns the limits that are set, the usual ones for the others. */
export function limitsOf(set: Partial<ServerLimits> = {}): ServerLimits {
  const all = { ...USUAL, ...set };
  return { ...all, page: Math.max(all.page, all.expansion) };
}

export const USUAL_LIMITS: Limits = USUAL;
