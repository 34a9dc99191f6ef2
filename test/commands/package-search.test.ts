/** The search parameters of a loaded package are searched by: as the command loads it, as requests see it meanwhile, until it is removed. */
import { gzipSync } from 'node:zlib';
import { Header } from 'tar';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { storePackage } from '../../services/database/resources/packages.ts';
import { reindexNext } from '../../services/database/search/reindex.ts';
import { setCustomParameters } from '../../services/fhir/parameters.ts';
import { at, listAt, type TestDoor, testDoor } from '../http/door.ts';
import { folder, type Ran, ran } from './command-line.ts';

let door: TestDoor;
const SEEN = 'urn:seen-by';
const parameter = (code: string, over: object = {}) => ({
  resourceType: 'SearchParameter',
  url: `urn:sp:${code}`,
  name: code,
  status: 'active',
  description: code,
  code,
  base: ['Observation'],
  type: 'token',
  expression: 'Observation.method',
  ...over,
});
const seenBy = parameter('seen-by', { type: 'reference', expression: `Observation.extension('${SEEN}').value.ofType(Reference)` });
const inTwo = parameter('lot', { base: ['Medication', 'Immunization'], expression: 'Medication.batch.lotNumber | Immunization.lotNumber' });

function archive(version: string, resources: readonly { readonly url: string }[]): Buffer {
  const manifest = { name: 'guide.test', version, fhirVersions: ['4.0.1'] };
  const files = [['package.json', manifest] as const, ...resources.map((each, i) => [`r${i}.json`, each] as const)];
  const blocks = files.map(([name, content]) => {
    const bytes = Buffer.from(JSON.stringify(content));
    const head = Buffer.alloc(512);
    new Header({ path: `package/${name}`, type: 'File', size: bytes.length, mode: 0o644 }).encode(head, 0);
    return Buffer.concat([head, bytes, Buffer.alloc((512 - (bytes.length % 512)) % 512)]);
  });
  return gzipSync(Buffer.concat([...blocks, Buffer.alloc(1024)]));
}

async function load(version: string, resources: readonly { readonly url: string }[], ...options: readonly string[]): Promise<Ran> {
  using place = folder();
  const file = place.write('guide.tgz', archive(version, resources));
  return await ran(['package', 'load', file, ...options], { POLYSEME_DATABASE_URL: door.url });
}
const remove = (): Promise<Ran> => ran(['package', 'remove', 'guide.test'], { POLYSEME_DATABASE_URL: door.url });

/** Ids that a search finds, or what it is refused with. */
async function found(path: string): Promise<unknown> {
  const answer = await door.call('GET', path);
  if (answer.status !== 200) return at(answer.body, 'issue', 0, 'details', 'coding', 0, 'code');
  return listAt(answer.body, 'entry')
    .map((each) => at(each, 'resource', 'id'))
    .sort();
}

beforeAll(async () => {
  door = await testDoor();
  const observation = { resourceType: 'Observation', status: 'final', code: { text: 'x' } };
  for (const [id, device] of [
    ['a', '1'],
    ['b', '2'],
  ]) {
    await door.call('PUT', `/Device/${device}`, { resourceType: 'Device', id: device });
    const extension = [{ url: SEEN, valueReference: { reference: `Device/${device}` } }];
    expect((await door.call('PUT', `/Observation/${id}`, { ...observation, id, extension })).status).toBe(201);
  }
});
afterAll(async () => {
  setCustomParameters(new Map());
  await door[Symbol.asyncDispose]();
});

test('what R4 does not have is searched by after the package is loaded; what cannot be is named with its reason', async () => {
  expect(await found('/Observation?seen-by=Device/1')).toBe('fhir-search-parameter');
  const { code, out, said } = await load('1.0.0', [
    seenBy,
    inTwo,
    parameter('code', { expression: 'Observation.nonsense' }),
    parameter('drafted', { status: 'draft' }),
    parameter('computed', { expression: 'Observation.component.select(code | value)' }),
    parameter('both', { type: 'composite' }),
    parameter('anywhere', { base: ['Resource'] }),
  ]);
  expect(code).toBe(0);
  expect(out).toBe('guide.test 1.0.0: 7 resources loaded.\nNew search parameters: Medication?lot, Immunization?lot, Observation?seen-by');
  expect(said.split('\n').flatMap((line) => /^Not searched by: (\S+): /.exec(line)?.[1] ?? [])).toEqual([
    'Observation?drafted',
    'Observation?computed',
    'Observation?both',
    'Resource?anywhere',
  ]);
  expect(await found('/Observation?seen-by=Device/1')).toEqual(['a']);
  expect(await found('/Observation?seen-by:missing=false')).toEqual(['a', 'b']);
  expect(await found('/Medication?lot=x')).toEqual([]);
  const { body } = await door.call('GET', '/metadata');
  const observation = listAt(body, 'rest', 0, 'resource').find((each) => at(each, 'type') === 'Observation');
  expect(listAt(observation, 'searchParam').map((each) => at(each, 'name'))).toContain('seen-by');
});

test('loaded again it has nothing new; another version takes the place of the first as long as it is the last', async () => {
  expect((await load('1.0.0', [seenBy])).out).toBe('guide.test 1.0.0: 1 resource loaded.');
  expect(await found('/Medication?lot=x')).toBe('fhir-search-parameter');
  const other = { ...seenBy, type: 'token', expression: 'Observation.status' };
  expect((await load('2.0.0', [other])).out).toContain('New search parameters: Observation?seen-by');
  expect(await found('/Observation?seen-by=final')).toEqual(['a', 'b']);
  expect((await ran(['package', 'remove', 'guide.test', '2.0.0'], { POLYSEME_DATABASE_URL: door.url })).code).toBe(0);
  while ((await reindexNext(door.database)) !== undefined);
  expect(await found('/Observation?seen-by=Device/2')).toEqual(['b']);
});

test('a SearchParameter that was stored comes before that of a package', async () => {
  const stored = { ...seenBy, id: 'own', type: 'token', expression: 'Observation.status' };
  expect((await door.call('PUT', '/SearchParameter/own', stored)).status).toBe(201);
  while ((await reindexNext(door.database)) !== undefined);
  expect(await found('/Observation?seen-by=final')).toEqual(['a', 'b']);
  expect((await load('1.0.0', [seenBy])).out).not.toContain('New');
  expect(await found('/Observation?seen-by=final')).toEqual(['a', 'b']);
  expect((await door.call('DELETE', '/SearchParameter/own')).status).toBe(204);
  while ((await reindexNext(door.database)) !== undefined);
  expect(await found('/Observation?seen-by=Device/2')).toEqual(['b']);
});

test('removed, it is unknown again; left out on request, it never was known', async () => {
  expect((await remove()).code).toBe(0);
  expect(await found('/Observation?seen-by=Device/1')).toBe('fhir-search-parameter');
  expect((await load('1.0.0', [seenBy, inTwo], '--no-search')).out).toBe('guide.test 1.0.0: 0 resources loaded.');
  expect(await found('/Observation?seen-by=Device/1')).toBe('fhir-search-parameter');
});

test('while what is stored is being indexed searches by it are refused, others go on; whoever is killed leaves the rest to the next', async () => {
  const packaged = { type: 'SearchParameter', url: seenBy.url, version: '', body: JSON.stringify(seenBy) };
  await storePackage(door.database, { name: 'guide.test', version: '3.0.0', title: 'Guide' }, [packaged]);
  expect(await found('/Observation?seen-by=Device/1')).toBe('search-building');
  expect(await found('/Observation?status=final')).toEqual(['a', 'b']);
  while ((await reindexNext(door.database)) !== undefined);
  expect(await found('/Observation?seen-by=Device/1')).toEqual(['a']);
});

test('a SearchParameter for a type that is none of its own is refused when it is written: it would find nothing', async () => {
  const refused = await door.call('PUT', '/SearchParameter/any', { ...parameter('anywhere', { base: ['DomainResource'] }), id: 'any' });
  expect(refused.status).toBeGreaterThanOrEqual(400);
  expect(JSON.stringify(refused.body)).toContain('fhir-search-expression');
});
