import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Vocabulary } from '../../terminology/vocabulary.ts';
import unmapped from './unmapped-fixture-codes.json' with { type: 'json' };
import { loaded, starter } from './write-release.ts';

const root = join(import.meta.dirname, '../..');
const SYSTEMS: ReadonlyMap<string, string> = new Map([
  ['http://loinc.org', 'LOINC'],
  ['http://snomed.info/sct', 'SNOMED'],
  ['http://www.nlm.nih.gov/research/umls/rxnorm', 'RxNorm'],
  ['http://hl7.org/fhir/sid/cvx', 'CVX'],
  ['http://unitsofmeasure.org', 'UCUM'],
  ['http://hl7.org/fhir/sid/icd-10-cm', 'ICD10CM'],
  ['LN', 'LOINC'],
  ['SCT', 'SNOMED'],
  ['RXNORM', 'RxNorm'],
  ['CVX', 'CVX'],
  ['UCUM', 'UCUM'],
  ['I10C', 'ICD10CM'],
]);

/** Every 'VOCABULARY code' in a FHIR value, wherever a system and a code stand together. */
function fhirCodes(value: unknown): string[] {
  if (typeof value !== 'object' || value === null) return [];
  const [system, code]: unknown[] = [Reflect.get(value, 'system'), Reflect.get(value, 'code')];
  const vocabulary = typeof system === 'string' ? SYSTEMS.get(system) : undefined;
  const own = vocabulary !== undefined && typeof code === 'string' ? [`${vocabulary} ${code}`] : [];
  return [...own, ...Object.values(value).flatMap(fhirCodes)];
}

/** The same of a v2 message: code^text^system, twice in a CWE, and the unit of OBX-6. */
function v2Codes(text: string): string[] {
  return text.split(/[\r\n]+/).flatMap((segment) => {
    const fields = segment.split('|');
    const unit = fields[0] === 'OBX' ? (fields[6] ?? '').split('^')[0] : undefined;
    const coded = fields.flatMap((field) =>
      field.split('~').flatMap((repetition) => {
        const parts = repetition.split('^');
        return [0, 3].flatMap((at) => {
          const vocabulary = SYSTEMS.get(parts[at + 2] ?? '');
          return vocabulary === undefined || !parts[at] ? [] : [`${vocabulary} ${parts[at]}`];
        });
      }),
    );
    return unit ? [...coded, `UCUM ${unit}`] : coded;
  });
}

const filesOf = (folder: string, end: string): string[] =>
  readdirSync(join(root, 'fixtures', folder))
    .filter((name) => name.endsWith(end))
    .map((name) => readFileSync(join(root, 'fixtures', folder, name), 'latin1'));

let vocabulary: Vocabulary;
beforeAll(async () => {
  vocabulary = await loaded(starter);
});

describe('the starter vocabulary', () => {
  const codes = [
    ...new Set([...filesOf('fhir', '.json').flatMap((text) => fhirCodes(JSON.parse(text))), ...filesOf('hl7v2', '.hl7').flatMap(v2Codes)]),
  ].sort();
  const resolves = (each: string): boolean => {
    const [name = '', code = ''] = [each.slice(0, each.indexOf(' ')), each.slice(each.indexOf(' ') + 1)];
    return (name === 'UCUM' ? vocabulary.unit(code) : vocabulary.resolve(name, code)).targets.length > 0;
  };

  it('resolves every code of the fixtures but those that are written down with a reason', () => {
    expect(codes.length).toBeGreaterThan(100);
    expect(codes.filter((each) => !resolves(each))).toEqual(Object.keys(unmapped).sort());
    expect(Object.values<string>(unmapped).every((reason) => reason.length > 10)).toBe(true);
  });

  it('gives the concept ids that omop-rules names', () => {
    const idOf = (system: string, code: string) => vocabulary.resolve(system, code).targets.map(({ concept }) => concept.concept_id);
    expect(idOf('http://snomed.info/sct', '44054006')).toEqual([201826]);
    expect(idOf('http://loinc.org', '4548-4')).toEqual([3004410]);
    expect(idOf('http://hl7.org/fhir/sid/icd-10-cm', 'I10')).toEqual([320128]);
    expect(idOf('http://hl7.org/fhir/sid/cvx', '140')).toEqual([40213154]);
    expect(idOf('Gender', 'M')).toEqual([8507]);
    expect(idOf('Gender', 'O')).toEqual([]);
    expect(idOf('http://snomed.info/sct', '8517006')).toEqual([903651, 1340204]);
  });

  it('holds the concepts that maps name by id, standard and valid', () => {
    const ids = [8507, 8532, 8657, 8515, 8516, 8557, 8527, 38003563, 38003564, 262, 9201, 9202, 9203, 581476, 581477, 722455, 42898160];
    for (const id of [
      ...ids,
      32817,
      32827,
      32838,
      32840,
      32856,
      32882,
      32893,
      32899,
      32906,
      4171754,
      4171755,
      4171756,
      4172703,
      4172704,
      8541,
      756265,
    ]) {
      expect([id, vocabulary.concept(id)?.standard_concept, vocabulary.concept(id)?.invalid_reason]).toEqual([id, 'S', '']);
    }
    expect(vocabulary.release).toBe('v5.0 09-APR-22*');
    expect(vocabulary.release.length).toBeLessThanOrEqual(20);
  });

  it('is what its generator writes (skipped with the reason where its sources are not at hand)', () => {
    const said = execFileSync(process.execPath, [join(root, 'scripts/generate-starter.ts'), '--check'], { encoding: 'utf8' });
    console.log(said.trim());
  });
});
