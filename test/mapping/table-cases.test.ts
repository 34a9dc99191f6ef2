/** Cases of concept maps: from each target to its codes. */
import { expect, it } from 'vitest';
import { messageMap, NAME, reportOn, reportOnFields, SEX } from './specs.ts';

const report = (cases: string) =>
  reportOn({
    'v2/messages/adt.yaml': messageMap('name: =PID-5\ngender: { from: =PID-8, map: sex }'),
    'v2/tables/sex.yaml': SEX,
    'v2/tables/sex.cases.yaml': `cases:\n${cases}`,
    'v2/types/xpn.yaml': NAME,
  });

it('a case states codes by target, with or without system, and codes that have no row', () => {
  const right = report('  - { name: right, given: { table: t/sex }, expect: { male: M, female: [F], none: [X] } }\n');
  expect([right.ok, right.cases.passed]).toEqual([true, 1]);
});

it('tells each code that becomes something else, at its place', () => {
  const wrong = report(
    '  - name: wrong\n    given: { table: t/sex }\n    expect: { female: [F, M], "http://other|male": M, none: F, male: X }\n',
  );
  expect(wrong.diagnostics.map(({ code, line, text }) => [code, line, text.replace(/^.*fails: /, '')])).toEqual([
    ['case-fails', 4, 'M becomes male, expected female.'],
    ['case-fails', 4, 'M becomes male, expected http://other|male.'],
    ['case-fails', 4, 'F becomes female, expected none.'],
    ['case-fails', 4, 'X becomes nothing, expected male.'],
  ]);
});

it('refuses a table that is not there and an expectation of another form', () => {
  const cases = '  - { name: a, given: { table: t/sx }, expect: { male: M } }\n  - { name: b, given: { table: t/sex }, expect: [male] }\n';
  expect(report(cases).diagnostics.map(({ code }) => code)).toEqual(['case-shape', 'case-shape']);
});

it('an empty "with" adds nothing and breaks nothing', () => {
  const cases = `cases:
  - name: a name
    given: { message: "MSH|^~\\\\&|A|B|||20260101||ADT^A01|1|P|2.5.1\\nPID|1||7||Lund^Ida||19500101|F" }
    expect: ["patient[0].name.family.first() = 'Lund'"]
`;
  expect(reportOnFields('name: { from: =PID-5, with: {} }', cases).cases).toEqual({ passed: 1, failed: 0 });
});
