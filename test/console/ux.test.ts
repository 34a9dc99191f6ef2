/** services/console/UX.md calls nothing shown that no test shows: every file it names is there, with a test of the words it quotes. */
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, it } from 'vitest';

const ROOT = resolve(import.meta.dirname, '../..');
const ROWS = readFileSync(join(ROOT, 'services/console/UX.md'), 'utf8')
  .split('\n')
  .filter((line) => /^\| U\d+ /.test(line))
  .map((line) => line.split(' | ').map((cell) => cell.replace(/^\| | \|$/g, '')));

it('answers every demand once, and calls none met without a test', () => {
  expect(ROWS.map(([name]) => name)).toEqual(Array.from({ length: 25 }, (_none, n) => `U${n + 1}`));
  expect(ROWS.filter(([, , , tests, state]) => tests === '–' && !state?.startsWith('not shown')).map(([name]) => name)).toEqual([]);
});

it.each(ROWS.filter(([, , , tests]) => tests !== '–'))('%s is shown by tests that are there', (_name, _demand, _where, tests = '') => {
  const wrong: string[] = [];
  let files: readonly string[] = [];
  for (const part of tests.split('; ')) {
    const named = [...part.matchAll(/test\/[\w/.-]+\.ts/g)].map(([file]) => file);
    // A quote without a file is of the file before it.
    files = named.length > 0 ? named : files;
    const [, words] = /"([^"]+)"/.exec(part) ?? [];
    for (const file of files) {
      const text = existsSync(join(ROOT, file)) ? readFileSync(join(ROOT, file), 'utf8') : undefined;
      if (text === undefined) wrong.push(`${file} is not there`);
      else if (words === undefined || (!named.includes(file) && named.length > 0)) wrong.push(`${file}: no test is named`);
      else if (
        ![...text.matchAll(/\b(?:it|test)(?:\.each\([^)]*\))?\(\s*(['"`])(.*?)\1/gs)].some(([, , name = '']) => name.includes(words))
      )
        wrong.push(`${file} has no test "${words}"`);
    }
  }
  expect(wrong).toEqual([]);
});
