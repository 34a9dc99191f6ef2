/**
 * Random _filter expressions (http://hl7.org/fhir/R4/search_filter.html), each with a test of its own; like the rest of the naive reader it shares
 * nothing with the product.
 */
import {
  at,
  type Chance,
  CODES,
  type Condition,
  DATES,
  IDS,
  type Json,
  NUMBERS,
  one,
  plain,
  span,
  spanOf,
  UCUM,
  UNITS,
  URIS,
  WORDS,
} from './naive-resources.ts';
import { SYSTEM, type Test, termAsked } from './naive-terms.ts';
import { type Coded, DATED, hasQuantity, local, onDate, onNumber, QUANTITIES, REFERENCES, STRINGS } from './naive-values.ts';

const quoted = (text: string): string => `"${text.replace(/["\\]/g, '\\$&')}"`;

/** A filter has no way to write a code with a bar in it. */
const ASKABLE = CODES.filter((each) => !each.includes('|'));

/** One comparison of a filter. */
type Leaf = { readonly text: string; readonly test: Condition['test'] };

const some =
  <T>(get: (resource: Json) => readonly unknown[], test: Test<T>): Condition['test'] =>
  (resource) =>
    get(resource).some((value) => test(value as T));

/** Elements whose codes a token sees together: `ne` asks for one that has another. */
const ELEMENTS: Readonly<Record<string, Readonly<Record<string, (resource: Json) => readonly Coded[][]>>>> = {
  Observation: {
    code: (r) => at(r, 'code').map((each) => at(each, 'coding') as Coded[]),
    category: (r) => at(r, 'category').map((each) => at(each, 'coding') as Coded[]),
    'value-concept': (r) => at(r, 'valueCodeableConcept').map((each) => at(each, 'coding') as Coded[]),
    status: (r) => at(r, 'status').map((code) => [{ code: String(code) }]),
  },
  Patient: { gender: (r) => at(r, 'gender').map((code) => [{ code: String(code) }]) },
};

function tokenLeaf(chance: Chance, type: string, name: string): Leaf {
  const elements = ELEMENTS[type]?.[name] ?? (() => []);
  const isBound = name === 'status' || name === 'gender';
  if (!isBound && chance() < 0.4) {
    const [operator, way] = one(chance, [
      ['in', 'in'],
      ['ni', 'in'],
      ['ss', 'below'],
      ['sb', 'above'],
    ] as const);
    const asked = termAsked(chance, way, (code) => `${SYSTEM}|${code}`, ASKABLE);
    const found = (resource: Json): boolean => elements(resource).some((codings) => codings.some(asked.test));
    return { text: `${name} ${operator} ${quoted(asked.text)}`, test: (resource) => found(resource) !== (operator === 'ni') };
  }
  const code = one(chance, isBound ? ['final', 'male', 'female', 'amended'] : ASKABLE);
  const system = isBound ? undefined : one(chance, [undefined, SYSTEM]);
  const is = (coded: Coded): boolean => coded.code === code && (system === undefined || coded.system === system);
  const operator = one(chance, ['eq', 'eq', 'ne']);
  const text = `${name} ${operator} ${quoted(`${system === undefined ? '' : `${system}|`}${code}`)}`;
  return { text, test: (resource) => elements(resource).some((codings) => codings.some(is) === (operator === 'eq')) };
}

function stringLeaf(chance: Chance, name: string, get: (resource: Json) => readonly unknown[]): Leaf {
  const word = plain(one(chance, WORDS));
  const operator = one(chance, ['eq', 'ne', 'co', 'sw', 'ew', 'pr']);
  if (operator === 'pr') {
    const wanted = chance() < 0.5;
    return { text: `${name} pr ${wanted}`, test: (resource) => get(resource).length > 0 === wanted };
  }
  const part = { co: word.slice(1, 4), sw: word.slice(0, 3), ew: word.slice(-3) }[operator] ?? word;
  const asked = plain(part);
  const holds = (value: string): boolean =>
    ({ eq: value === asked, ne: value !== asked, co: value.includes(asked), sw: value.startsWith(asked), ew: value.endsWith(asked) })[
      operator
    ] ?? false;
  return { text: `${name} ${operator} ${quoted(part)}`, test: some(get, (value: string) => holds(plain(value))) };
}

const ORDERED = ['eq', 'ne', 'gt', 'lt', 'ge', 'le', 'sa', 'eb', 'ap'];

function dateLeaf(chance: Chance, name: string, get: (resource: Json) => readonly unknown[]): Leaf {
  const [operator, date] = [one(chance, [...ORDERED, 'po']), one(chance, [...DATES, '2020-01-01'])];
  const isWall = !/T.*(Z|[+-]\d\d:\d\d)$/.test(date);
  const [from, to] = span(date);
  return {
    text: `${name} ${operator} ${date}`,
    test: (resource) =>
      get(resource).some((value) => {
        const found = spanOf(value, isWall);
        if (found === undefined) return false;
        return operator === 'po' ? found[0] < to && found[1] > from : onDate(operator, date, found);
      }),
  };
}

function numberLeaf(chance: Chance): Leaf {
  const [operator, number] = [one(chance, ORDERED), one(chance, NUMBERS)];
  const test = (value: number): boolean => onNumber(operator, number, 1, value, value, false, false);
  return { text: `probability ${operator} ${number}`, test: some((r) => at(r, 'prediction.probabilityDecimal'), test) };
}

function quantityLeaf(chance: Chance): Leaf {
  const [name, operator, number, unit] = [
    one(chance, Object.keys(QUANTITIES)),
    one(chance, ORDERED),
    one(chance, NUMBERS),
    one(chance, Object.keys(UNITS)),
  ];
  const hasUnit = chance() < 0.6;
  const test = (value: Json): boolean =>
    hasUnit
      ? value['system'] === UCUM && hasQuantity(value, operator, number, unit, false)
      : hasQuantity(value, operator, number, undefined, false);
  return {
    text: `${name} ${operator} ${hasUnit ? `${number}|${UCUM}|${unit}` : number}`,
    test: some(QUANTITIES[name] ?? (() => []), test),
  };
}

/** By type: references whose chain reaches one type alone that has the parameter. */
const CHAINS: Readonly<Record<string, readonly (readonly [name: string, target: string, inner: string])[]>> = {
  Observation: [
    ['subject', 'Patient', 'family'],
    ['patient', 'Patient', 'gender'],
    ['subject', 'Patient', 'birthdate'],
  ],
  RiskAssessment: [['subject', 'Patient', 'gender']],
  Patient: [['organization', 'Organization', 'name']],
  Organization: [['partof', 'Organization', 'name']],
};

function chainLeaf(chance: Chance, type: string): Leaf | undefined {
  const chains = CHAINS[type];
  if (chains === undefined) return undefined;
  const [name, target, inner] = one(chance, chains);
  const { path = '', only } = REFERENCES[type]?.[name] ?? {};
  const leaf = leafOf(chance, target, inner);
  const test: Condition['test'] = (resource, store) =>
    at(resource, path).some((each) => {
      const reference = local(each);
      if (only !== undefined && !reference.includes(`${only}/`)) return false;
      return store.some((other) => other['resourceType'] === target && `${target}/${other['id']}` === reference && leaf.test(other, store));
    });
  return { text: `${name}.${leaf.text}`, test };
}

function leafOf(chance: Chance, type: string, name: string): Leaf {
  if (ELEMENTS[type]?.[name] !== undefined) return tokenLeaf(chance, type, name);
  const [texts, dates] = [STRINGS[type]?.[name], DATED[type]?.[name]];
  return texts === undefined ? dateLeaf(chance, name, dates ?? (() => [])) : stringLeaf(chance, name, texts);
}

function referenceLeaf(chance: Chance, type: string): Leaf | undefined {
  const names = Object.keys(REFERENCES[type] ?? {}).filter((each) => each !== 'item');
  if (names.length === 0) return undefined;
  const name = one(chance, names);
  const { path = '', only } = REFERENCES[type]?.[name] ?? {};
  const asked = `${only ?? one(chance, REFERENCES[type]?.[name]?.types ?? [])}/${one(chance, IDS)}`;
  return {
    text: `${name} ${one(chance, ['eq', 're'])} ${asked}`,
    test: some(
      (r) => at(r, path),
      (value: Json) => local(value) === asked,
    ),
  };
}

function uriLeaf(chance: Chance): Leaf {
  const uri = one(chance, URIS);
  return {
    text: `url eq ${uri}`,
    test: some(
      (r) => at(r, 'url'),
      (value: string) => value === uri,
    ),
  };
}

function leafFor(chance: Chance, type: string): Leaf {
  const named = [...Object.keys(ELEMENTS[type] ?? {}), ...Object.keys(STRINGS[type] ?? {}), ...Object.keys(DATED[type] ?? {})];
  const makers: readonly (() => Leaf | undefined)[] = [
    ...(named.length === 0 ? [] : [() => leafOf(chance, type, one(chance, named)), () => leafOf(chance, type, one(chance, named))]),
    ...(type === 'Observation' ? [() => quantityLeaf(chance)] : []),
    ...(type === 'RiskAssessment' ? [() => numberLeaf(chance)] : []),
    ...(type === 'ValueSet' ? [() => uriLeaf(chance)] : []),
    () => chainLeaf(chance, type),
    () => referenceLeaf(chance, type),
    () => idLeaf(chance),
  ];
  return one(chance, makers)() ?? idLeaf(chance);
}

function idLeaf(chance: Chance): Leaf {
  const id = one(chance, IDS);
  return { text: `_id eq ${id}`, test: (resource) => resource['id'] === id };
}

/** `and` binds more tightly than `or`; brackets only where they are needed, half of the time. */
function filterOf(chance: Chance, type: string, depth: number): Leaf & { readonly binds: 'or' | 'and' | 'one' } {
  const kind = chance();
  if (depth >= 3 || kind < 0.45) return { ...leafFor(chance, type), binds: 'one' };
  if (kind < 0.6) {
    const inner = filterOf(chance, type, depth + 1);
    return { text: `not (${inner.text})`, test: (resource, store) => !inner.test(resource, store), binds: 'one' };
  }
  const [left, right] = [filterOf(chance, type, depth + 1), filterOf(chance, type, depth + 1)];
  const binds = kind < 0.8 ? 'and' : 'or';
  const within = (each: typeof left): string => ((binds === 'and' && each.binds === 'or') || chance() < 0.3 ? `(${each.text})` : each.text);
  return {
    text: `${within(left)} ${binds} ${within(right)}`,
    test: (resource, store) =>
      binds === 'and'
        ? left.test(resource, store) && right.test(resource, store)
        : left.test(resource, store) || right.test(resource, store),
    binds,
  };
}

/** A whole _filter. */
export function filterCondition(chance: Chance, type: string): Condition {
  const { text, test } = filterOf(chance, type, 0);
  return { key: '_filter', value: text, test };
}
