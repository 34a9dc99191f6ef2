import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { DIAGNOSTICS } from '../../services/mapping/diagnostics.ts';
import { FUNCTIONS } from '../../services/mapping/expression/functions.ts';

const readme = readFileSync(join(import.meta.dirname, '../../mappings/README.md'), 'utf8');

describe('mappings/README.md', () => {
  it('names every function with the signature that works', () => {
    for (const row of Object.values(FUNCTIONS)) expect(readme).toContain(`| \`${row.signature.replaceAll('|', '\\|')}\` | ${row.doc} |`);
  });

  it('has a place for what diagnostics refer to', () => {
    const cures = Object.values(DIAGNOSTICS).map((row) => row.cure);
    for (const [, heading] of cures.join('\n').matchAll(/See "(\w+)" in mappings\/README\.md/g)) {
      expect(readme.toLowerCase()).toContain(String(heading).toLowerCase());
    }
  });
});
