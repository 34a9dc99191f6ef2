import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Database, openDatabase } from '../../services/database/connect.ts';
import { referrersAfter } from '../../services/database/resources/everything.ts';
import { keysReferringTo } from '../../services/database/resources/merges.ts';
import { referrersOf } from '../../services/database/resources/referrers.ts';
import { typeNumber } from '../../services/database/resources/resources.ts';
import { DEFINITIONS, refreshParameters } from '../../services/database/search/parameters.ts';
import { orderReindex, reindexAll, reindexNext } from '../../services/database/search/reindex.ts';
import { searchResources } from '../../services/database/search/search.ts';
import { setCustomParameters } from '../../services/fhir/parameters.ts';
import { referrerHashes } from '../../services/fhir/referrers.ts';
import { indexRows } from '../../services/fhir/search/index.ts';
import { parseSearch } from '../../services/fhir/search/parse.ts';
import { type FreshDatabase, freshDatabase } from '../fresh-database.ts';
import { rowsOnly, type Stored, write, writeIn } from './sample.ts';

let fresh: FreshDatabase;
let db: Database;
const EXTENSION = 'http://example.org/eye-colour';

// As the pipeline does, rows are made anew when the transaction runs again.
const store = (resource: Stored, over: { readonly delete?: boolean } = {}): Promise<unknown> =>
  db.transaction((tx) =>
    writeIn(tx, [resource], { index: indexRows(resource), oldIndex: indexRows(resource), rows: rowsOnly([]), ...over }),
  );
const person = (i: number): Stored => ({
  resourceType: 'Patient',
  id: `p${i}`,
  gender: 'male',
  extension: [{ url: EXTENSION, valueCode: i % 2 === 0 ? 'blue' : 'green' }],
});
const eyes: Stored = {
  resourceType: 'SearchParameter',
  id: 'eyes',
  url: 'http://example.org/SearchParameter/eyes',
  name: 'eyes',
  status: 'active',
  description: 'colour of the eyes',
  code: 'eyes',
  base: ['Patient'],
  type: 'token',
  expression: `Patient.extension('${EXTENSION}').value.ofType(code)`,
};
async function count(text: string): Promise<number> {
  await refreshParameters(db);
  const query = parseSearch('Patient', [...new URLSearchParams(text)]);
  if (!query.ok) throw new Error(query.problems.map(({ code }) => code).join());
  return (await searchResources(db, { ...query.value, count: 1000 })).resources.length;
}

beforeAll(async () => {
  fresh = await freshDatabase();
  db = openDatabase(fresh.url, { max: 3 });
  for (let i = 0; i < 450; i++) await store(person(i));
});
afterAll(async () => {
  setCustomParameters(new Map());
  await db.close();
  await fresh.drop();
});

test('a SearchParameter is refused while its index is built, goes on where it ended, and finds everything then', async () => {
  await expect(count('eyes=blue')).rejects.toThrow('fhir-search-parameter');
  await store(eyes);
  await expect(count('eyes=blue')).rejects.toThrow('search-building');
  await expect(count('gender=male')).resolves.toBe(450);
  expect(await reindexNext(db)).toBe(200);
  await expect(count('eyes:missing=false')).rejects.toThrow('search-building');
  await expect(count('_sort=eyes')).rejects.toThrow('search-building');
  // Whoever is killed here leaves a job that another process goes on with.
  await store(person(1000));
  await store({ ...person(1), gender: 'female' });
  const other = openDatabase(fresh.url, { max: 1 });
  await reindexAll(other);
  await other.close();
  await expect(count('eyes=blue')).resolves.toBe(226);
  await expect(count('eyes=green')).resolves.toBe(225);
  await expect(count('eyes:missing=true')).resolves.toBe(0);
  await expect(count('eyes:not=blue&gender=female')).resolves.toBe(1);
});

test('a second parameter, written while this process has not read the first, gets its job too', async () => {
  await store({ ...eyes, id: 'born', code: 'born', type: 'date', expression: 'Patient.birthDate' });
  await store({ ...eyes, id: 'sex', code: 'sex', expression: 'Patient.gender' });
  await expect(count('sex=male')).rejects.toThrow('search-building');
  await reindexAll(db);
  await expect(count('sex=male')).resolves.toBe(450);
  // Rows made before a set was changed are made again, whoever changed it meanwhile.
  const stale = indexRows(person(2000));
  await store({ ...eyes, id: 'sex', code: 'sex', expression: 'Patient.birthDate', type: 'date' });
  await refreshParameters(db);
  await expect(write(db, [person(2000)], { index: stale, oldIndex: undefined, rows: rowsOnly([]) })).rejects.toThrow('database-busy');
  await store({ ...eyes, id: 'sex' }, { delete: true });
  await store({ ...eyes, id: 'born' }, { delete: true });
});

test('a changed expression is built anew; a parameter that is gone is unknown', async () => {
  await store({ ...eyes, expression: 'Patient.gender' });
  await expect(count('eyes=male')).rejects.toThrow('search-building');
  await reindexAll(db);
  await expect(count('eyes=male')).resolves.toBe(450);
  await store(eyes, { delete: true });
  await expect(count('eyes=male')).rejects.toThrow('fhir-search-parameter');
});

test('a parameter that is gone leaves no rows of the index, and what it referred to is found before a deletion again', async () => {
  const rowsOf = async (): Promise<unknown> =>
    Promise.all(
      ['tok', 'str', 'dt', 'present'].map((table) =>
        db.query(
          `SELECT i::text AS row FROM fhir.${table} i JOIN fhir.resource r ON r.rid = i.rid WHERE r.type = $1 AND NOT r.deleted ORDER BY 1`,
          [typeNumber('Patient')],
        ),
      ),
    );
  await store({
    ...person(3),
    extension: [
      { url: EXTENSION, valueCode: 'grey' },
      { url: 'urn:seen-at', valueReference: { reference: 'Location/1' } },
    ],
  });
  await reindexAll(db);
  const before = await rowsOf();
  await store(eyes);
  await store({
    ...eyes,
    id: 'seen',
    code: 'seen',
    type: 'reference',
    expression: "Patient.extension('urn:seen-at').value.ofType(Reference)",
  });
  await reindexAll(db);
  await expect(count('eyes=grey')).resolves.toBe(1);
  await expect(count('seen=Location/1')).resolves.toBe(1);
  expect(await rowsOf()).not.toEqual(before);
  await store({ ...eyes, id: 'seen', code: 'seen' }, { delete: true });
  await store(eyes, { delete: true });
  await reindexAll(db);
  expect(await rowsOf()).toEqual(before);
});

test('while the index forgets a parameter, whoever must see every reference waits: only that parameter knew of some', async () => {
  const seenAt = { url: 'urn:seen-at', valueReference: { reference: 'Location/7' } };
  const seen: Stored = { ...eyes, id: 'seen', code: 'seen', type: 'reference' };
  await store({ ...seen, expression: "Patient.extension('urn:seen-at').value.ofType(Reference)" });
  await reindexAll(db);
  await store({ ...person(5), extension: [seenAt] });
  const asked = { hashes: referrerHashes('Location', '7'), types: undefined, sinceMs: undefined, after: 0, count: 10 };
  expect(await referrersAfter(db, asked)).toHaveLength(1);
  await store(seen, { delete: true });
  await refreshParameters(db);
  const now = referrerHashes('Location', '7');
  await expect(referrersAfter(db, { ...asked, hashes: now })).rejects.toThrow('search-building');
  await expect(keysReferringTo(db, now)).rejects.toThrow('search-building');
  await expect(db.transaction((tx) => referrersOf(tx, now, []))).rejects.toThrow('search-building');
  await expect(count('gender=male')).resolves.toBe(450);
  await reindexAll(db);
  expect(await referrersAfter(db, { ...asked, hashes: now })).toHaveLength(1);
  expect((await db.transaction((tx) => referrersOf(tx, now, []))).count).toBe(1);
  // A parameter of another kind hides none.
  await store(eyes);
  await reindexAll(db);
  await store(eyes, { delete: true });
  expect(await keysReferringTo(db, now)).toHaveLength(1);
  await reindexAll(db);
});

test('what the compiler does not understand is refused; what R4 has already stays as R4 has it', async () => {
  await expect(store({ ...eyes, id: 'wrong', code: 'wrong', expression: 'Patient.name.select(family + given)' })).rejects.toThrow(
    'fhir-search-expression',
  );
  await expect(store({ ...eyes, id: 'none', code: 'none', expression: 'Patient.colour' })).rejects.toThrow('fhir-search-expression');
  await store({ ...eyes, id: 'gender', code: 'gender', expression: 'Patient.colour' });
  await store({ ...eyes, id: 'draft', code: 'draft', status: 'draft' });
  await expect(count('gender=male')).resolves.toBe(450);
  await expect(count('draft=x')).rejects.toThrow('fhir-search-parameter');
});

test('after an upgrade of the definitions every search is refused until all is indexed again', async () => {
  await db.query("UPDATE fhir.search_state SET definitions = 'older'");
  await db.query('DELETE FROM fhir.tok');
  await expect(count('gender=male')).rejects.toThrow('search-building');
  await reindexAll(db);
  await expect(count('gender=male')).resolves.toBe(450);
  expect(await db.query('SELECT definitions FROM fhir.search_state')).toEqual([{ definitions: DEFINITIONS }]);
});

const stateOf = async (): Promise<unknown> => (await db.query('SELECT definitions FROM fhir.search_state'))[0];
const openJobs = (): Promise<readonly unknown[]> =>
  db.query('SELECT type FROM fhir.reindex_job WHERE finished_at IS NULL AND code IS NULL AND removed IS NULL ORDER BY id');

/** As an older version left it, which had `more` among the slots of Patients, and not `less`. */
async function asOlder(more: string, less: string): Promise<void> {
  const [row] = await db.query<{ readonly slots: string }>('SELECT slots FROM fhir.search_definition WHERE type = $1', [
    typeNumber('Patient'),
  ]);
  const slots: Record<string, string> = JSON.parse(row?.slots ?? '{}');
  delete slots[less];
  await db.query('UPDATE fhir.search_definition SET slots = $2 WHERE type = $1', [
    typeNumber('Patient'),
    JSON.stringify(more === '' ? slots : { ...slots, [more]: 'x' }),
  ]);
  await db.query("UPDATE fhir.search_definition SET definitions = 'older'");
  await db.query("UPDATE fhir.search_state SET definitions = 'older'");
}

test('after an upgrade that changes one type, that one alone is indexed again; searches that do not look at it go on', async () => {
  await store({
    resourceType: 'Observation',
    id: 'o1',
    status: 'final',
    code: { text: 'x' },
    subject: { reference: 'Patient/p1' },
  });
  const observations = async (text: string): Promise<number> => {
    const query = parseSearch('Observation', [...new URLSearchParams(text)]);
    if (!query.ok) throw new Error(query.problems.map(({ code }) => code).join());
    return (await searchResources(db, query.value)).resources.length;
  };
  const ridOf = `(SELECT max(rid) FROM fhir.resource WHERE type = ${typeNumber('Patient')} AND NOT deleted)`;
  await db.query(`INSERT INTO fhir.tok (h, rid) SELECT 42, ${ridOf}`);
  const males = await count('gender=male');
  await asOlder('Patient.shoeSize:token:code', 'Patient.gender:token:code');
  // Nothing is found before it is known what has changed.
  await expect(observations('status=final')).rejects.toThrow('search-building');
  await expect(orderReindex(db)).resolves.toBe(true);
  expect(await openJobs()).toEqual([{ type: typeNumber('Patient') }]);
  expect(await db.query('SELECT FROM fhir.tok WHERE h = 42')).toEqual([]);
  expect(await reindexNext(db)).toBe(200);
  for (const [type, text] of [
    ['Patient', 'gender=male'],
    ['Patient', '_has:Observation:patient:status=final'],
  ] as const)
    await expect(count(text), type).rejects.toThrow('search-building');
  for (const text of ['patient.gender=male', '_revinclude=*', 'status=final&_revinclude=Patient:link'])
    await expect(observations(text), text).rejects.toThrow('search-building');
  // What is asked of all types waits for each: half a record would be taken for the whole.
  const everything = { hashes: referrerHashes('Patient', 'p1'), types: undefined, sinceMs: undefined, after: 0, count: 10 };
  await expect(referrersAfter(db, everything)).rejects.toThrow('search-building');
  await expect(keysReferringTo(db, everything.hashes)).rejects.toThrow('search-building');
  for (const text of ['status=final', 'patient=p1', 'status=final&_include=Observation:patient'])
    await expect(observations(text), text).resolves.toBe(1);
  // Killed here; another process goes on. What is written meanwhile is found.
  await store(person(4000));
  await store({ ...person(1), gender: 'male' });
  const other = openDatabase(fresh.url, { max: 1 });
  await reindexAll(other);
  await other.close();
  expect(await stateOf()).toEqual({ definitions: DEFINITIONS });
  expect(await openJobs()).toEqual([]);
  await expect(count('gender=male')).resolves.toBe(males + 2);
  await expect(observations('patient.gender=male')).resolves.toBe(1);
  expect((await referrersAfter(db, everything)).map(({ id }) => id)).toEqual(['o1']);
  await expect(keysReferringTo(db, everything.hashes)).resolves.toHaveLength(1);
});

test('an upgrade that only adds takes nothing away; one that changes nothing of what is stored indexes nothing', async () => {
  await db.query(
    `INSERT INTO fhir.tok (h, rid) SELECT 42, max(rid) FROM fhir.resource WHERE type = ${typeNumber('Patient')} AND NOT deleted`,
  );
  await asOlder('', 'Patient.gender:token:code');
  await orderReindex(db);
  expect(await openJobs()).toHaveLength(1);
  expect(await db.query('SELECT FROM fhir.tok WHERE h = 42')).toHaveLength(1);
  await reindexAll(db);
  await db.query("UPDATE fhir.search_definition SET definitions = 'older'");
  await db.query("UPDATE fhir.search_state SET definitions = 'older'");
  await expect(orderReindex(db)).resolves.toBe(true);
  expect(await openJobs()).toEqual([]);
  expect(await stateOf()).toEqual({ definitions: DEFINITIONS });
});
