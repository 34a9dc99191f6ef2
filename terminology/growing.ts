/** Numbers appended one by one into one typed array: a million concepts without a million objects. */
export class GrowingNumbers {
  #values = new Uint32Array(1024);
  length = 0;

  push(value: number): void {
    if (this.length === this.#values.length) {
      const wider = new Uint32Array(this.length * 2);
      wider.set(this.#values);
      this.#values = wider;
    }
    this.#values[this.length] = value;
    this.length += 1;
  }

  at(index: number): number {
    return this.#values[index] ?? 0;
  }

  set(index: number, value: number): void {
    this.#values[index] = value;
  }

  /** Returns a view of what was pushed so far. */
  view(): Uint32Array {
    return this.#values.subarray(0, this.length);
  }
}

const BLOCK_BITS = 20;
const BLOCK_MASK = (1 << BLOCK_BITS) - 1;

/** Numbers appended one by one into blocks: while tens of millions come, nothing is copied, and little is reserved that stays empty. */
export class BlockNumbers {
  readonly #make: (length: number) => Uint16Array | Uint32Array;
  #blocks: (Uint16Array | Uint32Array)[] = [];
  length = 0;

  /** `make` returns an empty block of the width that the numbers need. */
  constructor(make: (length: number) => Uint16Array | Uint32Array = (length) => new Uint32Array(length)) {
    this.#make = make;
  }

  push(value: number): void {
    const block = this.#blocks[this.length >>> BLOCK_BITS] ?? this.#begin();
    block[this.length & BLOCK_MASK] = value;
    this.length += 1;
  }

  #begin(): Uint16Array | Uint32Array {
    const block = this.#make(1 << BLOCK_BITS);
    this.#blocks.push(block);
    return block;
  }

  at(index: number): number {
    return this.#blocks[index >>> BLOCK_BITS]?.[index & BLOCK_MASK] ?? 0;
  }

  /** Lets go of all of them. */
  clear(): void {
    this.#blocks = [];
    this.length = 0;
  }
}

/** Numbers texts in the order in which they first appear. */
export class Numbering {
  readonly names: string[] = [];
  readonly #numbers = new Map<string, number>();
  of(name: string): number {
    const known = this.#numbers.get(name);
    if (known !== undefined) return known;
    this.#numbers.set(name, this.names.length);
    return this.names.push(name) - 1;
  }
}

/** Texts appended one by one into one buffer of UTF-8 bytes, with where each starts. */
export class GrowingTexts {
  #bytes = Buffer.allocUnsafe(1 << 16);
  #end = 0;
  readonly #starts = new GrowingNumbers();
  readonly #ends = new GrowingNumbers();

  push(text: string): void {
    const need = this.#end + text.length * 3;
    if (need > this.#bytes.length) {
      const wider = Buffer.allocUnsafe(Math.max(need, this.#bytes.length * 2));
      this.#bytes.copy(wider, 0, 0, this.#end);
      this.#bytes = wider;
    }
    this.#starts.push(this.#end);
    this.#end += this.#bytes.write(text, this.#end, 'utf8');
    this.#ends.push(this.#end);
  }

  get length(): number {
    return this.#starts.length;
  }

  /** Appends the bytes from `from` up to, not including, `to`. */
  pushBytes(bytes: Uint8Array, from: number, to: number): void {
    this.#starts.push(this.#end);
    this.#ends.push(this.#append(bytes, from, to));
  }

  /** Makes those bytes text `index` from now on. */
  replaceBytes(index: number, bytes: Uint8Array, from: number, to: number): void {
    this.#starts.set(index, this.#end);
    this.#ends.set(index, this.#append(bytes, from, to));
  }

  #append(bytes: Uint8Array, from: number, to: number): number {
    const need = this.#end + to - from;
    if (need > this.#bytes.length) {
      const wider = Buffer.allocUnsafe(Math.max(need, this.#bytes.length * 2));
      this.#bytes.copy(wider, 0, 0, this.#end);
      this.#bytes = wider;
    }
    this.#bytes.set(bytes.subarray(from, to), this.#end);
    this.#end = need;
    return need;
  }

  /** Returns text `index`. */
  text(index: number): string {
    return this.#bytes.toString('utf8', this.#starts.at(index), this.#ends.at(index));
  }

  /** Returns the bytes of text `index`, without a copy. */
  bytes(index: number): Uint8Array {
    return this.#bytes.subarray(this.#starts.at(index), this.#ends.at(index));
  }

  /** Returns the texts in the order of `rows` as one block of bytes and the offsets of its texts, one more than there are texts. */
  inOrder(rows: Uint32Array): { text: Uint8Array; offsets: Uint32Array } {
    const text = new Uint8Array(rows.reduce((sum, row) => sum + this.bytes(row).length, 0));
    const offsets = new Uint32Array(rows.length + 1);
    let end = 0;
    rows.forEach((row, i) => {
      const bytes = this.bytes(row);
      text.set(bytes, end);
      end += bytes.length;
      offsets[i + 1] = end;
    });
    return { text: text.subarray(0, end), offsets };
  }
}

/** Returns the indexes of `values` in ascending order of their value, equal values in their first order (radix sort, two passes). */
export function sortedOrder(values: Uint32Array): Uint32Array {
  let order = Uint32Array.from({ length: values.length }, (_, i) => i);
  for (const shift of [0, 16]) {
    const starts = new Uint32Array(65_537);
    for (const value of values) {
      const slot = ((value >>> shift) & 0xffff) + 1;
      starts[slot] = (starts[slot] ?? 0) + 1;
    }
    for (let slot = 1; slot < starts.length; slot += 1) starts[slot] = (starts[slot] ?? 0) + (starts[slot - 1] ?? 0);
    const next = new Uint32Array(values.length);
    for (const index of order) {
      const slot = ((values[index] ?? 0) >>> shift) & 0xffff;
      const place = starts[slot] ?? 0;
      starts[slot] = place + 1;
      next[place] = index;
    }
    order = next;
  }
  return order;
}
