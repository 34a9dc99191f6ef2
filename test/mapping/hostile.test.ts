import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseMessage } from '../../services/hl7v2/parse.ts';
import { compileExpression } from '../../services/mapping/expression/compile.ts';
import { mapsOf } from '../../services/mapping/maps.ts';
import { readSpec } from '../../services/mapping/read.ts';
import { messageMap, NAME, SEX } from './specs.ts';

const CODES = (text: string): readonly string[] => readSpec(text, 'x.yaml').diagnostics.map((each) => each.code);

function mapsFrom(map: string, table = SEX, type = NAME) {
  const file = (path: string, text: string) => ({ path, file: `${path}.yaml`, isCases: false, read: readSpec(text, `${path}.yaml`) });
  return mapsOf([file('v2/messages/adt', map), file('v2/tables/sex', table), file('v2/types/xpn', type)]);
}

const bytes = Buffer.from('MSH|^~\\&|A|B|||20260101||ADT^A01|1|P|2.5.1\rPID|1||7||Lund^Ida||19500101|F\r');

function convert(map: string, table?: string) {
  const parsed = parseMessage(bytes);
  if (!parsed.ok) throw new Error('not read');
  return mapsFrom(map, table).convert(parsed.value, { timezone: 'UTC' });
}

describe('hostile YAML', () => {
  it('refuses a billion laughs', () => {
    const laughs = ['a: &a [x, x]', ...'bcdefghij'.split('').map((c, i) => `${c}: &${c} [${`*${'abcdefghij'[i]}, `.repeat(9)}x]`)].join(
      '\n',
    );
    expect(CODES(laughs)).toContain('yaml-alias');
  });

  it.each([
    ['brackets', '['.repeat(100_000)],
    ['braces', '{a: '.repeat(50_000)],
    ['dashes', `${'- '.repeat(50_000)}x`],
    ['indentation', Array.from({ length: 1200 }, (_, i) => `${' '.repeat(i)}a:`).join('\n')],
    ['balanced brackets', `a: ${'['.repeat(300)}${']'.repeat(300)}`],
  ])('refuses deep %s in bounded time', (_, text) => {
    const codes = CODES(text);
    expect(codes.length).toBeGreaterThan(0);
    expect(codes.some((each) => each.startsWith('yaml-'))).toBe(true);
  });

  it('refuses files too large, keys that are no text, tags and duplicates', () => {
    expect(CODES('a'.repeat(2_000_000))).toEqual(['yaml-too-large']);
    expect(CODES('? [a]\n: x')).toContain('yaml-key');
    expect(CODES('a: !!js/function "x"')).toEqual(expect.arrayContaining([expect.stringMatching(/^yaml-/)]));
    expect(CODES('a: 1\na: 2')).toEqual(['yaml-duplicate-key']);
    expect(CODES('<<: {a: 1}')).toEqual([]);
  });

  it('reads every scalar as text', () => {
    const { root } = readSpec('[NO, 01, 1E5, ~, true, 2024-01-01, 0x1F, null]', 'x.yaml');
    expect(root?.kind === 'list' && root.items.map((each) => each.kind === 'scalar' && each.value)).toEqual([
      ...['NO', '01', '1E5', '~', 'true', '2024-01-01', '0x1F', 'null'],
    ]);
  });

  it('never throws for any text', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (text) => readSpec(text, 'x.yaml').file === 'x.yaml'));
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom(...'[]{}:,-?&*!|>"\'#% \n\ta='), maxLength: 60 }),
        (text) => readSpec(text, 'x').file === 'x',
      ),
    );
  });
});

const PAYLOADS = [
  '"; globalThis.pwned = true; "',
  "'); globalThis.pwned = true; ('",
  '`$' + '{globalThis.pwned = true}`',
  '\\"; globalThis.pwned = true; //',
  '*/ globalThis.pwned = true; /*',
  '\u2028globalThis.pwned = true\u2028',
  '</script><script>globalThis.pwned = true',
  '__proto__',
  'constructor',
  'toString',
];

describe('hostile text in every place of a map', () => {
  const quoted = (text: string): string => JSON.stringify(text);
  const spots: readonly (readonly [string, (payload: string) => string])[] = [
    ['a literal', (p) => messageMap(`maritalStatus: { text: ${quoted(p)} }\nname: =PID-5`)],
    ['an element name', (p) => messageMap(`${quoted(p)}: x`)],
    ['a text in an expression', (p) => messageMap(`maritalStatus: { text: ${quoted(`=PID-8 + ${quoted(p)}`)} }`)],
    ['a whole expression', (p) => messageMap(`birthDate: ${quoted(`=${p}`)}`)],
    ['a function name', (p) => messageMap(`birthDate: ${quoted(`=PID-7.${p}()`)}`)],
    ['a switch label', (p) => messageMap(`gender: { switch: =PID-8, cases: [{ is: [${quoted(p)}], then: male }, { else: female }] }`)],
    ['a report word', (p) => messageMap(`maritalStatus: { report: ${quoted(p)} }`)],
    [
      'a resource name',
      (p) => messageMap('active: "true"', `  ${quoted(p)}: { type: Patient, key: [${quoted(p)}], fields: { active: "true" } }`),
    ],
    ['a type', (p) => messageMap('active: "true"', `  x: { type: ${quoted(p)}, key: [a], fields: { active: "true" } }`)],
    ['a group', (p) => messageMap('active: "true"', `  x: { type: Patient, each: ${quoted(p)}, key: [a], fields: { active: "true" } }`)],
    ['a map name', (p) => messageMap(`gender: { from: =PID-8, map: ${quoted(p)} }`)],
    ['a parameter', (p) => messageMap('active: "true"', `params: { ${quoted(p)}: { type: string, value: ${quoted(p)} } }`)],
    ['a key part', (p) => messageMap('active: "true"').replace('=PID-3.first().1', quoted(p))],
    ['an ignored path', (p) => messageMap('active: "true"', `ignore: [{ path: ${quoted(p)}, because: ${quoted(p)} }]`)],
    ['the id', (p) => messageMap('active: "true"').replace('map: t/adt', `map: ${quoted(p)}`)],
    ['the version', (p) => messageMap('active: "true"').replace('"2.5.1"', quoted(p))],
  ];

  it.each(spots)('%s runs nothing', (_, mapWith) => {
    for (const payload of PAYLOADS) {
      const conversion = convert(mapWith(payload));
      expect(Reflect.get(globalThis, 'pwned')).toBeUndefined();
      expect(Array.isArray(conversion.drafts)).toBe(true);
      expect(Object.hasOwn(Object.prototype, 'active')).toBe(false);
    }
  });

  it('keeps hostile literals as what they are', () => {
    for (const payload of PAYLOADS.filter((each) => each.trim() !== '')) {
      const { drafts } = convert(messageMap(`maritalStatus: { text: ${JSON.stringify(`=PID-8 + ${JSON.stringify(payload)}`)} }`));
      expect(JSON.stringify(drafts[0]?.resource['maritalStatus'])).toBe(JSON.stringify({ text: `F${payload}` }));
    }
  });

  it('looks codes up among rows only, not among what every object has', () => {
    const table = 'map: t/sex\nversion: 1.0.0\nsource: { system: s }\ncodes: { constructor: male, F: female }\n';
    const map = messageMap('gender: { from: =PID-8, map: sex }');
    expect(convert(map, table).drafts[0]?.resource['gender']).toBe('female');
    const prototype = parseMessage(Buffer.from(bytes.toString().replace('|F', '|toString')));
    expect(prototype.ok && mapsFrom(map).convert(prototype.value, { timezone: 'UTC' }).unmapped).toMatchObject([
      { code: 'toString', why: 'no-row' },
    ]);
  });

  it('never throws for any expression', () => {
    const scope = { format: 'fhir' as const, root: undefined, types: { element: () => undefined, elements: () => undefined } };
    const node = (value: string) => ({ kind: 'scalar' as const, value: `=${value}`, quoted: false, at: { file: 'x', line: 1, column: 1 } });
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...'PID-51.()[]?+=!<>\'" andorinasxref,$_'), maxLength: 80 }), (text) => {
        const compiled = compileExpression(node(text), scope);
        return compiled.ok || compiled.diagnostics.length > 0;
      }),
      { numRuns: 500 },
    );
    for (const deep of [
      '('.repeat(3000),
      'a'.repeat(3999),
      `${'a.'.repeat(1900)}a`,
      `${'(a ?? '.repeat(500)}b`,
      'a+'.repeat(1900),
      '"'.repeat(3999),
    ]) {
      expect(compileExpression(node(deep), scope).ok).toBe(false);
    }
  });
});
