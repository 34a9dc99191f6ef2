/** What does not print, named: control characters, direction marks, what has no width. */

/** C0, DEL, C1; bidirectional controls, zero-width characters, the byte order mark, line and paragraph separators, lone surrogates, tags. */
const UNSEEN =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: to find them is the purpose
  /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\u{e0000}-\u{e007f}]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/gu;
const NAMES: Readonly<Record<string, string>> = { '\t': 'TAB', '\n': 'LF', '\r': 'CR', '\u001b': 'ESC', '\0': 'NUL', '\u000b': 'VT' };

export type Piece = { readonly text: string; readonly isSign: boolean };

/** Returns the text in pieces: as it is, or the name of a character that does not print ('U+202E'). */
export function visiblePieces(text: string): readonly Piece[] {
  const pieces: Piece[] = [];
  let from = 0;
  for (const found of text.matchAll(UNSEEN)) {
    if (found.index > from) pieces.push({ text: text.slice(from, found.index), isSign: false });
    const [sign] = found;
    pieces.push({ text: nameOf(sign), isSign: true });
    from = found.index + sign.length;
  }
  if (from < text.length) pieces.push({ text: text.slice(from), isSign: false });
  return pieces;
}

/** Returns the text with what does not print named in it ('⟨U+202E⟩'); lines and tabs stay, they stand in what is laid out. */
export const visibleText = (text: string): string =>
  text.replace(UNSEEN, (sign) => (sign === '\n' || sign === '\t' ? sign : `⟨${nameOf(sign)}⟩`));

const nameOf = (sign: string): string => NAMES[sign] ?? `U+${(sign.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}`;
