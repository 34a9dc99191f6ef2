import { spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { asyncBufferFromFile, parquetReadObjects } from 'hyparquet';
import { describe, expect, it } from 'vitest';
import { fixture } from '../parts.ts';
import { folder, MAIN, ran, ranAlone } from './command-line.ts';

const HL7 = 'us-adt-a01-admit.hl7';
const message = fixture('hl7v2', HL7);
const linesOf = (text: string): Record<string, unknown>[] =>
  text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));

/** inputs, converted, not converted of the last line said. */
const tally = (said: string): number[] =>
  /([\d,]+) inputs?: ([\d,]+) converted into [\d,]+ \w+, ([\d,]+) not converted/
    .exec(said)
    ?.slice(1)
    .map((each) => Number(each.replaceAll(',', ''))) ?? [];

const reconciles = (said: string): boolean => {
  const [inputs, converted, not] = tally(said);
  return inputs !== undefined && inputs === (converted ?? 0) + (not ?? 0);
};

const patient = (id: string, more: object = {}) => ({ resourceType: 'Patient', id, gender: 'female', birthDate: '1980-02-03', ...more });
const haemoglobin = (id: string, subject: string, more: object = {}) => ({
  resourceType: 'Observation',
  id,
  status: 'final',
  code: { coding: [{ system: 'http://loinc.org', code: '718-7' }] },
  subject: { reference: subject },
  effectiveDateTime: '2026-01-05T10:00:00Z',
  valueQuantity: { value: 13.2, unit: 'g/dL', system: 'http://unitsofmeasure.org', code: 'g/dL' },
  ...more,
});

describe('convert', () => {
  it('turns a message into one resource per line and says the counts', async () => {
    const { code, out, said } = await ran(['convert', message]);
    expect(code).toBe(0);
    expect(linesOf(out).map((each) => each['resourceType'])).toEqual(expect.arrayContaining(['Patient', 'Encounter']));
    expect(tally(said)).toEqual([1, 1, 0]);
  });

  it('reads a batch, a bundle, a resource, NDJSON and standard input, each by its content', async () => {
    using dir = folder();
    const ndjson = dir.write('all.ndjson', `${JSON.stringify(patient('a'))}\r\n\n${JSON.stringify(patient('b'))}`);
    const lines = dir.write('lines.json', `${JSON.stringify(patient('a'))}\n${JSON.stringify(patient('b'))}\n`);
    const pretty = dir.write('pretty.json', JSON.stringify(patient('a'), undefined, 2));
    const inputs = async (...files: readonly string[]) => tally((await ran(['convert', ...files])).said);
    expect(await inputs(fixture('hl7v2', 'batch.hl7'))).toEqual([3, 3, 0]);
    expect(await inputs(fixture('fhir', 'diabetes-follow-up.json'))).toEqual([1, 1, 0]);
    expect([await inputs(ndjson), await inputs(lines), await inputs(pretty)]).toEqual([
      [2, 2, 0],
      [2, 2, 0],
      [1, 1, 0],
    ]);
    const piped = await ranAlone(['convert', '-'], {}, readFileSync(message));
    expect([piped.code, piped.out]).toEqual([0, `${(await ran(['convert', message])).out}\n`]);
  });

  it('expands a pattern, reports one that finds nothing, and accounts for every input', async () => {
    const all = await ran(['convert', fixture('hl7v2', '*.hl7'), '--quiet']);
    expect([all.code, reconciles(all.said)]).toEqual([1, true]); // one is wrong on purpose
    const files = readdirSync(fixture('hl7v2')).filter((each) => each.endsWith('.hl7')).length;
    expect(tally(all.said)[0]).toBe(files - 1 + 3);
    const none = await ran(['convert', fixture('hl7v2', '*.nothing')]);
    expect([none.code, tally(none.said)]).toEqual([1, [1, 0, 1]]);
    expect(none.said).toContain('*.nothing');
  });

  it('reports what is not there, not HL7v2 or FHIR, not UTF-8, broken or invalid, each once with a cure', async () => {
    using dir = folder();
    const files = [
      dir.path,
      join(dir.path, 'not-there.hl7'),
      dir.write('empty.hl7', ''),
      dir.write('binary.bin', Buffer.from([0, 1, 2, 255, 254])),
      dir.write('letter.txt', 'Dear colleague'),
      dir.write('cut.json', '{"resourceType":"Patient","na'),
      dir.write('other.json', '{"hello":"world"}'),
      dir.write('latin.json', Buffer.from('{"resourceType":"Patient","name":[{"family":"M\xfcller"}]}', 'latin1')),
      dir.write('latin.ndjson', Buffer.from('{"resourceType":"Patient","name":[{"family":"M\xfcller"}]}\n', 'latin1')),
      dir.write('cut.ndjson', `${JSON.stringify(patient('a'))}\n{"resourceType":"Pat`),
      dir.write('cut.hl7', 'MSH|^~'),
    ];
    const { code, said, out } = await ran(['convert', ...files]);
    expect([code, tally(said)]).toEqual([1, [12, 1, 11]]);
    expect(linesOf(out)).toHaveLength(1);
    for (const file of files) expect(said).toContain(file);
    expect(said).not.toContain('internal');
  });

  it('merges what several messages say of one patient into one person, whatever else they bring', async () => {
    const { out } = await ran(['convert', fixture('hl7v2', '*.hl7'), '--to', 'omop', '--quiet']);
    const rows = linesOf(out);
    const keys = rows.map((row) => `${row['table']} ${row['table'] === 'death' ? row['person_id'] : row[`${row['table']}_id`]}`);
    expect(keys.filter((key, index) => keys.indexOf(key) !== index)).toEqual([]);
    expect(keys.some((key) => key.startsWith('person '))).toBe(true);
  });

  it('makes OMOP rows whose references lead to rows of the same output', async () => {
    const { out, said } = await ran(['convert', fixture('hl7v2', '*.hl7'), fixture('fhir', '*.json'), '--to', 'omop', '--quiet']);
    expect(reconciles(said)).toBe(true);
    const rows = linesOf(out);
    const ids = (table: string) => new Set(rows.filter((row) => row['table'] === table).map((row) => row[`${table}_id`]));
    const persons = ids('person');
    const visits = ids('visit_occurrence');
    const dangling = rows.filter(
      (row) =>
        // Places and practitioners belong to no person.
        (row['person_id'] !== undefined && !persons.has(row['person_id'])) ||
        ['visit_occurrence_id', 'preceding_visit_occurrence_id'].some((name) => (row[name] ?? null) !== null && !visits.has(row[name])),
    );
    expect(dangling).toEqual([]);
    expect(rows.some((row) => row['table'] === 'measurement' && visits.has(row['visit_occurrence_id']))).toBe(true);
  });

  it('leaves out and counts rows without their person, and finds a drug that stands in a resource of its own', async () => {
    using dir = folder();
    const request = {
      resourceType: 'MedicationRequest',
      id: 'm',
      status: 'completed',
      intent: 'order',
      subject: { reference: 'Patient/p' },
      authoredOn: '2026-01-05',
      medicationReference: { reference: 'Medication/d' },
    };
    const drug = {
      resourceType: 'Medication',
      id: 'd',
      code: { coding: [{ system: 'http://www.nlm.nih.gov/research/umls/rxnorm', code: '860975' }] },
    };
    const all = [haemoglobin('o', 'Patient/nobody'), request, patient('p'), drug];
    const file = dir.write('all.ndjson', all.map((each) => JSON.stringify(each)).join('\n'));
    const { out, said } = await ran(['convert', file, '--to', 'omop']);
    const rows = linesOf(out);
    expect(rows.filter((row) => row['table'] === 'measurement')).toEqual([]);
    expect(said).toMatch(/rule 22 +1/);
    expect(rows.find((row) => row['table'] === 'drug_exposure')).toMatchObject({ drug_source_value: expect.stringContaining('860975') });
  });
});

describe('convert in a pipe', () => {
  it('ends without a fault when nobody reads on', async () => {
    using dir = folder();
    const many = dir.write('many.hl7', readFileSync(message, 'utf8').repeat(200));
    const child = spawn(process.execPath, [MAIN, 'convert', many, '--quiet'], { env: { PATH: process.env['PATH'] ?? '' } });
    child.stdout.once('data', () => child.stdout.destroy());
    const ended = new Promise<number | null>((done) => child.once('close', done));
    expect([await text(child.stderr), await ended]).toEqual([expect.not.stringContaining('EPIPE'), 141]);
  });
});

describe('convert --format', () => {
  it('json is one array; NDJSON files are one per type', async () => {
    using dir = folder();
    const { out } = await ran(['convert', message, '--format', 'json']);
    const array: unknown[] = JSON.parse(out);
    expect(array.length).toBeGreaterThan(1);
    await ran(['convert', message, '--out', dir.path]);
    await ran(['convert', message, '--out', dir.path]); // a second run replaces
    const files = readdirSync(dir.path).flatMap((name) => linesOf(readFileSync(join(dir.path, name), 'utf8')));
    expect(files).toHaveLength(array.length);
    expect(existsSync(join(dir.path, 'Patient.ndjson'))).toBe(true);
  });

  it('csv has the columns of the CDM in order, quotes, and neutralises what a spreadsheet would run', async () => {
    using dir = folder();
    const hostile = ['=HYPERLINK("http://x")', '+1+1', '@SUM(A1)', '-2+3', 'quote " and, comma'];
    const all = [
      patient('p'),
      ...hostile.map((text, n) => haemoglobin(`o${n}`, 'Patient/p', { valueQuantity: undefined, valueString: text })),
    ];
    const file = dir.write('all.ndjson', all.map((each) => JSON.stringify(each)).join('\n'));
    expect((await ran(['convert', file, '--to', 'omop', '--format', 'csv', '--out', dir.path])).code).toBe(0);
    const [heading, ...lines] = readFileSync(join(dir.path, 'measurement.csv'), 'utf8').trimEnd().split('\n');
    expect(heading).toMatch(/^measurement_id,person_id,measurement_concept_id,measurement_date,/);
    expect(lines).toHaveLength(hostile.length);
    expect(lines[0]).toContain(`"'=HYPERLINK(""http://x"")"`);
    expect(lines[1]).toContain(",'+1+1");
    expect(lines[2]).toContain(",'@SUM(A1)");
    expect(lines[3]).toContain(",'-2+3");
    expect(lines[4]).toContain('"quote "" and, comma"');
    expect(lines.join('\n')).not.toMatch(/(^|,)"?[=+@-](?!\d+(\.\d+)?(,|$))/m);
  });

  it('parquet holds the same rows with the types of the CDM', async () => {
    using dir = folder();
    const bundle = fixture('fhir', 'diabetes-follow-up.json');
    const { out } = await ran(['convert', bundle, '--to', 'omop', '--quiet']);
    await ran(['convert', bundle, '--to', 'omop', '--format', 'parquet', '--out', dir.path, '--quiet']);
    const rows = linesOf(out).filter((row) => row['table'] === 'measurement');
    const read = await parquetReadObjects({ file: await asyncBufferFromFile(join(dir.path, 'measurement.parquet')) });
    expect(read.map((row) => Number(row['measurement_id']))).toEqual(rows.map((row) => row['measurement_id']));
    expect(read.map((row) => row['value_as_number'])).toEqual(
      rows.map((row) => (row['value_as_number'] === undefined ? null : Number(row['value_as_number']))),
    );
    expect(read.map((row) => row['measurement_date'])).toEqual(rows.map((row) => row['measurement_date']));
  });

  it('csv and parquet are refused for nested resources and for standard output; so is a folder that cannot be', async () => {
    using dir = folder();
    const file = dir.write('a-file', '');
    const codeOf = async (...args: readonly string[]) => /code: ([\w-]+)/.exec((await ran(['convert', message, ...args])).said)?.[1];
    expect(await codeOf('--format', 'csv', '--out', dir.path)).toBe('output-is-nested');
    expect(await codeOf('--to', 'omop', '--format', 'parquet')).toBe('output-needs-folder');
    expect(await codeOf('--to', 'omop', '--format', 'csv')).toBe('output-needs-folder');
    expect(await codeOf('--out', join(file, 'below'))).toBe('folder-unwritable');
    expect((await ran(['convert', dir.path])).said).toContain('file-is-folder');
  });
});
