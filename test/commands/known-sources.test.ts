/** A source that is renamed or removed while its messages wait, or before they are replayed: they stay whose they were. */
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { openHouse } from '../../services/commands/house.ts';
import { readConfig } from '../../services/config.ts';
import { processNext, receive } from '../../services/pipeline.ts';
import { freshDatabase } from '../fresh-database.ts';
import { folder } from './command-line.ts';

const message = (control: string, time: string): Buffer =>
  Buffer.from(
    `MSH|^~\\&|LAB|NORTH|P|H|${time}||ADT^A08^ADT_A01|${control}|P|2.5.1\rEVN|A08|${time}\rPID|1||7^^^^MR||Some^One||19800101|F\r`,
  );
const named = (name: string, more = ''): string =>
  `unknown: accept\nsources:\n  ${name}: { match: { sendingApplication: LAB }, authority: NORTHERN, timezone: Europe/Berlin${more} }\n`;

it('reads them by the rules that it had, and tells of rules that change', async () => {
  const fresh = await freshDatabase();
  using dir = folder();
  const file = dir.write('sources.yaml', named('lab'));
  const environment = { POLYSEME_DATABASE_URL: fresh.url, POLYSEME_DATA_DIR: join(dir.path, 'data'), POLYSEME_SOURCES: file };
  const config = readConfig(environment);
  if (!config.ok) throw new Error(JSON.stringify(config.problems));
  const inHouse = async (work: (house: Awaited<ReturnType<typeof openHouse>>) => Promise<unknown>): Promise<object> => {
    const warned: object[] = [];
    await using house = await openHouse(config.value, { info: () => {}, warn: (said: object) => void warned.push(said) });
    await work(house);
    while ((await processNext(house.parts, 10)) > 0);
    const rows = await house.database.query<{ id: string; body: string }>(
      `SELECT id, body FROM fhir.resource WHERE body LIKE '{"resourceType":"Patient"%'`,
    );
    return { patients: rows.map(({ id }) => id), warned: warned.filter((said) => 'changed' in said) };
  };
  try {
    const first = await inHouse((house) => receive(house.parts, message('1', '20260301100000'), 'import'));
    expect(first).toMatchObject({ patients: [expect.any(String)], warned: [] });
    // One waits while its source is renamed, and one is told by a command that knows no file.
    const warned: object[] = [];
    {
      await using house = await openHouse(config.value, { info: () => {}, warn: (said: object) => void warned.push(said) });
      await receive(house.parts, message('2', '20260302100000'), 'import');
    }
    dir.write('sources.yaml', named('laboratory', ', silence: ignore'));
    expect(await inHouse(async () => {})).toEqual(first);
    dir.write('sources.yaml', named('laboratory').replace('NORTHERN', 'SOUTHERN'));
    expect(await inHouse(async () => {})).toMatchObject({ ...first, warned: [{ source: 'laboratory', changed: ['authority'] }] });
  } finally {
    await fresh.drop();
  }
});
