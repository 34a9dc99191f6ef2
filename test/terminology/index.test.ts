import { closeSync, mkdirSync, openSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { beforeEach, describe, expect, it } from 'vitest';
import { readIndex } from '../../terminology/index-files.ts';
import { type LoadReport, loadVocabulary, readRelease } from '../../terminology/load.ts';
import { openVocabulary, vocabularyOf } from '../../terminology/reader.ts';
import { temporaryFolder, tiny, tinyQuoted, tinyWith } from './write-release.ts';

let home: string;
let report: LoadReport;
beforeEach(async () => {
  home = temporaryFolder();
  report = await loadVocabulary(tiny, home);
});

describe('loading', () => {
  it('reports counts, sources with their hashes, and what was left out', () => {
    expect(report.counts).toEqual({
      concepts: 34,
      standard: 18,
      retired: 4,
      mapped: 26,
      targets: 28,
      values: 3,
      relationshipsUnknownConcept: 2,
      relationshipsTargetNotStandard: 2,
      relationshipsRetired: 1,
      sharedCodes: 1,
      ambiguousValues: 0,
      orphanedValues: 0,
    });
    expect(report.sources).toHaveLength(9);
    expect(report.sources.every(({ sha256 }) => /^[0-9a-f]{64}$/.test(sha256))).toBe(true);
    expect(report.vocabularies.find(({ vocabulary_id }) => vocabulary_id === 'TINY-S')).toMatchObject({
      name: 'Tiny clinical terms',
      version: '2026-01',
    });
    expect(report.licences.join(' ')).toContain('Regenstrief');
  });

  it('makes the same bytes of the same release, and loading it again changes nothing', async () => {
    const other = await loadVocabulary(tiny, temporaryFolder());
    const again = await loadVocabulary(tiny, home);
    expect(again.folder).toBe(report.folder);
    for (const name of readdirSync(report.folder)) {
      expect(readFileSync(join(other.folder, name)).equals(readFileSync(join(report.folder, name))), name).toBe(true);
    }
  });

  it('needs no index where a release is read once', async () => {
    const once = await readRelease(tiny);
    expect([once.release, once.resolve('TINY-I', 'A01.1')]).toEqual(['v0.1 TINY', openVocabulary(home).resolve('TINY-I', 'A01.1')]);
    await expect(readRelease(home)).rejects.toThrow('no release that is known here');
  });

  it('keeps two releases side by side and opens the active one; an open one is not disturbed', async () => {
    const old = openVocabulary(home);
    await loadVocabulary(
      tinyWith('VOCABULARY.csv', (text) => text.replace('v0.1 TINY', 'v0.2 TINY')),
      home,
    );
    expect([old.release, openVocabulary(home).release, openVocabulary(report.folder).release]).toEqual([
      'v0.1 TINY',
      'v0.2 TINY',
      'v0.1 TINY',
    ]);
    expect(old.resolve('TINY-L', 'T-1').targets).toHaveLength(1);
  });

  it('repairs a damaged index of the same release', async () => {
    truncateSync(join(report.folder, 'name-text.bin'), 10);
    expect(() => openVocabulary(home)).toThrow('name-text.bin');
    await loadVocabulary(tiny, home);
    expect(openVocabulary(home).release).toBe('v0.1 TINY');
    expect(readdirSync(home).sort()).toEqual(['active.json', report.folder.split('/').at(-1)]);
  });

  it('is right when two loads of one release run at the same time, and removes what a killed one left', async () => {
    const shared = temporaryFolder();
    mkdirSync(join(shared, '.writing-2147483647-dead'));
    const [first, second] = await Promise.all([loadVocabulary(tiny, shared), loadVocabulary(tiny, shared)]);
    expect(second.folder).toBe(first.folder);
    expect(openVocabulary(shared).release).toBe('v0.1 TINY');
    expect(readdirSync(shared).sort()).toEqual(['active.json', first.folder.split('/').at(-1)]);
  });

  it('gives every row to a second sink, in the same form for both shapes of files', async () => {
    const taken: Record<string, string[][]> = {};
    const sink = {
      rows: (table: string, rows: readonly (readonly string[])[]) => {
        taken[table] = [...(taken[table] ?? []), ...rows.map((row) => [...row])];
      },
    };
    await loadVocabulary(tiny, temporaryFolder(), { sink });
    const plain = { ...taken };
    for (const table of Object.keys(taken)) delete taken[table];
    await loadVocabulary(tinyQuoted, temporaryFolder(), { sink });
    expect(taken).toEqual(plain);
    expect(plain['concept']?.[1]).toEqual([
      '2147000001',
      'Ambergris syndrome',
      'Condition',
      'TINY-S',
      'Disorder',
      'S',
      '100001',
      '1970-01-01',
      '2099-12-31',
      '',
    ]);
    expect(Object.keys(plain)).toHaveLength(9);
  });
});

describe('an index that is not whole', () => {
  it.each(['concept-id', 'code-table', 'name-text', 'target-offset', 'target-concept'])(
    '%s: truncated, changed or missing is named',
    (name) => {
      const file = join(report.folder, `${name}.bin`);
      const bytes = readFileSync(file);
      truncateSync(file, bytes.length - 1);
      expect(() => openVocabulary(home)).toThrow(`${name}.bin: has ${bytes.length - 1} bytes instead of ${bytes.length}`);
      writeFileSync(file, bytes);
      const open = openSync(file, 'r+');
      writeSync(open, Buffer.from([(bytes[5] ?? 0) ^ 1]), 0, 1, 5);
      closeSync(open);
      expect(() => openVocabulary(home)).toThrow(`${name}.bin: its checksum is wrong`);
      rmSync(file);
      expect(() => openVocabulary(home)).toThrow(`${name}.bin: is missing`);
    },
  );

  it('a manifest or pointer that is cut, edited or of another version is named', () => {
    const manifest = join(report.folder, 'manifest.json');
    const text = readFileSync(manifest, 'utf8');
    const messageFor = (content: string): string => {
      writeFileSync(manifest, content);
      try {
        openVocabulary(home);
      } catch (error) {
        return error instanceof Error && 'code' in error ? `${error.code}` : 'another error';
      }
      return 'opened';
    };
    expect(messageFor(text)).toBe('opened');
    expect(messageFor(text.slice(0, 200))).toBe('terminology-corrupt-index');
    expect(messageFor(text.replace('"formatVersion": 1', '"formatVersion": 2'))).toBe('terminology-corrupt-index');
    expect(messageFor(text.replace(/"concepts": 34/, '"concepts": 33'))).toBe('terminology-corrupt-index');
    // A name of which a bit was turned fits every count, and would answer under another vocabulary's.
    expect(messageFor(text.replace('"vocabulary_id": "TINY-S"', '"vocabulary_id": "TINY-R"'))).toBe('terminology-corrupt-index');
    expect(messageFor(text.replace(/,\n {2}"checksum": "[0-9a-f]{8}"/, ''))).toBe('opened');
    expect(messageFor(text.replace('"name": "concept-id.bin"', '"name": "../x"'))).toBe('terminology-corrupt-index');
    writeFileSync(manifest, text);
    writeFileSync(join(home, 'active.json'), '{"active":"../elsewhere"}');
    expect(() => openVocabulary(home)).toThrow('does not name an index');
  });

  it('no index at all says how to get one', () => {
    expect(() => openVocabulary(temporaryFolder())).toThrow('there is no vocabulary index here');
  });
});

describe('threads', () => {
  it('share one copy of the arrays', async () => {
    const image = readIndex(home);
    const reader = new URL('../../terminology/reader.ts', import.meta.url).href;
    const code = `const { parentPort, workerData } = require('node:worker_threads');
      import(${JSON.stringify(reader)}).then(({ vocabularyOf }) =>
        parentPort.postMessage([vocabularyOf(workerData).resolve('TINY-L', 'T-1').targets[0].concept.concept_id, workerData.arrays['concept-id'].buffer instanceof SharedArrayBuffer]));`;
    const worker = new Worker(code, { eval: true, workerData: image });
    const answer = await new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject));
    await worker.terminate();
    expect(answer).toEqual([vocabularyOf(image).resolve('TINY-L', 'T-1').targets[0]?.concept.concept_id, true]);
  });
});
