/** _filter (http://hl7.org/fhir/R4/search_filter.html): and, or, not, brackets, chained paths, and the comparisons of the standard. */
import { failure, type Problem, problem, type Result, success } from '../../errors.ts';
import { parametersWithin, searchParameters } from '../parameters.ts';
import { askedOf } from './asked.ts';
import { normalise } from './index.ts';
import type { Clause } from './query.ts';
import { stringClause, targetsOf, unescaped } from './read.ts';
import type { IndexOptions } from './values.ts';

/** Comparisons of one filter, and brackets within brackets. */
const MAXIMUM_COMPARISONS = 100;
const MAXIMUM_DEPTH = 30;

class Stopped extends Error {
  readonly problems: readonly Problem[];
  constructor(...problems: readonly Problem[]) {
    super('filter');
    this.problems = problems;
  }
}

const ORDERED = new Set(['gt', 'lt', 'ge', 'le', 'ap', 'sa', 'eb']);
const OPERATORS = new Set([...ORDERED, 'eq', 'ne', 'co', 'sw', 'ew', 'pr', 'po', 're']);

class FilterReader {
  readonly #text: string;
  readonly #type: string;
  readonly #options: IndexOptions;
  #at = 0;
  #comparisons = 0;

  constructor(text: string, type: string, options: IndexOptions) {
    this.#text = text;
    this.#type = type;
    this.#options = options;
  }

  whole(): Clause {
    const clause = this.#either(0);
    this.#space();
    if (this.#at < this.#text.length) throw this.#wrong('more follows a complete filter');
    return clause;
  }

  #wrong(reason: string): Stopped {
    return new Stopped(problem('fhir-search-filter', { position: this.#at + 1, reason }, '_filter'));
  }

  #space(): void {
    while (this.#text[this.#at] === ' ') this.#at++;
  }

  #word(word: string): boolean {
    this.#space();
    if (!this.#text.startsWith(word, this.#at) || /[\w-]/.test(this.#text[this.#at + word.length] ?? '')) return false;
    this.#at += word.length;
    return true;
  }

  #either(depth: number): Clause {
    const clauses = [this.#both(depth)];
    while (this.#word('or')) clauses.push(this.#both(depth));
    return clauses.length === 1 && clauses[0] !== undefined ? clauses[0] : { kind: 'or', clauses };
  }

  #both(depth: number): Clause {
    const clauses = [this.#one(depth)];
    while (this.#word('and')) clauses.push(this.#one(depth));
    return clauses.length === 1 && clauses[0] !== undefined ? clauses[0] : { kind: 'and', clauses };
  }

  #one(depth: number): Clause {
    if (depth > MAXIMUM_DEPTH)
      throw new Stopped(problem('fhir-search-costly', { maximum: MAXIMUM_DEPTH, what: 'brackets within brackets in _filter' }, '_filter'));
    const negated = this.#word('not');
    this.#space();
    if (this.#text[this.#at] === '(') {
      this.#at++;
      const inside = this.#either(depth + 1);
      this.#space();
      if (this.#text[this.#at] !== ')') throw this.#wrong('a bracket is not closed');
      this.#at++;
      return negated ? { kind: 'not', clause: inside } : inside;
    }
    if (negated) throw this.#wrong('an opening bracket must follow not');
    return this.#comparison();
  }

  #comparison(): Clause {
    if (++this.#comparisons > MAXIMUM_COMPARISONS)
      throw new Stopped(problem('fhir-search-costly', { maximum: MAXIMUM_COMPARISONS, what: 'comparisons in _filter' }, '_filter'));
    const path = this.#taken(/^[\w-]+(?:\.[\w-]+)*/) ?? '';
    if (path === '') throw this.#wrong('the name of a search parameter is missing');
    if (this.#text[this.#at] === '[') throw this.#wrong('filters in square brackets are not supported');
    this.#space();
    const operator = this.#taken(/^[a-z]{2}(?= )/) ?? '';
    if (!OPERATORS.has(operator) && !Object.hasOwn(OF_TERMS, operator))
      throw this.#wrong('one of eq ne co sw ew gt lt ge le ap sa eb pr po re in ni ss sb must follow');
    this.#space();
    return this.#compared(this.#type, path.split('.'), operator, this.#value());
  }

  #taken(pattern: RegExp): string | undefined {
    const found = pattern.exec(this.#text.slice(this.#at))?.[0];
    if (found !== undefined) this.#at += found.length;
    return found;
  }

  #value(): string {
    const quoted = this.#taken(/^"(?:[^"\\]|\\.)*"/s);
    if (quoted !== undefined) return quoted.slice(1, -1).replace(/\\(.)/gs, '$1');
    const plain = this.#taken(/^[^\s()"]+/);
    if (plain === undefined) throw this.#wrong('a value is missing');
    return plain;
  }

  #compared(type: string, names: readonly string[], operator: string, value: string): Clause {
    const held = parametersWithin(type).get(names.slice(0, 2).join('.'));
    const name = held?.name ?? names[0] ?? '';
    const rest = names.slice(held === undefined ? 1 : 2);
    const parameter = held ?? searchParameters(type).get(name);
    if (rest.length > 0) {
      const targets =
        parameter?.kind === 'reference'
          ? [...new Set(parameter.uses.flatMap(targetsOf))].filter((each) => isAskable(each, rest[0] ?? ''))
          : [];
      if (parameter === undefined || targets.length === 0) throw this.#wrong(`${type} has no such chain`);
      const clauses = targets.map(
        (target): Clause => ({ kind: 'chain', parameter, target, clause: this.#compared(target, rest, operator, value) }),
      );
      return clauses.length === 1 && clauses[0] !== undefined ? clauses[0] : { kind: 'or', clauses };
    }
    if (operator === 'pr') return this.#asked(type, `${name}:missing`, value === 'true' ? 'false' : value === 'false' ? 'true' : value);
    const escaped = value.replace(/[\\,$]/g, '\\$&');
    if (parameter?.kind === 'string')
      return this.#ofText(
        parameter.name,
        stringClause(parameter, ({ co: 'contains', sw: 'starts', ew: 'ends' } as const)[operator] ?? 'equals', [unescaped(value)]),
        operator,
      );
    const modifier = Object.hasOwn(OF_TERMS, operator) ? OF_TERMS[operator] : undefined;
    if (modifier !== undefined) return this.#asked(type, `${name}:${modifier}`, escaped);
    if (operator === 'eq' || operator === 're') return this.#asked(type, name, escaped);
    if (parameter?.kind === 'near' || parameter?.kind === 'phonetic') throw this.#wrong(`${operator} does not fit the type of ${name}`);
    const clause = this.#asked(type, name, escaped);
    const hasPrefix = clause.kind === 'date' || clause.kind === 'number' || clause.kind === 'quantity' || clause.kind === 'updated';
    if (operator === 'ne')
      return hasPrefix
        ? this.#asked(type, name, `ne${escaped}`)
        : 'parameter' in clause
          ? { kind: 'differs', clause }
          : { kind: 'not', clause };
    if (operator === 'po' && clause.kind === 'date')
      return { ...clause, any: clause.any.map((each) => ({ ...each, prefix: 'ap' as const })) };
    if (hasPrefix && ORDERED.has(operator)) return this.#asked(type, name, `${operator}${escaped}`);
    throw this.#wrong(`${operator} does not fit the type of ${name}`);
  }

  #ofText(name: string, clause: Clause, operator: string): Clause {
    if (clause.kind === 'string' && clause.any.every((each) => normalise(each) === '')) throw this.#wrong(`${name} needs a text`);
    if (operator === 'ne') return { kind: 'differs', clause };
    if (!['eq', 'co', 'sw', 'ew'].includes(operator)) throw this.#wrong(`${operator} does not fit the type of ${name}`);
    return clause;
  }

  #asked(type: string, key: string, value: string): Clause {
    const clause = askedOf(type, key, value, this.#options);
    if (clause === undefined) throw this.#wrong(`${type} has no search parameter ${key.replace(/:.*$/, '').slice(0, 64)}`);
    if (!clause.ok) throw new Stopped(...clause.problems);
    return clause.value;
  }
}

/** Operators of terminologies, as the modifiers that ask the same: `ss` finds what the code subsumes, `sb` what subsumes it (search_filter.html). */
const OF_TERMS: Readonly<Record<string, string>> = { in: 'in', ni: 'not-in', ss: 'below', sb: 'above' };

const isAskable = (type: string, name: string): boolean => name.startsWith('_') || searchParameters(type).has(name);

/** Returns the clause of a _filter on a type; problems: fhir-search-filter with the place, too many comparisons, those of its values. */
export function readFilter(text: string, type: string, options: IndexOptions): Result<Clause> {
  try {
    return success(new FilterReader(text, type, options).whole());
  } catch (error) {
    if (error instanceof Stopped) return failure(...error.problems);
    throw error;
  }
}
