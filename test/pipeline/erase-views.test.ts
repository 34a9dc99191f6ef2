/** Tables that views are made of, while no server runs that keeps them in step: what is erased, and what goes wrong with one of them. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { materialise, refreshViews, viewBuilds } from '../../services/database/view-builds.ts';
import { erasePatients } from '../../services/pipeline/erase.ts';
import { readViewTable } from '../../services/pipeline/views/tables.ts';
import { given, put } from '../database/omop-house.ts';
import { type TestHouse, testHouse } from '../parts.ts';

let house: TestHouse;
beforeAll(async () => {
  house = await testHouse();
});
afterAll(() => house[Symbol.asyncDispose]());

const view = (name: string) =>
  given('ViewDefinition', name, {
    name,
    status: 'active',
    resource: 'Patient',
    select: [{ forEach: 'name', column: [{ name: 'family', path: 'family' }] }],
  });

const tablesNow = async (): Promise<readonly { readonly state: string; readonly families: readonly string[] }[]> => {
  const builds = await house.database.query<{ readonly state: string; readonly name: string }>(
    `SELECT state, CASE state WHEN 'ready' THEN 'views.' || name ELSE 'ops.view_' || id END AS name FROM ops.view_build ORDER BY id`,
  );
  return Promise.all(
    builds.map(async ({ state, name }) => {
      const rows = await house.database.query<{ readonly family: string }>(`SELECT family FROM ${name} ORDER BY family`);
      return { state, families: rows.map(({ family }) => family) };
    }),
  );
};

it('erases the rows of a patient from tables of views, whole ones and those that are still made', async () => {
  await put(house, given('Patient', 'gone', { name: [{ family: 'Gone' }] }), given('Patient', 'stays', { name: [{ family: 'Stays' }] }));
  const begin = async (name: string): Promise<void> => {
    await put(house, view(name));
    await materialise(house.database, { id: name, version: 1, body: JSON.stringify(view(name)) }, 'test', readViewTable);
  };
  await begin('whole');
  while (await refreshViews(house.database, readViewTable));
  await begin('made');
  await refreshViews(house.database, readViewTable);
  expect(await tablesNow()).toEqual([
    { state: 'ready', families: ['Gone', 'Stays'] },
    { state: 'building', families: ['Gone', 'Stays'] },
  ]);
  await erasePatients(house.parts, house.database, ['Patient/gone'], 'asked for');
  expect((await tablesNow()).map(({ families }) => families)).toEqual([['Stays'], ['Stays']]);
  while (await refreshViews(house.database, readViewTable));
  expect(await tablesNow()).toEqual([
    { state: 'ready', families: ['Stays'] },
    { state: 'ready', families: ['Stays'] },
  ]);
});

it('a fault of ours with one view takes its table away, with the reason, and holds up no other', async () => {
  const others = given('ViewDefinition', 'others', { ...view('others') });
  for (const each of [given('ViewDefinition', 'faulty', { ...view('faulty') }), others]) {
    await put(house, each);
    await materialise(house.database, { id: each.id, version: 1, body: JSON.stringify(each) }, 'test', readViewTable);
  }
  while (
    await refreshViews(house.database, (definition) => {
      const reading = readViewTable(definition);
      if (!definition.includes('faulty')) return reading;
      return {
        ...reading,
        rowsOf: () => {
          throw new TypeError('what it was made of is not told');
        },
      };
    })
  );
  const builds = await viewBuilds(house.database);
  expect(builds.filter(({ name }) => name === 'faulty' || name === 'others')).toMatchObject([
    { name: 'faulty', state: 'failed', problems: [{ code: 'internal', text: expect.stringContaining('TypeError') }] },
    { name: 'others', state: 'ready' },
  ]);
  expect(JSON.stringify(builds)).not.toContain('not told');
});
