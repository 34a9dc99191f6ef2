import { execFileSync } from 'node:child_process';
import { join, resolve } from 'node:path';
import { expect, it } from 'vitest';

const root = resolve(import.meta.dirname, '..');

it('finds every generated file as its script would write it today', () => {
  const said = execFileSync(process.execPath, [join(root, 'scripts', 'generate.ts'), '--check'], { encoding: 'utf8' });
  // Scripts whose official source is not beside this checkout say that they compared nothing.
  for (const line of said.split('\n').filter((each) => /skip|not (there|beside)/i.test(each))) console.log(line);
  expect(said).toContain('generate-cdm.ts --check');
});
