/** Tables of ViewDefinitions: filled, kept in step with every write and deletion, built again when the definition changes. */
import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { auditRecords } from '../../services/database/audit.ts';
import { runSql } from '../../services/database/sql/run.ts';
import { at, listAt, type TestDoor, testDoor } from './door.ts';

/** POLYSEME_VIEW_RUNS: more for a proof. */
const RUNS = Number(process.env['POLYSEME_VIEW_RUNS'] ?? 6);

const people = (id: string, name: string, more: object = {}) => ({
  resourceType: 'ViewDefinition',
  id,
  name,
  status: 'active',
  resource: 'Patient',
  select: [
    { column: [{ name: 'id', path: 'id' }] },
    {
      forEach: 'name',
      column: [
        { name: 'family', path: 'family' },
        { name: 'given', path: 'given', collection: true },
      ],
    },
    {
      column: [
        { name: 'active', path: 'active' },
        { name: 'births', path: 'multipleBirth.ofType(integer)' },
      ],
    },
  ],
  ...more,
});

let door: TestDoor;
beforeAll(async () => {
  door = await testDoor();
});
afterAll(() => door[Symbol.asyncDispose]());

const put = async (resource: { readonly resourceType: string; readonly id: string }): Promise<void> => {
  expect((await door.call('PUT', `/${resource.resourceType}/${resource.id}`, resource)).status).toBeLessThan(300);
};
const part = (table: unknown, name: string): unknown => listAt(table, 'part').find((each) => at(each, 'name') === name);

/** The tables of a view, when nothing of them is left to do. */
async function settled(id: string, version?: number): Promise<readonly unknown[]> {
  for (;;) {
    const { body, status } = await door.call('GET', `/ViewDefinition/${id}/$materialize`);
    const tables = listAt(body, 'parameter');
    const isCurrent = tables.every((each) =>
      String(at(part(each, 'view'), 'valueReference', 'reference')).endsWith(version === undefined ? '' : `/_history/${version}`),
    );
    const isQuiet = tables.every(
      (each) => at(part(each, 'state'), 'valueCode') !== 'building' && at(part(each, 'waiting'), 'valueInteger') === 0,
    );
    if (status === 404 || (isCurrent && isQuiet)) return tables;
  }
}

const materialised = async (id: string): Promise<readonly unknown[]> => {
  expect((await door.call('POST', `/ViewDefinition/${id}/$materialize`)).status).toBe(202);
  return settled(id);
};
const sorted = (rows: readonly unknown[]): readonly string[] => rows.map((each) => JSON.stringify(each)).sort();

async function run(id: string): Promise<readonly string[]> {
  const text = await (await fetch(`${door.door.url}/fhir/R4/ViewDefinition/${id}/$sql-run?_format=json`)).text();
  const rows: unknown = JSON.parse(text);
  return sorted(Array.isArray(rows) ? rows : []);
}

const table = async (name: string, columns = 'id, family, given, active, births'): Promise<readonly string[]> =>
  sorted(await door.database.query(`SELECT ${columns} FROM views.${name}`));

it('are what a run of the view is, after whatever was written and deleted, also while they are built', async () => {
  await put(people('people', 'People'));
  await materialised('people');
  const change = fc.record({
    id: fc.nat(7),
    how: fc.constantFrom('put', 'put', 'put', 'delete', 'rebuild'),
    names: fc.array(fc.record({ family: fc.stringMatching(/^[a-z"\\{}',]{1,8}$/), given: fc.array(fc.constantFrom('x', 'y', '{"a"}')) }), {
      maxLength: 3,
    }),
    births: fc.option(fc.integer({ min: 1, max: 9 }), { nil: undefined }),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 25 }), async (changes) => {
      let built: Promise<unknown> = Promise.resolve();
      for (const { id, how, names, births } of changes) {
        const name = names.map(({ family, given }) => (given.length === 0 ? { family } : { family, given }));
        const patient = { resourceType: 'Patient', id: `p${id}`, active: id % 2 === 0 };
        if (how === 'delete') await door.call('DELETE', `/Patient/p${id}`);
        else if (how === 'rebuild') built = door.call('POST', '/ViewDefinition/people/$materialize');
        else
          await put({
            ...patient,
            ...(name.length === 0 ? {} : { name }),
            ...(births === undefined ? {} : { multipleBirthInteger: births }),
          });
      }
      await built;
      await settled('people');
      expect(await table('people')).toEqual(await run('people'));
    }),
    { numRuns: RUNS },
  );
});

it('are built again beside themselves when the definition changes, and go with it', async () => {
  for (let n = 0; n < 3; n++) await put({ resourceType: 'Patient', id: `q${n}`, ...{ name: [{ family: `f${n}` }] } });
  await put(people('second', 'second'));
  await materialised('second');
  expect(await table('second')).toEqual(await run('second'));
  // The same version again changes nothing.
  expect(await materialised('second')).toHaveLength(1);
  const select = [
    {
      column: [
        { name: 'who', path: 'id' },
        { name: 'sure', path: 'active' },
      ],
    },
  ];
  await put(people('second', 'renamed', { select }));
  const [after] = await settled('second', 2);
  expect([at(part(after, 'state'), 'valueCode'), at(part(after, 'viewName'), 'valueString')]).toEqual(['ready', 'renamed']);
  expect(await table('renamed', 'who, sure')).toEqual(await run('second'));
  await expect(table('second')).rejects.toThrow();
  const answer = await runSql(door.database, 'SELECT count(*) FROM views.renamed', { most: 10, timeoutMs: 60_000, started: () => {} });
  expect(Number(answer.rows[0]?.[0])).toBe((await run('second')).length);
  await put(people('second', 'third', { select }));
  await settled('second', 3);
  expect((await runSql(door.database, 'SELECT who FROM views.third', { most: 1, timeoutMs: 60_000, started: () => {} })).rows).toHaveLength(
    1,
  );
  expect((await door.call('DELETE', '/ViewDefinition/second')).status).toBe(204);
  expect(await settled('second', 4)).toEqual([]);
  await expect(table('third', 'who')).rejects.toThrow();
  const actions = (await auditRecords(door.database, { target: 'ViewDefinition/second', limit: 10 })).map(({ action }) => action);
  expect(actions).toContain('view.materialize');
});

it('are taken away, with the reason, when a resource does not fit; a name is of one view; what is refused leaves nothing', async () => {
  const select = [{ column: [{ name: 'family', path: 'name.family' }] }];
  await put({ resourceType: 'Patient', id: 'one', ...{ name: [{ family: 'a' }] } });
  const view = people('fits', 'fits', { select, where: [{ path: "id = 'one'" }] });
  await put(view);
  await materialised('fits');
  expect(await table('fits', 'family')).toEqual([JSON.stringify({ family: 'a' })]);
  await put({ resourceType: 'Patient', id: 'one', ...{ name: [{ family: 'a' }, { family: 'b' }] } });
  const [failed] = await settled('fits');
  expect(at(part(failed, 'state'), 'valueCode')).toBe('failed');
  expect(at(part(failed, 'outcome'), 'resource', 'issue', 0, 'diagnostics')).toBeDefined();
  await expect(table('fits', 'family')).rejects.toThrow();
  await put({ resourceType: 'Patient', id: 'one', ...{ name: [{ family: 'c' }] } });
  await materialised('fits');
  expect(await table('fits', 'family')).toEqual([JSON.stringify({ family: 'c' })]);
  // A row that is removed from the store itself, as an erasure does.
  await door.database.run("DELETE FROM fhir.resource WHERE id = 'one'");
  await settled('fits');
  expect(await table('fits', 'family')).toEqual([]);
  await put(people('other', 'FITS'));
  expect((await door.call('POST', '/ViewDefinition/other/$materialize')).status).toBe(422);
  await put(people('long', `a${'b'.repeat(63)}`));
  expect((await door.call('POST', '/ViewDefinition/long/$materialize')).status).toBe(422);
  expect((await door.call('POST', '/ViewDefinition/none/$materialize')).status).toBe(404);
  expect((await door.call('GET', '/ViewDefinition/long/$materialize')).status).toBe(404);
  const { body } = await door.call('GET', '/ViewDefinition/$materialize');
  expect(listAt(body, 'parameter').map((each) => at(part(each, 'viewName'), 'valueString'))).toEqual(['fits', 'people']);
  expect((await door.call('DELETE', '/ViewDefinition/fits/$materialize')).status).toBe(204);
  await expect(table('fits', 'family')).rejects.toThrow();
  expect((await door.call('GET', '/ViewDefinition/fits')).status).toBe(200);
});
