import { EclError, type Expression, type SubExpression } from './syntax.ts';

/** Brackets are tried in more than one way; nested ones multiply that. */
const MOST_ATTEMPTS = 20_000;

/** A place in the text of an expression. White space and comments between parts are skipped before each read. */
export class Cursor {
  readonly text: string;
  at = 0;
  #attempts = 0;
  constructor(text: string) {
    this.text = text;
  }

  /** Skips white space and comments. */
  skip(): void {
    for (;;) {
      while (this.at < this.text.length && ' \t\r\n'.includes(this.text.charAt(this.at))) this.at += 1;
      if (!this.text.startsWith('/*', this.at)) return;
      const end = this.text.indexOf('*/', this.at + 2);
      if (end < 0) throw this.wrong('the comment never ends');
      this.at = end + 2;
    }
  }

  /** Whether `sign` comes next; it is not read. */
  sees(sign: string): boolean {
    this.skip();
    return this.text.startsWith(sign, this.at);
  }

  /** Reads `sign` if it comes next. */
  takes(sign: string): boolean {
    if (!this.sees(sign)) return false;
    this.at += sign.length;
    return true;
  }

  /** Reads what matches the sticky `pattern`, if it comes next. */
  match(pattern: RegExp): string | undefined {
    this.skip();
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.text)?.[0];
    if (found !== undefined) this.at += found.length;
    return found;
  }

  expect(sign: string): void {
    if (!this.takes(sign)) throw this.wrong(`expected "${sign}"`);
  }

  expectMatch(pattern: RegExp, what: string): string {
    const found = this.match(pattern);
    if (found === undefined) throw this.wrong(`expected ${what}`);
    return found;
  }

  wrong(text: string): EclError {
    const here = this.text.slice(this.at, this.at + 12);
    return new EclError('syntax', this.at, `${text}, found ${here === '' ? 'the end' : JSON.stringify(here)}`);
  }

  /** Tries `read`; when the text does not fit, goes back and returns undefined. */
  attempt<T>(read: () => T): { readonly value: T } | { readonly failure: EclError } {
    const start = this.at;
    this.#attempts += 1;
    if (this.#attempts > MOST_ATTEMPTS) throw new EclError('too-costly', start, 'brackets in brackets can be read in too many ways');
    try {
      return { value: read() };
    } catch (error) {
      if (!(error instanceof EclError) || error.reason === 'too-costly') throw error;
      this.at = start;
      return { failure: error };
    }
  }
}

/** What the parts of the grammar ask of each other. */
export interface Reader {
  readonly cursor: Cursor;
  expression(): Expression;
  sub(): SubExpression;
  conceptId(): string | undefined;
}
