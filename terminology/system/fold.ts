/**
 * Folding of terms for search: case, accents and ligatures go, words are runs of letters and digits; a Han, Kana or Hangul character is a
 * word of its own, since those scripts put no spaces between words.
 */
const WORDS =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}]|(?:(?![\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}])[\p{L}\p{N}])+/gu;
const ASCII_WORDS = /[a-z0-9]+/g;
const LETTERS: Readonly<Record<string, string>> = { ß: 'ss', æ: 'ae', œ: 'oe', ø: 'o', đ: 'd', ð: 'd', ł: 'l', ı: 'i', þ: 'th' };
// biome-ignore lint/suspicious/noControlCharactersInRegex: the range of ASCII is meant
const ASCII = /^[\x00-\x7f]*$/;

/** Returns `text` in the form in which terms are compared: lower case, without accents. */
export function folded(text: string): string {
  const lower = text.toLowerCase();
  if (ASCII.test(lower)) return lower;
  return lower
    .normalize('NFKD')
    .replace(/\p{M}+/gu, '')
    .replace(/[ßæœøđðłıþ]/g, (letter) => LETTERS[letter] ?? letter);
}

/** Returns the words of `text`, folded, in order; a word that occurs twice is there twice. */
export function wordsOf(text: string): readonly string[] {
  const plain = folded(text);
  return plain.match(ASCII.test(plain) ? ASCII_WORDS : WORDS) ?? [];
}

/** True when each of the folded `wanted` words begins some word of `words`. */
export const matchesWords = (words: readonly string[], wanted: readonly string[]): boolean =>
  wanted.every((prefix) => words.some((word) => word.startsWith(prefix)));
