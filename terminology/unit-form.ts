/**
 * One form for all spellings of the same unit: powers of ten gathered, litre as L, enzyme unit as U, factors sorted. `meq/L` and OMOP's
 * `10*-3.eq/L` get the same form, `U/L` and `[U]/L`, `g/L` and `mg/mL`.
 *
 * Why not the canonical form of the UCUM library: it reduces every unit to seven base dimensions, and there meq/L equals mmol/L, mg/g
 * equals mmol/mol and /[HPF] equals 1, which laboratories keep apart. It is the oracle of the tests: units of one form here are equal there.
 *
 * `near` leaves prefixes below the line alone: 10^3/uL is near 10*3/uL and only equal to 10*9/L. Undefined for what is not built like UCUM.
 */
export function unitForm(code: string, near = false): string | undefined {
  const reader = new UnitReader(code, near);
  const found = reader.expression();
  if (found === undefined || !reader.done) return undefined;
  const factors = [...found.atoms].filter(([, exponent]) => exponent !== 0).map(([atom, exponent]) => `${atom}^${exponent}`);
  return `10^${found.tens} ${found.number} ${factors.sort().join(' ')}`;
}

interface Product {
  tens: number;
  number: number;
  readonly atoms: Map<string, number>;
}

/** Units of UCUM that take a prefix, beside those in square brackets (tables 2, 4-6 of https://ucum.org/ucum). */
const METRIC = new Set(
  'm s g rad K C cd mol sr Hz N Pa J W A V F Ohm S Wb H lm lx Bq Gy Sv L ar t bar u eV pc eq osm kat U cal kat dyn erg G Mx P St Ci R Np B'.split(
    ' ',
  ),
);
const METRIC_BRACKETED = new Set(['m[Hg]', 'm[H2O]', '[iU]', '[U]', '[Cal]']);
const PREFIX: Readonly<Record<string, number>> = {
  k: 3,
  h: 2,
  da: 1,
  d: -1,
  c: -2,
  m: -3,
  u: -6,
  n: -9,
  p: -12,
  f: -15,
  M: 6,
  G: 9,
  T: 12,
};
const SAME: Readonly<Record<string, string>> = { l: 'L', '[U]': 'U', '[IU]': '[iU]' };
/** Not prefix + unit although they look so. */
const WORDS = new Set(['cd', 'min', 'mo', 'pH', 'ph', 'Pa', 'ha', 'mho', 'dB', 'att', 'Da', 'Cel', 'Gb', 'Ms', 'ft']);

class UnitReader {
  readonly #code: string;
  readonly #near: boolean;
  #at = 0;
  constructor(code: string, near: boolean) {
    this.#code = code;
    this.#near = near;
  }

  get done(): boolean {
    return this.#at === this.#code.length;
  }

  /** term (('.' | '/') term)*, with an optional leading '/'. */
  expression(side = 1): Product | undefined {
    const all: Product = { tens: 0, number: 1, atoms: new Map() };
    let sign = 1;
    if (this.#code[this.#at] === '/') {
      sign = -1;
      this.#at += 1;
    }
    for (;;) {
      const term = this.#code[this.#at] === '(' ? this.#group(sign * side) : this.#component(sign * side);
      if (term === undefined) return undefined;
      multiply(all, term, sign);
      const operator = this.#code[this.#at];
      if (operator !== '.' && operator !== '/') return all;
      sign = operator === '/' ? -1 : 1;
      this.#at += 1;
    }
  }

  #group(side: number): Product | undefined {
    this.#at += 1;
    const inside = this.expression(side);
    if (inside === undefined || this.#code[this.#at] !== ')') return undefined;
    this.#at += 1;
    return inside;
  }

  /** A number, a power of ten or an atom with an exponent, each with annotations. */
  #component(side: number): Product | undefined {
    const rest = this.#code.slice(this.#at);
    const match =
      /^(10[*^](?<tens>[-+]?\d+)|(?<number>[1-9]\d*)|(?<atom>(?:[A-Za-z%'"_]|\[[^\]]*\])+)(?<exponent>[-+]?\d+)?)?(?<notes>(?:\{[^}]*\})*)/.exec(
        rest,
      );
    if (match === null || match[0] === '') return undefined;
    this.#at += match[0].length;
    const product: Product = { tens: 0, number: 1, atoms: new Map() };
    const { tens, number, atom, exponent, notes } = match.groups ?? {};
    if (tens !== undefined) product.tens = Number(tens);
    if (number !== undefined) product.number = Number(number);
    if (number !== undefined && Number(number) > 1e9) return undefined;
    if (atom !== undefined) addAtom(product, atom, Number(exponent ?? 1), this.#near && side * Number(exponent ?? 1) < 0);
    for (const note of notes?.match(/\{[^}]*\}/g) ?? []) product.atoms.set(note, (product.atoms.get(note) ?? 0) + 1);
    return product;
  }
}

function addAtom(product: Product, written: string, exponent: number, keepPrefix: boolean): void {
  const atom = SAME[written] ?? written;
  const split = /^(da|[khdcmunpfMGT])(.+)$/.exec(written);
  const [, prefix = '', rest = ''] = split ?? [];
  const unit = SAME[rest] ?? rest;
  const power = PREFIX[prefix];
  if (
    power !== undefined &&
    !WORDS.has(written) &&
    !METRIC_BRACKETED.has(written) &&
    (METRIC.has(unit) || METRIC_BRACKETED.has(rest) || unit === '[iU]')
  ) {
    if (!keepPrefix) product.tens += power * exponent;
    product.atoms.set(keepPrefix ? prefix + unit : unit, exponent);
  } else product.atoms.set(atom, exponent);
}

function multiply(all: Product, term: Product, sign: number): void {
  all.tens += term.tens * sign;
  all.number *= term.number ** sign;
  for (const [atom, exponent] of term.atoms) all.atoms.set(atom, (all.atoms.get(atom) ?? 0) + exponent * sign);
}

/** Words in braces that only say what is counted; a unit with one of them is the unit without, where something else is left. */
const COUNTED = /\{(?:beats?|breaths?|resp|respirations|pulse|cells?|counts?|events?|#)\}/g;

/** Returns `code` without annotations that name only what is counted ({beats}/min -> /min); undefined when there is none or nothing is left. */
export function withoutCounted(code: string): string | undefined {
  const bare = code.replaceAll(COUNTED, '');
  return bare === code || !/[A-Za-z%[]|10\*/.test(bare) ? undefined : bare;
}
