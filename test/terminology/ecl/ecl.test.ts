import { beforeAll, describe, expect, it } from 'vitest';
import { Chance } from '../../../scripts/vocabulary/chance.ts';
import { generateRf2 } from '../../../scripts/vocabulary/generate-rf2.ts';
import { evaluateEcl } from '../../../terminology/ecl/evaluate.ts';
import { parseEcl } from '../../../terminology/ecl/parse.ts';
import { EclError } from '../../../terminology/ecl/syntax.ts';
import { readCodeSystem } from '../../../terminology/load-system.ts';
import { CodeSystem } from '../../../terminology/system/code-system.ts';
import { temporaryFolder } from '../write-release.ts';
import { NaiveSnomed } from './naive-snomed.ts';
import { printEcl } from './print-ecl.ts';
import { RandomEcl } from './random-ecl.ts';

/** POLYSEME_ECL_CASES=10000 runs the whole proof; the suite runs a sample of it. */
const CASES = Number(process.env['POLYSEME_ECL_CASES'] ?? 300);
/** 46 s for 10,000 on a machine that does nothing else; ten times that and more where others work. */
const TIMEOUT_MS = 300_000 + CASES * 200;

let system: CodeSystem;
let naive: NaiveSnomed;
const codes = (ecl: string): string[] => [...evaluateEcl(system, ecl).rows()].map((row) => system.code(row)).sort();

beforeAll(async () => {
  const folder = temporaryFolder();
  generateRf2(folder, 7, { active: 220, inactive: 60 });
  const { manifest, arrays } = await readCodeSystem([folder]);
  system = new CodeSystem({ manifest: { ...manifest, byteOrder: 'LE', files: [] }, arrays });
  naive = new NaiveSnomed(folder);
});

describe('ECL against a naive evaluator', () => {
  it(
    `selects the same concepts for ${CASES} expressions made by chance`,
    () => {
      const random = new RandomEcl(new Chance(11), naive);
      let some = 0;
      for (let i = 0; i < CASES; i++) {
        const expression = random.expression(3);
        const text = printEcl(expression);
        const expected = [...naive.evaluate(expression)].sort();
        if (expected.length > 0) some += 1;
        expect(codes(text), text).toEqual(expected);
      }
      expect(some).toBeGreaterThan(CASES / 4);
    },
    TIMEOUT_MS,
  );
});

describe('ECL as a text', () => {
  it('may be written in the long syntax, with comments and terms', () => {
    const brief = codes('<< 404684003 : 363698007 = *');
    expect(codes('/* all */ descendantOrSelfOf 404684003 |Clinical finding| : 363698007 |Finding site| = ANY')).toEqual(brief);
    expect(brief.length).toBeGreaterThan(0);
  });

  it('knows alternate identifiers, dialect aliases and words for types', () => {
    expect(codes('LOINC#10000-0')).toEqual(codes('138875005'));
    expect(codes('"LOINC#10000-0"')).toEqual(['138875005']);
    expect(codes('* {{ dialect = en-gb (prefer), type = syn }}')).toEqual(
      codes('* {{ D dialectId = 900000000000508004 (prefer), typeId = 900000000000013009 }}'),
    );
    expect(codes('* {{ C definitionStatus = defined }}')).toEqual(codes('* {{ C definitionStatusId = 900000000000073002 }}'));
  });

  it('joins attributes as the grammar does: a run with one operator first', () => {
    const grouped = codes('*: (363698007 = *, 116676008 = *) OR 260686004 = *');
    expect(codes('*: 363698007 = *, 116676008 = * OR 260686004 = *')).toEqual(grouped);
    expect(codes('*: 363698007 = *, { 116676008 = * }')).toEqual(codes('(*: 363698007 = *) AND (*: { 116676008 = * })'));
  });

  it.each([
    ['< 404684003 AND < 71388002 OR *', 29, 'brackets'],
    ['< 404684003 :', 13, 'expected a concept'],
    ['<< 40468400x', 3, 'expected a concept'],
    ['* {{ term = }}', 12, 'expected a text'],
    ['* {{ C colour = 1 }}', 7, 'definitionStatus'],
    ['*: [3..1] 363698007 = *', 4, 'before it begins'],
    ['404684003 /* never', 10, 'never ends'],
    ['404684003 {{ M active = 1 }}', 0, 'member-of'],
    ['* {{ dialect = xx-yy }}', 15, 'dialect xx-yy'],
    ['(404684003', 10, 'expected ")"'],
    ['', 0, 'found the end'],
  ])('says what is wrong with %j and where', (text, at, words) => {
    const fault = faultOf(() => parseEcl(text));
    expect(fault?.message).toContain(words);
    expect(fault?.at).toBe(at);
  });

  it('refuses what no reference set has, and what would cost too much', () => {
    expect(faultOf(() => codes('^ 447562003 {{ M colour = "red" }}'))?.reason).toBe('invalid');
    expect(faultOf(() => codes('^ [mapTarget] 447562003'))?.reason).toBe('invalid');
    expect(faultOf(() => codes('OPCS#1'))?.reason).toBe('invalid');
    expect(faultOf(() => codes(`${'('.repeat(500)}*${')'.repeat(500)}`))?.reason).toBe('too-costly');
    expect(faultOf(() => codes(`*: ${'('.repeat(60)}x`))?.reason).toBe('syntax');
    expect(faultOf(() => evaluateEcl(system, '* : * = *', { work: 100 }))?.reason).toBe('too-costly');
  });
});

function faultOf(work: () => unknown): EclError | undefined {
  try {
    work();
  } catch (error) {
    if (error instanceof EclError) return error;
    throw error;
  }
  return undefined;
}
