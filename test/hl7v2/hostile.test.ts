import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { acknowledgement } from '../../services/hl7v2/acknowledge.ts';
import { splitBatch } from '../../services/hl7v2/batch.ts';
import { shallowKeys } from '../../services/hl7v2/keys.ts';
import { parseMessage, readHeader } from '../../services/hl7v2/parse.ts';
import { FIXTURES, fixture, parsed, segment, walked } from './samples.ts';

const HEADER = 'MSH|^~\\&|A|B|||1||ORU^R01|1|P|2.5.1';

/** Reads everything that can be read of the bytes. */
function readAll(bytes: Uint8Array): void {
  const batch = splitBatch(bytes);
  for (const each of [bytes, ...(batch.ok ? batch.value : [])]) {
    readHeader(each);
    const result = parseMessage(each);
    acknowledgement(result.ok ? result.value : undefined, {
      code: 'AE',
      problems: result.problems,
      controlId: 'x',
      timestamp: new Date(0),
    });
    if (!result.ok) {
      expect(result.problems.length).toBeGreaterThan(0);
      continue;
    }
    shallowKeys(result.value);
    expect(walked(result.value.root).length).toBe(result.value.segments.length);
    for (const found of result.value.segments) {
      for (let n = 1; n <= Math.min(found.fieldCount, 40); n += 1)
        for (let r = 1; r <= Math.min(found.repetitions(n), 5); r += 1) found.wholeText(n, r);
    }
  }
}

describe('hostile input', () => {
  it('never throws: bits flipped, bytes cut, doubled, moved', () => {
    const mutation = fc.record({
      name: fc.constantFrom(...FIXTURES),
      flips: fc.array(fc.tuple(fc.nat(1_000_000), fc.nat(255)), { maxLength: 12 }),
      cut: fc.tuple(fc.nat(1_000_000), fc.nat(1_000_000)),
      doubled: fc.tuple(fc.nat(1_000_000), fc.nat(200)),
    });
    fc.assert(
      fc.property(mutation, ({ name, flips, cut, doubled }) => {
        let bytes = Buffer.from(fixture(name));
        for (const [at, byte] of flips) bytes[at % bytes.length] = byte;
        const [from, length] = doubled;
        const part = bytes.subarray(from % bytes.length, (from % bytes.length) + length);
        bytes = Buffer.concat([bytes.subarray(0, from % bytes.length), part, bytes.subarray(from % bytes.length)]);
        readAll(
          bytes.subarray(flips.length % 3 === 0 ? cut[0] % bytes.length : 0, flips.length % 2 === 0 ? cut[1] % bytes.length : undefined),
        );
      }),
      { numRuns: 3000 },
    );
  });

  it('never throws: any bytes at all', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.boolean(), (bytes, headed) => {
        readAll(headed ? Buffer.concat([Buffer.from('MSH|^~\\&|'), bytes]) : bytes);
      }),
      { numRuns: 2000 },
    );
  });

  it('stays quick: very many repetitions, components, segments, escapes', () => {
    const many = (text: string, count: number): string => text.repeat(count);
    const repeated = parsed(`${HEADER}\nPID|||${many('1^^^A~', 200_000)}`);
    expect(shallowKeys(repeated).patientKeys).toEqual(['1^A']);
    const pid = segment(repeated, 'PID');
    let read = 0;
    for (let n = 1; n <= pid.repetitions(3); n += 1) read += pid.value(3, n) === '1' ? 1 : 0;
    expect(read).toBe(200_000);

    const wide = parsed(`${HEADER}\nPID|${many('^', 500_000)}${many('&', 500_000)}x`);
    expect(segment(wide, 'PID').components(1, 1)).toBe(500_001);

    const long = parsed(`${HEADER}\n${many('QQQ|1\n', 200_000)}`);
    expect([long.root.children.length, long.structureProblems.length]).toEqual([200_001, 100]);
    expect(long.segments.at(-1)?.occurrence).toBe(200_000);

    const escaped = parseMessage(Buffer.from(`${HEADER}\r${many('NTE|1||\\Q\\\\T\\\r', 50_000)}`));
    expect(escaped.problems.length).toBe(20);

    const nested = parsed(`${HEADER}\n${many('PID|1\nOBR|1\nOBX|1\nNTE|1\n', 20_000)}`);
    expect(nested.root.groups('PATIENT_RESULT').length).toBe(20_000);
    expect(nested.structureProblems).toEqual([]);
  });
});
