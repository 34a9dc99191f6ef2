/** Splits an expression's text into tokens. An HL7v2 path is one token: `PID-5` is a field, `a - b` would be a subtraction. */
import { EVERY, type V2Path } from './tree.ts';

/** `end` is the offset after the token. */
export type Token =
  | {
      readonly kind: 'text' | 'number' | 'name' | 'operator' | 'end';
      readonly value: string;
      readonly offset: number;
      readonly end: number;
    }
  | { readonly kind: 'v2'; readonly path: V2Path; readonly value: string; readonly offset: number; readonly end: number };

export interface SyntaxFault {
  readonly reason: string;
  readonly offset: number;
}

const SPACE = /[ \t\r\n]+/y;
const ABSOLUTE = /([A-Z][A-Z0-9]{2})(?:\[(\d{1,5}|\*)\])?-(\d{1,3})(?:\[(\d{1,5}|\*)\])?(?:\.(\d{1,3}))?(?:\.(\d{1,3}))?(?![\w-])/y;
const RELATIVE = /\.(\d{1,3})(?:\.(\d{1,3}))?(?!\w)/y;
const NUMBER = /\d+(?:\.\d+)?(?!\w)/y;
const NAME = /[A-Za-z_$][A-Za-z0-9_]*/y;
const OPERATOR = /\?\?|!=|<=|>=|[=<>+.,()[\]]/y;
const ESCAPES: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r', "'": "'", '"': '"', '\\': '\\' };

/** Returns the tokens of `text`, the last of kind 'end'; or the first place that is no token. */
export function tokenise(text: string): readonly Token[] | SyntaxFault {
  const tokens: Token[] = [];
  let at = 0;
  const take = (pattern: RegExp): RegExpExecArray | null => {
    pattern.lastIndex = at;
    return pattern.exec(text);
  };
  while (at < text.length) {
    const space = take(SPACE);
    if (space !== null) {
      at += space[0].length;
      continue;
    }
    const token = textToken(text, at) ?? pathToken(take, tokens, at) ?? plainToken(take, at);
    if ('reason' in token) return token;
    tokens.push(token);
    at = token.end;
  }
  tokens.push({ kind: 'end', value: '', offset: text.length, end: text.length });
  return tokens;
}

type Take = (pattern: RegExp) => RegExpExecArray | null;

function plainToken(take: Take, offset: number): Token | SyntaxFault {
  const number = take(NUMBER);
  if (number !== null) return { kind: 'number', value: number[0], offset, end: offset + number[0].length };
  const name = take(NAME);
  if (name !== null) return { kind: 'name', value: name[0], offset, end: offset + name[0].length };
  const operator = take(OPERATOR);
  if (operator !== null) return { kind: 'operator', value: operator[0], offset, end: offset + operator[0].length };
  return { reason: 'this character has no meaning here', offset };
}

function pathToken(take: Take, before: readonly Token[], offset: number): Token | undefined {
  const absolute = take(ABSOLUTE);
  if (absolute !== null) {
    const [value, segment, occurrence, field, repetition, ...parts] = absolute;
    const path: V2Path = {
      kind: 'v2',
      segment,
      occurrence: occurrence === undefined ? undefined : occurrence === '*' ? EVERY : Number(occurrence),
      field: Number(field),
      repetition: repetition === undefined ? undefined : repetition === '*' ? '*' : Number(repetition),
      parts: parts.filter((part) => part !== undefined).map(Number),
      offset,
    };
    return { kind: 'v2', path, value, offset, end: offset + value.length };
  }
  // `.1` begins an operand only where an operand may begin; after a value it would be a member.
  const previous = before.at(-1);
  const afterValue =
    previous !== undefined && (previous.kind !== 'operator' || previous.value === ')' || previous.value === ']') && !isWord(previous);
  const relative = afterValue ? null : take(RELATIVE);
  if (relative === null) return undefined;
  const [value, ...parts] = relative;
  const numbers = parts.filter((part) => part !== undefined).map(Number);
  const path: V2Path = { kind: 'v2', segment: undefined, occurrence: undefined, field: 0, repetition: undefined, parts: numbers, offset };
  return { kind: 'v2', path, value, offset, end: offset + value.length };
}

const isWord = (token: Token): boolean => token.kind === 'name' && ['and', 'or', 'in', 'not', 'as'].includes(token.value);

/** Returns the quoted text that starts at `at`, undefined when none does. Quotes double or escape with a backslash. */
function textToken(text: string, at: number): Token | SyntaxFault | undefined {
  const quote = text[at];
  if (quote !== "'" && quote !== '"') return undefined;
  let value = '';
  for (let i = at + 1; i < text.length; i++) {
    const c = text[i] ?? '';
    if (c === '\\') {
      const escaped = ESCAPES[text[i + 1] ?? ''];
      if (escaped === undefined || !Object.hasOwn(ESCAPES, text[i + 1] ?? '')) return { reason: 'unknown escape in a text', offset: i };
      value += escaped;
      i += 1;
    } else if (c === quote && text[i + 1] === quote) {
      value += quote;
      i += 1;
    } else if (c === quote) {
      return { kind: 'text', value, offset: at, end: i + 1 };
    } else {
      value += c;
    }
  }
  return { reason: 'this text has no closing quote', offset: at };
}
