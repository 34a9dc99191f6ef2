/**
 * Expression text to syntax tree. From loose to tight: `or` · `and` · `in`, `=`, `!=`, `<`, `>` · `??` · `+` · `as` · `.call()`, `[n]`.
 * FHIRPath's names where it has one (http://hl7.org/fhirpath/N1/); `??` takes the first value that is there.
 */
import type { Position } from '../diagnostics.ts';
import { type Diagnostic, diagnostic } from '../diagnostics.ts';
import type { ScalarNode } from '../read.ts';
import { type SyntaxFault, type Token, tokenise } from './tokens.ts';
import type { BinaryOperator, Expression } from './tree.ts';

const LIMIT = { characters: 4000, depth: 60 };

export type Parsed = { readonly ok: true; readonly tree: Expression } | { readonly ok: false; readonly diagnostics: readonly Diagnostic[] };

/** Returns the position of `offset` (0-based in the expression text, without `=`) in the file; exact for texts on one line. */
export function positionIn(node: ScalarNode, offset: number): Position {
  return { ...node.at, column: node.at.column + offset + (node.quoted ? 2 : 1) };
}

/** A map is compiled for many versions and messages: its expressions are read once. */
const parsed = new WeakMap<ScalarNode, Parsed>();

/** Returns the tree of the expression in `node` (its text starts with `=`). */
export function parseExpression(node: ScalarNode): Parsed {
  const known = parsed.get(node);
  if (known !== undefined) return known;
  const found = parse(node);
  parsed.set(node, found);
  return found;
}

function parse(node: ScalarNode): Parsed {
  const text = node.value.slice(1);
  const refuse = (reason: string, offset: number): Parsed => ({
    ok: false,
    diagnostics: [diagnostic('expression-syntax', positionIn(node, offset), { reason })],
  });
  if (text.length > LIMIT.characters) {
    return { ok: false, diagnostics: [diagnostic('expression-too-long', node.at, { limit: `${LIMIT.characters} characters` })] };
  }
  const tokens = tokenise(text);
  if ('reason' in tokens) return refuse(tokens.reason, tokens.offset);
  const parser = new Parser(tokens);
  const tree = parser.whole();
  return 'reason' in tree ? refuse(tree.reason, tree.offset) : { ok: true, tree };
}

const LEVELS: readonly (readonly BinaryOperator[])[] = [['or'], ['and'], ['=', '!=', '<', '<=', '>', '>='], ['??'], ['+']];
const COMPARISON = 2;

class Parser {
  readonly #tokens: readonly Token[];
  #at = 0;
  #depth = 0;

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
  }

  whole(): Expression | SyntaxFault {
    const tree = this.#level(0);
    if ('reason' in tree) return tree;
    const rest = this.#peek();
    return rest.kind === 'end' ? tree : { reason: `"${rest.value}" does not belong here`, offset: rest.offset };
  }

  #peek(): Token {
    return this.#tokens[this.#at] ?? { kind: 'end', value: '', offset: 0, end: 0 };
  }

  #next(): Token {
    const token = this.#peek();
    this.#at += 1;
    return token;
  }

  #accept(value: string): boolean {
    const token = this.#peek();
    if ((token.kind !== 'operator' && token.kind !== 'name') || token.value !== value) return false;
    this.#at += 1;
    return true;
  }

  #level(level: number): Expression | SyntaxFault {
    if (this.#depth > LIMIT.depth) return { reason: 'it nests too deeply', offset: this.#peek().offset };
    this.#depth += 1;
    const tree = this.#operands(level);
    this.#depth -= 1;
    return tree;
  }

  #operands(level: number): Expression | SyntaxFault {
    const operators = LEVELS[level];
    if (operators === undefined) return this.#cast();
    let left = this.#level(level + 1);
    for (let count = 0; !('reason' in left); count++) {
      const token = this.#peek();
      if (level === COMPARISON && (token.value === 'in' || token.value === 'not') && token.kind === 'name') {
        left = this.#membership(left);
        continue;
      }
      const op = token.kind === 'operator' || token.kind === 'name' ? operators.find((each) => each === token.value) : undefined;
      if (op === undefined) return left;
      if (count > 200) return { reason: 'it has too many operators', offset: token.offset };
      this.#at += 1;
      const right = this.#level(level + 1);
      if ('reason' in right) return right;
      left = { kind: 'binary', op, left, right, offset: token.offset };
    }
    return left;
  }

  #membership(left: Expression): Expression | SyntaxFault {
    const { offset } = this.#peek();
    const negated = this.#accept('not');
    if (!this.#accept('in')) return { reason: '"not" stands only before "in"; elsewhere write .not()', offset };
    if (!this.#accept('(')) return { reason: 'after "in" comes a list in parentheses', offset: this.#peek().offset };
    const items = this.#list();
    return 'reason' in items ? items : { kind: 'in', left, items, negated, offset };
  }

  #list(): readonly Expression[] | SyntaxFault {
    const items: Expression[] = [];
    if (this.#accept(')')) return items;
    for (;;) {
      const item = this.#level(0);
      if ('reason' in item) return item;
      items.push(item);
      if (this.#accept(')')) return items;
      if (!this.#accept(',')) return { reason: 'a comma or ")" is missing', offset: this.#peek().offset };
    }
  }

  #cast(): Expression | SyntaxFault {
    let operand = this.#postfix();
    while (!('reason' in operand) && this.#accept('as')) {
      const type = this.#next();
      if (type.kind !== 'name') return { reason: 'after "as" comes a type', offset: type.offset };
      operand = { kind: 'as', operand, type: type.value, offset: type.offset };
    }
    return operand;
  }

  #postfix(): Expression | SyntaxFault {
    let base = this.#primary();
    for (let steps = 0; !('reason' in base); steps++) {
      const token = this.#peek();
      if (steps > LIMIT.depth) return { reason: 'its chain of steps is too long', offset: token.offset };
      if (this.#accept('.')) {
        base = this.#member(base);
      } else if (this.#accept('[')) {
        const index = this.#next();
        if (index.kind !== 'number' || !/^\d{1,5}$/.test(index.value))
          return { reason: 'between brackets comes a whole number', offset: index.offset };
        if (!this.#accept(']')) return { reason: '"]" is missing', offset: this.#peek().offset };
        base = { kind: 'index', base, index: Number(index.value), offset: token.offset };
      } else {
        return base;
      }
    }
    return base;
  }

  #member(base: Expression): Expression | SyntaxFault {
    const name = this.#next();
    if (name.kind === 'number') return { kind: 'part', base, parts: name.value.split('.').map(Number), offset: name.offset };
    if (name.kind !== 'name') return { reason: 'after "." comes a name', offset: name.offset };
    if (!this.#accept('(')) return { kind: 'member', base, name: name.value, offset: name.offset };
    const args = this.#list();
    return 'reason' in args ? args : { kind: 'call', base, name: name.value, args, offset: name.offset };
  }

  #primary(): Expression | SyntaxFault {
    const token = this.#next();
    const { offset } = token;
    if (token.kind === 'v2') return token.path;
    if (token.kind === 'text') return { kind: 'text', value: token.value, offset };
    if (token.kind === 'number') return { kind: 'number', value: token.value, offset };
    if (token.kind === 'operator' && token.value === '(') {
      const inner = this.#level(0);
      if ('reason' in inner || this.#accept(')')) return inner;
      return { reason: '")" is missing', offset: this.#peek().offset };
    }
    if (token.kind !== 'name')
      return { reason: token.kind === 'end' ? 'it ends too early' : `"${token.value}" does not belong here`, offset };
    if (token.value === 'true' || token.value === 'false') return { kind: 'boolean', value: token.value === 'true', offset };
    if (!this.#accept('(')) return { kind: 'name', name: token.value, offset };
    const args = this.#list();
    return 'reason' in args ? args : { kind: 'call', base: undefined, name: token.value, args, offset };
  }
}
