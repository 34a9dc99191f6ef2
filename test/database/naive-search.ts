/** Random conditions of every kind, each with the text to ask and a test of its own. Shares nothing with the product. */
import { filterCondition } from './naive-filter.ts';
import {
  at,
  type Chance,
  CODES,
  type Condition,
  DATES,
  escaped,
  IDS,
  type Json,
  MAKERS,
  NUMBERS,
  one,
  plain,
  SYSTEMS,
  spanOf,
  URIS,
  WORDS,
} from './naive-resources.ts';
import { contentCondition, listCondition, soundCondition, termCondition } from './naive-terms.ts';
import {
  type Coded,
  DATED,
  GENDER,
  local,
  onDate,
  onNumber,
  PREFIXES,
  QUANTITIES,
  quantityText,
  REFERENCES,
  STATUS,
  STRINGS,
  TOKENS,
} from './naive-values.ts';

export function tokenText(
  chance: Chance,
  getBound: string | undefined,
): { readonly text: string; readonly test: (coded: Coded) => boolean } {
  const code = one(chance, getBound === undefined ? CODES : ['male', 'female', 'final', 'true', 'false']);
  const system = one(chance, [...SYSTEMS, getBound ?? 'urn:none']);
  const kind = chance();
  const isSystem = (coded: Coded, wanted: string): boolean =>
    coded.bound === undefined ? (coded.system ?? '') === wanted : wanted === '' || wanted === coded.bound;
  if (kind < 0.5) return { text: escaped(code), test: (coded) => coded.code === code };
  if (kind < 0.7 && system !== undefined)
    return {
      text: `${escaped(system)}|`,
      test: (coded) => (coded.code !== undefined || coded.system !== undefined) && isSystem(coded, system),
    };
  const wanted = kind < 0.85 ? '' : (system ?? '');
  return { text: `${escaped(wanted)}|${escaped(code)}`, test: (coded) => coded.code === code && isSystem(coded, wanted) };
}

/** One or two alternatives of the same kind, as one condition. */
export function either<T>(
  chance: Chance,
  key: string,
  make: () => { readonly text: string; readonly test: (value: T) => boolean },
  get: (resource: Json) => readonly T[],
): Condition {
  const all = Array.from({ length: chance() < 0.3 ? 2 : 1 }, make);
  return {
    key,
    value: all.map(({ text }) => text).join(','),
    test: (resource) => get(resource).some((value) => all.some(({ test }) => test(value))),
  };
}

export const not = (condition: Condition, key: string): Condition => ({
  ...condition,
  key,
  test: (resource, store) => !condition.test(resource, store),
});

export function tokenCondition(chance: Chance, type: string): Condition | undefined {
  const names = Object.keys(TOKENS[type] ?? {});
  if (names.length === 0) return undefined;
  const name = one(chance, names);
  const get = TOKENS[type]?.[name] ?? (() => []);
  const system = { gender: GENDER, status: STATUS }[name] ?? (name === 'active' || name === 'deceased' ? 'urn:none' : undefined);
  const kind = chance();
  if (kind < 0.1) {
    const missing = chance() < 0.5;
    const holder = (
      {
        code: 'code',
        category: 'category',
        'value-concept': 'valueCodeableConcept',
        'component-code': 'component.code',
        'combo-code': 'code',
        _tag: 'meta.tag',
      } as Readonly<Record<string, string>>
    )[name];
    const there = (resource: Json): boolean => (holder === undefined ? get(resource) : at(resource, holder)).length > 0;
    return { key: `${name}:missing`, value: String(missing), test: (resource) => there(resource) !== missing };
  }
  if (kind < 0.2 && name === 'code') {
    const text = one(chance, ['blood', 'BLOOD g', 'hohe', 'x']);
    return {
      key: 'code:text',
      value: text,
      test: (resource) =>
        [...at(resource, 'code.text'), ...at(resource, 'code.coding.display')].some((each) => plain(String(each)).startsWith(plain(text))),
    };
  }
  if (kind < 0.2 && name === 'identifier') {
    const [code, value, wanted] = [one(chance, CODES), one(chance, CODES), one(chance, SYSTEMS)];
    const test = (each: unknown): boolean =>
      (each as Json)['value'] === value &&
      at(each, 'type.coding').some(
        (typed) => (typed as Json)['code'] === code && (wanted === undefined || (typed as Json)['system'] === wanted),
      );
    return {
      key: 'identifier:of-type',
      value: [wanted ?? '', code, value].map(escaped).join('|'),
      test: (resource) => at(resource, 'identifier').some(test),
    };
  }
  const condition = either(chance, name, () => tokenText(chance, system), get);
  return kind < 0.35 ? not(condition, `${name}:not`) : condition;
}

export function stringCondition(chance: Chance, type: string): Condition | undefined {
  const names = Object.keys(STRINGS[type] ?? {});
  if (names.length === 0) return undefined;
  const name = one(chance, names);
  const get = (STRINGS[type]?.[name] ?? (() => [])) as (resource: Json) => string[];
  const word = one(chance, WORDS);
  const kind = chance();
  if (kind < 0.1) return { key: `${name}:missing`, value: 'true', test: (resource) => get(resource).length === 0 };
  if (kind < 0.3) return either(chance, `${name}:exact`, () => ({ text: escaped(word), test: (value: string) => value === word }), get);
  if (kind < 0.5) {
    const part = one(chance, ['ull', 'ARIE', 'end', 'ng long', 'zzz']);
    return either(chance, `${name}:contains`, () => ({ text: part, test: (value: string) => plain(value).includes(plain(part)) }), get);
  }
  const start = word.slice(0, 1 + Math.floor(chance() * word.length));
  return either(chance, name, () => ({ text: escaped(start), test: (value: string) => plain(value).startsWith(plain(start)) }), get);
}

export function dateCondition(chance: Chance, type: string): Condition | undefined {
  const names = Object.keys(DATED[type] ?? {});
  if (names.length === 0) return undefined;
  const name = one(chance, names);
  const get = DATED[type]?.[name] ?? (() => []);
  type Spans = Readonly<Record<'wall' | 'instant', readonly [number, number]>>;
  const make = () => {
    const [prefix, date] = [one(chance, PREFIXES), one(chance, [...DATES, '2020-03-01T00:15:00', '2020-01-01'])];
    const clock = /T.*(Z|[+-]\d\d:\d\d)$/.test(date) ? 'instant' : 'wall';
    return { text: prefix + date, test: (value: Spans) => onDate(prefix, date, value[clock]) };
  };
  return either(chance, name, make, (resource) =>
    get(resource).flatMap((value) => {
      const [wall, instant] = [spanOf(value, true), spanOf(value, false)];
      return wall === undefined || instant === undefined ? [] : [{ wall, instant }];
    }),
  );
}

export function compositeCondition(chance: Chance): Condition {
  const [name, elements] = one(chance, [
    ['code-value-quantity', (r: Json) => [r]],
    ['component-code-value-quantity', (r: Json) => at(r, 'component') as Json[]],
    ['combo-code-value-quantity', (r: Json) => [r, ...(at(r, 'component') as Json[])]],
  ] as const);
  const [token, quantityAsked] = [tokenText(chance, undefined), quantityText(chance)];
  const test = (element: Json): boolean =>
    (at(element, 'code.coding') as Coded[]).some(token.test) && (at(element, 'valueQuantity') as Json[]).some(quantityAsked.test);
  return { key: name, value: `${token.text}$${quantityAsked.text}`, test: (resource) => elements(resource).some(test) };
}

export function referenceCondition(chance: Chance, type: string, depth: number): Condition | undefined {
  const names = Object.keys(REFERENCES[type] ?? {});
  if (names.length === 0) return undefined;
  const name = one(chance, names);
  const { path, types, only } = REFERENCES[type]?.[name] ?? { path: '', types: [] };
  const kept = (resource: Json): unknown[] =>
    at(resource, path).filter((each) => only === undefined || new RegExp(`(^|/)${only}/[^/]+$`).test(local(each)));
  const kind = chance();
  if (kind < 0.1) return { key: `${name}:missing`, value: 'false', test: (resource) => kept(resource).length > 0 };
  if (kind < 0.2) {
    const token = tokenText(chance, undefined);
    const identified = (each: unknown): Coded[] =>
      at(each, 'identifier').map((found) => ({
        system: (found as Json)['system'] as string | undefined,
        code: (found as Json)['value'] as string,
      }));
    return { key: `${name}:identifier`, value: token.text, test: (resource) => kept(resource).flatMap(identified).some(token.test) };
  }
  const target = one(
    chance,
    types.filter((each) => MAKERS[each] !== undefined),
  );
  if (kind < 0.5 && depth < 2) {
    const inner = conditionFor(chance, target, depth + 1);
    if (inner !== undefined) {
      const test = (resource: Json, store: readonly Json[]): boolean =>
        kept(resource).some((each) =>
          store.some((other) => other['resourceType'] === target && `${target}/${other['id']}` === local(each) && inner.test(other, store)),
        );
      return { key: `${name}:${target}.${inner.key}`, value: inner.value, test };
    }
  }
  const id = one(chance, IDS);
  if (kind < 0.65)
    return { key: `${name}:${target}`, value: id, test: (resource) => kept(resource).some((each) => local(each) === `${target}/${id}`) };
  if (kind < 0.8)
    return { key: name, value: id, test: (resource) => kept(resource).some((each) => new RegExp(`^[A-Za-z]+/${id}$`).test(local(each))) };
  const whole = chance() < 0.2 ? `https://there.example/fhir/${target}/1` : `${target}/${id}`;
  return { key: name, value: whole, test: (resource) => kept(resource).some((each) => local(each) === whole) };
}

export function hasCondition(chance: Chance, type: string, depth: number): Condition | undefined {
  const all = Object.entries(REFERENCES).flatMap(([from, named]) =>
    Object.entries(named).flatMap(([name, { path, types }]) => (types.includes(type) ? [{ from, name, path }] : [])),
  );
  if (all.length === 0 || depth > 1) return undefined;
  const { from, name, path } = one(chance, all);
  const inner = conditionFor(chance, from, depth + 1);
  if (inner === undefined) return undefined;
  const test = (resource: Json, store: readonly Json[]): boolean =>
    store.some(
      (other) =>
        other['resourceType'] === from &&
        at(other, path).some((each) => local(each) === `${type}/${resource['id']}`) &&
        inner.test(other, store),
    );
  return { key: `_has:${from}:${name}:${inner.key}`, value: inner.value, test };
}

export function otherCondition(chance: Chance, type: string): Condition {
  const kind = chance();
  if (type === 'RiskAssessment' && kind < 0.7) {
    const make = () => {
      const [prefix, number] = [one(chance, PREFIXES), one(chance, NUMBERS)];
      return { text: prefix + number, test: (value: number) => onNumber(prefix, number, 1, value, value, false, false) };
    };
    return either(chance, 'probability', make, (resource) => at(resource, 'prediction.probabilityDecimal') as number[]);
  }
  const [name, path] = type === 'ValueSet' && kind < 0.7 ? ['url', 'url'] : ['_profile', 'meta.profile'];
  if (kind < 0.8) {
    const uri = one(chance, [...URIS, 'http://a.example', 'http://a.example/x/y/z']);
    const modifier = one(chance, ['', ':below', ':above']);
    const under = (child: string, parent: string): boolean => child === parent || child.startsWith(`${parent}/`);
    const test = (value: string): boolean =>
      modifier === '' ? value === uri : modifier === ':below' ? under(value, uri) : under(uri, value);
    return either(
      chance,
      name + modifier,
      () => ({ text: uri, test }),
      (resource) => at(resource, path) as string[],
    );
  }
  if (kind < 0.9) {
    const word = one(chance, ['blood', 'glucose', 'hohe']);
    return {
      key: '_text',
      value: word,
      test: (resource) => at(resource, 'text.div').some((div) => plain(String(div).replace(/<[^>]*>/g, ' ')).includes(word)),
    };
  }
  return either(
    chance,
    '_id',
    () => {
      const id = one(chance, IDS);
      return { text: id, test: (value: string) => value === id };
    },
    (resource) => [String(resource['id'])],
  );
}

/** Returns a random condition on a type. */
export function conditionFor(chance: Chance, type: string, depth = 0): Condition | undefined {
  // A filter and a list are asked of the type itself.
  if (depth === 0 && chance() < 0.2) return chance() < 0.85 ? filterCondition(chance, type) : listCondition(chance);
  const more = chance();
  if (more < 0.1) return termCondition(chance, type) ?? otherCondition(chance, type);
  if (more < 0.18) return (more < 0.15 ? soundCondition(chance, type) : undefined) ?? contentCondition(chance);
  const kind = chance();
  if (kind < 0.25) return tokenCondition(chance, type) ?? otherCondition(chance, type);
  if (kind < 0.38) return stringCondition(chance, type) ?? otherCondition(chance, type);
  if (kind < 0.5) return dateCondition(chance, type) ?? otherCondition(chance, type);
  if (type === 'Observation' && kind < 0.62) {
    const name = one(chance, Object.keys(QUANTITIES));
    return either(
      chance,
      name,
      () => quantityText(chance),
      (resource) => (QUANTITIES[name]?.(resource) ?? []) as Json[],
    );
  }
  if (type === 'Observation' && kind < 0.7) return compositeCondition(chance);
  if (kind < 0.85) return referenceCondition(chance, type, depth);
  return kind < 0.93 ? hasCondition(chance, type, depth) : otherCondition(chance, type);
}
