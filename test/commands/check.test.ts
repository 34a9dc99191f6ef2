import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
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

describe('check for other programs', () => {
  const own = join(folder, 'formats', 'v2-to-fhir');
  mkdirSync(own, { recursive: true });
  cpSync(join(folder, 'specs', 'sex.yaml'), join(own, 'sex.yaml'));
  writeFileSync(
    join(own, 'sex & <more>.cases.yaml'),
    `cases:
  - { name: 'right "&<', given: { table: v2-to-fhir/tables/0001-administrative-sex }, expect: { male: M } }
  - { name: wrong, given: { table: v2-to-fhir/tables/0001-administrative-sex }, expect: { male: F } }
`,
  );
  writeFileSync(join(own, 'broken.yaml'), 'map: [\n');
  const files = { POLYSEME_MAPPINGS_DIR: join(folder, 'formats') };

  it('says each fault at its place with its cure as SARIF 2.1.0', async () => {
    const { code, out } = await ran(['check', '--format', 'sarif'], files);
    expect(code).toBe(1);
    const { version, runs } = JSON.parse(out);
    expect([version, runs.length, runs[0].tool.driver.name]).toEqual(['2.1.0', 1, 'polyseme check']);
    const { rules } = runs[0].tool.driver;
    const places = runs[0].results.map(({ ruleId, ruleIndex, level, message, locations }: SarifResult) => {
      expect(rules[ruleIndex].id).toBe(ruleId);
      expect(message.text.length).toBeGreaterThan(10);
      const { artifactLocation, region } = locations[0]?.physicalLocation ?? expect.unreachable('no place');
      return [level, decodeURIComponent(artifactLocation.uri).split('/').at(-1), region.startLine > 0 && region.startColumn > 0];
    });
    expect(places).toContainEqual(['error', 'broken.yaml', true]);
    expect(places).toContainEqual(['error', 'sex & <more>.cases.yaml', true]);
  });

  it('lists every case as a test, and each file with a fault, as JUnit; text of others stays text', async () => {
    const { code, out } = await ran(['check', '--format', 'junit'], files);
    expect(code).toBe(1);
    const figures = /<testsuites name="polyseme check" tests="(\d+)" failures="(\d+)"/.exec(out)?.slice(1).map(Number);
    const [tests, failures] = [out.match(/<testcase /g)?.length, out.match(/<testcase [^>]*[^/]>/g)?.length];
    expect(figures).toEqual([tests, failures]);
    expect(out).toContain('name="right &quot;&amp;&lt; (line 2)" time="0"/>');
    expect(out).toMatch(/name="wrong \(line 3\)" time="0">\s*<failure type="case-fails"/);
    expect(out).toMatch(/classname="specs" name="[^"]*broken\.yaml" time="0">\s*<failure/);
    expect(out).not.toMatch(/&(?!amp;|lt;|gt;|quot;|#\d+;)/);
  });
});

interface SarifResult {
  readonly ruleId: string;
  readonly ruleIndex: number;
  readonly level: string;
  readonly message: { readonly text: string };
  readonly locations: readonly {
    readonly physicalLocation: {
      readonly artifactLocation: { readonly uri: string };
      readonly region: { readonly startLine: number; readonly startColumn: number };
    };
  }[];
}
