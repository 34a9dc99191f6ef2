import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type {
  Comparison,
  ConceptCondition,
  DescriptionCondition,
  Expression,
  Ids,
  MemberFilter,
  Order,
  Refinement,
  SearchTerm,
  StateCondition,
  SubExpression,
} from '../../../terminology/ecl/syntax.ts';

type Line = Readonly<Record<string, string>>;

/** A release as plain lines of text, and what expressions select in it, worked out by scanning them: slow, and simple enough to believe. */
export class NaiveSnomed {
  readonly concepts: readonly Line[];
  readonly descriptions: readonly Line[];
  readonly relations: readonly Line[];
  readonly parents = new Map<string, string[]>();
  readonly languages: readonly Line[];
  readonly members: readonly Line[];
  readonly #byId = new Map<string, Line>();

  constructor(folder: string) {
    const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.txt'));
    const read = (pattern: RegExp): Line[] => files.filter((name) => pattern.test(name)).flatMap((name) => lines(join(folder, name)));
    this.concepts = read(/sct2_Concept_/);
    this.descriptions = read(/sct2_(Description|TextDefinition)_/);
    const active = read(/sct2_Relationship(ConcreteValues)?_/).filter((line) => line['active'] === '1');
    this.relations = active.filter((line) => line['typeId'] !== '116680003');
    for (const line of active) {
      if (line['typeId'] === '116680003')
        this.parents.set(line['sourceId'] ?? '', [...(this.parents.get(line['sourceId'] ?? '') ?? []), line['destinationId'] ?? '']);
    }
    this.languages = read(/Language/);
    this.members = read(/der2_/).filter((line) => !['900000000000509007', '900000000000508004'].includes(line['refsetId'] ?? ''));
    for (const concept of this.concepts) this.#byId.set(concept['id'] ?? '', concept);
  }

  evaluate(expression: Expression): Set<string> {
    switch (expression.kind) {
      case 'sub':
        return this.#sub(expression);
      case 'compound': {
        const [first = new Set<string>(), ...others] = expression.parts.map((part) => this.evaluate(part));
        if (expression.operator === 'and') return others.reduce((set, other) => both(set, other), first);
        return expression.operator === 'or'
          ? others.reduce((set, other) => either(set, other), first)
          : others.reduce((set, other) => without(set, other), first);
      }
      case 'dotted':
        return expression.attributes.reduce((set, attribute) => {
          const types = this.evaluate(attribute);
          const found = this.relations.filter((line) => set.has(line['sourceId'] ?? '') && types.has(line['typeId'] ?? ''));
          return new Set(found.flatMap((line) => line['destinationId'] ?? []));
        }, this.evaluate(expression.focus));
      case 'refined':
        return new Set([...this.evaluate(expression.focus)].filter((id) => this.#refined(id, expression.refinement, undefined)));
    }
  }

  #sub(sub: SubExpression): Set<string> {
    const asksActive = sub.filters.some((filter) => filter.kind === 'concept' && filter.conditions.some(({ kind }) => kind === 'active'));
    let set = this.#focus(sub, asksActive && sub.operator === undefined && sub.memberOf === undefined);
    if (sub.memberOf !== undefined) set = this.#members(set, sub);
    if (sub.operator !== undefined) set = this.#related(sub.operator, set);
    for (const filter of sub.filters) {
      const passes =
        filter.kind === 'concept'
          ? (id: string) => filter.conditions.every((condition) => this.#conceptFits(this.#byId.get(id) ?? {}, condition))
          : (id: string) => this.#describedBy(id, filter.conditions);
      set = new Set([...set].filter(passes));
    }
    return sub.history === undefined ? set : either(set, this.#history(set, sub.history));
  }

  #focus({ focus }: SubExpression, all: boolean): Set<string> {
    if (focus.kind === 'nested') return this.evaluate(focus.expression);
    if (focus.kind === 'concept') return new Set(this.#byId.has(focus.id) ? [focus.id] : []);
    return new Set(this.concepts.filter((concept) => all || concept['active'] === '1').map((concept) => concept['id'] ?? ''));
  }

  #above(id: string): Set<string> {
    const found = new Set<string>();
    const visit = (each: string): void => {
      for (const parent of this.parents.get(each) ?? []) {
        found.add(parent);
        visit(parent);
      }
    };
    visit(id);
    return found;
  }

  #related(operator: string, set: Set<string>): Set<string> {
    const all = this.concepts.map((concept) => concept['id'] ?? '');
    const below = (): Set<string> => new Set(all.filter((id) => both(this.#above(id), set).size > 0));
    const above = (): Set<string> => new Set([...set].flatMap((id) => [...this.#above(id)]));
    const children = (): Set<string> => new Set(all.filter((id) => (this.parents.get(id) ?? []).some((parent) => set.has(parent))));
    const parents = (): Set<string> => new Set([...set].flatMap((id) => this.parents.get(id) ?? []));
    switch (operator) {
      case '<':
        return below();
      case '<<':
        return either(below(), set);
      case '<!':
        return children();
      case '<<!':
        return either(children(), set);
      case '>':
        return above();
      case '>>':
        return either(above(), set);
      case '>!':
        return parents();
      case '>>!':
        return either(parents(), set);
      case '!!>':
        return new Set([...set].filter((id) => both(this.#above(id), set).size === 0));
      default:
        return new Set([...set].filter((id) => ![...set].some((other) => this.#above(other).has(id))));
    }
  }

  #members(refsets: Set<string>, { memberOf, memberFilters }: SubExpression): Set<string> {
    const asksActive = memberFilters.some((conditions) => conditions.some(({ kind }) => kind === 'active'));
    const fitting = this.members.filter(
      (line) =>
        refsets.has(line['refsetId'] ?? '') &&
        (asksActive || line['active'] === '1') &&
        memberFilters.every((conditions) => conditions.every((condition) => this.#memberFits(line, condition))),
    );
    const column = Array.isArray(memberOf) ? String(memberOf[0]) : 'referencedComponentId';
    return new Set(fitting.map((line) => line[column] ?? '').filter((id) => this.#byId.has(id)));
  }

  #memberFits(line: Line, condition: MemberFilter): boolean {
    if (condition.kind !== 'field') return this.#stateFits(line, condition);
    const value = Object.entries(line).find(([name]) => name.toLowerCase() === condition.field.toLowerCase())?.[1];
    return value !== undefined && this.#valueFits(value, condition.comparison);
  }

  #valueFits(value: string, comparison: Comparison): boolean {
    const number = Number(value.replace(/^#/, ''));
    switch (comparison.kind) {
      case 'expression': {
        const { value: wanted } = comparison;
        if (!this.#byId.has(value))
          return !comparison.isNot && wanted.kind === 'sub' && wanted.focus.kind === 'any' && wanted.operator === undefined;
        return this.evaluate(wanted).has(value) !== comparison.isNot;
      }
      case 'number':
        return (
          !this.#byId.has(value) && /^#?[-+]?\d/.test(value) && !Number.isNaN(number) && ordered(number, comparison.order, comparison.value)
        );
      case 'text':
        return !this.#byId.has(value) && comparison.terms.some((term) => termFits(value, term)) !== comparison.isNot;
      default:
        return false;
    }
  }

  #stateFits(line: Line, condition: StateCondition): boolean {
    if (condition.kind === 'active') return (line['active'] === '1') === condition.value;
    if (condition.kind === 'module') return this.#ids(condition.ids).has(line['moduleId'] ?? '') !== condition.isNot;
    const time = Number(line['effectiveTime']);
    const { order, values } = condition;
    return order === '!=' ? values.every((value) => value !== time) : values.some((value) => ordered(time, order, value));
  }

  #conceptFits(line: Line, condition: ConceptCondition): boolean {
    if (condition.kind !== 'definition') return this.#stateFits(line, condition);
    return this.#ids(condition.ids).has(line['definitionStatusId'] ?? '') !== condition.isNot;
  }

  #describedBy(id: string, conditions: readonly DescriptionCondition[]): boolean {
    const asksActive = conditions.some(({ kind }) => kind === 'active');
    return this.descriptions.some(
      (line) =>
        line['conceptId'] === id &&
        (asksActive || line['active'] === '1') &&
        conditions.every((condition) => this.#descriptionFits(line, condition)),
    );
  }

  #descriptionFits(line: Line, condition: DescriptionCondition): boolean {
    switch (condition.kind) {
      case 'term':
        return condition.terms.some((term) => termFits(line['term'] ?? '', term)) !== condition.isNot;
      case 'language':
        return condition.codes.includes(line['languageCode'] ?? '') !== condition.isNot;
      case 'type':
        return this.#ids(condition.ids).has(line['typeId'] ?? '') !== condition.isNot;
      case 'id':
        return condition.ids.includes(line['id'] ?? '') !== condition.isNot;
      case 'dialect': {
        const levels = ['', '900000000000549004', '900000000000548007'];
        const fits = condition.dialects.some(({ ids, acceptability }) =>
          this.languages.some(
            (member) =>
              member['active'] === '1' &&
              member['referencedComponentId'] === line['id'] &&
              this.#ids(ids).has(member['refsetId'] ?? '') &&
              (acceptability ?? [1, 2]).some((level) => levels[level] === member['acceptabilityId']),
          ),
        );
        return fits !== condition.isNot;
      }
      default:
        return this.#stateFits(line, condition);
    }
  }

  #ids(ids: Ids): Set<string> {
    return 'expression' in ids ? this.evaluate(ids.expression) : new Set(ids);
  }

  #history(set: Set<string>, history: NonNullable<SubExpression['history']>): Set<string> {
    const some = ['900000000000527005', '900000000000526001', '900000000000528000', '1186924009'];
    const profiles = { min: some.slice(0, 1), mod: some, max: [...this.#related('<<', new Set(['900000000000522004']))] };
    const refsets = 'refsets' in history ? this.evaluate(history.refsets) : new Set(profiles[history.profile]);
    const lines = this.members.filter(
      (line) => line['active'] === '1' && refsets.has(line['refsetId'] ?? '') && set.has(line['targetComponentId'] ?? ''),
    );
    return new Set(lines.map((line) => line['referencedComponentId'] ?? '').filter((id) => this.#byId.has(id)));
  }

  /** `within`: the relationships of one group; undefined: all of the concept. */
  #refined(id: string, refinement: Refinement, within: readonly Line[] | undefined): boolean {
    const own = this.relations.filter((line) => line['sourceId'] === id);
    switch (refinement.kind) {
      case 'and':
        return refinement.parts.every((part) => this.#refined(id, part, within));
      case 'or':
        return refinement.parts.some((part) => this.#refined(id, part, within));
      case 'group': {
        const numbers = new Set(own.map((line) => line['relationshipGroup']).filter((group) => group !== '0'));
        const groups = [
          ...[...numbers].map((group) => own.filter((line) => line['relationshipGroup'] === group)),
          ...own.filter((line) => line['relationshipGroup'] === '0').map((line) => [line]),
        ];
        const count = groups.filter((group) => this.#refined(id, refinement.set, group)).length;
        return count >= refinement.min && count <= refinement.max;
      }
      case 'attribute': {
        const types = this.evaluate(refinement.name);
        const count = refinement.reverse
          ? this.relations.filter(
              (line) =>
                line['destinationId'] === id &&
                types.has(line['typeId'] ?? '') &&
                this.#valueFits(line['sourceId'] ?? '', refinement.comparison),
            ).length
          : (within ?? own).filter(
              (line) =>
                types.has(line['typeId'] ?? '') && this.#valueFits(line['destinationId'] ?? line['value'] ?? '', refinement.comparison),
            ).length;
        return count >= refinement.min && count <= refinement.max;
      }
    }
  }
}

const both = (a: Set<string>, b: Set<string>): Set<string> => new Set([...a].filter((each) => b.has(each)));
const either = (a: Set<string>, b: Set<string>): Set<string> => new Set([...a, ...b]);
const without = (a: Set<string>, b: Set<string>): Set<string> => new Set([...a].filter((each) => !b.has(each)));

function lines(path: string): Line[] {
  const [header = '', ...rows] = readFileSync(path, 'utf8').trimEnd().split('\r\n');
  const names = header.split('\t');
  return rows.map((row) => Object.fromEntries(row.split('\t').map((value, i) => [names[i] ?? '', value])));
}

function ordered(left: number, order: Order, right: number): boolean {
  const answers: Readonly<Record<Order, boolean>> = {
    '=': left === right,
    '!=': left !== right,
    '<': left < right,
    '<=': left <= right,
    '>': left > right,
    '>=': left >= right,
  };
  return answers[order];
}

const plain = (text: string): string =>
  text
    .normalize('NFD')
    .replace(/[\u0300-\u036f]/g, '')
    .toLowerCase();

export function termFits(term: string, { kind, text }: SearchTerm): boolean {
  if (kind === 'match') {
    const words = plain(term).split(/[^a-z0-9]+/);
    return plain(text)
      .split(/[^a-z0-9]+/)
      .filter((word) => word !== '')
      .every((wanted) => words.some((word) => word.startsWith(wanted)));
  }
  // One star at most, which is all that the generator makes.
  const [before = '', after] = plain(text).split('*');
  const whole = plain(term);
  return after === undefined
    ? whole === before
    : whole.length >= before.length + after.length && whole.startsWith(before) && whole.endsWith(after);
}
