import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { fixture } from '../parts.ts';
import { ran } from './command-line.ts';

const folder = mkdtempSync(join(tmpdir(), 'polyseme-check-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
// Specs of their own: those of the repository take long.
mkdirSync(join(folder, 'specs'));
cpSync(fixture('..', 'mappings', 'v2-to-fhir', 'tables', '0001-administrative-sex.yaml'), join(folder, 'specs', 'sex.yaml'));
const settings = { POLYSEME_MAPPINGS_DIR: join(folder, 'specs') };

it('check reads the sources file too, and says what is wrong with it and where', async () => {
  const sources = join(folder, 'sources.yaml');
  writeFileSync(sources, 'sources:\n  - name: A\n    acknowledg: never\n');
  const wrong = await ran(['check'], { ...settings, POLYSEME_SOURCES: sources });
  expect([wrong.code, wrong.said]).toEqual([1, expect.stringContaining('sources.yaml')]);
  const right = await ran(['check'], { ...settings, POLYSEME_SOURCES: fixture('sources.yaml') });
  expect(right.said).not.toContain('sources.yaml');
});
