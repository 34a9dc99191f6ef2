import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Database, openDatabase } from '../../services/database/connect.ts';
import { type FreshDatabase, freshDatabase } from '../fresh-database.ts';
import { fixture } from '../parts.ts';
import { type Folder, folder, type Ran, ran } from './command-line.ts';

const patient = (id: string, more: object = {}) => ({ resourceType: 'Patient', id, gender: 'female', birthDate: '1980-02-03', ...more });
const observation = (id: string, subject: string, more: object = {}) => ({
  resourceType: 'Observation',
  id,
  status: 'final',
  code: { coding: [{ system: 'http://loinc.org', code: '718-7' }] },
  subject: { reference: subject },
  effectiveDateTime: '2026-01-05T10:00:00Z',
  ...more,
});
const stay = (id: string, more: object = {}) => ({
  resourceType: 'Encounter',
  id,
  status: 'finished',
  class: { system: 'http://terminology.hl7.org/CodeSystem/v3-ActCode', code: 'AMB' },
  subject: { reference: 'Patient/p' },
  period: { start: '2026-01-05T09:00:00Z', end: '2026-01-05T11:00:00Z' },
  ...more,
});
const diagnosis = (id: string, more: object = {}) => ({
  resourceType: 'Condition',
  id,
  code: { coding: [{ system: 'http://snomed.info/sct', code: '44054006' }] },
  subject: { reference: 'Patient/p' },
  encounter: { reference: 'Encounter/e' },
  recordedDate: '2026-01-05',
  ...more,
});

let fresh: FreshDatabase;
let database: Database;
let dir: Folder;
beforeAll(async () => {
  fresh = await freshDatabase();
  dir = folder();
  database = openDatabase(fresh.url);
});
beforeEach(async () => {
  await database.close();
  await fresh.drop();
  fresh = await freshDatabase();
  database = openDatabase(fresh.url);
});
afterAll(async () => {
  await database.close();
  await fresh.drop();
  dir[Symbol.dispose]();
});

const imported = (...args: readonly string[]): Promise<Ran> =>
  ran(['import', ...args], { POLYSEME_DATABASE_URL: fresh.url, POLYSEME_DATA_DIR: join(dir.path, 'data') });
const ndjson = (name: string, ...resources: readonly object[]): string =>
  dir.write(name, resources.map((each) => JSON.stringify(each)).join('\n'));
const stored = async (): Promise<readonly string[]> =>
  (await database.query<{ body: string }>('SELECT body FROM fhir.resource WHERE NOT deleted'))
    .map(({ body }) => JSON.parse(body))
    .map((each) => `${each.resourceType}/${each.id}`)
    .toSorted();
const everything = () =>
  database.query(
    `SELECT (SELECT count(*) FROM fhir.resource) AS resources, (SELECT sum(version) FROM fhir.resource) AS versions,
     (SELECT count(*) FROM cdm.person) AS persons, (SELECT count(*) FROM cdm.measurement) AS measurements,
     (SELECT count(*) FROM cdm.visit_occurrence) AS visits, (SELECT count(*) FROM cdm.observation_period) AS periods`,
  );
const codesOf = (said: string): string[] => [...said.matchAll(/code: ([\w-]+)/g)].map((each) => each[1] ?? '');

describe('import', () => {
  it('stores messages and bundles, and twice changes nothing', async () => {
    const files = [fixture('hl7v2', 'us-*.hl7'), fixture('fhir', '*.json')];
    const first = await imported(...files);
    expect([first.code, first.said]).toEqual([0, expect.stringContaining('0 refused')]);
    const before = await everything();
    const again = await imported(...files, '--json');
    expect(again.code).toBe(0);
    expect(JSON.parse(again.out).resources).toMatchObject({ created: 0, updated: 0 });
    expect(await everything()).toEqual(before);
  });

  it('makes the rows that convert makes of the same files', async () => {
    const files = [fixture('hl7v2', '*.hl7'), fixture('fhir', '*.json')];
    const { code, out } = await imported(...files, '--json');
    expect(code).toBe(1); // one is wrong on purpose
    const tables = JSON.parse(out).tables.filter((each: { table: string; rows: number }) => each.rows > 0);
    const rows = await ran(['convert', ...files, '--to', 'omop', '--quiet']);
    const converted = Map.groupBy(rows.out.split('\n').filter(Boolean), (line) => JSON.parse(line).table);
    const counted = Object.fromEntries([...converted].map(([table, lines]) => [table, lines.length]));
    // What needs the person's other rows is made in a store: one onset is told by age (rule 38), an emergency is one visit with the stay that
    // it led to (rule 34), facts join rows (rule 57).
    const derived = ['observation_period', 'cdm_source', 'fact_relationship'];
    const { said } = await ran(['convert', ...files, '--to', 'omop']);
    expect(said).toMatch(/rule 38 +1\n/);
    for (const [table, more] of [
      ['condition_occurrence', 1],
      ['visit_occurrence', -1],
      ['visit_detail', 1],
    ] as const)
      counted[table] = (counted[table] ?? 0) + more;
    expect(
      Object.fromEntries(
        tables
          .filter((each: { table: string }) => !derived.includes(each.table))
          .map((each: { table: string; rows: number }) => [each.table, each.rows]),
      ),
    ).toEqual(counted);
  });

  it('takes NDJSON in any order, circles included', async () => {
    const files = [
      ndjson('1.ndjson', observation('o', 'Patient/p', { encounter: { reference: 'Encounter/e' } })),
      ndjson('2.ndjson', diagnosis('c')),
      ndjson('3.ndjson', stay('e', { diagnosis: [{ condition: { reference: 'Condition/c' } }] })),
      ndjson('4.ndjson', patient('p')),
    ];
    const all = ['Condition/c', 'Encounter/e', 'Observation/o', 'Patient/p'];
    for (const order of [files, files.toReversed()]) {
      const { code, said } = await imported(...order);
      expect([code, codesOf(said)]).toEqual([0, []]);
      expect(await stored()).toEqual(all);
    }
  });

  it('refuses only what is broken of many, in whatever order they refer to each other', async () => {
    const file = ndjson(
      'mixed.ndjson',
      observation('lost', 'Patient/nobody'),
      observation('member', 'Patient/p', { hasMember: [{ reference: 'Observation/o' }] }),
      observation('of-the-lost', 'Patient/p', { hasMember: [{ reference: 'Observation/lost' }] }),
      observation('o', 'Patient/p'),
      patient('p'),
    );
    const { code, said } = await imported(file);
    expect(code).toBe(1);
    expect(await stored()).toEqual(['Observation/member', 'Observation/o', 'Patient/p']);
    expect(codesOf(said)).toEqual(['reference-not-found', 'reference-not-found']);
    expect(said).toContain('mixed.ndjson:1:');
    expect(said).toContain('mixed.ndjson:3:');
    expect(said).toContain('5 resources read: 3 created, 0 updated, 0 unchanged, 2 refused.');
  });

  it('drops nothing silently when a condition is ambiguous', async () => {
    const identifier = [{ system: 'urn:twins', value: '1' }];
    const file = ndjson(
      'twins.ndjson',
      patient('a', { identifier }),
      patient('b', { identifier }),
      observation('o', 'Patient?identifier=urn:twins|1'),
    );
    const { code, said } = await imported(file);
    expect([code, await stored()]).toEqual([1, ['Patient/a', 'Patient/b']]);
    expect(said).toContain('twins.ndjson:3:');
  });

  it('keeps the last of several versions, also when the first had to wait', async () => {
    const first = ndjson('first.ndjson', observation('o', 'Patient/p', { status: 'preliminary', encounter: { reference: 'Encounter/e' } }));
    const then = ndjson('then.ndjson', patient('p'), observation('o', 'Patient/p', { status: 'final' }), stay('e'));
    expect((await imported(first, then)).code).toBe(0);
    const [row] = await database.query<{ body: string }>(`SELECT body FROM fhir.resource WHERE id = 'o'`);
    expect(JSON.parse(row?.body ?? '{}').status).toBe('final');
  });

  it('lets a bundle wait for what its conditional reference names in a later file', async () => {
    const bundle = {
      resourceType: 'Bundle',
      type: 'transaction',
      entry: [
        {
          fullUrl: 'urn:uuid:22222222-2222-4222-8222-222222222222',
          resource: { ...observation('x', 'Patient/p'), id: undefined, performer: [{ reference: 'Practitioner?identifier=urn:staff|7' }] },
          request: { method: 'POST', url: 'Observation' },
        },
        { fullUrl: 'urn:uuid:33333333-3333-4333-8333-333333333333', resource: patient('p'), request: { method: 'PUT', url: 'Patient/p' } },
      ],
    };
    const early = dir.write('early.json', JSON.stringify(bundle));
    const late = ndjson('late.ndjson', { resourceType: 'Practitioner', id: 's', identifier: [{ system: 'urn:staff', value: '7' }] });
    expect((await imported(early, late)).code).toBe(0);
    expect(await stored()).toEqual(['Observation/22222222-2222-4222-8222-222222222222', 'Patient/p', 'Practitioner/s']);
    const [row] = await database.query<{ body: string }>(`SELECT body FROM fhir.resource WHERE id LIKE '2222%'`);
    expect(JSON.parse(row?.body ?? '{}').performer).toEqual([{ reference: 'Practitioner/s' }]);
  });

  it('stores nothing of a bundle that is broken, and says why', async () => {
    const entry = (resource: object) => ({ resource, request: { method: 'PUT', url: 'x/y' } });
    const bundles = [
      { resourceType: 'Bundle', type: 'collection', entry: [{ resource: patient('p') }, { resource: observation('o', 'Patient/nobody') }] },
      {
        resourceType: 'Bundle',
        type: 'collection',
        entry: [{ resource: patient('q') }, { resource: { resourceType: 'Patient', gender: 'unsure' } }],
      },
      { resourceType: 'Bundle', type: 'transaction', entry: [entry(patient('r')), { request: { method: 'DELETE', url: 'Patient/p' } }] },
      { resourceType: 'Bundle', type: 'collection', entry: [{ resource: patient('s') }, { resource: { resourceType: 'Patient' } }] },
      {
        resourceType: 'Bundle',
        type: 'collection',
        entry: [{ resource: observation('u', 'urn:uuid:44444444-4444-4444-8444-444444444444') }],
      },
    ];
    const files = bundles.map((bundle, n) => dir.write(`broken-${n}.json`, JSON.stringify(bundle)));
    const { code, said } = await imported(...files);
    expect([code, await stored()]).toEqual([1, []]);
    for (const file of files) expect(said).toContain(file);
    expect(codesOf(said)).toEqual(expect.arrayContaining(['reference-not-found', 'import-not-a-write', 'import-without-id']));
    const [persons] = await database.query('SELECT count(*)::int AS n FROM cdm.person');
    expect(persons).toEqual({ n: 0 });
  });

  it('ends with 1 and reports when a message is parked, and stores the others', async () => {
    const { code, said } = await imported(fixture('hl7v2', 'wrong-on-purpose.hl7'), fixture('hl7v2', 'us-adt-a01-admit.hl7'));
    expect([code, said]).toEqual([1, expect.stringContaining('wrong-on-purpose.hl7')]);
    expect((await stored()).some((each) => each.startsWith('Patient/'))).toBe(true);
  });

  it('reports a file that is not there and goes on', async () => {
    const { code, said } = await imported('nowhere/*.json', ndjson('p.ndjson', patient('p')));
    expect([code, codesOf(said), await stored()]).toEqual([1, ['file-unreadable'], ['Patient/p']]);
  });
});

describe('explain', () => {
  const explain = (...args: readonly string[]) =>
    ran(['explain', ...args], { POLYSEME_DATABASE_URL: fresh.url, POLYSEME_DATA_DIR: join(dir.path, 'data') });

  it('leads from a row to its resource and the message that made it, for a person and for a machine', async () => {
    await imported(fixture('hl7v2', 'us-oru-r01-cbc.hl7'));
    const [row] = await database.query<{ id: number }>('SELECT min(measurement_id) AS id FROM cdm.measurement');
    const text = await explain('measurement', String(row?.id));
    expect(text.code).toBe(0);
    expect(text.out).toMatch(new RegExp(`^measurement ${row?.id}\\n[\\s\\S]*Observation/[\\s\\S]*made by [\\s\\S]*ORU[\\s\\S]*MSH\\|`));
    const { out } = await explain('measurement', String(row?.id), '--json');
    const { resource, message } = JSON.parse(out);
    expect(resource.type).toBe('Observation');
    expect(Buffer.from(message.content, 'base64')).toEqual(readFileSync(fixture('hl7v2', 'us-oru-r01-cbc.hl7')));
  });

  it('leads from a row to the bundle it came with', async () => {
    await imported(fixture('fhir', 'diabetes-follow-up.json'));
    const [row] = await database.query<{ id: number }>('SELECT min(person_id) AS id FROM cdm.person');
    expect((await explain('person', String(row?.id))).out).toContain('which came as FHIR in');
  });

  it('refuses a table or row that is not there', async () => {
    const cases = [
      ['persons', '1', 'explain-unknown-table'],
      ['concept', '1', 'explain-unknown-table'],
      ['person', '999999', 'explain-no-row'],
      ['person', 'seven', 'explain-id-malformed'],
      ['person', '-1', 'explain-id-malformed'],
      ['person; drop table', '1', 'explain-unknown-table'],
    ];
    for (const [table = '', id = '', code] of cases) {
      const answer = await explain(table, id);
      expect([answer.code, codesOf(answer.said)]).toEqual([1, [code]]);
    }
  });
});

describe('vocabulary load', () => {
  it('makes a release active; a broken one names file and line and leaves the old one active', async () => {
    const environment = { POLYSEME_DATABASE_URL: fresh.url, POLYSEME_DATA_DIR: join(dir.path, 'vocabulary-data') };
    const load = (path: string, ...args: readonly string[]) => ran(['vocabulary', 'load', path, ...args], environment);
    const first = await load(fixture('vocabulary', 'tiny'), '--json');
    expect([first.code, first.said]).toEqual([0, expect.anything()]);
    const concepts = () => database.query('SELECT count(*)::int AS n, min(concept_name) AS name FROM cdm.concept');
    const before = [await concepts(), readFileSync(join(environment.POLYSEME_DATA_DIR, 'vocabulary', 'active.json'), 'utf8')];
    using broken = folder();
    for (const name of readdirSync(fixture('vocabulary', 'tiny'))) {
      const text = readFileSync(fixture('vocabulary', 'tiny', name), 'utf8');
      writeFileSync(
        join(broken.path, name),
        name === 'CONCEPT.csv' ? text.replace(/^(\S+)\t([^\t]*)\t/gm, (all, id, rest, at) => (at > 300 ? `x${id}\t${rest}\t` : all)) : text,
      );
    }
    const refused = await load(broken.path);
    expect([refused.code, refused.said]).toEqual([1, expect.stringMatching(/CONCEPT\.csv:\d+/)]);
    const missing = await load(join(dir.path, 'not-there'));
    expect([missing.code, missing.said]).toEqual([1, expect.stringContaining('cure:')]);
    expect(missing.said).not.toContain('internal');
    expect([await concepts(), readFileSync(join(environment.POLYSEME_DATA_DIR, 'vocabulary', 'active.json'), 'utf8')]).toEqual(before);
  });
});

describe('token', () => {
  it('is printed once, listed by name, stored hashed, and ends when revoked', async () => {
    const token = (...args: readonly string[]) =>
      ran(['token', ...args], { POLYSEME_DATABASE_URL: fresh.url, POLYSEME_DATA_DIR: dir.path });
    const made = await token('create', 'reporting');
    expect([made.code, made.out]).toEqual([0, expect.stringMatching(/^polyseme_[\w-]{43}$/)]);
    const list = await token('list');
    expect(list.out).toMatch(/1 +reporting/);
    expect(list.out + list.said).not.toContain(made.out);
    const [dump] = await database.query<{ text: string }>(`SELECT string_agg(t::text, ' ') AS text FROM ops.access_token t`);
    expect(dump?.text).not.toContain(made.out);
    expect((await token('revoke', '1')).code).toBe(0);
    for (const id of ['1', '2', 'reporting']) expect((await token('revoke', id)).code).toBe(1);
    expect(JSON.parse((await token('list', '--json')).out)).toMatchObject([{ name: 'reporting', revokedAt: expect.any(String) }]);
  });
});
