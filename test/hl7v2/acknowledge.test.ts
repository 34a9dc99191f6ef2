import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { problem } from '../../services/errors.ts';
import { acknowledgement } from '../../services/hl7v2/acknowledge.ts';
import { shallowKeys } from '../../services/hl7v2/keys.ts';
import { parseMessage } from '../../services/hl7v2/parse.ts';
import { fixture, parsed } from './samples.ts';

const timestamp = new Date('2026-03-02T14:15:16Z');
const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('utf8').replaceAll('\r', '\n');
const answer = (
  message: string,
  problems: Parameters<typeof problem>[] = [],
  code: 'AA' | 'AE' | 'AR' | 'CA' = problems.length > 0 ? 'AE' : 'AA',
) => text(acknowledgement(parsed(message), { code, problems: problems.map((each) => problem(...each)), controlId: 'ACK1', timestamp }));

describe('acknowledgement', () => {
  it('turns sender and receiver round and keeps version, processing id and character set', () => {
    const message = 'MSH|^~\\&|LAB^1.2^ISO|FAC|HIS|ROOM|20260302||ORU^R01^ORU_R01|M1|T|2.5.1||||||8859/1';
    expect(answer(message)).toBe(
      'MSH|^~\\&|HIS|ROOM|LAB^1.2^ISO|FAC|20260302141516+0000||ACK^R01^ACK|ACK1|T|2.5.1||||||8859/1\nMSA|AA|M1\n',
    );
    expect(answer('MSH|^~\\&|LAB|FAC|||1||ORU^R01|M1|P|2.3', [], 'CA')).toBe(
      'MSH|^~\\&|POLYSEME||LAB|FAC|20260302141516+0000||ACK^R01|ACK1|P|2.3\nMSA|CA|M1\n',
    );
  });

  it('says where and what in ERR from 2.5 on', () => {
    const lines = answer('MSH|^~\\&|A|B|||1||ADT^A08|M1|P|2.5.1', [
      ['hl7v2-escape-unknown', { count: 2 }, 'OBX[3]-5'],
      ['hl7v2-bytes-undecodable', { offset: 7, charset: 'utf-8' }, 'byte 7'],
    ]).split('\n');
    expect(lines[1]).toBe('MSA|AE|M1');
    expect(lines[2]?.split('|')).toMatchObject({ 1: '', 2: 'OBX^3^5', 3: '102^Data type error^HL70357', 4: 'W' });
    expect(lines[2]?.split('|')[5]).toMatch(/^hl7v2-escape-unknown\^.*\^L$/);
    expect(lines[3]?.split('|')).toMatchObject({ 2: '', 4: 'E', 7: 'byte 7', 8: 'The byte at offset 7 cannot be read as utf-8.' });
  });

  it('uses the older ERR and MSA-3 before 2.5', () => {
    const [, msa, err] = answer('MSH|^~\\&|A|B|||1||ADT^A08|M1|P|2.4', [['hl7v2-several-messages', {}, 'MSH[2]']], 'AR').split('\n');
    expect(msa).toBe('MSA|AR|M1|hl7v2-several-messages: The input holds a second message header.');
    expect(err).toBe('ERR|MSH^2^^100&Segment sequence error&HL70357');
  });

  it('speaks the delimiters of the message', () => {
    const lines = answer('MSH!@%*$!A!B!!!1!!ADT@A08!M*F*1!P!2.5', [
      ['hl7v2-segment-unexpected', { structure: 'A@B!C', segment: 'X', group: 'g' }, 'PID[1]-3[2].1'],
    ]).split('\n');
    expect(lines[0]).toMatch(/^MSH!@%\*\$!POLYSEME!!A!B!/);
    expect(lines[1]).toBe('MSA!AE!M*F*1');
    expect(lines[2]).toContain('!PID@1@3@2@1!100@Segment sequence error@HL70357!W!');
    expect(lines[2]).toContain('A*S*B*F*C has no place');
  });

  it('answers also what cannot be read', () => {
    const bytes = acknowledgement(undefined, { code: 'AR', problems: [problem('hl7v2-no-msh')], controlId: 'ACK1', timestamp });
    expect(text(bytes).split('\n').slice(0, 2)).toEqual(['MSH|^~\\&|POLYSEME||||20260302141516+0000||ACK|ACK1|P|2.5.1', 'MSA|AR']);
  });

  it('comes in the character set of the message', () => {
    const message = parsed(fixture('jp-adt-a08-update.hl7'));
    const bytes = acknowledgement(message, { code: 'AA', problems: [], controlId: 'ACK1', timestamp });
    expect(parsed(bytes).charset).toBe('iso-2022-jp');
    const wide = parsed(Buffer.from('\ufeffMSH|^~\\&|A|B|||1||ADT^A08|M1|P|2.5||||||UNICODE', 'utf16le'));
    expect(parsed(acknowledgement(wide, { code: 'AA', problems: [], controlId: 'ACK1', timestamp })).segments[1]?.value(2)).toBe('M1');
  });

  it('is a message itself, with the id of what it answers, whatever that is', () => {
    const word = fc.string({ unit: fc.constantFrom('a', '1', '^', '~', '\\', '&', 'é', '"', '\\F\\', ' '), maxLength: 10 });
    fc.assert(
      fc.property(word, word, fc.constantFrom('2.1', '2.3', '2.4', '2.5.1', '2.8', '', 'x'), word, (id, sender, version, place) => {
        const message = parsed(`MSH|^~\\&|${sender}|F|||1||ADT^A08|${id}|P|${version}||||||UNICODE UTF-8`);
        const problems = [problem('hl7v2-path', { path: place }, place)];
        const bytes = acknowledgement(message, { code: 'AE', problems, controlId: 'K', timestamp });
        const read = parseMessage(bytes);
        expect(read.ok && read.value.segments.map((each) => each.name)).toEqual(['MSH', 'MSA', 'ERR']);
        expect((read.ok && read.value.segments[1]?.raw(2)) ?? '').toBe(id);
        expect((read.ok && read.value.segments[0]?.raw(5)) ?? '').toBe(sender);
      }),
    );
  });

  it('is not begun anew by a line that belongs to the header of what it answers', () => {
    const odd = answer('MSH|^~\\&|A|B|||1||ADT^A08|M1|P|2.5\rP/D|1', []);
    expect(odd.split('\n').filter((each) => each !== '')).toHaveLength(2);
    expect(odd).toContain('|2.5\\X0A\\P/D');
  });

  it('stops at fifty errors', () => {
    const many = Array.from({ length: 80 }, (_, n) => problem('hl7v2-path', { path: 'x' }, `OBX[${n + 1}]-5`));
    const lines = text(
      acknowledgement(parsed('MSH|^~\\&|A|B|||1||ADT^A08|M1|P|2.5'), { code: 'AE', problems: many, controlId: 'K', timestamp }),
    )
      .trim()
      .split('\n');
    expect([lines.length, lines.at(-1)?.split('|')[8]]).toEqual([53, '30 more problems']);
  });
});

describe('shallow keys', () => {
  it('name the message, its sender and its patients', () => {
    expect(shallowKeys(parsed(fixture('pt-adt-a04-consulta.hl7')))).toEqual({
      controlId: '20260416084512001',
      messageType: 'ADT^A04',
      sendingApplication: 'GESCLIN',
      sendingFacility: 'HSCT',
      patientKeys: ['00417723^HSCT', '284917305^RNU', '12345678^MJ'],
    });
    expect(shallowKeys(parsed('MSH|^~\\&|A|B|||1||ADT^A40|1|P|2.4\nPID|||NEW^^^X\nMRG|OLD^^^X')).patientKeys).toEqual(['NEW^X', 'OLD^X']);
    expect(shallowKeys(parsed('MSH|^~\\&|A|B|||1||ADT^A08|1|P|2.4\nPID||77^^^&1.2.3&ISO|""')).patientKeys).toEqual(['77^1.2.3']);
    expect(shallowKeys(parsed('MSH|^~\\&|A|B|||1||QRY|1|P|2.2'))).toMatchObject({ patientKeys: [], messageType: 'QRY' });
  });
});
