import { describe, expect, it } from 'vitest';
import { acknowledgement } from '../../services/hl7v2/acknowledge.ts';
import { splitBatch } from '../../services/hl7v2/batch.ts';
import { encodeMessage, withValue } from '../../services/hl7v2/encode.ts';
import { shallowKeys } from '../../services/hl7v2/keys.ts';
import { parseMessage } from '../../services/hl7v2/parse.ts';
import { corpusFiles, walked } from './samples.ts';

const timestamp = new Date('2026-01-01T00:00:00Z');

/** The message's own bytes: without byte order mark, frame, and blanks before it. */
const isInside = (whole: Uint8Array, part: Uint8Array): boolean => Buffer.from(whole).includes(Buffer.from(part));

describe('messages of others', () => {
  const files = corpusFiles();

  it('are each read, or refused with a reason and a place; nothing of them is lost', ({ skip }) => {
    if (files === undefined) return skip('no ../shared/corpus/hl7v2 beside this checkout');
    const outcomes: Record<string, number> = {};
    const count = (key: string): void => {
      outcomes[key] = (outcomes[key] ?? 0) + 1;
    };
    for (const { path, bytes } of files) {
      const batch = splitBatch(bytes);
      if (!batch.ok) count(`file ${batch.problems[0]?.code}`);
      for (const each of batch.ok ? batch.value : []) {
        const result = parseMessage(each);
        const answer = { code: result.ok ? 'AA' : 'AE', problems: result.problems, controlId: 'A', timestamp } as const;
        expect(parseMessage(acknowledgement(result.ok ? result.value : undefined, answer)).ok).toBe(true);
        if (!result.ok) {
          count(`message ${result.problems[0]?.code}`);
          expect([path, result.problems[0]?.at]).toEqual([
            path,
            expect.stringMatching(/^(MSH-2|MSH-18|byte \d+|[FBM]?[A-Z]{2,3}\[\d+\])$/),
          ]);
          continue;
        }
        count('read');
        const message = result.value;
        expect(walked(message.root)).toEqual([...message.segments]);
        expect(isInside(each, encodeMessage(message))).toBe(true);
        expect(shallowKeys(message).controlId).toBe(message.controlId);
        const again = parseMessage(encodeMessage(message), { charset: message.charset });
        expect(again.ok && again.value.segments.map((segment) => segment.text)).toEqual(message.segments.map((segment) => segment.text));
      }
    }
    console.log(`messages of others: ${JSON.stringify(outcomes)}`);
    expect(outcomes['read']).toBeGreaterThan(1200);
    expect(Object.keys(outcomes).sort()).toEqual([
      'file hl7v2-no-msh',
      'message hl7v2-delimiters',
      'message hl7v2-several-messages',
      'read',
    ]);
  });

  it('change in one place only when one value is set', ({ skip }) => {
    if (files === undefined) return skip('no ../shared/corpus/hl7v2 beside this checkout');
    for (const { bytes } of files) {
      const batch = splitBatch(bytes);
      for (const each of batch.ok ? batch.value.slice(0, 1) : []) {
        const result = parseMessage(each);
        if (!result.ok) continue;
        const message = result.value;
        const last = message.segments.at(-1);
        if (last === undefined || last.name === 'MSH' || !/^[A-Z][A-Z0-9]{2}$/.test(last.name)) continue;
        const changed = withValue(message, `${last.name}[${last.occurrence}]-2`, 'a|b');
        if (message.delimiters.escape !== '') expect(changed.segments.at(-1)?.value(2)).toBe('a|b');
        const text = Buffer.from(message.bytes).toString('latin1');
        const start = Math.max(text.lastIndexOf(`\r${last.name}`), text.lastIndexOf(`\n${last.name}`));
        expect(Buffer.from(changed.bytes).subarray(0, start).equals(Buffer.from(message.bytes).subarray(0, start))).toBe(true);
      }
    }
  });
});
