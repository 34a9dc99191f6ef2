import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type House, openHouse } from '../../services/commands/house.ts';
import { readConfig } from '../../services/config.ts';
import { openDatabase } from '../../services/database/connect.ts';
import { deriveStale } from '../../services/database/derived/derived.ts';
import type { JsonObject } from '../../services/fhir/resource.ts';
import { rebuildCompared } from '../../services/pipeline/rebuild.ts';
import { answerCodes, remakeNext } from '../../services/pipeline/unmapped/answer.ts';
import { write } from '../../services/pipeline.ts';
import { type FreshDatabase, freshDatabase } from '../fresh-database.ts';
import { type Folder, folder, ran } from './command-line.ts';

const LAB = 'http://stmarys.example/tests';
const HEMOGLOBIN = 3000963;
const GLUCOSE = 3004501;
let fresh: FreshDatabase;
let dir: Folder;
let house: House;
const environment = () => ({ POLYSEME_DATABASE_URL: fresh.url, POLYSEME_DATA_DIR: join(dir.path, 'data') });
const command = (...args: readonly string[]) => ran(['unmapped', ...args], environment());

beforeAll(async () => {
  fresh = await freshDatabase();
  dir = folder();
  const config = readConfig(environment());
  if (!config.ok) throw new Error(JSON.stringify(config.problems));
  house = await openHouse(config.value);
});
afterAll(async () => {
  await house[Symbol.asyncDispose]();
  await fresh.drop();
  dir[Symbol.dispose]();
});

let written = 0;
/** Writes one result of `patient`. */
async function result(patient: string, code: JsonObject, unit = 'g/dL'): Promise<void> {
  const person = { resourceType: 'Patient', id: patient, gender: 'female', birthDate: '1970-01-01' };
  const observation = {
    resourceType: 'Observation',
    id: `o${written++}`,
    status: 'final',
    code,
    subject: { reference: `Patient/${patient}` },
    effectiveDateTime: '2024-05-01',
    valueQuantity: { value: 13, unit, system: 'http://unitsofmeasure.org', code: unit },
  };
  const change = { update: 'replace', deletes: [], spec: '', problems: [], unmapped: [] } as const;
  const content = Buffer.from(JSON.stringify(observation));
  const entry = { source: 'St. Mary', channel: 'fhir', content, controlId: '', messageType: 'FHIR', patientKeys: [patient] } as const;
  await write(house.parts, entry, async () => [person, observation].map((resource) => ({ ...change, resource })));
}
const local = (code: string, display: string) => ({ coding: [{ system: LAB, code, display }] });
const concepts = async (): Promise<Readonly<Record<string, readonly number[]>>> => {
  const rows = await house.database.query<{ value: string; ids: number[] }>(
    `SELECT measurement_source_value AS value, array_agg(DISTINCT measurement_concept_id) AS ids FROM cdm.measurement GROUP BY 1`,
  );
  return Object.fromEntries(rows.map(({ value, ids }) => [value, ids]));
};
const sourceMap = () =>
  house.database.query(
    'SELECT source_code, source_vocabulary_id, target_concept_id, target_vocabulary_id FROM cdm.source_to_concept_map ORDER BY 1, 3',
  );

describe('unmapped codes', () => {
  it('are one ranked list with persons, senders, values, units and candidates', async () => {
    for (const patient of ['a', 'b', 'c']) await result(patient, local('HB', 'Hemoglobin blood'));
    await result('a', local('GL', 'Glucose serum'));
    await result('a', { text: 'Haemoglobin (handwritten)' }, 'furlong');
    await result('b', { coding: [{ system: 'http://loinc.org', code: '718-7' }] });
    const { out, code } = await command('list', '--suggest', '2', '--json');
    expect(code).toBe(0);
    const [first, ...others] = JSON.parse(out);
    expect(first).toMatchObject({ system: LAB, code: 'HB', count: 3, persons: 3, resources: 3, kind: 'concept', why: ['unknown-system'] });
    expect(first).toMatchObject({ sources: ['St. Mary'], values: ['13 g/dL'], units: ['g/dL'], display: 'Hemoglobin blood' });
    expect(first.suggestions[0].concept.concept_name).toContain('Hemoglobin');
    expect(first.suggestions[0].reason).toContain('hemoglobin');
    expect(others.map((each: { system: string; code: string }) => `${each.system}|${each.code}`).sort()).toEqual([
      `${LAB}|GL`,
      'http://unitsofmeasure.org|furlong',
      '|Haemoglobin (handwritten)',
    ]);
    expect((await command('list', '--text', 'glucose')).out).toContain(`${LAB}|GL`);
  });

  it('are previewed, answered, and only the rows that carry the code are made again', async () => {
    const before = await house.database.query<{ n: string }>(
      `SELECT xmin::text AS n FROM cdm.measurement WHERE measurement_source_value <> 'HB' ORDER BY measurement_id`,
    );
    const preview = await command('answer', `${LAB}|HB`, String(HEMOGLOBIN), '--author', 'Ann', '--json');
    expect(preview.code).toBe(1);
    expect(JSON.parse(preview.out).preview).toMatchObject({
      carried: { rows: 3, resources: 3, persons: 3, messages: 3 },
      changes: { touched: 3, kinds: { 'newly-mapped': { rows: 3 } } },
      lookedAt: 3,
    });
    expect((await concepts())['HB']).toEqual([0]);
    const done = await command(
      'answer',
      `${LAB}|HB`,
      String(HEMOGLOBIN),
      '--author',
      'Ann',
      '--because',
      'same analyser',
      '--yes',
      '--json',
    );
    expect([done.code, JSON.parse(done.out)]).toEqual([0, { ids: [1], state: 'in-force', resources: 3, problems: [], remade: 3, left: 0 }]);
    expect((await concepts())['HB']).toEqual([HEMOGLOBIN]);
    expect(
      await house.database.query(
        `SELECT xmin::text AS n FROM cdm.measurement WHERE measurement_source_value <> 'HB' ORDER BY measurement_id`,
      ),
    ).toEqual(before);
    expect(await sourceMap()).toEqual([
      expect.objectContaining({ source_code: 'HB', target_concept_id: HEMOGLOBIN, target_vocabulary_id: 'LOINC' }),
    ]);
    // The server that runs takes the answer for what comes next.
    await result('d', local('HB', 'Hemoglobin blood'));
    expect((await concepts())['HB']).toEqual([HEMOGLOBIN]);
    expect(JSON.parse((await command('list', '--json')).out).some((each: { code: string }) => each.code === 'HB')).toBe(false);
  });

  it('of free text and of units are answered too', async () => {
    const [gram] = await house.database.query<{ concept_id: number }>(
      `SELECT concept_id FROM cdm.concept WHERE vocabulary_id = 'UCUM' AND concept_code = 'g/dL'`,
    );
    expect((await command('answer', '|Haemoglobin (handwritten)', String(HEMOGLOBIN), '--yes')).code).toBe(0);
    expect((await command('answer', 'http://unitsofmeasure.org|furlong', String(gram?.concept_id), '--yes')).code).toBe(0);
    const rows = await house.database.query(
      `SELECT measurement_concept_id AS concept, unit_concept_id AS unit FROM cdm.measurement WHERE unit_source_value = 'furlong'`,
    );
    expect(rows).toEqual([{ concept: HEMOGLOBIN, unit: gram?.concept_id }]);
  });

  it('answered wrongly are taken back: the answer before counts again, then none', async () => {
    expect((await command('answer', `${LAB}|HB`, String(GLUCOSE), '--author', 'Bob', '--yes')).code).toBe(0);
    expect((await concepts())['HB']).toEqual([GLUCOSE]);
    expect((await command('undo', `${LAB}|HB`, '--author', 'Bob')).code).toBe(1);
    expect((await command('undo', `${LAB}|HB`, '--author', 'Bob', '--because', 'wrong line', '--yes')).code).toBe(0);
    expect((await concepts())['HB']).toEqual([HEMOGLOBIN]);
    expect((await command('undo', `${LAB}|HB`, '--yes')).code).toBe(0);
    expect((await concepts())['HB']).toEqual([0]);
    expect((await sourceMap()).filter((each) => JSON.stringify(each).includes('"HB"'))).toEqual([]);
    expect((await command('undo', `${LAB}|HB`, '--yes')).said).toContain('answer-none');
    const history = JSON.parse((await command('answers', '--json')).out).filter((each: { code: string }) => each.code === 'HB');
    expect(history.map((each: { state: string; author: string }) => [each.state, each.author])).toEqual([
      ['withdrawn', 'Bob'],
      ['withdrawn', 'Ann'],
    ]);
  });

  it('are refused concepts that are not there or not standard, with the concept to name instead', async () => {
    const [old] = await house.database.query<{ concept_id: number }>(
      `SELECT c.concept_id FROM cdm.concept c JOIN cdm.concept_relationship r ON r.concept_id_1 = c.concept_id AND r.relationship_id = 'Maps to'
       WHERE c.standard_concept IS NULL LIMIT 1`,
    );
    expect((await command('answer', `${LAB}|HB`, '999999999', '--yes')).said).toContain('answer-no-concept');
    const { said } = await command('answer', `${LAB}|HB`, String(old?.concept_id), '--yes');
    expect(said).toMatch(/answer-not-standard/);
    expect(said).toMatch(/it maps to \d+/);
    expect((await command('answer', `${LAB}|HB`, '--yes')).said).toContain('answer-empty');
    expect((await command('answer', 'HB', String(GLUCOSE), '--yes')).said).toContain('unmapped-code-what');
  });

  it('wait for a second person where one is asked for', async () => {
    const proposed = await command('answer', `${LAB}|GL`, String(GLUCOSE), '--author', 'Ann', '--second-person', '--json');
    const [id] = JSON.parse(proposed.out).ids;
    expect((await concepts())['GL']).toEqual([0]);
    expect((await command('approve', String(id), '--author', ' ann')).said).toContain('answer-same-person');
    expect((await command('approve', String(id), '--author', 'Bob')).code).toBe(0);
    expect((await concepts())['GL']).toEqual([GLUCOSE]);
    expect((await command('approve', String(id), '--author', 'Eve')).said).toContain('answer-not-proposed');
  });

  it('go to Usagi and come back with status, author, reason and several targets', async () => {
    const file = join(dir.path, 'codes.csv');
    expect((await command('export', '--out', file)).code).toBe(0);
    const [header = '', ...lines] = readFileSync(file, 'utf8').trimEnd().split('\n');
    expect(header).toMatch(
      /^sourceCode,sourceName,sourceFrequency,sourceAutoAssignedConceptIds,ADD_INFO:system,.*,matchScore,mappingStatus,equivalence,statusSetBy,statusSetOn,conceptId,conceptName,domainId,mappingType,comment,createdBy,createdOn,assignedReviewer$/,
    );
    const hb = lines.find((line) => line.startsWith('HB,')) ?? '';
    expect(hb).toContain(',UNCHECKED,UNREVIEWED,');
    const cells = (status: string, concept: number, type: string) =>
      `HB,"Hemoglobin, blood",4,,${LAB},,,,,,1.0,${status},EQUAL,Bob,1700000000000,${concept},x,Measurement,${type},"as the analyser says, ""HB""",Ann,1700000000000,`;
    writeFileSync(
      file,
      `${[header, cells('APPROVED', HEMOGLOBIN, 'MAPS_TO'), cells('APPROVED', GLUCOSE, 'MAPS_TO_VALUE')].join('\r\n')}\r\n`,
    );
    expect((await command('import', file)).code).toBe(1);
    expect((await command('import', file, '--yes')).code).toBe(0);
    expect(
      await house.database.query(
        `SELECT DISTINCT measurement_concept_id AS c, value_as_concept_id AS v FROM cdm.measurement WHERE measurement_source_value = 'HB'`,
      ),
    ).toEqual([{ c: HEMOGLOBIN, v: GLUCOSE }]);
    const [answer] = JSON.parse((await command('answers', '--json')).out);
    expect(answer).toMatchObject({ author: 'Ann', approvedBy: 'Bob', equivalence: 'EQUAL', reason: 'as the analyser says, "HB"' });
    expect((await command('import', file, '--yes')).said).toContain('1 code answered so already');
    writeFileSync(file, `${[header, cells('APPROVED', HEMOGLOBIN, 'MAPS_TO_NOTHING')].join('\n')}\n`);
    expect((await command('import', file, '--yes')).said).toMatch(/line 2[\s\S]*usagi-value/);
    writeFileSync(file, 'a,b\n1,2\n');
    expect((await command('import', file, '--yes')).said).toContain('usagi-columns');
  });

  it('are made again batch by batch; what a broken process left, the next one does', async () => {
    for (let i = 0; i < 250; i++) await result(`m${i % 7}`, local('MANY', 'Many'));
    const given = { system: LAB, code: 'MANY', display: undefined, reason: undefined, equivalence: 'EQUAL', author: 'Ann' };
    await answerCodes(house.parts, [{ ...given, targets: [{ conceptId: HEMOGLOBIN, type: 'MAPS_TO' }] }], false);
    const left = async () => (await house.database.query<{ n: number }>('SELECT count(*) AS n FROM ops.remake'))[0]?.n;
    const first = await remakeNext(house.parts);
    expect([first, await left()]).toEqual([200, 50]);
    const [one, two] = await Promise.all([remakeNext(house.parts), remakeNext(house.parts)]);
    expect([one + two, await left()]).toEqual([50, 0]);
    expect((await concepts())['MANY']).toEqual([HEMOGLOBIN]);
  });

  it('answered, and then everything done again from the journal, come to the same rows', async () => {
    const derive = { pullDate: '2026-06-01' };
    await deriveStale(house.database, derive);
    const empty = await freshDatabase();
    const scratch = openDatabase(empty.url);
    const report = await rebuildCompared(house.parts, scratch, { derive, listed: 5 });
    await scratch.close();
    await empty.drop();
    expect([report.rows, report.resources]).toEqual([[], []]);
  });
});
