import { describe, expect, it } from 'vitest';
import { parseMessage } from '../../services/hl7v2/parse.ts';
import { mapsOf } from '../../services/mapping/maps.ts';
import { readSpec } from '../../services/mapping/read.ts';
import { messageMap, NAME, reportOn, SEX } from './specs.ts';

const FIELDS = `name: =PID-5
gender: { from: =PID-8, map: sex, default: unknown }
maritalStatus: { switch: =PID-16, cases: [{ is: [M], then: { text: married } }, { is: [S], then: { text: single } }, { else: { text: =PID-16.2 } }] }
identifier: { all: [{ use: usual, value: =PID-3.first().1 }, { use: old, value: =PID-2.1 }] }
birthDate: =PID-7`;

const site = (override: string, more = ''): string => `map: sites/north/adt
version: 1.0.0
extends: t/adt
match: { MSH-4: [NORTH] }
${more}
${override === '' ? '' : `override:\n${override}`}
`;

const base = { 'v2/messages/adt.yaml': messageMap(FIELDS), 'v2/tables/sex.yaml': SEX, 'v2/types/xpn.yaml': NAME };

function report(override: string, more = '', extra: Readonly<Record<string, string>> = {}) {
  return reportOn({ ...base, 'sites/north/adt.yaml': site(override, more), ...extra }).diagnostics;
}

const codes = (override: string, more = '', extra = {}): readonly string[] => report(override, more, extra).map((each) => each.code);

function mapsWith(files: Readonly<Record<string, string>>) {
  return mapsOf(
    Object.entries(files).map(([name, text]) => {
      const path = name.replace(/\.yaml$/, '');
      return { path, file: name, isCases: false, read: readSpec(text, name) };
    }),
  );
}

const message = (facility: string, pid = '|7||Lund^Ida||19500101|F||||||||S', rest = ''): Uint8Array =>
  Buffer.from(`MSH|^~\\&|A|${facility}|||20260101||ADT^A01|1|P|2.5.1\rPID|1|${pid}\r${rest}`);

function convert(files: Readonly<Record<string, string>>, bytes: Uint8Array, setting?: string) {
  const parsed = parseMessage(bytes);
  if (!parsed.ok) throw new Error('not read');
  return mapsWith(files).convert(parsed.value, { timezone: 'UTC', ...(setting === undefined ? {} : { site: setting }) });
}

const patientOf = (files: Readonly<Record<string, string>>, bytes: Uint8Array, setting?: string) =>
  convert(files, bytes, setting).drafts[0]?.resource;

describe('an override', () => {
  it('changes the keys it names and leaves the others', () => {
    const files = { ...base, 'sites/north/adt.yaml': site('  - { at: patient.gender, set: { default: other } }') };
    expect(patientOf(files, message('NORTH', '|7||Lund^Ida||19500101|X'))).toMatchObject({ gender: 'other' });
    expect(patientOf(files, message('NORTH'))).toMatchObject({ gender: 'female' });
    expect(patientOf(files, message('SOUTH', '|7||Lund^Ida||19500101|X'))).toMatchObject({ gender: 'unknown' });
  });

  it('reaches a case, an alternative of all, a part; adds and removes; sets keys of the resource', () => {
    const override = `  - { at: patient.maritalStatus.S.text, set: unmarried }
  - { at: patient.identifier.2.use, set: secondary }
  - { remove: patient.birthDate }
  - { add: 'patient.deceased[x]', set: { boolean: =PID-30 } }
  - { add: patient.identifier.1.system, set: urn:north }
  - { at: patient, set: { update: replace } }`;
    const files = { ...base, 'sites/north/adt.yaml': site(override) };
    const { drafts } = convert(files, message('NORTH', '8|7||Lund^Ida||19500101|F||||||||S||||||||||||||N'));
    expect(drafts[0]?.resource).toMatchObject({
      maritalStatus: { text: 'unmarried' },
      identifier: [
        { use: 'usual', value: '7', system: 'urn:north' },
        { use: 'secondary', value: '8' },
      ],
      deceasedBoolean: false,
    });
    expect(drafts[0]?.resource).not.toHaveProperty('birthDate');
    expect(drafts[0]).toMatchObject({ update: 'replace', spec: expect.stringMatching(/^sites\/north\/adt@1\.0\.0#/) });
  });

  it('must hit exactly one rule', () => {
    expect(codes('  - { at: patient.gendr, set: male }')).toContain('override-none');
    expect(report('  - { at: patient.gendr, set: male }').find((each) => each.code === 'override-none')?.cure).toContain(
      '"patient.gender"',
    );
    expect(codes('  - { at: patient.identifier.use, set: official }')).toContain('override-many');
    expect(codes('  - { at: patient.maritalStatus.text, set: x }')).toContain('override-many');
    expect(codes('  - { at: person.gender, set: male }')).toContain('override-none');
    expect(codes('  - { add: patient.gender, set: male }')).toContain('override-exists');
    expect(codes('  - { at: patient, set: { fields: { active: "true" } } }')).toContain('override-shape');
    expect(codes('  - { at: patient.gender }')).toContain('override-form');
    expect(codes('  - { remove: patient.gender, at: patient.gender }')).toContain('override-form');
  });

  it('is checked where it stands', () => {
    const [found] = report('  - { at: patient.gender, set: { default: mail } }').filter((each) => each.code === 'binding-violated');
    expect(found).toMatchObject({ file: 'sites/north/adt.yaml', line: 7 });
  });

  it('tells when the rule it replaces has moved', () => {
    const first = report('  - { at: patient.gender, set: { default: other } }').find((each) => each.code === 'override-without-base');
    const digest = /sha256:[0-9a-f]+/.exec(first?.cure ?? '')?.[0] ?? '';
    const pinned = `  - { at: patient.gender, base: "${digest}", set: { default: other } }`;
    expect(codes(pinned)).toEqual([]);
    const moved = { 'v2/messages/adt.yaml': messageMap(FIELDS.replace('default: unknown', 'default: other')) };
    expect(codes(pinned, '', moved)).toEqual(['override-base-moved']);
    expect(codes('  - { at: patient.gender, base: "sha256:12", set: { default: other } }')).toEqual(['override-base-moved']);
  });
});

describe('what a site may say beside overrides', () => {
  it('gives parameters their values, checked by type', () => {
    expect(codes('', 'params: { tz: Mars/Olympus }')).toEqual(['param-value']);
    expect(codes('', 'params: { tz: Europe/Lisbon }')).toEqual([]);
    const map = `${messageMap('birthDate: =PID-7\nlanguage: =params.tongue')}params: { tongue: { type: code, require: "true" } }\n`;
    expect(codes('', '', { 'v2/messages/adt.yaml': map })).toEqual(['param-required']);
    expect(codes('', 'params: { tongue: pt }', { 'v2/messages/adt.yaml': map })).toEqual([]);
    const files = { ...base, 'v2/messages/adt.yaml': map, 'sites/north/adt.yaml': site('', 'params: { tongue: pt }') };
    expect(patientOf(files, message('NORTH'))).toMatchObject({ language: 'pt' });
    expect(convert(files, message('SOUTH'))).toMatchObject({ rung: 'park-message', problems: [{ code: 'mapping-param-missing' }] });
  });

  it('declares Z-segments whose fields have types', () => {
    const declared = 'segments: { ZPI: { after: PID, fields: { 1: { name: nickname, type: XPN }, 2: { type: ST } } } }';
    const files = { ...base, 'sites/north/adt.yaml': site('  - { at: patient.name, set: { all: [=PID-5, =ZPI-1] } }', declared) };
    const bytes = message('NORTH', '|7||Lund^Ida||19500101|F', 'ZPI|Lu^Idi|x|y\r');
    const { drafts, unread } = convert(files, bytes);
    expect(drafts[0]?.resource).toMatchObject({
      name: [
        { family: 'Lund', given: ['Ida'] },
        { family: 'Lu', given: ['Idi'] },
      ],
    });
    expect(unread.map((each) => each.path)).toEqual(['MSH-11', 'PID-1', 'ZPI-2', 'ZPI-3']);
    expect(codes('  - { at: patient.birthDate, set: =ZPI-9 }', declared)).toContain('unknown-field');
    expect(codes('', 'segments: { ZPI: { after: QQQ, fields: { 1: ST } } }')).toContain('unknown-segment');
    expect(codes('', 'segments: { PIX: { after: PID, fields: { 0: ST, 1: XYZ } } }')).toEqual([
      'segment-name',
      'segment-field',
      'unknown-type',
    ]);
    expect(codes('', 'segments: { ZPI: { fields: {} } }')).toContain('segment-place');
  });

  it('has tables of its own, found before those of the base', () => {
    const table = SEX.replace('t/sex', 'sites/north/sex').replace('F: female', 'F: other');
    const files = {
      ...base,
      'sites/north/adt.yaml': site('  - { at: patient.gender, set: { map: tables/sex } }'),
      'sites/north/tables/sex.yaml': table,
    };
    expect(patientOf(files, message('NORTH'))).toMatchObject({ gender: 'other' });
    expect(patientOf(files, message('SOUTH'))).toMatchObject({ gender: 'female' });
  });

  it('extends a map that is there, in the version that is there', () => {
    expect(reportOn({ ...base, 'sites/north/adt.yaml': site('').replace('t/adt', 't/adtt') }).diagnostics[0]).toMatchObject({
      code: 'unknown-map',
      cure: expect.stringContaining('"t/adt"'),
    });
    expect(
      reportOn({ ...base, 'sites/north/adt.yaml': site('').replace('t/adt', 't/adt@2.0.0') }).diagnostics.map((each) => each.code),
    ).toEqual(['map-version']);
  });
});

describe('choosing a map', () => {
  const other = (name: string, match: string): string =>
    site('').replace('sites/north', `sites/${name}`).replace('{ MSH-4: [NORTH] }', match);
  const files = {
    ...base,
    'sites/north/adt.yaml': site('  - { at: patient.gender, set: male }'),
    'sites/east/adt.yaml': other('east', '{ MSH-4: [NORTH], MSH-3: [A] }').concat('override: [{ at: patient.gender, set: other }]'),
  };

  it('takes the map whose match says most; the source setting comes before', () => {
    expect(patientOf(files, message('NORTH'))).toMatchObject({ gender: 'other' });
    expect(patientOf(files, message('NORTH'), 'north')).toMatchObject({ gender: 'male' });
    expect(patientOf(files, message('SOUTH'), 'sites/north/adt')).toMatchObject({ gender: 'male' });
    expect(convert(files, message('SOUTH'), 'nowhere')).toMatchObject({
      rung: 'park-message',
      problems: [{ code: 'mapping-site-unknown' }],
    });
  });

  it('refuses what is ambiguous, when checked and when running', () => {
    const twice = { ...files, 'sites/west/adt.yaml': other('west', '{ MSH-4: [NORTH, X], MSH-3: [A] }') };
    expect(reportOn(twice).diagnostics.map((each) => each.code)).toContain('match-ambiguous');
    expect(convert(twice, message('NORTH'))).toMatchObject({ rung: 'park-message', problems: [{ code: 'mapping-ambiguous' }] });
    expect(
      reportOn({ ...base, 'sites/north/adt.yaml': site(''), 'sites/w/adt.yaml': other('w', '{ MSH-3: [A] }') }).diagnostics.map(
        (each) => each.code,
      ),
    ).toEqual(['match-may-overlap']);
    expect(reportOn({ ...base, 'sites/north/adt.yaml': other('north', '{ MSH4: [A] }') }).diagnostics.map((each) => each.code)).toEqual([
      'match-path',
    ]);
  });
});

describe('hostile text in a site', () => {
  it('runs nothing and is refused or kept as text, in every place', () => {
    for (const payload of [
      '"; globalThis.pwned = 1; "',
      "'); globalThis.pwned = 1; ('",
      '__proto__',
      'constructor',
      `$${'{globalThis.pwned = 1}'}`,
      '\u2028globalThis.pwned = 1',
    ]) {
      const q = JSON.stringify(payload);
      const spots = [
        site(`  - { at: ${q}, set: x }`),
        site(`  - { at: patient.maritalStatus.M.text, set: ${q} }`),
        site(`  - { add: ${JSON.stringify(`patient.${payload}`)}, set: x }`),
        site('', `params: { ${q}: ${q} }`),
        site('', `segments: { ${q}: { after: ${q}, fields: { ${q}: ${q} } } }`),
        site('').replace('MSH-4: [NORTH]', `MSH-4: [NORTH, ${q}], MSH-3: [${q}, A]`),
        site('').replace('t/adt', payload.replaceAll('"', '')),
      ];
      for (const text of spots) {
        expect(
          convert({ ...base, 'sites/north/adt.yaml': text }, message('NORTH', '|7||Lund^Ida||19500101|F||||||||M')).drafts,
        ).toBeInstanceOf(Array);
        expect(Reflect.get(globalThis, 'pwned')).toBeUndefined();
      }
    }
  });

  it('ends in bounded time whatever nests or repeats', () => {
    const many = Array.from({ length: 500 }, (_, i) => `  - { at: patient.identifier.${i}.use, set: x }`).join('\n');
    expect(codes(many).length).toBeGreaterThan(0);
    expect(codes(`  - { at: ${'patient.'.repeat(2000)}x, set: x }`)).toContain('override-none');
    expect(codes(`  - { at: patient.gender, set: ${'{ then: '.repeat(35)}x${' }'.repeat(35)} }`)).toEqual(
      expect.arrayContaining([expect.stringMatching(/deep/)]),
    );
  });
});
