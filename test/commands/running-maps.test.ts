/** After a publication the folder is not what runs: what explains a row, and what converts as the server does, reads the release. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { replayAll } from '../../services/pipeline/specs/replay.ts';
import { receive } from '../../services/pipeline.ts';
import { fixture } from '../parts.ts';
import { type SpecsHouse, specsHouse } from '../specs-house.ts';
import { type Folder, folder, ran } from './command-line.ts';

const PATIENT = 'v2-to-fhir/resources/pid-to-patient.yaml';
const MESSAGE = fixture('hl7v2', 'us-oru-r01-cbc.hl7');
let house: SpecsHouse;
let dir: Folder;
let environment: Record<string, string>;
beforeAll(async () => {
  house = await specsHouse();
  dir = folder();
  environment = { POLYSEME_DATABASE_URL: house.url, POLYSEME_DATA_DIR: join(dir.path, 'data'), POLYSEME_MAPPINGS_DIR: house.dir };
  await receive(house.parts, readFileSync(MESSAGE), 'mllp');
  await house.drain();
});
afterAll(async () => {
  await house[Symbol.asyncDispose]();
  dir[Symbol.dispose]();
});

it('is the folder before the first publication, and the active release after it, whatever the folder says by then', async () => {
  const [row] = await house.database.query<{ id: number }>('SELECT max(measurement_id) AS id FROM cdm.measurement');
  const explain = async () => {
    const { out, said } = await ran(['explain', 'measurement', String(row?.id)], environment);
    return `${out}${said}`;
  };
  const converted = (...more: readonly string[]) => ran(['convert', MESSAGE, '--quiet', ...more], environment);
  expect(await explain()).toContain(`by the maps of the folder ${house.dir}`);
  expect((await converted('--published')).said).toContain(`Maps of the folder ${house.dir}.`);

  const text = house
    .text(PATIENT)
    .replace(/^ {2}gender: .*$/m, '')
    .replace(/^version: .*$/m, 'version: 1.0.1');
  const { releaseId } = await house.publish([{ path: PATIENT, text }]);
  await replayAll(house.parts);
  // Somebody breaks the folder after the publication: nothing that runs hears of it.
  for (const name of ['observation', 'person', 'patient']) {
    const file = join(house.dir, `fhir-to-omop/${name}.yaml`);
    try {
      writeFileSync(file, readFileSync(file, 'utf8').replace(/^rows:/m, 'rowz:'));
    } catch {
      // Not every name is a map.
    }
  }
  const explained = await explain();
  expect(explained).toContain(`column by column, by the maps of release ${releaseId}`);
  expect(explained).toMatch(/fhir-to-omop\/observation\.yaml:\d+/);
  const published = await converted('--published');
  expect([published.code, published.said]).toEqual([0, expect.stringContaining(`Maps of release ${releaseId}.`)]);
  expect(published.out).toContain('"resourceType":"Patient"');
  expect(published.out).not.toContain('"gender"');
  // Without asking the store it is the folder, which by now has errors.
  expect((await converted()).code).not.toBe(0);
});

it('comes into a folder by map export: what says something else is left and told, and written over only when asked for', async () => {
  const whole = join(dir.path, 'exported');
  expect(await ran(['map', 'export', whole], environment)).toMatchObject({
    code: 0,
    said: expect.stringMatching(/^\d+ files written, 0 left/),
  });
  const exported = readFileSync(join(whole, PATIENT), 'utf8');
  expect(exported).toContain('version: 1.0.1');
  // Comments and all, byte for byte as it was published.
  const asWas = (text: string): string => text.replace(/^version: .*$/m, '').replace(/^ {2}gender: .*$/m, '');
  expect(asWas(exported)).toBe(asWas(house.text(PATIENT)));
  const own = `${exported}# a note of ours\n`;
  writeFileSync(join(whole, PATIENT), own);
  writeFileSync(join(whole, 'ours.txt'), 'kept');
  const again = await ran(['map', 'export', whole], environment);
  expect([again.code, again.said]).toEqual([1, `0 files written, 1 left as they are: ${PATIENT}`]);
  expect(readFileSync(join(whole, PATIENT), 'utf8')).toBe(own);
  expect((await ran(['map', 'export', whole, '--overwrite'], environment)).said).toMatch(/^1 files written, 0 left/);
  expect(readFileSync(join(whole, PATIENT), 'utf8')).toBe(exported);
  expect(readFileSync(join(whole, 'ours.txt'), 'utf8')).toBe('kept');
  // The folder that the store stands beside differs by what was published and by what somebody broke.
  const drift = await ran(['map', 'drift'], environment);
  expect([drift.code, drift.out]).toEqual([1, expect.stringContaining(PATIENT)]);
  expect((await ran(['map', 'drift'], { ...environment, POLYSEME_MAPPINGS_DIR: whole })).code).toBe(0);
});
