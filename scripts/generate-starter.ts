/**
 * Writes terminology/starter/*.csv: the rows of an Athena release that the codes of terminology/starter/codes.tsv need, taken from open
 * vocabulary subsets beside the checkout (../shared/corpus/omop), and the rows stated in stated.tsv. With --check it only compares.
 *
 *   node scripts/generate-starter.ts            write
 *   node scripts/generate-starter.ts --check    compare; exit 1 when different
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ATHENA_TABLE_NAMES, ATHENA_TABLES, type AthenaTable } from '../terminology/athena-tables.ts';
import { readDelimited } from '../terminology/delimited.ts';

const root = join(import.meta.dirname, '..');
const starter = join(root, 'terminology/starter');
const corpus = join(root, '../shared/corpus/omop');
type Row = Readonly<Record<string, string>>;

async function readRows(path: string): Promise<Row[]> {
  const rows: Row[] = [];
  let header: readonly string[] | undefined;
  for await (const { fields } of readDelimited(path, { sha256: '', bytes: 0 })) {
    if (header === undefined) header = fields[0] ?? [];
    else for (const values of fields) rows.push(Object.fromEntries(header.map((name, i) => [name, values[i] ?? ''])));
  }
  return rows;
}

/** The concepts and relationships of the golden cases' SQL seed. Concepts of 2,000,000,000 and up are local inventions of that project. */
function readSeed(path: string): { concepts: Row[]; relationships: Row[] } {
  const concepts: Row[] = [];
  const relationships: Row[] = [];
  for (const match of readFileSync(path, 'utf8').matchAll(/^INSERT INTO vocab\.(\w+) VALUES \((.*)\);$/gm)) {
    const values = [...(match[2] ?? '').matchAll(/'((?:[^']|'')*)'|NULL/g)].map((value) => (value[1] ?? '').replaceAll("''", "'"));
    const table = match[1] === 'concept' ? 'concept' : 'concept_relationship';
    const row = Object.fromEntries(ATHENA_TABLES[table].map(({ name }, i) => [name, values[i] ?? '']));
    if (table === 'concept_relationship') relationships.push(row);
    else if (Number(row['concept_id']) < 2_000_000_000) concepts.push(row);
  }
  return { concepts, relationships };
}

async function starterTables(): Promise<ReadonlyMap<AthenaTable, readonly Row[]>> {
  const seed = readSeed(join(corpus, 'golden-cases/vocab_seed.sql.txt'));
  const stated = (await readRows(join(starter, 'stated.tsv'))).map(
    (row): Row => ({
      ...row,
      valid_start_date: '1970-01-01',
      valid_end_date: '2099-12-31',
      invalid_reason: '',
    }),
  );
  const known = new Map<string, Row>();
  const byCode = new Map<string, Row>();
  for (const row of [...(await readRows(join(corpus, 'synthea27nj/CONCEPT.csv'))), ...seed.concepts, ...stated]) {
    const id = row['concept_id'] ?? '';
    if (known.has(id)) continue;
    known.set(id, row);
    byCode.set(`${row['vocabulary_id']}\t${row['concept_code']}`, row);
  }
  const chosen = new Map<string, Row>(stated.map((row) => [row['concept_id'] ?? '', row]));
  for (const wanted of await readRows(join(starter, 'codes.tsv'))) {
    const row = byCode.get(`${wanted['vocabulary_id']}\t${wanted['concept_code']}`);
    if (row === undefined) throw new Error(`codes.tsv: ${wanted['vocabulary_id']} ${wanted['concept_code']} is in no source`);
    chosen.set(row['concept_id'] ?? '', row);
  }
  const maps = [...(await readRows(join(corpus, 'synthea27nj/CONCEPT_RELATIONSHIP.csv'))), ...seed.relationships].filter(
    (row) => row['relationship_id'] === 'Maps to' || row['relationship_id'] === 'Maps to value',
  );
  for (const map of maps) {
    const target = known.get(map['concept_id_2'] ?? '');
    if (chosen.has(map['concept_id_1'] ?? '') && target !== undefined) chosen.set(target['concept_id'] ?? '', target);
  }
  await addMetadata(chosen, known);
  return tablesOf(chosen, relationshipsOf(chosen, maps));
}

const SEEDS = join(corpus, 'dbt-synthea-seeds/vocabulary');
const metaRows = async (table: AthenaTable): Promise<ReadonlyMap<string, Row>> =>
  new Map((await readRows(join(SEEDS, `${table}_seed.csv`))).map((row) => [row[`${table}_id`] ?? '', row]));

/** What names vocabularies, domains, classes and relationships, by the column of a concept that uses it. */
const METADATA: readonly (readonly [table: AthenaTable, column: string, named: string])[] = [
  ['vocabulary', 'vocabulary_id', 'Vocabulary'],
  ['domain', 'domain_id', 'Domain'],
  ['concept_class', 'concept_class_id', 'Concept Class'],
  ['relationship', '', 'Relationship'],
];

/** Each of them is a concept itself, which a release has and the official foreign keys ask for: named as the table names it. */
async function addMetadata(chosen: Map<string, Row>, known: ReadonlyMap<string, Row>): Promise<void> {
  const metas = new Map(await Promise.all(METADATA.map(async ([table]) => [table, await metaRows(table)] as const)));
  for (let before = -1; before !== chosen.size; ) {
    before = chosen.size;
    for (const [table, column, named] of METADATA) {
      const relationships = [...Object.keys(REVERSE), ...Object.values(REVERSE)];
      const names = column === '' ? relationships : ['None', ...[...chosen.values()].map((row) => row[column] ?? '')];
      for (const name of new Set(names)) {
        const meta = metas.get(table)?.get(name);
        const id = meta?.[`${table}_concept_id`] ?? '0';
        if (meta === undefined || id === '0' || chosen.has(id)) continue;
        chosen.set(id, known.get(id) ?? metadataConcept(id, meta[`${table}_name`] ?? name, named));
      }
    }
  }
}

const metadataConcept = (concept_id: string, concept_name: string, named: string): Row => ({
  concept_id,
  concept_name,
  domain_id: 'Metadata',
  vocabulary_id: named,
  concept_class_id: named,
  standard_concept: '',
  concept_code: 'OMOP generated',
  valid_start_date: '1970-01-01',
  valid_end_date: '2099-12-31',
  invalid_reason: '',
});

const REVERSE: Readonly<Record<string, string>> = { 'Maps to': 'Mapped from', 'Maps to value': 'Value mapped from' };

/** The mapping rows between chosen concepts and their reverse; each stated standard concept maps to itself, as every standard one does. */
function relationshipsOf(chosen: ReadonlyMap<string, Row>, maps: readonly Row[]): Row[] {
  const found = new Map<string, Row>();
  const add = (from: string, to: string, relationship_id: string, dates: Row): void => {
    const { valid_start_date = '', valid_end_date = '', invalid_reason = '' } = dates;
    const row = { concept_id_1: from, concept_id_2: to, relationship_id, valid_start_date, valid_end_date, invalid_reason };
    const key = `${from} ${to} ${relationship_id}`;
    if (!found.has(key)) found.set(key, row);
  };
  for (const map of maps) {
    const { concept_id_1: from = '', concept_id_2: to = '', relationship_id = '' } = map;
    if (!chosen.has(from) || !chosen.has(to)) continue;
    add(from, to, relationship_id, map);
    add(to, from, REVERSE[relationship_id] ?? '', map);
  }
  for (const [id, row] of chosen) {
    if (row['standard_concept'] !== 'S' || found.has(`${id} ${id} Maps to`)) continue;
    add(id, id, 'Maps to', row);
    add(id, id, 'Mapped from', row);
  }
  return [...found.values()];
}

async function tablesOf(
  chosen: ReadonlyMap<string, Row>,
  relationships: readonly Row[],
): Promise<ReadonlyMap<AthenaTable, readonly Row[]>> {
  const used = (column: string): ReadonlySet<string> => new Set([...chosen.values()].map((row) => row[column] ?? ''));
  const meta = async (table: AthenaTable, names: ReadonlySet<string>): Promise<Row[]> => {
    const rows = await metaRows(table);
    return [...names].map((name) => rows.get(name) ?? { [`${table}_id`]: name, [`${table}_name`]: name, [`${table}_concept_id`]: '0' });
  };
  // The rows come from several releases, so no vocabulary claims a version but 'None', with the asterisk that marks a part of a release.
  const vocabularies = (await meta('vocabulary', new Set(['None', ...used('vocabulary_id')]))).map((row) => ({
    ...row,
    vocabulary_version: row['vocabulary_id'] === 'None' ? 'v5.0 09-APR-22*' : '',
  }));
  const ancestors = (await readRows(join(SEEDS, 'concept_ancestor_seed.csv'))).filter(
    (row) => chosen.has(row['ancestor_concept_id'] ?? '') && chosen.has(row['descendant_concept_id'] ?? ''),
  );
  return new Map<AthenaTable, readonly Row[]>([
    ['vocabulary', vocabularies],
    ['domain', await meta('domain', used('domain_id'))],
    ['concept_class', await meta('concept_class', used('concept_class_id'))],
    ['relationship', await meta('relationship', new Set([...Object.keys(REVERSE), ...Object.values(REVERSE)]))],
    ['concept', [...chosen.values()]],
    ['concept_relationship', relationships],
    ['concept_ancestor', ancestors],
  ]);
}

/** One table as Athena ships it: tabs, no quotes, dates as YYYYMMDD, rows in a fixed order. */
function asAthena(table: AthenaTable, rows: readonly Row[]): string {
  const columns = ATHENA_TABLES[table];
  const lines = rows.map((row) =>
    columns.map(({ name, kind }) => (kind === 'date' ? (row[name] ?? '').replaceAll('-', '') : (row[name] ?? ''))).join('\t'),
  );
  const byFirstNumber = (a: string, b: string): number => Number.parseInt(a, 10) - Number.parseInt(b, 10) || (a < b ? -1 : a > b ? 1 : 0);
  return [columns.map(({ name }) => name).join('\t'), ...lines.sort(byFirstNumber), ''].join('\n');
}

if (!existsSync(corpus)) {
  console.log(`starter: skipped, there are no vocabulary subsets at ${corpus}`);
} else {
  const tables = await starterTables();
  const check = process.argv.includes('--check');
  for (const table of ATHENA_TABLE_NAMES) {
    const path = join(starter, `${table.toUpperCase()}.csv`);
    const text = asAthena(table, tables.get(table) ?? []);
    if (check && (!existsSync(path) || readFileSync(path, 'utf8') !== text)) {
      console.error(`starter: ${path} differs; run "node scripts/generate-starter.ts"`);
      process.exitCode = 1;
    } else if (!check) writeFileSync(path, text);
  }
  console.log(
    `starter: ${check ? 'compared' : 'wrote'} ${tables.get('concept')?.length} concepts, ${tables.get('concept_relationship')?.length} relationships`,
  );
}
