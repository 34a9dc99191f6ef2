import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { auditRecords } from '../../services/database/audit.ts';
import { receive } from '../../services/pipeline.ts';
import { at, listAt, type TestDoor, testDoor } from './door.ts';

const MSH = (control: string, type: string, facility = 'RIVERBEND') =>
  `MSH|^~\\&|REG|${facility}|POLY|HERE|20260301101500||${type}|${control}|P|2.5.1`;
const PID = 'PID|1||4711^^^RB^MR||Quellwasser^Rosalinde||19680117|F|||Geheimweg 3^^Linz';
const ADT = [MSH('A1', 'ADT^A04^ADT_A01'), 'EVN||20260301101500', PID, 'PV1|1|O|CLINIC^101^A'].join('\r');
const ORU = [
  MSH('O1', 'ORU^R01^ORU_R01'),
  PID,
  'OBR|1||F1|24331-1^Lipid panel^LN|||20260301093000|||||||||||||||20260301100000|||F',
  'OBX|1|NM|2093-3^Cholesterol^LN||187|mg/dL^mg/dL^UCUM|||||F|||20260301093000',
  'OBX|2|TX|8251-1^Note^LN||Rosalinde says she fell||||||F|||20260301093000',
].join('\r');
const BROKEN = [MSH('B1', 'ZZZ^Z99^ZZZ_Z99'), PID].join('\r');

let door: TestDoor;
const ids: Record<string, number> = {};
beforeAll(async () => {
  door = await testDoor();
  for (const [name, text] of Object.entries({ adt: ADT, oru: ORU, broken: BROKEN })) {
    await receive(door.parts, Buffer.from(text), 'http');
    const [row] = await door.database.query<{ id: number }>('SELECT max(id) AS id FROM journal.message');
    ids[name] = row?.id ?? 0;
  }
  await door.drain();
});
afterAll(async () => door?.[Symbol.asyncDispose]());

async function call(method: string, path: string, body?: unknown): Promise<{ status: number; body: unknown }> {
  const answer = await fetch(`${door.door.url}/admin${path}`, {
    method,
    ...(body === undefined ? {} : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
  });
  return { status: answer.status, body: await answer.json() };
}

describe('the doors of the messages pages', () => {
  it('count per source what was received and what became of it', async () => {
    const { body } = await call('GET', '/sources');
    const [source] = listAt(body, 'sources');
    expect(source).toMatchObject({ received: 3, applied: 2, parked: 1, refused: 0, duplicate: 0, waiting: 0 });
  });

  it('find by control id, patient, type, state and code, and say how far was looked', async () => {
    const found = async (filter: object) =>
      listAt((await call('POST', '/messages/search', filter)).body, 'messages').map((each) => at(each, 'controlId'));
    expect(await found({})).toEqual(['B1', 'O1', 'A1']);
    expect(await found({ controlId: 'O1' })).toEqual(['O1']);
    expect(await found({ patient: '4711^RB' })).toEqual(['B1', 'O1', 'A1']);
    expect(await found({ type: 'ADT' })).toEqual(['A1']);
    expect(await found({ status: 'parked' })).toEqual(['B1']);
    expect(await found({ status: 'parked', code: 'mapping-no-map' })).toEqual(['B1']);
    const none = (await call('POST', '/messages/search', { controlId: 'nothing' })).body;
    expect(none).toMatchObject({ messages: [], searched: 3, of: 3 });
    expect(at(none, 'before')).toBeUndefined();
  });

  it('page without repeating or skipping', async () => {
    const first = (await call('POST', '/messages/search', { limit: 2 })).body;
    expect(listAt(first, 'messages').map((each) => at(each, 'controlId'))).toEqual(['B1', 'O1']);
    const second = (await call('POST', '/messages/search', { limit: 2, before: at(first, 'before') })).body;
    expect(listAt(second, 'messages').map((each) => at(each, 'controlId'))).toEqual(['A1']);
    expect(at(second, 'before')).toBeUndefined();
  });

  it('show a message masked: nothing that tells who it is about', async () => {
    const text = JSON.stringify([await call('GET', `/messages/${ids['oru']}`), await call('GET', `/messages/${ids['adt']}`)]);
    for (const word of ['Quellwasser', 'Rosalinde', 'Geheimweg', '19680117', '1968', '4711', 'fell']) expect(text).not.toContain(word);
    expect(text).toContain('2093-3');
    expect(text).toContain('187');
  });

  it('link a field to what it became, an element to where it came from, a column to the element', async () => {
    const page = (await call('GET', `/messages/${ids['oru']}`)).body;
    const resources = listAt(page, 'resources');
    const cholesterol = resources.find((each) => JSON.stringify(each).includes('2093-3'));
    const value = listAt(cholesterol, 'elements').find((each) => at(each, 'path') === 'Observation.valueQuantity.value');
    expect(value).toMatchObject({ value: '187', sources: ['OBX-5'], rule: { file: expect.stringContaining('v2-to-fhir/') } });
    const measurement = listAt(cholesterol, 'rows').find((each) => at(each, 'table') === 'measurement');
    const column = listAt(measurement, 'columns').find((each) => at(each, 'name') === 'value_as_number');
    expect(column).toMatchObject({
      value: '187',
      read: expect.arrayContaining(['Observation.valueQuantity.value']),
      rule: { file: expect.stringContaining('fhir-to-omop/') },
    });
    const obx = listAt(page, 'text', 'segments').find((each) => at(each, 'label') === 'OBX');
    expect(listAt(obx, 'pieces')).toContainEqual({ text: '187', path: 'OBX-5' });
    expect(at(page, 'text', 'names', 'OBX-5', 'name')).toBe('Observation Value');
  });

  it('say that looking for what a message made took too long, which is not that it made nothing', async () => {
    const page = await door.database.transaction(async (tx) => {
      await tx.run('LOCK TABLE fhir.history IN ACCESS EXCLUSIVE MODE');
      return (await call('GET', `/messages/${ids['adt']}`)).body;
    });
    expect(page).toMatchObject({ status: 'applied', isMadeUnknown: true, resources: [] });
    expect((await call('GET', `/messages/${ids['adt']}`)).body).toMatchObject({ isMadeUnknown: false, areActsCut: false });
  });

  it('record who looked at a message, masked as it is, once in a while; and who looked for a patient, never for whom', async () => {
    expect((await call('POST', '/messages/search', { patient: '4711^RB', limit: 1 })).status).toBe(200);
    const [last] = await auditRecords(door.database, { action: 'look.messages', limit: 1 });
    expect([last?.target, last?.detail]).toEqual(['messages', { by: 'patient' }]);
    await call('GET', `/messages/${ids['oru']}`);
    await call('GET', `/messages/${ids['oru']}`);
    const target = `message/${ids['oru']}`;
    expect(await auditRecords(door.database, { action: 'look.message', target, limit: 100 })).toMatchObject([{ actor: 'local' }]);
  });

  it('reveal for a reason, and record who, what and why', async () => {
    expect((await call('POST', `/messages/${ids['adt']}/reveal`, { reason: ' ' })).status).toBe(400);
    const page = await call('POST', `/messages/${ids['adt']}/reveal`, { reason: 'the ward asked' });
    expect(JSON.stringify(page.body)).toContain('Quellwasser');
    const [entry] = await auditRecords(door.database, { action: 'message.reveal', limit: 1 });
    expect(entry).toMatchObject({ actor: 'local', target: `message/${ids['adt']}`, reason: 'the ward asked' });
  });

  it('group what is parked by cause, send an edited copy as a new entry, put a group back, skip one', async () => {
    const groups = listAt((await call('POST', '/messages/groups', {})).body, 'groups');
    expect(groups).toMatchObject([{ code: 'mapping-no-map', count: 1, sampleId: ids['broken'] }]);
    const edited = BROKEN.replace('ZZZ^Z99^ZZZ_Z99', 'ADT^A04^ADT_A01').replaceAll('\r', '\n');
    const sent = await call('POST', `/messages/${ids['broken']}/resend`, { reason: 'type was wrong', text: edited });
    await door.drain();
    expect((await call('GET', `/messages/${String(at(sent.body, 'id'))}`)).body).toMatchObject({ status: 'applied', type: 'ADT^A04' });
    const retried = await call('POST', '/messages/retry', { reason: 'new map', filter: { code: 'mapping-no-map' } });
    expect(retried.body).toEqual({ moved: 1 });
    await door.drain();
    expect((await call('POST', '/messages/retry', { reason: 'again', ids: [ids['adt']] })).status).toBe(409);
    expect((await call('POST', '/messages/skip', { reason: 'a test', ids: [ids['broken']] })).body).toEqual({ moved: 1 });
    const shown = (await call('GET', `/messages/${ids['broken']}`)).body;
    expect(shown).toMatchObject({
      status: 'refused',
      acts: [{ action: 'message.skip', actor: 'local', reason: 'a test' }, { action: 'message.resend' }],
    });
    const acts = await auditRecords(door.database, { action: 'message.', limit: 10 });
    expect(acts.map(({ action }) => action)).toEqual(['message.skip', 'message.retry', 'message.resend', 'message.reveal']);
    // Which ones they were, also of what a filter found.
    expect(acts.slice(0, 2).map(({ detail }) => detail)).toEqual(Array(2).fill({ count: 1, ids: String(ids['broken']) }));
  });

  it('refuse bodies that are none of theirs, by place and without repeating them', async () => {
    const answer = await call('POST', '/messages/search', { controlId: 12, patient: 'Quellwasser' });
    expect(answer.status).toBe(400);
    expect(JSON.stringify(answer.body)).toContain('controlId');
    expect(JSON.stringify(answer.body)).not.toContain('Quellwasser');
    expect((await call('GET', '/messages/no-number')).status).toBe(404);
    expect((await call('GET', '/messages/999999')).status).toBe(404);
  });
});
