/** The list of unmapped codes as people work through it. */
import { setImmediate as breath } from 'node:timers/promises';
import type { Queryable } from '../../database/connect.ts';
import type { Code } from '../../database/vocabulary/answers.ts';
import {
  type UnmappedFilter,
  type UnmappedRow,
  unmappedCode,
  unmappedPage,
  unmappedSamples,
} from '../../database/vocabulary/unmapped-list.ts';
import type { Parts } from '../parts.ts';
import { type Beside, besideCode } from './samples.ts';
import { type Suggestion, suggestionsFor } from './suggest.ts';

export interface UnmappedItem extends UnmappedRow, Beside {
  /** concept: an answer names concepts; table: a table of a map lacks the code. */
  readonly kind: 'concept' | 'table';
  /** Names of senders. */
  readonly sources: readonly string[];
  /** True when only the first 500 resources were looked at for their sources. */
  readonly isSampled: boolean;
  readonly suggestions: readonly Suggestion[];
}

const SAMPLES = 5;

/** What the list is read with: everything, or one unchanging picture of it. */
export type ListParts = Pick<Parts, 'live' | 'vocabulary' | 'terminologies' | 'choices'> & { readonly database: Queryable };

/** Returns a page of the list; `suggest`: candidates for each code, 0 for none. */
export async function unmappedItems(parts: ListParts, filter: UnmappedFilter, suggest: number): Promise<readonly UnmappedItem[]> {
  return itemsOf(parts, await unmappedPage(parts.database, filter), suggest);
}

/** Returns one code of the list; undefined when nothing stored has it unmapped. */
export async function unmappedItem(parts: ListParts, code: Code, suggest: number): Promise<UnmappedItem | undefined> {
  const row = await unmappedCode(parts.database, code.system, code.code);
  return row && (await itemsOf(parts, [row], suggest))[0];
}

async function itemsOf(parts: ListParts, rows: readonly UnmappedRow[], suggest: number): Promise<readonly UnmappedItem[]> {
  const samples = await unmappedSamples(parts.database, rows, SAMPLES);
  const sources = suggest > 0 ? parts.terminologies?.() : undefined;
  const vocabulary = parts.live?.current ?? parts.vocabulary;
  const items: UnmappedItem[] = [];
  for (const [i, row] of rows.entries()) {
    const kind = kindOf(row);
    const beside = besideCode(samples[i]?.bodies.map(({ body }) => body) ?? []);
    const isAsked = sources !== undefined && kind === 'concept';
    // Each takes milliseconds of this thread: messages that come are not kept waiting for all of them.
    if (isAsked) await breath();
    items.push({
      ...row,
      kind,
      sources: samples[i]?.sources ?? [],
      isSampled: samples[i]?.isSampled ?? false,
      ...beside,
      suggestions: isAsked ? suggestionsFor(sources, vocabulary, { ...row, ...beside }, suggest) : [],
    });
  }
  return items;
}

/** A code that only tables of maps lack is not answered by a concept. */
export const kindOf = ({ why }: Pick<UnmappedRow, 'why'>): UnmappedItem['kind'] =>
  why.every((each) => each === 'no-row') ? 'table' : 'concept';

const PAGE = 500;

/** Yields the whole list, page by page. */
export async function* allUnmapped(
  parts: ListParts,
  filter: Omit<UnmappedFilter, 'limit' | 'after'>,
  suggest: number,
): AsyncGenerator<UnmappedItem> {
  let after: UnmappedFilter['after'];
  for (;;) {
    const items = await unmappedItems(parts, { ...filter, limit: PAGE, after }, suggest);
    yield* items;
    const last = items.at(-1);
    if (last === undefined || items.length < PAGE) return;
    after = last;
  }
}
