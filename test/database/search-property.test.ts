/**
 * Search answers equal those of a naive reader in memory (naive-search.ts), over random resources and random searches of every kind.
 * Some hundreds here; POLYSEME_SEARCH_QUERIES=20000 and POLYSEME_SEARCH_SEED=… (or POLYSEME_TEST_SEED, also "random") for more and others.
 */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Database, openDatabase } from '../../services/database/connect.ts';
import { searchResources } from '../../services/database/search/search.ts';
import { isResource } from '../../services/fhir/format/json.ts';
import { indexRows } from '../../services/fhir/search/index.ts';
import { parseSearch } from '../../services/fhir/search/parse.ts';
import { terminologyUse } from '../../services/http/terminology/use.ts';
import { entryOf, Library } from '../../terminology/fhir/library.ts';
import { type FreshDatabase, freshDatabase } from '../fresh-database.ts';
import { type Chance, type Condition, chanceOf, type Json, makeResource, one, TYPES } from './naive-resources.ts';
import { conditionFor, hasCondition } from './naive-search.ts';
import { type Compartment, compartmentFor, TERMINOLOGY } from './naive-terms.ts';
import { rowsOnly, write } from './sample.ts';

const QUERIES = Number(process.env['POLYSEME_SEARCH_QUERIES'] ?? 400);
const ASKED_SEED = process.env['POLYSEME_SEARCH_SEED'] ?? process.env['POLYSEME_TEST_SEED'] ?? '20261121';
const SEED = ASKED_SEED === 'random' ? Math.floor(Math.random() * 2 ** 31) : Number(ASKED_SEED);
const COUNTS: Readonly<Record<string, number>> = { Observation: 160, Patient: 40, RiskAssessment: 20, ValueSet: 20 };
// As the door makes them of what is stored.
const library = new Library({ entries: TERMINOLOGY.flatMap((each) => entryOf(JSON.parse(JSON.stringify(each))) ?? []) });
const terms = await terminologyUse(async () => library).searchTerms([]);

let fresh: FreshDatabase;
let db: Database;
const store: Json[] = [];

beforeAll(async () => {
  fresh = await freshDatabase();
  db = openDatabase(fresh.url, { max: 2 });
  const chance = chanceOf(SEED);
  for (const type of TYPES) {
    for (let i = 1; i <= (COUNTS[type] ?? 8); i++) {
      const resource = JSON.parse(JSON.stringify(makeResource(chance, type, String(i))));
      if (!isResource(resource) || resource.id === undefined) throw new Error('not a resource');
      store.push(resource);
      await write(db, [{ ...resource, id: resource.id }], { index: indexRows(resource), oldIndex: undefined, rows: rowsOnly([]) });
    }
  }
});
afterAll(async () => {
  await db.close();
  await fresh.drop();
});

interface Asked {
  readonly type: string;
  readonly conditions: readonly Condition[];
  readonly count: number;
  readonly sort: string | undefined;
  /** Where it is asked in. */
  readonly compartment: Compartment | undefined;
}

function askedBy(chance: Chance): Asked {
  const type = one(chance, ['Observation', 'Observation', ...TYPES]);
  const conditions = Array.from({ length: 1 + Math.floor(chance() * 2.3) }, () => conditionFor(chance, type)).filter(
    (each) => each !== undefined,
  );
  const sort = one(chance, [undefined, undefined, undefined, '_id', '-_id', '_lastUpdated', ...(SORTS[type] ?? [])]);
  return {
    type,
    conditions,
    count: one(chance, [3, 20, 500]),
    sort,
    compartment: chance() < 0.15 ? compartmentFor(chance, type) : undefined,
  };
}
const SORTS: Readonly<Record<string, readonly string[]>> = {
  Observation: ['date', '-date', 'code,-date', '-value-quantity', 'subject,_id'],
  Patient: ['family', '-birthdate', 'gender,-family', 'identifier'],
  RiskAssessment: ['-probability'],
};

/** By turns with a total and without, which are found in different ways; every third as if chains had too many targets to look up beforehand, and two of five as if there were many candidates. */
async function found({ type, conditions, count, sort, compartment }: Asked, turn: number): Promise<readonly string[]> {
  const entries = conditions.map(({ key, value }): [string, string] => [key, value]);
  const asked = [
    ...entries,
    ['_count', String(count)] as const,
    ['_total', turn % 2 === 0 ? 'accurate' : 'none'] as const,
    ...(sort === undefined ? [] : [['_sort', sort] as const]),
  ];
  const query = parseSearch(type, asked, { terms, ...(compartment === undefined ? {} : { compartment }) });
  if (!query.ok) throw new Error(JSON.stringify([query.problems, asked]));
  const ids: string[] = [];
  let total: number | undefined;
  for (let page: string | undefined, pages = 0; pages < 200; pages++) {
    const answer = await searchResources(
      db,
      { ...query.value, page },
      { isLarge: turn % 5 < 2, ...(turn % 3 === 0 ? { mostResolved: 1 } : {}) },
    );
    total ??= answer.total;
    ids.push(...answer.resources.map((each) => each.id));
    page = answer.nextPage;
    if (page === undefined) break;
  }
  expect(total, JSON.stringify(query.value.parameters)).toBe(turn % 2 === 0 ? ids.length : undefined);
  return ids;
}

test(`${QUERIES} random searches find what a naive reader finds (seed ${SEED})`, { timeout: 0 }, async () => {
  const chance = chanceOf(SEED + 1);
  let matched = 0;
  let asked = 0;
  const kinds = new Set<string>();
  while (asked < QUERIES) {
    const query = askedBy(chance);
    if (query.conditions.length === 0) continue;
    asked++;
    const expected = store
      .filter((each) => each['resourceType'] === query.type && (query.compartment?.test(each) ?? true))
      .filter((each) => query.conditions.every(({ test: holds }) => holds(each, store)))
      .map((each) => String(each['id']));
    const ids = await found(query, asked);
    expect(
      ids.toSorted(),
      `${query.compartment === undefined ? '' : `${query.compartment.type}/${query.compartment.id}/`}${query.type}?${query.conditions.map(({ key, value }) => `${key}=${value}`).join('&')}&_sort=${query.sort}`,
    ).toEqual(expected.toSorted());
    matched += expected.length === 0 ? 0 : 1;
    for (const { key } of query.conditions) kinds.add(key.replace(/^_has.*/, '_has').replace(/\..*$/, '.'));
  }
  // Searches that find nothing prove little: many must find something.
  expect(matched / asked).toBeGreaterThan(0.3);
  if (QUERIES > 1000)
    console.log(`${asked} searches, ${matched} found something, ${kinds.size} kinds of condition: ${[...kinds].sort().join(' ')}`);
});

test('a _has answered by its referrers, as where they are many, finds what a naive reader finds', { timeout: 0 }, async () => {
  const chance = chanceOf(SEED + 2);
  let matched = 0;
  for (let asked = 0; asked < Math.max(60, QUERIES / 5); ) {
    const type = one(chance, TYPES);
    const [first, second] = [hasCondition(chance, type, 0), chance() < 0.5 ? conditionFor(chance, type) : undefined];
    if (first === undefined) continue;
    const conditions = second === undefined ? [first] : [first, second];
    const sort = one(chance, [undefined, undefined, '_id', '-_lastUpdated', ...(SORTS[type] ?? [])]);
    // A turn that takes the ways of many candidates, looks nothing up beforehand, and asks for no total.
    const ids = await found({ type, conditions, count: one(chance, [3, 20]), sort, compartment: undefined }, 15);
    const expected = store.filter((each) => each['resourceType'] === type && conditions.every(({ test: holds }) => holds(each, store)));
    expect(ids.toSorted(), `${type}?${conditions.map(({ key, value }) => `${key}=${value}`).join('&')}&_sort=${sort}`).toEqual(
      expected.map((each) => String(each['id'])).toSorted(),
    );
    asked++;
    if (expected.length > 0) matched++;
  }
  expect(matched).toBeGreaterThan(5);
});
