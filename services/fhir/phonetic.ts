/** How words sound, for the parameters named phonetic (http://hl7.org/fhir/R4/patient.html#search): codes of Double Metaphone (L. Philips, 2000). */
import { doubleMetaphone } from 'double-metaphone';

/** The words of a text, in lower case, without accents and apostrophes. */
const wordsOf = (text: string): readonly string[] =>
  text
    .normalize('NFKD')
    .replace(/[\p{M}'’]+/gu, '')
    .toLowerCase()
    .split(/[^\p{L}\p{N}]+/u)
    .filter((word) => word !== '');

/** Returns the codes of each word of a text, two at most; a word that has none (other scripts, figures) stands for itself. */
export const soundsOf = (text: string): readonly (readonly string[])[] =>
  wordsOf(text).map((word) => {
    const codes = [...new Set(doubleMetaphone(word.replaceAll('ß', 'ss')))].filter((code) => code !== '');
    return codes.length > 0 ? codes : [`=${word}`];
  });
