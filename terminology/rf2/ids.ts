/**
 * Identifiers of up to 18 digits as two numbers of at most nine digits each, high * 1e9 + low, and a table from them to numbers: SNOMED CT
 * identifiers are wider than the whole numbers JavaScript keeps exactly.
 */
export class IdTable {
  #highs = new Uint32Array(1 << 16);
  #lows = new Uint32Array(1 << 16);
  /** Slot holds index + 1. */
  #slots = new Uint32Array(1 << 17);
  size = 0;

  /** Returns the index of an identifier, or -1. */
  find(high: number, low: number): number {
    return (this.#slots[this.#slot(high, low)] ?? 0) - 1;
  }

  /** Returns the index of an identifier; a new one gets the next index. Compare `size` before and after to tell. */
  add(high: number, low: number): number {
    if (this.size * 2 >= this.#slots.length) this.#widen();
    const slot = this.#slot(high, low);
    const known = this.#slots[slot] ?? 0;
    if (known > 0) return known - 1;
    const index = this.size;
    if (index === this.#highs.length) {
      this.#highs = doubled(this.#highs);
      this.#lows = doubled(this.#lows);
    }
    this.#highs[index] = high;
    this.#lows[index] = low;
    this.size = index + 1;
    this.#slots[slot] = index + 1;
    return index;
  }

  high(index: number): number {
    return this.#highs[index] ?? 0;
  }

  low(index: number): number {
    return this.#lows[index] ?? 0;
  }

  text(index: number): string {
    return idText(this.high(index), this.low(index));
  }

  #slot(high: number, low: number): number {
    const mask = this.#slots.length - 1;
    let value = Math.imul(high ^ 0x9e3779b9, 0x85ebca6b) ^ Math.imul(low ^ (low >>> 15), 0xc2b2ae35);
    value = Math.imul(value ^ (value >>> 16), 0x7feb352d);
    let slot = (value ^ (value >>> 15)) & mask;
    for (;;) {
      const index = (this.#slots[slot] ?? 0) - 1;
      if (index < 0 || (this.#highs[index] === high && this.#lows[index] === low)) return slot;
      slot = (slot + 1) & mask;
    }
  }

  #widen(): void {
    this.#slots = new Uint32Array(this.#slots.length * 2);
    for (let index = 0; index < this.size; index += 1) this.#slots[this.#slot(this.high(index), this.low(index))] = index + 1;
  }
}

function doubled(values: Uint32Array<ArrayBuffer>): Uint32Array<ArrayBuffer> {
  const wider = new Uint32Array(values.length * 2);
  wider.set(values);
  return wider;
}

/** Returns the digits of an identifier. */
export const idText = (high: number, low: number): string => (high === 0 ? String(low) : `${high}${String(low).padStart(9, '0')}`);
