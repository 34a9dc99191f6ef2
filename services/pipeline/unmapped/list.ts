/** The list of unmapped codes as people work through it. */
import { setImmediate as breath } from 'node:timers/promises';
import type { TerminologySources } from '../../../terminology/provider.ts';
import type { Queryable } from '../../database/connect.ts';
import { readResources } from '../../database/resources/resources.ts';
import { type Code, pastAnswers } from '../../database/vocabulary/answers.ts';
import {
  type UnmappedFilter,
  type UnmappedRow,
  unmappedCode,
  unmappedPage,
  unmappedSamples,
} from '../../database/vocabulary/unmapped-list.ts';
import type { Parts } from '../parts.ts';
import { PastAnswers } from './past.ts';
import { type Beside, besideCode, specimensOf, specimenType } from './samples.ts';
import { type Suggestion, suggestionsFor } from './suggest.ts';

export interface UnmappedItem extends UnmappedRow, Beside {
  /** concept: an answer names concepts; table: a table of a map lacks the code. */
  readonly kind: 'concept' | 'table';
  /** Names of senders. */
  readonly sources: readonly string[];
  /** True when only the first 500 resources were looked at for their sources. */
  readonly isSampled: boolean;
  /** What was examined, by the codes of the specimens; looked at for suggestions only. */
  readonly specimens: readonly string[];
  readonly suggestions: readonly Suggestion[];
}

const SAMPLES = 5;
/** What was answered before is known without a vocabulary. */
const NOTHING_LOADED: TerminologySources = { systems: [], maps: [] };
/** Answers that are looked at for like codes. */
const MOST_PAST = 10_000;

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
  const sources = suggest > 0 ? (parts.terminologies?.() ?? NOTHING_LOADED) : undefined;
  const vocabulary = parts.live?.current ?? parts.vocabulary;
  const asked = sources === undefined ? [] : rows.filter((row) => kindOf(row) === 'concept');
  const past = new PastAnswers(asked.length === 0 ? [] : await pastAnswers(parts.database, asked, MOST_PAST));
  const bodies = samples.map((each) => each.bodies.map(({ body }) => body));
  const typeOf = await specimenTypes(parts.database, sources === undefined ? [] : bodies.flat());
  const items: UnmappedItem[] = [];
  for (const [i, row] of rows.entries()) {
    const kind = kindOf(row);
    const beside = besideCode(bodies[i] ?? []);
    const specimens = [...new Set(specimensOf(bodies[i] ?? []).flatMap((id) => typeOf.get(id) ?? []))].slice(0, SAMPLES);
    const isAsked = sources !== undefined && kind === 'concept';
    // Each takes milliseconds of this thread: messages that come are not kept waiting for all of them.
    if (isAsked) await breath();
    items.push({
      ...row,
      kind,
      sources: samples[i]?.sources ?? [],
      isSampled: samples[i]?.isSampled ?? false,
      ...beside,
      specimens,
      suggestions: isAsked ? suggestionsFor(sources, vocabulary, { ...row, ...beside, specimens }, { past, count: suggest }) : [],
    });
  }
  return items;
}

/** Returns by id what the specimens are that resources refer to. */
async function specimenTypes(database: Queryable, bodies: readonly string[]): Promise<ReadonlyMap<string, string>> {
  const ids = specimensOf(bodies);
  if (ids.length === 0) return new Map();
  const found = await readResources(
    database,
    ids.map((id) => ({ type: 'Specimen', id })),
  );
  return new Map(
    [...found.values()]
      .flatMap(({ id, body }) => [[id, specimenType(body)] as const])
      .flatMap(([id, type]) => (type === undefined ? [] : [[id, type]])),
  );
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
