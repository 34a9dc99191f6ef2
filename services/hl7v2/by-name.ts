const FEW = 8;

/** Things by their name: most groups hold one or two kinds, which are found by looking; a Map for each group would be dearer than all that is in it. */
export class ByName<T> {
  #names: string[] | undefined;
  #lists: T[][] | undefined;
  #many: Map<string, T[]> | undefined;

  /** Returns those of a name in order; undefined when there are none. */
  get(name: string): readonly T[] | undefined {
    return this.#listOf(name);
  }

  #listOf(name: string): T[] | undefined {
    if (this.#many !== undefined) return this.#many.get(name);
    const at = this.#names?.indexOf(name) ?? -1;
    return at < 0 ? undefined : this.#lists?.[at];
  }

  add(name: string, each: T): void {
    const same = this.#listOf(name);
    if (same !== undefined) same.push(each);
    else if (this.#many !== undefined) this.#many.set(name, [each]);
    else {
      this.#names ??= [];
      this.#lists ??= [];
      this.#names.push(name);
      const lists = this.#lists;
      lists.push([each]);
      if (lists.length > FEW) this.#many = new Map(this.#names.map((known, i) => [known, lists[i] ?? []]));
    }
  }
}
