import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { charsetOf, decode, encode } from '../../services/hl7v2/charset.ts';
import { parseMessage } from '../../services/hl7v2/parse.ts';
import { segment } from './samples.ts';

/** A message with a name, in bytes of `charset` (a decoder's label), with `declared` in MSH-18. */
function message(declared: string, name: string, charset: string): Uint8Array {
  const bytes = encode(`MSH|^~\\&|A|B|||1||ADT^A08|1|P|2.5||||||${declared}\rPID|||1||${name}\r`, charset);
  if (bytes === undefined) throw new Error(`${charset} cannot write ${name}`);
  return bytes;
}

const nameIn = (bytes: Uint8Array, charset?: string): string | undefined => {
  const result = parseMessage(bytes, charset === undefined ? {} : { charset });
  return result.ok ? segment(result.value, 'PID').value(5) : result.problems[0]?.code;
};

describe('character sets', () => {
  it.each([
    ['8859/1', 'João Gonçalves', 'iso-8859-1'],
    ['8859/2', 'Łukasz Święty', 'iso-8859-2'],
    ['8859/3', 'Ġorġ', 'iso-8859-3'],
    ['8859/4', 'Āris', 'iso-8859-4'],
    ['8859/5', 'Анна', 'iso-8859-5'],
    ['8859/6', 'محمد', 'iso-8859-6'],
    ['8859/7', 'Ελένη', 'iso-8859-7'],
    ['8859/8', 'רות', 'iso-8859-8'],
    ['8859/9', 'Ayşe', 'iso-8859-9'],
    ['8859/15', 'Weiß €', 'iso-8859-15'],
    ['UNICODE UTF-8', '佐々木 Renée 𠮷', 'utf-8'],
    ['UTF-8', 'Renée', 'utf-8'],
    ['~ISO IR87', '佐々木^綾乃', 'iso-2022-jp'],
    ['ISO IR87', '綾乃ｱﾔﾉ', 'iso-2022-jp'],
    ['GB 18030-2000', '王小明𠮷', 'gb18030'],
    ['BIG-5', '陳大文', 'big5'],
    ['KS X 1001', '김철수', 'euc-kr'],
    ['ASCII', 'Smith', 'ascii'],
    ['', 'Smith', 'ascii'],
    ['CP1252', 'O’Neil', 'windows-1252'],
  ])('%s is read: %s', (declared, name, charset) => {
    expect(nameIn(message(declared, name, charset))).toBe(name.split('^')[0]);
  });

  it('reads UTF-16 and UTF-32 by their marks, and UTF-16 without one', () => {
    const text = 'MSH|^~\\&|A|B|||1||ADT^A08|1|P|2.5||||||UNICODE\rPID|||1||綾乃\r';
    for (const [mark, charset] of [
      [[0xfe, 0xff], 'utf-16be'],
      [[0xff, 0xfe], 'utf-16le'],
      [[], 'utf-16be'],
    ] as const) {
      expect(nameIn(Buffer.concat([Uint8Array.from(mark), encode(text, charset) ?? Buffer.of()]))).toBe('綾乃');
    }
    const wide = Buffer.alloc((text.length + 1) * 4);
    [...`\ufeff${text}`].forEach((each, n) => {
      wide.writeUInt32BE(each.codePointAt(0) ?? 0, n * 4);
    });
    expect(nameIn(wide)).toBe('綾乃');
  });

  it('strips a byte order mark', () => {
    expect(nameIn(Buffer.concat([Buffer.of(0xef, 0xbb, 0xbf), message('', 'Renée', 'utf-8')]))).toBe('Renée');
  });

  it('takes the setting of the source over MSH-18', () => {
    expect(nameIn(message('ASCII', 'João', 'iso-8859-1'), '8859/1')).toBe('João');
    expect(nameIn(message('8859/1', 'Renée', 'utf-8'), 'UNICODE UTF-8')).toBe('Renée');
    expect(nameIn(message('', 'x', 'ascii'), 'no such set')).toBe('hl7v2-charset-unknown');
  });

  it('names the byte that cannot be read, and puts no other character in its place', () => {
    const bad = Buffer.from(message('UNICODE UTF-8', 'RenXe', 'utf-8'));
    const at = bad.indexOf('X');
    bad[at] = 0xe9;
    expect(parseMessage(bad).problems).toMatchObject([{ code: 'hl7v2-bytes-undecodable', at: `byte ${at}` }]);
    for (const declared of ['', 'ASCII']) {
      const latin = Buffer.from(message(declared, 'RenXe', 'ascii'));
      const offset = latin.indexOf('X');
      latin[offset] = 0xe9;
      expect(parseMessage(latin).problems).toMatchObject([{ code: 'hl7v2-bytes-undecodable', at: `byte ${offset}` }]);
    }
    const jis = Buffer.from(message('~ISO IR87', 'aXb', 'ascii'));
    const place = jis.indexOf('X');
    jis[place] = 0xff;
    expect(parseMessage(jis).problems).toMatchObject([{ at: `byte ${place}` }]);
  });

  it('says so when nothing declares UTF-8 that is there', () => {
    const result = parseMessage(message('', 'Renée', 'utf-8'));
    expect([result.ok, result.problems.map((each) => each.code)]).toEqual([true, ['hl7v2-charset-undeclared']]);
  });

  it('refuses a set that nobody knows unless all is ASCII', () => {
    expect(parseMessage(message('ENGLISH', 'Smith', 'ascii')).problems.map((each) => each.code)).toEqual(['hl7v2-charset-ignored']);
    expect(parseMessage(message('KLINGON', 'Renée', 'utf-8')).problems.map((each) => each.code)).toEqual(['hl7v2-charset-unknown']);
    expect([charsetOf('8859/12'), charsetOf('8859/17'), charsetOf('CNS 11643-1992')]).toEqual([undefined, undefined, undefined]);
  });

  it('finds the first bad byte wherever it is', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 80 }), fc.nat(1000), (text, seed) => {
        const good = Buffer.from(text, 'utf8');
        const cuts = [...good.keys(), good.length].filter((n) => n === good.length || ((good[n] ?? 0) & 0xc0) !== 0x80);
        const at = cuts[seed % cuts.length] ?? 0;
        const bad = Buffer.concat([good.subarray(0, at), Buffer.of(0xff), good.subarray(at)]);
        expect(decode(bad, 'utf-8')).toEqual({ badOffset: at });
      }),
    );
  });

  it('writes back what it read, in every set', () => {
    const sets = [
      'iso-8859-1',
      'iso-8859-15',
      'windows-1252',
      'gb18030',
      'big5',
      'euc-kr',
      'iso-2022-jp',
      'shift_jis',
      'utf-16le',
      'utf-8',
    ];
    fc.assert(
      fc.property(fc.constantFrom(...sets), fc.string({ unit: 'binary', maxLength: 20 }), (charset, text) => {
        const bytes = encode(text, charset);
        if (bytes !== undefined) expect(decode(bytes, charset)).toEqual({ text });
      }),
    );
  });
});
