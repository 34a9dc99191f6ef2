/** Who may ask, how the answer goes out, and what is kept of a query: the same through MLLP and HTTP, whatever is sent. */
import { randomBytes } from 'node:crypto';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { chanceOf } from '../../scripts/simulator/chance.ts';
import { standardRules } from '../../services/config/rules.ts';
import { openSources, SourceBook } from '../../services/config/sources.ts';
import { auditRecords } from '../../services/database/audit.ts';
import { counts } from '../../services/database/journal/take.ts';
import { recordedRange } from '../../services/database/specs/plans.ts';
import { appliedEntries } from '../../services/database/specs/replay.ts';
import { parseMessage } from '../../services/hl7v2/parse.ts';
import { startHttp } from '../../services/http/server.ts';
import { erasePatients } from '../../services/pipeline/erase.ts';
import { messageText } from '../../services/pipeline/message/fields.ts';
import { type Parts, receive } from '../../services/pipeline.ts';
import { corpusFiles } from '../hl7v2/samples.ts';
import { adt, all, linesOf, type QueryHouse, queryHouse, segment, socketAnswers } from './query-house.ts';

let house: QueryHouse;
let parts: Parts;

beforeAll(async () => {
  house = await queryHouse();
  parts = house.parts;
  await house.tell([
    adt('ADT', 'PID|1||1^^^MRN^MR||Østergård^Åse||19700214|F'),
    adt('ADT', 'PID|1||2^^^MRN^MR||Pipe\\F\\Cap\\S\\Amp\\T\\^Back\\E\\slash||19720303|M'),
    adt('ADT', 'PID|1||3^^^MRN^MR||Gone^Soon||19750505|F'),
  ]);
});
afterAll(async () => {
  await house[Symbol.asyncDispose]();
});

const Q22 = 'QBP^Q22^QBP_Q21';
const byName = (name: string): readonly string[] => [`QPD|IHE PDQ Query|T|@PID.5.1^${name}`, 'RCP|I'];
const ofSource = async (source: string) => (await counts(house.house.database)).find((each) => each.source === source);
const lastLook = async () => (await auditRecords(house.house.database, { action: 'look.query', limit: 1 }))[0];

describe('a sender that may not ask', () => {
  it('is refused with a cure, over MLLP and HTTP; the query is kept, and nobody was looked for', async () => {
    const lines = await house.ask(Q22, byName('Gone'), { app: 'MUTE' });
    expect([segment(lines, 'MSA')?.slice(0, 6), segment(lines, 'QAK')]).toEqual(['MSA|AR', 'QAK|T|AR|IHE PDQ Query']);
    expect(segment(lines, 'ERR')).toMatch(/query-not-allowed\^Set "queries: allowed"/);
    expect(all(lines, 'PID')).toEqual([]);
    const http = await receive(parts, Buffer.from(house.query(Q22, byName('Gone'), { app: 'MUTE' })), 'http');
    expect([http.status, linesOf(Buffer.from(http.acknowledgement).toString())[1]?.slice(0, 6)]).toEqual([403, 'MSA|AR']);
    expect(await ofSource('mute')).toMatchObject({ received: 2, refused: 2, waiting: 0 });
    expect(await lastLook()).toMatchObject({ actor: 'source:mute', detail: { status: 'AR', found: 0, patients: [] } });
  });

  it('hears no more of a query that cannot be read than that it may not ask', async () => {
    const lines = await house.ask(Q22, ['RCP|I'], { app: 'MUTE' });
    expect(segment(lines, 'ERR')).toContain('query-not-allowed');
  });
});

describe('what is kept of a query', () => {
  it('is the query as it came, applied, and an entry of the audit log with whom it told of; never what was asked', async () => {
    const before = await ofSource('asker');
    await house.ask(Q22, byName('Gone'));
    expect(await ofSource('asker')).toMatchObject({ applied: (before?.applied ?? 0) + 1, waiting: 0 });
    const look = await lastLook();
    expect(look).toMatchObject({
      actor: 'source:asker',
      target: expect.stringMatching(/^message\/\d+$/),
      detail: { status: 'OK', found: 1 },
    });
    expect(JSON.stringify(look)).not.toMatch(/Gone|Soon/);
    const [row] = await house.house.database.query<{ readonly content: Uint8Array; readonly patient_keys: readonly string[] }>(
      'SELECT content, patient_keys FROM journal.message WHERE id = $1',
      [Number(look?.target.slice('message/'.length))],
    );
    expect(Buffer.from(row?.content ?? []).toString()).toContain('@PID.5.1^Gone');
    expect(row?.patient_keys).toContain('3^MRN');
  });

  it('changes nothing: no resource, no row, and nothing for a rebuild, a plan or a replay to do again', async () => {
    const state = async () => {
      const [row] = await house.house.database.query<{ readonly n: number }>(
        'SELECT (SELECT count(*) FROM fhir.resource) + (SELECT count(*) FROM fhir.history) + (SELECT count(*) FROM cdm.person) AS n',
      );
      return row?.n;
    };
    const before = await state();
    const range = await recordedRange(house.house.database, {});
    await house.ask(Q22, byName('Gone'));
    await house.tell([]);
    expect(await state()).toBe(before);
    expect(await recordedRange(house.house.database, {})).toMatchObject({ total: range.total });
    const applied = await house.house.database.snapshot(
      async (tx) => {
        const types: string[] = [];
        for await (const { message } of appliedEntries(tx)) types.push(message.messageType);
        return types;
      },
      { timeoutMs: 60_000 },
    );
    expect(new Set(applied)).toEqual(new Set(['ADT^A28']));
  });

  it('is answered again when it is sent again, by what is stored then', async () => {
    const text = house.query(Q22, byName('Later'), { id: 'SAME' });
    const [first] = await socketAnswers(house.port, [Buffer.from(text)], 1);
    expect(segment(linesOf(first), 'QAK')).toContain('|NF|');
    await house.tell([adt('ADT', 'PID|1||4^^^MRN^MR||Later^Comes||19800101|F')]);
    const [second] = await socketAnswers(house.port, [Buffer.from(text)], 1);
    expect(segment(linesOf(second), 'QAK')).toContain('|OK|');
    expect(await ofSource('asker')).toMatchObject({ duplicate: 0 });
  });

  it('goes with the patient who is erased; asked for again, they are nobody, and the question is not kept', async () => {
    await house.ask(Q22, byName('Gone'));
    await house.ask('QBP^Q21^QBP_Q21', ['QPD|Q21|T|3^^^MRN', 'RCP|I']);
    await erasePatients(parts, house.house.database, ['3^MRN'], 'asked for');
    const asked = await house.house.database.query<{ readonly content: Uint8Array }>(
      "SELECT content FROM journal.message WHERE message_type LIKE 'QBP%'",
    );
    const found = asked.filter(({ content }) => /@PID\.5\.1\^Gone|\|3\^\^\^MRN/.test(Buffer.from(content).toString()));
    // Refused ones looked for nobody: nothing says whom they named.
    expect(found.every(({ content }) => Buffer.from(content).toString().includes('|MUTE|'))).toBe(true);
    const lines = await house.ask('QBP^Q21^QBP_Q21', ['QPD|Q21|T|3^^^MRN', 'RCP|I']);
    expect(segment(lines, 'QAK')).toContain('|NF|');
    const [last] = await house.house.database.query<{ readonly content: Uint8Array; readonly patient_keys: readonly string[] }>(
      'SELECT content, patient_keys FROM journal.message ORDER BY id DESC LIMIT 1',
    );
    expect([last?.content.length, last?.patient_keys]).toEqual([0, []]);
  });
});

describe('what is asked and told', () => {
  it('says so when messages about whom it tells wait: what they say is not in the answer', async () => {
    await receive(parts, Buffer.from(adt('ADT', 'PID|1||2^^^MRN^MR||Changed^Name||19720303|M')), 'http');
    const lines = await house.ask('QBP^Q21^QBP_Q21', ['QPD|Q21|T|2^^^MRN', 'RCP|I']);
    expect([segment(lines, 'MSA')?.slice(0, 6), segment(lines, 'ERR')]).toEqual(['MSA|AA', expect.stringMatching(/\|W\|query-behind/)]);
    await house.tell([adt('ADT', 'PID|1||2^^^MRN^MR||Pipe\\F\\Cap\\S\\Amp\\T\\^Back\\E\\slash||19720303|M')]);
    const after = await house.ask('QBP^Q21^QBP_Q21', ['QPD|Q21|T|2^^^MRN', 'RCP|I']);
    expect(segment(after, 'ERR')).toBeUndefined();
  });

  it('is masked where messages are looked at', () => {
    for (const version of ['2.4', '2.5', '2.5.1', '2.8.2']) {
      const texts = [
        house.query(Q22, ['QPD|Z34^History|Tag7|1^^^MRN|Doe^Jane|Roe|19700101|F|Street 1', 'RCP|I', 'DSC|Secret'], { version }),
        house.query('QRY^A19', ['QRD|20260601|R|I|Tag7|||10^RD|1^Doe^Jane|DEM', 'QRF|H'], { version }),
      ];
      for (const text of texts) {
        const parsed = parseMessage(Buffer.from(text));
        const shown = parsed.ok
          ? messageText(parsed.value, false)
              .segments.flatMap(({ pieces }) => pieces.map((each) => each.text))
              .join('')
          : '';
        expect(shown).not.toMatch(/Doe|Jane|Roe|19700101|Street|Tag7|Secret|MRN/);
        expect(shown).toContain('MSH');
      }
    }
  });
});

describe('how the answer goes out', () => {
  it('enhanced mode: the accept acknowledgement when the query is kept, then the answer; each under its condition', async () => {
    const of = async (tail: string, count: number): Promise<readonly string[]> => {
      const answers = await socketAnswers(house.port, [Buffer.from(house.query(Q22, byName('Later'), { tail }))], count);
      return answers.map((each) => `${linesOf(each)[0]?.split('|')[8]?.slice(0, 3)} ${segment(linesOf(each), 'MSA')?.slice(4, 6)}`);
    };
    expect(await of('|||AL|AL', 2)).toEqual(['ACK CA', 'RSP AA']);
    expect(await of('|||NE|AL', 1)).toEqual(['RSP AA']);
    expect(await of('|||ER|AL', 1)).toEqual(['RSP AA']);
    expect(await of('|||AL|NE', 1)).toEqual(['ACK CA']);
  });

  it('over HTTP: 200 with the answer; what cannot be asked has its status', async () => {
    const settings = {
      host: '127.0.0.1',
      port: 0,
      tls: undefined,
      maxBodyBytes: 2_000_000,
      maxMessageBytes: 1_000_000,
      verifyToken: undefined,
    };
    const door = await startHttp({ ...settings, version: 'test' }, parts, pino({ level: 'silent' }));
    const post = (text: string): Promise<Response> =>
      fetch(`${door.url}/hl7v2`, { method: 'POST', body: text, headers: { 'content-type': 'x-application/hl7-v2+er7' } });
    const good = await post(house.query(Q22, byName('Later')));
    expect([good.status, segment(linesOf(await good.text()), 'QAK')]).toEqual([200, 'QAK|T|OK|IHE PDQ Query|1|1|0']);
    const bad = await post(house.query(Q22, byName('*')));
    expect([bad.status, segment(linesOf(await bad.text()), 'MSA')?.slice(0, 6)]).toEqual([422, 'MSA|AE']);
    await door.close();
  });

  it('in UTF-8 where the query\u2019s character set cannot write it, and MSH-18 says so', async () => {
    const ascii = await house.ask('QBP^Q21^QBP_Q21', ['QPD|Q21|T|1^^^MRN', 'RCP|I']);
    expect([ascii[0]?.split('|')[17], segment(ascii, 'PID')?.split('|')[5]]).toEqual(['UNICODE UTF-8', 'Østergård^Åse']);
    const latin = house.query('QBP^Q21^QBP_Q21', ['QPD|Q21|T|1^^^MRN', 'RCP|I'], { tail: '||||||8859/1' });
    const http = await receive(parts, Buffer.from(latin, 'latin1'), 'http');
    const text = Buffer.from(http.acknowledgement).toString('latin1');
    expect([text.split('|')[17]?.split('\r')[0], text.includes('Østergård^Åse')]).toEqual(['8859/1', true]);
  });

  it('repeats a query of other delimiters with the standard ones; what is stored cannot become a segment', async () => {
    const text = `MSH$%~\\&$ASK$F$HUB$H$20260601$$QBP%Q22%QBP_Q21$QX$P$2.5\rQPD$IHE PDQ Query$T|1$@PID.3.1%2\rRCP$I\r`;
    const lines = linesOf((await socketAnswers(house.port, [Buffer.from(text)], 1))[0]);
    expect(segment(lines, 'QPD')).toBe('QPD|IHE PDQ Query|T\\F\\1|@PID.3.1^2');
    expect(segment(lines, 'QAK')).toBe('QAK|T\\F\\1|OK|IHE PDQ Query|1|1|0');
    expect(segment(lines, 'PID')?.split('|')[5]).toBe('Pipe\\F\\Cap\\S\\Amp\\T\\^Back\\E\\slash');
  });

  it('a cancelled query (QCN^J01) is acknowledged: nothing of it is kept', async () => {
    const lines = await house.ask('QCN^J01^QCN_J01', ['QID|T|IHE PDQ Query']);
    expect([lines[0]?.split('|')[8], segment(lines, 'MSA')]).toEqual(['ACK^J01^ACK', `MSA|AA|${house.lastId()}`]);
  });
});

describe('hostile queries', () => {
  it('are answered or refused, one answer each, and the door lives', async () => {
    const random = chanceOf(11);
    const texts = [
      '@PID.5.1^Later',
      '4^^^MRN',
      '@PID.3.1^4~@PID.5.1^L*',
      '\\X00\\',
      '@PID.5.1^%_\\\'";--',
      '@PID.5.1^(a+)+$',
      `@PID.5.1^${'('.repeat(200)}`,
    ];
    const messages = Array.from({ length: 120 }, (_, n) => {
      const type = ['QBP^Q22^QBP_Q21', 'QBP^Q21', 'QBP^Q23', 'QBP^Q11', 'QRY^A19', 'QCN^J01'][random.below(6)] ?? '';
      const body = [
        `QPD|${['Z34', 'Q22', '', 'constructor', '__proto__'][random.below(5)]}|T|${texts[random.below(texts.length)]}`,
        `RCP|I|${random.below(3)}^RD`,
      ];
      const text = house.query(type, body, { id: `H${n}` });
      const bytes = Buffer.from(text);
      // Of every other one some letters of what it asks are others.
      const from = text.indexOf('QPD|') + 3;
      for (let i = 0; n % 2 === 1 && i < 6; i++) bytes[from + 1 + random.below(bytes.length - from - 1)] = 33 + random.below(93);
      return bytes;
    });
    const answers = await socketAnswers(house.port, messages, messages.length);
    expect(answers.map((each) => segment(linesOf(each), 'MSA')?.split('|')[2])).toEqual(messages.map((_, n) => `H${n}`));
    const codes = new Set(answers.map((each) => segment(linesOf(each), 'MSA')?.split('|')[1]));
    expect([...codes].every((code) => code === 'AA' || code === 'AE' || code === 'AR')).toBe(true);
    expect(
      segment(linesOf((await socketAnswers(house.port, [randomBytes(0), Buffer.from(house.query(Q22, byName('Later')))], 1))[0]), 'MSA'),
    ).toBeDefined();
    const lines = await house.ask(Q22, byName('Later'));
    expect(segment(lines, 'QAK')).toContain('|OK|');
  });
});

describe('queries of others', () => {
  const files = corpusFiles();

  it('are each answered with data, or refused with a code, as messages that can be read', async ({ skip }) => {
    if (files === undefined) return skip('no ../shared/corpus/hl7v2 beside this checkout');
    const rules = { ...standardRules({ timezone: 'UTC', authority: 'CITY' }), queries: 'allowed', processingIds: ['P', 'T', 'D'] } as const;
    const open: Parts = { ...parts, sources: new SourceBook(openSources(rules)) };
    const outcomes = new Map<string, string>();
    for (const { path, bytes } of files.filter((each) => /\|Q(BP|RY)\^/.test(Buffer.from(each.bytes).toString('latin1')))) {
      const { acknowledgement } = await receive(open, bytes, 'http');
      const answer = parseMessage(acknowledgement);
      const [msa, err] = answer.ok ? ['MSA', 'ERR'].map((name) => answer.value.segments.find((each) => each.name === name)) : [];
      const query = parseMessage(bytes);
      expect([path, msa?.value(2)]).toEqual([path, query.ok ? query.value.controlId : '']);
      outcomes.set(path.split('/').at(-1) ?? '', `${msa?.value(1)} ${err?.value(5) ?? ''}`.trim());
    }
    expect(Object.fromEntries(outcomes)).toMatchObject({
      'qbp_q11.hl7': 'AA',
      'qbp_q21.hl7': 'AA',
      'qry_a19.hl7': 'AA',
      'qbp_q13.hl7': 'AR query-unknown',
      'qbp_q15.hl7': 'AR query-unknown',
      'qbp_z73.hl7': 'AR query-unknown',
    });
  });
});
