import { failure, problem, type Result, success } from '../../errors.ts';
import { decimal, type JsonObject, type JsonValue } from '../resource.ts';

/** Objects and arrays within each other; real resources need about 20, JSON.stringify of Node fails at some thousands. */
export const MAXIMUM_DEPTH = 100;
/** Characters of one number; FHIR asks for 18 digits of precision (http://hl7.org/fhir/R4/datatypes.html#decimal). */
export const MAXIMUM_NUMBER_LENGTH = 100;

/** Where and why reading stopped; never leaves this file. */
class Stop extends Error {
  readonly reason: string;
  readonly position: number;
  constructor(reason: string, position: number) {
    super(reason);
    this.reason = reason;
    this.position = position;
  }
}

const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const ESCAPES: ReadonlyMap<string, string> = new Map([
  ['"', '"'],
  ['\\', '\\'],
  ['/', '/'],
  ['b', '\b'],
  ['f', '\f'],
  ['n', '\n'],
  ['r', '\r'],
  ['t', '\t'],
]);

/** Reads one JSON text strictly; slower than JSON.parse, but knows every position and every digit. */
class Reader {
  readonly text: string;
  position = 0;
  constructor(text: string) {
    this.text = text;
  }

  whole(): JsonValue {
    this.space();
    const value = this.value(0);
    this.space();
    if (this.position < this.text.length) throw new Stop('something follows the end of the object', this.position);
    return value;
  }

  private space(): void {
    for (;;) {
      const code = this.text.charCodeAt(this.position);
      if (code !== 32 && code !== 10 && code !== 13 && code !== 9) return;
      this.position++;
    }
  }

  private value(depth: number): JsonValue {
    if (depth > MAXIMUM_DEPTH) throw new Stop(`more than ${MAXIMUM_DEPTH} levels`, this.position);
    switch (this.text[this.position]) {
      case '{':
        return this.object(depth);
      case '[':
        return this.array(depth);
      case '"':
        return this.string();
      case 't':
        return this.word('true', true);
      case 'f':
        return this.word('false', false);
      case 'n':
        return this.word('null', null);
      case undefined:
        throw new Stop('the text ends too early', this.position);
      default:
        return this.number();
    }
  }

  private word<T extends boolean | null>(word: string, value: T): T {
    if (!this.text.startsWith(word, this.position)) throw new Stop('not a JSON value', this.position);
    this.position += word.length;
    return value;
  }

  private number(): JsonValue {
    NUMBER.lastIndex = this.position;
    const found = NUMBER.exec(this.text)?.[0];
    if (found === undefined) throw new Stop('not a JSON value', this.position);
    if (found.length > MAXIMUM_NUMBER_LENGTH) throw new Stop(`a number longer than ${MAXIMUM_NUMBER_LENGTH} characters`, this.position);
    this.position += found.length;
    return decimal(found);
  }

  private string(): string {
    const start = this.position;
    let out = '';
    let from = start + 1;
    for (let i = from; ; i++) {
      const code = this.text.charCodeAt(i);
      if (code === 34) {
        out += this.text.slice(from, i);
        this.position = i + 1;
        if (!out.isWellFormed()) throw new Stop('half of a surrogate pair in a string', start);
        return out;
      }
      if (Number.isNaN(code)) throw new Stop('the text ends within a string', start);
      if (code < 32) throw new Stop('a control character in a string that is not escaped', i);
      if (code !== 92) continue;
      out += this.text.slice(from, i) + this.escaped(i);
      i += this.text[i + 1] === 'u' ? 5 : 1;
      from = i + 1;
    }
  }

  private escaped(at: number): string {
    const next = this.text[at + 1] ?? '';
    const simple = ESCAPES.get(next);
    if (simple !== undefined) return simple;
    const hex = this.text.slice(at + 2, at + 6);
    if (next !== 'u' || !/^[0-9a-fA-F]{4}$/.test(hex)) throw new Stop('an escape that JSON does not know', at);
    if (hex === '0000') throw new Stop('a NUL character in a string', at);
    return String.fromCharCode(Number.parseInt(hex, 16));
  }

  private array(depth: number): JsonValue {
    const out: JsonValue[] = [];
    this.position++;
    this.space();
    if (this.text[this.position] === ']') {
      this.position++;
      return out;
    }
    for (;;) {
      this.space();
      out.push(this.value(depth + 1));
      this.space();
      if (!this.more(']')) return out;
    }
  }

  private object(depth: number): JsonObject {
    const out: Record<string, JsonValue> = {};
    this.position++;
    this.space();
    if (this.text[this.position] === '}') {
      this.position++;
      return out;
    }
    for (;;) {
      this.space();
      const at = this.position;
      if (this.text[at] !== '"') throw new Stop('a property name was expected', at);
      const name = this.string();
      // An own property of this name would change the prototype of whatever copies it by assignment.
      if (name === '__proto__') throw new Stop('the property name __proto__', at);
      if (Object.hasOwn(out, name)) throw new Stop('the same property name twice in one object', at);
      this.space();
      if (this.text[this.position] !== ':') throw new Stop('a colon was expected', this.position);
      this.position++;
      this.space();
      out[name] = this.value(depth + 1);
      this.space();
      if (!this.more('}')) return out;
    }
  }

  private more(end: ']' | '}'): boolean {
    const found = this.text[this.position];
    if (found !== end && found !== ',') {
      throw new Stop(found === undefined ? 'the text ends too early' : `a comma or ${end} was expected`, this.position);
    }
    this.position++;
    return found === ',';
  }
}

/** Returns 'line:column' (both from 1, columns in UTF-16 units) of a position in a text. */
export function lineColumn(text: string, position: number): string {
  let line = 1;
  let start = 0;
  for (let at = text.indexOf('\n'); at >= 0 && at < position; at = text.indexOf('\n', at + 1)) {
    line++;
    start = at + 1;
  }
  return `${line}:${position - start + 1}`;
}

/**
 * Returns the value of a JSON text (RFC 8259), read strictly: duplicate names, the name __proto__, NUL, halves of surrogate
 * pairs and too many levels are errors; numbers keep their digits. Problem: fhir-not-json with reason and line:column.
 */
export function readStrictly(text: string): Result<JsonValue> {
  try {
    return success(new Reader(text).whole());
  } catch (error) {
    if (!(error instanceof Stop)) throw error;
    const at = lineColumn(text, error.position);
    return failure(problem('fhir-not-json', { reason: `${error.reason}, at ${at}` }, at));
  }
}
