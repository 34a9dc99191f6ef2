/** Specs of five thousand lines: one mistake is one message, at its place, with the nearest name that there is. */
import { expect, it } from 'vitest';
import { EditorDesk } from '../../services/mapping/editor/desk.ts';
import { messageMap, NAME, SEX } from './specs.ts';

const LINES = 5_000;
const TEXTS = new Map([
  ['v2/messages/adt.yaml', messageMap('name: =PID-5\ngender: { from: =PID-8, map: sex }')],
  ['v2/tables/sex.yaml', SEX],
  ['v2/types/xpn.yaml', NAME],
]);

/** Faults of a text among the others, in few words. */
function faults(path: string, text: string): readonly (readonly [number, string, string])[] {
  const found = new EditorDesk().diagnostics({ texts: TEXTS, path, text });
  return found.map(({ line, code, cure }) => [line, code, /Did you mean "[^"]+"/.exec(cure)?.[0] ?? '']);
}

it.each([
  ['a key that nobody knows', '{ cod: male }', 'unknown-key', 'Did you mean "code"'],
  ['a row without a code', '{ display: male }', 'spec-shape', ''],
  ['a code that the element does not take', 'mal', 'binding-violated', ''],
])('%s in a concept map', (_name, wrong, code, cure) => {
  const rows = Array.from({ length: LINES }, (_none, n) => `  C${n}: ${n === 2_500 ? wrong : 'male'}`);
  const head = `${SEX.split('codes:')[0]}codes:\n`;
  expect(faults('v2/tables/sex.yaml', head + rows.join('\n'))).toEqual([[head.split('\n').length + 2_500, code, cure]]);
});

it.each([
  ['an element that is not there', 'birthDat: =PID-7', 'unknown-element', 'Did you mean "birthDate"'],
  ['a segment that the message does not have', 'birthDate: =PIE-7', 'unknown-segment', 'Did you mean "PID"'],
  ['a key of a rule', 'birthDate: { from: =PID-7, wen: =PID-8 }', 'unknown-key', 'Did you mean "when"'],
])('%s in a message map', (_name, wrong, code, cure) => {
  const ignored = Array.from(
    { length: LINES },
    (_none, n) => `  - { path: Z${String((n % 90) + 10)}-${(n % 900) + 1}, because: line ${n} }`,
  );
  const map = messageMap(`name: =PID-5\n${wrong}`);
  const line = map.split('\n').findIndex((each) => each.includes(wrong)) + 1;
  expect(line).toBeGreaterThan(0);
  expect(faults('v2/messages/adt.yaml', `${map.trimEnd()}\nignore:\n${ignored.join('\n')}\n`)).toEqual([[line, code, cure]]);
});
