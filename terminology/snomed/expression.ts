/**
 * Post-coordinated expressions of SNOMED CT: the compositional grammar, version 2.4
 * (https://confluence.ihtsdotools.org/display/DOCSCG). Terms between bars are read over.
 */

/** An expression: everything that is all of `focus` and has the attributes. */
export interface SctExpression {
  readonly focus: readonly string[];
  /** Groups of attributes; those that stand outside of braces are each a group of their own. */
  readonly groups: readonly (readonly SctAttribute[])[];
}

export interface SctAttribute {
  readonly name: string;
  /** A concept is an expression of one focus. */
  readonly value: SctExpression | { readonly literal: string };
}

const DEEPEST = 20;
const LONGEST = 10_000;

/** Returns the expression that `text` is; undefined when it is none. A lone concept id is one. */
export function parseExpression(text: string): SctExpression | undefined {
  if (text.length > LONGEST) return undefined;
  const reader = new ExpressionReader(text);
  const found = reader.whole();
  return reader.isWrong ? undefined : found;
}

class ExpressionReader {
  readonly #text: string;
  #at = 0;
  isWrong = false;

  constructor(text: string) {
    this.#text = text;
  }

  whole(): SctExpression {
    // A definition status says how the expression would be stored, not what it means here.
    if (!this.#take('===')) this.#take('<<<');
    const found = this.#expression(0);
    if (this.#at < this.#text.length) this.isWrong = true;
    return found;
  }

  #expression(depth: number): SctExpression {
    if (depth > DEEPEST) this.isWrong = true;
    const focus = [this.#concept()];
    while (!this.isWrong && this.#take('+')) focus.push(this.#concept());
    const groups: (readonly SctAttribute[])[] = [];
    if (this.#take(':')) {
      if (this.#peek() !== '{') groups.push(...this.#attributes(depth).map((each) => [each]));
      while (!this.isWrong) {
        const hadComma = this.#take(',');
        if (!this.#take('{')) {
          if (hadComma) this.isWrong = true;
          break;
        }
        groups.push(this.#attributes(depth));
        if (!this.#take('}')) this.isWrong = true;
      }
      if (groups.length === 0) this.isWrong = true;
    }
    return { focus, groups };
  }

  #attributes(depth: number): readonly SctAttribute[] {
    const found: SctAttribute[] = [];
    do {
      const name = this.#concept();
      if (!this.#take('=')) this.isWrong = true;
      found.push({ name, value: this.#value(depth) });
    } while (!this.isWrong && this.#commaBeforeAttribute());
    return found;
  }

  /** A comma may also stand before a group in braces. */
  #commaBeforeAttribute(): boolean {
    const start = this.#at;
    if (this.#take(',') && this.#peek() !== '{') return true;
    this.#at = start;
    return false;
  }

  #value(depth: number): SctAttribute['value'] {
    if (this.isWrong) return { literal: '' };
    if (this.#take('(')) {
      const inside = this.#expression(depth + 1);
      if (!this.#take(')')) this.isWrong = true;
      return inside;
    }
    this.#space();
    const literal = /#[-+]?(?:0|[1-9]\d*)(?:\.\d+)?|"(?:[^"\\]|\\["\\])*"|(?:true|false)\b/iy;
    literal.lastIndex = this.#at;
    const found = literal.exec(this.#text)?.[0];
    if (found === undefined) return { focus: [this.#concept()], groups: [] };
    this.#at += found.length;
    this.#space();
    return { literal: found };
  }

  #concept(): string {
    this.#space();
    const pattern = /(\d{6,18})\s*(?:\|[^|]*\|)?/y;
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text);
    if (found === null) {
      this.isWrong = true;
      return '';
    }
    this.#at += found[0].length;
    this.#space();
    return found[1] ?? '';
  }

  #take(token: string): boolean {
    this.#space();
    if (this.isWrong || !this.#text.startsWith(token, this.#at)) return false;
    this.#at += token.length;
    this.#space();
    return true;
  }

  #peek(): string | undefined {
    return this.#text[this.#at];
  }

  #space(): void {
    while (/\s/.test(this.#text[this.#at] ?? '')) this.#at += 1;
  }
}
