/** Reads a FHIRPath expression (http://hl7.org/fhirpath/N1) into a tree; its length and depth are bounded. */

/** Where a node begins: characters from the start of the expression. */
interface Placed {
  readonly at: number;
}

export type PathNode = Placed &
  (
    | { readonly kind: 'literal'; readonly type: LiteralType; readonly text: string }
    | { readonly kind: 'none' }
    | { readonly kind: 'this' }
    | { readonly kind: 'position' }
    | { readonly kind: 'constant'; readonly name: string }
    | { readonly kind: 'name'; readonly of: PathNode | undefined; readonly name: string }
    | { readonly kind: 'call'; readonly of: PathNode | undefined; readonly name: string; readonly args: readonly PathNode[] }
    | { readonly kind: 'item'; readonly of: PathNode; readonly index: PathNode }
    | { readonly kind: 'sign'; readonly op: string; readonly of: PathNode }
    | { readonly kind: 'pair'; readonly op: string; readonly left: PathNode; readonly right: PathNode }
    | { readonly kind: 'type'; readonly op: 'is' | 'as'; readonly of: PathNode; readonly type: string }
  );

export type LiteralType = 'string' | 'boolean' | 'integer' | 'decimal' | 'date' | 'dateTime' | 'time';

/** What cannot be read, and where; thrown by `parsePath` and by the compiler. */
export class PathFault extends Error {
  readonly reason: string;
  readonly at: number;
  constructor(reason: string, at: number) {
    super(reason);
    this.reason = reason;
    this.at = at;
  }
}

const MOST_CHARACTERS = 10_000;
const MOST_DEPTH = 60;
const MOST_TOKENS = 3_000;

interface Token {
  readonly kind: 'name' | 'quoted' | 'string' | 'number' | 'date' | 'time' | 'symbol' | 'constant' | 'special' | 'end';
  readonly text: string;
  readonly at: number;
}

const TOKEN =
  /(?<space>\s+|\/\/[^\n]*|\/\*[^*]*\*+(?:[^/*][^*]*\*+)*\/)|(?<name>[A-Za-z_]\w*)|`(?<quoted>[^`\\]*)`|'(?<string>(?:[^'\\]|\\.)*)'|@(?<time>T\d\d(?::\d\d(?::\d\d(?:\.\d+)?)?)?)|@(?<date>\d{4}(?:-\d\d(?:-\d\d)?)?(?:T(?:\d\d(?::\d\d(?::\d\d(?:\.\d+)?)?)?)?(?:Z|[+-]\d\d:\d\d)?)?)|(?<number>\d+(?:\.\d+)?)|%(?:(?<constant>[A-Za-z_][\w-]*)|`(?<quotedConstant>[^`\\]+)`|'(?<textConstant>[^'\\]+)')|\$(?<special>this|index|total)|(?<symbol><=|>=|!=|!~|[.,()[\]{}+\-*/&|=~<>])/sy;

const ESCAPES: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', f: '\f' };

const unescaped = (text: string): string =>
  text.replace(/\\(?:u([0-9a-fA-F]{4})|(.))/gs, (_whole, code: string | undefined, plain: string) =>
    code === undefined ? (ESCAPES[plain] ?? plain) : String.fromCharCode(Number.parseInt(code, 16)),
  );

function tokensOf(text: string): readonly Token[] {
  if (text.length > MOST_CHARACTERS) throw new PathFault(`it is longer than ${MOST_CHARACTERS} characters`, 0);
  const tokens: Token[] = [];
  let at = 0;
  while (at < text.length) {
    TOKEN.lastIndex = at;
    const found = TOKEN.exec(text)?.groups;
    if (found === undefined) throw new PathFault('nothing of FHIRPath begins so', at);
    const constant = found['constant'] ?? found['quotedConstant'] ?? found['textConstant'];
    if (constant !== undefined) tokens.push({ kind: 'constant', text: constant, at });
    for (const kind of ['name', 'quoted', 'number', 'date', 'time', 'special', 'symbol'] as const) {
      const value = found[kind];
      if (value !== undefined) tokens.push({ kind, text: value, at });
    }
    const string = found['string'];
    if (string !== undefined) tokens.push({ kind: 'string', text: unescaped(string), at });
    if (tokens.length > MOST_TOKENS) throw new PathFault(`it has more than ${MOST_TOKENS} parts`, at);
    at = TOKEN.lastIndex;
  }
  return [...tokens, { kind: 'end', text: '', at: text.length }];
}

/** Operators by how tightly they bind, the loosest first (http://hl7.org/fhirpath/N1/#operator-precedence). */
const LEVELS: readonly (readonly string[])[] = [
  ['implies'],
  ['or', 'xor'],
  ['and'],
  ['in', 'contains'],
  ['=', '~', '!=', '!~'],
  ['<=', '<', '>', '>='],
  ['|'],
  ['is', 'as'],
  ['+', '-', '&'],
  ['*', '/', 'div', 'mod'],
];

class Parser {
  readonly #tokens: readonly Token[];
  #next = 0;
  #depth = 0;

  constructor(text: string) {
    this.#tokens = tokensOf(text);
  }

  #peek(): Token {
    return this.#tokens[this.#next] ?? { kind: 'end', text: '', at: 0 };
  }

  #take(): Token {
    const token = this.#peek();
    this.#next++;
    return token;
  }

  #isSymbol(text: string): boolean {
    const { kind, text: found } = this.#peek();
    return kind === 'symbol' && found === text;
  }

  #expect(text: string): void {
    if (!this.#isSymbol(text)) throw this.#fault(`"${text}" is missing`);
    this.#next++;
  }

  #fault(reason: string): PathFault {
    return new PathFault(reason, this.#peek().at);
  }

  whole(): PathNode {
    const node = this.#level(0);
    if (this.#peek().kind !== 'end') throw this.#fault('nothing can follow here');
    return node;
  }

  #level(level: number): PathNode {
    const operators = LEVELS[level];
    if (operators === undefined) return this.#signed();
    if (++this.#depth > MOST_DEPTH * LEVELS.length) throw this.#fault(`it is nested more than ${MOST_DEPTH} levels deep`);
    let left = this.#level(level + 1);
    for (let token = this.#peek(); /^(symbol|name)$/.test(token.kind) && operators.includes(token.text); token = this.#peek()) {
      this.#next++;
      const { text: op, at } = token;
      if (op === 'is' || op === 'as') left = { kind: 'type', op, of: left, type: this.#typeName(), at };
      else left = { kind: 'pair', op, left, right: this.#level(level + 1), at };
    }
    this.#depth--;
    return left;
  }

  #typeName(): string {
    const first = this.#take();
    if (first.kind !== 'name' && first.kind !== 'quoted') throw new PathFault('the name of a type is missing', first.at);
    if (!this.#isSymbol('.')) return first.text;
    this.#next++;
    return this.#take().text;
  }

  #signed(): PathNode {
    const { at, text } = this.#peek();
    if (!this.#isSymbol('-') && !this.#isSymbol('+')) return this.#steps();
    this.#next++;
    if (++this.#depth > MOST_DEPTH * LEVELS.length) throw this.#fault(`it is nested more than ${MOST_DEPTH} levels deep`);
    const of = this.#signed();
    this.#depth--;
    return { kind: 'sign', op: text, of, at };
  }

  #steps(): PathNode {
    let node = this.#term();
    for (;;) {
      const { at } = this.#peek();
      if (this.#isSymbol('.')) {
        this.#next++;
        node = this.#invocation(node);
      } else if (this.#isSymbol('[')) {
        this.#next++;
        const index = this.#level(0);
        this.#expect(']');
        node = { kind: 'item', of: node, index, at };
      } else return node;
    }
  }

  #invocation(of: PathNode | undefined): PathNode {
    const { kind, text, at } = this.#take();
    if (kind === 'special' && of === undefined) {
      if (text === 'this') return { kind: 'this', at };
      if (text === 'index') return { kind: 'position', at };
    }
    if (kind !== 'name' && kind !== 'quoted') throw new PathFault('the name of an element or a function is missing', at);
    if (!this.#isSymbol('(')) return { kind: 'name', of, name: text, at };
    this.#next++;
    const args: PathNode[] = [];
    while (!this.#isSymbol(')')) {
      args.push(this.#level(0));
      if (!this.#isSymbol(')')) this.#expect(',');
    }
    this.#expect(')');
    return { kind: 'call', of, name: text, args, at };
  }

  #term(): PathNode {
    const { kind, text, at } = this.#peek();
    if (this.#isSymbol('(')) {
      this.#next++;
      const inner = this.#level(0);
      this.#expect(')');
      return inner;
    }
    if (this.#isSymbol('{')) {
      this.#next++;
      this.#expect('}');
      return { kind: 'none', at };
    }
    if (kind === 'name' && (text === 'true' || text === 'false')) {
      this.#next++;
      return { kind: 'literal', type: 'boolean', text, at };
    }
    if (kind === 'name' || kind === 'quoted' || kind === 'special') return this.#invocation(undefined);
    this.#next++;
    if (kind === 'constant') return { kind: 'constant', name: text, at };
    if (kind === 'string') return { kind: 'literal', type: 'string', text, at };
    if (kind === 'time') return { kind: 'literal', type: 'time', text: text.slice(1), at };
    if (kind === 'date') return { kind: 'literal', type: text.includes('T') ? 'dateTime' : 'date', text: text.replace(/T$/, ''), at };
    if (kind !== 'number') throw new PathFault(kind === 'end' ? 'it ends too early' : 'an expression cannot begin so', at);
    const follows = this.#peek();
    if (follows.kind === 'string') throw new PathFault('quantities with units are not supported here', follows.at);
    return { kind: 'literal', type: text.includes('.') ? 'decimal' : 'integer', text, at };
  }
}

/** Returns the tree of an expression; throws PathFault with the place. */
export const parsePath = (text: string): PathNode => new Parser(text).whole();
