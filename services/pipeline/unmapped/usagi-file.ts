/** Usagi's file both ways: everything that is to be answered and was, and what a file that comes back would change. */
import { answers, type NewAnswer } from '../../database/vocabulary/answers.ts';
import { problem, Refusal } from '../../errors.ts';
import { smallestCellOf } from '../../omop/privacy.ts';
import type { Parts } from '../parts.ts';
import type { Preview } from './answer.ts';
import { allUnmapped, type ListParts } from './list.ts';
import { answerLines, readUsagi, type UsagiAnswer, unmappedLine, usagiHeader } from './usagi.ts';

export interface UsagiFilter {
  readonly system?: string | undefined;
  readonly text?: string | undefined;
}

/** Answers that are read at a time. */
const PAGE = 1_000;

export interface UsagiLines {
  /** Without line ends; the first is the header. */
  readonly lines: readonly string[];
  /** Codes that have no answer; the other lines are of answers in force. */
  readonly codes: number;
}

/** Returns the whole file. Throws Refusal(usagi-large) when it would have more than `most` codes without an answer. */
export async function usagiLines(
  parts: ListParts,
  { system, text }: UsagiFilter,
  { suggest, most = Number.POSITIVE_INFINITY }: { readonly suggest: number; readonly most?: number },
): Promise<UsagiLines> {
  const lines = [usagiHeader()];
  const smallest = smallestCellOf(parts.choices);
  for await (const item of allUnmapped(parts, { system, text, kind: 'concept' }, suggest)) {
    if (lines.length > most) throw new Refusal([problem('usagi-large', { limit: most })]);
    lines.push(unmappedLine(item, smallest));
  }
  const codes = lines.length - 1;
  const vocabulary = parts.live?.current ?? parts.vocabulary;
  const wanted = text?.toLowerCase();
  let before: number | undefined;
  for (;;) {
    const page = await answers(parts.database, { state: 'in-force', system, before, limit: PAGE });
    for (const each of page) {
      const fits = wanted === undefined || [each.code, each.display ?? ''].some((name) => name.toLowerCase().includes(wanted));
      if (fits) lines.push(...answerLines(each, vocabulary, 0));
    }
    before = page.at(-1)?.id;
    if (page.length < PAGE) return { lines, codes };
  }
}

const SNAPSHOT_TIMEOUT_MS = 120_000;

/** As `usagiLines`, of one moment: what is answered meanwhile neither stands in it twice nor is missing. */
export const usagiLinesNow = (parts: Parts, filter: UsagiFilter, options: { readonly suggest: number; readonly most: number }) =>
  parts.database.snapshot((database) => usagiLines({ ...parts, database }, filter, options), { timeoutMs: SNAPSHOT_TIMEOUT_MS });

export interface UsagiImport {
  /** What is not in force, nor proposed, as the file has it. */
  readonly changed: readonly UsagiAnswer[];
  /** Codes that are answered so already. */
  readonly same: number;
  /** Codes by the status that keeps them from being answers. */
  readonly others: ReadonlyMap<string, number>;
}

/**
 * Returns what a file says anew: one that is imported again changes nothing. `system`: of files without a column for it; `author`: of lines that
 * name nobody. Throws Refusal with every fault of the file and its line.
 */
export async function usagiImport(
  parts: Pick<Parts, 'database'>,
  bytes: Uint8Array,
  { system, author }: { readonly system: string | undefined; readonly author: string },
): Promise<UsagiImport> {
  const { approved, others } = readUsagi(bytes, system, author);
  const changed: UsagiAnswer[] = [];
  for (const each of approved) {
    const known = await answers(parts.database, { system: each.system, code: each.code, limit: PAGE });
    const isSaid = known.some((one) => (one.state === 'in-force' || one.state === 'proposed') && meaning(one) === meaning(each));
    if (!isSaid) changed.push(each);
  }
  return { changed, same: approved.length - changed.length, others };
}

const meaning = ({ targets }: Pick<NewAnswer, 'targets'>): string =>
  JSON.stringify(targets.map(({ conceptId, type }) => [conceptId, type]));

/** What a file would do. */
export interface ImportPreview {
  /** Codes that it answers anew. */
  readonly codes: number;
  readonly same: number;
  readonly others: Readonly<Record<string, number>>;
  /** undefined while there are problems, or nothing to do. */
  readonly preview: Preview | undefined;
  /** With the line each; the first 200 of `problemCount`. */
  readonly problems: readonly { readonly code: string; readonly text: string; readonly cure: string; readonly at: string }[];
  readonly problemCount: number;
}
