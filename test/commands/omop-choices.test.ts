/** The file that POLYSEME_OMOP names, through the commands as an operator runs them. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openHouse } from '../../services/commands/house.ts';
import { choicesCheck } from '../../services/commands/omop/omop-options.ts';
import { readConfig } from '../../services/config.ts';
import { openDatabase } from '../../services/database/connect.ts';
import { write } from '../../services/pipeline.ts';
import { type FreshDatabase, freshDatabase } from '../fresh-database.ts';
import { type Folder, folder, ran } from './command-line.ts';

let fresh: FreshDatabase;
let dir: Folder;
beforeAll(async () => {
  fresh = await freshDatabase();
  dir = folder();
});
afterAll(async () => {
  await fresh.drop();
  dir[Symbol.dispose]();
});

const environment = () => ({
  POLYSEME_DATABASE_URL: fresh.url,
  POLYSEME_DATA_DIR: join(dir.path, 'data'),
  POLYSEME_OMOP: join(dir.path, 'omop.yaml'),
});
const settled = () => {
  const config = readConfig(environment());
  if (!config.ok) throw new Error(JSON.stringify(config.problems));
  return config.value;
};
const choose = (text: string): void => writeFileSync(join(dir.path, 'omop.yaml'), text);

it('another choice waits for rebuild --apply; until then doctor tells it, and metadata says what holds', async () => {
  choose('persons-without-gender: kept\n');
  {
    await using house = await openHouse(settled());
    const entry = {
      source: 's',
      channel: 'fhir',
      content: Buffer.from('{}'),
      controlId: '',
      messageType: 'FHIR',
      patientKeys: [],
    } as const;
    const change = { update: 'replace', deletes: [], spec: '', problems: [], unmapped: [] } as const;
    await write(house.parts, entry, async () => [{ ...change, resource: { resourceType: 'Patient', id: 'p', birthDate: '1970-01-01' } }]);
  }
  const database = openDatabase(fresh.url);
  const state = async () => [
    (await database.query('SELECT 1 AS one FROM cdm.person')).length,
    (await database.query<{ v: string }>('SELECT value_as_string AS v FROM cdm.metadata WHERE metadata_id = 22'))[0]?.v.split(':')[0],
  ];
  try {
    expect(await state()).toEqual([1, 'kept']);
    expect(choicesCheck(settled())).toMatchObject([{ ok: true }]);
    choose('persons-without-gender: left-out\n');
    expect(choicesCheck(settled())).toMatchObject([
      {
        ok: false,
        detail: 'persons-without-gender (rule 22): rows were made with kept, the settings say left-out',
        cure: expect.stringContaining('rebuild --apply'),
      },
    ]);
    await (await openHouse(settled()))[Symbol.asyncDispose]();
    expect(await state()).toEqual([1, 'kept']);
    expect(await ran(['rebuild', '--apply'], environment())).toMatchObject({
      code: 0,
      said: expect.stringContaining('1 resource: rows made again.'),
    });
    expect(await state()).toEqual([0, 'left-out']);
    expect(choicesCheck(settled())).toMatchObject([{ ok: true }]);
    expect((await ran(['rebuild', '--compare'], environment())).code).toBe(0);
  } finally {
    await database.close();
  }
});

it('a fault of the file is told with its line, and nothing is made again', async () => {
  choose('# mine\npersons-without-gender: maybe\n');
  const { code, said } = await ran(['rebuild', '--apply'], environment());
  expect(code).not.toBe(0);
  expect(said).toMatch(/omop\.yaml:2: persons-without-gender must be one of kept, left-out/);
  expect(choicesCheck(settled())).toMatchObject([{ ok: false, cure: 'correct the file that POLYSEME_OMOP names' }]);
});
