/** Many clients at once: no update is lost, what should be made once is made once, transactions are all or nothing. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { at, listAt, type TestDoor, testDoor } from './door.ts';

const WRITERS = 50;

let door: TestDoor;
beforeAll(async () => {
  door = await testDoor();
});
afterAll(() => door[Symbol.asyncDispose]());

const everyone = <T>(work: (writer: number) => Promise<T>): Promise<readonly T[]> =>
  Promise.all(Array.from({ length: WRITERS }, (_, writer) => work(writer)));
const countOf = async (search: string) => Number(at((await door.call('GET', `/${search}&_summary=count`)).body, 'total'));

describe('many writers of the same resources', () => {
  it('lose no update that goes by If-Match: every one is in the end there, in some order', async () => {
    for (const id of ['x', 'y']) await door.call('PUT', `/Patient/${id}`, { resourceType: 'Patient', id });
    const retries = await everyone(async (writer) => {
      const id = writer % 2 === 0 ? 'x' : 'y';
      for (let tries = 0; ; tries++) {
        const read = await door.call('GET', `/Patient/${id}`);
        const identifier = [...listAt(read.body, 'identifier'), { system: 'urn:w', value: String(writer) }];
        const headers = { 'if-match': read.headers.get('etag') ?? '' };
        const { status } = await door.call('PUT', `/Patient/${id}`, { resourceType: 'Patient', id, identifier }, headers);
        if (status === 200) return tries;
        expect(status).toBe(412);
      }
    });
    expect(retries.some((tries) => tries > 0)).toBe(true);
    const all = await Promise.all(['x', 'y'].map(async (id) => (await door.call('GET', `/Patient/${id}`)).body));
    expect(all.map((each) => at(each, 'meta', 'versionId'))).toEqual([String(WRITERS / 2 + 1), String(WRITERS / 2 + 1)]);
    const values = all.flatMap((each) => listAt(each, 'identifier').map((one) => Number(at(one, 'value'))));
    expect(values.toSorted((a, b) => a - b)).toEqual(Array.from({ length: WRITERS }, (_, writer) => writer));
  });

  it('lose no patch: each is applied to what the others made', async () => {
    await door.call('PUT', '/Patient/patched', {
      resourceType: 'Patient',
      id: 'patched',
      identifier: [{ system: 'urn:w', value: 'first' }],
    });
    const statuses = await everyone(async (writer) => {
      const patch = JSON.stringify([{ op: 'add', path: '/identifier/-', value: { system: 'urn:w', value: String(writer) } }]);
      return (await door.call('PATCH', '/Patient/patched', patch, { 'content-type': 'application/json-patch+json' })).status;
    });
    expect(new Set(statuses)).toEqual(new Set([200]));
    const { body } = await door.call('GET', '/Patient/patched');
    expect(new Set(listAt(body, 'identifier').map((each) => at(each, 'value'))).size).toBe(WRITERS + 1);
  });

  it('make one resource by the same conditional create, and by the same conditional update', async () => {
    const resource = { resourceType: 'Patient', identifier: [{ system: 'urn:once', value: '1' }] };
    const creates = await everyone(() => door.call('POST', '/Patient', resource, { 'if-none-exist': 'identifier=urn:once|1' }));
    expect(creates.filter(({ status }) => status === 201).length).toBe(1);
    expect(new Set(creates.map(({ body }) => at(body, 'id'))).size).toBe(1);
    const other = (writer: number) => ({
      resourceType: 'Patient',
      identifier: [{ system: 'urn:once', value: '2' }],
      multipleBirthInteger: writer,
    });
    const updates = await everyone((writer) => door.call('PUT', '/Patient?identifier=urn:once|2', other(writer)));
    expect(updates.filter(({ status }) => status === 201).length).toBe(1);
    expect([await countOf('Patient?identifier=urn:once|1'), await countOf('Patient?identifier=urn:once|2')]).toEqual([1, 1]);
  });

  it('see transactions whole or not at all, whether they are applied or refused', async () => {
    const bundle = (writer: number) => ({
      resourceType: 'Bundle',
      type: 'transaction',
      entry: [
        ...['left', 'right'].map((id) => ({
          resource: { resourceType: 'Patient', id, multipleBirthInteger: writer },
          request: { method: 'PUT', url: `Patient/${id}` },
        })),
        {
          resource: {
            resourceType: 'Observation',
            status: 'final',
            code: { text: 'x' },
            subject: { reference: writer % 5 === 0 ? 'Patient/nobody' : 'Patient/left' },
          },
          request: { method: 'POST', url: 'Observation' },
        },
      ],
    });
    let done = false;
    const torn: unknown[] = [];
    const watch = (async () => {
      while (!done) {
        const { body } = await door.call('GET', '/Patient?_id=left,right');
        const values = listAt(body, 'entry').map((each) => at(each, 'resource', 'multipleBirthInteger'));
        if (values.length === 1 || new Set(values).size > 1) torn.push(values);
      }
    })();
    const statuses = await everyone(async (writer) => (await door.call('POST', '', bundle(writer))).status);
    done = true;
    await watch;
    expect(torn).toEqual([]);
    expect(statuses.filter((status) => status === 422).length).toBe(WRITERS / 5);
    expect(statuses.filter((status) => status === 200).length).toBe((WRITERS * 4) / 5);
    expect(await countOf('Observation?code:text=x')).toBe((WRITERS * 4) / 5);
    const last = at((await door.call('GET', '/Patient/left')).body, 'multipleBirthInteger');
    expect(Number(last) % 5).not.toBe(0);
  });
});
