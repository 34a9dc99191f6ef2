import { describe, expect, it } from 'vitest';
import { splitBatch } from '../../services/hl7v2/batch.ts';
import { parseMessage } from '../../services/hl7v2/parse.ts';
import { fixture } from './samples.ts';

const ONE = 'MSH|^~\\&|A|B|||1||ADT^A08|1|P|2.4\rPID|1\r';
const TWO = 'MSH|^~\\&|A|B|||1||ADT^A08|2|P|2.4\rPID|2\r';

function split(text: string) {
  const result = splitBatch(Buffer.from(text, 'latin1'));
  const messages = result.ok ? result.value.map((each) => Buffer.from(each).toString('latin1')) : undefined;
  return { messages, problems: result.problems.map((each) => `${each.code.slice(6)} ${each.text}`) };
}

describe('files of messages', () => {
  it('hold one message, or one after the other', () => {
    expect(split(ONE)).toEqual({ messages: [ONE], problems: [] });
    expect(split(ONE + TWO)).toEqual({ messages: [ONE, TWO], problems: [] });
    expect(split(`${ONE}\r\n${TWO}`.replaceAll('\r', '\n')).messages?.length).toBe(2);
  });

  it('hold batches with counts', () => {
    const result = splitBatch(fixture('batch.hl7'));
    expect(result.problems).toEqual([]);
    expect(result.ok && result.value.map((each) => parseMessage(each).ok)).toEqual([true, true, true]);
    expect(split(`BHS|^~\\&|x\r${ONE}${TWO}BTS|2\r`)).toEqual({ messages: [ONE, TWO], problems: [] });
    expect(split(`FHS|^~\\&\rBHS|^~\\&\r${ONE}BTS|1\rBHS|^~\\&\r${TWO}BTS|1\rFTS|2\r`)).toEqual({ messages: [ONE, TWO], problems: [] });
    expect(split('BHS|^~\\&|x\rBTS|0\r')).toEqual({ messages: [], problems: [] });
  });

  it('tell when counts are wrong or trailers missing', () => {
    expect(split(`BHS|^~\\&\r${ONE}BTS|2\r`).problems).toEqual(['batch-count BTS says 2, but there are 1.']);
    expect(split(`FHS|^~\\&\rBHS|^~\\&\r${ONE}BTS|1\rFTS|7\r`).problems).toEqual(['batch-count FTS says 7, but there are 1.']);
    expect(split(`FHS|^~\\&\rBHS|^~\\&\r${ONE}`).problems.length).toBe(2);
    expect(split(`FHS|^~\\&\rBHS|^~\\&\r${ONE}FTS|1\r`).problems).toEqual(['batch-trailer BHS has no BTS: the file may have been cut.']);
    expect(split(`BHS|^~\\&\r${ONE}BTS|many\r`).problems.length).toBe(1);
    expect(split(`BHS|^~\\&\r${ONE}BTS\r`).problems).toEqual([]);
  });

  it('may be framed, marked and delimited in other ways', () => {
    expect(split(`\x0b${ONE}\x1c\r\x0b${TWO}\x1c\r`).messages?.map((each) => parseMessage(Buffer.from(each)).ok)).toEqual([true, true]);
    expect(split(`\xef\xbb\xbf${ONE}`).messages).toEqual([ONE]);
    expect(split('BHS!@%*$\rMSH!@%*$!A\rBTS!1\r')).toEqual({ messages: ['MSH!@%*$!A\r'], problems: [] });
    const wide = Buffer.from(`\ufeff${ONE}`, 'utf16le');
    expect(splitBatch(wide)).toMatchObject({ ok: true, value: [wide] });
  });

  it('lose no line silently', () => {
    expect(split(`some title\r${ONE}`)).toEqual({ messages: [ONE], problems: ['batch-junk 1 lines belong to no message of the batch.'] });
    expect(split(`BHS|^~\\&\rPID|lost\r${ONE}BTS|1\r`).problems.length).toBe(1);
    expect(split('hello').problems).toEqual(['no-msh The input does not start with an MSH segment.']);
    expect(split('').messages).toBeUndefined();
  });
});
