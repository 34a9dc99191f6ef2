/** A set of row numbers below a fixed total, one bit each: intersections and differences of half a million rows take microseconds. */
export class RowSet {
  readonly total: number;
  readonly words: Uint32Array;

  constructor(total: number, words?: Uint32Array) {
    this.total = total;
    this.words = words ?? new Uint32Array((total + 31) >>> 5);
  }

  /** Returns the set of the given rows. */
  static of(total: number, rows: Iterable<number>): RowSet {
    const set = new RowSet(total);
    for (const row of rows) set.add(row);
    return set;
  }

  /** Returns the set of all rows. */
  static all(total: number): RowSet {
    const set = new RowSet(total);
    set.addRange(0, total);
    return set;
  }

  add(row: number): void {
    const word = row >>> 5;
    this.words[word] = (this.words[word] ?? 0) | (1 << (row & 31));
  }

  /** Adds the rows from `from` up to, not including, `to`. */
  addRange(from: number, to: number): void {
    if (to <= from) return;
    const { words } = this;
    const first = from >>> 5;
    const last = (to - 1) >>> 5;
    const head = -1 << (from & 31);
    const tail = -1 >>> (31 - ((to - 1) & 31));
    if (first === last) {
      words[first] = (words[first] ?? 0) | (head & tail);
      return;
    }
    words[first] = (words[first] ?? 0) | head;
    words.fill(0xffffffff, first + 1, last);
    words[last] = (words[last] ?? 0) | tail;
  }

  hasRow(row: number): boolean {
    return row >= 0 && row < this.total && ((this.words[row >>> 5] ?? 0) & (1 << (row & 31))) !== 0;
  }

  /** For the FHIR operations: whether a located concept is in the set. */
  has(concept: { readonly row: number }): boolean {
    return this.hasRow(concept.row);
  }

  get size(): number {
    let size = 0;
    for (const word of this.words) {
      let bits = word - ((word >>> 1) & 0x55555555);
      bits = (bits & 0x33333333) + ((bits >>> 2) & 0x33333333);
      size += (((bits + (bits >>> 4)) & 0x0f0f0f0f) * 0x01010101) >>> 24;
    }
    return size;
  }

  get isEmpty(): boolean {
    return this.words.every((word) => word === 0);
  }

  /** Ascending, from row `from` on. */
  *rows(from = 0): Generator<number> {
    const { words } = this;
    let word = from >>> 5;
    let bits = (words[word] ?? 0) & (-1 << (from & 31));
    for (;;) {
      while (bits !== 0) {
        const bit = bits & -bits;
        yield word * 32 + 31 - Math.clz32(bit);
        bits ^= bit;
      }
      word += 1;
      if (word >= words.length) return;
      bits = words[word] ?? 0;
    }
  }

  /** Calls `visit` with every row, ascending: for the inner loops, where a generator costs too much. */
  forEach(visit: (row: number) => void): void {
    const { words } = this;
    for (let word = 0; word < words.length; word += 1) {
      let bits = words[word] ?? 0;
      while (bits !== 0) {
        const bit = bits & -bits;
        visit(word * 32 + 31 - Math.clz32(bit));
        bits ^= bit;
      }
    }
  }

  and(other: RowSet): RowSet {
    return new RowSet(
      this.total,
      this.words.map((word, i) => word & (other.words[i] ?? 0)),
    );
  }

  or(other: RowSet): RowSet {
    return new RowSet(
      this.total,
      this.words.map((word, i) => word | (other.words[i] ?? 0)),
    );
  }

  minus(other: RowSet): RowSet {
    return new RowSet(
      this.total,
      this.words.map((word, i) => word & ~(other.words[i] ?? 0)),
    );
  }

  /** Returns the rows for which `holds`. */
  where(holds: (row: number) => boolean): RowSet {
    const found = new RowSet(this.total);
    this.forEach((row) => {
      if (holds(row)) found.add(row);
    });
    return found;
  }
}
