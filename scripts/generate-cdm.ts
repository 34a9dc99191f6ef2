/**
 * Writes services/database/migrations/cdm-5.4.generated.ts: the SQL that creates every table of OMOP CDM 5.4 from the official
 * field list (OMOP_CDMv5.4_Field_Level.csv of https://github.com/OHDSI/CommonDataModel, inst/csv, Apache-2.0).
 * `--check` writes nothing and exits 1 when the file differs. The CSV lies beside the checkout or at the path given; with
 * `--check` its absence is said and counts as success.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';

const here = new URL('../', import.meta.url);
const target = new URL('services/database/migrations/cdm-5.4.generated.ts', here);
const check = process.argv.includes('--check');
const given = process.argv.slice(2).find((each) => !each.startsWith('--'));
const source = given ?? new URL('../shared/corpus/omop/cdm-csv/OMOP_CDMv5.4_Field_Level.csv', here);

interface Field {
  readonly table: string;
  readonly name: string;
  readonly type: string;
  readonly required: boolean;
  readonly primaryKey: boolean;
}

/** Returns the records of a CSV text (RFC 4180: quotes doubled inside quotes, line breaks allowed there). */
function records(text: string): string[][] {
  const out: string[][] = [];
  let record: string[] = [];
  for (const match of text.matchAll(/(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r?\n|$)/g)) {
    const [whole, quoted, plain, end] = match;
    if (whole === '' && record.length === 0) continue;
    record.push(quoted === undefined ? (plain ?? '') : quoted.replaceAll('""', '"'));
    if (end !== ',') {
      out.push(record);
      record = [];
    }
  }
  return out;
}

/**
 * Returns the PostgreSQL type of a column. Ids are bigint wherever the official list says integer, except ids of concepts,
 * which a vocabulary release numbers (the official DDL may be widened, CommonDataModel#221); floats are numeric as in the
 * official PostgreSQL DDL, so that decimals keep their digits.
 */
function columnType(name: string, datatype: string): string {
  const kind = datatype.toLowerCase();
  if (kind === 'integer') return /_id(_[12])?$/.test(name) && !/concept_id(_[12])?$/.test(name) ? 'bigint' : 'integer';
  if (kind === 'float') return 'numeric';
  if (kind === 'datetime') return 'timestamp without time zone';
  if (kind === 'varchar(max)') return 'text';
  if (kind === 'date' || /^varchar\(\d+\)$/.test(kind)) return kind;
  throw new Error(`unknown datatype ${datatype} of ${name}`);
}

function fields(csv: string): Field[] {
  const [names = [], ...rows] = records(csv);
  return rows
    .filter((row) => row.length > 1)
    .map((row) => {
      const value = (name: string): string => row[names.indexOf(name)] ?? '';
      const name = value('cdmFieldName');
      return {
        table: value('cdmTableName').toLowerCase(),
        name,
        type: columnType(name, value('cdmDatatype')),
        required: value('isRequired') === 'Yes',
        primaryKey: value('isPrimaryKey') === 'Yes',
      };
    });
}

const EVENTS: readonly (readonly [table: string, concept: string, date: string])[] = [
  ['visit_occurrence', 'visit_concept_id', 'visit_start_date'],
  ['visit_detail', 'visit_detail_concept_id', 'visit_detail_start_date'],
  ['condition_occurrence', 'condition_concept_id', 'condition_start_date'],
  ['drug_exposure', 'drug_concept_id', 'drug_exposure_start_date'],
  ['procedure_occurrence', 'procedure_concept_id', 'procedure_date'],
  ['device_exposure', 'device_concept_id', 'device_exposure_start_date'],
  ['measurement', 'measurement_concept_id', 'measurement_date'],
  ['observation', 'observation_concept_id', 'observation_date'],
  ['specimen', 'specimen_concept_id', 'specimen_date'],
  ['note', 'note_type_concept_id', 'note_date'],
];

// Where the official index list has (person_id) alone, the date follows: the derived tables walk a person's dates.
const OTHER_INDEXES: readonly (readonly [table: string, columns: string])[] = [
  ['observation_period', 'person_id, observation_period_start_date'],
  ['drug_era', 'person_id, drug_era_start_date'],
  ['drug_era', 'drug_concept_id'],
  ['dose_era', 'person_id, dose_era_start_date'],
  ['dose_era', 'drug_concept_id'],
  ['condition_era', 'person_id, condition_era_start_date'],
  ['condition_era', 'condition_concept_id'],
  ['payer_plan_period', 'person_id'],
  ['note_nlp', 'note_id'],
  ['cost', 'cost_event_id'],
  ['fact_relationship', 'domain_concept_id_1, fact_id_1'],
  ['fact_relationship', 'domain_concept_id_2, fact_id_2'],
  ['concept', 'concept_code'],
  ['concept', 'vocabulary_id, concept_code'],
  ['concept', 'domain_id'],
  ['concept', 'concept_class_id'],
  ['concept_relationship', 'concept_id_1, relationship_id'],
  ['concept_relationship', 'concept_id_2, relationship_id'],
  ['concept_synonym', 'concept_id'],
  ['concept_ancestor', 'ancestor_concept_id'],
  ['concept_ancestor', 'descendant_concept_id'],
  ['source_to_concept_map', 'source_vocabulary_id, source_code'],
  ['source_to_concept_map', 'target_concept_id'],
  ['drug_strength', 'drug_concept_id'],
  ['drug_strength', 'ingredient_concept_id'],
  ['cohort', 'cohort_definition_id, subject_id'],
];

function indexes(): string[] {
  const events = EVENTS.flatMap(([table, concept, date]): (readonly [string, string])[] => [
    [table, `person_id, ${date}`],
    [table, concept],
    ...(table === 'visit_occurrence' ? [] : table === 'specimen' ? [] : ([[table, 'visit_occurrence_id']] as const)),
  ]);
  const counts = new Map<string, number>();
  return [...events, ...OTHER_INDEXES].map(([table, columns]) => {
    const n = (counts.get(table) ?? 0) + 1;
    counts.set(table, n);
    return `CREATE INDEX ${table}_${n} ON cdm.${table} (${columns});`;
  });
}

function generated(csv: string): string {
  const tables = Map.groupBy(fields(csv), (field) => field.table);
  const create = [...tables].map(([table, columns]) => {
    const lines = columns.map((each) => `  ${each.name} ${each.type}${each.required ? ' NOT NULL' : ''}`);
    const key = columns.filter((each) => each.primaryKey).map((each) => each.name);
    if (key.length > 0) lines.push(`  CONSTRAINT ${table}_pkey PRIMARY KEY (${key.join(', ')})`);
    return `CREATE TABLE cdm.${table} (\n${lines.join(',\n')}\n);`;
  });
  return [
    '// Generated by scripts/generate-cdm.ts from OMOP_CDMv5.4_Field_Level.csv (OHDSI CommonDataModel, Apache-2.0). Do not edit.',
    '',
    '/** Creates every table of OMOP CDM 5.4 in schema cdm: official names, columns and nullability; ids bigint; no foreign keys. */',
    `export const CDM_TABLES_SQL = \`\n${create.join('\n')}\n\`;`,
    '',
    '/** The indexes that researchers, the row writer and the derived tables need. */',
    `export const CDM_INDEXES_SQL = \`\n${indexes().join('\n')}\n\`;`,
    '',
  ].join('\n');
}

if (!existsSync(source)) {
  console.error(`generate-cdm: ${source} is not here: nothing ${check ? 'compared' : 'written'}`);
  process.exitCode = check ? 0 : 1;
} else {
  const text = generated(readFileSync(source, 'utf8').replace(/^\uFEFF/, ''));
  if (!check) {
    writeFileSync(target, text);
    console.log(`generate-cdm: wrote ${target.pathname}`);
  } else if (!existsSync(target) || readFileSync(target, 'utf8') !== text) {
    console.error('generate-cdm: services/database/migrations/cdm-5.4.generated.ts differs; run node scripts/generate-cdm.ts');
    process.exitCode = 1;
  } else {
    console.log('generate-cdm: services/database/migrations/cdm-5.4.generated.ts is up to date');
  }
}
