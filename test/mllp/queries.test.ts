/** Queries through a live MLLP port: who is found by what, and what an answer looks like (HL7 v2 chapter 3.3.56 to 58, IHE ITI-9 and 21). */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseMessage } from '../../services/hl7v2/parse.ts';
import { type AskedAs, adt, all, type QueryHouse, queryHouse, segment } from './query-house.ts';

let house: QueryHouse;
const ask = (type: string, lines: readonly string[], as?: AskedAs): Promise<readonly string[]> => house.ask(type, lines, as);

const OID = '1.2.840.99.1';
const PEOPLE = [
  `PID|1||100^^^MRN^MR~A100^^^REG&${OID}&ISO^PI||Lund^Anna^Maria||19700214|F|||Main St 1^^Springfield^IL^62701^USA||(217)555-0100||||||123456789\rPD1||||77^Good^Doc\rNK1|1|Lund^Per|SPO|||`,
  'PID|1||101^^^MRN^MR||Lund^Bo||19720303|M|||Main St 1^^Springfield^IL^62701^USA',
  'PID|1||102^^^MRN^MR||Lundgren^Anna||19800101|F',
  'PID|1||103^^^MRN^MR||Müller^Jörg||19650505|M',
];

beforeAll(async () => {
  house = await queryHouse();
  await house.tell([
    ...PEOPLE.map((pid) => adt('ADT', pid)),
    adt('FAR', 'PID|1||100^^^MRN^MR||Other^Person||19550101|M'),
    adt('ADT', `${PEOPLE[1]}|||||||ACC7^^^MRN`, 'A01', 'PV1|1|I|W^1^1||||||||||||||||V7'),
    adt('FAR', 'PID|1||900^^^FARMRN^MR||Solo^Han||19550102|M'),
    // 102 was 202 before.
    adt('ADT', 'PID|1||202^^^MRN^MR||Lundgren^Ann||19800101|F'),
    adt('ADT', 'PID|1||102^^^MRN^MR||Lundgren^Anna||19800101|F', 'A40', 'MRG|202^^^MRN^MR\r'),
  ]);
});
afterAll(async () => {
  await house[Symbol.asyncDispose]();
});

const pdq = (parameters: string, rest = ''): string => `QPD|IHE PDQ Query|T1|${parameters}${rest}`;

describe('find candidates (Q22, IHE PDQ)', () => {
  it('is answered in the same connection: MSA, QAK with counts, QPD as it came, who agrees', async () => {
    const lines = await ask('QBP^Q22^QBP_Q21', [pdq('@PID.5.1.1^lund'), 'RCP|I']);
    const parsed = parseMessage(Buffer.from(lines.join('\r')));
    expect(parsed.ok && [parsed.value.type, parsed.value.event, parsed.value.structure, parsed.value.structureProblems]).toEqual([
      'RSP',
      'K22',
      'RSP_K21',
      [],
    ]);
    expect(lines[0]).toMatch(/^MSH\|\^~\\&\|HUB\|H\|ASK\|F\|\d{14}\+0000\|\|RSP\^K22\^RSP_K21\|[^|]+\|P\|2\.5$/);
    expect(lines.slice(1, 4)).toEqual([`MSA|AA|${house.lastId()}`, 'QAK|T1|OK|IHE PDQ Query|2|2|0', pdq('@PID.5.1.1^lund')]);
    expect(all(lines, 'PID').map((each) => each.split('|')[5])).toEqual(
      expect.arrayContaining([expect.stringContaining('Lund^Anna'), 'Lund^Bo']),
    );
    expect(lines.filter((each) => each.startsWith('NK1|'))).toEqual(['NK1|1|Lund^Per|SPO^^HL70063']);
    expect(all(lines, 'QRI')).toHaveLength(2);
  });

  it('asks every parameter at once, without regard to case and accents, with * at the end only', async () => {
    const named = async (parameters: string): Promise<readonly (string | undefined)[]> =>
      all(await ask('QBP^Q22^QBP_Q21', [pdq(parameters), 'RCP|I']), 'PID').map((each) => each.split('|')[5]);
    expect(await named('@PID.5.1^MULLER')).toEqual(['Müller^Jörg']);
    expect(await named('@PID.5.1^Lund*~@PID.5.2^Anna')).toHaveLength(2);
    expect(await named('@PID.5.1^Lund~@PID.5.2^Anna')).toHaveLength(1);
    expect(await named('@PID.5.1^Lund~@PID.7^1972')).toEqual(['Lund^Bo']);
    expect(await named('@PID.5.1^Lund~@PID.7^19720303~@PID.8^M')).toEqual(['Lund^Bo']);
    expect(await named('@PID.5.1^Lund~@PID.8^F~@PID.13.1^555-0100')).toHaveLength(1);
    expect(await named('@PID.11.3^springfield~@PID.11.5^62701')).toHaveLength(2);
    expect(await named('@PID.3.1^101')).toEqual(['Lund^Bo']);
    expect(await named(`@PID.3.1^A100~@PID.3.4.2^${OID}~@PID.3.4.3^ISO`)).toHaveLength(1);
    expect(await named('@PID.19^123456789')).toHaveLength(1);
    expect(await named('@PID.18.1^ACC7')).toEqual(['Lund^Bo']);
    expect(await named('@PID.18.1^ACC7~@PID.18.4^MRN~@PID.3.1^101')).toEqual(['Lund^Bo']);
    expect(await named('@PID.18.1^ACC7~@PID.5.2^Anna')).toEqual([]);
    expect(await named('@PID.18.1^V7')).toEqual([]);
    expect(await named('@PID.5.1^Lun')).toEqual([]);
  });

  it('pages by RCP-2 and the continuation pointer, each patient once, and refuses a pointer of another query', async () => {
    const parameters = '@PID.5.1^Lund*';
    const seen: string[] = [];
    let dsc: string | undefined;
    for (let page = 0; page < 3; page++) {
      const lines = await ask('QBP^Q22^QBP_Q21', [pdq(parameters), 'RCP|I|1^RD', ...(dsc === undefined ? [] : [dsc])]);
      expect(segment(lines, 'QAK')).toBe(`QAK|T1|OK|IHE PDQ Query|3|1|${2 - page}`);
      seen.push(...all(lines, 'PID').map((each) => each.split('|').slice(3, 6).join()));
      expect(all(lines, 'PID')[0]).toMatch(new RegExp(`^PID\\|${page + 1}\\|`));
      dsc = segment(lines, 'DSC');
      expect(dsc === undefined).toBe(page === 2);
      if (page === 0) {
        const wrong = await ask('QBP^Q22^QBP_Q21', [pdq('@PID.5.1^Lund'), 'RCP|I|1^RD', dsc ?? '']);
        expect([segment(wrong, 'QAK'), segment(wrong, 'ERR')]).toEqual([
          'QAK|T1|AE|IHE PDQ Query',
          expect.stringMatching(/^ERR\|\|DSC\^1\^1\|.*query-continuation/),
        ]);
      }
    }
    expect(new Set(seen).size).toBe(3);
  });

  it('tells numbers of the asked authorities only; an unknown authority is an error with its place', async () => {
    const of = (domains: string): Promise<readonly string[]> => ask('QBP^Q22^QBP_Q21', [pdq('@PID.5.1^Lund', `|||||${domains}`), 'RCP|I']);
    const some = await of(`^^^REG&${OID}&ISO`);
    expect(all(some, 'PID').map((each) => each.split('|')[3])).toEqual([`A100^^^REG&${OID}&ISO^PI`]);
    expect(segment(some, 'QAK')).toContain('|1|1|0');
    const none = await of(`^^^REG&${OID}&ISO~^^^NOBODY&1.2.3.4.5&ISO`);
    expect([segment(none, 'MSA'), segment(none, 'QAK')]).toEqual([`MSA|AE|${house.lastId()}`, 'QAK|T1|AE|IHE PDQ Query']);
    expect(segment(none, 'ERR')).toMatch(/^ERR\|\|QPD\^1\^8\^2\^4\|204\^.*query-domain-unknown/);
    expect(all(none, 'PID')).toEqual([]);
  });

  it('by a confidence finds who could be meant, not only who agrees', async () => {
    const lines = await ask('QBP^Q22^QBP_Q21', [
      'QPD|Q22^Find Candidates^HL7nnn|T2|@PID.5.1^Lundt~@PID.5.2^Bo~@PID.7^19720303|60',
      'RCP|I',
    ]);
    expect(all(lines, 'PID').map((each) => each.split('|')[5])).toEqual(['Lund^Bo']);
    expect(Number(segment(lines, 'QRI')?.split('|')[1])).toBeGreaterThan(60);
  });
});

describe('what a query cannot ask', () => {
  it.each([
    ['a parameter that is not looked at', ['QPD|N|T|@PID.26^USA', 'RCP|I'], 'query-parameter-unknown', 'QPD^1^3'],
    ['a parameter of another segment', ['QPD|N|T|@PID.5.1^Lund~@PV1.3^W', 'RCP|I'], 'query-parameter-unknown', 'QPD^1^3^2'],
    ['a parameter with a trick in it', ['QPD|N|T|@PID.5.1.1.1.1^Lund', 'RCP|I'], 'query-parameter-unknown', 'QPD^1^3'],
    ['the same one twice', ['QPD|N|T|@PID.5.1^Lund~@PID.5.1^Lund', 'RCP|I'], 'query-value', 'QPD^1^3^2'],
    ['nobody', ['QPD|N|T', 'RCP|I'], 'query-incomplete', 'QPD^1^3'],
    ['everybody', ['QPD|N|T|@PID.8^F', 'RCP|I'], 'query-too-broad', ''],
    ['a star', ['QPD|N|T|@PID.5.1^*', 'RCP|I'], 'query-value', 'QPD^1^3'],
    ['a star in the middle', ['QPD|N|T|@PID.5.1^L*d', 'RCP|I'], 'query-value', 'QPD^1^3'],
    ['a date that is none', ['QPD|N|T|@PID.7^19701399', 'RCP|I'], 'query-value', 'QPD^1^3'],
    ['a sex without a row', ['QPD|N|T|@PID.5.1^Lund~@PID.8^Q', 'RCP|I'], 'query-value', 'QPD^1^3^2'],
    ['later', ['QPD|N|T|@PID.5.1^Lund', 'RCP|D'], 'query-setting', 'RCP^1^1'],
    ['in characters', ['QPD|N|T|@PID.5.1^Lund', 'RCP|I|20^CH'], 'query-setting', 'RCP^1^2^^2'],
    ['none at all', ['QPD|N|T|@PID.5.1^Lund', 'RCP|I|0^RD'], 'query-value', 'RCP^1^2^^1'],
    ['in batches', ['QPD|N|T|@PID.5.1^Lund', 'RCP|I||B'], 'query-setting', 'RCP^1^3'],
    ['by another algorithm', ['QPD|N|T|@PID.5.1^Lund||MATCHWARE', 'RCP|I'], 'query-setting', 'QPD^1^5'],
    ['with a confidence of many', ['QPD|N|T|@PID.5.1^Lund|101', 'RCP|I'], 'query-value', 'QPD^1^4'],
    ['an account, and a confidence', ['QPD|N|T|@PID.18^7|50', 'RCP|I'], 'query-parameter-unknown', 'QPD^1^3'],
    ['without a QPD', ['RCP|I'], 'query-incomplete', 'QPD^1'],
    ['a very long name', [`QPD|N|T|@PID.5.1^${'L'.repeat(400)}`, 'RCP|I'], 'query-value', 'QPD^1^3'],
  ])('%s: AE with code and place, nobody is told', async (_what, lines, code, place) => {
    const answer = await ask('QBP^Q22^QBP_Q21', lines);
    expect(segment(answer, 'MSA')).toBe(`MSA|AE|${house.lastId()}`);
    expect(segment(answer, 'ERR')?.split('|').slice(2, 3)).toEqual([place]);
    expect(segment(answer, 'ERR')).toContain(code);
    expect(all(answer, 'PID')).toEqual([]);
    expect(segment(answer, 'QAK')).toMatch(/^QAK\|T?\|AE/);
    // What was asked for stands in QPD alone.
    expect(answer.filter((each) => !each.startsWith('QPD')).join()).not.toMatch(/Lund|1970/);
  });

  it('what no map answers: AR with code', async () => {
    for (const [type, lines] of [
      ['QBP^Q13^QBP_Q13', ['QPD|Tabular|T|@PID.5.1^Lund', 'RDF|1|PID.3^ID^ST', 'RCP|I']],
      ['QBP^Q11^QBP_Q11', ['QPD|Z99^What?|T|@PID.5.1^Lund', 'RCP|I']],
      ['QSB^Q16^QSB_Q16', ['QPD|Q16|T', 'RCP|I']],
    ] as const) {
      const answer = await ask(type, lines);
      expect([segment(answer, 'MSA'), answer[0]?.split('|')[8]?.slice(0, 3)]).toEqual([`MSA|AR|${house.lastId()}`, 'ACK']);
      expect(segment(answer, 'ERR')).toContain('query-unknown');
    }
  });
});

const FAMILY_OF = { MRN: 'MRN&urn:polyseme:CITY:MRN&URI', REG: `REG&${OID}&ISO` } as const;

describe('demographics (Q21) and corresponding identifiers (Q23, IHE PIX)', () => {
  it('Q21: the one patient with the number', async () => {
    const lines = await ask('QBP^Q21^QBP_Q21', ['QPD|Q21^Get Person Demographics^HL70471|T|101^^^MRN', 'RCP|I']);
    expect(lines[0]).toContain('|RSP^K21^RSP_K21|');
    expect(segment(lines, 'QAK')).toBe('QAK|T|OK|Q21^Get Person Demographics^HL70471|1|1|0');
    expect(segment(lines, 'PID')).toMatch(/^PID\|1\|\|101\^\^\^MRN.*\|Lund\^Bo\|\|19720303\|M/);
    expect(segment(lines, 'QRI')).toBe('QRI|100');
    const none = await ask('QBP^Q21^QBP_Q21', ['QPD|Q21^Get Person Demographics^HL70471|T|999^^^MRN', 'RCP|I']);
    expect([segment(none, 'MSA'), segment(none, 'QAK')?.split('|')[2]]).toEqual([`MSA|AA|${house.lastId()}`, 'NF']);
    const named = await ask('QBP^Q21^QBP_Q21', ['QPD|Q22^Find Candidates^HL70471|Q0001|@PID.5.1^Lund', 'RCP|I|10^RD']);
    expect([named[0]?.split('|')[8], all(named, 'PID').length]).toEqual(['RSP^K21^RSP_K21', 2]);
  });

  it('Q23: the other numbers, of the asked authorities; none is NF', async () => {
    const pix = (number: string, domains = ''): Promise<readonly string[]> =>
      ask('QBP^Q23^QBP_Q21', [`QPD|IHE PIX Query|T|${number}|${domains}`, 'RCP|I']);
    const others = await pix('100^^^MRN');
    expect(segment(others, 'PID')).toBe(`PID|||A100^^^${FAMILY_OF.REG}^PI~123456789^^^&http://hl7.org/fhir/sid/us-ssn&URI^SS||^^^^^^S`);
    expect(others[0]).toContain('|RSP^K23^RSP_K23|');
    const back = await pix(`A100^^^${FAMILY_OF.REG}`, '^^^MRN');
    expect(segment(back, 'PID')).toBe(`PID|||100^^^${FAMILY_OF.MRN}^MR||^^^^^^S`);
    const none = await pix('101^^^MRN', `^^^${FAMILY_OF.REG}`);
    expect([segment(none, 'MSA'), segment(none, 'QAK'), segment(none, 'PID')]).toEqual([
      `MSA|AA|${house.lastId()}`,
      'QAK|T|NF|IHE PIX Query|0|0|0',
      undefined,
    ]);
  });

  it('Q23: an unknown number, an unknown authority and a number of several patients are errors with their places', async () => {
    const fault = async (number: string, domains = '', app = 'ASK'): Promise<readonly (string | undefined)[]> => {
      const lines = await ask('QBP^Q23^QBP_Q21', [`QPD|IHE PIX Query|T|${number}|${domains}`, 'RCP|I'], { app });
      const [, , place, condition, , code] = segment(lines, 'ERR')?.split('|') ?? [];
      return [segment(lines, 'QAK')?.split('|')[2], place, condition?.split('^')[0], code?.split('^')[0]];
    };
    expect(await fault('999^^^MRN')).toEqual(['AE', 'QPD^1^3', '204', 'query-identifier-unknown']);
    expect(await fault('100^^^MRN', '^^^NOWHERE')).toEqual(['AE', 'QPD^1^4^^4', '204', 'query-domain-unknown']);
    expect(await fault('100^^^MRN', 'MRN')).toEqual(['AE', 'QPD^1^4^^4', '102', 'query-value']);
    // Two senders call an authority MRN: who is neither of them must say more.
    expect(await fault('100^^^MRN', '', 'OTHER')).toEqual(['AE', 'QPD^1^3', '205', 'query-domain-ambiguous']);
    expect(await fault('100')).toEqual(['AE', 'QPD^1^3', '205', 'query-identifier-ambiguous']);
  });

  it('a local authority named by the URN that an answer has is that one and no other', async () => {
    const named = async (number: string): Promise<string | undefined> =>
      segment(await ask('QBP^Q21^QBP_Q21', [`QPD|Q21|T|${number}^^^MRN&urn:polyseme:FAR:MRN&URI`, 'RCP|I']), 'PID')?.split('|')[5];
    expect([await named('100'), await named('101')]).toEqual(['Other^Person', undefined]);
  });

  it('a name of an authority that only one other sender uses is that sender\u2019s', async () => {
    const lines = await ask('QBP^Q21^QBP_Q21', ['QPD|Q21|T|900^^^FARMRN', 'RCP|I']);
    expect(segment(lines, 'PID')).toContain('|Solo^Han|');
  });

  it('who was merged is told as who they are now, by the old number too', async () => {
    for (const number of ['102', '202']) {
      const lines = await ask('QBP^Q21^QBP_Q21', [`QPD|Q21|T|${number}^^^MRN`, 'RCP|I']);
      expect([all(lines, 'PID').length, segment(lines, 'PID')?.split('|')[5]]).toEqual([1, 'Lundgren^Anna']);
    }
    const byName = await ask('QBP^Q22^QBP_Q21', [pdq('@PID.5.1^Lundgren'), 'RCP|I']);
    expect(all(byName, 'PID')).toHaveLength(1);
  });
});

describe('the patient query of the original mode (QRY^A19)', () => {
  it('by number or name, answered as ADR^A19', async () => {
    const a19 = (who: string, what = 'DEM'): Promise<readonly string[]> =>
      ask('QRY^A19', [`QRD|20260601|R|I|T9|||10^RD|${who}|${what}|ALL`], { version: '2.3' });
    const lines = await a19('101');
    expect(lines[0]).toMatch(/\|ADR\^A19\^ADR_A19\|.*\|2\.3$/);
    expect(lines.slice(1, 4)).toEqual([`MSA|AA|${house.lastId()}`, 'QAK|T9|OK||1|1|0', 'QRD|20260601|R|I|T9|||10^RD|101|DEM|ALL']);
    expect([segment(lines, 'PID')?.split('|')[5], segment(lines, 'PV1')]).toEqual(['Lund^Bo', 'PV1|1|N']);
    expect(all(await a19('^Lund^Anna'), 'PID')).toHaveLength(1);
    expect(all(await a19('@PID.3.1^101'), 'PID')).toHaveLength(1);
    const other = await a19('101', 'RES');
    expect([segment(other, 'MSA'), segment(other, 'ERR')]).toEqual([
      expect.stringMatching(/^MSA\|AE\|Q\d+\|query-setting/),
      expect.stringContaining('QRD^1^9'),
    ]);
  });
});
