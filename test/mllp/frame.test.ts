import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type FrameEvent, FrameReader, framed } from '../../services/mllp/frame.ts';

const bytes = (text: string): Uint8Array => Buffer.from(text, 'latin1');
const shown = (events: readonly FrameEvent[]): unknown[] =>
  events.map((each) => ('bytes' in each ? `${each.kind} ${Buffer.from(each.bytes).toString('latin1')}` : `${each.kind} ${each.count}`));
const readIn = (chunks: readonly Uint8Array[], maxBytes = 1000): unknown[] => {
  const reader = new FrameReader(maxBytes);
  return shown(chunks.flatMap((chunk) => reader.push(chunk)));
};

const A = framed(bytes('MSH|a'));
const B = framed(bytes('MSH|b'));

describe('frames', () => {
  it('are read whole, in halves, and cut at every byte', () => {
    const both = Buffer.concat([A, B]);
    for (let cut = 0; cut <= both.length; cut += 1) {
      expect(readIn([both.subarray(0, cut), both.subarray(cut)])).toEqual(['message MSH|a', 'message MSH|b']);
    }
    expect(readIn([...both].map((byte) => Uint8Array.of(byte)))).toEqual(['message MSH|a', 'message MSH|b']);
  });

  it('may hold anything but FS CR, and are cut anywhere', () => {
    const message = fc.uint8Array({ maxLength: 60 }).filter((each) => {
      const text = Buffer.from(each).toString('latin1');
      return !['\x1c\r', '\x1c\x0b'].some((end) => text.includes(end)) && !text.endsWith('\x1c');
    });
    fc.assert(
      fc.property(fc.array(message, { maxLength: 5 }), fc.array(fc.nat(40), { maxLength: 20 }), (messages, sizes) => {
        const all = Buffer.concat(messages.map(framed));
        const chunks: Uint8Array[] = [];
        let at = 0;
        for (const size of sizes) {
          chunks.push(all.subarray(at, at + size));
          at += size;
        }
        chunks.push(all.subarray(at));
        expect(readIn(chunks)).toEqual(messages.map((each) => `message ${Buffer.from(each).toString('latin1')}`));
      }),
    );
  });

  it('may be told apart by line ends; other bytes between them are counted', () => {
    expect(readIn([Buffer.concat([A, bytes('\r\n '), B, bytes('xyz'), A])])).toEqual([
      'message MSH|a',
      'message MSH|b',
      'junk 3',
      'message MSH|a',
    ]);
  });

  it('may lack the CR when the next frame follows', () => {
    expect(readIn([bytes('\x0bMSH|a\x1c\x0bMSH|b\x1c\r')])).toEqual(['message MSH|a', 'message MSH|b']);
    expect(readIn([bytes('\x0bMSH|a\x1cb\x1c'), bytes('\r')])).toEqual(['message MSH|a\x1cb']);
  });

  it('must come first on a connection', () => {
    for (const text of ['MSH|^~\\&|', 'GET / HTTP/1.1\r\n', '\x16\x03\x01\x02'])
      expect(readIn([bytes(text)])).toEqual([`no-frame ${text.replace(/\s/g, '').length}`]);
    expect(readIn([bytes('\r\n'), A])).toEqual(['message MSH|a']);
    expect(readIn([bytes('x'), A])).toEqual(['no-frame 1']);
  });

  it('are at most so long', () => {
    expect(readIn([framed(bytes('12345'))], 5)).toEqual(['message 12345']);
    expect(readIn([framed(bytes('123456')), A], 5)).toEqual(['too-long 12345']);
    expect(readIn([bytes('\x0b1234'), bytes('56'), bytes('789')], 5)).toEqual(['too-long 12345']);
    expect(readIn([bytes('\x0b12345\x1c'), bytes('6')], 5)).toEqual(['too-long 12345']);
  });

  it('tell what has begun', () => {
    const reader = new FrameReader(100);
    reader.push(bytes('\x0bMSH|'));
    expect([reader.isInside, Buffer.from(reader.unfinished).toString()]).toEqual([true, 'MSH|']);
    reader.push(bytes('\x1c\r'));
    expect(reader.isInside).toBe(false);
  });
});
