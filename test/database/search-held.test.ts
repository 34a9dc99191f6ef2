/** Searches of Bundles by the resource that they begin with: `composition` and `message` (http://hl7.org/fhir/R4/bundle.html#search). */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Database, openDatabase } from '../../services/database/connect.ts';
import { referrersOf } from '../../services/database/resources/referrers.ts';
import { searchResources } from '../../services/database/search/search.ts';
import { searchParameters } from '../../services/fhir/parameters.ts';
import { referrerHashes } from '../../services/fhir/referrers.ts';
import type { JsonObject } from '../../services/fhir/resource.ts';
import { indexRows } from '../../services/fhir/search/index.ts';
import { valuesOfParameter } from '../../services/fhir/search/match.ts';
import { parseSearch } from '../../services/fhir/search/parse.ts';
import { referenceOf, tokensOf } from '../../services/fhir/search/values.ts';
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

const idsOf = async (type: string, text: string, total: 'none' | 'accurate'): Promise<readonly string[]> => {
  const query = parseSearch(type, [...new URLSearchParams(text)], { base });
  if (!query.ok) throw new Error(query.problems.map(({ code }) => code).join());
  const found = await searchResources(db, { ...query.value, total }, { base });
  const ids = found.resources.map(({ id }) => id).sort();
  if (total === 'accurate') expect(found.total, text).toBe(ids.length);
  return ids;
};
const clean = (type: string, text: string): Promise<readonly string[]> => idsOf(type, text, 'accurate');

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

/** Searches of a type by the values of a resource itself: each parameter with what its kind can be asked with. */
function searchesBy(resource: Stored): readonly string[] {
  return [...searchParameters(resource.resourceType).values()].flatMap((parameter) => {
    const [found] = valuesOfParameter(resource, parameter, {});
    const { name, kind } = parameter;
    const ask = (texts: readonly string[], modifiers: readonly string[], prefixes: readonly string[] = ['']): readonly string[] =>
      texts.flatMap((text) => modifiers.flatMap((each) => prefixes.map((prefix) => `${name}${each}=${encodeURIComponent(prefix + text)}`)));
    const missing = [`${name}:missing=true`, `${name}:missing=false`];
    if (found === undefined) return missing;
    const text = String(found.value);
    const codes = tokensOf(found.value, found.path).flatMap(({ system, code }) => [code, `${system}|${code}`]);
    const day = typeof found.value === 'string' ? text.slice(0, 10) : '2024-01-02';
    const reference = referenceOf(found.value, {});
    switch (kind) {
      case 'token':
        return [...missing, ...ask(codes, ['', ':not']), ...ask(['s'], [':text'])];
      case 'reference':
        return [...missing, ...ask([reference, reference.slice(reference.indexOf('/') + 1), 'Patient/none'], [''])];
      case 'date':
        return [...missing, ...ask([day], [''], ['', 'ge', 'ne'])];
      case 'string':
        return [...missing, ...ask([text.slice(0, 3)], ['', ':contains']), ...ask([text], [':exact'])];
      default:
        return [...missing, ...ask([text], ['', ':below', ':above'])];
    }
  });
}

const many: readonly Stored[] = Array.from({ length: 6 }, (_, i): readonly Stored[] => [
  {
    ...composition(`k${i}`, `Patient/p${1 + (i % 2)}`, {
      meta: { profile: [`http://a.example/${i % 2}`], tag: [{ system: 'urn:t', code: `t${i % 3}` }] },
      status: i % 2 === 0 ? 'final' : 'amended',
      date: `2024-0${1 + (i % 3)}-02`,
      title: i % 3 === 0 ? 'Letter' : 'Summary',
      ...(i % 2 === 0 ? { category: [{ coding: [{ system: 'urn:c', code: 'a' }], text: 'sad' }], confidentiality: 'R' } : {}),
      ...(i % 3 === 0
        ? {
            encounter: { reference: 'Encounter/e' },
            identifier: { system: 'urn:i', value: `i${i}` },
            event: [{ code: [{ coding: [{ code: 'x' }] }], period: { start: '2024-01-02', end: '2024-02-01' } }],
          }
        : {}),
      attester: [{ mode: 'legal', party: { reference: `Practitioner/d${i % 2}` } }],
      relatesTo: [{ code: 'replaces', targetReference: { reference: 'Composition/k0' } }],
      section: [{ code: { coding: [{ code: `s${i % 2}` }] }, entry: [{ reference: `Condition/c${i}` }] }],
    }),
    resourceType: 'Composition',
    id: `k${i}`,
  },
  {
    resourceType: 'MessageHeader',
    id: `m${i}`,
    ...(i % 2 === 0 ? { eventUri: 'urn:e:0' } : { eventCoding: { system: 'urn:events', code: 'a' } }),
    source: { name: `Ward ${i % 2}`, endpoint: `http://w.example/${i % 3}` },
    destination: [{ name: 'Lab', endpoint: 'urn:lab', receiver: { reference: `Organization/o${i % 2}` } }],
    ...(i % 3 === 0 ? { response: { identifier: 'r1', code: 'ok' }, focus: [{ reference: 'Patient/p1' }] } : {}),
    sender: { reference: 'Organization/o' },
  },
]).flat();

test('a parameter of what a Bundle begins with finds the Bundles of those that it finds by itself', async () => {
  for (const each of many) {
    const around = bundle(each.id, each.resourceType === 'Composition' ? 'document' : 'message', held(each));
    for (const stored of [each, around])
      await write(db, [stored], { index: indexRows(stored, { base }), oldIndex: undefined, rows: rowsOnly([]) });
  }
  const ids = async (type: string, text: string): Promise<readonly string[]> =>
    (await idsOf(type, `${text}&_count=1000`, 'none')).filter((id) => /^[km]\d$/.test(id));
  for (const [name, type] of [
    ['composition', 'Composition'],
    ['message', 'MessageHeader'],
  ] as const) {
    const own = many.filter(({ resourceType }) => resourceType === type);
    const asked = new Set(own.slice(0, 2).flatMap(searchesBy));
    expect(asked.size).toBeGreaterThan(50);
    for (const text of asked) {
      const found = await ids('Bundle', `${name}.${text}`);
      // Bundles that begin with nothing of the type answer what asks for an absence.
      expect(
        found.filter((id) => own.some((each) => each.id === id)),
        text,
      ).toEqual(await ids(type, text));
    }
  }
});
