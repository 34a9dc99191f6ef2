import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Refusal } from '../../services/errors.ts';
import { encodeMessage, withRaw, withValue } from '../../services/hl7v2/encode.ts';
import { parseMessage } from '../../services/hl7v2/parse.ts';
import { fixture, parsed, segment } from './samples.ts';

const HEADER = 'MSH|^~\\&|APP|FAC|||20260101||ORU^R01|C1|P|2.5.1||||||UNICODE UTF-8';

/** Text of a field with separators, escapes and other letters in all combinations. */
const fieldText = fc
  .array(fc.constantFrom('^', '~', '&', '\\', '\\F\\', '\\T\\', '\\X0D\\', '""', 'a', 'Renée', '12.50', ' ', '#', '<', '佐'), {
    maxLength: 8,
  })
  .map((all) => all.join(''));
const line = fc
  .tuple(fc.constantFrom('PID', 'OBX', 'NTE', 'ZZ1'), fc.array(fieldText, { maxLength: 8 }))
  .map(([name, fields]) => [name, ...fields].join('|'));
const messageText = fc
  .tuple(fc.array(line, { maxLength: 6 }), fc.constantFrom('\r', '\n', '\r\n'), fc.boolean())
  .map(([lines, end, last]) => [HEADER, ...lines].join(end) + (last ? end : ''));

describe('round trip', () => {
  it('gives back the bytes of any message', () => {
    fc.assert(
      fc.property(messageText, (text) => {
        const bytes = Buffer.from(text);
        expect(Buffer.from(encodeMessage(parsed(bytes)))).toEqual(bytes);
      }),
    );
  });

  it('reads each field as splitting by hand does', () => {
    fc.assert(
      fc.property(fc.array(line, { minLength: 1, maxLength: 4 }), (lines) => {
        const message = parsed(Buffer.from([HEADER, ...lines].join('\r')));
        lines.forEach((each, n) => {
          const fields = each.split('|');
          fields.slice(1).forEach((field, m) => {
            const found = message.segments[n + 1];
            expect(found?.raw(m + 1)).toBe(field);
            field.split('~').forEach((repetition, r) => {
              repetition.split('^').forEach((component, c) => {
                component.split('&').forEach((leaf, s) => {
                  const expected = leaf === '' || leaf === '""' ? undefined : leaf.includes('\\') ? expect.any(String) : leaf;
                  expect(found?.value(m + 1, r + 1, c + 1, s + 1)).toEqual(expected);
                });
              });
            });
          });
        });
      }),
    );
  });
});

describe('withValue', () => {
  const place = fc.record({
    field: fc.integer({ min: 1, max: 9 }),
    repetition: fc.integer({ min: 1, max: 3 }),
    component: fc.integer({ min: 1, max: 4 }),
    subcomponent: fc.integer({ min: 1, max: 3 }),
  });

  it('puts any text where it is told, whatever separators it holds', () => {
    const nasty = fc.string({
      unit: fc.constantFrom('|', '^', '~', '\\', '&', '\r', '\n', 'P', 'I', 'D', 'é', '"', '1', '\u001c'),
      maxLength: 12,
    });
    fc.assert(
      fc.property(messageText, nasty, place, (text, value, { field, repetition, component, subcomponent }) => {
        const message = parsed(Buffer.from(`${text.trimEnd()}\rQQQ|x`));
        const changed = withValue(message, `QQQ-${field}[${repetition}].${component}.${subcomponent}`, value);
        expect(changed.segments.length).toBe(message.segments.length);
        const read = segment(changed, 'QQQ').value(field, repetition, component, subcomponent);
        expect(read).toBe(value === '' || value === '""' ? undefined : value);
      }),
    );
  });

  it('changes nothing else', () => {
    fc.assert(
      fc.property(messageText, fc.nat(20), place, (text, n, { field, repetition, component }) => {
        const message = parsed(Buffer.from(text));
        const target = message.segments[n % message.segments.length];
        if (target === undefined || (target.name === 'MSH' && field <= 2)) return;
        const changed = withValue(message, `${target.name}[${target.occurrence}]-${field}[${repetition}].${component}`, 'NEW');
        changed.segments.forEach((each, index) => {
          if (index !== target.index) expect(each.text).toBe(message.segments[index]?.text);
          else {
            for (let f = 1; f <= Math.max(each.fieldCount, target.fieldCount); f += 1)
              if (f !== field) expect(each.raw(f) ?? '').toBe(target.raw(f) ?? '');
            const others = (raw: string | undefined): string[] =>
              (raw ?? '')
                .split('~')
                .flatMap((r, i) => r.split('^').map((c, j) => (i === repetition - 1 && j === component - 1 ? '' : `${i} ${j} ${c}`)));
            const filled = (all: string[]): string[] => all.filter((each) => !/^$|^\d+ \d+ $/.test(each));
            expect(filled(others(each.raw(field)))).toEqual(filled(others(target.raw(field))));
          }
        });
        const before = Buffer.from(message.bytes).toString().split(target.text);
        expect(
          Buffer.from(changed.bytes)
            .toString()
            .startsWith(before[0] ?? ''),
        ).toBe(true);
      }),
    );
  });

  it('keeps every byte of other segments in character sets with several ways to write a letter', () => {
    const before = fixture('jp-adt-a08-update.hl7');
    const after = withValue(parsed(before), 'PID-8', 'U').bytes;
    const linesOf = (bytes: Uint8Array): string[] => Buffer.from(bytes).toString('latin1').split('\r');
    expect(linesOf(after).length).toBe(linesOf(before).length);
    linesOf(after).forEach((each, n) => {
      if (!each.startsWith('PID')) expect(each).toBe(linesOf(before)[n]);
    });
    expect(segment(parsed(after), 'PID').value(5, 1, 2)).toBe('綾乃');
    const named = withValue(parsed(after), 'PID-5[1].1', '渡辺');
    expect([segment(named, 'PID').value(5, 1, 1), segment(named, 'PID').value(5, 2, 1)]).toEqual(['渡辺', 'ササキ']);
  });

  it('sets a whole field, empties and deletes', () => {
    const message = parsed(`${HEADER}\nPID|1||A^^^X~B||DOE^JANE`);
    expect(segment(withValue(message, 'PID-3', 'C'), 'PID').raw(3)).toBe('C');
    expect(segment(withValue(message, 'PID-3[2]', 'C'), 'PID').raw(3)).toBe('A^^^X~C');
    expect(segment(withValue(message, 'PID-5.2', '""'), 'PID').state(5, 1, 2)).toBe('delete');
    expect(segment(withValue(message, 'PID-5', ''), 'PID').state(5)).toBe('empty');
    expect(segment(withValue(message, 'MSH-10', 'C2'), 'MSH').value(10)).toBe('C2');
    expect(segment(withRaw(message, 'PID-3', '1^^^Y^MR~2'), 'PID').value(3, 2)).toBe('2');
  });

  it.each(['PID', 'PID-0', 'MSH-1', 'MSH-2', 'PID[2]-3', 'XYZ-1', 'pid-3', 'PID-3[0]', 'PID.3', ''])('refuses %j', (path) => {
    expect(() => withValue(parsed(`${HEADER}\nPID|1`), path, 'x')).toThrow(Refusal);
  });

  it('refuses what the message cannot hold', () => {
    const ascii = parsed('MSH|^~\\&|||||||ADT^A08|1|P|2.4\nPID|1');
    expect(() => withValue(ascii, 'PID-5', 'Renée')).toThrow(/character set/);
    expect(() => withValue(parsed('MSH|^~|||||||ADT^A08|1|P|2.4\nPID|1'), 'PID-5', 'a^b')).toThrow(Refusal);
    expect(() => withRaw(ascii, 'PID-5', 'a\rPID|2')).toThrow(Refusal);
    expect(parseMessage(withValue(ascii, 'PID-5', 'a\rPID|2').bytes).ok).toBe(true);
  });
});
