import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { run } from '../../services/commands/program.ts';
import { parseMessage } from '../../services/hl7v2/parse.ts';
import { differencesOf } from '../../services/mapping/author/diff.ts';
import { skeletonOf } from '../../services/mapping/author/new.ts';
import { recordSkeleton } from '../../services/mapping/author/new-records.ts';
import { checkSpecs } from '../../services/mapping/check.ts';
import { specFiles } from '../../services/mapping/files.ts';
import { mapsOf } from '../../services/mapping/maps.ts';
import { lockOf, lockText, publicationFaults, readLock } from '../../services/mapping/publication.ts';
import { entryOf, readSpec, type SpecNode, textOf } from '../../services/mapping/read.ts';
import { specOf } from '../../services/mapping/spec-read.ts';
import { messageMap, NAME, SEX } from './specs.ts';

const FILES = {
  'v2-to-fhir/messages/adt.yaml': messageMap('name: =PID-5\ngender: { from: =PID-8, map: sex }'),
  'v2-to-fhir/tables/sex.yaml': SEX,
  'v2-to-fhir/types/xpn.yaml': NAME,
};

function folder<T>(files: Readonly<Record<string, string>>, work: (root: string, write: (path: string, text: string) => void) => T): T {
  const dir = mkdtempSync(join(tmpdir(), 'polyseme-author-'));
  const root = join(dir, 'mappings');
  const write = (path: string, text: string): void => {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  };
  try {
    for (const [path, text] of Object.entries(files)) write(path, text);
    return work(root, write);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

const GENDER = 'map: fhir-to-v2/tables/gender\nversion: 1.0.0\nsource: { system: s }\ntarget: { system: t }\ncodes: { male: M }\n';

const tree = (text: string): SpecNode => readSpec(text, 'x.yaml').root ?? { kind: 'list', at: { file: '', line: 1, column: 1 }, items: [] };
const codes = (root: string): readonly string[] => checkSpecs(root).diagnostics.map((each) => each.code);

describe('publication', () => {
  it('locks every map of the project that makes something, each with the digest of all that it uses', () => {
    const files = specFiles(join(import.meta.dirname, '../../mappings'));
    const maps = mapsOf(files);
    const lock = lockOf(maps);
    expect(publicationFaults(maps, readLock(lockText(lock)) ?? [])).toEqual([]);
    const makes = (tree: SpecNode | undefined): boolean =>
      ['rows', 'resources', 'extends', 'message', 'query'].some((key) => entryOf(tree, key) !== undefined);
    const makers = files.filter((each) => !each.isCases && makes(each.read.root));
    // Concept tables have rows too, and no name of their own.
    const ids = makers.flatMap((each) => textOf(each.read.root, 'map') ?? []);
    expect(lock.map(({ spec }) => spec.split('@')[0]).sort()).toEqual(ids.sort());
    const table = files.find((each) => each.path === 'fhir-to-v2/tables/gender');
    const changed = files.map((each) => (each === table ? { ...each, read: readSpec(GENDER, each.file) } : each));
    const told = publicationFaults(mapsOf(changed), lock).map((each) => each.text);
    // Who writes PID writes the gender; the answer to PIX writes numbers alone.
    const queriesWithGender = files.filter((each) => entryOf(each.read.root, 'query') !== undefined).length - 1;
    expect(told).toHaveLength(maps.outMaps.types.length + queriesWithGender);
    for (const each of told) expect(each).toContain('fhir-to-v2/tables/gender changed');
  });

  it('refuses a locked version whose text, or a map it uses, changed; a new version is another', () => {
    folder(FILES, (root, write) => {
      const lock = lockText(lockOf(mapsOf(specFiles(root))));
      expect(lock).toMatch(/"t\/adt@1\.0\.0#[0-9a-f]{64}"/);
      expect(lock).toMatch(/"t\/sex@1\.0\.0#[0-9a-f]{64}"/);
      write('published.lock.json', lock);
      expect(codes(root)).toEqual([]);
      write('v2-to-fhir/tables/sex.yaml', SEX.replace('F: female', 'F: other'));
      const [found] = checkSpecs(root).diagnostics;
      expect(found).toMatchObject({ code: 'published-changed', text: expect.stringContaining('t/sex changed') });
      write('v2-to-fhir/tables/sex.yaml', `# a remark\n${SEX}`);
      expect(codes(root)).toEqual([]);
      write('v2-to-fhir/messages/adt.yaml', FILES['v2-to-fhir/messages/adt.yaml'].replace('name: =PID-5', 'name: =PID-9'));
      expect(codes(root)).toEqual(['published-changed']);
      write(
        'v2-to-fhir/messages/adt.yaml',
        FILES['v2-to-fhir/messages/adt.yaml'].replace('name: =PID-5', 'name: =PID-9').replace('1.0.0', '1.1.0'),
      );
      expect(codes(root)).toEqual([]);
      write('published.lock.json', 'x');
      expect(codes(root)).toEqual(['lock-unreadable']);
    });
  });

  it('counts what a switch does among what may not change', () => {
    const fields = (code: string): string => `gender: { switch: =PID-8, cases: [{ is: [M], then: ${code} }, { else: unknown }] }`;
    const digest = (code: string): string =>
      folder(
        { ...FILES, 'v2-to-fhir/messages/adt.yaml': messageMap(fields(code)) },
        (root) => mapsOf(specFiles(root)).messageMaps[0]?.digest ?? '',
      );
    expect(digest('male')).not.toBe(digest('other'));
    expect(digest('male')).toBe(digest('"male"'));
  });
});

describe('what differs between two maps', () => {
  it('is told rule by rule, without layout, order, reasons and cases', () => {
    const a = tree(messageMap('name: =PID-5\ngender: { from: =PID-8, map: sex }\nactive: "true"'));
    const b = tree(messageMap('gender: { map: sex, from: =PID-8, because: x }\nname: =PID-9\nbirthDate: =PID-7', 'cases: []'));
    expect(differencesOf(a, b)).toEqual([
      { path: 'resources.patient.fields.active', before: 'true', after: undefined },
      { path: 'resources.patient.fields.birthDate', before: undefined, after: '=PID-7' },
      { path: 'resources.patient.fields.name', before: '=PID-5', after: '=PID-9' },
    ]);
    expect(differencesOf(a, a)).toEqual([]);
  });
});

describe('a skeleton from a sample', () => {
  const sample = (bytes: string) => {
    const read = parseMessage(Buffer.from(bytes));
    if (!read.ok) throw new Error('not read');
    return read.value;
  };
  const message = sample('MSH|^~\\&|APP|NORTH|||20260101||ADT^A01|1|P|2.5.1\rPID|1||7^^^N^MR||Lund^Ida||19500101|F\rZPI|Secret|2\r');

  it('passes the checker and copies no value of a patient', () => {
    const maps = mapsOf(specFiles('mappings'));
    const site = skeletonOf(message, 'sites/north/adt-a01', maps);
    expect(site).not.toMatch(/Lund|Ida|Secret|19500101/);
    expect(site).toContain('extends: v2-to-fhir/adt-a01');
    expect(site).toContain('ZPI');
    const files = Object.fromEntries(
      specFiles('mappings')
        .filter((each) => /^v2-to-fhir\/((resources|types|tables)\/|messages\/adt-a01$)/.test(each.path))
        .map((each) => [`${each.path}.yaml`, readFileSync(each.file, 'utf8')]),
    );
    const errors = folder({ ...files, 'sites/north/adt.yaml': site }, (root) =>
      checkSpecs(root).diagnostics.filter((each) => each.severity === 'error' && each.file.endsWith('adt.yaml')),
    );
    expect(errors).toEqual([]);
  });

  it('of a message that nobody maps uses the resource maps that are there', () => {
    const maps = mapsOf(specFiles('mappings'));
    const text = skeletonOf(
      sample('MSH|^~\\&|APP|NORTH|||20260101||ADT^A99|1|P|2.5.1\rPID|1||7^^^N^MR||Lund^Ida\r'),
      'v2-to-fhir/adt-a99',
      maps,
    );
    expect(text).toContain('use: resources/pid-to-patient');
    expect(readSpec(text, 'x.yaml').diagnostics).toEqual([]);
  });
});

describe('polyseme map', () => {
  it('prints skeletons and differences', async () => {
    const out: string[] = [];
    const terminal = { out: (text: string) => out.push(text), say: (text: string) => out.push(text), interactive: false };
    expect(await run(['map', 'new', 'fixtures/hl7v2/us-adt-a01-admit.hl7'], { ...terminal })).toBe(0);
    expect(out.join('\n')).toContain('extends: v2-to-fhir/adt-a01');
    out.length = 0;
    expect(await run(['map', 'diff', 'v2-to-fhir/oru-r01', 'sites/example-hospital/oru-lab'], { ...terminal })).toBe(1);
    expect(out.join('\n')).toMatch(/\+ resources\.observation\.fields\.device\.display: =ZLR-1\.2/);
    expect(await run(['map', 'diff', 'v2-to-fhir/oru-r01', 'v2-to-fhir/oru-r01'], { ...terminal })).toBe(0);
    expect(await run(['map', 'diff', 'v2-to-fhir/oru-r01', 'nothing'], { ...terminal })).toBe(1);
  });
});

describe('a skeleton for records', () => {
  const typesOf = (text: string): Record<string, unknown> => {
    const made = recordSkeleton(Buffer.from(text), 'files/x');
    if (!made.ok) throw new Error(made.problems[0]?.code);
    expect(folder({ 'files/x.yaml': made.value }, (root) => checkSpecs(root).diagnostics)).toEqual([]);
    const map = Object(parse(made.value));
    return {
      ...(map.source.columns ?? map.source.fields),
      notes: made.value
        .split('\n')
        .filter((each) => each.startsWith('#'))
        .slice(1),
    };
  };

  it('says what each column of a CSV file seems to be, passes the checker, and holds no value', () => {
    const text =
      'no;born;tall;us;odd;plz;at;"Grösse (cm)"\n1;01.02.1980;178,5;13/01/2020;01/02/2020;01067;2026-03-01T10:00:00Z;"a;b"\n2;31.12.1990;165,0;31/01/2020;03/04/2020;20095;;c\n';
    expect(typesOf(text)).toEqual({
      no: 'integer',
      born: { type: 'date', format: 'DD.MM.YYYY' },
      tall: 'string',
      us: { type: 'date', format: 'DD/MM/YYYY' },
      odd: 'string',
      plz: 'code',
      at: { type: 'instant', optional: 'true' },
      notes: [
        "# tall: numbers with a decimal comma: =tall.replace(',', '.') as decimal.",
        expect.stringContaining('# odd: dates: '),
        expect.stringContaining('"Grösse (cm)"; rename it'),
      ],
    });
  });

  it('says what each part of a JSON record seems to be, lists and parts inside too', () => {
    const text =
      '{"device":"W1","n":[[1]],"mixed":[1,{"a":2}],"readings":[{"t":"2026-03-01T10:00:00Z","bpm":71,"spo2":97.5},{"t":"2026-03-01T10:01:00Z","bpm":72}],"user":{"id":"u1","ok":true}}';
    expect(typesOf(text)).toEqual({
      device: 'string',
      n: [['integer']],
      readings: [{ t: 'instant', bpm: 'integer', spo2: { type: 'decimal', optional: 'true' } }],
      user: { id: 'string', ok: 'boolean' },
      mixed: ['string'],
      notes: [expect.stringContaining('# mixed: values of several forms')],
    });
  });

  it.each([['[1]'], ['{"a":'], ['[]'], ['']])('refuses what holds no record: %s', (text) => {
    expect(recordSkeleton(Buffer.from(text), 'files/x').ok).toBe(false);
  });

  it('makes a map that passes the checker of whatever a file holds, or refuses it', () => {
    const cell = fc.oneof(
      fc.string({ maxLength: 6 }),
      fc.constantFrom('__proto__', '1,5', '01', '2026-01-01', '=PID-3', '1/2/2026', 'true'),
    );
    fc.assert(
      fc.property(
        fc.oneof(
          fc.json(),
          fc
            .array(fc.array(cell, { minLength: 1, maxLength: 4 }), { maxLength: 4 })
            .map((rows) => rows.map((each) => each.join(',')).join('\n')),
        ),
        (text) => {
          const made = recordSkeleton(Buffer.from(text), 'files/x');
          if (!made.ok) return;
          expect(specOf(readSpec(made.value, 'files/x.yaml')).diagnostics).toEqual([]);
        },
      ),
      { numRuns: 200 },
    );
  });
});
