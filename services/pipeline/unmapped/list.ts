/** The list of unmapped codes as people work through it. */
import { type UnmappedFilter, type UnmappedRow, unmappedPage, unmappedSamples } from '../../database/unmapped-list.ts';
import type { Parts } from '../parts.ts';
import { type Beside, besideCode } from './samples.ts';
import { type Suggestion, suggestions } from './suggest.ts';

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

/** Returns a page of the list; `suggest`: candidates for each code, 0 for none. */
export async function unmappedItems(parts: Parts, filter: UnmappedFilter, suggest: number): Promise<readonly UnmappedItem[]> {
  const rows = await unmappedPage(parts.database, filter);
  const samples = await unmappedSamples(parts.database, rows, SAMPLES);
  const sources = suggest > 0 ? parts.terminologies?.() : undefined;
  const vocabulary = parts.live?.current ?? parts.vocabulary;
  return rows.map((row, i) => {
    const kind = kindOf(row);
    const isAsked = sources !== undefined && kind === 'concept';
    return {
      ...row,
      kind,
      sources: samples[i]?.sources ?? [],
      isSampled: samples[i]?.isSampled ?? false,
      ...besideCode(samples[i]?.bodies.map(({ body }) => body) ?? []),
      suggestions: isAsked ? suggestions(sources, vocabulary, row.display ?? row.code, suggest) : [],
    };
  });
}

/** A code that only tables of maps lack is not answered by a concept. */
export const kindOf = ({ why }: Pick<UnmappedRow, 'why'>): UnmappedItem['kind'] =>
  why.every((each) => each === 'no-row') ? 'table' : 'concept';

const PAGE = 500;

/** Yields the whole list, page by page. */
export async function* allUnmapped(
  parts: Parts,
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
