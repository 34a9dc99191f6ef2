/**
 * Answers to texts that come again and again (codes, ranges, namespaces). Bounded, and free of the messages that the texts were cut
 * from: a part of a string keeps the whole of it in memory, so what is kept is a copy.
 */
export class Remembered<T> {
  readonly #known = new Map<string, T>();
  readonly #most: number;
  readonly #longest: number;

  /** At most `most` answers, to texts of at most `longest` characters; when there are more all are forgotten. */
  constructor(most: number, longest: number) {
    this.#most = most;
    this.#longest = longest;
  }

  /** Returns what `make` gives for `key`, asked once. */
  get(key: string, make: (key: string) => T): T {
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const made = make(key);
    if (key.length > this.#longest) return made;
    if (this.#known.size >= this.#most) this.#known.clear();
    this.#known.set(copyOf(key), made);
    return made;
  }
}

/** Returns the text in memory of its own. */
const copyOf = (text: string): string => ` ${text}`.slice(1);
