import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Database, openDatabase } from '../../services/database/connect.ts';
import { schemaText } from '../../services/database/schema-text.ts';
import { loadVocabularyTables } from '../../services/database/vocabulary/vocabulary.ts';
import { readAthena } from '../../terminology/athena.ts';
import { ATHENA_TABLES, type AthenaTable } from '../../terminology/athena-tables.ts';
import { type FreshDatabase, freshDatabase } from '../fresh-database.ts';

let fresh: FreshDatabase;
let db: Database;
const folder = mkdtempSync(join(tmpdir(), 'polyseme-vocabulary-'));
const starter = new URL('../../terminology/starter/', import.meta.url).pathname;

beforeAll(async () => {
  fresh = await freshDatabase();
  db = openDatabase(fresh.url, { max: 3 });
});
afterAll(async () => {
  await db.close();
  await fresh.drop();
  rmSync(folder, { recursive: true });
});

const load = (path: string, finish = true) =>
  loadVocabularyTables(db, async (tables) => {
    const sources = await readAthena(path, [tables.sink]);
    if (finish) await tables.finish('test release');
    return sources;
  });
const concepts = async () => (await db.query<{ n: number }>('SELECT count(*) AS n FROM cdm.concept'))[0]?.n;

const VALID = '20200101 2099-12-31';
/** A release of two concepts whose texts are hard to carry. */
function writeRelease(separator: '\t' | ',', over: Partial<Record<AthenaTable, readonly string[][]>> = {}): string {
  const [from = '', to = ''] = VALID.split(' ');
  const rows: Record<AthenaTable, readonly string[][]> = {
    vocabulary: [['None', 'OMOP', '', 'v5.0 TEST', '0']],
    domain: [['Metadata', 'Metadata', '7']],
    concept_class: [['Undefined', 'Undefined', '8']],
    relationship: [['Maps to', 'Maps to', '0', '0', 'Mapped from', '9']],
    concept: [
      ['0', 'No matching concept', 'Metadata', 'None', 'Undefined', '', 'x', from, to, ''],
      ['5', 'back\\slash, "quoted" \\N \\. ñ 💉', 'Metadata', 'None', 'Undefined', 'S', '"', from, to, 'D'],
    ],
    concept_relationship: [['5', '0', 'Maps to', from, to, '']],
    concept_synonym: [['5', 'other', '4180186']],
    concept_ancestor: [['5', '5', '0', '0']],
    drug_strength: [['5', '0', '1.50', '8576', '', '', '', '', '', from, to, '']],
    ...over,
  };
  const quote = (value: string): string => (separator === ',' && /[",]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value);
  for (const [table, lines] of Object.entries(rows)) {
    const header = ATHENA_TABLES[table as AthenaTable].map((column) => column.name);
    const text = [header, ...lines].map((line) => line.map(quote).join(separator)).join('\n');
    writeFileSync(join(folder, `${table.toUpperCase()}.csv`), `${text}\n`);
  }
  return folder;
}

test('the starter set replaces what was there, indexes come back, locally made concepts stay', async () => {
  const before = await schemaText(db);
  await load(writeRelease('\t'));
  await db.query(`INSERT INTO cdm.concept SELECT 2000000001, 'ours', domain_id, vocabulary_id, concept_class_id, 'S', 'ours', valid_start_date, valid_end_date
    FROM cdm.concept WHERE concept_id = 5`);
  await db.query(
    `INSERT INTO cdm.concept_relationship SELECT 2000000001, 0, 'Maps to', valid_start_date, valid_end_date FROM cdm.concept WHERE concept_id = 5`,
  );
  const sources = await load(starter);
  const rows = sources.find((each) => each.table === 'concept')?.rows ?? -1;
  expect(await concepts()).toBe(rows + 1);
  expect(
    await db.query(
      'SELECT concept_name, standard_concept, invalid_reason FROM cdm.concept WHERE concept_id IN (0, 5, 2000000001) ORDER BY concept_id',
    ),
  ).toEqual([
    { concept_name: 'No matching concept', standard_concept: null, invalid_reason: null },
    { concept_name: 'ours', standard_concept: 'S', invalid_reason: null },
  ]);
  expect(await db.query('SELECT concept_id_2 FROM cdm.concept_relationship WHERE concept_id_1 = 2000000001')).toEqual([
    { concept_id_2: 0 },
  ]);
  expect(await schemaText(db)).toBe(before);
  expect(await db.query('SELECT release FROM ops.vocabulary_load ORDER BY id')).toEqual([
    { release: 'test release' },
    { release: 'test release' },
  ]);
});

test.each(['\t', ','] as const)('texts, quotes, dates and empty values arrive as they are (separator %j)', async (separator) => {
  await load(writeRelease(separator));
  expect(
    await db.query('SELECT concept_name, concept_code, valid_start_date, valid_end_date FROM cdm.concept WHERE concept_id = 5'),
  ).toEqual([
    { concept_name: 'back\\slash, "quoted" \\N \\. ñ 💉', concept_code: '"', valid_start_date: '2020-01-01', valid_end_date: '2099-12-31' },
  ]);
  expect(await db.query('SELECT amount_value, numerator_value, box_size FROM cdm.drug_strength')).toEqual([
    { amount_value: '1.50', numerator_value: null, box_size: null },
  ]);
});

test('a release that is wrong, refused by the server, or never finished changes nothing', async () => {
  await load(writeRelease('\t'));
  const before = await concepts();
  await expect(load(writeRelease('\t', { drug_strength: [['x']] }))).rejects.toThrow();
  const long = ['6', 'x', 'Metadata', 'None', 'Undefined', 'S', 'c'.repeat(60), '20200101', '20200101', ''];
  await expect(load(writeRelease('\t', { concept: [long] }))).rejects.toThrow('database-failed');
  const many = Array.from({ length: 30_000 }, (_, i) => [
    String(i),
    'x'.repeat(40),
    'Metadata',
    'None',
    'Undefined',
    'S',
    i === 9 ? 'c'.repeat(60) : 'c',
    '20200101',
    '20200101',
    '',
  ]);
  await expect(load(writeRelease('\t', { concept: many }))).rejects.toThrow('database-failed');
  await expect(load(writeRelease('\t'), false)).rejects.toThrow('never finished');
  await expect(
    loadVocabularyTables(db, async (tables) => {
      await tables.sink.rows('domain', [['A', 'A', '1']], { file: '', lines: [1] });
      throw new Error('reader failed');
    }),
  ).rejects.toThrow('reader failed');
  expect(await concepts()).toBe(before);
  expect(await db.query('SELECT vocabulary_version FROM cdm.vocabulary')).toEqual([{ vocabulary_version: 'v5.0 TEST' }]);
});
