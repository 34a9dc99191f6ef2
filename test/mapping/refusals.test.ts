/** Each thing that the checker refuses, by its code, with a map that has it: the list of codes is the language's, none may lack an example. */
import { describe, expect, it } from 'vitest';
import { DIAGNOSTICS } from '../../services/mapping/diagnostics.ts';
import { messageMap, NAME, reportOn, SEX } from './specs.ts';

type Files = Readonly<Record<string, string>>;
const base = { 'v2/messages/adt.yaml': messageMap('name: =PID-5'), 'v2/tables/sex.yaml': SEX, 'v2/types/xpn.yaml': NAME };
const fields = (text: string, more = ''): Files => ({ ...base, 'v2/messages/adt.yaml': messageMap(text, more) });
const site = (text: string): Files => ({
  ...base,
  'sites/n/x.yaml': `map: sites/n/x\nversion: 1.0.0\nextends: t/adt\nmatch: { MSH-4: [N] }\n${text}\n`,
});
const file = (text: string): Files => ({ 'v2/x.yaml': text });
const rows = (text: string): Files => ({
  'fhir-to-omop/x.yaml': `map: fhir-to-omop/x\nversion: 1.0.0\nsource: { format: fhir, version: 4.0.1, type: Procedure }\ntarget: { format: omop, version: "5.4" }\n${text}`,
});
const row = (columns: string): Files =>
  rows(
    `rows:\n  p: { route: { concept: =code, default: procedure }, columns: { person_id: { ref: =subject }, date: =performed as dateTime, type: { id: 32817, name: EHR }, ${columns} } }\n`,
  );
const records = (source: string): Files => ({
  'files/x.yaml': `map: files/x\nversion: 1.0.0\nsource: { format: csv, authority: a, ${source} }\ntarget: { format: fhir, version: 4.0.1 }\nresources: { p: { type: Patient, key: [=id], fields: { active: "true" } } }\n`,
});
const deep = (n: number): string => `${'{ a: '.repeat(n)}x${' }'.repeat(n)}`;

const EXAMPLES: Readonly<Record<string, Files>> = {
  'yaml-syntax': file('map: [x'),
  'yaml-duplicate-key': fields('active: "true"\nactive: "true"'),
  'yaml-alias': file('map: &a x\nversion: *a'),
  'yaml-tag': file('map: !!str x'),
  'yaml-key': file('? [a]\n: x'),
  'yaml-too-large': file(`map: ${'x'.repeat(1 << 21)}`),
  'yaml-too-deep': file('['.repeat(60)),
  'file-unreadable': {},
  'expression-syntax': fields('birthDate: =PID-7 ++'),
  'expression-too-long': fields(`birthDate: =${'PID-7 ?? '.repeat(600)}PID-7`),
  'expression-type': fields('birthDate: =.1'),
  'expression-many': fields('maritalStatus: { text: =PID-5.1 }'),
  'unknown-function': fields('birthDate: =PID-7.frist()'),
  'function-arguments': fields('birthDate: =PID-7.substring()'),
  'unknown-segment': fields('birthDate: =PDI-7'),
  'unknown-field': fields('birthDate: =PID-399'),
  'unknown-component': fields('birthDate: =PID-7.9'),
  'unknown-element': fields('gendr: male'),
  'unknown-type': fields('deceased[x]: { Boolean: =PID-30 }'),
  'unknown-param': fields('birthDate: =params.zone'),
  'unknown-handle': fields('link: { other: =ref(patent), type: seealso }'),
  'handle-scope': fields(
    'active: "true"',
    '  a: { type: AllergyIntolerance, each: AL1, key: [=AL1-3.1], fields: { patient: =ref(patient) } }\n  b: { type: Patient, key: [=ref(a)], fields: { active: "true" } }',
  ),
  'rows-unknown-key': rows('rows: { p: { tabel: person, columns: {} } }\n'),
  'rows-missing-key': rows('rows: { p: { columns: {} } }\n'),
  'rows-expected': rows('rows: x\n'),
  'rows-unknown-table': rows('rows: { p: { table: persons, columns: {} } }\n'),
  'rows-unknown-column': row('shoe_size: "44"'),
  'rows-required-column': rows('rows: { p: { table: person, columns: {} } }\n'),
  'rows-column-value': row('quantity: =code'),
  'rows-unknown-concept-table': row('modifier: { concept: =category, map: nothing }'),
  'rows-duplicate-code': {
    'fhir-to-omop/tables/t.yaml':
      'concepts: t\nversion: 1.0.0\nrows: [{ code: a, concept: 1, name: x }, { code: a, concept: 2, name: y }]\n',
  },
  'rows-duplicate-map': {
    ...row('quantity: "1"'),
    'fhir-to-omop/y.yaml': row('quantity: "1"')['fhir-to-omop/x.yaml']?.replace('map: fhir-to-omop/x', 'map: fhir-to-omop/y') ?? '',
  },
  'rows-case': row('quantity: "1"') && {
    'fhir-to-omop/x.yaml': `${row('quantity: "1"')['fhir-to-omop/x.yaml']}cases: [{ name: c, given: x }]\n`,
  },
  'rows-case-differs': {
    'fhir-to-omop/x.yaml': `${row('quantity: "1"')['fhir-to-omop/x.yaml']}cases: [{ name: c, given: '{"resourceType":"Procedure","status":"completed"}', expect: [] }]\n`,
  },
  'spec-shape': file('- x'),
  'spec-header': file('map: t/x\nsource: { system: x }\ncodes: { a: b }\n'),
  'spec-message': { ...base, 'v2/messages/adt.yaml': messageMap('active: "true"').replace('ADT^A01', 'ADT-A01') },
  'unknown-key': fields('gender: { from: =PID-8, mapp: sex }'),
  'unknown-word': fields('gender: { from: =PID-8, map: sex, onUnmapped: explode }'),
  'unknown-map': fields('gender: { from: =PID-8, map: sexx }'),
  'map-version': fields('gender: { from: =PID-8, map: tables/sex@2.0.0 }'),
  'duplicate-map': { ...base, 'v2/types/two.yaml': NAME.replace('t/xpn', 't/two') },
  'ignore-path': fields('active: "true"', 'ignore: [{ path: pid12, because: x }]'),
  'ignore-reason': fields('active: "true"', 'ignore: [{ path: PID-12 }]'),
  'unknown-group': fields('contact: { each: NKI, name: =NK1-2 }'),
  'each-unreached': fields('contact: { each: IN1, gender: male }'),
  'segment-unreached': fields('contact: { name: =IN1-16.first() }'),
  'published-changed': { ...base, 'published.lock.json': '{"published":[{"spec":"t/adt@1.0.0#00","uses":[]}]}' },
  'lock-unreadable': { ...base, 'published.lock.json': '{' },
  'site-extends-site': { ...site(''), 'sites/m/x.yaml': 'map: sites/m/x\nversion: 1.0.0\nextends: sites/n/x\nmatch: { MSH-4: [M] }\n' },
  'override-none': site('override: [{ at: patient.nam, set: x }]'),
  'override-many': {
    ...site('override: [{ at: patient.name.use, set: usual }]'),
    'v2/messages/adt.yaml': messageMap('name: { all: [{ use: old, family: =PID-5.1.first() }, { use: usual, family: =PID-9.1.first() }] }'),
  },
  'override-exists': site('override: [{ add: patient.name, set: =PID-9 }]'),
  'override-shape': site('override: [{ at: patient, set: x }]'),
  'override-form': site('override: [{ at: patient.name }]'),
  'override-without-base': site('override: [{ at: patient.name, set: =PID-9 }]'),
  'override-base-moved': site('override: [{ at: patient.name, base: "sha256:0011223344", set: =PID-9 }]'),
  'match-path':
    site('').constructor === Object
      ? { ...base, 'sites/n/x.yaml': 'map: sites/n/x\nversion: 1.0.0\nextends: t/adt\nmatch: { MSH4: [N] }\n' }
      : {},
  'match-ambiguous': { ...base, 'v2/messages/two.yaml': messageMap('active: "true"').replace('t/adt', 't/two') },
  'match-may-overlap': { ...site(''), 'sites/m/x.yaml': 'map: sites/m/x\nversion: 1.0.0\nextends: t/adt\nmatch: { MSH-3: [N] }\n' },
  'segment-name': site('segments: { PIX: { after: PID, fields: { 1: ST } } }'),
  'segment-place': site('segments: { ZPI: { fields: { 1: ST } } }'),
  'segment-field': site('segments: { ZPI: { after: PID, fields: { x: ST } } }'),
  'param-value': site('params: { tz: Mars/Olympus }'),
  'param-required': {
    ...site(''),
    'v2/messages/adt.yaml': messageMap('active: "true"', 'params: { tongue: { type: code, require: "true" } }'),
  },
  'record-shape': records('columns: [id]'),
  'record-name': records('columns: { id: string, "a b": string }'),
  'record-format': records('columns: { id: string, d: { type: date, format: JJJJ } }'),
  'rule-shape': fields('name: { all: =PID-5 }'),
  'rule-too-deep': fields(`name: ${deep(33)}`),
  'not-an-expression': fields('birthDate: { from: =PID-7, when: PID-8 }'),
  'switch-shape': fields('gender: { switch: PID-8, cases: [] }'),
  'switch-without-else': fields('gender: { switch: =PID-8, cases: [{ is: [M], then: male }] }'),
  'literal-value': fields('birthDate: soon'),
  'literal-object': fields('name: Smith'),
  'binding-violated': fields('gender: mail'),
  'choice-needs-type': fields('deceased[x]: =PID-29'),
  'no-type-map': fields('address: =PID-11'),
  'required-element': fields('link: { other: =ref(patient) }'),
  'map-needs-from': fields('name: { from: =PID-8, map: sex }'),
  'resource-without-key': fields('active: "true"', '  x: { type: Patient, fields: { active: "true" } }'),
  'resource-without-type': fields('active: "true"', '  x: { key: [a], fields: {} }'),
  'handle-circle': fields(
    'active: "true"',
    '  a: { type: Patient, key: [=ref(b)], fields: { active: "true" } }\n  b: { type: Patient, key: [=ref(a)], fields: { active: "true" } }',
  ),
  'template-in-literal': fields('maritalStatus: { text: PID-16.2, coding: { code: =PID-8 } }'),
  'unused-map': {
    ...base,
    'v2/resources/x.yaml':
      'map: t/x\nversion: 1.0.0\nsource: { format: hl7v2, segments: [PID] }\ntarget: { format: fhir, type: Patient }\nfields: {}\n',
  },
  'case-shape': fields('active: "true"', "cases: [{ name: x, expect: [ack = 'AA'] }]"),
  'case-fails': fields(
    'active: "true"',
    'cases:\n  - { name: x, given: { message: "MSH|^~\\\\&|A|B|||20260101||ADT^A01|1|P|2.5.1\\nPID|1||7" }, expect: ["ack = \'AR\'"] }',
  ),
};

/** Told by other tests: they need a loaded vocabulary, or a structure that no version has. */
const ELSEWHERE = new Set(['rows-wrong-concept', 'unknown-structure', 'file-not-utf8']);

describe('what the checker refuses', () => {
  it('has an example for every code', () => {
    expect(Object.keys(DIAGNOSTICS).filter((code) => !ELSEWHERE.has(code) && !Object.hasOwn(EXAMPLES, code))).toEqual([]);
    expect(Object.keys(EXAMPLES).filter((code) => !Object.hasOwn(DIAGNOSTICS, code))).toEqual([]);
  });

  it.each(Object.entries(EXAMPLES))('%s, with a place and a cure', (code, files) => {
    const found = reportOn(files).diagnostics.find((each) => each.code === code);
    expect(reportOn(files).diagnostics.map((each) => each.code)).toContain(code);
    expect(found?.line).toBeGreaterThan(0);
    expect(found?.column).toBeGreaterThan(0);
    expect(found?.cure).not.toMatch(/^$|\{\w+\}/);
    expect(found?.text).not.toMatch(/\{\w+\}/);
  });
});
