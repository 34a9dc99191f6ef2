import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { validateResource } from '../../services/fhir/validation/validate.ts';
import { at, listAt, type TestDoor, testDoor } from './door.ts';

let door: TestDoor;
beforeAll(async () => {
  door = await testDoor();
});
afterAll(() => door[Symbol.asyncDispose]());

const patient = (id: string, city: string) => ({ resourceType: 'Patient', id, gender: 'female', address: [{ city }] });
const linkOf = (body: unknown, relation: string): string | undefined => {
  const url = at(
    listAt(body, 'link').find((each) => at(each, 'relation') === relation),
    'url',
  );
  return typeof url === 'string' ? url.slice(`${door.door.url}/fhir/R4`.length) : undefined;
};
const etags = (body: unknown) => listAt(body, 'entry').map((each) => at(each, 'response', 'etag'));

/** Walks the pages of a history; `between` happens after the first. */
async function walk(path: string, between = async () => {}): Promise<readonly unknown[]> {
  const entries: unknown[] = [];
  for (let next: string | undefined = path; next !== undefined; ) {
    const { status, body } = await door.call('GET', next);
    expect(status).toBe(200);
    if (entries.length === 0) await between();
    entries.push(...listAt(body, 'entry'));
    next = linkOf(body, 'next');
  }
  return entries;
}

describe('vread', () => {
  it('reads every version as it was, with its own ETag, and answers 304 to who has it', async () => {
    for (const city of ['Aachen', 'Bonn']) await door.call('PUT', '/Patient/vread', patient('vread', city));
    const first = await door.call('GET', '/Patient/vread/_history/1');
    expect([first.status, first.headers.get('etag'), at(first.body, 'address', 0, 'city')]).toEqual([200, 'W/"1"', 'Aachen']);
    expect(at(first.body, 'meta', 'versionId')).toBe('1');
    const second = await door.call('GET', '/Patient/vread/_history/2');
    expect([second.headers.get('etag'), at(second.body, 'address', 0, 'city')]).toEqual(['W/"2"', 'Bonn']);
    expect((await door.call('GET', '/Patient/vread/_history/2', undefined, { 'if-none-match': 'W/"2"' })).status).toBe(304);
  });

  it.each(['3', '0', '-1', 'abc', '1e0', '99999999999999999999', '01'])('answers 404 for version %s, which never was', async (vid) => {
    const { status, body } = await door.call('GET', `/Patient/vread/_history/${vid}`);
    expect([status, at(body, 'resourceType')]).toEqual([404, 'OperationOutcome']);
  });
});

describe('history', () => {
  it('shows every version of a resource, newest first, as a valid Bundle', async () => {
    for (const city of ['Aachen', 'Bonn', 'Celle']) await door.call('PUT', '/Patient/three', patient('three', city));
    const { status, body } = await door.call('GET', '/Patient/three/_history');
    expect([status, at(body, 'type'), at(body, 'total')]).toEqual([200, 'history', 3]);
    expect(etags(body)).toEqual(['W/"3"', 'W/"2"', 'W/"1"']);
    expect(listAt(body, 'entry').map((each) => at(each, 'resource', 'address', 0, 'city'))).toEqual(['Celle', 'Bonn', 'Aachen']);
    expect(listAt(body, 'entry').map((each) => at(each, 'request', 'method'))).toEqual(['PUT', 'PUT', 'POST']);
    expect(validateResource(JSON.parse(JSON.stringify(body)))).toEqual([]);
  });

  it('answers 404 for a resource that never was, and an unknown type', async () => {
    expect((await door.call('GET', '/Patient/nobody/_history')).status).toBe(404);
    expect((await door.call('GET', '/Potato/_history')).status).toBe(404);
  });

  it('keeps its pages while others write: nothing twice, nothing missed', async () => {
    for (let i = 1; i <= 7; i++) await door.call('PUT', '/Patient/paged', patient('paged', `City ${i}`));
    const entries = await walk('/Patient/paged/_history?_count=2', async () => {
      for (let i = 8; i <= 9; i++) await door.call('PUT', '/Patient/paged', patient('paged', `City ${i}`));
    });
    expect(entries.map((each) => at(each, 'response', 'etag'))).toEqual([7, 6, 5, 4, 3, 2, 1].map((n) => `W/"${n}"`));
    const type = await walk('/Patient/_history?_count=3', async () => {
      await door.call('PUT', '/Patient/paged', patient('paged', 'City 10'));
    });
    const names = type.map((each) => `${at(each, 'fullUrl')} ${at(each, 'response', 'etag')}`);
    expect(new Set(names).size).toBe(names.length);
    expect(names.filter((name) => name.includes('/paged '))).toHaveLength(9);
  });

  it('takes _since and _at', async () => {
    for (const city of ['Aachen', 'Bonn', 'Celle']) {
      await door.call('PUT', '/Patient/times', patient('times', city));
      await door.database.query('SELECT pg_sleep(0.01)');
    }
    const { body } = await door.call('GET', '/Patient/times/_history');
    const second = String(at(body, 'entry', 1, 'response', 'lastModified'));
    expect(etags((await door.call('GET', `/Patient/times/_history?_since=${encodeURIComponent(second)}`)).body)).toEqual([
      'W/"3"',
      'W/"2"',
    ]);
    expect(etags((await door.call('GET', `/Patient/times/_history?_at=${encodeURIComponent(second)}`)).body)).toEqual(['W/"2"']);
    expect(etags((await door.call('GET', '/Patient/times/_history?_at=2020')).body)).toEqual([]);
    expect(etags((await door.call('GET', '/Patient/times/_history?_since=2999-01-01T00:00:00Z')).body)).toEqual([]);
  });

  it('counts alone with _count=0', async () => {
    const { body } = await door.call('GET', '/Patient/three/_history?_count=0');
    expect([at(body, 'total'), listAt(body, 'entry')]).toEqual([3, []]);
  });

  it.each(['_count=many', '_since=yesterday', '_since=2026-01-01', '_at=ge2020', '_page=x', '_page=AAAA.5', '_sort=date', 'gender=male'])(
    'refuses %s',
    async (parameter) => {
      const { status, body } = await door.call('GET', `/Patient/three/_history?${parameter}`);
      expect([status, at(body, 'resourceType')]).toEqual([400, 'OperationOutcome']);
    },
  );

  it('has one of everything', async () => {
    await door.call('PUT', '/Organization/o', { resourceType: 'Organization', id: 'o', name: 'Clinic' });
    await door.call('PUT', '/Patient/last', patient('last', 'Dresden'));
    const urls = (await walk('/_history?_count=2')).map((each) => String(at(each, 'fullUrl')).split('/R4/')[1]);
    expect(urls.slice(0, 2)).toEqual(['Patient/last', 'Organization/o']);
    const [row] = await door.database.query<{ n: number }>(
      'SELECT (SELECT count(*) FROM fhir.resource) + (SELECT count(*) FROM fhir.history) AS n',
    );
    expect(urls).toHaveLength(row?.n ?? 0);
    expect((await walk('/Organization/_history')).map((each) => at(each, 'fullUrl'))).toEqual([`${door.door.url}/fhir/R4/Organization/o`]);
  });
});

describe('fifty writers on one resource', () => {
  it('lose no update: every write that was accepted is in a version of its own, in order', async () => {
    await door.call('PUT', '/Group/shared', group([]));
    const WRITERS = 50;
    const write = async (writer: string): Promise<number> => {
      for (;;) {
        const read = await door.call('GET', '/Group/shared');
        const members = listAt(read.body, 'identifier').map((each) => String(at(each, 'value')));
        const etag = read.headers.get('etag') ?? '';
        const answer = await door.call('PUT', '/Group/shared', group([...members, writer]), { 'if-match': etag });
        if (answer.status === 200) return Number(at(answer.body, 'meta', 'versionId'));
        expect(answer.status).toBe(412);
      }
    };
    const versions = await Promise.all(Array.from({ length: WRITERS }, (_, i) => write(`writer ${i}`)));
    expect(versions.toSorted((a, b) => a - b)).toEqual(Array.from({ length: WRITERS }, (_, i) => i + 2));
    const history = (await walk('/Group/shared/_history?_count=20')).map((each) => ({
      version: Number(at(each, 'resource', 'meta', 'versionId')),
      members: listAt(each, 'resource', 'identifier').map((member) => at(member, 'value')),
    }));
    expect(history.map((each) => each.version)).toEqual(Array.from({ length: WRITERS + 1 }, (_, i) => WRITERS + 1 - i));
    // Each version is the one before it and one writer more.
    for (const [i, newer] of history.slice(0, -1).entries()) expect(newer.members.slice(0, -1)).toEqual(history[i + 1]?.members);
    expect(new Set(history[0]?.members).size).toBe(WRITERS);
  });
});

const group = (members: readonly string[]) => ({
  resourceType: 'Group',
  id: 'shared',
  type: 'person',
  actual: true,
  ...(members.length === 0 ? {} : { identifier: members.map((value) => ({ system: 'urn:writer', value })) }),
});

describe('metadata', () => {
  it('says so', async () => {
    const { body } = await door.call('GET', '/metadata');
    const codes = (list: readonly unknown[]) => list.map((each) => at(each, 'code'));
    const own = listAt(body, 'rest', 0, 'resource').find((each) => at(each, 'type') === 'Patient');
    expect(codes(listAt(own, 'interaction'))).toEqual(expect.arrayContaining(['vread', 'history-instance', 'history-type']));
    expect(codes(listAt(body, 'rest', 0, 'interaction'))).toContain('history-system');
    expect(at(own, 'readHistory')).toBe(true);
  });
});
