/** Searches of Bundles by the resource that they begin with: `composition` and `message` (http://hl7.org/fhir/R4/bundle.html#search). */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Database, openDatabase } from '../../services/database/connect.ts';
import { referrersOf } from '../../services/database/resources/referrers.ts';
import { searchResources } from '../../services/database/search/search.ts';
import { searchParameters } from '../../services/fhir/parameters.ts';
import { referrerHashes } from '../../services/fhir/referrers.ts';
import type { JsonObject } from '../../services/fhir/resource.ts';
import { indexRows } from '../../services/fhir/search/index.ts';
import { matches } from '../../services/fhir/search/match.ts';
import { parseSearch } from '../../services/fhir/search/parse.ts';
import { type FreshDatabase, freshDatabase } from '../fresh-database.ts';
import { rowsOnly, type Stored, write } from './sample.ts';

const base = 'https://polyseme.example/fhir/R4';
let fresh: FreshDatabase;
let db: Database;

const composition = (id: string, patient: string, more: JsonObject = {}): JsonObject => ({
  resourceType: 'Composition',
  id,
  status: 'final',
  type: { coding: [{ system: 'http://loinc.org', code: '34133-9', display: 'Summary' }] },
  subject: { reference: patient },
  author: [{ reference: 'Practitioner/d' }],
  date: '2024-03-05',
  title: 'Summary of a stay',
  ...more,
});
const bundle = (id: string, type: string, ...entry: readonly JsonObject[]): Stored => ({ resourceType: 'Bundle', id, type, entry });
const held = (resource: JsonObject, fullUrl?: string): JsonObject => ({ ...(fullUrl === undefined ? {} : { fullUrl }), resource });

const STORED: readonly Stored[] = [
  { resourceType: 'Patient', id: 'p1', name: [{ family: 'Weir' }] },
  { resourceType: 'Patient', id: 'p2', name: [{ family: 'Unger' }] },
  { resourceType: 'Composition', id: 'c1', status: 'final' },
  bundle('own', 'document', held(composition('c1', 'Patient/p1'), `${base}/Composition/c1`), held({ resourceType: 'Patient', id: 'p1' })),
  bundle('bare', 'document', held(composition('c2', 'Patient/p2', { status: 'preliminary', date: '2024-04-01' }))),
  bundle('elsewhere', 'document', held(composition('c1', 'Patient/p2'), 'https://other.example/fhir/Composition/c1')),
  bundle('unnamed', 'document', held(composition('c9', 'Patient/p1', { title: 'Other' }), 'urn:uuid:0c3151bd-1cbf-4d64-b04d-cd9187a4c6e0')),
  // The first counts, and of its own type alone.
  bundle('second', 'collection', held({ resourceType: 'Patient', id: 'p1' }), held(composition('c1', 'Patient/p1'))),
  bundle(
    'message',
    'message',
    held({
      resourceType: 'MessageHeader',
      id: 'm1',
      eventCoding: { system: 'urn:events', code: 'admit' },
      source: { name: 'Ward', endpoint: 'urn:ward' },
      author: { reference: 'Practitioner/d' },
      focus: [{ reference: 'Patient/p1' }],
    }),
  ),
  { resourceType: 'Bundle', id: 'empty', type: 'document' },
];

const clean = async (type: string, text: string): Promise<readonly string[]> => {
  const query = parseSearch(type, [...new URLSearchParams(text)], { base });
  if (!query.ok) throw new Error(query.problems.map(({ code }) => code).join());
  const found = await searchResources(db, { ...query.value, total: 'accurate' }, { base });
  const ids = found.resources.map(({ id }) => id).sort();
  expect(found.total, text).toBe(ids.length);
  return ids;
};

beforeAll(async () => {
  fresh = await freshDatabase();
  db = openDatabase(fresh.url, { max: 2 });
  for (const each of STORED) await write(db, [each], { index: indexRows(each, { base }), oldIndex: undefined, rows: rowsOnly([]) });
});
afterAll(async () => {
  await db.close();
  await fresh.drop();
});

test.each([
  ['composition=Composition/c1', ['own']],
  [`composition=${base}/Composition/c1`, ['own']],
  ['composition=c1', ['own']],
  ['composition=https://other.example/fhir/Composition/c1', ['elsewhere']],
  ['composition=urn:uuid:0c3151bd-1cbf-4d64-b04d-cd9187a4c6e0', ['unnamed']],
  ['composition=c2', ['bare']],
  ['message=MessageHeader/m1', ['message']],
  ['composition:missing=true', ['empty', 'message', 'second']],
  ['message:missing=false', ['message']],
  ['composition.patient=Patient/p1', ['own', 'unnamed']],
  ['composition.patient=p2', ['bare', 'elsewhere']],
  ['composition:Composition.patient=p2', ['bare', 'elsewhere']],
  ['composition.subject=Patient/p1', ['own', 'unnamed']],
  ['composition.status=preliminary', ['bare']],
  ['composition.status:not=final&type=document', ['bare', 'empty']],
  ['composition.type=http://loinc.org|34133-9&composition.date=ge2024-04', ['bare']],
  ['composition.type:text=summ', ['bare', 'elsewhere', 'own', 'unnamed']],
  ['composition.title:contains=stay', ['bare', 'elsewhere', 'own']],
  ['composition.title:exact=Other', ['unnamed']],
  ['composition._id=c1', ['elsewhere', 'own']],
  ['composition.patient.name=weir', ['own', 'unnamed']],
  ['composition.patient:Patient.family=unger&type=document', ['bare', 'elsewhere']],
  ['message.event=urn:events|admit', ['message']],
  ['message.source-uri=urn:ward&message.author=Practitioner/d', ['message']],
  ['message.focus:Patient.family=Weir', ['message']],
  ['composition.author=Practitioner/d', ['bare', 'elsewhere', 'own', 'unnamed']],
  ['_filter=composition.status eq preliminary or message.event eq admit', ['bare', 'message']],
  ['_filter=composition.patient.family eq Weir', ['own', 'unnamed']],
])('Bundle?%s', async (text, ids) => {
  await expect(clean('Bundle', text)).resolves.toEqual(ids);
});

test('every parameter of what a Bundle begins with is read, and the index misses nothing that the resource says', () => {
  const own = STORED.find(({ id }) => id === 'own');
  const index = new Set(own && indexRows(own, { base }).tokens);
  for (const [name, type] of [
    ['composition', 'Composition'],
    ['message', 'MessageHeader'],
  ] as const)
    for (const { name: inner, kind } of searchParameters(type).values()) {
      const value = { date: '2024-03-05', number: '1', quantity: '1', reference: 'Patient/p1' }[kind as 'date'] ?? 'final';
      const query = parseSearch('Bundle', [[`${name}.${inner}`, value]], { base });
      expect(query.ok, `${name}.${inner}`).toBe(true);
      const clause = query.ok ? query.value.clauses[0] : undefined;
      if (own === undefined || !query.ok || !matches(query.value, own, { base }) || clause === undefined || !('hashes' in clause)) continue;
      expect(
        clause.hashes.some((hash) => index.has(hash)),
        `${name}.${inner}`,
      ).toBe(true);
    }
});

test('what a Bundle begins with goes along only where it is the same resource, and may be asked by it', async () => {
  const query = parseSearch('Bundle', [...new URLSearchParams('type=document&_include=Bundle:composition')], { base });
  const found = query.ok ? await searchResources(db, query.value, { base }) : undefined;
  expect(found?.included.map(({ type, id }) => `${type}/${id}`)).toEqual(['Composition/c1']);
  await expect(clean('Composition', '_has:Bundle:composition:type=document')).resolves.toEqual(['c1']);
  await expect(clean('Composition', '_has:Bundle:composition:type=message')).resolves.toEqual([]);
});

test('a Bundle that holds a copy does not keep the resource from being deleted; what its resources refer to is kept', async () => {
  const count = (type: string, id: string): Promise<number> =>
    db.transaction(async (tx) => (await referrersOf(tx, referrerHashes(type, id), [])).count);
  await expect(count('Composition', 'c1')).resolves.toBe(0);
  await expect(count('Patient', 'p2')).resolves.toBe(2);
});

test.each(['composition.foo=1', 'composition:Patient.name=x', 'composition.=1', 'message.patient=1'])(
  'what there is not is refused: Bundle?%s',
  (text) => {
    const { ok, problems } = parseSearch('Bundle', [...new URLSearchParams(text)], { base });
    expect([ok, problems[0]?.code]).toEqual([false, 'fhir-search-parameter']);
  },
);
