/** Deleting records that are merged: one alone is refused with a cure, all of them together end the merge, and whoever comes back is a record of its own. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Problem } from '../../services/errors.ts';
import { endLostMerges } from '../../services/pipeline/apply/lost-merges.ts';
import { erasePatients } from '../../services/pipeline/erase.ts';
import { processNext, receive } from '../../services/pipeline.ts';
import { expectRebuildEqual } from '../database/omop-house.ts';
import { at, listAt, type TestDoor, testDoor } from './door.ts';

let door: TestDoor;
beforeAll(async () => {
  door = await testDoor();
});
afterAll(() => door[Symbol.asyncDispose]());

const given = (id: string, more: object = {}) => ({ resourceType: 'Patient', id, identifier: [{ system: 'urn:s', value: id }], ...more });
const died = { gender: 'female', birthDate: '1970-03-05', deceasedDateTime: '2025-03-01' };
const put = async (resource: ReturnType<typeof given>): Promise<void> => {
  expect((await door.call('PUT', `/Patient/${resource.id}`, resource)).status).toBeLessThan(300);
};
const merge = async (survivor: string, loser: string): Promise<void> => {
  const parameter = Object.entries({ 'source-patient': loser, 'target-patient': survivor }).map(([name, id]) => ({
    name,
    valueReference: { reference: `Patient/${id}` },
  }));
  expect((await door.call('POST', '/Patient/$merge', { resourceType: 'Parameters', parameter })).status).toBe(200);
};
const remove = (url: string) => ({ request: { method: 'DELETE', url } });
const bundle = (type: 'batch' | 'transaction', ...entry: readonly object[]) =>
  door.call('POST', '', { resourceType: 'Bundle', type, entry });
const codeOf = (body: unknown): unknown => at(body, 'issue', 0, 'details', 'coding', 0, 'code');
const refused = ({ status, body }: { readonly status: number; readonly body: unknown }) => [status, codeOf(body)];
async function stored(id: string): Promise<unknown> {
  const { status, body } = await door.call('GET', `/Patient/${id}`);
  const { meta: _meta, ...content } = Object(body);
  return status === 200 ? content : status;
}
/** Merges of records that hold. */
const standing = async (...ids: readonly string[]): Promise<number> =>
  (await door.database.query('SELECT FROM fhir.merge WHERE undone_at IS NULL AND loser = ANY ($1::text[])', [ids])).length;

it('is refused for one of them by every door, with what to do, and changes nothing', async () => {
  await put(given('a1'));
  await put(given('a2', died));
  await merge('a1', 'a2');
  const before = [await stored('a1'), await stored('a2')];
  const MERGED = [409, 'patient-merged'];
  for (const id of ['a1', 'a2']) {
    expect(refused(await door.call('DELETE', `/Patient/${id}`))).toEqual(MERGED);
    expect(refused(await door.call('DELETE', `/Patient?_id=${id}`))).toEqual(MERGED);
    expect(refused(await bundle('transaction', remove(`Patient/${id}`)))).toEqual(MERGED);
    const { body } = await bundle('batch', remove(`Patient/${id}`));
    expect([at(body, 'entry', 0, 'response', 'status'), codeOf(at(body, 'entry', 0, 'response', 'outcome'))]).toEqual([
      '409',
      'patient-merged',
    ]);
    expect(codeOf((await door.call('GET', `/Patient/${id}/$validate?mode=delete`)).body)).toBe('patient-merged');
    // Written together with the other as if nothing bound them: what it brought would stay.
    const other = id === 'a1' ? 'a2' : 'a1';
    const written = { request: { method: 'PUT', url: `Patient/${other}` }, resource: given(other) };
    expect(refused(await bundle('transaction', remove(`Patient/${id}`), written))).toEqual(MERGED);
  }
  expect([await stored('a1'), await stored('a2')]).toEqual(before);
  expect(await standing('a2')).toBe(1);
  await put(given('a2', died));
  expect((await door.call('DELETE', '/Patient/a2')).status).toBe(204);
  expect(await stored('a1')).toEqual(given('a1'));
});

it('of all of them together ends the merges of a chain: whoever comes back is a record of its own', async () => {
  await put(given('b1'));
  await put(given('b2'));
  await put(given('b3', died));
  await merge('b2', 'b3');
  await merge('b1', 'b2');
  expect(await stored('b1')).toMatchObject(died);
  expect(refused(await bundle('transaction', remove('Patient/b3'), remove('Patient/b2')))).toEqual([409, 'patient-merged']);
  expect(refused(await bundle('transaction', remove('Patient/b3'), remove('Patient/b1')))).toEqual([409, 'patient-merged']);
  expect((await bundle('transaction', remove('Patient/b1'), remove('Patient/b2'), remove('Patient/b3'))).status).toBe(200);
  expect(await standing('b2', 'b3')).toBe(0);
  for (const id of ['b3', 'b1', 'b2']) {
    await put(given(id, { active: true }));
    expect(await stored(id)).toEqual(given(id, { active: true }));
  }
  // Each can be merged anew, and deleted alone.
  await merge('b3', 'b1');
  expect(await stored('b1')).toMatchObject({ active: false, link: [{ other: { reference: 'Patient/b3' }, type: 'replaced-by' }] });
  expect((await door.call('DELETE', '/Patient/b2')).status).toBe(204);
  expect((await door.call('DELETE', '/Patient/b2')).status).toBe(204);
});

it('of both by an earlier version left their merge: it is ended when the store is opened, and who came back says no more that it is one', async () => {
  for (const [survivor, loser] of [
    ['l1', 'l2'],
    ['l3', 'l4'],
    ['l5', 'l6'],
  ] as const) {
    await put(given(survivor));
    await put(given(loser, died));
    await merge(survivor, loser);
    if (survivor === 'l5') continue;
    expect((await bundle('transaction', remove(`Patient/${survivor}`), remove(`Patient/${loser}`))).status).toBe(200);
  }
  // As it was left then.
  await door.database.run("UPDATE fhir.merge SET undone_at = NULL WHERE loser IN ('l2', 'l4')");
  await put(given('l3'));
  expect(await endLostMerges(door.parts, door.database)).toBe(2);
  expect([await standing('l2', 'l4'), await standing('l6'), await endLostMerges(door.parts, door.database)]).toEqual([0, 1, 0]);
  expect(await stored('l3')).toEqual(given('l3'));
  for (const id of ['l1', 'l2', 'l4']) {
    await put(given(id, { active: true }));
    expect(await stored(id)).toEqual(given(id, { active: true }));
  }
});

it('of all of them in a batch stays refused, entry by entry: each is a request of its own', async () => {
  await put(given('c1'));
  await put(given('c2'));
  await merge('c1', 'c2');
  const { body } = await bundle('batch', remove('Patient/c1'), remove('Patient/c2'));
  expect(listAt(body, 'entry').map((each) => at(each, 'response', 'status'))).toEqual(['409', '409']);
  expect(await standing('c2')).toBe(1);
});

const message = (event: string, control: string, time: string, number: string, ...more: readonly string[]): string =>
  [
    `MSH|^~\\&|ADT|GONEHOSP|P|H|${time}+0000||ADT^${event}^${event === 'A40' ? 'ADT_A39' : 'ADT_A01'}|${control}|P|2.5.1`,
    `EVN|${event}|${time}+0000`,
    `PID|1||${number}^^^GONEHOSP^MR||Some^Name||19800101|F`,
    ...more,
    '',
  ].join('\r');
/** Returns what became of the last message: its status and the codes told. */
async function tell(...all: readonly string[]): Promise<readonly string[]> {
  for (const each of all) await receive(door.parts, Buffer.from(each), 'mllp');
  // One that cannot be applied is tried as often as that takes.
  while ((await processNext(door.parts, 20)) > 0);
  const [row] = await door.database.query<{ status: string; problems: readonly Problem[] }>(
    'SELECT status, problems FROM journal.outcome ORDER BY message_id DESC LIMIT 1',
  );
  return [row?.status ?? '', ...(row?.problems ?? []).map(({ code }) => code)];
}
const idOf = async (number: string): Promise<string> => {
  const { body } = await door.call('GET', `/Patient?identifier=${number}`);
  const found = listAt(body, 'entry').find((each) =>
    listAt(each, 'resource', 'identifier').some((own) => at(own, 'value') === number && at(own, 'use') !== 'old'),
  );
  return String(at(found, 'resource', 'id'));
};

it('holds against messages that come late, and lets those that speak of a later time begin anew', async () => {
  const merged = (control: string) => message('A40', control, '20260102080000', 'G1', 'MRG|G2^^^GONEHOSP^MR');
  await tell(message('A04', 'c1', '20260101080000', 'G1'), message('A04', 'c2', '20260101080100', 'G2'), merged('c3'));
  const [survivor, loser] = [await idOf('G1'), await idOf('G2')];
  const { body } = await door.call('GET', `/Provenance?target=Patient/${survivor},Patient/${loser}&_count=100`);
  const tellers = listAt(body, 'entry').map((each) => remove(`Provenance/${at(each, 'resource', 'id')}`));
  expect((await bundle('transaction', ...tellers, remove(`Patient/${survivor}`), remove(`Patient/${loser}`))).status).toBe(200);
  expect(await standing(loser)).toBe(0);
  // They speak of a time before the deletion: nobody comes back.
  expect(await tell(message('A08', 'c4', '20260103080000', 'G2'))).toEqual(expect.arrayContaining(['applied', 'event-older-than-stored']));
  expect(await tell(merged('c5'))).toEqual(expect.arrayContaining(['parked', 'merge-no-patient']));
  expect([await stored(survivor), await stored(loser), await standing(loser)]).toEqual([410, 410, 0]);
  await tell(message('A08', 'c6', '20270101080000', 'G2'));
  expect(await stored(loser)).toMatchObject({ active: true, name: [{ family: 'Some' }] });
  expect(await stored(loser)).not.toHaveProperty('link');
  expect(await stored(survivor)).toBe(410);
  await expectRebuildEqual(door);
});

it('by erasure takes all of them, whichever is named', async () => {
  for (const [named, pair] of [
    ['d1', ['d1', 'd2']],
    ['q2', ['q1', 'q2']],
  ] as const) {
    const [survivor, loser] = pair;
    await put(given(survivor));
    await put(given(loser, died));
    await merge(survivor, loser);
    await erasePatients(door.parts, door.database, [`Patient/${named}`], 'asked for');
    expect([await stored(survivor), await stored(loser), await standing(loser)]).toEqual([404, 404, 0]);
  }
});
