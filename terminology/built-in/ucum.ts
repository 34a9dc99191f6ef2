import { createRequire } from 'node:module';
import type { UcumUnit } from '@lhncbc/ucum-lhc';
import type { Designation, Filter } from '../provider.ts';
import type { Composed, Grammar } from './composed.ts';

const UCUM = 'http://unitsofmeasure.org';
/** No unit in use is nearly as long; parsing takes longer than its length. */
const LONGEST_UNIT = 200;

type Units = typeof import('@lhncbc/ucum-lhc');
let library: Units | undefined;

/** Returns the library, with its tables; it is read when a unit is first asked for, since that takes as long as the rest of a command's start. */
function unitLibrary(): Units {
  if (library !== undefined) return library;
  const read: Units = createRequire(import.meta.url)('@lhncbc/ucum-lhc');
  read.UcumLhcUtils.getInstance();
  library = read;
  return read;
}

/** Base units by the property that they measure (https://ucum.org/ucum#section-Base-Units). */
const BASE_UNITS: Readonly<Record<string, string>> = {
  length: 'm',
  time: 's',
  mass: 'g',
  'plane angle': 'rad',
  temperature: 'K',
  'electric charge': 'C',
  'luminous intensity': 'cd',
};
const BASE_ORDER = ['m', 's', 'g', 'rad', 'K', 'C', 'cd'];

/**
 * The Unified Code for Units of Measure with its full grammar (https://terminology.hl7.org/UCUM.html), by the library of the Lister Hill
 * center. UCUM defines no displays, so the code stands for itself and any display is right; it defines no subsumption. Filters: `canonical`
 * (= and in) takes what is comparable with a unit, `property` (=) what is comparable with the base unit of that property.
 */
export function ucum(): Grammar {
  let listed: readonly string[] | undefined;
  return {
    url: UCUM,
    // The library does not say which UCUM its tables were made from.
    version: undefined,
    name: 'UCUM',
    title: 'Unified Code for Units of Measure',
    language: undefined,
    caseSensitive: true,
    properties: [
      {
        code: 'canonical',
        description: 'The base units that the unit is made of: units of one canonical form are comparable',
        type: 'string',
      },
      { code: 'magnitude', description: 'How many of its canonical form the unit is', type: 'decimal' },
    ],
    filters: [
      { code: 'canonical', op: ['=', 'in'] },
      { code: 'property', op: ['='] },
    ],
    get listed() {
      listed ??= commonUnits();
      return listed;
    },
    freeDisplay: true,
    noSubsumption: 'UCUM defines no subsumption between units',
    read,
    implicit: implicitFilters,
    filter: filterOf,
  };
}

/** Units that laboratories and the base tables of UCUM name: what a list of units shows. */
function commonUnits(): readonly string[] {
  const codes = new Set(
    unitLibrary()
      .UnitTables.getInstance()
      .allUnitsByDef()
      .map(({ csCode_ }) => csCode_),
  );
  return [...codes].filter((code) => unitOf(code) !== undefined);
}

function unitOf(code: string): UcumUnit | undefined {
  // Only ASCII that can be seen is UCUM, and the library reads a code of digits alone as a number with a magnitude of its own.
  if (code === '' || code.length > LONGEST_UNIT || !/^[!-~]+$/.test(code)) return undefined;
  const { unit, retMsg, origString } = unitLibrary().UcumLhcUtils.getInstance().getSpecifiedUnit(code, 'validate');
  // With a message the library has read something else than what was written.
  return unit === null || retMsg.length > 0 || origString !== code ? undefined : unit;
}

function read(code: string): Composed | undefined {
  const unit = unitOf(code);
  if (unit === undefined) return undefined;
  // Names of bare numbers are numbers.
  const names = [String(unit.name_), String(unit.printSymbol_ ?? '')].map(plain).filter((each) => each !== '' && each !== code);
  return {
    code,
    display: code,
    designations: [...new Set(names)].map((value): Designation => ({ language: 'en', value })),
    properties: [
      { code: 'canonical', type: 'String', value: canonicalForm(unit, code) },
      ...(unit.isSpecial_ || unit.isArbitrary_ || !Number.isFinite(unit.magnitude_)
        ? []
        : [{ code: 'magnitude', type: 'Decimal' as const, value: unit.magnitude_ }]),
    ],
  };
}

/** The library marks exponents and indices in names as HTML. */
const plain = (name: string): string => name.replace(/<su([pb])>(.*?)<\/su\1>/g, (_all, kind, text) => (kind === 'p' ? `^${text}` : text));

/**
 * The product of base units, as UCUM writes it (g.m-3; 1 without any), and of arbitrary units, which are comparable with nothing but themselves
 * (https://ucum.org/ucum#section-Arbitrary-Units).
 */
function canonicalForm(unit: UcumUnit, code: string): string {
  const vector = unit.dim_?.dimVec_ ?? [];
  const factors = BASE_ORDER.flatMap((base, i) => factor(base, vector[i] ?? 0));
  const arbitrary = [...arbitraryUnits(code)].sort(([a], [b]) => (a < b ? -1 : 1)).flatMap(([atom, exponent]) => factor(atom, exponent));
  const all = [...factors, ...arbitrary];
  return all.length === 0 ? '1' : all.join('.');
}

const factor = (atom: string, exponent: number): readonly string[] =>
  exponent === 0 ? [] : [`${atom}${exponent === 1 ? '' : String(exponent)}`];

/** Exponents of the arbitrary units in a code, whose brackets the library has checked. */
function arbitraryUnits(code: string): ReadonlyMap<string, number> {
  const found = new Map<string, number>();
  const open: number[] = [1];
  let sign = 1;
  for (const [token] of code.matchAll(/\{[^}]*\}|[()./]|(?:[^\s(){}./[\]]|\[[^\]]*\])+/g)) {
    const outer = open.at(-1) ?? 1;
    if (token === '(') {
      open.push(outer * sign);
      sign = 1;
    } else if (token === ')') {
      open.pop();
      sign = 1;
    } else if (token === '/') sign = -1;
    else if (token === '.') sign = 1;
    else if (!token.startsWith('{')) {
      const [, atom = '', power = ''] = /^(.*?[^\d+-])([+-]?\d+)?$/.exec(token) ?? [];
      const name = arbitraryName(atom);
      if (name !== undefined) found.set(name, (found.get(name) ?? 0) + outer * sign * (power === '' ? 1 : Number(power)));
    }
  }
  return found;
}

/** The arbitrary unit that an atom with or without a prefix is of: m[iU] is of [iU]. */
function arbitraryName(atom: string): string | undefined {
  const bracket = atom.indexOf('[');
  for (const name of [...(bracket > 0 ? [atom.slice(bracket)] : []), atom]) {
    if (unitOf(name)?.isArbitrary_ === true) return name === '[IU]' ? '[iU]' : name;
  }
  return undefined;
}

/** All units, or those that are comparable with one (http://hl7.org/fhir/R4/ucum.html#implicit: /vs and /vs/UNIT). */
function implicitFilters(url: string): readonly Filter[] | undefined {
  if (url === `${UCUM}/vs`) return [];
  const unit = url.startsWith(`${UCUM}/vs/`) ? url.slice(`${UCUM}/vs/`.length) : '';
  return unit === '' ? undefined : [{ property: 'canonical', op: '=', value: unit }];
}

const canonicalOf = (code: string): string | undefined => {
  const unit = unitOf(code);
  return unit === undefined ? undefined : canonicalForm(unit, code);
};

function filterOf({ property, op, value }: Filter): ReturnType<Grammar['filter']> {
  if (property === 'canonical' && (op === '=' || op === 'in')) {
    const units = (op === 'in' ? value.split(',') : [value]).map((each) => each.trim());
    const wrong = units.find((each) => unitOf(each) === undefined);
    if (wrong !== undefined) return { refusal: 'invalid', reason: `${wrong} is not a unit of UCUM` };
    const forms = new Set(units.map(canonicalOf));
    return ({ code }) => forms.has(canonicalOf(code));
  }
  if (property === 'property' && op === '=') {
    const base = Object.hasOwn(BASE_UNITS, value) ? BASE_UNITS[value] : undefined;
    if (base === undefined) return { refusal: 'invalid', reason: `${value} is none of: ${Object.keys(BASE_UNITS).join(', ')}` };
    return ({ code }) => canonicalOf(code) === base;
  }
  return { refusal: 'not-supported', reason: 'the filters of UCUM are canonical (= and in) and property (=)' };
}
