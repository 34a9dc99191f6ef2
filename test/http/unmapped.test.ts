import { afterAll, beforeAll, expect, it } from 'vitest';
import { auditRecords } from '../../services/database/audit.ts';
import { createToken, verifyToken } from '../../services/database/tokens.ts';
import { at, listAt, type TestDoor, testDoor } from './door.ts';

const LAB = 'http://stmarys.example/tests';
const HEMOGLOBIN = 3000963;
let house: TestDoor;
const tokens: Record<string, string> = {};

beforeAll(async () => {
  house = await testDoor((token) => verifyToken(house.database, token));
  for (const name of ['Ann', 'Bob']) tokens[name] = (await createToken(house.database, name, ['author', 'approver'])).token;
  const entry = (resource: { resourceType: string; id: string }) => ({
    resource,
    request: { method: 'PUT', url: `${resource.resourceType}/${resource.id}` },
  });
  const result = (i: number) =>
    entry({
      resourceType: 'Observation',
      id: `o${i}`,
      ...{ status: 'final', subject: { reference: 'Patient/p' }, effectiveDateTime: '2024-05-01', valueInteger: i },
      ...{ code: { coding: [{ system: LAB, code: `T${i % 3}`, display: 'Hemoglobin' }] } },
    });
  const patient = entry({ resourceType: 'Patient', id: 'p', ...{ gender: 'male', birthDate: '1970-01-01' } });
  const bundle = { resourceType: 'Bundle', type: 'transaction', entry: [patient, ...[0, 1, 2, 3, 4].map(result)] };
  const { status } = await house.call('POST', '', bundle, { authorization: `Bearer ${tokens['Ann']}` });
  expect(status).toBe(200);
});
afterAll(() => house[Symbol.asyncDispose]());

async function call(path: string, body: unknown, who = 'Ann'): Promise<{ readonly status: number; readonly body: unknown }> {
  const answer = await fetch(`${house.door.url}/admin/unmapped${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${tokens[who]}` },
    body: JSON.stringify(body),
  });
  return { status: answer.status, body: await answer.json() };
}

it('lists page by page, previews, proposes, approves by a second person, and takes back', async () => {
  const first = await call('/list', { limit: 2 });
  expect(listAt(first.body, 'items').map((each) => [at(each, 'code'), at(each, 'count')])).toEqual([
    ['T0', 2],
    ['T1', 2],
  ]);
  const second = await call('/list', { limit: 2, after: at(first.body, 'next') });
  expect([listAt(second.body, 'items').map((each) => at(each, 'code')), at(second.body, 'next')]).toEqual([['T2'], undefined]);

  const answers = [{ system: LAB, code: 'T0', targets: [{ conceptId: HEMOGLOBIN }], reason: 'same' }];
  const preview = await call('/preview', { answers });
  expect([at(preview.body, 'carried', 'resources'), at(preview.body, 'changes', 'touched')]).toEqual([2, 2]);
  const proposed = await call('/answer', { answers, needsSecondPerson: true });
  expect(at(proposed.body, 'state')).toBe('proposed');
  const id = Number(listAt(proposed.body, 'ids')[0]);
  expect((await call(`/answers/${id}/approve`, {})).status).toBe(403);
  const approved = await call(`/answers/${id}/approve`, {}, 'Bob');
  expect([approved.status, at(approved.body, 'resources')]).toEqual([200, 2]);
  const history = await call('/answers', { code: 'T0' });
  expect(listAt(history.body, 'answers')[0]).toMatchObject({ author: 'Ann', approvedBy: 'Bob', state: 'in-force' });
  // Neither codings nor persons are lost from sight by an answer whose rows are made again later.
  const undone = await call('/undo/preview', { system: LAB, code: 'T0' });
  expect(at(undone.body, 'carried')).toMatchObject({ resources: 2, persons: 1, messages: 1 });
  const left = await fetch(`${house.door.url}/admin/unmapped/progress`, { headers: { authorization: `Bearer ${tokens['Ann']}` } });
  expect(await left.json()).toEqual({ left: 2 });
  expect((await call('/undo', { system: LAB, code: 'T0', reason: 'wrong' })).status).toBe(200);
  expect((await call('/undo', { system: LAB, code: 'T0', reason: 'wrong' })).status).toBe(404);
  // Each act is in the audit log, by number: a code may be free text about somebody.
  const acts = await auditRecords(house.database, { action: 'answer.', limit: 10 });
  expect(acts.map(({ actor, action, target, reason }) => [actor, action, target, reason])).toEqual([
    ['Ann', 'answer.undo', `answer/${id}`, 'wrong'],
    ['Bob', 'answer.approve', `answer/${id}`, ''],
    ['Ann', 'answer.propose', `answer/${id}`, expect.any(String)],
  ]);
  expect(acts.map(({ detail }) => detail)).toEqual([{}, {}, {}]);
});

it('tells of one code with its candidates, and counts rows that come, change and go', async () => {
  const one = await call('/item', { system: LAB, code: 'T1' });
  expect(one.body).toMatchObject({ code: 'T1', count: 2, persons: 1, kind: 'concept', sources: expect.any(Array) });
  expect((await call('/item', { system: LAB, code: 'gone' })).status).toBe(404);
  const preview = await call('/preview', { answers: [{ system: LAB, code: 'T1', targets: [{ conceptId: HEMOGLOBIN }] }] });
  // Without a concept the rows stand in observation; with one of the domain Measurement they stand there.
  const { added, changed, gone } = Object(at(preview.body, 'changes', 'rows'));
  expect([added + changed, gone + changed]).toEqual([2, 2]);
});

async function file(path: string, body: string, who = 'Ann'): Promise<{ readonly status: number; readonly body: unknown }> {
  const answer = await fetch(`${house.door.url}/admin/unmapped${path}`, {
    method: 'POST',
    headers: { 'content-type': 'text/csv', authorization: `Bearer ${tokens[who]}` },
    body,
  });
  return { status: answer.status, body: await answer.json() };
}

it("sends Usagi's file whole and takes it back, shown first, with the line of each fault", async () => {
  const answer = await fetch(`${house.door.url}/admin/unmapped/export`, {
    method: 'POST',
    headers: { authorization: `Bearer ${tokens['Ann']}` },
    body: '{"suggest":0}',
  });
  expect([answer.status, answer.headers.get('content-type'), answer.headers.get('x-codes')]).toEqual([
    200,
    'text/csv; charset=utf-8; header=present',
    '3',
  ]);
  const csv = await answer.text();
  const approved = csv
    .split('\n')
    .map((line) => (line.startsWith('T2,') ? line.replace(',UNCHECKED,', ',APPROVED,').replace(',0,Unmapped,', `,${HEMOGLOBIN},x,`) : line))
    .join('\n');
  const preview = await file('/import/preview', approved);
  expect(preview.body).toMatchObject({ codes: 1, same: 0, others: { UNCHECKED: 2 }, problems: [], preview: { carried: { resources: 1 } } });
  const wrong = await file('/import/preview', approved.replaceAll(String(HEMOGLOBIN), '999999999'));
  expect(wrong.body).toMatchObject({ problemCount: 1, problems: [{ code: 'answer-no-concept', at: 'line 4' }] });
  expect((await file('/import', approved.replaceAll(String(HEMOGLOBIN), '999999999'))).status).toBe(422);
  expect((await file('/import/preview', 'a,b\n1,2\n')).body).toMatchObject({ problems: [{ code: 'usagi-columns' }] });
  expect((await file('/import', approved, 'nobody')).status).toBe(401);
  // Whoever sends the file is its author: names in it approve nothing.
  const forged = approved.replace(/(,APPROVED,[^,]*),,/, '$1,Bob,');
  const proposed = await file('/import?secondPerson=true', forged);
  expect([proposed.status, at(proposed.body, 'state')]).toEqual([200, 'proposed']);
  const history = await call('/answers', { code: 'T2' });
  expect(listAt(history.body, 'answers')[0]).toMatchObject({ author: 'Ann', state: 'proposed', reason: expect.stringContaining('Bob') });
  expect(at(history.body, 'concepts', String(HEMOGLOBIN), 'concept_id')).toBe(HEMOGLOBIN);
  const again = await file('/import/preview', forged);
  expect(again.body).toMatchObject({ codes: 0, same: 1 });
  const id = Number(at(listAt(history.body, 'answers')[0], 'id'));
  expect((await call(`/answers/${id}/approve`, {})).status).toBe(403);
  expect((await call(`/answers/${id}/approve`, {}, 'Bob')).status).toBe(200);
  expect((await file('/import', forged)).body).toMatchObject({ ids: [], resources: 0 });
});

it('suggests what codes like it were answered with, and says so', async () => {
  const one = await call('/item', { system: LAB, code: 'T1' });
  const [best] = listAt(one.body, 'suggestions');
  expect([at(best, 'concept', 'concept_id'), at(best, 'reason')]).toEqual([
    HEMOGLOBIN,
    expect.stringContaining(`T2 (Hemoglobin) of ${LAB} was answered with it`),
  ]);
  expect(at(one.body, 'specimens')).toEqual([]);
});

it('refuses what is no answer, and who has no token', async () => {
  expect((await call('/answer', { answers: [{ system: LAB, code: 'T1', targets: [{ conceptId: 999_999_999 }] }] })).status).toBe(422);
  expect((await call('/answer', { answers: [] })).status).toBe(400);
  expect((await call('/list', { limit: 1_000_000 })).status).toBe(400);
  expect((await call('/list', {}, 'nobody')).status).toBe(401);
});

it('asks for a second person where the settings do, whatever who answers, imports or holds another token says', async () => {
  const own = await testDoor((token) => verifyToken(own.database, token), { fourEyes: { codes: true, publication: false } });
  await using _closing = own;
  const roles = ['author', 'approver'] as const;
  const ann = await createToken(own.database, 'ann', roles);
  const annAgain = await createToken(own.database, 'a laptop', roles, ' Ann ');
  const bob = await createToken(own.database, 'bob', roles);
  const post = async (path: string, { token }: { readonly token: string }, body: string, type = 'application/json') => {
    const headers = { 'content-type': type, authorization: `Bearer ${token}` };
    const answer = await fetch(`${own.door.url}/admin/unmapped${path}`, { method: 'POST', headers, body });
    const text = await answer.text();
    return {
      status: answer.status,
      text,
      body: type === 'application/json' && answer.ok && text.startsWith('{') ? JSON.parse(text) : text,
    };
  };
  const rules = await fetch(`${own.door.url}/admin/unmapped/rules`, { headers: { authorization: `Bearer ${ann.token}` } });
  expect(await rules.json()).toEqual({ needsSecondPerson: true });
  const answers = [{ system: LAB, code: 'T0', targets: [{ conceptId: HEMOGLOBIN }] }];
  const given = await post('/answer', ann, JSON.stringify({ answers, needsSecondPerson: false }));
  expect(at(given.body, 'state')).toBe('proposed');
  const [id] = listAt(given.body, 'ids');
  // Another token of hers is hers.
  expect((await post(`/answers/${id}/approve`, annAgain, '{}')).status).toBe(403);
  const columns = 'sourceCode,sourceName,sourceFrequency,mappingStatus,equivalence,statusSetBy,conceptId,mappingType,ADD_INFO:system';
  const csv = `${columns}\nT9,Hemoglobin,1,APPROVED,EQUAL,Bob,${HEMOGLOBIN},MAPS_TO,${LAB}\n`;
  const imported = await post('/import?secondPerson=false', annAgain, csv, 'text/csv');
  expect([imported.status, imported.text]).toEqual([200, expect.stringContaining('"proposed"')]);
  expect((await post(`/answers/${id}/approve`, bob, '{}')).status).toBe(200);
  const acts = await auditRecords(own.database, { action: 'answer.', limit: 10 });
  expect(acts.map(({ actor, action }) => [actor, action])).toEqual([
    ['bob', 'answer.approve'],
    ['ann', 'answer.propose'],
    ['ann', 'answer.propose'],
  ]);
  // Taking it back takes one person: the log says so.
  expect((await post('/undo', ann, JSON.stringify({ system: LAB, code: 'T0', reason: 'wrong' }))).status).toBe(200);
  const [undone] = await auditRecords(own.database, { action: 'answer.undo', limit: 1 });
  expect(undone).toMatchObject({ actor: 'ann', reason: 'wrong', detail: { secondPerson: expect.stringContaining('not asked') } });
  // Whoever takes the list along is known too.
  expect((await post('/export', bob, '{}')).status).toBe(200);
  expect((await auditRecords(own.database, { action: 'unmapped.export', limit: 1 }))[0]).toMatchObject({
    actor: 'bob',
    target: 'unmapped',
  });
});
