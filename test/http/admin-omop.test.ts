import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { auditRecords } from '../../services/database/audit.ts';
import { deriveStale } from '../../services/database/derived.ts';
import { receive } from '../../services/pipeline.ts';
import { at, listAt, type TestDoor, testDoor } from './door.ts';

const MSH = (control: string, type: string) => `MSH|^~\\&|LAB|RIVERBEND|POLY|HERE|20260301101500||${type}|${control}|P|2.5.1`;
const PID = 'PID|1||4711^^^RB^MR||Quellwasser^Rosalinde||19680117|F|||Geheimweg 3^^Linz';
const ORU = [
  MSH('O1', 'ORU^R01^ORU_R01'),
  PID,
  'OBR|1||F1|24331-1^Lipid panel^LN|||20260301093000|||||||||||||||20260301100000|||F',
  'OBX|1|NM|2093-3^Cholesterol^LN||187|mg/dL^mg/dL^UCUM|||||F|||20260301093000',
  'OBX|2|TX|8251-1^Note^LN||Rosalinde says she fell||||||F|||20260301093000',
].join('\r');

let door: TestDoor;
let measurement = 0;
let person = 0;
beforeAll(async () => {
  door = await testDoor();
  await receive(door.parts, Buffer.from(ORU), 'mllp');
  await door.drain();
  await deriveStale(door.database, { pullDate: '2026-06-01' });
  const [row] = await door.database.query<{ id: number; person_id: number }>(
    `SELECT measurement_id AS id, person_id FROM cdm.measurement WHERE value_as_number = 187`,
  );
  measurement = row?.id ?? 0;
  person = row?.person_id ?? 0;
});
afterAll(async () => door?.[Symbol.asyncDispose]());

async function call(method: string, path: string, body?: unknown): Promise<{ status: number; body: unknown; text: string }> {
  const answer = await fetch(`${door.door.url}/admin/omop${path}`, {
    method,
    ...(body === undefined ? {} : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
  });
  const text = await answer.text();
  return { status: answer.status, body: JSON.parse(text), text };
}
const column = (body: unknown, name: string): unknown => listAt(body, 'columns').find((each) => at(each, 'name') === name);

describe('a row explained over HTTP', () => {
  it('leads from each column to the rule, the element and the bytes of the message', async () => {
    const { status, body } = await call('GET', `/rows/measurement/${measurement}/explain`);
    expect(status).toBe(200);
    expect(at(body, 'resource')).toMatchObject({
      version: 1,
      spec: expect.stringMatching(/@.+#[0-9a-f]{16}/),
      rowSpec: expect.stringMatching(/@.+#sha256:/),
    });
    expect(at(body, 'message')).toMatchObject({ controlId: 'O1', type: 'ORU^R01' });
    const value = column(body, 'value_as_number');
    expect(value).toMatchObject({ value: '187', isMasked: false, rule: { file: 'fhir-to-omop/observation.yaml' } });
    const [element] = listAt(value, 'elements');
    expect(element).toMatchObject({ path: 'Observation.valueQuantity.value', value: '187', sources: [{ path: 'OBX[1]-5' }] });
    const bytes = at(element, 'sources', 0, 'bytes');
    expect(
      Buffer.from(ORU)
        .subarray(Number(at(bytes, 'from')), Number(at(bytes, 'to')))
        .toString(),
    ).toBe('187');
    expect(column(body, 'measurement_concept_id')).toMatchObject({
      concept: { concept_code: '2093-3', vocabulary_id: 'LOINC', standard_concept: 'S' },
    });
    expect(at(body, 'vocabulary', 'release')).not.toBe('none');
    expect(listAt(body, 'vocabulary', 'followed')).toContainEqual(expect.objectContaining({ relationship: 'Maps to' }));
  });

  it('masks who it is about until a reason is written down', async () => {
    const masked = await call('GET', `/rows/person/${person}/explain`);
    expect(column(masked.body, 'year_of_birth')).toMatchObject({ value: '•••', isMasked: true });
    expect(masked.text).not.toMatch(/1968|4711|Quellwasser|Rosalinde/);
    expect((await call('POST', `/rows/person/${person}/reveal`, { reason: ' ' })).status).toBe(400);
    const whole = await call('POST', `/rows/person/${person}/reveal`, { reason: 'asked by her doctor' });
    expect(column(whole.body, 'year_of_birth')).toMatchObject({ value: '1968', isMasked: false });
    const [entry] = await auditRecords(door.database, { action: 'row.reveal', limit: 1 });
    expect(entry).toMatchObject({ actor: 'local', target: `row/person/${person}`, reason: 'asked by her doctor' });
  });

  it('refuses tables and ids that there are not, by code', async () => {
    const refused = async (path: string) => {
      const { status, body } = await call('GET', path);
      return [status, at(body, 'issue', 0, 'details', 'coding', 0, 'code')];
    };
    expect(await refused('/rows/journal.message/1/explain')).toEqual([404, 'explain-unknown-table']);
    expect(await refused('/rows/measurement/1e3/explain')).toEqual([400, 'explain-id-malformed']);
    expect(await refused('/rows/measurement/1/explain')).toEqual([404, 'explain-no-row']);
  });
});
