import { describe, expect, it } from 'vitest';
import { nearest } from '../../services/errors/nearest.ts';
import { reportJson, reportText } from '../../services/mapping/check.ts';
import { messageMap, NAME, reportOn, reportOnFields, SEX } from './specs.ts';

/** [fields, code, line in the map, part of text or cure] */
const REFUSED: readonly (readonly [string, string, number, string])[] = [
  ['gendr: { from: =PID-8, map: sex }', 'unknown-element', 11, '"gender"'],
  ['gender: mail', 'binding-violated', 11, '"male"'],
  ['gender: { from: =PID-8, map: sexx }', 'unknown-map', 11, '"sex"'],
  ['gender: { from: =PID-8, mapp: sex }', 'unknown-key', 11, '"map"'],
  ['birthDate: =PID-399', 'unknown-field', 11, 'PID-399'],
  ['birthDate: =PDI-7', 'unknown-segment', 11, '"PID"'],
  ['birthDate: =OBR-7', 'unknown-segment', 11, 'OBR'],
  ['birthDate: =PID-7.9', 'unknown-component', 11, '9'],
  ['birthDate: =PID-7.frist()', 'unknown-function', 11, '"first"'],
  ['birthDate: =PID-7 ++', 'expression-syntax', 11, ''],
  ['birthDate: soon', 'literal-value', 11, 'date'],
  ['deceased[x]: =PID-29', 'choice-needs-type', 11, 'boolean'],
  ['deceased[x]: { Boolean: =PID-30 }', 'unknown-type', 11, '"boolean"'],
  ['deceased: =PID-30', 'unknown-element', 11, '"deceased[x]"'],
  ['address: =PID-11', 'no-type-map', 11, 'XAD'],
  ['name: Smith', 'literal-object', 11, 'HumanName'],
  ['maritalStatus: { text: =PID-5.1 }', 'expression-many', 11, 'PID-5.1'],
  ['link: { other: =ref(patent), type: seealso }', 'unknown-handle', 11, '"patient"'],
  ['link: { other: =ref(patient) }', 'required-element', 11, 'type'],
  ['gender: { switch: =PID-8, cases: [{ is: [M], then: male }] }', 'switch-without-else', 11, 'else'],
  ['gender: { from: =PID-8, map: sex, onUnmapped: explode }', 'unknown-word', 11, 'report'],
  ['birthDate: { from: =PID-7, when: PID-8 }', 'not-an-expression', 11, '='],
  ['birthDate: =params.zone', 'unknown-param', 11, 'zone'],
  ['contact: { each: NKI, name: =NK1-2 }', 'unknown-group', 11, '"NK1"'],
  ['birthDate: =PID-7\nbirthDate: =PID-7', 'yaml-duplicate-key', 12, 'birthDate'],
  ['birthDate: &x 2020\ngender: *x', 'yaml-alias', 11, ''],
  ['active: !!str true', 'yaml-tag', 11, ''],
  ['name: [=PID-5', 'yaml-syntax', 0, ''],
  // What analysts do: tabs, one space too few, a space that a word processor wrote, a colon in an expression.
  ['birthDate: =PID-7\n gender: =PID-8', 'yaml-syntax', 11, 'more spaces before it'],
  ['active: "true"\nbirthDate:\u00a0=PID-7', 'yaml-syntax', 12, 'no-break space'],
  ["birthDate: =PID-5.1 + ': ' + PID-7", 'yaml-syntax', 11, 'needs quotes'],
];

describe('the checker', () => {
  it('finds nothing wrong with a map that is right', () => {
    const report = reportOnFields('name: =PID-5\ngender: { from: =PID-8, map: sex, default: unknown }\nbirthDate: =PID-7\nactive: "true"');
    expect(report.diagnostics).toEqual([]);
    expect(report.ok).toBe(true);
  });

  it.each(REFUSED)('%s: %s', (fields, code, line, part) => {
    const report = reportOnFields(fields);
    expect(report.ok).toBe(false);
    const found = report.diagnostics.find((each) => each.code === code);
    expect(report.diagnostics.map((each) => each.code)).toContain(code);
    if (line > 0) expect(found).toMatchObject({ file: 'v2/messages/adt.yaml', line });
    expect(`${found?.text} ${found?.cure}`).toContain(part);
  });

  it('tells one fault of YAML, for what follows it is read at the wrong depth', () => {
    const { diagnostics } = reportOnFields('birthDate: =PID-7', '     gender: =PID-8\n     active: "true"');
    expect(diagnostics.map(({ code, cure }) => [code, cure])).toEqual([
      ['yaml-syntax', 'Give every key of one map the same number of spaces before it.'],
    ]);
    const tab = reportOnFields('birthDate: =PID-7', '\tgender: =PID-8');
    expect(tab.diagnostics).toMatchObject([
      { code: 'yaml-syntax', line: 12, cure: 'Write spaces instead of the tab: an editor shows both alike.' },
    ]);
  });

  it.each([
    '  x: { type: Patient, key: [=PID-3.first().1], fields: name }',
    '  x: { type: Patient, key: [=PID-3.first().1], fields: {}, when: [=PID-8] }',
    'ignore: PID-8',
    'cases: { name: x }',
  ])('refuses what has another form than it must, and would be passed over: %s', (more) => {
    expect(reportOnFields('active: "true"', more).diagnostics).toMatchObject([{ code: 'spec-shape', line: 12 }]);
  });

  it('names the nearest type of resource', () => {
    const { diagnostics } = reportOnFields('active: "true"', '  x: { type: Pateint, key: [=PID-3.first().1], fields: {} }');
    expect(diagnostics[0]).toMatchObject({ code: 'unknown-type', cure: expect.stringContaining('"Patient"') });
  });

  it('tells the column of the fault inside an expression', () => {
    expect(reportOnFields('birthDate: =PID-7 ?? PID-7.frist()').diagnostics[0]).toMatchObject({
      line: 11,
      column: 34,
      code: 'unknown-function',
    });
    expect(reportOnFields('birthDate: "=PID-7.frist()"').diagnostics[0]).toMatchObject({ line: 11, column: 26 });
  });

  it('reads all faults of a map in one pass', () => {
    const report = reportOnFields('gendr: x\nbirthDate: =PDI-7\nactive: maybe');
    expect(report.diagnostics.map((each) => each.code)).toEqual(['unknown-element', 'unknown-segment', 'literal-value']);
  });

  it('refuses references to what is made for each of something else, and keys in a circle', () => {
    const allergies = `  allergy:
    type: AllergyIntolerance
    each: AL1
    key: [=AL1-3.1]
    fields: { patient: =ref(patient) }
  other:
    type: AllergyIntolerance
    key: [=ref(allergy)]
    fields: { patient: =ref(patient) }
  a: { type: Patient, key: [=ref(b)], fields: { active: "true" } }
  b: { type: Patient, key: [=ref(a)], fields: { active: "true" } }`;
    const codes = reportOnFields('active: "true"', allergies).diagnostics.map((each) => each.code);
    expect(codes).toContain('handle-scope');
    expect(codes).toContain('handle-circle');
  });

  it('refuses a resource without key or type, versions that are not there, ignores without a reason', () => {
    const more = `  x: { type: Patient, fields: { active: "true" } }
  y: { key: [a], fields: {} }`;
    const ignore = 'ignore: [{ path: PID-12 }, { path: pid12, because: x }]';
    expect(reportOnFields('active: "true"', ignore).diagnostics.map((each) => each.code)).toEqual(['ignore-reason', 'ignore-path']);
    const codes = reportOnFields('gender: { from: =PID-8, map: tables/sex@2.0.0 }', more).diagnostics.map((each) => each.code);
    expect(codes).toEqual(expect.arrayContaining(['resource-without-key', 'resource-without-type']));
    expect(reportOnFields('gender: { from: =PID-8, map: tables/sex@2.0.0 }').diagnostics.map((each) => each.code)).toEqual(['map-version']);
  });

  it('refuses two maps of one pair of types, and says that a map nobody uses is not checked', () => {
    const report = reportOn({
      'v2/messages/adt.yaml': messageMap('name: =PID-5'),
      'v2/tables/sex.yaml': SEX,
      'v2/types/xpn.yaml': NAME,
      'v2/types/xpn2.yaml': NAME.replace('t/xpn', 't/xpn2'),
      'v2/resources/x.yaml':
        'map: t/x\nversion: 1.0.0\nsource: { format: hl7v2, segments: [PID] }\ntarget: { format: fhir, type: Patient }\nfields: {}\n',
    });
    expect(report.diagnostics.map((each) => each.code)).toEqual(expect.arrayContaining(['duplicate-map', 'unused-map']));
  });

  it('runs cases and tells which assertion does not hold', () => {
    const cases = `cases:
  - name: right
    given: { message: "MSH|^~\\\\&|A|B|||20260101||ADT^A01|1|P|2.5.1\\nPID|1||7||Lund^Ida||19500101|F" }
    expect: ["patient[0].gender = 'female'", "patient[0].name.given.first() = 'Ida'"]
  - name: wrong
    given: { message: "MSH|^~\\\\&|A|B|||20260101||ADT^A01|1|P|2.5.1\\nPID|1||7||Lund^Ida||19500101|F" }
    expect: ["patient[0].gender = 'male'", "patient[0].gendr = 'male'"]
  - name: nothing given
    expect: [ack = 'AA']
`;
    const report = reportOnFields('name: =PID-5\ngender: { from: =PID-8, map: sex }', cases);
    expect(report.cases).toEqual({ passed: 1, failed: 2 });
    expect(report.diagnostics.map((each) => each.code)).toEqual(['case-fails', 'unknown-element', 'case-shape']);
  });

  it('reports as text and as JSON', () => {
    const report = reportOnFields('gendr: x');
    expect(reportText(report)).toMatch(
      /^v2\/messages\/adt.yaml:11:7 error unknown-element Patient has no element "gendr"\.\n {4}Use an element of the type\. Did you mean "gender"\?\n3 files, 1 errors/,
    );
    expect(JSON.parse(reportJson(report))).toMatchObject({ ok: false, diagnostics: [{ code: 'unknown-element' }] });
  });

  it('says so when there is nothing to check', () => {
    expect(reportOn({})).toMatchObject({ ok: false, diagnostics: [{ code: 'file-unreadable' }] });
  });
});

describe('nearest', () => {
  it('takes few edits, swaps and capitals, and nothing far', () => {
    expect(nearest('gendr', ['gender', 'name'])).toBe('gender');
    expect(nearest('nmae', ['gender', 'name'])).toBe('name');
    expect(nearest('boolean', ['Boolean'])).toBe('Boolean');
    expect(nearest('xyz', ['gender'])).toBeUndefined();
  });
});
