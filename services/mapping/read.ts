/**
 * YAML as the mapping language reads it: a tree of text with a position on every node. Every scalar is a string (HL7 tables are
 * full of N, NO, 01 and 1E5); duplicate keys, aliases, anchors, tags, and files too large or too deep are refused.
 */
import { type Document, isAlias, isMap, isPair, isScalar, isSeq, LineCounter, type Pair, parseDocument } from 'yaml';
import { type Diagnostic, type DiagnosticCode, diagnostic, type Position } from './diagnostics.ts';

export interface ScalarNode {
  readonly kind: 'scalar';
  readonly value: string;
  /** True when written in quotes or as a block: the text then starts one column after `at` at the earliest. */
  readonly quoted: boolean;
  readonly at: Position;
}

export interface MapEntry {
  readonly key: string;
  readonly at: Position;
  readonly value: SpecNode;
}

export interface MapNode {
  readonly kind: 'map';
  readonly entries: readonly MapEntry[];
  readonly at: Position;
}

export interface ListNode {
  readonly kind: 'list';
  readonly items: readonly SpecNode[];
  readonly at: Position;
}

export type SpecNode = ScalarNode | MapNode | ListNode;

export interface ReadSpec {
  readonly file: string;
  /** Undefined when there are diagnostics of severity error. */
  readonly root: SpecNode | undefined;
  readonly diagnostics: readonly Diagnostic[];
}

export const LIMITS = { characters: 1 << 20, depth: 40, nodes: 100_000 } as const;

/** Returns the tree of one YAML document, or the diagnostics that prevented it. Never throws. */
export function readSpec(text: string, file: string): ReadSpec {
  const start: Position = { file, line: 1, column: 1 };
  const refuse = (...diagnostics: Diagnostic[]): ReadSpec => ({ file, root: undefined, diagnostics });
  if (text.length > LIMITS.characters) return refuse(diagnostic('yaml-too-large', start, { limit: `${LIMITS.characters} characters` }));
  const deep = tooDeepAt(text, file);
  if (deep !== undefined) return refuse(diagnostic('yaml-too-deep', deep, { limit: LIMITS.depth }));
  const lines = new LineCounter();
  let document: Document.Parsed;
  try {
    document = parseDocument(text, { schema: 'failsafe', uniqueKeys: false, lineCounter: lines, merge: false, logLevel: 'silent' });
  } catch (cause) {
    // The library recurses: only nesting beyond any sense exhausts the stack.
    if (cause instanceof RangeError) return refuse(diagnostic('yaml-too-deep', start, { limit: LIMITS.depth }));
    return refuse(diagnostic('yaml-syntax', start, { reason: 'The file is not YAML', hint: QUOTES }));
  }
  const positionOf = (offset: number): Position => {
    const { line, col } = lines.linePos(offset);
    return { file, line: Math.max(line, 1), column: Math.max(col, 1) };
  };
  // What follows the first fault is read at the wrong depth: more of them would be about places that are right.
  const [fault] = [...document.errors, ...document.warnings];
  if (fault !== undefined) {
    const at = positionOf(fault.pos[0]);
    const rest = text.split('\n').slice(at.line - 1, at.line + 1);
    return refuse(
      diagnostic('yaml-syntax', at, { reason: firstLine(fault.message), hint: hintFor(fault.message, rest[0] ?? '', rest[1] ?? '') }),
    );
  }
  const reader = new TreeReader(positionOf);
  const root = reader.node(document.contents, 0, 0);
  return reader.diagnostics.length > 0 ? refuse(...reader.diagnostics) : { file, root, diagnostics: [] };
}

const QUOTES = 'Correct the YAML at this place; an expression that holds ": ", " #", "," or brackets needs quotes.';

/** Returns what to do about a fault of YAML, by what the library says and by what stands in its line and the next. */
function hintFor(message: string, line: string, next: string): string {
  if (/\t/.test(line) && /^\s*\t/.test(line)) return 'Write spaces instead of the tab: an editor shows both alike.';
  if (/[\u00a0\u2007\u202f]/.test(line))
    return 'The line holds a no-break space, which only looks like a space (pasted from a document?): write a plain one.';
  const isKey = /^\s*[\w.[\]"-]+:(\s|$)/.test(next);
  if (isKey && next.search(/\S/) > line.search(/\S/) && /Nested mappings|single line/.test(message))
    return 'The next line has more spaces before it, so it goes on with this one: give every key of one map the same number of spaces.';
  if (/same column|indent/i.test(message)) return 'Give every key of one map the same number of spaces before it.';
  return QUOTES;
}

/** Returns where flow brackets or indentation nest deeper than any map needs; found before the recursive parser sees it. */
function tooDeepAt(text: string, file: string): Position | undefined {
  let depth = 0;
  let line = 1;
  let lineStart = 0;
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (c === 10) {
      line += 1;
      lineStart = i + 1;
    } else if (c === 91 || c === 123) {
      depth += 1;
    } else if (c === 93 || c === 125) {
      depth = Math.max(0, depth - 1);
    }
    if (depth > LIMITS.depth) return { file, line, column: i - lineStart + 1 };
  }
  const compact = /^(?:[-?:][ \t]+){41}/m.exec(text);
  return compact === null ? undefined : { file, line: text.slice(0, compact.index).split('\n').length, column: 1 };
}

const firstLine = (text: string): string => (text.split('\n')[0] ?? '').replace(/ at line \d+.*$/, '').replace(/:$/, '');

class TreeReader {
  readonly diagnostics: Diagnostic[] = [];
  readonly #positionOf: (offset: number) => Position;
  #nodes = 0;

  constructor(positionOf: (offset: number) => Position) {
    this.#positionOf = positionOf;
  }

  node(value: unknown, depth: number, offset: number): SpecNode {
    const at = this.#positionOf(rangeStart(value) ?? offset);
    this.#nodes += 1;
    if (depth > LIMITS.depth) return this.#refused('yaml-too-deep', at, { limit: LIMITS.depth });
    if (this.#nodes > LIMITS.nodes) return this.#refused('yaml-too-large', at, { limit: `${LIMITS.nodes} values` });
    if (isAlias(value)) return this.#refused('yaml-alias', at);
    if (hasAnchor(value)) return this.#refused('yaml-alias', at);
    if (hasTag(value)) return this.#refused('yaml-tag', at);
    if (isMap(value)) return { kind: 'map', at, entries: this.#entries(value.items, depth, at) };
    if (isSeq(value)) return { kind: 'list', at, items: value.items.map((item) => this.node(item, depth + 1, rangeStart(item) ?? offset)) };
    if (isScalar(value)) {
      const quoted =
        value.type === 'QUOTE_DOUBLE' || value.type === 'QUOTE_SINGLE' || value.type === 'BLOCK_LITERAL' || value.type === 'BLOCK_FOLDED';
      return { kind: 'scalar', value: typeof value.value === 'string' ? value.value : '', quoted, at };
    }
    return { kind: 'scalar', value: '', quoted: false, at };
  }

  #entries(items: readonly unknown[], depth: number, mapAt: Position): MapEntry[] {
    const seen = new Set<string>();
    const entries: MapEntry[] = [];
    for (const item of items) {
      if (!isPair(item)) continue;
      const entry = this.#entry(item, depth, mapAt);
      if (entry === undefined) continue;
      if (seen.has(entry.key)) this.#refused('yaml-duplicate-key', entry.at, { name: entry.key });
      seen.add(entry.key);
      entries.push(entry);
    }
    return entries;
  }

  #entry(pair: Pair, depth: number, mapAt: Position): MapEntry | undefined {
    const offset = rangeStart(pair.key);
    const at = offset === undefined ? mapAt : this.#positionOf(offset);
    if (isAlias(pair.key) || hasAnchor(pair.key)) this.#refused('yaml-alias', at);
    if (hasTag(pair.key)) this.#refused('yaml-tag', at);
    if (!isScalar(pair.key) || typeof pair.key.value !== 'string' || pair.key.value === '') {
      this.#refused('yaml-key', at);
      return undefined;
    }
    return { key: pair.key.value, at, value: this.node(pair.value, depth + 1, offset ?? 0) };
  }

  #refused(code: DiagnosticCode, at: Position, values: Readonly<Record<string, string | number>> = {}): SpecNode {
    if (this.diagnostics.length < 20) this.diagnostics.push(diagnostic(code, at, values));
    return { kind: 'scalar', value: '', quoted: true, at };
  }
}

function rangeStart(value: unknown): number | undefined {
  if (typeof value !== 'object' || value === null || !('range' in value) || !Array.isArray(value.range)) return undefined;
  const start: unknown = value.range[0];
  return typeof start === 'number' ? start : undefined;
}

const hasAnchor = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && 'anchor' in value && typeof value.anchor === 'string';
const hasTag = (value: unknown): boolean => typeof value === 'object' && value !== null && 'tag' in value && typeof value.tag === 'string';

/** True when the scalar is an expression: it starts with `=`, quoted or not. A literal text that starts with `=` is written as `='=text'`. */
export const isExpression = (node: SpecNode): node is ExpressionNode => node.kind === 'scalar' && node.value.startsWith('=');

export type ExpressionNode = ScalarNode & { readonly value: `=${string}` };

/** Returns the value under `key`, or undefined. */
export function entryOf(node: SpecNode | undefined, key: string): MapEntry | undefined {
  return node?.kind === 'map' ? node.entries.find((each) => each.key === key) : undefined;
}

/** Returns the text of the scalar under `key`; undefined when it is missing or not a scalar. */
export function textOf(node: SpecNode | undefined, key: string): string | undefined {
  const found = entryOf(node, key)?.value;
  return found?.kind === 'scalar' ? found.value : undefined;
}

/** Returns the scalars of a list, or the one scalar. */
export function texts(node: SpecNode | undefined): readonly ScalarNode[] {
  if (node === undefined) return [];
  return (node.kind === 'list' ? node.items : [node]).filter((each) => each.kind === 'scalar');
}

/** Returns the scalar under `key`, or undefined. */
export function textNode(node: SpecNode | undefined, key: string): ScalarNode | undefined {
  const found = entryOf(node, key)?.value;
  return found?.kind === 'scalar' ? found : undefined;
}

/** The form that the value of a key has in every document of the language. */
const FORMS: Readonly<Record<string, SpecNode['kind']>> = {
  ...{ ignore: 'list', cases: 'list', override: 'list' },
  ...{ fields: 'map', resources: 'map', segments: 'map', match: 'map' },
  ...{ when: 'scalar', otherwise: 'scalar', each: 'scalar', update: 'scalar', sameKey: 'scalar', onError: 'scalar', type: 'scalar' },
};

/** Returns the values of a map that have not the form of their key: they would be passed over without a word. An empty one says nothing. */
export const misformed = (node: MapNode): readonly SpecNode[] =>
  node.entries.flatMap(({ key, value }) => {
    const form = Object.hasOwn(FORMS, key) ? FORMS[key] : value.kind;
    return value.kind === form || (value.kind === 'scalar' && value.value === '') ? [] : [value];
  });
