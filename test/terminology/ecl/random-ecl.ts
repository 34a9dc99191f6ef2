import type { Chance } from '../../../scripts/vocabulary/chance.ts';
import type {
  Attribute,
  Comparison,
  DescriptionCondition,
  Expression,
  Filter,
  HierarchyOperator,
  MemberFilter,
  Refinement,
  SearchTerm,
  StateCondition,
  SubExpression,
} from '../../../terminology/ecl/syntax.ts';
import type { NaiveSnomed } from './naive-snomed.ts';

const OPERATORS: readonly HierarchyOperator[] = ['<', '<<', '<!', '<<!', '>', '>>', '>!', '>>!', '!!>', '!!<'];
const ORDERS = ['=', '!=', '<', '<=', '>', '>='] as const;
const ATTRIBUTES = ['363698007', '116676008', '246075003', '260686004', '405813007', '127489000', '1142135004', '762705008', '410662002'];
const REFSETS = ['723264001', '450970008', '446608001', '447562003', '900000000000527005', '900000000000526001', '900000000000489007'];
const HISTORY = ['900000000000527005', '900000000000526001', '900000000000528000'];

/** Makes expressions by chance out of what a small release holds. */
export class RandomEcl {
  readonly #chance: Chance;
  readonly #snomed: NaiveSnomed;
  constructor(chance: Chance, snomed: NaiveSnomed) {
    this.#chance = chance;
    this.#snomed = snomed;
  }

  expression(depth: number): Expression {
    const kind = depth <= 0 ? 0 : this.#chance.below(6);
    if (kind <= 1) return this.#sub(depth);
    if (kind === 2) {
      const operator = this.#chance.one(['and', 'or', 'minus'] as const, 'and');
      const count = operator === 'minus' ? 2 : 2 + this.#chance.below(2);
      return { kind: 'compound', operator, parts: Array.from({ length: count }, () => this.expression(depth - 1)) };
    }
    if (kind === 3)
      return {
        kind: 'dotted',
        focus: this.#sub(depth - 1),
        attributes: Array.from({ length: 1 + this.#chance.below(2) }, () => this.#name()),
      };
    return { kind: 'refined', focus: this.#sub(depth - 1), refinement: this.#refinement(depth - 1, false) };
  }

  #plainSub(focus: SubExpression['focus'], operator?: HierarchyOperator): SubExpression {
    return { kind: 'sub', operator, memberOf: undefined, focus, memberFilters: [], filters: [], history: undefined, at: 0 };
  }

  #concept(id: string, operator?: HierarchyOperator): SubExpression {
    return this.#plainSub({ kind: 'concept', id, at: 0 }, operator);
  }

  #any(): string {
    // Half of the time something near the root, whose descendants are many.
    const { concepts } = this.#snomed;
    return (
      concepts[this.#chance.is(0.5) ? this.#chance.below(Math.min(8, concepts.length)) : this.#chance.below(concepts.length)]?.['id'] ?? ''
    );
  }

  #sub(depth: number): SubExpression {
    const filters = this.#chance.is(0.3) ? [this.#filter()] : [];
    const history = this.#chance.is(0.1) ? this.#history() : undefined;
    const operator = this.#chance.is(0.6) ? this.#chance.one(OPERATORS, '<') : undefined;
    if (this.#chance.is(0.2)) {
      const refset = this.#chance.one(REFSETS, '');
      const named = HISTORY.includes(refset) && this.#chance.is(0.4);
      return {
        ...this.#concept(refset, operator),
        memberOf: named ? ['targetComponentId'] : 'concept',
        memberFilters: this.#chance.is(0.5) ? [this.#memberFilter(refset)] : [],
        filters,
        history,
      };
    }
    if (depth > 0 && this.#chance.is(0.25))
      return { ...this.#plainSub({ kind: 'nested', expression: this.expression(depth - 1) }, operator), filters, history };
    if (this.#chance.is(0.1)) return { ...this.#plainSub({ kind: 'any' }, operator), filters, history };
    return { ...this.#concept(this.#any(), operator), filters, history };
  }

  #history(): SubExpression['history'] {
    return this.#chance.is(0.3)
      ? { refsets: this.#concept(this.#chance.one(HISTORY, '')) }
      : { profile: this.#chance.one(['min', 'mod', 'max'] as const, 'min') };
  }

  #name(): SubExpression {
    if (this.#chance.is(0.15)) return this.#plainSub({ kind: 'any' });
    return this.#concept(this.#chance.one(ATTRIBUTES, ''), this.#chance.is(0.2) ? '<<' : undefined);
  }

  #refinement(depth: number, inGroup: boolean): Refinement {
    const parts = Array.from({ length: 1 + this.#chance.below(3) }, (): Refinement => {
      if (!inGroup && this.#chance.is(0.3)) return { kind: 'group', ...this.#cardinality(), set: this.#refinement(depth, true) };
      if (depth > 0 && this.#chance.is(0.15)) return this.#refinement(depth - 1, inGroup);
      return this.#attribute(inGroup);
    });
    const [first] = parts;
    return parts.length === 1 && first !== undefined ? first : { kind: this.#chance.is(0.6) ? 'and' : 'or', parts };
  }

  #cardinality(): { min: number; max: number } {
    if (this.#chance.is(0.6)) return { min: 1, max: Number.POSITIVE_INFINITY };
    const min = this.#chance.below(3);
    return { min, max: this.#chance.is(0.4) ? Number.POSITIVE_INFINITY : min + this.#chance.below(2) };
  }

  #attribute(inGroup: boolean): Attribute {
    const reverse = !inGroup && this.#chance.is(0.1);
    const name = this.#name();
    const comparison: Comparison =
      !reverse && this.#chance.is(0.2)
        ? { kind: 'number', order: this.#chance.one(ORDERS, '='), value: this.#chance.one([5, 10, 0.5, 250], 5) }
        : {
            kind: 'expression',
            isNot: this.#chance.is(0.2),
            value: this.#chance.is(0.3) ? this.#plainSub({ kind: 'any' }) : this.#concept(this.#any(), '<<'),
          };
    return { kind: 'attribute', ...this.#cardinality(), reverse, name, comparison };
  }

  #state(): StateCondition {
    const kind = this.#chance.below(3);
    if (kind === 0) return { kind: 'active', value: this.#chance.is(0.5) };
    if (kind === 1)
      return {
        kind: 'module',
        isNot: this.#chance.is(0.3),
        ids: this.#chance.is(0.5) ? ['900000000000207008'] : { expression: this.#concept('900000000000443000', '<') },
      };
    return { kind: 'time', order: this.#chance.one(ORDERS, '='), values: [20_120_731, 20_150_131].slice(this.#chance.below(2)) };
  }

  #filter(): Filter {
    if (this.#chance.is(0.4)) {
      const definition = { kind: 'definition' as const, isNot: this.#chance.is(0.3), ids: ['900000000000073002'] };
      return { kind: 'concept', conditions: this.#chance.is(0.5) ? [definition, this.#state()] : [this.#state()] };
    }
    return { kind: 'description', conditions: Array.from({ length: 1 + this.#chance.below(2) }, () => this.#description()) };
  }

  #word(): string {
    const term = this.#chance.one(this.#snomed.descriptions, {})['term'] ?? 'left';
    const words = term.split(/[^\p{L}\p{N}]+/u).filter((word) => word !== '');
    return this.#chance.one(words, 'left').slice(0, 1 + this.#chance.below(5));
  }

  #terms(): readonly SearchTerm[] {
    return Array.from({ length: 1 + this.#chance.below(2) }, (): SearchTerm => {
      if (this.#chance.is(0.3)) return { kind: 'wild', text: this.#chance.is(0.5) ? `${this.#word()}*` : `*${this.#word()}` };
      return { kind: 'match', text: this.#chance.is(0.3) ? `${this.#word()} ${this.#word()}` : this.#word() };
    });
  }

  #description(): DescriptionCondition {
    const isNot = this.#chance.is(0.2);
    switch (this.#chance.below(6)) {
      case 0:
      case 1:
        return { kind: 'term', isNot, terms: this.#terms() };
      case 2:
        return { kind: 'language', isNot, codes: [this.#chance.is(0.7) ? 'en' : 'sv'] };
      case 3:
        return {
          kind: 'type',
          isNot,
          ids: ['900000000000013009', '900000000000003001', '900000000000550004'].slice(this.#chance.below(3)),
        };
      case 4: {
        const acceptability = this.#chance.is(0.5) ? undefined : ([this.#chance.is(0.5) ? 1 : 2] as const);
        return { kind: 'dialect', isNot, dialects: [{ ids: ['900000000000508004'], acceptability }] };
      }
      default:
        return this.#state();
    }
  }

  #memberFilter(refset: string): readonly MemberFilter[] {
    if (refset === '447562003' && this.#chance.is(0.7)) {
      return this.#chance.is(0.5)
        ? [{ kind: 'field', field: 'mapGroup', at: 0, comparison: { kind: 'number', order: this.#chance.one(ORDERS, '='), value: 1 } }]
        : [
            {
              kind: 'field',
              field: 'mapTarget',
              at: 0,
              comparison: {
                kind: 'text',
                isNot: this.#chance.is(0.3),
                terms: [{ kind: 'match', text: String.fromCharCode(65 + this.#chance.below(20)) }],
              },
            },
          ];
    }
    if (HISTORY.includes(refset) && this.#chance.is(0.7)) {
      return [
        {
          kind: 'field',
          field: 'targetComponentId',
          at: 0,
          comparison: { kind: 'expression', isNot: this.#chance.is(0.3), value: this.#concept(this.#any(), '<<') },
        },
      ];
    }
    return [this.#state()];
  }
}
