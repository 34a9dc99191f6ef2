import fc from 'fast-check';
import { applyPatch } from 'rfc6902';
import { describe, expect, it } from 'vitest';
import { readJson, writeJson } from '../../services/fhir/format/json.ts';
import { applyJsonPatch, readJsonPatch } from '../../services/fhir/patch/json-patch.ts';

/** The text that a patch makes of a text, or the code of its first problem. */
function patchedText(document: string, patch: string): string | undefined {
  const operations = readJsonPatch(patch);
  if (!operations.ok) return operations.problems[0]?.code;
  const read = readJson(document);
  const made = applyJsonPatch(read.ok ? read.value : {}, operations.value);
  return made.ok ? writeJson(made.value) : made.problems[0]?.code;
}

// RFC 6902, appendix A.
it.each([
  ['A.1', '{"foo":"bar"}', '[{"op":"add","path":"/baz","value":"qux"}]', '{"foo":"bar","baz":"qux"}'],
  ['A.2', '{"foo":["bar","baz"]}', '[{"op":"add","path":"/foo/1","value":"qux"}]', '{"foo":["bar","qux","baz"]}'],
  ['A.3', '{"baz":"qux","foo":"bar"}', '[{"op":"remove","path":"/baz"}]', '{"foo":"bar"}'],
  ['A.4', '{"foo":["bar","qux","baz"]}', '[{"op":"remove","path":"/foo/1"}]', '{"foo":["bar","baz"]}'],
  ['A.5', '{"baz":"qux","foo":"bar"}', '[{"op":"replace","path":"/baz","value":"boo"}]', '{"baz":"boo","foo":"bar"}'],
  [
    'A.6',
    '{"foo":{"bar":"baz","waldo":"fred"},"qux":{"corge":"grault"}}',
    '[{"op":"move","from":"/foo/waldo","path":"/qux/thud"}]',
    '{"foo":{"bar":"baz"},"qux":{"corge":"grault","thud":"fred"}}',
  ],
  [
    'A.7',
    '{"foo":["all","grass","cows","eat"]}',
    '[{"op":"move","from":"/foo/1","path":"/foo/3"}]',
    '{"foo":["all","cows","eat","grass"]}',
  ],
  [
    'A.8',
    '{"baz":"qux","foo":["a",2,"c"]}',
    '[{"op":"test","path":"/baz","value":"qux"},{"op":"test","path":"/foo/1","value":2}]',
    '{"baz":"qux","foo":["a",2,"c"]}',
  ],
  ['A.9', '{"baz":"qux"}', '[{"op":"test","path":"/baz","value":"bar"}]', 'fhir-patch-test'],
  ['A.10', '{"foo":"bar"}', '[{"op":"add","path":"/child","value":{"grandchild":{}}}]', '{"foo":"bar","child":{"grandchild":{}}}'],
  ['A.11', '{"foo":"bar"}', '[{"op":"add","path":"/baz","value":"qux","xyz":123}]', '{"foo":"bar","baz":"qux"}'],
  ['A.12', '{"foo":"bar"}', '[{"op":"add","path":"/baz/bat","value":"qux"}]', 'fhir-patch-path'],
  ['A.13', '{"foo":"bar"}', '[{"op":"add","path":"/baz","value":"qux","op":"remove"}]', 'fhir-not-json'],
  ['A.14', '{"/":9,"~1":10}', '[{"op":"test","path":"/~01","value":10}]', '{"/":9,"~1":10}'],
  ['A.15', '{"/":9,"~1":10}', '[{"op":"test","path":"/~01","value":"10"}]', 'fhir-patch-test'],
  ['A.16', '{"foo":["bar"]}', '[{"op":"add","path":"/foo/-","value":["abc","def"]}]', '{"foo":["bar",["abc","def"]]}'],
])('does example %s of the RFC', (_name, document, patch, expected) => {
  expect(patchedText(document, patch)).toBe(expected);
});

describe('a JSON Patch', () => {
  it('keeps the digits of numbers, those it brings and those that were there, and compares numbers by value', () => {
    const patch = '[{"op":"test","path":"/a","value":5.1},{"op":"add","path":"/b","value":1.00},{"op":"copy","from":"/a","path":"/c"}]';
    expect(patchedText('{"a":5.10,"z":9007199254740993}', patch)).toBe('{"a":5.10,"z":9007199254740993,"b":1.00,"c":5.10}');
    expect(patchedText('{"a":9007199254740993}', '[{"op":"test","path":"/a","value":9007199254740992}]')).toBe('fhir-patch-test');
    expect(patchedText('{"a":1e999999999}', '[{"op":"test","path":"/a","value":10e999999998}]')).toBe('{"a":1e999999999}');
    expect(patchedText('{"a":-0.0}', '[{"op":"test","path":"/a","value":0}]')).toBe('{"a":-0.0}');
  });

  it.each([
    '{}',
    '[1]',
    '[{"op":"add","path":"/a"}]',
    '[{"op":"add","path":"a","value":1}]',
    '[{"op":"add","path":"/~2","value":1}]',
    '[{"op":"spam","path":"/a"}]',
    '[{"op":"copy","path":"/a"}]',
    '[{"op":"move","from":"/a","path":"/a/b"}]',
    '[{"op":"add","path":"/__proto__/polluted","value":1}]',
    '[{"op":"add","path":"/constructor/prototype/polluted","value":1}]',
  ])('that is none, or leads where it may not, is refused: %s', (patch) => {
    expect(patchedText('{"a":{"b":1}}', patch)).toMatch(/^fhir-/);
    expect(Reflect.get({}, 'polluted')).toBeUndefined();
  });

  it('cannot grow a resource without bound', () => {
    const doubling = Array.from({ length: 60 }, (_, i) => ({ op: 'copy', from: '', path: `/x${i}` }));
    expect(patchedText('{"a":[1,2,3]}', JSON.stringify(doubling))).toBe('fhir-patch-path');
    const many = Array.from({ length: 1001 }, () => ({ op: 'test', path: '/a', value: 1 }));
    expect(patchedText('{"a":1}', JSON.stringify(many))).toBe('fhir-patch-form');
  });

  it('does what a library by others does, on random documents and patches', () => {
    const name = fc.constantFrom('a', 'b', 'c');
    const leaf = fc.oneof(fc.integer({ min: 0, max: 9 }), fc.constantFrom('x', 'y'), fc.boolean());
    const { tree } = fc.letrec<{ tree: unknown }>((tie) => ({
      tree: fc.oneof({ maxDepth: 3 }, leaf, fc.dictionary(name, tie('tree'), { maxKeys: 3 }), fc.array(tie('tree'), { maxLength: 3 })),
    }));
    const path = fc
      .array(fc.constantFrom('a', 'b', 'c', '0', '1', '-'), { minLength: 1, maxLength: 3 })
      .map((steps) => `/${steps.join('/')}`);
    const operation = fc.oneof(
      fc.record({ op: fc.constantFrom('add', 'replace', 'test'), path, value: tree }),
      fc.record({ op: fc.constant('remove'), path }),
      fc.record({ op: fc.constant('copy'), path, from: path }),
    );
    const isTop = (place: string): boolean => place.lastIndexOf('/') === 0;
    fc.assert(
      fc.property(fc.dictionary(name, tree, { maxKeys: 3 }), fc.array(operation, { minLength: 1, maxLength: 4 }), (document, patch) => {
        const oracle: unknown = structuredClone(document);
        // Its types ask for literals that arbitraries cannot give.
        const theirs = structuredClone(patch) as unknown as Parameters<typeof applyPatch>[1];
        let fits = false;
        try {
          fits = applyPatch(oracle, theirs).every((each) => each === null);
        } catch {
          // It throws where a path goes through a boolean.
        }
        const ours = patchedText(JSON.stringify(document), JSON.stringify(patch));
        const read = readJson(JSON.stringify(oracle));
        if (ours?.startsWith('{')) expect([fits, JSON.parse(ours)]).toEqual([true, read.ok ? read.value : oracle]);
        // It lets an array have an element called a, and a text have elements: below the top it takes what is no place.
        else if (patch.every((each) => isTop(each.path) && (!('from' in each) || isTop(each.from)))) expect(fits).toBe(false);
      }),
      { numRuns: 500 },
    );
  });
});
