import type { AthenaSink } from './athena.ts';
import type { AthenaTable } from './athena-tables.ts';
import { readDelimited } from './delimited.ts';
import { TerminologyError } from './failure.ts';

/** Pairs are kept by the low bits of their smaller id, so that each part is sorted by itself. */
const PARTS = 1024;
/** With 10 bits less, the smaller id, the larger one and the direction are 53 bits: what a number holds exactly. */
const ID = 2 ** 32;

/**
 * A sink of readAthena that looks for circles: of two concepts each an ancestor of the other, or of a concept above itself. CONCEPT_ANCESTOR holds
 * every pair on every path, so a circle of any length shows in two rows. Takes 8 bytes a row (600 MB for 75 million) while the release is read.
 */
export class AncestorCircles implements AthenaSink {
  readonly #parts: Float64Array[] = Array.from({ length: PARTS }, () => new Float64Array(16));
  readonly #lengths = new Uint32Array(PARTS);
  #file = '';

  rows(table: AthenaTable, rows: readonly (readonly string[])[], place: { file: string; lines: readonly number[] }): void {
    if (table !== 'concept_ancestor') return;
    this.#file = place.file;
    for (const [i, [above = '', below = '', least]] of rows.entries()) {
      if (above !== below) this.#add(Number(above), Number(below));
      else if (least !== '0')
        throw new TerminologyError('terminology-circle', place.file, `concept ${above} is above itself`, place.lines[i] ?? 0);
    }
  }

  #add(above: number, below: number): void {
    const low = Math.min(above, below);
    const part = low % PARTS;
    const length = this.#lengths[part] ?? 0;
    let values = this.#parts[part] ?? new Float64Array(0);
    if (length === values.length) {
      const wider = new Float64Array(length * 2);
      wider.set(values);
      this.#parts[part] = values = wider;
    }
    values[length] = Math.floor(low / PARTS) * ID + Math.max(above, below) * 2 + (above === low ? 0 : 1);
    this.#lengths[part] = length + 1;
  }

  /** Throws TerminologyError naming the second of two rows that make a circle. The pairs are let go of. */
  async refuse(): Promise<void> {
    for (const [part, values] of this.#parts.entries()) {
      const sorted = values.subarray(0, this.#lengths[part]).sort();
      for (let i = 1; i < sorted.length; i += 1) {
        const [before = 0, here = 0] = [sorted[i - 1], sorted[i]];
        if (here === before + 1 && before % 2 === 0) await this.#name(Math.floor(here / ID) * PARTS + part, Math.floor((here % ID) / 2));
      }
      this.#parts[part] = new Float64Array(0);
      this.#lengths[part] = 0;
    }
  }

  /** Reads the file again: only a release that is refused pays for it. */
  async #name(one: number, other: number): Promise<never> {
    const ids = [String(one), String(other)];
    const found: number[] = [];
    let positions: readonly number[] | undefined;
    for await (const { fields, lines } of readDelimited(this.#file, { sha256: '', bytes: 0 })) {
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
    const text = `concepts ${one} and ${other} are each an ancestor of the other; first on line ${first}`;
    throw new TerminologyError('terminology-circle', this.#file, text, second);
  }
}
