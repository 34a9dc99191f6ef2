/** Kinds of maps that a later version brings are told of at each start, by doctor, and by what publishes them, until they are published. */
import { cpSync, readdirSync, readFileSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { expect, it } from 'vitest';
import { openHouse } from '../../services/commands/house.ts';
import { mapsDueCheck } from '../../services/commands/maps-due.ts';
import { readConfig } from '../../services/config.ts';
import { specsHouse } from '../specs-house.ts';
import { folder, ran } from './command-line.ts';

const MAPPINGS = resolve(import.meta.dirname, '../../mappings');
/** Queries are answered by segments of the maps to HL7v2. */
const KINDS = ['fhir-to-v2', 'queries'];

it('a store with published maps says that it answers no queries, and how to change that', async () => {
  await using house = await specsHouse();
  using dir = folder();
  const environment = { POLYSEME_DATABASE_URL: house.url, POLYSEME_DATA_DIR: join(dir.path, 'data'), POLYSEME_MAPPINGS_DIR: house.dir };
  const config = readConfig(environment);
  if (!config.ok) throw new Error(JSON.stringify(config.problems));
  const opened = async (): Promise<unknown> => {
    const warned: object[] = [];
    await using again = await openHouse(config.value, { info: () => {}, warn: (said: object) => void warned.push(said) });
    const answers = again.parts.maps.outMaps.query('QBP^Q21', 'Q21') !== undefined;
    return { answers, kinds: warned.flatMap((said) => ('kinds' in said ? [said.kinds] : [])) };
  };
  const path = 'v2-to-fhir/resources/pid-to-patient.yaml';
  await house.publish([{ path, text: house.text(path).replace(/^version: .*$/m, 'version: 99.0.1') }]);
  expect([await opened(), mapsDueCheck(config.value)]).toEqual([{ answers: false, kinds: [] }, []]);

  // The upgrade.
  for (const kind of KINDS)
    cpSync(join(MAPPINGS, kind), join(house.dir, kind), { recursive: true, filter: (file) => !/\.(cases\.yaml|md)$/.test(file) });
  expect(await opened()).toEqual({ answers: false, kinds: [KINDS] });
  expect(mapsDueCheck(config.value)).toEqual([
    {
      name: 'published maps',
      ok: false,
      detail: expect.stringContaining('queries'),
      cure: expect.stringContaining('map draft new "fhir-to-v2, queries" fhir-to-v2 queries'),
    },
  ]);
  // What the cure says can be done as it stands.
  const paths = KINDS.flatMap((kind) =>
    readdirSync(join(house.dir, kind), { recursive: true, withFileTypes: true })
      .filter((each) => each.isFile())
      .map((each) => relative(house.dir, join(each.parentPath, each.name))),
  );
  const drafted = await ran(['map', 'draft', 'new', 'new kinds', ...KINDS], environment);
  expect([drafted.code, drafted.said]).toEqual([0, expect.stringContaining(`${paths.length} files`)]);
  await house.publish(paths.map((each) => ({ path: each, text: readFileSync(join(house.dir, each), 'utf8') })));
  expect([await opened(), mapsDueCheck(config.value)]).toEqual([{ answers: true, kinds: [] }, []]);
});
