import { readDelimited } from './delimited.ts';
import { TerminologyError } from './failure.ts';

/** Two concepts of CONCEPT_ANCESTOR that are each above the other. It holds every pair on every path, so a circle of any length shows in two rows. */
export class AncestorCircle extends Error {
  readonly file: string;
  readonly ids: readonly [number, number];
  constructor(file: string, ids: readonly [number, number]) {
    super('a circle among ancestors');
    this.file = file;
    this.ids = ids;
  }
}

/** Throws TerminologyError naming the second of the two rows that make a circle. Reads the file again: only a release that is refused pays for it. */
export async function nameCircle({ file, ids: [one, other] }: AncestorCircle): Promise<never> {
  const ids = [String(one), String(other)];
  const found: number[] = [];
  let positions: readonly number[] | undefined;
  for await (const { fields, lines } of readDelimited(file, { sha256: '', bytes: 0 })) {
    if (positions === undefined) {
      positions = ['ancestor_concept_id', 'descendant_concept_id'].map((name) => (fields[0] ?? []).indexOf(name));
      continue;
    }
    const [above = 0, below = 0] = positions;
    for (const [i, row] of fields.entries()) {
      const [a = '', b = ''] = [row[above], row[below]];
      if (a !== b && ids.includes(a) && ids.includes(b)) found.push(lines[i] ?? 0);
    }
  }
  const [first, second] = found;
  const text = `concepts ${Math.min(one, other)} and ${Math.max(one, other)} are each an ancestor of the other; first on line ${first}`;
  throw new TerminologyError('terminology-circle', file, text, second);
}
