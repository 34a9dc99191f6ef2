/**
 * Another project's published cases (fhir2omop, beside this checkout when there), judged by our rules: where its rows differ from
 * ours, a rule says why, and only the differences listed here may be.
 */
import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { readJson } from '../../services/fhir/format/json.ts';
import type { JsonObject, Resource } from '../../services/fhir/resource.ts';
import type { CdmRow, CdmValue } from '../../services/omop/row.ts';
import { vocabularyOfSeed } from './golden-vocabulary.ts';
import { projectMaps } from './rows-maps.ts';

const folder = new URL('../../../shared/corpus/omop/golden-cases/', import.meta.url);
const here = existsSync(folder);
if (!here) console.log(`Skipped: the golden cases are not beside this checkout (${folder.pathname}).`);

const isObject = (value: unknown): value is JsonObject => typeof value === 'object' && value !== null && !Array.isArray(value);
const objects = (value: unknown): readonly JsonObject[] => (Array.isArray(value) ? value.filter(isObject) : []);
const isResource = (value: JsonObject): value is Resource => typeof value['resourceType'] === 'string';

/** Column by column, what both agree on left out: 'table.column: theirs -> ours'. */
function differences(expected: JsonObject, rows: readonly CdmRow[]): string[] {
  const out: string[] = [];
  for (const [table, list] of Object.entries(expected)) {
    const ours = rows.filter((row) => row.table === table);
    const theirs = objects(list);
    if (ours.length !== theirs.length) out.push(`${table}: ${theirs.length} rows -> ${ours.length} rows`);
    for (const [i, row] of theirs.entries()) out.push(...rowDifferences(table, row, ours[i]?.columns ?? {}));
  }
  for (const row of rows) if (expected[row.table] === undefined) out.push(`${row.table}: no row -> a row`);
  return out;
}

function rowDifferences(table: string, theirs: JsonObject, ours: Readonly<Record<string, CdmValue>>): string[] {
  const names = new Set([...Object.keys(theirs), ...Object.keys(ours)].filter((name) => !name.endsWith('__name')));
  return [...names].flatMap((name) => {
    if (table === 'person' && name === 'person_id') return [];
    const [a, b] = [textOf(theirs[name]), textOf(ours[name])];
    return a === b ? [] : [`${table}.${name}: ${a} -> ${b}`];
  });
}

const textOf = (value: unknown): string => {
  if (value === undefined || value === null) return 'NULL';
  if (typeof value === 'object' && 'ref' in value) return String(value.ref).replace(/^\w+\//, 'ref:');
  return String(value).replace(/^(\d{4}-\d\d-\d\d)T/, '$1 ');
};

/** The rule that explains a difference; undefined: none does. */
function ruleOf(difference: string): string | undefined {
  const known: readonly (readonly [RegExp, string])[] = [
    [/_date(time)?: .* -> /, 'rule 68: offsets are converted, not dropped'],
    [/^measurement\.value_source_value: NULL -> [\d.]+$/, 'rule 10: the source value is kept verbatim'],
    [/^observation\.value_source_value: NULL -> [\d.]+$/, 'rule 10: the source value is kept verbatim'],
    [/\.unit_source_concept_id: NULL -> \d+$/, 'rule 1: the source concept of the unit is stored'],
    [/\.unit_concept_id: NULL -> 0$/, 'rule 47: a unit that is not mapped is 0, NULL is for none'],
    [/^person\.race_concept_id: 8515 -> 1546847$/, 'rule 25: several races are 1546847'],
    [/^observation: no row -> a row$/, 'rule 25: each of several races is an observation'],
    [/^person\.race_concept_id: 8657 -> 8527$/, 'rule 25: the OMB category is read, no private extension'],
    [/^person\.race_source_value: .*\(OMOP\) -> White$/, 'rule 25: the OMB category is read, no private extension'],
    [/^person\.race_concept_id: 8522 -> 0$/, 'rules 7 and 25: unknown says nothing; 8522 is retired'],
  ];
  return known.find(([pattern]) => pattern.test(difference))?.[1];
}

describe.runIf(here)('golden cases of another implementation', () => {
  const vocabulary = here ? vocabularyOfSeed(readFileSync(new URL('vocab_seed.sql.txt', folder), 'utf8')) : undefined;

  it.each(['patient--person--race.json', 'observation--measurement--components.json'])('%s: every difference is a rule of ours', (file) => {
    const read = readJson(readFileSync(new URL(file, folder), 'utf8'));
    if (!read.ok || vocabulary === undefined) throw new Error('the case file cannot be read');
    const cases = objects(read.value['cases']);
    expect(cases.length).toBeGreaterThan(2);
    const explained = new Map<string, number>();
    for (const each of cases) {
      const rows = objects(each['fhir'])
        .filter(isResource)
        .flatMap((resource) => projectMaps().rows(resource, { vocabulary, timezone: 'UTC' }).rows);
      const expected = each['omop'];
      for (const difference of differences(objects([expected])[0] ?? {}, rows)) {
        const rule = ruleOf(difference);
        expect(rule, `${String(each['desc']).slice(0, 60)}: ${difference}`).toBeDefined();
        explained.set(rule ?? '', (explained.get(rule ?? '') ?? 0) + 1);
      }
    }
    console.log(
      [`${file}: ${cases.length} cases; differences`, ...[...explained].map(([rule, count]) => `  ${count} x ${rule}`)].join('\n'),
    );
  });
});
