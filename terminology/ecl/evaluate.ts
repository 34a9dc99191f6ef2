import { REF, refKind, refOf } from '../system/arrays.ts';
import type { CodeSystem } from '../system/code-system.ts';
import { RowSet } from '../system/rows.ts';
import type { Context } from './context.ts';
import { conceptTest, descriptionRows } from './filters.ts';
import { related } from './hierarchy.ts';
import { historyRefsets, historySources, memberRows } from './members.ts';
import { parseEcl } from './parse.ts';
import { attributeTargets, refinementTest } from './refinement.ts';
import { EclError, type Expression, type Focus, type Ids, isExpression, type SubExpression } from './syntax.ts';

export interface EclLimits {
  /** Rows, relationships and members that may be looked at in all. */
  readonly work: number;
}

const LIMITS: EclLimits = { work: 400_000_000 };

/**
 * Returns the concepts that satisfy an expression constraint (ECL 2.2) in one version of SNOMED CT. "*" is every active concept, unless a
 * concept filter on it asks for `active`; a concept that is named is itself, active or not. Throws EclError: syntax, invalid (a column no
 * reference set has), too-costly.
 */
export function evaluateEcl(system: CodeSystem, text: string, limits: EclLimits = LIMITS): RowSet {
  return new Evaluator(system, limits).evaluate(parseEcl(text));
}

/** Evaluates the parts of one expression as sets; counts the work. */
export class Evaluator implements Context {
  readonly system: CodeSystem;
  readonly #limits: EclLimits;
  #work = 0;
  #alternates: ReadonlyMap<string, number> | undefined;

  constructor(system: CodeSystem, limits: EclLimits = LIMITS) {
    this.system = system;
    this.#limits = limits;
  }

  /** Counts work of `amount` steps. Throws EclError too-costly. */
  readonly spend = (amount: number): void => {
    this.#work += amount;
    if (this.#work > this.#limits.work) throw new EclError('too-costly', 0, `more than ${this.#limits.work} steps: narrow the focus`);
  };

  readonly evaluate = (expression: Expression): RowSet => {
    this.spend(this.system.total >>> 5);
    switch (expression.kind) {
      case 'sub':
        return this.#sub(expression);
      case 'compound':
        return this.#compound(expression.operator, expression.parts);
      case 'dotted':
        return expression.attributes.reduce((set, attribute) => attributeTargets(this, set, attribute), this.evaluate(expression.focus));
      case 'refined': {
        const focus = this.evaluate(expression.focus);
        const test = refinementTest(this, expression.refinement);
        this.spend(focus.size * 4);
        return focus.where(test);
      }
    }
  };

  /** Returns the concepts that identifiers or an expression name. */
  readonly ids = (ids: Ids): RowSet =>
    isExpression(ids)
      ? this.evaluate(ids.expression)
      : RowSet.of(
          this.system.total,
          ids.map((id) => this.system.row(id)).filter((row) => row >= 0),
        );

  #compound(operator: 'and' | 'or' | 'minus', parts: readonly Expression[]): RowSet {
    const [first = new RowSet(this.system.total), ...others] = parts.map(this.evaluate);
    if (operator === 'and') return others.reduce((set, other) => set.and(other), first);
    return operator === 'or' ? others.reduce((set, other) => set.or(other), first) : others.reduce((set, other) => set.minus(other), first);
  }

  #sub(expression: SubExpression): RowSet {
    const { system } = this;
    const asksActive = expression.filters.some(
      (filter) => filter.kind === 'concept' && filter.conditions.some((condition) => condition.kind === 'active'),
    );
    let set = this.#focus(expression.focus, asksActive && expression.operator === undefined && expression.memberOf === undefined);
    if (expression.memberOf !== undefined) set = memberRows(this, set, expression.memberOf, expression.memberFilters, expression.at);
    if (expression.operator !== undefined) {
      this.spend(set.size);
      set = related(system, expression.operator, set);
    }
    for (const filter of expression.filters) {
      this.spend(set.size * 4);
      set = filter.kind === 'concept' ? set.where(conceptTest(this, filter.conditions)) : descriptionRows(this, set, filter.conditions);
    }
    if (expression.history === undefined) return set;
    return set.or(historySources(this, set, historyRefsets(this, expression.history)));
  }

  #focus(focus: Focus, asksActive: boolean): RowSet {
    const { system } = this;
    switch (focus.kind) {
      case 'any':
        return asksActive ? RowSet.all(system.total) : system.actives;
      case 'nested':
        return this.evaluate(focus.expression);
      case 'concept': {
        const row = system.row(focus.id);
        return RowSet.of(system.total, row < 0 ? [] : [row]);
      }
      case 'alternate':
        return this.#alternate(focus);
    }
  }

  #alternate({ scheme, code, at }: Extract<Focus, { kind: 'alternate' }>): RowSet {
    const { system } = this;
    const number = system.manifest.schemes.findIndex((each) => each.alias.toLowerCase() === scheme.toLowerCase() || each.code === scheme);
    if (number < 0) throw new EclError('invalid', at, `no identifier scheme ${scheme} here`);
    this.#alternates ??= alternatesOf(system);
    const row = this.#alternates.get(`${number}#${code}`);
    return RowSet.of(system.total, row === undefined ? [] : [row]);
  }
}

function alternatesOf(system: CodeSystem): ReadonlyMap<string, number> {
  const { arrays } = system;
  const known = new Map<string, number>();
  arrays['alternate-scheme'].forEach((scheme, i) => {
    const component = arrays['alternate-component'][i] ?? 0;
    if (refKind(component) === REF.row)
      known.set(`${scheme}#${system.refText(refOf(REF.value, arrays['alternate-value'][i] ?? 0))}`, component);
  });
  return known;
}
