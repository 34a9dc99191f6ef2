/** The immunization queries of CDC's guide: Z34 (complete history) and Z44 (evaluated history and forecast), answered by Z31, Z32, Z33 and Z42. */
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { auditRecords } from '../../services/database/audit.ts';
import { parseMessage } from '../../services/hl7v2/parse.ts';
import { startHttp } from '../../services/http/server.ts';
import { resourcesBy } from '../../services/pipeline/query/search.ts';
import { adt, all, type QueryHouse, queryHouse, segment } from './query-house.ts';

let house: QueryHouse;

const vxu = (pid: string, orders: readonly string[]): string =>
  `MSH|^~\\&|ADT|F|||20260301080000||VXU^V04^VXU_V04|V${Math.random()}|P|2.5.1||||||UNICODE UTF-8\r${pid}\r${orders.join('\r')}\r`;

const CHILD = 'PID|1||C1^^^MRN^MR||Tot^Tim^Theo||20240105|M|||9 Elm^^Springfield^IL^62701||^PRN^PH^^^217^5550111';
const TWIN = 'PID|1||C2^^^MRN^MR||Tot^Tom||20240105|M|||9 Elm^^Springfield^IL^62701';

beforeAll(async () => {
  house = await queryHouse();
  await house.tell([
    vxu(CHILD, [
      'ORC|RE||IZ-1',
      'RXA|0|1|20240305||83^Hep A, ped/adol, 2 dose^CVX|0.5|mL^^UCUM||00^New immunization record^NIP001|7^Shot^Giver|^^^Clinic||||L0T|20250101|SKB^GSK^MVX|||CP|A',
      'RXR|IM^Intramuscular^HL70162|LT^Left Thigh^HL70163',
      'OBX|1|CE|64994-7^Vaccine funding program eligibility category^LN|1|V02^VFC eligible^HL70064||||||F|||20240305',
      'OBX|2|CE|30956-7^Vaccine type^LN|2|85^Hep A^CVX||||||F|||20240305',
      'ORC|RE||IZ-2',
      'RXA|0|1|20240405||110^DTaP-Hep B-IPV^CVX|999|||01^Historical^NIP001|||||||||||CP|A',
      'ORC|RE||IZ-3',
      'RXA|0|1|20240505||03^MMR^CVX|999||||||||||||00^Parental refusal^NIP002||RE|A',
    ]),
    adt('ADT', TWIN),
    adt('ADT', 'PID|1||C3^^^MRN^MR||Empty^Ed||20230101|M'),
  ]);
});
afterAll(async () => {
  await house[Symbol.asyncDispose]();
});

/** QPD of Z34 or Z44. */
function qpd(
  name: string,
  { id = '', person = '', born = '', sex = '' }: { id?: string; person?: string; born?: string; sex?: string },
): string {
  const said = name === 'Z34' ? 'Request Immunization History' : 'Request Evaluated History and Forecast';
  return `QPD|${name}^${said}^CDCPHINVS|37374859|${id}|${person}||${born}|${sex}`;
}

const ask = (name: string, who: Parameters<typeof qpd>[1], rcp = 'RCP|I|5^RD&records&HL70126'): Promise<readonly string[]> =>
  house.ask('QBP^Q11^QBP_Q11', [qpd(name, who), rcp], { version: '2.5.1', tail: `|||ER|AL|||||${name}^CDCPHINVS` });

/** Writes a resource as a FHIR client does. */
async function put(resource: { readonly resourceType: string; readonly id: string; readonly [name: string]: unknown }): Promise<void> {
  const settings = {
    host: '127.0.0.1',
    port: 0,
    tls: undefined,
    maxBodyBytes: 2_000_000,
    maxMessageBytes: 1_000_000,
    verifyToken: undefined,
  };
  const door = await startHttp({ ...settings, version: 'test' }, house.parts, pino({ level: 'silent' }));
  const answer = await fetch(`${door.url}/fhir/R4/${resource.resourceType}/${resource.id}`, {
    method: 'PUT',
    body: JSON.stringify(resource),
    headers: { 'content-type': 'application/fhir+json' },
  });
  const said = await answer.text();
  await door.close();
  if (!answer.ok) throw new Error(said);
}

const profile = (lines: readonly string[]): string | undefined => lines[0]?.split('|')[20];

describe('Z34', () => {
  it('Z32: the history of the one who is surely meant, dose by dose with route, place and observations', async () => {
    const lines = await ask('Z34', { person: 'Tot^Tim^^^^^L', born: '20240105', sex: 'M' });
    expect([profile(lines), segment(lines, 'MSA'), segment(lines, 'QAK')]).toEqual([
      'Z32^CDCPHINVS',
      `MSA|AA|${house.lastId()}`,
      'QAK|37374859|OK|Z34^Request Immunization History^CDCPHINVS|1|1|0',
    ]);
    expect(all(lines, 'PID')).toHaveLength(1);
    const doses = all(lines, 'RXA').map((each) => each.split('|'));
    expect(doses.map((each) => [each[3]?.slice(0, 8), each[5]?.split('^')[0], each[20]])).toEqual([
      ['20240305', '83', 'CP'],
      ['20240405', '110', 'CP'],
      ['20240505', '03', 'RE'],
    ]);
    expect(all(lines, 'ORC').map((each) => each.split('|')[3]?.split('^')[0])).toEqual(['IZ-1', 'IZ-2', 'IZ-3']);
    expect(segment(lines, 'RXR')).toMatch(/^RXR\|IM\^.*\|LT\^/);
    const results = all(lines, 'OBX').map((each) => each.split('|'));
    expect(results.map((each) => [each[1], each[3]?.split('^')[0], each[5]?.split('^')[0]])).toEqual([
      ['1', '64994-7', 'V02'],
      ['2', '30956-7', '85'],
    ]);
    const parsed = parseMessage(Buffer.from(`${lines.join('\r')}\r`));
    expect(parsed.ok && parsed.value.event).toBe('K11');
  });

  it('Z31: who could be meant, without any history', async () => {
    const lines = await ask('Z34', { person: 'Tot', born: '20240105' });
    expect([profile(lines), all(lines, 'PID').length, all(lines, 'RXA').length]).toEqual(['Z31^CDCPHINVS', 2, 0]);
    expect(segment(lines, 'QAK')?.split('|')[2]).toBe('OK');
  });

  it('Z33: nobody (NF), too many (TM), and what cannot be asked (AE)', async () => {
    const nobody = await ask('Z34', { person: 'Nobody^Nora', born: '19010101' });
    expect([profile(nobody), segment(nobody, 'QAK')?.split('|')[2], all(nobody, 'PID').length]).toEqual(['Z33^CDCPHINVS', 'NF', 0]);
    const many = await ask('Z34', { person: 'Tot', born: '20240105' }, 'RCP|I|1^RD&records&HL70126');
    expect([profile(many), segment(many, 'QAK')?.split('|')[2], all(many, 'PID').length]).toEqual(['Z33^CDCPHINVS', 'TM', 0]);
    expect(segment(many, 'ERR')).toContain('query-candidates');
    const none = await ask('Z34', {});
    expect([profile(none), segment(none, 'MSA')?.slice(0, 6), segment(none, 'QAK')?.split('|')[2]]).toEqual([
      'Z33^CDCPHINVS',
      'MSA|AE',
      'AE',
    ]);
    const unnamed = await house.ask('QBP^Q11^QBP_Q11', ['QPD||T|C1', 'RCP|I']);
    expect(segment(unnamed, 'ERR')).toMatch(/^ERR\|\|QPD\^1\^1\|.*query-incomplete/);
  });

  it('who has the number and another name is not surely meant', async () => {
    const lines = await ask('Z34', { id: 'C1^^^MRN^MR', person: 'Stranger^Sam', born: '19550303', sex: 'M' });
    expect([profile(lines), all(lines, 'RXA').length]).toEqual(['Z31^CDCPHINVS', 0]);
    const sure = await ask('Z34', { id: 'C1^^^MRN^MR', person: 'Tot^Tim', born: '20240105' });
    expect([profile(sure), all(sure, 'RXA').length]).toEqual(['Z32^CDCPHINVS', 3]);
  });

  it('says when nothing is recorded', async () => {
    const lines = await ask('Z34', { person: 'Empty^Ed', born: '20230101', sex: 'M' });
    expect([profile(lines), all(lines, 'RXA').length]).toEqual(['Z32^CDCPHINVS', 0]);
    expect(segment(lines, 'ERR')).toMatch(/query-nothing-recorded.*\|The answer says nothing of immunizations: none is recorded\.$/);
  });
});

describe('what is labelled as restricted', () => {
  it('is not told, a dose with a word of it, a person with none; who may ask for all is told all', async () => {
    const doses = ['ORC|RE||IZ-9', 'RXA|0|1|20240305||83^Hep A^CVX|0.5|mL', 'ORC|RE||IZ-10', 'RXA|0|1|20240405||03^MMR^CVX|0.5|mL'];
    await house.tell([
      vxu('PID|1||R1^^^MRN^MR||Open^Olga||20210101|F', doses),
      adt('ADT', 'PID|1||R2^^^MRN^MR||Secret^Sara||20210202|F', 'A28', 'PD1||||||||||||Y\r'),
      adt('ADT', 'PID|1||R3^^^MRN^MR||Known^Kim||20210303|F', 'A28', 'PD1||||||||||||N\r'),
    ]);
    const [dose] = await resourcesBy(house.parts, 'Immunization', [['identifier', 'IZ-9']], 1);
    if (dose?.id === undefined) throw new Error('the dose is not there');
    const meta = { security: [{ system: 'http://terminology.hl7.org/CodeSystem/v3-ActCode', code: 'HIV' }] };
    await put({ ...dose, id: dose.id, meta });
    const open = { person: 'Open^Olga', born: '20210101', sex: 'F' };
    const some = await ask('Z34', open);
    expect([profile(some), all(some, 'RXA').length, all(some, 'ORC').map((each) => each.split('|')[3])]).toEqual([
      'Z32^CDCPHINVS',
      1,
      ['IZ-10'],
    ]);
    expect(segment(some, 'ERR')).toMatch(
      /query-record-withheld.*\|1 recorded Immunization are labelled as restricted and were left out\.$/,
    );
    const asked = async (name: string, born: string, app: string): Promise<readonly (string | number | undefined)[]> => {
      const lines = await house.ask('QBP^Q22^QBP_Q21', [`QPD|IHE PDQ Query|T|@PID.5.1^${name}~@PID.7^${born}`, 'RCP|I'], { app });
      return [segment(lines, 'QAK')?.split('|')[2], all(lines, 'PID').length, all(lines, 'ERR').length];
    };
    expect(await asked('Secret', '20210202', 'ASK')).toEqual(['NF', 0, 0]);
    expect(await asked('Known', '20210303', 'ASK')).toEqual(['OK', 1, 0]);
    expect(await asked('Secret', '20210202', 'CHIEF')).toEqual(['OK', 1, 0]);
    const byNumber = await house.ask('QBP^Q23^QBP_Q21', ['QPD|Q23|T|R2^^^MRN', 'RCP|I']);
    expect(segment(byNumber, 'ERR')).toContain('query-identifier-unknown');
    const [look] = await auditRecords(house.house.database, { action: 'look.query', limit: 1 });
    expect(look?.detail).toMatchObject({ found: 0, patients: [], withheld: 1 });
    const whole = await house.ask('QBP^Q11^QBP_Q11', [qpd('Z34', open), 'RCP|I'], { app: 'CHIEF', version: '2.5.1' });
    expect(all(whole, 'RXA')).toHaveLength(2);
  });
});

describe('what HL7v2 cannot say', () => {
  it('a dose is left out as a whole and counted; of a person what tells nobody from another is named', async () => {
    await put({
      resourceType: 'Patient',
      id: 'odd',
      active: true,
      identifier: [{ system: 'urn:oid:1.2.3.9', value: 'ODD' }],
      name: [{ family: 'Odd', given: ['Olga'] }],
      birthDate: '2020-02-02',
      maritalStatus: { coding: [{ system: 'http://odd.example', code: 'ODD' }] },
      photo: [{ title: 'a picture' }],
    });
    const dose = (id: string, occurrence: object) =>
      put({
        resourceType: 'Immunization',
        id,
        status: 'completed',
        vaccineCode: { coding: [{ system: 'http://hl7.org/fhir/sid/cvx', code: '08' }] },
        patient: { reference: 'Patient/odd' },
        ...occurrence,
      });
    await dose('odd-1', { occurrenceDateTime: '2020-03-03' });
    await dose('odd-2', { occurrenceString: 'last spring' });
    await dose('odd-3', { occurrenceDateTime: '2020-04-03', status: 'entered-in-error' });
    const lines = await ask('Z34', { id: 'ODD^^^&1.2.3.9&ISO', person: 'Odd^Olga', born: '20200202' });
    expect([profile(lines), all(lines, 'RXA').map((each) => each.split('|')[3])]).toEqual(['Z32^CDCPHINVS', ['20200303']]);
    const told = all(lines, 'ERR').map((each) => each.split('|').slice(4, 6).join(' ').split('^')[0]);
    expect(told).toEqual(['W query-part-untold', 'W query-part-untold', 'W query-record-untold']);
    expect(all(lines, 'ERR').join()).toMatch(
      /answer PID-16.*Patient\.photo.*1 recorded Immunization cannot be told in HL7v2 and were left out: a time in words/,
    );
    expect(lines.join()).not.toContain('last spring');
  });
});

describe('Z44', () => {
  it('Z42: the history, and the forecast that somebody wrote; without one it says so', async () => {
    const without = await ask('Z44', { person: 'Tot^Tim', born: '20240105', sex: 'M' });
    expect([profile(without), all(without, 'RXA').length]).toEqual(['Z42^CDCPHINVS', 3]);
    expect(all(without, 'ERR').join()).toContain('The answer says nothing of a forecast');
    const [patient] = await house.house.database.query<{ readonly id: string }>(
      `SELECT r.id FROM fhir.resource r WHERE r.body LIKE '%"Tim"%' AND r.body LIKE '%"resourceType":"Patient"%'`,
    );
    const cvx = (code: string) => ({ coding: [{ system: 'http://hl7.org/fhir/sid/cvx', code }] });
    const due = (code: string, value: string) => ({ code: { coding: [{ system: 'http://loinc.org', code }] }, value });
    await put({
      resourceType: 'ImmunizationRecommendation',
      id: 'forecast',
      patient: { reference: `Patient/${patient?.id}` },
      date: '2026-05-01',
      recommendation: [
        {
          vaccineCode: [cvx('85')],
          forecastStatus: { coding: [{ system: 'http://terminology.hl7.org/CodeSystem/immunization-recommendation-status', code: 'due' }] },
          dateCriterion: [due('30980-7', '2026-07-01'), due('30981-5', '2026-06-01')],
          doseNumberPositiveInt: 2,
        },
      ],
    });
    const lines = await ask('Z44', { person: 'Tot^Tim', born: '20240105', sex: 'M' });
    const at = lines.findIndex((each) => each.startsWith('RXA|') && each.includes('|998^'));
    expect(lines[at]).toBe('RXA|0|1|20260501|20260501|998^no vaccine administered^CVX|999||||||||||||||NA');
    expect(lines.slice(at + 1).map((each) => each.split('|').slice(0, 6).join('|'))).toEqual([
      'OBX|1|CWE|30979-9^Vaccine due next^LN|1|85^^CVX',
      'OBX|2|CWE|59783-1^Status in immunization series^LN|1|due^^http://terminology.hl7.org/CodeSystem/immunization-recommendation-status',
      'OBX|3|DT|30980-7^^LN|1|20260701',
      'OBX|4|DT|30981-5^^LN|1|20260601',
      'OBX|5|NM|30973-2^Dose number in series^LN|1|2',
    ]);
    // A history is not asked for a forecast.
    expect((await ask('Z34', { person: 'Tot^Tim', born: '20240105', sex: 'M' })).join()).not.toContain('998^');
  });
});
