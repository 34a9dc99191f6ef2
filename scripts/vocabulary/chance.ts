/** Repeatable chance: the same seed makes the same release. */
export class Chance {
  #state: number;
  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** A number from 0 up to, not including, 1 (mulberry32). */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let value = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    value = (value + Math.imul(value ^ (value >>> 7), 61 | value)) ^ value;
    return ((value ^ (value >>> 14)) >>> 0) / 4_294_967_296;
  }

  below(count: number): number {
    return Math.floor(this.next() * count);
  }

  /** Low numbers more often than high ones. */
  skewed(count: number, power = 2): number {
    return Math.floor(this.next() ** power * count);
  }

  is(share: number): boolean {
    return this.next() < share;
  }

  one<T>(values: readonly T[], fallback: T): T {
    return values[this.below(values.length)] ?? fallback;
  }

  uuid(): string {
    const part = (): string =>
      Math.floor(this.next() * 4_294_967_296)
        .toString(16)
        .padStart(8, '0');
    const [a, b, c, d] = [part(), part(), part(), part()];
    return `${a}-${b.slice(0, 4)}-4${b.slice(5)}-8${c.slice(1, 4)}-${c.slice(4)}${d}`;
  }
}

const SYLLABLES =
  'ba be bi bo ca ce co cu da de di do fa fe fi fo ga ge gi la le li lo ma me mi mo na ne ni no pa pe pi po ra re ri ro sa se si so ta te ti to va ve vi za'.split(
    ' ',
  );
const COMMON =
  'of left right acute chronic disorder structure procedure pain benign malignant neoplasm injury product tablet oral injection finding upper lower heart lung kidney liver fracture infection due to with by and the primary secondary open closed congenital'.split(
    ' ',
  );
const ENDINGS = ['itis', 'osis', 'oma', 'ectomy', 'algia', 'ol', 'in', 'al', 'ic', 'é'];

/** Invented words, some of them very frequent, as in medical terms. */
export class Words {
  readonly #words: readonly string[];
  readonly #chance: Chance;
  constructor(chance: Chance, count: number) {
    this.#chance = chance;
    const made = Array.from({ length: count }, () => {
      const length = 2 + chance.below(3);
      return Array.from({ length }, () => chance.one(SYLLABLES, 'ba')).join('') + (chance.is(0.4) ? chance.one(ENDINGS, 'al') : '');
    });
    this.#words = [...COMMON, ...made];
  }

  /** A term of two to six words, the first one with a capital letter. */
  term(): string {
    const count = 2 + this.#chance.skewed(5, 1.5);
    let term = '';
    for (let i = 0; i < count; i++) term += `${i === 0 ? '' : ' '}${this.#words[this.#chance.skewed(this.#words.length, 3)]}`;
    return term.charAt(0).toUpperCase() + term.slice(1);
  }
}
