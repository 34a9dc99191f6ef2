/** Three texts become one: what only one of two authors changed is taken; where both did, somebody chooses. Pure. */
import { diff3Merge } from 'node-diff3';

export interface MergePiece {
  /** Lines that are the same, or that one of both changed. */
  readonly settled?: readonly string[];
  readonly conflict?: { readonly base: readonly string[]; readonly theirs: readonly string[]; readonly yours: readonly string[] };
}

export type Choice = 'yours' | 'theirs' | 'both';

/** Returns the pieces, in order. A text that is not there has no lines. */
export function mergePieces(base: string | undefined, theirs: string | undefined, yours: string | undefined): readonly MergePiece[] {
  const merged = diff3Merge(linesOf(yours), linesOf(base), linesOf(theirs), { excludeFalseConflicts: true });
  return merged.map(({ ok, conflict }) =>
    conflict === undefined ? { settled: ok ?? [] } : { conflict: { base: conflict.o, theirs: conflict.b, yours: conflict.a } },
  );
}

const linesOf = (text: string | undefined): string[] => (text === undefined ? [] : text.split('\n'));

/** Returns the text; undefined as long as a conflict waits for a choice. `choices`: one for each conflict, in order. */
export function mergedText(pieces: readonly MergePiece[], choices: readonly (Choice | undefined)[]): string | undefined {
  const lines: string[] = [];
  let n = 0;
  for (const { settled, conflict } of pieces) {
    if (conflict === undefined) {
      lines.push(...(settled ?? []));
      continue;
    }
    const choice = choices[n++];
    if (choice === undefined) return undefined;
    if (choice !== 'yours') lines.push(...conflict.theirs);
    if (choice !== 'theirs') lines.push(...conflict.yours);
  }
  return lines.join('\n');
}
