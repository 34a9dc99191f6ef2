/** How much one request may ask for. */
export interface Limits {
  /** Codes of an expansion that is not asked for page by page. */
  readonly expansion: number;
  /** Codes of one page. */
  readonly page: number;
  /** Members that are walked through beyond a page for its total, and on either side of a comparison. */
  readonly walk: number;
  /** Validations of one $batch-validate-code. */
  readonly batch: number;
  /** Concepts of one closure table. */
  readonly closureConcepts: number;
}

export const USUAL_LIMITS: Limits = { expansion: 1_000, page: 10_000, walk: 200_000, batch: 10_000, closureConcepts: 5_000 };
