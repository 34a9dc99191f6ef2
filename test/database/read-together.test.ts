import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Queryable } from '../../services/database/connect.ts';
import { readCurrent } from '../../services/database/resources/read-together.ts';
import { type TestDoor, testDoor } from '../http/door.ts';

let door: TestDoor;
beforeAll(async () => {
  door = await testDoor();
  for (let i = 0; i < 20; i++) await door.call('PUT', `/Patient/p${i}`, { resourceType: 'Patient', id: `p${i}` });
  await door.call('DELETE', '/Patient/p19');
});
afterAll(() => door[Symbol.asyncDispose]());

describe('reads that come together', () => {
  it('each get their own answer: found, deleted, never there, asked twice', async () => {
    const ids = [...Array.from({ length: 20 }, (_, i) => `p${i}`), 'none', 'p3', 'p3'];
    const found = await Promise.all(ids.map((id) => readCurrent(door.database, 'Patient', id)));
    expect(found.map((each) => each?.id)).toEqual(ids.map((id) => (id === 'none' ? undefined : id)));
    expect(found[19]).toMatchObject({ deleted: true, version: 2, body: '' });
    expect(found[3]?.body).toContain('"id":"p3"');
    expect(await readCurrent(door.database, 'Nothing', 'p1')).toBeUndefined();
    // The same id of another type is another resource.
    expect(await readCurrent(door.database, 'Group', 'p1')).toBeUndefined();
  });

  it('see what was written before they were asked', async () => {
    for (let i = 0; i < 20; i++) {
      const written = await door.call('PUT', '/Patient/p0', { resourceType: 'Patient', id: 'p0', multipleBirthInteger: i + 1 });
      const [read] = await Promise.all([readCurrent(door.database, 'Patient', 'p0'), readCurrent(door.database, 'Patient', 'p1')]);
      expect(`W/"${read?.version}"`).toBe(written.headers.get('etag'));
    }
  });

  it('go in a few statements, and fail together when the database does', async () => {
    let statements = 0;
    const failing: Queryable = {
      ...door.database,
      query: () => {
        statements++;
        return Promise.reject(new Error('away'));
      },
    };
    const all = await Promise.allSettled(Array.from({ length: 500 }, (_, i) => readCurrent(failing, 'Patient', `p${i}`)));
    expect(all.every(({ status }) => status === 'rejected')).toBe(true);
    expect(statements).toBe(3);
  });
});
