/** A text cut to the length of its column (omop-rules 10). */
export interface Cut {
  readonly text: string;
  /** Characters lost; 0 when it fitted. */
  readonly lost: number;
}

/**
 * Returns `text` cut to `length` characters. Characters are counted as PostgreSQL's varchar(n) counts them, by code point, so that no
 * character is cut in half. The caller reports what was lost.
 */
export function cut(text: string, length: number): Cut {
  if (text.length <= length) return { text, lost: 0 };
  const characters = Array.from(text);
  if (characters.length <= length) return { text, lost: 0 };
  return { text: characters.slice(0, length).join(''), lost: characters.length - length };
}
