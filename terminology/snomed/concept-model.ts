import { evaluateEcl } from '../ecl/evaluate.ts';
import { EclError } from '../ecl/syntax.ts';
import { FLAG, REF, refIndex, refKind } from '../system/arrays.ts';
import type { CodeSystem } from '../system/code-system.ts';
import type { RowSet } from '../system/rows.ts';
import type { SctAttribute, SctExpression } from './expression.ts';

/** Rules that must hold (723598006 are those that should), of content that expressions are. */
const MANDATORY = '723597001';
const CONTENT: ReadonlySet<string> = new Set(['723595009', '723596005']);

/** An attribute in a domain. */
interface DomainRule {
  readonly domain: string;
  readonly isGrouped: boolean;
  /** How often at most, in all and in one group. That it must be there is said of definitions, not of what refines one. */
  readonly mostTimes: number;
  readonly mostInGroup: number;
}

interface Model {
  /** ECL by domain. */
  readonly domains: ReadonlyMap<string, string>;
  readonly rules: ReadonlyMap<string, readonly DomainRule[]>;
  /** Constraints by attribute: ECL, or a range of numbers or texts. */
  readonly ranges: ReadonlyMap<string, readonly string[]>;
}

/** What the concept model says of an expression. */
export interface ModelFaults {
  /** What it does not allow. */
  readonly faults: readonly string[];
  /** Attributes that it has no rule for: of them nothing was checked. */
  readonly unchecked: readonly string[];
}

/**
 * The machine-readable concept model of an edition (https://confluence.ihtsdotools.org/display/DOCMRCM): which attributes concepts of a domain may
 * have, with which values, how often, and whether in groups.
 */
export class ConceptModel {
  readonly #system: CodeSystem;
  #model: Model | undefined;
  readonly #sets = new Map<string, RowSet | undefined>();

  constructor(system: CodeSystem) {
    this.#system = system;
  }

  /** Returns what is wrong with an expression and the expressions within it. */
  judge(expression: SctExpression): ModelFaults {
    this.#model ??= readModel(this.#system);
    const faults: string[] = [];
    const unchecked = new Set<string>();
    this.#judge(expression, this.#model, faults, unchecked);
    return { faults, unchecked: [...unchecked] };
  }

  #judge({ focus, groups }: SctExpression, model: Model, faults: string[], unchecked: Set<string>): void {
    const all = groups.flat();
    for (const name of new Set(all.map((each) => each.name))) {
      const rules = model.rules.get(name) ?? [];
      if (rules.length === 0) {
        unchecked.add(name);
        continue;
      }
      const own = rules.filter(({ domain }) => focus.some((code) => this.#isIn(model.domains.get(domain) ?? `<< ${domain}`, code)));
      if (own.length === 0) faults.push(`${this.#named(name)} is not for ${focus.map((code) => this.#named(code)).join(' + ')}`);
      else this.#judgeTimes(name, own, groups, faults);
    }
    for (const { name, value } of all) {
      const ranges = model.ranges.get(name) ?? [];
      if (ranges.length > 0 && !ranges.some((range) => this.#fits(range, value)))
        faults.push(
          `${'literal' in value ? value.literal : value.focus.map((code) => this.#named(code)).join(' + ')} is no value for ${this.#named(name)}`,
        );
      if (!('literal' in value)) this.#judge(value, model, faults, unchecked);
    }
  }

  #judgeTimes(name: string, rules: readonly DomainRule[], groups: SctExpression['groups'], faults: string[]): void {
    const within = groups.map((group) => group.filter((each) => each.name === name).length);
    const times = within.reduce((sum, each) => sum + each, 0);
    if (rules.every((rule) => times > rule.mostTimes)) faults.push(`${this.#named(name)} stands ${times} times`);
    if (rules.every((rule) => within.some((each) => each > rule.mostInGroup)))
      faults.push(`${this.#named(name)} stands more than once in a group`);
    const isJoined = groups.some((group) => group.length > 1 && group.some((each) => each.name === name));
    if (isJoined && rules.every(({ isGrouped }) => !isGrouped)) faults.push(`${this.#named(name)} does not stand in groups`);
  }

  #fits(range: string, value: SctAttribute['value']): boolean {
    const concrete = /^(dec|int|str|bool)\s*\((.*)\)$/s.exec(range.trim());
    if ('literal' in value) return concrete !== null && fitsConcrete(concrete[1] ?? '', concrete[2] ?? '', value.literal);
    return concrete === null && value.focus.some((code) => this.#isIn(range, code));
  }

  /** A constraint that cannot be evaluated here forbids nothing. */
  #isIn(constraint: string, code: string): boolean {
    if (!this.#sets.has(constraint)) this.#sets.set(constraint, this.#setOf(constraint));
    return this.#sets.get(constraint)?.has({ row: this.#system.row(code) }) ?? true;
  }

  #setOf(constraint: string): RowSet | undefined {
    try {
      return evaluateEcl(this.#system, constraint);
    } catch (error) {
      if (error instanceof EclError) return undefined;
      throw error;
    }
  }

  #named(code: string): string {
    const display = this.#system.display(this.#system.row(code));
    return display === undefined ? code : `${code} |${display}|`;
  }
}

/** Whether a literal is of a type and within one of its ranges: >#0.., #1..#5, #1 #2, "a" "b"; none allows all. */
function fitsConcrete(type: string, ranges: string, literal: string): boolean {
  const isNumber = literal.startsWith('#');
  if (type === 'bool')
    return /^(true|false)$/i.test(literal) && (ranges.trim() === '' || ranges.toLowerCase().includes(literal.toLowerCase()));
  if (type === 'str') {
    const texts = [...ranges.matchAll(/"((?:[^"\\]|\\.)*)"/g)].map(([whole]) => whole);
    return literal.startsWith('"') && (texts.length === 0 || texts.includes(literal));
  }
  if (!isNumber || (type === 'int' && !/^#[-+]?\d+$/.test(literal))) return false;
  const number = Number(literal.slice(1));
  const parts = ranges.split(/\s+(?:OR\s+)?/i).filter((each) => each !== '');
  return parts.length === 0 || parts.some((each) => isWithin(each, number));
}

function isWithin(range: string, number: number): boolean {
  const match = /^(?:(>=?)?#([-+]?[\d.]+?))?(\.\.)?(?:(<=?)?#([-+]?[\d.]+))?$/.exec(range);
  if (match === null) return false;
  const [, above, low, dots, below, high] = match;
  if (dots === undefined && above === undefined) return number === Number(low ?? high);
  const isAbove = low === undefined || (above === '>' ? number > Number(low) : number >= Number(low));
  return isAbove && (high === undefined || (below === '<' ? number < Number(high) : number <= Number(high)));
}

/** The upper end of a cardinality such as 0..1 or 1..*. */
const mostOf = (cardinality: string): number => {
  const most = cardinality.split('..')[1] ?? '*';
  return most === '*' ? Number.POSITIVE_INFINITY : Number(most);
};

/** The rows that an edition's reference sets of the concept model have; they are told by their columns, as editions have their own. */
function readModel(system: CodeSystem): Model {
  const domains = new Map<string, string>();
  const rules = new Map<string, DomainRule[]>();
  const ranges = new Map<string, string[]>();
  for (const [refset, { columns }] of system.manifest.refsets.entries()) {
    const names = columns.map(({ name }) => name);
    if (!['domainConstraint', 'attributeInGroupCardinality', 'rangeConstraint'].some((each) => names.includes(each))) continue;
    for (const { component, field } of membersOf(system, refset, names)) {
      if (names.includes('domainConstraint')) domains.set(component, field('domainConstraint'));
      else if (field('ruleStrengthId') !== MANDATORY || !CONTENT.has(field('contentTypeId'))) continue;
      else if (names.includes('rangeConstraint')) ranges.set(component, [...(ranges.get(component) ?? []), field('rangeConstraint')]);
      else {
        const rule = {
          domain: field('domainId'),
          isGrouped: field('grouped') === '1',
          mostTimes: mostOf(field('attributeCardinality')),
          mostInGroup: mostOf(field('attributeInGroupCardinality')),
        };
        rules.set(component, [...(rules.get(component) ?? []), rule]);
      }
    }
  }
  return { domains, rules, ranges };
}

interface ModelRow {
  readonly component: string;
  readonly field: (name: string) => string;
}

/** Active members that are concepts. */
function* membersOf(system: CodeSystem, refset: number, names: readonly string[]): Generator<ModelRow> {
  const { arrays } = system;
  const [first = 0, end = 0] = [arrays['member-offset'][refset], arrays['member-offset'][refset + 1]];
  const fields = arrays['field-offset'][refset] ?? 0;
  for (let member = first; member < end; member += 1) {
    const component = arrays['member-component'][member] ?? 0;
    if (((arrays['member-flags'][member] ?? 0) & FLAG.active) === 0 || refKind(component) !== REF.row) continue;
    const start = fields + (member - first) * names.length;
    yield {
      component: system.code(refIndex(component)),
      field: (name) => system.refText(arrays['field-value'][start + names.indexOf(name)] ?? 0),
    };
  }
}
