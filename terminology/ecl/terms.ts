import { folded, matchesWords, wordsOf } from '../system/fold.ts';
import type { SearchTerm } from './syntax.ts';

/** Returns a test whether a term fits one of the search terms. */
export function termTest(terms: readonly SearchTerm[]): (term: string) => boolean {
  const tests = terms.map((each) => (each.kind === 'match' ? matchTest(each.text) : wildTest(each.text)));
  return tests.length === 1 && tests[0] !== undefined ? tests[0] : (term) => tests.some((test) => test(term));
}

function matchTest(text: string): (term: string) => boolean {
  const wanted = wordsOf(text);
  // A text of signs alone has no words to look for: it must stand in the term as it is.
  if (wanted.length === 0) return (term) => term.includes(text.trim());
  return (term) => matchesWords(wordsOf(term), wanted);
}

/** "*" stands for any characters, "\*" for itself; the whole term must fit, case and accents aside. */
function wildTest(text: string): (term: string) => boolean {
  const pattern = text
    .split(/(\\[*"\\]|\*)/)
    .map((part) => (part === '*' ? '[^]*?' : escaped(folded(/^\\[*"\\]$/.test(part) ? part.slice(1) : part))))
    .join('');
  const whole = new RegExp(`^${pattern}$`, 'u');
  return (term) => whole.test(folded(term));
}

const escaped = (text: string): string => text.replace(/[\^$\\.*+?()[\]{}|/-]/g, (sign) => (sign === '-' ? '-' : `\\${sign}`));
