/**
 * Units as quantity search compares them (http://hl7.org/fhir/R4/search.html#quantity): a UCUM code (https://ucum.org/ucum) to the
 * product of base units it is and a factor, where every atom of it is known here; other codes are compared as they were sent.
 * Moles, equivalents, international units and annotations stay units of their own: laboratories keep them apart.
 */

export interface CanonicalUnit {
  /** 'g.m-3'; '1' for a plain number. */
  readonly unit: string;
  readonly factor: number;
}

const PREFIXES: Readonly<Record<string, number>> = {
  Y: 1e24,
  Z: 1e21,
  E: 1e18,
  P: 1e15,
  T: 1e12,
  G: 1e9,
  M: 1e6,
  k: 1e3,
  h: 1e2,
  da: 10,
  d: 0.1,
  c: 1e-2,
  m: 1e-3,
  u: 1e-6,
  n: 1e-9,
  p: 1e-12,
  f: 1e-15,
  a: 1e-18,
};

type Atom = readonly [factor: number, units: string];

/** Units that take a prefix: their value in base units. */
const METRIC: Readonly<Record<string, Atom>> = {
  m: [1, 'm'],
  s: [1, 's'],
  g: [1, 'g'],
  K: [1, 'K'],
  C: [1, 'C'],
  cd: [1, 'cd'],
  rad: [1, 'rad'],
  mol: [1, 'mol'],
  eq: [1, 'eq'],
  osm: [1, 'osm'],
  L: [1e-3, 'm3'],
  l: [1e-3, 'm3'],
  Hz: [1, 's-1'],
  N: [1e3, 'g.m.s-2'],
  Pa: [1e3, 'g.m-1.s-2'],
  J: [1e3, 'g.m2.s-2'],
  W: [1e3, 'g.m2.s-3'],
  A: [1, 'C.s-1'],
  V: [1e3, 'g.m2.s-2.C-1'],
  Ohm: [1e3, 'g.m2.s-1.C-2'],
  F: [1e-3, 'C2.s2.g-1.m-2'],
  S: [1e-3, 'C2.s.g-1.m-2'],
  T: [1e3, 'g.s-1.C-1'],
  Wb: [1e3, 'g.m2.s-1.C-1'],
  bar: [1e8, 'g.m-1.s-2'],
  t: [1e6, 'g'],
  cal: [4184, 'g.m2.s-2'],
  dyn: [1e-2, 'g.m.s-2'],
  kat: [1, 'mol.s-1'],
  U: [1e-6 / 60, 'mol.s-1'],
  Bq: [1, 's-1'],
  Gy: [1, 'm2.s-2'],
  Sv: [1, 'm2.s-2'],
  lm: [1, 'cd.sr'],
  lx: [1, 'cd.sr.m-2'],
  sr: [1, 'sr'],
  'm[Hg]': [133_322_387.415, 'g.m-1.s-2'],
  'm[H2O]': [9_806_650, 'g.m-1.s-2'],
  '[iU]': [1, '[iU]'],
  '[IU]': [1, '[iU]'],
  '[U]': [1e-6 / 60, 'mol.s-1'],
  '[Cal]': [4_184_000, 'g.m2.s-2'],
};

/** Units that take none. */
const OTHERS: Readonly<Record<string, Atom>> = {
  '%': [1e-2, ''],
  '[ppth]': [1e-3, ''],
  '[ppm]': [1e-6, ''],
  '[ppb]': [1e-9, ''],
  min: [60, 's'],
  h: [3600, 's'],
  d: [86_400, 's'],
  wk: [604_800, 's'],
  mo: [2_629_800, 's'],
  a: [31_557_600, 's'],
  deg: [Math.PI / 180, 'rad'],
  atm: [101_325_000, 'g.m-1.s-2'],
  Cel: [1, 'Cel'],
  '[degF]': [1, '[degF]'],
  '[pH]': [1, '[pH]'],
  '[in_i]': [0.0254, 'm'],
  '[ft_i]': [0.3048, 'm'],
  '[yd_i]': [0.9144, 'm'],
  '[mi_i]': [1609.344, 'm'],
  '[lb_av]': [453.59237, 'g'],
  '[oz_av]': [28.349523125, 'g'],
  '[stone_av]': [6350.29318, 'g'],
  '[gr]': [0.06479891, 'g'],
  '[gal_us]': [3.785411784e-3, 'm3'],
  '[qt_us]': [9.46352946e-4, 'm3'],
  '[pt_us]': [4.73176473e-4, 'm3'],
  '[foz_us]': [2.95735295625e-5, 'm3'],
  '[tbs_us]': [1.478676478125e-5, 'm3'],
  '[tsp_us]': [4.92892159375e-6, 'm3'],
  '[cup_us]': [2.365882365e-4, 'm3'],
  '[drp]': [5e-8, 'm3'],
};

interface Product {
  factor: number;
  readonly powers: Map<string, number>;
}

function atomOf(text: string): Atom | undefined {
  const plain = OTHERS[text] ?? METRIC[text];
  if (plain !== undefined) return plain;
  const [, prefix = '', rest = ''] = /^(da|[YZEPTGMkhdcmunpfa])(.+)$/.exec(text) ?? [];
  const [power, atom] = [PREFIXES[prefix], METRIC[rest]];
  return power === undefined || atom === undefined ? undefined : [power * atom[0], atom[1]];
}

function multiply(product: Product, [factor, units]: Atom, exponent: number): void {
  product.factor *= factor ** exponent;
  for (const each of units === '' ? [] : units.split('.')) {
    const [, name = '', power = '1'] = /^(.*?)(-?\d+)?$/.exec(each) ?? [];
    product.powers.set(name, (product.powers.get(name) ?? 0) + Number(power) * exponent);
  }
}

const TERM = /^(?:10[*^]([-+]?\d{1,3})|([1-9]\d{0,8})|((?:[A-Za-z%]|\[[^\]]*\])+)([-+]?\d)?)?((?:\{[^}]*\})*)/;

function productOf(code: string): Product | undefined {
  const product: Product = { factor: 1, powers: new Map() };
  let rest = code.startsWith('/') ? code : `.${code}`;
  while (rest !== '') {
    const sign = rest[0] === '/' ? -1 : rest[0] === '.' ? 1 : 0;
    const found = TERM.exec(rest.slice(1));
    if (sign === 0 || found === null || found[0] === '') return undefined;
    const [all, tens, number, atom, exponent, notes = ''] = found;
    rest = rest.slice(1 + all.length);
    const known: Atom | undefined =
      tens !== undefined
        ? [10 ** Number(tens), '']
        : number !== undefined
          ? [Number(number), '']
          : atom === undefined
            ? [1, '']
            : atomOf(atom);
    if (known === undefined) return undefined;
    multiply(product, known, sign * Number(exponent ?? 1));
    for (const note of notes.match(/\{[^}]*\}/g) ?? []) product.powers.set(note, (product.powers.get(note) ?? 0) + sign);
  }
  return product;
}

const known = new Map<string, CanonicalUnit | undefined>();
const MOST_KNOWN = 10_000;

/** Returns the canonical unit of a UCUM code; undefined where an atom of it is not known: the code is then compared as it is. */
export function canonicalUnit(code: string): CanonicalUnit | undefined {
  if (known.has(code)) return known.get(code);
  const product = code.length > 60 ? undefined : productOf(code);
  const powers = [...(product?.powers ?? [])].filter(([, power]) => power !== 0).sort(([a], [b]) => (a < b ? -1 : 1));
  const unit = powers.map(([name, power]) => (power === 1 ? name : `${name}${power}`)).join('.');
  const found = product === undefined ? undefined : { unit: unit === '' ? '1' : unit, factor: product.factor };
  if (known.size >= MOST_KNOWN) known.clear();
  known.set(code, found);
  return found;
}

/** Twelve digits, so that 5 mg/dL and 0.05 g/L are the same number. */
export const inUnit = (value: number, factor: number): number =>
  Number.isFinite(value) ? Number((value * factor).toPrecision(12)) : value;
