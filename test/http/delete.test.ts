import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { deriveStale } from '../../services/database/derived/derived.ts';
import { resourceTypeOf } from '../../services/fhir/definitions.ts';
import { fixture } from '../parts.ts';
import { at, listAt, type TestDoor, testDoor } from './door.ts';

let door: TestDoor;
beforeAll(async () => {
  door = await testDoor();
});
afterAll(() => door[Symbol.asyncDispose]());

const patient = (id: string) => ({ resourceType: 'Patient', id, gender: 'female', birthDate: '1980-02-03', active: true });
const observation = (id: string, subject: string, day: string, more: object = {}) => ({
  resourceType: 'Observation',
  id,
  status: 'final',
  code: { coding: [{ system: 'http://loinc.org', code: '718-7' }] },
  subject: { reference: subject },
  effectiveDateTime: `${day}T10:00:00Z`,
  valueQuantity: { value: 13.5, unit: 'g/dL', system: 'http://unitsofmeasure.org', code: 'g/dL' },
  ...more,
});
const put = async (resource: { readonly resourceType: string; readonly id: string }) => {
  const answer = await door.call('PUT', `/${resource.resourceType}/${resource.id}`, resource);
  expect([resource.id, answer.status < 300]).toEqual([resource.id, true]);
  return answer;
};
const statusOf = async (method: string, path: string, headers?: Readonly<Record<string, string>>) =>
  (await door.call(method, path, undefined, headers)).status;
const bundle = (type: string, entry: readonly object[]) => door.call('POST', '', { resourceType: 'Bundle', type, entry });
const remove = (url: string, more: object = {}) => ({ request: { method: 'DELETE', url, ...more } });
const statuses = (body: unknown) => listAt(body, 'entry').map((each) => String(at(each, 'response', 'status')).slice(0, 3));

describe('delete', () => {
  it('leaves 410, nothing to be found, and a history that goes on when the resource comes back', async () => {
    await put(patient('d1'));
    const deleted = await door.call('DELETE', '/Patient/d1');
    expect([deleted.status, deleted.headers.get('etag')]).toEqual([204, 'W/"2"']);
    const read = await door.call('GET', '/Patient/d1');
    expect([read.status, at(read.body, 'resourceType')]).toEqual([410, 'OperationOutcome']);
    expect(listAt((await door.call('GET', '/Patient?_id=d1')).body, 'entry')).toEqual([]);
    expect(await statusOf('GET', '/Patient/d1/_history/1')).toBe(200);
    expect(await statusOf('GET', '/Patient/d1/_history/2')).toBe(410);
    const again = await put(patient('d1'));
    expect([again.status, again.headers.get('etag')]).toEqual([201, 'W/"3"']);
    expect(listAt((await door.call('GET', '/Patient?_id=d1')).body, 'entry')).toHaveLength(1);
    const { body } = await door.call('GET', '/Patient/d1/_history');
    expect(listAt(body, 'entry').map((each) => [at(each, 'request', 'method'), at(each, 'resource', 'meta', 'versionId')])).toEqual([
      ['PUT', '3'],
      ['DELETE', undefined],
      ['POST', '1'],
    ]);
  });

  it('is the same twice, and of what never was', async () => {
    await put(patient('d2'));
    await door.call('DELETE', '/Patient/d2');
    const second = await door.call('DELETE', '/Patient/d2');
    expect([second.status, second.headers.get('etag')]).toEqual([204, 'W/"2"']);
    const never = await door.call('DELETE', '/Patient/never');
    expect([never.status, never.headers.get('etag')]).toEqual([204, null]);
    expect(await statusOf('GET', '/Patient/never')).toBe(404);
    expect(await statusOf('DELETE', '/Potato/never')).toBe(404);
  });

  it('keeps to If-Match', async () => {
    await put(patient('d3'));
    expect(await statusOf('DELETE', '/Patient/d3', { 'if-match': 'W/"2"' })).toBe(412);
    expect(await statusOf('DELETE', '/Patient/d3', { 'if-match': 'three' })).toBe(400);
    expect(await statusOf('GET', '/Patient/d3')).toBe(200);
    expect(await statusOf('DELETE', '/Patient/d3', { 'if-match': 'W/"1"' })).toBe(204);
    expect(await statusOf('DELETE', '/Patient/d3', { 'if-match': 'W/"1"' })).toBe(412);
  });

  it('takes the CDM rows with it, and the observation period follows', async () => {
    await put(patient('cdm'));
    for (const [id, day] of [
      ['early', '2020-01-05'],
      ['late', '2020-03-05'],
    ] as const)
      await put(observation(id, 'Patient/cdm', day));
    const state = async () => {
      await deriveStale(door.database, { pullDate: '2026-06-01' });
      const [row] = await door.database.query<{ rows: number; start: string | null }>(
        `SELECT (SELECT count(*) FROM cdm.measurement m WHERE m.person_id = r.resource_key) AS rows,
                (SELECT min(observation_period_start_date)::text FROM cdm.observation_period o WHERE o.person_id = r.resource_key) AS start
         FROM fhir.resource r WHERE r.id = 'cdm'`,
      );
      return row;
    };
    expect(await state()).toEqual({ rows: 2, start: '2020-01-05' });
    expect(await statusOf('DELETE', '/Observation/early')).toBe(204);
    expect(await state()).toEqual({ rows: 1, start: '2020-03-05' });
    await put(observation('early', 'Patient/cdm', '2020-01-06'));
    expect(await state()).toEqual({ rows: 2, start: '2020-01-06' });
    for (const path of ['/Observation/early', '/Observation/late', '/Patient/cdm']) expect(await statusOf('DELETE', path)).toBe(204);
    expect(await state()).toEqual({ rows: 0, start: null });
    expect(await door.database.query("SELECT FROM cdm.person WHERE person_source_value LIKE '%cdm%'")).toEqual([]);
  });
});

describe('deleting and writing at once', () => {
  it('leaves one dense line of versions, no deletion of what is deleted, and a read that says what the newest says', async () => {
    const asked = Array.from({ length: 30 }, (_, i) =>
      i % 3 === 0
        ? door.call('DELETE', '/Patient/busy')
        : door.call('PUT', '/Patient/busy', { ...patient('busy'), name: [{ family: `N${i}` }] }),
    );
    const answers = await Promise.all(asked);
    expect(answers.filter(({ status }) => ![200, 201, 204].includes(status))).toEqual([]);
    const entries = listAt((await door.call('GET', '/Patient/busy/_history')).body, 'entry');
    expect(entries.map((each) => at(each, 'response', 'etag'))).toEqual(entries.map((_, i) => `W/"${entries.length - i}"`));
    const methods = entries.map((each) => String(at(each, 'request', 'method')));
    expect(methods.filter((method) => method !== 'DELETE')).toHaveLength(20);
    expect(methods.filter((method, i) => method === 'DELETE' && methods[i + 1] === 'DELETE')).toEqual([]);
    expect(await statusOf('GET', '/Patient/busy')).toBe(methods[0] === 'DELETE' ? 410 : 200);
  });
});

describe('what a message made', () => {
  const message = readFileSync(fixture('hl7v2', 'us-oru-r01-cbc.hl7'));
  const send = async (controlId: string, time?: string) => {
    const numbered = message.toString('latin1').replace(/^((?:[^|]*\|){9})[^|]*/, `$1${controlId}`);
    const bytes = Buffer.from(time === undefined ? numbered : numbered.replace(/^((?:[^|]*\|){6})[^|]*/, `$1${time}`), 'latin1');
    expect((await fetch(`${door.door.url}/hl7v2`, { method: 'POST', body: bytes })).status).toBe(200);
    await door.drain();
  };
  const rows = async () => (await door.database.query<{ n: number }>('SELECT count(*) AS n FROM cdm.measurement'))[0]?.n ?? 0;

  it('can be deleted whole; a message sent before that changes nothing, the next one sent brings it back in the next versions', async () => {
    const before = await rows();
    const known = new Set((await newest()).map((each) => each.url));
    await send('FIRST');
    const made = (await newest()).filter(({ url }) => !known.has(url));
    const added = (await rows()) - before;
    expect(added).toBeGreaterThan(0);
    const { status, body } = await bundle(
      'transaction',
      made.map(({ url }) => remove(url)),
    );
    expect([status, new Set(statuses(body))]).toEqual([200, new Set(['204'])]);
    expect(await rows()).toBe(before);
    await send('DELAYED');
    expect(await rows()).toBe(before);
    await send('SECOND', '20260901120000+0000');
    expect(await rows()).toBe(before + added);
    // The provenance of a message is its own: another message has another.
    for (const { url } of made.filter((each) => !each.url.startsWith('Provenance/')))
      expect((await door.call('GET', `/${url}`)).headers.get('etag')).toBe('W/"3"');
  });

  /** What is stored and not deleted. */
  async function newest(): Promise<readonly { readonly url: string }[]> {
    const rows = await door.database.query<{ type: number; id: string }>('SELECT type, id FROM fhir.resource WHERE NOT deleted');
    return rows.map(({ type, id }) => ({ url: `${resourceTypeOf(type)}/${id}` }));
  }
});

describe('what others refer to', () => {
  it('is not deleted: 409 says how many they are, and of what type', async () => {
    await put(patient('r1'));
    for (const id of ['r1a', 'r1b']) await put(observation(id, 'Patient/r1', '2020-01-05'));
    const { status, body } = await door.call('DELETE', '/Patient/r1');
    expect(status).toBe(409);
    expect(at(body, 'issue', 0, 'details', 'text')).toBe('The Patient cannot be deleted: 2 resources refer to it (Observation).');
    expect(await statusOf('GET', '/Patient/r1')).toBe(200);
    await door.call('DELETE', '/Observation/r1a');
    await put(observation('r1b', 'Patient/d1', '2020-01-05'));
    expect(await statusOf('DELETE', '/Patient/r1')).toBe(204);
  });

  it('is found in elements that no search looks at, of a version, in contained resources; a reference to oneself does not count', async () => {
    for (const id of ['dev1', 'dev2']) await put({ resourceType: 'Device', id });
    await put(patient('r2'));
    const contained = [{ resourceType: 'Specimen', id: 's', container: [{ additiveReference: { reference: 'Substance/sub' } }] }];
    await put({ resourceType: 'Substance', id: 'sub', code: { text: 'EDTA' } } as { resourceType: string; id: string });
    await put(
      observation('r2a', 'Patient/r2', '2020-01-05', { device: { reference: 'Device/dev1' }, contained, specimen: { reference: '#s' } }),
    );
    await put(observation('r2b', 'Patient/r2', '2020-01-05', { device: { reference: 'Device/dev2/_history/1' } }));
    expect([await statusOf('DELETE', '/Device/dev1'), await statusOf('DELETE', '/Device/dev2')]).toEqual([409, 409]);
    expect(await statusOf('DELETE', '/Substance/sub')).toBe(409);
    await put({ ...patient('self'), link: [{ other: { reference: 'Patient/self' }, type: 'seealso' }] } as never);
    expect(await statusOf('DELETE', '/Patient/self')).toBe(204);
  });

  it('goes together with what refers to it in one transaction, and not when something else comes to refer to it there', async () => {
    await put(patient('r3'));
    await put(observation('r3a', 'Patient/r3', '2020-01-05'));
    const late = observation('r3b', 'Patient/r3', '2020-01-05');
    const refused = await bundle('transaction', [
      remove('Patient/r3'),
      remove('Observation/r3a'),
      { resource: late, request: { method: 'PUT', url: 'Observation/r3b' } },
    ]);
    expect(refused.status).toBe(422);
    expect(await statusOf('GET', '/Observation/r3a')).toBe(200);
    const { status, body } = await bundle('transaction', [remove('Patient/r3'), remove('Observation/r3a')]);
    expect([status, statuses(body)]).toEqual([200, ['204', '204']]);
    expect([await statusOf('GET', '/Patient/r3'), await statusOf('GET', '/Observation/r3a')]).toEqual([410, 410]);
  });

  it('and whoever refers to it at the same moment: one of the two is refused, never both done', async () => {
    for (let round = 0; round < 12; round++) {
      const id = `race${round}`;
      await put(patient(id));
      const [written, deleted] = await Promise.all([
        door.call('PUT', `/Observation/${id}`, observation(id, `Patient/${id}`, '2020-01-05')),
        door.call('DELETE', `/Patient/${id}`),
      ]);
      expect([
        [201, 409],
        [422, 204],
      ]).toContainEqual([written.status, deleted.status]);
    }
  });
});

describe('DELETE in bundles', () => {
  it('does each entry of a batch for itself', async () => {
    await put(patient('b1'));
    await put(patient('b2'));
    await put(observation('b2a', 'Patient/b2', '2020-01-05'));
    const entries = [remove('Patient/b1'), remove('Patient/b1'), remove('Patient/b2'), remove('Patient/b1', { ifMatch: 'W/"9"' })];
    const { body } = await bundle('batch', [...entries, remove('Patient?identifier=urn:none|1'), remove('Patient')]);
    expect(statuses(body)).toEqual(['204', '204', '409', '412', '204', '400']);
    expect(at(body, 'entry', 0, 'response', 'etag')).toBe('W/"2"');
  });

  it('does all or none of a transaction, deletes first, and answers every entry in its place', async () => {
    await put({ ...patient('t1'), identifier: [{ system: 'urn:t', value: '1' }] } as never);
    await put(patient('t2'));
    await put(observation('t2a', 'Patient/t2', '2020-01-05'));
    const create = { resource: patient('t3'), request: { method: 'PUT', url: 'Patient/t3' } };
    const refused = await bundle('transaction', [create, remove('Patient/t1'), remove('Patient/t2')]);
    expect([refused.status, await statusOf('GET', '/Patient/t1'), await statusOf('GET', '/Patient/t3')]).toEqual([409, 200, 404]);
    expect(at(refused.body, 'issue', 0, 'expression')).toEqual(['Bundle.entry[2]']);
    // Deletes come first: the condition of the create finds nothing any more.
    const once = {
      resource: { resourceType: 'Patient', identifier: [{ system: 'urn:t', value: '1' }] },
      request: { method: 'POST', url: 'Patient', ifNoneExist: 'identifier=urn:t|1' },
    };
    const { status, body } = await bundle('transaction', [
      create,
      once,
      remove('Patient?identifier=urn:t|1'),
      remove('Patient?identifier=urn:t|9'),
    ]);
    expect([status, statuses(body)]).toEqual([200, ['201', '201', '204', '204']]);
    expect(await statusOf('GET', '/Patient/t1')).toBe(410);
  });
});

describe('conditional delete', () => {
  it('deletes the one match, nothing when there is none, and refuses several', async () => {
    for (const [id, value] of [
      ['c1', 'one'],
      ['c2', 'two'],
      ['c3', 'two'],
    ] as const)
      await put({ ...patient(id), identifier: [{ system: 'urn:c', value }] } as never);
    const several = await door.call('DELETE', '/Patient?identifier=urn:c|two');
    expect([several.status, at(several.body, 'issue', 0, 'code')]).toEqual([412, 'multiple-matches']);
    expect([await statusOf('DELETE', '/Patient?identifier=urn:c|one'), await statusOf('GET', '/Patient/c1')]).toEqual([204, 410]);
    expect(await statusOf('DELETE', '/Patient?identifier=urn:c|one')).toBe(204);
    expect([await statusOf('GET', '/Patient/c2'), await statusOf('GET', '/Patient/c3')]).toEqual([200, 200]);
  });

  it.each(['/Patient', '/Patient?', '/Patient?_count=1', '/Patient?_format=json', '/Patient?shoesize=43', '/Patient?gender:in=male'])(
    'refuses %s: no criterion, or one that is not known, would match others',
    async (path) => {
      expect(await statusOf('DELETE', path, { prefer: 'handling=lenient' })).toBe(400);
    },
  );

  it('keeps to If-Match', async () => {
    await put({ ...patient('c4'), identifier: [{ system: 'urn:c', value: 'four' }] } as never);
    expect(await statusOf('DELETE', '/Patient?identifier=urn:c|four', { 'if-match': 'W/"2"' })).toBe(412);
    expect(await statusOf('DELETE', '/Patient?identifier=urn:c|four', { 'if-match': 'W/"1"' })).toBe(204);
  });
});

describe('conditional update', () => {
  const of = (value: string, more: object = {}) => ({ resourceType: 'Patient', identifier: [{ system: 'urn:u', value }], ...more });

  it('creates when nothing matches, updates the one match, and refuses several', async () => {
    const created = await door.call('PUT', '/Patient?identifier=urn:u|1', of('1'));
    expect([created.status, created.headers.get('etag')]).toEqual([201, 'W/"1"']);
    const updated = await door.call('PUT', '/Patient?identifier=urn:u|1', of('1', { gender: 'male' }));
    expect([updated.status, updated.headers.get('etag'), at(updated.body, 'id')]).toEqual([200, 'W/"2"', at(created.body, 'id')]);
    await door.call('POST', '/Patient', of('1'));
    expect((await door.call('PUT', '/Patient?identifier=urn:u|1', of('1'))).status).toBe(412);
  });

  it('takes an id of the body for a new one, never over a resource that has it already, nor beside another match', async () => {
    const first = await door.call('PUT', '/Patient?identifier=urn:u|2', of('2', { id: 'u2' }));
    expect([first.status, at(first.body, 'id')]).toEqual([201, 'u2']);
    await put(patient('u3'));
    expect((await door.call('PUT', '/Patient?identifier=urn:u|3', of('3', { id: 'u3' }))).status).toBe(412);
    expect(at((await door.call('GET', '/Patient/u3')).body, 'identifier')).toBeUndefined();
    expect((await door.call('PUT', '/Patient?identifier=urn:u|2', of('2', { id: 'other' }))).status).toBe(400);
  });

  it('refuses a condition without criterion, and a stale If-Match', async () => {
    expect((await door.call('PUT', '/Patient', of('1'))).status).toBe(400);
    expect((await door.call('PUT', '/Patient?identifier=urn:u|2', of('2'), { 'if-match': 'W/"7"' })).status).toBe(412);
    expect((await door.call('PUT', '/Patient?identifier=urn:u|none', of('none'), { 'if-match': 'W/"1"' })).status).toBe(412);
  });

  it('makes one resource, however many ask at once', async () => {
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, i) => door.call('PUT', '/Patient?identifier=urn:u|many', of('many', { name: [{ family: `N${i}` }] }))),
    );
    expect(answers.map(({ status }) => status).toSorted()).toEqual([...Array.from({ length: 19 }, () => 200), 201]);
    expect(at((await door.call('GET', '/Patient?identifier=urn:u|many&_total=accurate')).body, 'total')).toBe(1);
    const ids = new Set(answers.map(({ body }) => at(body, 'id')));
    expect(ids.size).toBe(1);
    expect(at((await door.call('GET', `/Patient/${[...ids][0]}/_history`)).body, 'total')).toBe(20);
  });
});
