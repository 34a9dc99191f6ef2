/** What is read of a query, and repeated in its answer. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { queryAnswer } from '../../services/hl7v2/acknowledge.ts';
import { askedPid, pidText } from '../../services/hl7v2/asked-person.ts';
import { escapeText } from '../../services/hl7v2/escape.ts';
import type { Message } from '../../services/hl7v2/message.ts';
import { parseMessage } from '../../services/hl7v2/parse.ts';
import { isQuery, readQuery } from '../../services/hl7v2/query.ts';
import { recoded } from '../../services/hl7v2/recode.ts';
import { parsed } from './samples.ts';

const MARKS = [...'|^~\\&#!$%*+/:;<=>?@'];
const delimiters = fc
  .shuffledSubarray(MARKS, { minLength: 5, maxLength: 5 })
  .map(([field = '', component = '', repetition = '', mark = '', subcomponent = '']) => ({
    field,
    component,
    repetition,
    escape: mark,
    subcomponent,
    truncation: '',
  }));
/** Values by repetition, component and subcomponent. */
const field = fc.array(
  fc.array(fc.array(fc.string({ unit: 'grapheme', maxLength: 8 }), { minLength: 1, maxLength: 3 }), { minLength: 1, maxLength: 3 }),
  {
    minLength: 1,
    maxLength: 3,
  },
);

const valuesOf = (message: Message, n: number, like: readonly (readonly (readonly string[])[])[]): unknown => {
  const qpd = message.segments.find((each) => each.name === 'QPD');
  return like.map((repetition, r) => repetition.map((component, c) => component.map((_, s) => qpd?.value(n, r + 1, c + 1, s + 1) ?? '')));
};

describe('a query that is repeated', () => {
  it('says the same with the standard delimiters, whatever its own were', () => {
    fc.assert(
      fc.property(delimiters, field, field, (d, third, fourth) => {
        const write = (each: readonly (readonly (readonly string[])[])[]): string =>
          each.map((r) => r.map((c) => c.map((s) => escapeText(s, d)).join(d.subcomponent)).join(d.component)).join(d.repetition);
        const head = [
          'MSH',
          `${d.component}${d.repetition}${d.escape}${d.subcomponent}`,
          'A',
          'B',
          '',
          '',
          '',
          '',
          `QBP${d.component}Q22`,
          '1',
          'P',
          '2.5',
          '',
          '',
          '',
          '',
          '',
          'UNICODE UTF-8',
        ];
        const text = `${head.join(d.field)}\r${['QPD', 'N', 'T', write(third), write(fourth)].join(d.field)}\r`;
        const message = parseMessage(Buffer.from(text));
        // Two quotes alone delete: they are no value of either.
        fc.pre(message.ok && ![...third, ...fourth].flat(2).includes('""'));
        if (!message.ok) return;
        const qpd = message.value.segments.find((each) => each.name === 'QPD');
        const again = parsed(`MSH|^~\\&|A|B|||1||QBP^Q22|1|P|2.5||||||UNICODE UTF-8\r${recoded(qpd?.text ?? '', message.value)}`);
        expect([valuesOf(again, 3, third), valuesOf(again, 4, fourth)]).toEqual([
          valuesOf(message.value, 3, third),
          valuesOf(message.value, 4, fourth),
        ]);
      }),
    );
  });

  it('stands whole in the answer: what is in it begins no segment', () => {
    const query = parsed('MSH|^~\\&|A|B|C|D|1||QBP^Q22|M|P|2.5\rQPD|N|T|@PID.5.1^X\\X0D\\PID\n/more|x\rRCP|I');
    const answer = queryAnswer(
      query,
      { code: 'AA', problems: [], controlId: '1', timestamp: new Date(0) },
      {
        type: 'RSP^K22^RSP_K21',
        profile: '',
        lines: query.segments.filter((each) => each.name === 'QPD').map((each) => recoded(each.text, query)),
      },
    );
    expect(parsed(Buffer.from(answer).toString()).segments.map((each) => each.name)).toEqual(['MSH', 'MSA', 'QPD']);
  });
});

describe('what is read of a query', () => {
  it('is its name, tag, limit and pointer; a message that tells is none', () => {
    const query = parsed('MSH|^~\\&|A|B|||1||QBP^Q22|1|P|2.5\rQPD|Q22^Find^L|T7|@PID.5.1^X\rRCP|I|7^RD|R^^L\rDSC|P1|I');
    const read = readQuery(query);
    expect(read.ok && { ...read.value, echo: read.value.echo.length }).toEqual({
      message: 'QBP^Q22',
      name: 'Q22',
      tag: 'T7',
      nameField: 'Q22^Find^L',
      limit: 7,
      pointer: 'P1',
      echo: 1,
      warnings: [],
    });
    expect(['QBP', 'QRY', 'QCN', 'RSP', 'ADT'].map((type) => isQuery({ type }))).toEqual([true, true, true, false, false]);
  });

  it('is the person as a PID: parameters and fields at their places, escaped again', () => {
    const query = parsed('MSH|^~\\&|A|B|||1||QBP^Q22|1|P|2.5\rQPD|N|T|@PID.5.1.1^A\\T\\B~@PID.3.4.2^1.2.3~@PID.3.1^7|X^Y~Z\rRCP|I');
    const pid = askedPid(query, [{ to: 'PID-11', from: 'QPD-4' }], 'QPD-3');
    expect(pidText(pid.fields)).toBe('PID|||7^^^&1.2.3||A\\T\\B||||||X^Y~Z');
    expect([...pid.places]).toEqual([
      [11, 'QPD-4[1]'],
      [5, 'QPD-3[1]'],
      [3, 'QPD-3[2]'],
    ]);
    expect(pid.problems).toEqual([]);
  });
});
