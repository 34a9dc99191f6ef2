import { failure, problem, type Result, success } from '../../errors.ts';
import { isResourceType } from '../definitions.ts';
import { readNear } from '../near.ts';
import { parametersWithin, type SearchParameter, searchParameters, whyNotIndexed } from '../parameters.ts';
import { askedOfEvery } from './every.ts';
import { ENTRY } from './expression.ts';
import { normalise } from './index.ts';
import type { Clause } from './query.ts';
import {
  A_DATE,
  identifierClause,
  modifierRefused,
  readAll,
  readDate,
  readNumber,
  readQuantity,
  readReference,
  readToken,
  readTypedIdentifier,
  referenceClause,
  soundClause,
  splitEscaped,
  stringClause,
  targetsOf,
  tokenClause,
  unescaped,
  wrap,
} from './read.ts';
import { type Code, MOST_CODES, type NoCodes, noCodes } from './terms.ts';
import type { IndexOptions } from './values.ts';

export { MAXIMUM_ALTERNATIVES, splitEscaped, unescaped } from './read.ts';

/** Links of one parameter: `a.b.c` has two, `_has:…:_has:…` two. */
export const MAXIMUM_LINKS = 4;

const A_PLACE = 'latitude|longitude|distance|unit such as -83.69|42.25|11.2|km, the unit a UCUM code of a length';
const A_TOKEN = 'a code, system|code, |code or system|';

const anyOf = (clauses: readonly Clause[]): Clause =>
  clauses.length === 1 && clauses[0] !== undefined ? clauses[0] : { kind: 'or', clauses };

/** What modifiers a kind of parameter knows, beside :missing. */
const MODIFIERS: Readonly<Record<SearchParameter['kind'], readonly string[]>> = {
  token: ['text', 'not', 'of-type', 'in', 'not-in', 'below', 'above'],
  reference: ['identifier', 'text'],
  string: ['exact', 'contains'],
  uri: ['below', 'above'],
  date: [],
  number: [],
  quantity: [],
  composite: [],
  phonetic: [],
  near: [],
};

/** Names of the modifiers that a kind of parameter can be asked with, in the order of the standard. */
export const modifiersOf = (kind: SearchParameter['kind']): readonly string[] =>
  kind === 'composite' ? [] : ['missing', ...MODIFIERS[kind]];

function textsAsked(name: string, value: string, make: (any: readonly string[]) => Clause, raw = false): Result<Clause> {
  const read = (text: string): string | undefined =>
    normalise(unescaped(text)) === '' ? undefined : raw ? unescaped(text) : normalise(unescaped(text));
  return wrap(readAll(name, value, 'a text with at least one letter or digit', read), make);
}

/** The tokens that value sets (:in, :not-in) or codes (:below, :above) of `value` come to; refused where no terminology answers. */
function termsAsked(parameter: SearchParameter, modifier: string, value: string, { terms }: IndexOptions): Result<Clause> {
  const { name } = parameter;
  if (terms === undefined) return modifierRefused(name, modifier);
  const isSet = modifier === 'in' || modifier === 'not-in';
  const read = (text: string): readonly Code[] | NoCodes | undefined => {
    if (isSet) return unescaped(text) === '' ? undefined : terms.codesIn(unescaped(text));
    const { system = '', code } = readToken(text) ?? {};
    return system === '' || code === undefined ? undefined : terms.codesAround(modifier === 'below' ? 'below' : 'above', { system, code });
  };
  const found = readAll(name, value, isSet ? 'the url of a value set' : 'system|code', read);
  if (!found.ok) return found;
  const tokens: Code[] = [];
  for (const codes of found.value) {
    if (typeof codes === 'string') return noCodes(name, codes, isSet ? 'fhir-search-value-set' : 'fhir-search-code');
    tokens.push(...codes);
  }
  if (tokens.length > MOST_CODES) return noCodes(name, 'too-many', 'fhir-search-code');
  const clause: Clause = tokens.length === 0 ? { kind: 'or', clauses: [] } : tokenClause(parameter, tokens);
  return success(modifier === 'not-in' ? { kind: 'not', clause } : clause);
}

function tokensAsked(parameter: SearchParameter, modifier: string, value: string, options: IndexOptions): Result<Clause> {
  const { name } = parameter;
  if (['in', 'not-in', 'below', 'above'].includes(modifier)) return termsAsked(parameter, modifier, value, options);
  if (modifier === 'text') return textsAsked(name, value, (any) => ({ kind: 'display', parameter, any }));
  if (modifier === 'of-type') {
    return wrap(readAll(name, value, 'system|code|value', readTypedIdentifier), (any) => ({
      kind: 'of-type',
      parameter,
      any,
      hashes: parameter.uses.flatMap(({ slot }) => any.map((each) => slot.hash(`c${each.value}`))),
    }));
  }
  const clause = wrap(readAll(name, value, A_TOKEN, readToken), (any) => tokenClause(parameter, any));
  return modifier === 'not' ? wrap(clause, (found) => ({ kind: 'not', clause: found })) : clause;
}

function referencesAsked(parameter: SearchParameter, modifier: string, value: string, options: IndexOptions): Result<Clause> {
  const { name } = parameter;
  if (modifier === 'identifier') return wrap(readAll(name, value, A_TOKEN, readToken), (any) => identifierClause(parameter, any));
  if (modifier === 'text') return textsAsked(name, value, (any) => ({ kind: 'display', parameter, any }));
  const target = modifier === '' ? undefined : modifier;
  const read = (text: string): readonly string[] | undefined => readReference(text, parameter, target, options);
  return wrap(readAll(name, value, 'a reference such as Patient/123', read), (any) => referenceClause(parameter, any.flat()));
}

function compositesAsked(parameter: SearchParameter, value: string, options: IndexOptions): Result<Clause> {
  const components = parameter.composite?.components ?? [];
  const expected = `${components.length} values with $ between them (${components.map((each) => each.parameter.name).join('$')})`;
  const read = (text: string): readonly Clause[] | undefined => {
    const parts = splitEscaped(text, '$');
    if (parts.length !== components.length) return undefined;
    const clauses = components.map((component, i) => askedOfParameter(component.parameter, '', parts[i] ?? '', options));
    return clauses.flatMap((each) => (each.ok ? [each.value] : [])).length === parts.length
      ? clauses.flatMap((each) => (each.ok ? [each.value] : []))
      : undefined;
  };
  return wrap(readAll(parameter.name, value, expected, read), (any) => ({ kind: 'composite', parameter, any }));
}

/** Returns the clause of one parameter; problems: a modifier that is not supported, a value that cannot be read, too many of them. */
export function askedOfParameter(parameter: SearchParameter, modifier: string, value: string, options: IndexOptions): Result<Clause> {
  const { name, kind } = parameter;
  if (modifier === 'missing' && kind !== 'composite') {
    if (value === 'true' || value === 'false') return success({ kind: 'missing', parameter, missing: value === 'true' });
    return failure(problem('fhir-search-value', { parameter: name, expected: 'true or false' }, name));
  }
  if (modifier !== '' && !MODIFIERS[kind].includes(modifier) && !(kind === 'reference' && isResourceType(modifier)))
    return modifierRefused(name, modifier);
  switch (kind) {
    case 'token':
      return tokensAsked(parameter, modifier, value, options);
    case 'reference':
      return referencesAsked(parameter, modifier, value, options);
    case 'string':
      return textsAsked(
        name,
        value,
        (any) => stringClause(parameter, modifier === 'exact' || modifier === 'contains' ? modifier : 'starts', any),
        modifier === 'exact',
      );
    case 'uri': {
      const mode = modifier === 'below' || modifier === 'above' ? modifier : 'exact';
      return wrap(
        readAll(name, value, 'a URI', (text) => unescaped(text) || undefined),
        (any) => ({ kind, parameter, mode, any }),
      );
    }
    case 'date':
      return wrap(readAll(name, value, A_DATE, readDate), (any) => ({ kind, parameter, any }));
    case 'number':
      return wrap(readAll(name, value, 'a number such as 5.40 or lt100', readNumber), (any) => ({ kind, parameter, any }));
    case 'quantity':
      return wrap(readAll(name, value, 'a quantity such as 5.40, gt5.4|http://unitsofmeasure.org|mg or 5.4||mg', readQuantity), (any) => ({
        kind,
        parameter,
        any,
      }));
    case 'composite':
      return compositesAsked(parameter, value, options);
    case 'phonetic':
      return wrap(
        readAll(name, value, 'a name', (text) => soundClause(parameter, text)),
        anyOf,
      );
    case 'near':
      return wrap(readAll(name, value, A_PLACE, readNear), (any) => ({ kind, parameter, any }));
  }
}

/** `subject:Patient.name=x`: one link to every type that has the rest. */
function chained(
  parameter: SearchParameter,
  target: string,
  rest: string,
  value: string,
  options: IndexOptions,
  links: number,
): Result<Clause> | undefined {
  if (parameter.kind !== 'reference') return modifierRefused(parameter.name, rest);
  if (links >= MAXIMUM_LINKS)
    return failure(problem('fhir-search-costly', { maximum: MAXIMUM_LINKS, what: 'links in one parameter' }, parameter.name));
  const possible = new Set(parameter.uses.flatMap(targetsOf));
  const open = parameter.uses.some((use) => use.target === undefined && use.slot.paths.some(({ targets }) => targets === undefined));
  if (target === '' && open)
    return failure(
      problem(
        'fhir-search-value',
        { parameter: parameter.name, expected: `followed by a type, such as ${parameter.name}:Patient.…` },
        parameter.name,
      ),
    );
  const targets = target === '' ? [...possible] : possible.has(target) ? [target] : [];
  const found = targets
    .map((each) => ({ target: each, clause: askedOf(each, rest, value, options, links + 1) }))
    .filter((each) => each.clause !== undefined);
  const refused = found.find(({ clause }) => clause?.ok === false);
  if (refused?.clause !== undefined && !refused.clause.ok) return refused.clause;
  const clauses = found.flatMap(({ target: each, clause }): readonly Clause[] =>
    clause?.ok ? [{ kind: 'chain', parameter, target: each, clause: clause.value }] : [],
  );
  return clauses.length === 0 ? undefined : success(anyOf(clauses));
}

/** `_has:Observation:patient:code=x` (http://hl7.org/fhir/R4/search.html#has); nested as `_has:A:b:_has:C:d:e`. */
function reversed(type: string, key: string, value: string, options: IndexOptions, links: number): Result<Clause> | undefined {
  const [, from = '', name = '', rest = ''] = /^_has:([A-Za-z]+):([\w-]+):(.+)$/.exec(key) ?? [];
  const parameter = isResourceType(from) ? searchParameters(from).get(name) : undefined;
  const reaches = parameter?.kind === 'reference' && parameter.uses.some((use) => targetsOf(use).includes(type));
  if (parameter === undefined || !reaches)
    return failure(
      problem(
        'fhir-search-value',
        { parameter: '_has', expected: `written as _has:Type:reference:parameter with a reference to ${type}` },
        '_has',
      ),
    );
  if (links >= MAXIMUM_LINKS)
    return failure(problem('fhir-search-costly', { maximum: MAXIMUM_LINKS, what: 'links in one parameter' }, '_has'));
  const clause = askedOf(from, rest, value, options, links + 1);
  return clause === undefined ? undefined : wrap(clause, (found) => ({ kind: 'has', parameter, type: from, clause: found }));
}

/** A name, the modifier or type behind its colon, and what follows a dot. */
const KEY = /^([\w-]+)(?:(:)([\w-]*))?(?:(\.)(.*))?$/s;

/**
 * Returns the clause of one `name=value` of a search on `type`; undefined when the type has no such parameter. Problems: a modifier
 * that is not supported, a value that cannot be read, too many alternatives or links.
 */
export function askedOf(type: string, key: string, value: string, options: IndexOptions, links = 0): Result<Clause> | undefined {
  if (key.startsWith('_has:')) return reversed(type, key, value, options, links);
  const [, name = '', colon, modifier = '', dot, rest = ''] = KEY.exec(key) ?? [];
  if (name === '') return undefined;
  const every = dot === undefined ? askedOfEvery(name, modifier, value) : undefined;
  if (every !== undefined) return colon !== undefined && modifier === '' ? modifierRefused(name, '') : every;
  const parameter = searchParameters(type).get(name);
  if (parameter === undefined) {
    const reason = whyNotIndexed(type, name);
    return reason === undefined ? undefined : failure(problem('fhir-search-not-indexed', { parameter: name, type, reason }, name));
  }
  if (colon !== undefined && modifier === '') return modifierRefused(name, modifier);
  if (dot === undefined) return askedOfParameter(parameter, modifier, value, options);
  return isOfHeld(parameter)
    ? askedWithin(type, parameter, modifier, rest, value, options, links)
    : chained(parameter, modifier, rest, value, options, links);
}

/** Whether a parameter means a resource that the one looked at holds: what follows is asked of that one, wherever it is stored or not. */
const isOfHeld = ({ uses }: SearchParameter): boolean => uses.some(({ slot }) => slot.paths.some(({ datatype }) => datatype === ENTRY));

/** `composition.patient=x` of a Bundle: a parameter of what it holds. */
function askedWithin(
  type: string,
  { name, uses }: SearchParameter,
  target: string,
  rest: string,
  value: string,
  options: IndexOptions,
  links: number,
): Result<Clause> | undefined {
  const [, inner = '', colon, modifier = '', dot, further = ''] = KEY.exec(rest) ?? [];
  const parameter = parametersWithin(type).get(`${name}.${inner}`);
  if (parameter === undefined || (target !== '' && uses.every((use) => use.target !== target))) return undefined;
  if (colon !== undefined && modifier === '') return modifierRefused(parameter.name, modifier);
  return dot === undefined
    ? askedOfParameter(parameter, modifier, value, options)
    : chained(parameter, modifier, further, value, options, links + 1);
}
