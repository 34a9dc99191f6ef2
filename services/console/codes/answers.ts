/** What the doors of this area answer. */
import type { StoredAnswer } from '../../database/vocabulary/answers.ts';
import type { UnmappedSystem } from '../../database/vocabulary/unmapped-list.ts';
import type { Answered, Preview } from '../../pipeline/unmapped/answer.ts';
import type { AnswersPage } from '../../pipeline/unmapped/history.ts';
import type { UnmappedItem } from '../../pipeline/unmapped/list.ts';
import type { ImportPreview } from '../../pipeline/unmapped/usagi-file.ts';

export type { Answered, AnswersPage, ImportPreview, Preview, StoredAnswer, UnmappedItem };

export interface Code {
  readonly system: string;
  readonly code: string;
}
export interface ListPage {
  readonly items: readonly UnmappedItem[];
  readonly next: (Code & { readonly count: number }) | undefined;
}
export interface Systems {
  readonly systems: readonly UnmappedSystem[];
  readonly isCut: boolean;
}
export interface Rules {
  /** True: no answer is put in force by its author, whatever the author says. */
  readonly needsSecondPerson: boolean;
}
export interface Progress {
  readonly left: number;
}

/** One concept of an answer that is being written. */
export interface Target {
  readonly conceptId: number;
  readonly name: string;
  readonly domain: string;
  readonly type: 'MAPS_TO' | 'MAPS_TO_VALUE';
}

export const keyOf = ({ system, code }: Code): string => `${system}\n${code}`;
