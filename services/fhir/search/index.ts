import { rangeOf, type TimeRange } from '../dates.ts';
import { isArray, isObject } from '../format/json.ts';
import { hasherAfter } from '../hash.ts';
import { compileParameter, type ParameterText, parameterSet, parametersOf, type Slot, slotsOf } from '../parameters.ts';
import { mapReferences } from '../references.ts';
import type { JsonValue, Resource } from '../resource.ts';
import { ENTRY } from './expression.ts';
import type { IndexRows } from './query.ts';
import {
  canonicalQuantity,
  type IndexOptions,
  isOtherTarget,
  localReference,
  numbersOf,
  quantityOf,
  referenceOf,
  type TokenValue,
  tokensOf,
  type ValueAt,
  valuesOf,
} from './values.ts';

export { type IndexOptions, localReference } from './values.ts';

/** Counts the forms of the index: what was written under another number is indexed again (database/reindex.ts). */
export const INDEX_FORM = 2;

/** Characters of a normalised string that the index keeps; longer ones are compared in full afterwards. */
export const STRING_LENGTH = 128;

/** Returns a text as string search compares it: without case and accents, runs of space as one (search.html#string). */
export const normalise = (text: string): string =>
  text
    .normalize('NFKD')
    .replace(/\p{M}+/gu, '')
    .toLowerCase()
    .replace(/\s+/gu, ' ')
    .trim();

/** Returns a normalised text as the index keeps it: its first STRING_LENGTH characters, never half of a surrogate pair. */
export const indexed = (norm: string): string => norm.slice(0, STRING_LENGTH).replace(/[\ud800-\udbff]$/, '');

/** Forms of a code in the index: of any system; of its system ('' for none); of any code of a system. No two have the same text. */
export const FORM = {
  code: (code: string): string => `c${code}`,
  full: (system: string, code: string): string => `s${system}\n${code}`,
  system: (system: string): string => `y${system}`,
} as const;

/** Before a form of the identifier of a Reference. */
export const IDENTIFIED = 'i';

function tokenForms({ system, code }: TokenValue): readonly string[] {
  if (code === '') return system === '' ? [] : [FORM.system(system)];
  return system === '' ? [FORM.code(code), FORM.full('', code)] : [FORM.code(code), FORM.full(system, code), FORM.system(system)];
}

/** Hashes references in elements that no search parameter looks at: they are found before a deletion only. */
export const REFERENCE_ELSEWHERE = hasherAfter('?_reference=');

const LOCAL = /^[A-Za-z]+\/[A-Za-z0-9.-]{1,64}$/;

function addReferencesElsewhere(resource: Resource, seen: ReadonlySet<string>, options: IndexOptions, tokens: Set<bigint>): void {
  mapReferences(resource, (reference) => {
    const local = localReference(reference.includes('#') ? reference.replace(/#.*$/, '') : reference, options.base);
    if (!seen.has(local) && LOCAL.test(local)) tokens.add(REFERENCE_ELSEWHERE(local));
    return reference;
  });
}

function referenceForms(value: JsonValue, options: IndexOptions): readonly string[] {
  const reference = referenceOf(value, options);
  const identifier = isObject(value) && isObject(value['identifier']) ? value['identifier'] : undefined;
  const text = (name: string): string => {
    const found = identifier?.[name];
    return typeof found === 'string' ? found : '';
  };
  const identified =
    identifier === undefined ? [] : tokenForms({ system: text('system'), code: text('value') }).map((form) => IDENTIFIED + form);
  if (reference === '') return identified;
  const bar = reference.indexOf('|');
  return bar > 0 ? [reference, reference.slice(0, bar), ...identified] : [reference, ...identified];
}

/** Rows as they are gathered; equal ones are one. */
class Rows {
  readonly tokens = new Set<bigint>();
  readonly strings = new Map<string, { readonly p: number; readonly norm: string }>();
  readonly dates = new Map<string, TimeRange & { readonly p: number }>();
  readonly numbers = new Map<string, { readonly p: number; readonly lo: number; readonly hi: number }>();
  readonly quantities = new Map<string, { readonly p: number; readonly unit: string; readonly lo: number; readonly hi: number }>();
  readonly references = new Set<string>();

  string(p: number, norm: string): void {
    if (norm !== '') this.strings.set(`${p} ${norm}`, { p, norm });
  }

  quantity(p: number, unit: string, lo: number, hi: number): void {
    this.quantities.set(`${p} ${unit} ${lo} ${hi}`, { p, unit, lo, hi });
  }

  add({ kind, p, hash, plain }: Slot, { value, path }: ValueAt, options: IndexOptions): void {
    switch (kind) {
      case 'token':
        for (const each of tokensOf(value, path))
          for (const form of plain ? (each.code === '' ? [] : [FORM.code(each.code)]) : tokenForms(each)) this.tokens.add(hash(form));
        break;
      case 'reference':
        for (const form of referenceForms(value, options)) {
          this.tokens.add(hash(form));
          if (path.datatype !== ENTRY) this.references.add(form);
        }
        break;
      case 'string':
        if (typeof value === 'string') this.string(p, indexed(normalise(value)));
        break;
      case 'uri':
        if (typeof value === 'string') this.string(p, indexed(value));
        break;
      case 'date': {
        const range = rangeOf(value, path.datatype);
        if (range !== undefined) this.dates.set(`${p} ${range.lo} ${range.hi}`, { p, ...range });
        break;
      }
      case 'number': {
        const range = numbersOf(value, path);
        if (range !== undefined) this.numbers.set(`${p} ${range.lo} ${range.hi}`, { p, ...range });
        break;
      }
      case 'quantity': {
        const found = quantityOf(value, path);
        if (found === undefined) break;
        const { unit, lo, hi } = canonicalQuantity(found);
        this.quantity(p, '', found.lo, found.hi);
        if (unit !== '|') this.quantity(p, unit, lo, hi);
      }
    }
  }
}

const hasValue = (value: JsonValue): boolean => (isArray(value) ? value.length > 0 : value !== '');

/** Returns the numbers of the parameters that a resource has a value for; `values`: those of its slots. */
function presentOf(resource: Resource, values: ReadonlyMap<Slot, readonly ValueAt[]>, options: IndexOptions): readonly number[] {
  const present: number[] = [];
  const { resourceType: type } = resource;
  for (const { p, uses, composite } of parametersOf(type)) {
    const has =
      composite === undefined
        ? uses.some(({ slot, target }) =>
            (values.get(slot) ?? []).some(
              ({ value }) => hasValue(value) && !(target !== undefined && isOtherTarget(value, referenceOf(value, options), target)),
            ),
          )
        : composite.components.every(({ parameter }) => present.includes(parameter.p));
    if (has) present.push(p);
  }
  return present.sort((a, b) => a - b);
}

/**
 * Returns the rows of the search index for a resource: every slot of its type that it has a value for. _id and _lastUpdated are columns
 * of the resource itself. References that no parameter looks at are there too, under one name. Values that cannot be read as their
 * datatype make no row: validation reports them.
 */
export function indexRows(resource: Resource, options: IndexOptions = {}): IndexRows {
  const rows = new Rows();
  const values = new Map<Slot, readonly ValueAt[]>();
  for (const slot of slotsOf(resource.resourceType)) {
    const found = valuesOf(resource, slot);
    if (found.length === 0) continue;
    values.set(slot, found);
    for (const each of found) rows.add(slot, each, options);
  }
  addReferencesElsewhere(resource, rows.references, options, rows.tokens);
  return {
    tokens: [...rows.tokens],
    strings: [...rows.strings.values()],
    dates: [...rows.dates.values()],
    numbers: [...rows.numbers.values()],
    quantities: [...rows.quantities.values()],
    present: presentOf(resource, values, options),
    set: parameterSet(),
  };
}

/** Returns the tokens that a resource has by a parameter which is gone, and by no parameter that there is. */
export function tokensOnlyOf(resource: Resource, parameter: ParameterText, options: IndexOptions = {}): readonly bigint[] {
  const compiled = compileParameter(resource.resourceType, parameter, new Map());
  if (typeof compiled === 'string') return [];
  const kept = new Set(slotsOf(resource.resourceType).map(({ key }) => key));
  const rows = new Rows();
  for (const { slot } of compiled.uses) if (!kept.has(slot.key)) for (const each of valuesOf(resource, slot)) rows.add(slot, each, options);
  return [...rows.tokens];
}
