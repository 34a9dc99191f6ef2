import { FLAG, NONE, REF, refIndex, refKind, type SystemArrays } from './arrays.ts';
import { rowOfCode } from './codes.ts';
import type { SystemManifest } from './manifest.ts';
import { RowSet } from './rows.ts';
import type { SystemImage } from './system-files.ts';
import { bufferOf, TextSearch } from './text-search.ts';

/** One term of a concept; numbers point into the lists of the manifest. */
export interface Term {
  readonly designation: number;
  readonly text: string;
  readonly language: string;
  readonly use: SystemManifest['uses'][number] | undefined;
  readonly isActive: boolean;
}

/** Answers from the index of one version of a code system. Concepts are rows in depth-first pre-order; -1 is no concept. */
export class CodeSystem {
  readonly manifest: SystemManifest;
  readonly arrays: SystemArrays;
  readonly total: number;
  readonly text: TextSearch;
  readonly #codes: Buffer;
  readonly #terms: Buffer;
  readonly #values: Buffer;
  readonly #codeBytes: { readonly offsets: Uint32Array; readonly text: Uint8Array };
  #actives: RowSet | undefined;

  constructor({ manifest, arrays }: Pick<SystemImage, 'manifest' | 'arrays'>) {
    this.manifest = manifest;
    this.arrays = arrays;
    this.total = arrays['code-offset'].length - 1;
    this.text = new TextSearch(arrays);
    this.#codes = bufferOf(arrays['code-text']);
    this.#terms = bufferOf(arrays['term-text']);
    this.#values = bufferOf(arrays['value-text']);
    this.#codeBytes = { offsets: arrays['code-offset'], text: arrays['code-text'] };
  }

  /** Returns the row of a code, or -1. */
  row(code: string): number {
    return rowOfCode(this.arrays['code-table'], this.#codeBytes, code);
  }

  code(row: number): string {
    const offsets = this.arrays['code-offset'];
    return this.#codes.toString('utf8', offsets[row], offsets[row + 1]);
  }

  isActive(row: number): boolean {
    return ((this.arrays['concept-flags'][row] ?? 0) & FLAG.active) !== 0;
  }

  isDefined(row: number): boolean {
    return ((this.arrays['concept-flags'][row] ?? 0) & FLAG.defined) !== 0;
  }

  isAbstract(row: number): boolean {
    return ((this.arrays['concept-flags'][row] ?? 0) & FLAG.abstract) !== 0;
  }

  display(row: number): string | undefined {
    const designation = this.arrays['concept-display'][row] ?? NONE;
    return designation === NONE ? undefined : this.term(designation);
  }

  term(designation: number): string {
    const offsets = this.arrays['term-offset'];
    return this.#terms.toString('utf8', offsets[designation], offsets[designation + 1]);
  }

  terms(row: number): readonly Term[] {
    const terms: Term[] = [];
    const end = this.arrays['designation-offset'][row + 1] ?? 0;
    for (let designation = this.arrays['designation-offset'][row] ?? 0; designation < end; designation += 1) {
      terms.push({
        designation,
        text: this.term(designation),
        language: this.manifest.languages[this.arrays['designation-language'][designation] ?? 0] ?? '',
        use: this.manifest.uses[this.arrays['designation-use'][designation] ?? 0],
        isActive: ((this.arrays['designation-flags'][designation] ?? 0) & FLAG.active) !== 0,
      });
    }
    return terms;
  }

  /** Returns the active name of `use` (a number) that a dialect (a number) prefers for a concept. */
  preferredTerm(row: number, dialect: number, use: number): string | undefined {
    const { arrays } = this;
    const end = arrays['designation-offset'][row + 1] ?? 0;
    for (let designation = arrays['designation-offset'][row] ?? 0; designation < end; designation += 1) {
      const isActive = ((arrays['designation-flags'][designation] ?? 0) & FLAG.active) !== 0;
      if (isActive && arrays['designation-use'][designation] === use && this.acceptability(dialect, designation) === 2)
        return this.term(designation);
    }
    return undefined;
  }

  /** 0 none, 1 acceptable, 2 preferred. */
  acceptability(dialect: number, designation: number): number {
    return this.arrays.acceptability[dialect * this.arrays['designation-flags'].length + designation] ?? 0;
  }

  parents(row: number): Uint32Array {
    return this.arrays['parent-row'].subarray(this.arrays['parent-offset'][row], this.arrays['parent-offset'][row + 1]);
  }

  children(row: number): Uint32Array {
    return this.arrays['child-row'].subarray(this.arrays['child-offset'][row], this.arrays['child-offset'][row + 1]);
  }

  /** True when `ancestor` is `row` or above it. */
  subsumes(ancestor: number, row: number): boolean {
    if (ancestor === row) return true;
    const offsets = this.arrays['interval-offset'];
    const bounds = this.arrays['interval-bound'];
    let low = (offsets[ancestor] ?? 0) >>> 1;
    let high = ((offsets[ancestor + 1] ?? 0) >>> 1) - 1;
    while (low <= high) {
      const middle = (low + high) >>> 1;
      if (row < (bounds[middle * 2] ?? 0)) high = middle - 1;
      else if (row >= (bounds[middle * 2 + 1] ?? 0)) low = middle + 1;
      else return true;
    }
    return false;
  }

  /** Adds `row` and everything below it to `set`. */
  addDescendants(row: number, set: RowSet): void {
    set.add(row);
    const bounds = this.arrays['interval-bound'];
    const end = this.arrays['interval-offset'][row + 1] ?? 0;
    for (let i = this.arrays['interval-offset'][row] ?? 0; i < end; i += 2) set.addRange(bounds[i] ?? 0, bounds[i + 1] ?? 0);
  }

  /** Returns up to `count` rows of `row` and what is below it, from the `offset`th on, and how many there are in all. */
  descendantPage(row: number, offset: number, count: number): { readonly total: number; readonly rows: readonly number[] } {
    const bounds = this.arrays['interval-bound'];
    const end = this.arrays['interval-offset'][row + 1] ?? 0;
    const start = this.arrays['interval-offset'][row] ?? 0;
    if (start === end) return { total: 1, rows: offset === 0 && count > 0 ? [row] : [] };
    const rows: number[] = [];
    let total = 0;
    for (let i = start; i < end; i += 2) {
      const [from = 0, to = 0] = [bounds[i], bounds[i + 1]];
      for (let at = from + Math.max(0, offset - total); at < to && rows.length < count; at += 1) rows.push(at);
      total += to - from;
    }
    return { total, rows };
  }

  /** Adds everything above `row`, without itself, to `set`. */
  addAncestors(row: number, set: RowSet): void {
    const waiting = [...this.parents(row)];
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
      if (set.hasRow(next)) continue;
      set.add(next);
      waiting.push(...this.parents(next));
    }
  }

  /** The active concepts; made once. Not to be changed. */
  get actives(): RowSet {
    this.#actives ??= RowSet.all(this.total).where((row) => this.isActive(row));
    return this.#actives;
  }

  /** Returns what a reference says as text: a code, a designation's id, a value. */
  refText(ref: number): string {
    const index = refIndex(ref);
    if (refKind(ref) === REF.row) return this.code(index);
    if (refKind(ref) === REF.designation) return this.designationId(index);
    return this.#values.toString('utf8', this.arrays['value-offset'][index], this.arrays['value-offset'][index + 1]);
  }

  /** NaN when the reference is no number. */
  refNumber(ref: number): number {
    return refKind(ref) === REF.value ? (this.arrays['value-number'][refIndex(ref)] ?? Number.NaN) : Number.NaN;
  }

  designationId(designation: number): string {
    const high = this.arrays['designation-high'][designation] ?? 0;
    const low = this.arrays['designation-low'][designation] ?? 0;
    return high === 0 ? String(low) : `${high}${String(low).padStart(9, '0')}`;
  }

  /** Returns the number of a reference set in the manifest's list, -1 when it has no members here. */
  refset(code: string): number {
    return this.manifest.refsets.findIndex((each) => each.code === code);
  }
}
