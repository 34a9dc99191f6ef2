/** What a change of the vocabulary changes in the CDM (omop-rules 12). */

/** How a code's rows differ: other concepts, another table, a standard concept at last, none any more. */
export type Kind = 'changed' | 'moved' | 'newly-mapped' | 'lost';

export interface RowChange {
  readonly kind: Kind;
  /** The source value, where one of the two vocabularies knows it: then it is a code and no free text. */
  readonly code: string;
  /** 'measurement 3000963', several joined by ' + '. */
  readonly from: string;
  readonly to: string;
  readonly rows: number;
  /** Rows that a table has more, has otherwise, has no more. */
  readonly added: number;
  readonly changed: number;
  readonly gone: number;
}

/** What an upgrade changes in the stored data: counts, and samples. */
export interface UpgradeReport {
  /** Resources looked at, and those of them whose rows differ. */
  readonly resources: number;
  readonly touched: number;
  readonly kinds: Readonly<Record<Kind, { readonly codes: number; readonly rows: number }>>;
  readonly rows: { readonly added: number; readonly changed: number; readonly gone: number };
  /** Codes of each kind, those with the most rows first. */
  readonly samples: readonly RowChange[];
  /** Codes in sum, where there were more than are told apart. */
  readonly isCut: boolean;
}
