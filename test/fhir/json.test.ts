import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { contentText, etag, readJson, sameContent, textHash, withMeta, writeJson } from '../../services/fhir/format/json.ts';
import { readStrictly } from '../../services/fhir/format/json-reader.ts';
import { Decimal } from '../../services/fhir/resource.ts';

function value(text: string | Uint8Array) {
  const read = readJson(text);
  if (!read.ok) throw new Error(read.problems[0]?.text ?? '');
  return read.value;
}
const reason = (text: string | Uint8Array) => {
  const read = readJson(text);
  return read.ok ? 'read' : (read.problems[0]?.text ?? '');
};

describe('numbers keep their digits', () => {
  it.each(['5.10', '1e3', '1E-7', '-0', '0.0', '-1.0', '9007199254740993', '0.1234567890123456789', '1e999', '-5.25', '0.00001', '100'])(
    '%s is written as it was read',
    (digits) => {
      expect(writeJson(value(`{"a":[${digits},{"b":${digits}}]}`))).toBe(`{"a":[${digits},{"b":${digits}}]}`);
    },
  );
  it('reads a number that JavaScript writes back as a plain number, others as Decimal', () => {
    expect(value('{"a":5.1,"b":5.10}')).toEqual({ a: 5.1, b: new Decimal('5.10') });
    expect(Number(value('{"b":5.10}')['b'])).toBe(5.1);
  });
  it('keeps 5.10 through content, hash and storage', () => {
    const resource = value('{"resourceType":"Observation","valueQuantity":{"value":5.10}}');
    expect(withMeta(contentText(resource), 1, '2026-01-01T00:00:00.000Z')).toContain('"value":5.10}');
    const other = value('{"resourceType":"Observation","valueQuantity":{"value":5.1}}');
    expect(sameContent(resource, other)).toBe(false);
    expect(textHash(contentText(resource))).not.toEqual(textHash(contentText(other)));
  });
  it('refuses a number that has no end', () => {
    expect(reason(`{"a":${'1'.repeat(101)}}`)).toContain('a number longer than 100 characters, at 1:6');
  });
});

describe('what JSON.parse lets through', () => {
  it.each([
    ['{"a":1,\n "a":2}', 'the same property name twice in one object, at 2:2'],
    ['{"a":1,"\\u0061":2}', 'the same property name twice'],
    ['{"x":[{"b":1,"c":2,"b":1}]}', 'the same property name twice'],
    ['{"__proto__":{"admin":true}}', 'the property name __proto__'],
    ['{"\\u005f_proto__":{"admin":true}}', 'the property name __proto__'],
    ['{"a":"\\u0000"}', 'a NUL character'],
    ['{"a":"\\ud800"}', 'half of a surrogate pair'],
    ['{"a":"\ud800"}', 'half of a surrogate pair'],
    ['{"\\udc00":1}', 'half of a surrogate pair'],
    ['{"a":"b\nc"}', 'a control character in a string'],
    ['{"a":01}', 'a comma or } was expected'],
    ['{"a":.5}', 'not a JSON value'],
    ['{"a":1,}', 'a property name was expected'],
    ['{"a":1} x', 'something follows the end'],
    ['{"a":NaN}', 'not a JSON value'],
    ["{'a':1}", 'a property name was expected, at 1:2'],
    ['{"a":"\\x"}', 'an escape that JSON does not know'],
    ['', 'the text ends too early, at 1:1'],
    ['{"a":"b', 'the text ends within a string'],
    ['[1]', 'it is not an object'],
    ['"a"', 'it is not an object'],
    ['null', 'it is not an object'],
  ])('%j is refused: %s', (text, expected) => {
    expect(reason(text)).toContain(expected);
  });
  it('takes constructor and other names of Object as plain names', () => {
    const read = value('{"constructor":{"prototype":{"x":1}},"toString":1,"hasOwnProperty":2}');
    expect(Object.keys(read)).toEqual(['constructor', 'toString', 'hasOwnProperty']);
    expect(Object.getPrototypeOf(read)).toBe(Object.prototype);
  });
  it('takes surrogate pairs, raw and escaped, and a byte order mark', () => {
    expect(value('\ufeff{"a":"😀\\ud83d\\ude00"}')).toEqual({ a: '😀😀' });
  });
  it('refuses 10,000 and 1,000,000 levels without falling over', () => {
    expect(reason(`{"a":${'['.repeat(10_000)}`)).toContain('more than 100 levels');
    expect(reason('{"a":'.repeat(1_000_000))).toContain('more than 100 levels');
    expect(reason(`{"a":${'['.repeat(99)}${']'.repeat(99)}}`)).toBe('read');
  });
  it('reads UTF-8 bytes and refuses others', () => {
    expect(value(new TextEncoder().encode('{"a":"Zoë"}'))).toEqual({ a: 'Zoë' });
    expect(reason(new Uint8Array([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]))).toContain('not UTF-8');
  });
});

describe('laws', () => {
  it('reads what JSON.stringify writes, quickly and strictly the same', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string({ unit: 'grapheme' }), fc.jsonValue()), (object) => {
        const text = JSON.stringify(object);
        fc.pre(!text.includes('\\u0000') && !text.includes('__proto__'));
        const strict = readStrictly(text);
        expect(strict.ok && JSON.stringify(strict.value)).toBe(text);
        expect(JSON.stringify(value(text))).toBe(text);
      }),
      { numRuns: 500 },
    );
  });
  it('agrees with JSON.parse on every text cut or changed in one place', () => {
    const text = '{"a":[1,2.5,"x\\"y",{"b":null,"c":true}],"d":{"e":-3}}';
    fc.assert(
      fc.property(fc.nat(text.length - 1), fc.constantFrom('', '"', ',', '}', ']', ':', '0', 'x', '\\', ' '), (at, put) => {
        const changed = text.slice(0, at) + put + text.slice(at + 1);
        let parsed: unknown;
        try {
          parsed = JSON.parse(changed);
        } catch {
          expect(readJson(changed).ok).toBe(false);
          return;
        }
        const read = readJson(changed);
        if (read.ok) expect(JSON.parse(writeJson(read.value))).toEqual(parsed);
        else expect(read.problems[0]?.text).toContain('twice');
      }),
      { numRuns: 1000 },
    );
  });
});

describe('what is stored', () => {
  const patient = { resourceType: 'Patient', active: true, meta: { versionId: '7', lastUpdated: 'x', profile: ['p'] }, id: 'a' };
  it('is the same by what a resource says, not by its version nor its order', () => {
    const { meta: _meta, ...rest } = patient;
    expect(sameContent({ ...rest, meta: { profile: ['p'] } }, patient)).toBe(true);
    expect(sameContent({ id: 'a', meta: { profile: ['p'] }, active: true, resourceType: 'Patient' }, patient)).toBe(true);
    expect(sameContent({ ...patient, active: false }, patient)).toBe(false);
    expect(sameContent({ ...patient, gender: 'other' }, patient)).toBe(false);
    expect(sameContent(patient, { ...patient, gender: 'other' })).toBe(false);
    expect(sameContent({ b: 1, a: [{ d: 1, c: 2 }] }, { a: [{ c: 2, d: 1 }], b: 1, c: undefined })).toBe(true);
    expect(sameContent({ a: [1, 2] }, { a: [2, 1] })).toBe(false);
    expect(sameContent({ a: '1' }, { a: 1 })).toBe(false);
  });
  it('is the same exactly when the sorted texts are', () => {
    const sorted = (each: unknown): unknown =>
      Array.isArray(each)
        ? each.map(sorted)
        : typeof each === 'object' && each !== null
          ? Object.fromEntries(
              Object.entries(each)
                .sort(([a], [b]) => (a < b ? -1 : 1))
                .map(([name, of]) => [name, sorted(of)]),
            )
          : each;
    const small = fc.jsonValue({ maxDepth: 2, stringUnit: fc.constantFrom('a', 'b') });
    const object = fc.dictionary(fc.constantFrom('a', 'b', 'c'), small);
    fc.assert(
      fc.property(object, object, (a, b) => {
        const [left, right] = [value(JSON.stringify(a)), value(JSON.stringify(b))];
        expect(sameContent(left, right)).toBe(JSON.stringify(sorted(left)) === JSON.stringify(sorted(right)));
      }),
      { numRuns: 2000 },
    );
  });
  it('begins with type and id whatever the order, and leaves out what the store sets', () => {
    const text = '{"resourceType":"Patient","id":"a","active":true}';
    const meta = { versionId: '1', lastUpdated: 'T' };
    for (const same of [
      { resourceType: 'Patient', id: 'a', active: true },
      { id: 'a', resourceType: 'Patient', active: true },
      { resourceType: 'Patient', active: true, id: 'a' },
      { resourceType: 'Patient', id: 'a', meta, active: true },
      { resourceType: 'Patient', id: 'a', active: true, meta: undefined },
    ])
      expect(contentText(same)).toBe(text);
    expect(contentText({ resourceType: 'Patient', active: true })).toBe('{"resourceType":"Patient","active":true}');
    expect(contentText({ resourceType: 'Patient' })).toBe('{"resourceType":"Patient"}');
  });
  it('sets version and time in the text', () => {
    expect(withMeta(contentText(patient), 3, 'T')).toBe(
      '{"resourceType":"Patient","id":"a","meta":{"versionId":"3","lastUpdated":"T","profile":["p"]},"active":true}',
    );
    expect(
      withMeta(contentText({ resourceType: 'Patient', contained: [{ resourceType: 'Basic', meta: { profile: ['q'] } }] }), 1, 'T'),
    ).toBe(
      '{"resourceType":"Patient","meta":{"versionId":"1","lastUpdated":"T"},"contained":[{"resourceType":"Basic","meta":{"profile":["q"]}}]}',
    );
    expect(etag(3)).toBe('W/"3"');
  });
});
