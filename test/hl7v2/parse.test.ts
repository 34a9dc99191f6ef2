import { describe, expect, it } from 'vitest';
import { parseMessage, readHeader } from '../../services/hl7v2/parse.ts';
import { parsed, segment } from './samples.ts';

const HEADER = 'MSH|^~\\&|APP|FAC|||20260101||ADT^A08|C1|P|2.5.1';
const codes = (bytes: Uint8Array, charset?: string): string[] =>
  parseMessage(bytes, charset === undefined ? {} : { charset }).problems.map((each) => each.code);

describe('values', () => {
  const message = parsed(`${HEADER}\nPID|1||A1^^^X&1.2&ISO~B2|""|DOE&VAN^^""|||`);
  const pid = segment(message, 'PID');

  it('tells absent, empty, deleted and valued at every depth', () => {
    expect([pid.state(1), pid.state(2), pid.state(4), pid.state(99)]).toEqual(['valued', 'empty', 'delete', 'absent']);
    expect([pid.state(5, 1, 1), pid.state(5, 1, 2), pid.state(5, 1, 3), pid.state(5, 1, 4)]).toEqual([
      'valued',
      'empty',
      'delete',
      'absent',
    ]);
    expect([pid.state(5, 1, 1, 2), pid.state(5, 1, 1, 3), pid.state(3, 2), pid.state(3, 3)]).toEqual([
      'valued',
      'absent',
      'valued',
      'absent',
    ]);
    expect(pid.state(4, 1, 2)).toBe('delete');
    expect([pid.value(2), pid.value(4), pid.value(5, 1, 3), pid.value(99)]).toEqual([undefined, undefined, undefined, undefined]);
  });

  it('reads repetitions, components and subcomponents from 1, and the first of each when not told', () => {
    expect(pid.value(3)).toBe('A1');
    expect(pid.value(3, 2)).toBe('B2');
    expect(pid.value(3, 1, 4, 2)).toBe('1.2');
    expect([pid.repetitions(3), pid.components(3, 1), pid.subcomponents(3, 1, 4), pid.repetitions(2), pid.repetitions(50)]).toEqual([
      2, 4, 3, 0, 0,
    ]);
    expect(pid.fieldCount).toBe(8);
    expect(pid.raw(3)).toBe('A1^^^X&1.2&ISO~B2');
    expect([pid.raw(0), pid.value(0), pid.value(-1)]).toEqual([undefined, undefined, undefined]);
  });

  it('has the field separator as MSH-1 and never splits MSH-2', () => {
    const msh = segment(message, 'MSH');
    expect([msh.value(1), msh.value(2), msh.value(3), msh.raw(2)]).toEqual(['|', '^~\\&', 'APP', '^~\\&']);
    expect([msh.repetitions(2), msh.components(2, 1), msh.value(2, 1, 2)]).toEqual([1, 1, undefined]);
    expect([message.type, message.event, message.structure, message.version, message.controlId]).toEqual([
      'ADT',
      'A08',
      'ADT_A01',
      '2.5.1',
      'C1',
    ]);
  });

  it('counts occurrences by name', () => {
    const two = parsed(`${HEADER}\nNK1|1\nAL1|1\nNK1|2`);
    expect(two.segments.map((each) => [each.name, each.index, each.occurrence])).toEqual([
      ['MSH', 0, 1],
      ['NK1', 1, 1],
      ['AL1', 2, 1],
      ['NK1', 3, 2],
    ]);
  });
});

describe('escapes', () => {
  const read = (field: string): string | undefined => segment(parsed(`${HEADER}\nNTE|1||${field}`), 'NTE').wholeText(3);

  it('resolves delimiters, characters, layout and highlighting', () => {
    expect(read('a\\F\\b\\S\\c\\T\\d\\R\\e\\E\\f')).toBe('a|b^c&d~e\\f');
    expect(read('\\X0D0A\\x\\X48656c6C6F\\')).toBe('\r\nxHello');
    expect(read('one\\.br\\two\\.sp2\\three\\.sk 3\\four\\.in+2\\\\.fi\\!')).toBe('one\ntwo\n\nthree   four!');
    expect(read('\\H\\loud\\N\\ quiet')).toBe('loud quiet');
    expect(read('keep ^ and & and')).toBe('keep ^ and & and');
  });

  it('keeps what nobody knows, and reports it with its place', () => {
    expect(read('C:\\new\\x \\Zlocal\\ \\XZZ\\ tail\\')).toBe('C:\\new\\x \\Zlocal\\ \\XZZ\\ tail\\');
    const result = parseMessage(Buffer.from(`${HEADER}\rNTE|1\rNTE|2||x\\Zlocal\\`));
    expect(result.problems).toMatchObject([{ code: 'hl7v2-escape-unknown', at: 'NTE[2]-3' }]);
  });

  it('unescapes after splitting: an escaped separator separates nothing', () => {
    const pid = segment(parsed(`${HEADER}\nPID|||a\\S\\b^c\\R\\d~e\\T\\f`), 'PID');
    expect([pid.value(3, 1, 1), pid.value(3, 1, 2), pid.value(3, 2, 1), pid.repetitions(3)]).toEqual(['a^b', 'c~d', 'e&f', 2]);
  });

  it('reads hexadecimal bytes in the message character set', () => {
    const message = parsed(`MSH|^~\\&|||||||ADT^A08|1|P|2.4||||||8859/1\nNTE|1||Jo\\XE3\\o`);
    expect(segment(message, 'NTE').value(3)).toBe('João');
  });

  it('reads the character sets that \\C and \\M switch to', () => {
    const bytes = Buffer.from('MSH|^~\\&|||||||ADT^A08|1|P|2.5\rNTE|1||\\M2442\\$"$$\\C2842\\ ai');
    expect(segment(parsed(bytes), 'NTE').wholeText(3)).toBe('あい ai');
    expect(read('\\M9999\\x')).toBe('\\M9999\\x');
  });
});

describe('delimiters', () => {
  it('are what the header declares', () => {
    const message = parsed('MSH!@%*$!APP!FAC!!!20260101!!ADT@A08!C1!P!2.4\nPID!!!A1@@@X$1.2%B2!!DOE*F*X@JANE');
    const pid = segment(message, 'PID');
    expect(message.delimiters).toMatchObject({ field: '!', component: '@', repetition: '%', escape: '*', subcomponent: '$' });
    expect([pid.value(3, 1, 4, 2), pid.value(3, 2), pid.value(5, 1, 1), pid.value(5, 1, 2)]).toEqual(['1.2', 'B2', 'DOE!X', 'JANE']);
  });

  it('may be few, and may have a truncation sign', () => {
    const few = parsed('MSH|^~|||||||ADT^A08|1|P|2.4\nPID|||a&b\\T\\^c');
    expect(segment(few, 'PID').value(3)).toBe('a&b\\T\\');
    const more = parsed('MSH|^~\\&#|||||||ADT^A08|1|P|2.7\nPID|||a\\P\\b');
    expect(more.delimiters.truncation).toBe('#');
    expect(segment(more, 'PID').value(3)).toBe('a#b');
  });

  it.each([
    'MSH|^~\\\\&|',
    'MSH|^&&^|',
    'MSH|^~\\&|^'.replace('^~', '||'),
    'MSH|ABCD|',
    'MSHA^~\\&A',
    'MSH|',
    'MSH',
    'MSH|^~\\&#!|',
    'MSH| ~\\&|',
  ])('that make no sense are an error: %s', (start) => {
    expect(codes(Buffer.from(`${start}x|y`.slice(0, start.length < 5 ? start.length : undefined)))).toEqual(['hl7v2-delimiters']);
  });
});

describe('lines', () => {
  it('end with CR; LF and CRLF are taken and said once', () => {
    for (const [end, expected] of [
      ['\r', []],
      ['\n', ['hl7v2-line-ends']],
      ['\r\n', ['hl7v2-line-ends']],
    ] as const) {
      const result = parseMessage(Buffer.from([HEADER, 'EVN|A08', 'PID|1', ''].join(end)));
      expect(result.ok && result.value.segments.map((each) => each.text)).toEqual([HEADER, 'EVN|A08', 'PID|1']);
      expect(result.problems.map((each) => each.code)).toEqual(expected);
    }
  });

  it('that begin with no segment name belong to the line before', () => {
    const result = parseMessage(Buffer.from(`${HEADER}\rNTE|1||first\nsecond line\r\rPID|1`));
    expect(result.ok && result.value.segments.map((each) => each.name)).toEqual(['MSH', 'NTE', 'PID']);
    expect(result.ok && segment(result.value, 'NTE').value(3)).toBe('first\nsecond line');
    expect(result.problems.map((each) => each.code).sort()).toEqual(['hl7v2-line-continued', 'hl7v2-line-ends']);
  });

  it('may stand in a frame and after blank lines', () => {
    for (const text of [`\x0b${HEADER}\r\x1c\r`, `${HEADER}\r\x1c`, `\r\n  ${HEADER}\r`]) {
      const result = parseMessage(Buffer.from(text));
      expect(result.ok && result.value.segments.map((each) => each.text)).toEqual([HEADER]);
    }
  });
});

describe('what is no message', () => {
  it.each([
    ['', 'hl7v2-no-msh'],
    ['PID|1', 'hl7v2-no-msh'],
    ['hello', 'hl7v2-no-msh'],
    ['{"resourceType":"Patient"}', 'hl7v2-no-msh'],
    ['FHS|^~\\&|x', 'hl7v2-batch'],
    ['BHS|^~\\&|x', 'hl7v2-batch'],
    [`${HEADER}\r${HEADER}`, 'hl7v2-several-messages'],
    [`${HEADER}\rBTS|1`, undefined],
  ])('is refused with its reason: %j', (text, code) => {
    const result = parseMessage(Buffer.from(text));
    expect(result.ok ? undefined : result.problems[0]?.code).toBe(code);
  });

  it('warns of header fields that are missing', () => {
    expect(parseMessage(Buffer.from('MSH|^~\\&|A')).problems.map((each) => each.at)).toEqual(['MSH-9', 'MSH-10', 'MSH-12']);
    expect(codes(Buffer.from('MSH|^~\\&|||||||ADT^A01|1|P|5.0.0'))).toEqual(['hl7v2-version-unknown']);
    expect(codes(Buffer.from('MSH|^~\\&|||||||ADT^A01|1|P|2.9'))).toEqual(['hl7v2-version-newer']);
    expect(codes(Buffer.from('MSH|^~\\&|||||||ADT^A01|1|P|2.8.2'))).toEqual([]);
  });

  it('names its sender in the character set that it declares', () => {
    const named = (charset: string, encoding: BufferEncoding): unknown => {
      const header = readHeader(Buffer.from(`MSH|^~\\&|LABOR|MÜNCHEN|||1||ORU^R01|C77|P|2.5|||||DE|${charset}\rPID|1`, encoding));
      return [header?.segments[0]?.value(4), header?.charset];
    };
    expect(named('UNICODE UTF-8', 'utf8')).toEqual(['MÜNCHEN', 'utf-8']);
    expect(named('', 'utf8')).toEqual(['MÜNCHEN', 'utf-8']);
    expect(named('8859/1', 'latin1')).toEqual(['MÜNCHEN', 'iso-8859-1']);
    // What its own character set cannot read comes back as it was.
    expect(named('UNICODE UTF-8', 'latin1')).toEqual(['MÜNCHEN', 'iso-8859-1']);
    expect(named('8859/5', 'latin1')).not.toEqual(['MÜNCHEN', 'iso-8859-1']);
  });

  it('still gives its header for the answer', () => {
    const header = readHeader(Buffer.from('MSH|^~\\&|LAB|FAC|||1||ORU^R01|C77|P|2.4\rPID|||\xff', 'latin1'));
    expect([header?.controlId, header?.type, header?.segments.length]).toEqual(['C77', 'ORU', 1]);
    expect([readHeader(Buffer.from('GET / HTTP/1.1')), readHeader(new Uint8Array())]).toEqual([undefined, undefined]);
  });
});
