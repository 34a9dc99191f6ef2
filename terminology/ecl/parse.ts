import { Cursor, type Reader } from './cursor.ts';
import { comparisonIn, filtersIn, historyIn, memberFiltersIn } from './parse-filters.ts';
import {
  type Attribute,
  EclError,
  type Expression,
  type Focus,
  type HierarchyOperator,
  type Refinement,
  type SubExpression,
} from './syntax.ts';

const LONGEST = 100_000;
const DEEPEST = 100;
const OPERATORS: readonly HierarchyOperator[] = ['<<!', '>>!', '!!>', '!!<', '<<', '<!', '>>', '>!', '<', '>'];
const WORDS: readonly (readonly [RegExp, HierarchyOperator])[] = [
  [/descendantOrSelfOf\b/iy, '<<'],
  [/descendantOf\b/iy, '<'],
  [/childOrSelfOf\b/iy, '<<!'],
  [/childOf\b/iy, '<!'],
  [/ancestorOrSelfOf\b/iy, '>>'],
  [/ancestorOf\b/iy, '>'],
  [/parentOrSelfOf\b/iy, '>>!'],
  [/parentOf\b/iy, '>!'],
  [/top\b/iy, '!!>'],
  [/bottom\b/iy, '!!<'],
];

/** Returns the parts of an expression in ECL 2.2, brief or long syntax. Throws EclError with the place of what does not fit. */
export function parseEcl(text: string): Expression {
  if (text.length > LONGEST) throw new EclError('too-costly', LONGEST, `longer than ${LONGEST} characters`);
  const parser = new Parser(new Cursor(text));
  const expression = parser.expression();
  parser.cursor.skip();
  if (parser.cursor.at < text.length) throw parser.cursor.wrong('expected the end or an operator');
  return expression;
}

class Parser implements Reader {
  readonly cursor: Cursor;
  #depth = 0;
  constructor(cursor: Cursor) {
    this.cursor = cursor;
  }

  expression(): Expression {
    this.#depth += 1;
    if (this.#depth > DEEPEST) throw new EclError('too-costly', this.cursor.at, `nested deeper than ${DEEPEST}`);
    try {
      return this.#rest(this.sub());
    } finally {
      this.#depth -= 1;
    }
  }

  #rest(first: SubExpression): Expression {
    const { cursor } = this;
    if (cursor.takes(':')) return { kind: 'refined', focus: first, refinement: this.#refinement() };
    if (cursor.sees('.')) {
      const attributes: Expression[] = [];
      while (cursor.takes('.')) attributes.push(this.sub());
      return { kind: 'dotted', focus: first, attributes };
    }
    const operator = this.#operator();
    if (operator === undefined) return first;
    const parts: Expression[] = [first, this.sub()];
    for (let next = this.#operator(); next !== undefined; next = this.#operator()) {
      if (next !== operator || operator === 'minus') throw cursor.wrong('put brackets around what belongs together: operators are mixed');
      parts.push(this.sub());
    }
    if (cursor.sees(':') || cursor.sees('.')) throw cursor.wrong('put brackets around the expression that is refined');
    return { kind: 'compound', operator, parts };
  }

  #operator(): 'and' | 'or' | 'minus' | undefined {
    if (this.cursor.takes(',') || this.cursor.match(/and(?=[\s/(])/iy) !== undefined) return 'and';
    if (this.cursor.match(/or(?=[\s/(])/iy) !== undefined) return 'or';
    return this.cursor.match(/minus(?=[\s/(])/iy) === undefined ? undefined : 'minus';
  }

  sub(): SubExpression {
    const { cursor } = this;
    cursor.skip();
    const at = cursor.at;
    const operator = OPERATORS.find((sign) => cursor.takes(sign)) ?? WORDS.find(([word]) => cursor.match(word) !== undefined)?.[1];
    const memberOf = this.#memberOf();
    const focus = this.#focus();
    const memberFilters = memberFiltersIn(this);
    if (memberFilters.length > 0 && memberOf === undefined)
      throw new EclError('syntax', at, 'a member filter needs a member-of (^) before it');
    const filters = filtersIn(this);
    return { kind: 'sub', operator, memberOf, focus, memberFilters, filters, history: historyIn(this), at };
  }

  #memberOf(): SubExpression['memberOf'] {
    const { cursor } = this;
    if (!cursor.takes('^') && cursor.match(/memberOf\b/iy) === undefined) return undefined;
    if (!cursor.takes('[')) return 'concept';
    if (cursor.takes('*')) {
      cursor.expect(']');
      return '*';
    }
    const fields: string[] = [];
    do fields.push(cursor.expectMatch(/[A-Za-z]+/y, 'the name of a column'));
    while (cursor.takes(','));
    cursor.expect(']');
    return fields;
  }

  #focus(): Focus {
    const { cursor } = this;
    if (cursor.takes('(')) {
      const expression = this.expression();
      cursor.expect(')');
      return { kind: 'nested', expression };
    }
    if (cursor.takes('*') || cursor.match(/any\b/iy) !== undefined) return { kind: 'any' };
    const { at } = cursor;
    const id = this.conceptId();
    if (id !== undefined) return { kind: 'concept', id, at };
    const plain = cursor.match(/[A-Za-z][\w-]*#[\w.-]+/y) ?? cursor.match(/"[A-Za-z][\w-]*#[^"\\]+"/y)?.slice(1, -1);
    if (plain === undefined) throw cursor.wrong('expected a concept, "*", "(" or an alternate identifier');
    this.term();
    const split = plain.indexOf('#');
    return { kind: 'alternate', scheme: plain.slice(0, split), code: plain.slice(split + 1), at };
  }

  /** Reads a concept's identifier with the term beside it, if one comes next. */
  conceptId(): string | undefined {
    const { cursor } = this;
    const id = cursor.match(/[1-9]\d{5,17}(?![\w#])/y);
    if (id !== undefined) this.term();
    return id;
  }

  term(): void {
    const { cursor } = this;
    if (!cursor.takes('|')) return;
    if (cursor.match(/[^|]+/y) === undefined) throw cursor.wrong('expected a term');
    cursor.expect('|');
  }

  #refinement(): Refinement {
    const first = this.#subRefinement();
    return this.#joined(first, () => this.#subRefinement());
  }

  /** One or more parts joined by one and the same operator. Goes back to before an operator after which `read` does not fit. */
  #joined(first: Refinement, read: () => Refinement): Refinement {
    const { cursor } = this;
    const parts = [first];
    let kind: 'and' | 'or' | undefined;
    for (;;) {
      const start = cursor.at;
      const operator = this.#operator();
      if (operator === undefined) break;
      if (operator === 'minus') throw cursor.wrong('MINUS cannot stand between attributes');
      if (kind !== undefined && operator !== kind) {
        cursor.at = start;
        break;
      }
      kind = operator;
      parts.push(read());
    }
    return kind === undefined ? first : { kind, parts };
  }

  #subRefinement(): Refinement {
    const { cursor } = this;
    const group = this.#group();
    if (group !== undefined) return group;
    if (cursor.sees('(')) {
      const attribute = cursor.attempt(() => this.#attribute());
      if ('value' in attribute) return this.#attributeSet(attribute.value);
      const nested = cursor.attempt(() => {
        cursor.expect('(');
        const refinement = this.#refinement();
        cursor.expect(')');
        return refinement;
      });
      if ('failure' in nested) throw nested.failure.at > attribute.failure.at ? nested.failure : attribute.failure;
      return nested.value;
    }
    return this.#attributeSet(this.#attribute());
  }

  /** Attributes that follow `first` with one operator; a group or another operator after them belongs to the refinement above. */
  #attributeSet(first: Refinement): Refinement {
    const { cursor } = this;
    const parts = [first];
    let kind: 'and' | 'or' | undefined;
    for (;;) {
      const start = cursor.at;
      const operator = this.#operator();
      const isGroup = cursor.match(/(?:\[\s*\d+\s*\.\.\s*(?:\d+|\*)\s*\]\s*)?\{(?!\{)/y) !== undefined;
      if (operator === undefined || operator === 'minus' || isGroup || (kind !== undefined && kind !== operator)) {
        cursor.at = start;
        break;
      }
      // A bracket may hold groups: then it is a part of the refinement above.
      const next = cursor.sees('(') ? cursor.attempt(() => this.#subAttributeSet()) : { value: this.#subAttributeSet() };
      if ('failure' in next) {
        cursor.at = start;
        break;
      }
      kind = operator;
      parts.push(next.value);
    }
    return kind === undefined ? first : { kind, parts };
  }

  #subAttributeSet(): Refinement {
    const { cursor } = this;
    if (!cursor.sees('(')) return this.#attribute();
    const attribute = cursor.attempt(() => this.#attribute());
    if ('value' in attribute) return attribute.value;
    cursor.expect('(');
    const set = this.#attributeSet(this.#subAttributeSet());
    cursor.expect(')');
    return set;
  }

  #group(): Refinement | undefined {
    const { cursor } = this;
    const start = cursor.at;
    const { min, max } = this.#cardinality();
    if (cursor.sees('{{') || !cursor.takes('{')) {
      cursor.at = start;
      return undefined;
    }
    const set = this.#attributeSet(this.#subAttributeSet());
    cursor.expect('}');
    return { kind: 'group', min, max, set };
  }

  #cardinality(): { readonly min: number; readonly max: number } {
    const { cursor } = this;
    if (!cursor.takes('[')) return { min: 1, max: Number.POSITIVE_INFINITY };
    const { at } = cursor;
    const min = Number(cursor.expectMatch(/\d+/y, 'the least number'));
    if (!cursor.takes('..') && cursor.match(/to\b/iy) === undefined) throw cursor.wrong('expected ".."');
    const most = cursor.expectMatch(/\d+|\*|many\b/iy, 'the greatest number or *');
    cursor.expect(']');
    const max = /^\d/.test(most) ? Number(most) : Number.POSITIVE_INFINITY;
    if (max < min) throw new EclError('syntax', at, `the cardinality ends at ${max}, before it begins`);
    return { min, max };
  }

  #attribute(): Attribute {
    const { cursor } = this;
    const { min, max } = this.#cardinality();
    const reverse = cursor.match(/(?:R|reverseOf)(?![\w#])/y) !== undefined;
    const name = this.sub();
    return { kind: 'attribute', min, max, reverse, name, comparison: comparisonIn(this) };
  }
}
