/** Files of records into the store, and messages by the maps of their source's site, explained back to the bytes. */
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Database, openDatabase } from '../../services/database/connect.ts';
import { type FreshDatabase, freshDatabase } from '../fresh-database.ts';
import { fixture } from '../parts.ts';
import { type Folder, folder, type Ran, ran } from './command-line.ts';

let fresh: FreshDatabase;
let database: Database;
let dir: Folder;
beforeAll(() => {
  dir = folder();
});
beforeEach(async () => {
  await database?.close();
  await fresh?.drop();
  fresh = await freshDatabase();
  database = openDatabase(fresh.url);
});
afterAll(async () => {
  await database.close();
  await fresh.drop();
  dir[Symbol.dispose]();
});

const environment = (more: Readonly<Record<string, string>> = {}) => ({
  POLYSEME_DATABASE_URL: fresh.url,
  POLYSEME_DATA_DIR: join(dir.path, 'data'),
  ...more,
});
const imported = (...args: readonly string[]): Promise<Ran> => ran(['import', ...args], environment());
const ndjson = (name: string, ...records: readonly object[]): string =>
  dir.write(name, records.map((each) => JSON.stringify(each)).join('\n'));
const bodies = async (type: string) =>
  (await database.query<{ body: string }>('SELECT body FROM fhir.resource WHERE NOT deleted ORDER BY resource_key'))
    .map(({ body }) => JSON.parse(body))
    .filter(({ resourceType }) => resourceType === type);
const stored = () =>
  database.query<{ resources: number; versions: number; persons: number; procedures: number }>(
    `SELECT (SELECT count(*)::int FROM fhir.resource) AS resources, (SELECT sum(version)::int FROM fhir.resource) AS versions,
     (SELECT count(*)::int FROM cdm.person) AS persons, (SELECT count(*)::int FROM cdm.procedure_occurrence) AS procedures`,
  );
const journal = () =>
  database.query<{ status: string; n: number }>('SELECT status, count(*)::int AS n FROM journal.outcome GROUP BY status ORDER BY status');

const HEAD = 'claim_id,member_id,last_name,first_name,sex,birth_date,service_date,line,cpt,icd10,charge,provider_npi';
const claim = (n: number, member = n, sex = 'F') =>
  `C-${n},M-${member},Lund,Ida,${sex},03/05/1950,02/10/2026,1,99213,E11.9,10.00,1234567893`;

describe('records', () => {
  it('a CSV file of claims ends in cdm.cost: every charge once, of the row that it pays for, and a claim that comes again corrects its own', async () => {
    const file = (name: string, ...lines: readonly string[]): string => dir.write(name, [HEAD, ...lines, ''].join('\n'));
    const costs = () =>
      database.query<{ charge: string; rows: number; type: number }>(
        `SELECT total_charge::text AS charge, cost_type_concept_id AS type,
           (SELECT count(*)::int FROM cdm.procedure_occurrence p WHERE p.procedure_occurrence_id = c.cost_event_id AND c.cost_domain_id = 'Procedure')
             + (SELECT count(*)::int FROM cdm.visit_occurrence v WHERE v.visit_occurrence_id = c.cost_event_id AND c.cost_domain_id = 'Visit') AS rows
         FROM cdm.cost c ORDER BY total_charge`,
      );
    expect((await imported(file('charges.csv', claim(1), claim(2).replace('10.00', '12.55')))).code).toBe(0);
    expect(await costs()).toMatchObject([
      { charge: '10.00', rows: 1 },
      { charge: '12.55', rows: 1 },
    ]);
    expect((await imported(file('charges-again.csv', claim(1).replace('10.00', '11.25')))).code).toBe(0);
    expect(await costs()).toMatchObject([
      { charge: '11.25', rows: 1 },
      { charge: '12.55', rows: 1 },
    ]);
  });

  it('a CSV file is stored as convert makes it, rows too, and twice changes nothing', async () => {
    const file = fixture('csv', 'claims.csv');
    const first = await imported(file);
    const made = (await ran(['convert', file, '--quiet'])).out
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line));
    const claims = made.filter(({ resourceType }) => resourceType === 'Claim').map(({ id }) => id);
    expect([first.code, claims.length > 0]).toEqual([0, true]);
    expect((await bodies('Claim')).map(({ id }) => id).toSorted()).toEqual(claims.toSorted());
    const before = await stored();
    expect(before[0]?.persons).toBeGreaterThan(0);
    expect((await imported(file)).code).toBe(0);
    expect(await stored()).toEqual(before);
  });

  it('JSON records are stored, each with its own entry in the journal', async () => {
    expect((await imported(fixture('json', 'wearable.json'))).code).toBe(0);
    expect((await bodies('Observation')).map((each) => each.valueQuantity?.value)).toEqual(expect.arrayContaining([64, 71]));
    expect(await journal()).toEqual([{ status: 'applied', n: 1 }]);
  });

  it('many records go into few transactions, each with its entry; the same patient in many of them is one', async () => {
    const file = dir.write('many.csv', [HEAD, ...Array.from({ length: 400 }, (_, n) => claim(n, n % 50))].join('\n'));
    expect((await imported(file)).code).toBe(0);
    expect([(await bodies('Patient')).length, (await bodies('Claim')).length]).toEqual([50, 400]);
    expect(await journal()).toEqual([{ status: 'applied', n: 400 }]);
    const commits = await database.query<{ n: number }>('SELECT count(DISTINCT xmin::text)::int AS n FROM journal.message');
    expect(commits[0]?.n).toBeLessThan(10);
  });

  it('a record at fault is refused with its line; its neighbours of the same transaction are stored', async () => {
    const beat = (user: string) => ({
      kind: 'heart-rate',
      user: { id: user },
      device: { id: user, model: 'Pulse', firmware: '1' },
      samples: [{ time: '2026-03-01T08:15:00Z', bpm: 64 }],
    });
    const { code, said } = await imported(ndjson('beats.ndjson', beat('1'), beat(''), beat('3')));
    expect([code, said]).toEqual([1, expect.stringMatching(/beats\.ndjson:2: .*\n.*\n.*\n.*mapping-key-empty/)]);
    expect(said).toContain('3 records read: 2 stored, 1 refused.');
    expect((await bodies('Observation')).length).toBe(2);
    expect(await journal()).toEqual([
      { status: 'applied', n: 2 },
      { status: 'refused', n: 1 },
    ]);
  });
});

const MESSAGE = [
  'MSH|^~\\&|ANALYZERS|OTHER|POLY|HERE|20260310081500||ORU^R01^ORU_R01|M1|P|2.5.1',
  'PID|1||77^^^OTHER^MR||Lund^Ida||19500101|F',
  'OBR|1||L1|GLU^Glucose^LN|||20260310080000|||||||||||||||20260310081400||LAB|F',
  'OBX|1|NM|GLU^Glucose^LN||92|mg/dL|70-99||||F|||20260310080000',
  'ZLR|COBAS^Cobas 8000^L|R12',
].join('\r');

describe('a source with a site', () => {
  const withSite = (site: string) =>
    environment({
      POLYSEME_SOURCES: dir.write(
        `sources-${site}.yaml`,
        `sources:\n  lab: { match: { sendingApplication: ANALYZERS }, site: ${site}, timezone: America/New_York }\n`,
      ),
    });

  it('is converted by the map of the site, and explain leads through that map to the bytes', async () => {
    const file = dir.write('site.hl7', MESSAGE);
    expect((await ran(['import', file], withSite('example-hospital'))).code).toBe(0);
    const [made] = await bodies('Observation');
    expect(made).toMatchObject({ device: { display: 'Cobas 8000' }, effectiveDateTime: '2026-03-10T08:00:00+00:00' });
    expect(made.referenceRange).toBeUndefined();
    expect(made.code.coding.map((each: { code: string }) => each.code)).toContain('2345-7');
    const [row] = await database.query<{ id: number }>('SELECT measurement_id AS id FROM cdm.measurement');
    const { code, out } = await ran(['explain', 'measurement', String(row?.id)], withSite('example-hospital'));
    expect(code).toBe(0);
    expect(out).toMatch(/made by sites\/example-hospital\/oru-lab@1\.0\.0#/);
    // A column, its rule; the element, its rule and line; the field and where its bytes are.
    const at = MESSAGE.indexOf('|92|') + 1;
    expect(out).toMatch(/value_as_number = 92 <- .*fhir-to-omop\/\S+\.yaml:\d+/);
    expect(out).toMatch(new RegExp(`value\\S* = 92 <- .*\\.yaml:\\d+.* <- OBX\\S*-5\\S* bytes ${at}-${at + 2}`));
    const json = JSON.parse((await ran(['explain', 'measurement', String(row?.id), '--json'], withSite('example-hospital'))).out);
    expect(json.lineage.join('\n')).toContain(`bytes ${at}-${at + 2}`);
  });

  it('without a site it gets the map that everybody gets', async () => {
    const file = dir.write('plain.hl7', MESSAGE);
    expect((await ran(['import', file], environment())).code).toBe(0);
    const [made] = await bodies('Observation');
    expect(made).toMatchObject({ referenceRange: [{ text: '70-99' }] });
    expect(made.device).toBeUndefined();
  });

  it('a site that no map belongs to parks the message: it is never converted by another', async () => {
    const { code, said } = await ran(['import', dir.write('none.hl7', MESSAGE)], withSite('nobody'));
    expect([code, said]).toEqual([1, expect.stringContaining('mapping-site-unknown')]);
    expect(await bodies('Observation')).toEqual([]);
  });
});
