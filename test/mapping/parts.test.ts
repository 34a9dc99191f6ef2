import { join } from 'node:path';
import { expect, it } from 'vitest';
import { messagesOf } from '../../scripts/maps/corpus.ts';
import { leftBecause } from '../../scripts/maps/left-parts.ts';
import { partsOf, typeOfPart } from '../../scripts/maps/parts.ts';
import { parseMessage } from '../../services/hl7v2/parse.ts';
import { loadMaps } from '../../services/mapping/maps.ts';

const loaded = loadMaps(join(import.meta.dirname, '../../mappings'));

it('tells of parts of mapped fields that nothing asks for, and of no part that is asked for', () => {
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems));
  const text = [
    'MSH|^~\\&|ADT|EAST|P|H|20260401120000+0000||ADT^A08^ADT_A01|T1|P|2.5.1',
    'PID|1||77^5^M11^EAST^MR||Lund^Ida^^^^^L^A||19500203|F|||1 Long Rd^^Springfield',
    'PV1|1|I|W1|||||||||||||||X9',
  ].join('\r');
  const parsed = parseMessage(Buffer.from(text));
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
  const { unasked } = partsOf(parsed.value, loaded.value);
  // The check digit of a number and its scheme; how a name is written.
  expect(unasked.filter((each) => each.startsWith('PID'))).toEqual(expect.arrayContaining(['PID-3.2', 'PID-3.3', 'PID-5.8']));
  expect(unasked).not.toEqual(expect.arrayContaining(['PID-5.1']));
  expect(unasked.filter((each) => /^PID-(3\.[145]|5\.[127]|11)/.test(each))).toEqual([]);
});

it('has a reason for every part of a mapped field that the fixtures say and nothing asks for', () => {
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems));
  const asked = new Set<string>();
  const left = new Set<string>();
  for (const { message } of messagesOf(join(import.meta.dirname, '../../fixtures/hl7v2'))) {
    const parts = partsOf(message, loaded.value);
    for (const each of parts.asked) asked.add(each);
    for (const each of parts.unasked) left.add(each);
  }
  expect(left.size).toBeGreaterThan(20);
  expect([...left].filter((each) => !asked.has(each) && leftBecause(each, typeOfPart(each)) === undefined)).toEqual([]);
});
