import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readSpec } from '../../services/mapping/read.ts';
import { runRowCases } from '../../services/mapping/to-rows/cases.ts';
import { compileRowMaps } from '../../services/mapping/to-rows/maps.ts';
import { contextOf, mapFiles, projectMaps } from './rows-maps.ts';

const HEAD = `map: t/observation
version: 1.0.0
source: { format: fhir, version: 4.0.1, type: Observation }
target: { format: omop, version: "5.4" }
`;
const ROW = `rows:
  result:
    route: { concept: =code, default: measurement }
    columns:
      person_id: { ref: =subject }
      date: =effective as dateTime
      type: { id: 32817, name: EHR }
`;

const checked = (text: string): string[] =>
  compileRowMaps([readSpec(text, 'm.yaml')]).diagnostics.map(
    (each) => `${each.line}:${each.column} ${each.code} ${each.text} ${each.cure}`,
  );

describe('the project', () => {
  it('has row maps without a fault, and all their cases hold', () => {
    const maps = projectMaps();
    expect(maps.diagnostics).toEqual([]);
    expect(mapFiles().flatMap((file) => file.diagnostics)).toEqual([]);
    const report = runRowCases(maps);
    expect(report.diagnostics).toEqual([]);
    expect(report.passed).toBeGreaterThanOrEqual(36);
    for (const { spec } of maps.maps.values())
      expect(
        spec.root.entries.some(({ key }) => key === 'cases'),
        spec.id,
      ).toBe(true);
  });

  it('names what made a row by id, version and digest; the digest follows the content, not the layout', () => {
    const named = (text: string): string =>
      compileRowMaps([readSpec(text, 'm.yaml')]).rows({ resourceType: 'Observation' }, contextOf()).spec;
    expect(named(HEAD + ROW)).toMatch(/^t\/observation@1\.0\.0#sha256:[0-9a-f]{64}$/);
    expect(named(`# a remark\n${HEAD}${ROW.replace('{ concept: =code,', '{ concept:  =code ,')}`)).toBe(named(HEAD + ROW));
    expect(named(HEAD + ROW.replace('32817', '32856'))).not.toBe(named(HEAD + ROW));
  });

  it('makes nothing of a type that no map takes', () => {
    const made = projectMaps().rows({ resourceType: 'Basic' }, contextOf());
    expect(made).toEqual({ rows: [], exclusions: [], adjustments: [], unmapped: [], spec: '' });
  });
});

describe('the checker', () => {
  it('accepts a small map', () => {
    expect(checked(HEAD + ROW)).toEqual([]);
  });

  it.each([
    [
      'an unknown key',
      `${HEAD}${ROW}colums: {}\n`,
      '12:1 rows-unknown-key a row map has no key "colums". Use a key of mappings/README.md, "Rows". Did you mean "columns"?',
    ],
    [
      'an unknown table',
      HEAD + ROW.replace('default: measurement', 'default: measurment'),
      '7:39 rows-unknown-table There is no CDM table "measurment" that rows can be written to. Use a table of OMOP CDM 5.4. Did you mean "measurement"?',
    ],
    [
      'an unknown column',
      `${HEAD}${ROW}      unitt: =code\n`,
      '12:7 rows-unknown-column An event table has no column or role "unitt". Use a column of the table, or a role. Did you mean "unit"?',
    ],
    [
      'an unknown element',
      HEAD + ROW.replace('=subject', '=subjekt'),
      '9:26 unknown-element Observation has no element "subjekt". Use an element of the type. Did you mean "subject"?',
    ],
    [
      'a required column without a rule',
      HEAD + ROW.replace(/ {6}type.*\n/, ''),
      '6:3 rows-required-column measurement.measurement_type_concept_id is required and no rule fills it. Add a rule for it or for its role.',
    ],
    [
      'many where one is needed',
      `${HEAD}${ROW}      value_source_value: =note.text\n`,
      '12:27 rows-column-value varchar cannot take many values of type string. Give it a text, one: choose with .first() or .last().',
    ],
    [
      'a type that does not fit',
      `${HEAD}${ROW}      value_as_number: =code\n`,
      '12:24 rows-column-value float cannot take CodeableConcept. Give it a number or a Quantity.',
    ],
    [
      'an unknown concept table',
      `${HEAD}${ROW}      value_as: { concept: =code, map: answers }\n`,
      '12:7 rows-unknown-concept-table There is no concept table "answers". Use a table of the folder "tables".',
    ],
    ['neither table nor route', `${HEAD}rows:\n  a:\n    columns: {}\n`, '6:3 rows-missing-key row a needs "route (or table)". Add it.'],
    ['an expression that does not parse', HEAD + ROW.replace('=subject', '=subject ??'), 'expression-syntax'],
    ['an unknown resource type', HEAD.replace('type: Observation', 'type: Observatio') + ROW, 'unknown-type'],
    [
      'a rule number that is none',
      `${HEAD}exclude: [ { when: =issued, rule: x, because: y } ]\n${ROW}`,
      'rows-expected rule must be a whole number',
    ],
    [
      'what would stand in for a row of no care site',
      HEAD + ROW.replace('    columns:', '    exclude: [ { when: =issued, rule: 1, because: y, instead: =subject } ]\n    columns:'),
      '8:54 rows-unknown-key exclude of what is no care_site has no key "instead".',
    ],
  ])('refuses %s', (_, text, expected) => {
    expect(checked(text).join('\n')).toContain(expected);
  });

  it('refuses a second map for a type, a code twice in a table, and says so', () => {
    const twice = compileRowMaps([readSpec(HEAD + ROW, 'a.yaml'), readSpec(HEAD + ROW, 'b.yaml')]);
    expect(twice.diagnostics.map((each) => each.code)).toEqual(['rows-duplicate-map']);
    const table = 'concepts: t\nversion: 1.0.0\nrows:\n  - { code: A, concept: 1, name: x }\n  - { code: A, concept: 2, name: y }\n';
    expect(compileRowMaps([readSpec(table, 't.yaml')]).diagnostics.map((each) => `${each.line} ${each.code}`)).toEqual([
      '5 rows-duplicate-code',
    ]);
  });

  it('never throws, whatever the YAML', () => {
    const lines = fc.constantFrom(
      ...`${HEAD}${ROW}`.split('\n'),
      '  - {',
      'rows: []',
      '      value: =value',
      '    each: =component',
      '      x: {ref: 1}',
    );
    fc.assert(
      fc.property(fc.array(lines, { maxLength: 30 }), (given) => {
        checked(given.join('\n'));
      }),
      { numRuns: 300 },
    );
  });
});

describe('the case runner', () => {
  const failing = (cases: string): string[] => {
    const maps = compileRowMaps([readSpec(`${HEAD}${ROW}${cases}`, 'm.yaml')]);
    expect(maps.diagnostics).toEqual([]);
    return runRowCases(maps).diagnostics.map((each) => `${each.line} ${each.text}`);
  };
  const given = `    given: '{ "resourceType": "Observation", "subject": { "reference": "Patient/p" }, "code": { "text": "x" }, "effectiveDateTime": "2024-01-02" }'\n`;

  it('tells a column that differs, one too many, a row too few and one too many', () => {
    const row =
      '{ person_id: Patient/p, measurement_concept_id: 0, measurement_source_value: x, measurement_source_concept_id: 0, measurement_date: 2024-01-02, measurement_type_concept_id: 32817 }';
    const unmapped = '    unmapped: ["|x unknown-system"]\n';
    expect(failing(`cases:\n  - name: a\n${given}    expect: [ { measurement: ${row} } ]\n${unmapped}`)).toEqual([]);
    expect(
      failing(`cases:\n  - name: a\n${given}    expect: [ { measurement: ${row.replace('01-02', '01-03')} } ]\n${unmapped}`)[0],
    ).toContain('measurement_date is 2024-01-02, expected 2024-01-03');
    expect(failing(`cases:\n  - name: a\n${given}    expect: [ { measurement: { person_id: Patient/p } } ]\n${unmapped}`)[0]).toContain(
      'expected NULL',
    );
    expect(failing(`cases:\n  - name: a\n${given}${unmapped}`)[0]).toContain('a further row was made');
    expect(
      failing(`cases:\n  - name: a\n${given}    expect: [ { measurement: ${row} }, { measurement: ${row} } ]\n${unmapped}`)[0],
    ).toContain('was not made');
    expect(failing(`cases:\n  - name: a\n${given}    expect: [ { measurement: ${row} } ]\n`)[0]).toContain(
      'unmapped is [|x unknown-system], expected []',
    );
    expect(failing('cases:\n  - name: a\n    given: "{"\n')[0]).toContain('not JSON');
  });
});
