/** What cases try of maps: the rules, columns and codes that a case had a value from. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { coverageOf, type SpecCoverage } from '../../services/mapping/coverage.ts';
import { mapsOf } from '../../services/mapping/maps.ts';
import { specFilesOf } from '../../services/mapping/texts.ts';
import { messageMap, NAME, SEX } from './specs.ts';

function coverage(files: Readonly<Record<string, string>>): ReadonlyMap<string, SpecCoverage> {
  const specs = specFilesOf(new Map(Object.entries(files)));
  return new Map(coverageOf(specs, mapsOf(specs), () => undefined).map((each) => [each.file, each]));
}

const MAP = messageMap('name: =PID-5\ngender: { from: =PID-8, map: sex }\nbirthDate: =PID-7');
const patient = (rest: string): string => `MSH|^~\\\\&|A|B|||20260101||ADT^A01|1|P|2.5.1\\nPID|1||7||${rest}`;
const caseOf = (rest: string): string =>
  `cases:\n  - name: one\n    given: { message: "${patient(rest)}" }\n    expect: ["patient.exists()"]\n`;
const FILES = { 'v2/messages/adt.yaml': MAP, 'v2/tables/sex.yaml': SEX, 'v2/types/xpn.yaml': NAME };

it('tells of each map which rules made something in a case, and the lines of the others', () => {
  const found = coverage({ ...FILES, 'v2/messages/adt.cases.yaml': caseOf('Lund^Ida|||F') });
  const lineOf = (text: string): number => MAP.split('\n').findIndex((line) => line.includes(text)) + 1;
  const { all, tried, untried } = found.get('v2/messages/adt.yaml') ?? { all: 0, tried: 0, untried: [] };
  expect({ missing: all - tried, untried }).toEqual({ missing: 1, untried: [lineOf('birthDate')] });
  // PID-5.3 has no value: the second of two given names is a rule that nothing tried.
  expect(found.get('v2/types/xpn.yaml')).toMatchObject({ of: 'rules', tried: expect.any(Number), untried: [5] });
  expect(found.get('v2/tables/sex.yaml')).toMatchObject({ of: 'codes', all: 2, tried: 1 });
});

it('has nothing tried without cases, and everything where cases reach everything', () => {
  expect([...coverage(FILES).values()].map(({ tried }) => tried)).toEqual([0, 0, 0]);
  const whole = coverage({
    ...FILES,
    'v2/messages/adt.cases.yaml': caseOf('Lund^Ida^Marie||19500101|F'),
    'v2/tables/sex.cases.yaml': 'cases:\n  - { name: all, given: { table: t/sex }, expect: { male: M, female: F } }\n',
  });
  expect([...whole.values()].map(({ all, tried, untried }) => [all - tried, untried])).toEqual([
    [0, []],
    [0, []],
    [0, []],
  ]);
});

it('counts the columns of a row map by the cases that it holds; one that cannot be read tries nothing', () => {
  const path = 'fhir-to-omop/specimen.yaml';
  const text = readFileSync(join(import.meta.dirname, '../../mappings', path), 'utf8');
  const of = (own: string): SpecCoverage | undefined => coverage({ [path]: own }).get(path);
  const whole = of(text);
  expect(whole).toMatchObject({ of: 'columns', tried: expect.any(Number) });
  expect(whole?.tried).toBeGreaterThan(3);
  const none = { ...whole, tried: 0, untried: expect.any(Array) };
  expect(of(text.split('\ncases:')[0] ?? '')).toEqual(none);
  expect(of(text.replaceAll('"resourceType"', 'resourceType'))).toEqual(none);
  const without = of(text.replaceAll('"bodySite"', '"bodySites"'));
  expect(without?.untried).toHaveLength((whole?.untried.length ?? 0) + 1);
});

it('counts maps of records by what their cases make of records, and the concept maps that they use', () => {
  const record = `map: csv/people
version: 1.0.0
source: { format: csv, columns: { number: string, sex: { type: string, optional: true }, born: { type: date, optional: true } } }
target: { format: fhir, version: 4.0.1 }
params: { authority: HERE }
resources:
  patient:
    type: Patient
    key: [=number]
    fields:
      gender: { from: =sex, map: tables/sex }
      birthDate: =born
cases:
  - name: one
    given: { csv: "number,sex,born\\n7,F,\\n", authority: HERE }
    expect: ["patient.exists()"]
`;
  const found = coverage({ 'csv/people.yaml': record, 'csv/tables/sex.yaml': SEX });
  expect(found.get('csv/people.yaml')).toEqual({ file: 'csv/people.yaml', of: 'rules', all: 3, tried: 2, untried: [12] });
  expect(found.get('csv/tables/sex.yaml')).toMatchObject({ all: 2, tried: 1 });
});

it('counts maps to HL7v2 by what their cases build, and those of queries, which no case can try yet', () => {
  const out = `map: fhir-to-v2/patient
version: 1.0.0
source: { format: fhir, version: 4.0.1, type: Patient }
target: { format: hl7v2, version: "2.5.1" }
message: ADT^A28^ADT_A05
segments:
  - segment: PID
    fields:
      3: =id
      7: =birthDate
cases:
  - name: one
    given: { resource: '{"resourceType":"Patient","id":"7"}' }
    expect: { message: ADT^A28^ADT_A05, segments: ["PID|||7"] }
`;
  const query = out
    .replace('map: fhir-to-v2/patient', 'map: queries/one')
    .replace('message: ADT^A28^ADT_A05', 'query: [{ message: QBP^Q21, answer: RSP^K21^RSP_K21 }]\nfind: identifier\nasks: { PID-3: QPD-3 }')
    .replace(/cases:.*/s, '');
  const found = coverage({ 'fhir-to-v2/messages/patient.yaml': out, 'queries/one.yaml': query });
  expect(found.get('fhir-to-v2/messages/patient.yaml')).toMatchObject({ of: 'rules', all: 2, tried: 1, untried: [10] });
  expect(found.get('queries/one.yaml')).toMatchObject({ of: 'rules', all: 2, tried: 0 });
});
