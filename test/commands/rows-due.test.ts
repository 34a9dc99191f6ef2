/** A store from before locations had their own numbers: each start and doctor tell that its rows must be made again, until they are. */
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { openHouse } from '../../services/commands/house.ts';
import { rowsDueCheck } from '../../services/commands/rows-due.ts';
import { readConfig } from '../../services/config.ts';
import { openDatabase } from '../../services/database/connect.ts';
import { write } from '../../services/pipeline.ts';
import { freshDatabase } from '../fresh-database.ts';
import { folder, ran } from './command-line.ts';

const KINDS = 'http://terminology.hl7.org/CodeSystem/location-physical-type';

it('addresses without a place and beds with a row are told of, and rebuild --apply ends it', async () => {
  const fresh = await freshDatabase();
  using dir = folder();
  const environment = { POLYSEME_DATABASE_URL: fresh.url, POLYSEME_DATA_DIR: join(dir.path, 'data') };
  const config = readConfig(environment);
  if (!config.ok) throw new Error(JSON.stringify(config.problems));
  const warned: object[] = [];
  const log = { info: () => {}, warn: (said: object) => void warned.push(said) };
  const opened = async (): Promise<void> => (await openHouse(config.value, log))[Symbol.asyncDispose]();
  const database = openDatabase(fresh.url);
  const due = () => warned.filter((said) => 'reason' in said);
  try {
    {
      await using house = await openHouse(config.value, log);
      const entry = {
        source: 's',
        channel: 'fhir',
        content: Buffer.from('{}'),
        controlId: '',
        messageType: 'FHIR',
        patientKeys: [],
      } as const;
      const change = { update: 'replace', deletes: [], spec: '', problems: [], unmapped: [] } as const;
      const patient = { resourceType: 'Patient', birthDate: '1970-01-01' };
      await write(house.parts, entry, async () => [
        { ...change, resource: { ...patient, id: 'p', address: [{ use: 'home', city: 'Springfield', state: 'IL' }] } },
        { ...change, resource: { ...patient, id: 'none' } },
        { ...change, resource: { resourceType: 'Location', id: 'bed', physicalType: { coding: [{ system: KINDS, code: 'bd' }] } } },
      ]);
    }
    expect([due(), rowsDueCheck(config.value)]).toEqual([[], []]);
    const downgraded = async (): Promise<void> => {
      await database.run('DROP TABLE ops.rows_due');
      await database.run(`DELETE FROM ops.migration WHERE name = '0026_rows_due'`);
    };
    await downgraded();
    await opened();
    // Nothing is due where every address has its place.
    expect([due(), rowsDueCheck(config.value)]).toEqual([[], []]);
    await database.run('UPDATE cdm.person SET location_id = NULL');
    await downgraded();
    await opened();
    expect(due()).toEqual([{ reason: 'addresses have no place in cdm.location' }]);
    expect(rowsDueCheck(config.value)).toEqual([
      { name: 'OMOP rows', ok: false, detail: expect.stringContaining('addresses'), cure: expect.stringContaining('rebuild --apply') },
    ]);
    expect(await ran(['rebuild', '--apply'], environment)).toMatchObject({ code: 0 });
    expect(rowsDueCheck(config.value)).toEqual([]);
    expect(await database.query('SELECT count(location_id)::int AS n FROM cdm.person')).toEqual([{ n: 1 }]);
    // A bed had a row of its own until 0028.
    await database.run('DROP TABLE ops.stand_in');
    await database.run(`DELETE FROM ops.migration WHERE name = '0028_stand_ins'`);
    await database.run(`INSERT INTO cdm.care_site (care_site_id) SELECT resource_key * 1024 FROM fhir.resource WHERE id = 'bed'`);
    warned.length = 0;
    await opened();
    expect(due()).toEqual([{ reason: 'beds and rooms stand in cdm.care_site' }]);
  } finally {
    await database.close();
    await fresh.drop();
  }
});
