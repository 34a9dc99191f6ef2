import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Database, openDatabase } from '../../services/database/connect.ts';
import { type SearchOptions, searchResources } from '../../services/database/search/search.ts';
import { RARE } from '../../services/database/search/sources.ts';
import type { Resource } from '../../services/fhir/resource.ts';
import { indexRows } from '../../services/fhir/search/index.ts';
import { matches } from '../../services/fhir/search/match.ts';
import { parseSearch } from '../../services/fhir/search/parse.ts';
import type { SearchQuery } from '../../services/fhir/search/query.ts';
import { type FreshDatabase, freshDatabase } from '../fresh-database.ts';
import { rowsOnly, type Stored, write } from './sample.ts';

let fresh: FreshDatabase;
let db: Database;
const stored = new Map<string, Stored>();

const store = async (resources: readonly Stored[]): Promise<void> => {
  for (const resource of resources) {
    const old = stored.get(`${resource.resourceType}/${resource.id}`);
    await write(db, [resource], {
      index: indexRows(resource),
      oldIndex: old === undefined ? undefined : indexRows(old),
      rows: rowsOnly([]),
    });
    stored.set(`${resource.resourceType}/${resource.id}`, resource);
  }
};

const observation = (i: number): Stored => ({
  resourceType: 'Observation',
  id: `o${i}`,
  status: i % 5 === 0 ? 'amended' : 'final',
  code: { coding: [{ system: 'http://loinc.org', code: `code-${i % 3}` }] },
  subject: { reference: `Patient/p${i % 4}` },
  ...(i % 7 === 0
    ? {}
    : i % 11 === 0
      ? { effectivePeriod: { start: '2020-01-01', end: `2020-0${(i % 8) + 1}-15` } }
      : { effectiveDateTime: `2020-0${(i % 9) + 1}-1${i % 10}` }),
});
const patient = (i: number): Stored => ({
  resourceType: 'Patient',
  id: `p${i}`,
  name: [{ family: `Fam${i}ly`, given: [`Änn${i}`] }],
  birthDate: `19${50 + i}-01-0${i + 1}`,
  identifier: [{ system: 'urn:s', value: `id-${i}` }],
});

beforeAll(async () => {
  fresh = await freshDatabase();
  db = openDatabase(fresh.url, { max: 4 });
  await store([...Array.from({ length: 8 }, (_, i) => patient(i)), ...Array.from({ length: 90 }, (_, i) => observation(i))]);
  await store([{ ...observation(3), status: 'corrected' }]);
  await write(db, [observation(4)], { delete: true, oldIndex: indexRows(observation(4)) });
  stored.delete('Observation/o4');
});
afterAll(async () => {
  await db.close();
  await fresh.drop();
});

function query(type: string, text: string): SearchQuery {
  const parsed = parseSearch(type, [...new URLSearchParams(text)], {});
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
  return parsed.value;
}
async function all(asked: SearchQuery, options: SearchOptions = {}): Promise<readonly Resource[]> {
  const out: Resource[] = [];
  let page: string | undefined;
  for (let pages = 0; pages < 200; pages++) {
    const found = await searchResources(db, { ...asked, page }, options);
    expect(found.resources.length).toBeLessThanOrEqual(asked.count);
    out.push(...found.resources.map((each): Resource => JSON.parse(each.body)));
    page = found.nextPage;
    if (page === undefined) return out;
  }
  throw new Error('pages without end');
}
const ids = (resources: readonly Resource[]): readonly string[] => resources.map((each) => String(each.id));
const naive = (asked: SearchQuery): readonly string[] => ids([...stored.values()].filter((each) => matches(asked, each))).toSorted();

describe('search', () => {
  test.each([
    ['Patient', ''],
    ['Patient', '_id=p1,p2,none'],
    ['Patient', 'identifier=urn:s|id-3'],
    ['Patient', 'family=fam'],
    ['Patient', 'name=ann7'],
    ['Patient', 'birthdate=lt1953'],
    ['Observation', 'patient=Patient/p1'],
    ['Observation', 'patient=p1&code=http://loinc.org|code-1'],
    ['Observation', 'code=code-0,code-2&status=amended'],
    ['Observation', 'date=2020-03'],
    ['Observation', 'date=ge2020-03&date=lt2020-06'],
    ['Observation', 'date=sa2020-05,eb2020-02-01'],
    ['Observation', 'date=ne2020-03-12'],
    ['Observation', 'date=ap2020-03-12'],
    ['Observation', 'status=nothing'],
    ['Observation', '_lastUpdated=gt2000'],
    ['Observation', '_lastUpdated=lt2000'],
    ['Encounter', ''],
  ])('%s?%s finds what a look at every resource finds, in pages of any size', async (type, text) => {
    for (const count of [1, 7, 100]) {
      const asked = query(type, `${text}${text === '' ? '' : '&'}_count=${count}`);
      const found = await all(asked);
      const expected = text.startsWith('_lastUpdated=gt')
        ? ids([...stored.values()].filter((each) => each.resourceType === type)).toSorted()
        : naive(asked);
      expect(ids(found).toSorted()).toEqual(expected);
      const { total, resources } = await searchResources(db, { ...asked, count: 0 });
      expect([total, resources]).toEqual([expected.length, []]);
    }
  });

  test('newest first by default; by id and by date when asked, those without the date last', async () => {
    const byDate = (descending: boolean) => async () => {
      const found = await all(query('Observation', `_sort=${descending ? '-' : ''}date&_count=7`));
      const keys = found.map((each) => {
        const period = each['effectivePeriod'];
        return typeof each['effectiveDateTime'] === 'string' ? each['effectiveDateTime'] : period === undefined ? undefined : '2020-01-01';
      });
      const dated = keys.filter((key) => key !== undefined);
      expect(dated).toEqual(dated.toSorted((a, b) => (a === b ? 0 : a < b === descending ? 1 : -1)));
      expect(keys.slice(dated.length).every((key) => key === undefined)).toBe(true);
      expect(new Set(ids(found)).size).toBe(89);
    };
    expect(ids(await all(query('Observation', '_count=100'))).slice(0, 3)).toEqual(['o3', 'o89', 'o88']);
    expect(ids(await all(query('Observation', '_sort=_lastUpdated&_count=100'))).at(-1)).toBe('o3');
    expect(ids(await all(query('Observation', '_sort=_id&_count=9')))).toEqual(naive(query('Observation', '')));
    expect(ids(await all(query('Observation', '_sort=-_id&_count=9&patient=p1')))).toEqual(
      naive(query('Observation', 'patient=p1')).toReversed(),
    );
    await byDate(true)();
    await byDate(false)();
  });

  test('property: any clauses, any order, any page size, rare or not', async () => {
    const clause = fc.constantFrom(
      'patient=p0,p1',
      'patient=p2',
      'code=code-1',
      'status=final',
      'status:not-a=x',
      'date=ge2020-04',
      'date=lt2020-08-15',
      'date=gt2020-01-10',
      '_id=o1,o2,o30',
    );
    const sort = fc.constantFrom('', '_sort=date', '_sort=-date', '_sort=_id', '_sort=_lastUpdated', '_sort=-_lastUpdated');
    await fc.assert(
      fc.asyncProperty(fc.uniqueArray(clause, { maxLength: 3 }), sort, fc.integer({ min: 1, max: 60 }), async (clauses, order, count) => {
        const asked = query(
          'Observation',
          [...clauses.filter((each) => !each.includes(':')), order, `_count=${count}`].filter((each) => each !== '').join('&'),
        );
        const found = ids(await all(asked));
        expect(new Set(found).size).toBe(found.length);
        expect(found.toSorted()).toEqual(naive(asked));
      }),
      { numRuns: 60 },
    );
  });

  test('pages are not disturbed by writes between them', async () => {
    const asked = query('Observation', 'code=code-1&_count=5');
    const before = ids(await all(asked));
    const first = await searchResources(db, asked);
    await store([{ ...observation(1000), id: 'new', code: { coding: [{ system: 'http://loinc.org', code: 'code-1' }] } }]);
    const rest: string[] = [];
    for (let page = first.nextPage; page !== undefined; ) {
      const next = await searchResources(db, { ...asked, page });
      rest.push(...next.resources.map((each) => each.id));
      page = next.nextPage;
    }
    expect([...first.resources.map((each) => each.id), ...rest]).toEqual(before);
    await write(db, [stored.get('Observation/new') ?? observation(1)], {
      delete: true,
      oldIndex: indexRows(stored.get('Observation/new') ?? observation(1)),
    });
    stored.delete('Observation/new');
  });

  test('a hash collision never returns a wrong resource, and never hides a right one', async () => {
    const right = query('Observation', 'patient=p1&_count=3');
    const collide = (asked: SearchQuery): SearchQuery => ({
      ...asked,
      clauses: asked.clauses.map((each) =>
        each.kind === 'reference'
          ? {
              ...each,
              hashes: [
                ...each.hashes,
                ...query('Observation', 'patient=p2').clauses.flatMap((c) => (c.kind === 'reference' ? c.hashes : [])),
              ],
            }
          : each,
      ),
    });
    const found = await all(collide(right));
    expect(ids(found).toSorted()).toEqual(naive(right));
  });

  test('a cursor continues its own query only', async () => {
    const first = await searchResources(db, query('Observation', 'patient=p1&_count=2'));
    const page = first.nextPage ?? '';
    await expect(searchResources(db, { ...query('Observation', 'patient=p2&_count=2'), page })).rejects.toThrow('search-page-invalid');
    for (const bad of [
      '',
      'x',
      Buffer.from('[]').toString('base64url'),
      Buffer.from('["a",1,{"$ne":1},2]').toString('base64url'),
      `${page}x`,
    ]) {
      await expect(searchResources(db, { ...query('Observation', 'patient=p1&_count=2'), page: bad })).rejects.toThrow(
        'search-page-invalid',
      );
    }
  });

  test('a search that takes too long ends with its own error', async () => {
    const slow = { ...query('Observation', '_count=5'), total: 'accurate' } as const;
    await expect(db.snapshot((tx) => tx.query('SELECT pg_sleep(5)::text'), { timeoutMs: 20 })).rejects.toThrow('search-too-costly');
    await expect(searchResources(db, slow, { timeoutMs: 60_000 })).resolves.toMatchObject({ total: 89 });
  });

  test('dense clauses are walked, not collected: more candidates than are called rare', async () => {
    const many = RARE + 50;
    await db.query(
      `INSERT INTO fhir.resource (rid, resource_key, type, id, version, updated, deleted, hash, body, spec)
       SELECT nextval('fhir.rid'), nextval('fhir.resource_key'), r.type, 'bulk' || n, 1, now(), false, '', replace(r.body, '"o1"', '"bulk' || n || '"'), ''
       FROM fhir.resource r, generate_series(1, $1) n WHERE r.id = 'o1'`,
      [many],
    );
    await db.query(
      `INSERT INTO fhir.tok SELECT t.h, b.rid FROM fhir.tok t JOIN fhir.resource o ON o.rid = t.rid AND o.id = 'o1', fhir.resource b WHERE b.id LIKE 'bulk%'`,
    );
    await db.query(
      `INSERT INTO fhir.dt SELECT d.p, d.lo, d.hi, b.rid FROM fhir.dt d JOIN fhir.resource o ON o.rid = d.rid AND o.id = 'o1', fhir.resource b WHERE b.id LIKE 'bulk%'`,
    );
    for (const text of [
      'code=code-1&status=final',
      'code=code-1&status=amended',
      'code=code-1&date=2020-02&_sort=-date',
      'date=ge2020-01&_sort=date',
      'date=ge2020-01',
      '_sort=_id&code=code-1',
    ]) {
      const asked = query('Observation', `${text}&_count=300`);
      const found = ids(await all(asked));
      const bulk = found.filter((id) => id.startsWith('bulk')).length;
      expect(bulk).toBe(text.includes('amended') ? 0 : many);
      expect(new Set(found).size).toBe(found.length);
      expect(found.filter((id) => !id.startsWith('bulk')).toSorted()).toEqual(naive(asked));
    }
    // What is rare now was not when the page began: the cursor is read all the same.
    const asked = query('Observation', 'code=code-1&status=final&_count=10');
    const first = await searchResources(db, asked);
    await db.query("DELETE FROM fhir.tok WHERE rid IN (SELECT rid FROM fhir.resource WHERE id LIKE 'bulk%')");
    await db.query("DELETE FROM fhir.resource WHERE id LIKE 'bulk%'");
    const rest: string[] = [];
    for (let page = first.nextPage; page !== undefined; ) {
      const next = await searchResources(db, { ...asked, page });
      rest.push(...next.resources.map((each) => each.id));
      page = next.nextPage;
    }
    expect(rest.toSorted()).toEqual(naive(asked));
  });
});
