/** Bulk Data $export: what belongs to it, the moment it is of, who may fetch it, what becomes of it. */
import { parquetMetadata, parquetReadObjects } from 'hyparquet';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { erasePatients } from '../../services/pipeline/erase.ts';
import { at, listAt, type TestDoor, testDoor } from './door.ts';

const ASYNC = { prefer: 'respond-async', accept: 'application/fhir+json' };

let door: TestDoor;
const put = async (resource: { readonly resourceType: string; readonly id: string; readonly [name: string]: unknown }): Promise<void> => {
  expect((await door.call('PUT', `/${resource.resourceType}/${resource.id}`, resource)).status).toBeLessThan(300);
};
const observation = (id: string, patient: string, status = 'final') => ({
  resourceType: 'Observation',
  id,
  status,
  code: { text: 'x' },
  subject: { reference: `Patient/${patient}` },
});

const narrative = (text: string) => ({ status: 'generated', div: `<div xmlns="http://www.w3.org/1999/xhtml">${text}</div>` });

beforeAll(async () => {
  door = await testDoor();
  for (const id of ['a', 'b', 'c']) await put({ resourceType: 'Patient', id, active: true });
  await put(observation('oa', 'a'));
  await put(observation('ob', 'b', 'preliminary'));
  await put({ resourceType: 'Organization', id: 'org', name: 'About nobody' });
  await put({
    resourceType: 'Group',
    id: 'g',
    type: 'person',
    actual: true,
    member: [{ entity: { reference: 'Patient/a' } }, { entity: { reference: 'Patient/c' }, inactive: true }],
  });
});
afterAll(() => door[Symbol.asyncDispose]());

const below = (url: string): string => url.replace(/^.*\/fhir\/R4/, '');

async function begun(path: string, headers: Readonly<Record<string, string>> = {}): Promise<string> {
  const { status, headers: given } = await door.call('GET', path, undefined, { ...ASYNC, ...headers });
  expect(status).toBe(202);
  return below(given.get('content-location') ?? '');
}

async function finished(status: string): Promise<unknown> {
  for (;;) {
    const answer = await door.call('GET', status);
    if (answer.status === 200) return answer.body;
    expect([answer.status, answer.headers.get('retry-after')]).toEqual([202, '1']);
  }
}

/** The lines of all files of a list of the manifest, by file. */
async function lines(manifest: unknown, list: 'output' | 'deleted' = 'output'): Promise<unknown[]> {
  const found: unknown[] = [];
  for (const each of listAt(manifest, list)) {
    const answer = await fetch(`${door.door.url}/fhir/R4${below(String(at(each, 'url')))}`);
    expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'application/fhir+ndjson']);
    const parsed = (await answer.text())
      .trim()
      .split('\n')
      .map((line): unknown => JSON.parse(line));
    expect(parsed.length).toBe(at(each, 'count'));
    found.push(...parsed);
  }
  return found;
}

const names = (found: readonly unknown[]): readonly string[] => found.map((each) => `${at(each, 'resourceType')}/${at(each, 'id')}`).sort();

describe('an export', () => {
  it.each([
    ['everything', '/$export', ['Group/g', 'Observation/oa', 'Observation/ob', 'Organization/org', 'Patient/a', 'Patient/b', 'Patient/c']],
    ['all patients', '/Patient/$export', ['Group/g', 'Observation/oa', 'Observation/ob', 'Patient/a', 'Patient/b', 'Patient/c']],
    ['the active members of a group', '/Group/g/$export', ['Group/g', 'Observation/oa', 'Patient/a']],
    ['types', '/$export?_type=Patient,Organization', ['Organization/org', 'Patient/a', 'Patient/b', 'Patient/c']],
    [
      'what a filter finds, and all of other types',
      '/$export?_type=Patient,Observation&_typeFilter=Observation%3Fstatus%3Dpreliminary',
      ['Observation/ob', 'Patient/a', 'Patient/b', 'Patient/c'],
    ],
    ['nothing of tomorrow', '/$export?_since=2999-01-01T00:00:00Z', []],
    ['nothing of before', '/$export?_until=2001-01-01T00:00:00Z', []],
  ])('holds %s', async (_name, path, expected) => {
    const manifest = await finished(await begun(path));
    expect(names(await lines(manifest))).toEqual(expected);
    expect(at(manifest, 'requiresAccessToken')).toBe(false);
    expect(String(at(manifest, 'request'))).toBe(`${door.door.url}/fhir/R4${path}`);
  });

  const naming = (...references: readonly string[]) => ({
    resourceType: 'Parameters',
    parameter: references.map((reference) => ({ name: 'patient', valueReference: { reference } })),
  });

  it('is of the patients that a POST names, those of the group where one is asked for', async () => {
    const asked = await door.call('POST', '/Patient/$export', naming('Patient/b', 'Patient/b'), ASYNC);
    expect(asked.status).toBe(202);
    const found = await lines(await finished(below(asked.headers.get('content-location') ?? '')));
    expect(found.map((each) => `${at(each, 'resourceType')}/${at(each, 'id')}`).toSorted()).toEqual(['Observation/ob', 'Patient/b']);
    const refused = async (path: string, ...references: readonly string[]) =>
      (await door.call('POST', path, naming(...references), ASYNC)).status;
    expect(await refused('/Group/g/$export', 'Patient/b')).toBe(400);
    expect(await refused('/Patient/$export', 'Patient/nobody')).toBe(404);
    expect(await refused('/Patient/$export', 'Observation/oa')).toBe(400);
    expect(await refused('/$export', 'Patient/a')).toBe(400);
    expect((await door.call('GET', '/Patient/$export?patient=Patient/a', undefined, ASYNC)).status).toBe(400);
  });

  it('is of the moment it began at, whatever is changed and deleted before it is fetched', async () => {
    await put({ resourceType: 'Patient', id: 'later', active: true });
    const manifest = await finished(await begun('/$export?_type=Patient'));
    await put({ resourceType: 'Patient', id: 'later', active: false });
    await put({ resourceType: 'Patient', id: 'new', active: true });
    await door.call('DELETE', '/Patient/new');
    const found = await lines(manifest);
    expect(names(found)).toEqual(['Patient/a', 'Patient/b', 'Patient/c', 'Patient/later']);
    expect(found.map((each) => at(each, 'active'))).toEqual([true, true, true, true]);
    expect(Date.parse(String(at(manifest, 'transactionTime')))).toBeLessThanOrEqual(Date.now());
  });

  it('tells of what was deleted since, to those it was about', async () => {
    const before = new Date().toISOString();
    await put(observation('gone', 'a'));
    await put(observation('gone-too', 'b'));
    for (const id of ['gone', 'gone-too']) await door.call('DELETE', `/Observation/${id}`);
    const manifest = await finished(await begun(`/Group/g/$export?_type=Observation&_since=${before}`));
    expect(await lines(manifest)).toEqual([]);
    expect((await lines(manifest, 'deleted')).map((each) => at(each, 'entry', 0, 'request'))).toEqual([
      { method: 'DELETE', url: 'Observation/gone' },
    ]);
  });

  it('goes on in another process after it was left half done', async () => {
    const status = await begun('/Patient/$export?_type=Observation');
    const id = status.split('/').at(-1);
    await finished(status);
    await door.database.run('DELETE FROM ops.export_file WHERE job_id = $1', [id]);
    await door.database.run("UPDATE ops.export_job SET state = 'sorting', done_type = 0, done_key = 0, seen = 0 WHERE id = $1", [id]);
    // Any door that starts, or takes another export, finds it.
    await finished(await begun('/$export?_type=Patient'));
    expect(names(await lines(await finished(status)))).toEqual(['Observation/oa', 'Observation/ob']);
  });

  it('is Parquet where that is asked for, in groups of rows, deletions in NDJSON all the same', async () => {
    const before = new Date(Date.now() - 3_600_000).toISOString();
    await put(observation('shortly', 'a'));
    await door.call('DELETE', '/Observation/shortly');
    // More than one group of rows.
    const long = 'ä'.repeat(500_000);
    for (let n = 0; n < 18; n++) await put({ resourceType: 'Basic', id: `basic-${n}`, code: { text: 'x' }, text: narrative(long) });
    const format = encodeURIComponent('application/vnd.apache.parquet');
    const manifest = await finished(await begun(`/$export?_type=Patient,Observation,Basic&_outputFormat=${format}&_since=${before}`));
    const plain = await lines(await finished(await begun('/$export?_type=Patient,Observation,Basic')));
    const rows: Record<string, unknown>[] = [];
    for (const each of listAt(manifest, 'output')) {
      const answer = await fetch(`${door.door.url}/fhir/R4${below(String(at(each, 'url')))}`);
      expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'application/vnd.apache.parquet']);
      const file = await answer.arrayBuffer();
      const found = await parquetReadObjects({ file });
      expect(found.length).toBe(at(each, 'count'));
      if (at(each, 'type') === 'Basic') expect(parquetMetadata(file).row_groups.length).toBeGreaterThan(1);
      rows.push(...found);
    }
    expect(rows.map(({ resource }): unknown => JSON.parse(String(resource)))).toEqual(plain);
    for (const { resourceType, id, versionId, lastUpdated, resource } of rows)
      expect(JSON.parse(String(resource))).toMatchObject({ resourceType, id, meta: { versionId, lastUpdated } });
    expect(listAt(manifest, 'output').map((each) => /[^/]*$/.exec(String(at(each, 'url')))?.[0])).toContain('Patient-1.parquet');
    expect((await lines(manifest, 'deleted')).map((each) => at(each, 'entry', 0, 'request', 'url'))).toContain('Observation/shortly');
  });

  it('is known to who asked alone, until it is deleted or its day is over', async () => {
    const status = await begun('/$export?_type=Patient');
    const manifest = await finished(status);
    const file = below(String(at(manifest, 'output', 0, 'url')));
    const other = { authorization: 'Bearer other' };
    for (const path of [status, file]) expect((await door.call('GET', path, undefined, other)).status).toBe(404);
    expect((await door.call('DELETE', status, undefined, other)).status).toBe(404);
    expect((await door.call('GET', `${status}/Patient-9.ndjson`)).status).toBe(404);
    expect((await door.call('DELETE', status)).status).toBe(202);
    for (const path of [status, file]) {
      const answer = await door.call('GET', path);
      expect([answer.status, at(answer.body, 'resourceType')]).toEqual([404, 'OperationOutcome']);
    }
    const old = await begun('/$export?_type=Patient');
    await finished(old);
    await door.database.run("UPDATE ops.export_job SET expires_at = now() - interval '1 second'");
    expect((await door.call('GET', old)).status).toBe(404);
    await begun('/$export?_type=Patient');
    expect(await door.database.query('SELECT FROM ops.export_job WHERE expires_at < now()')).toEqual([]);
  });

  it.each([
    ['without Prefer: respond-async', '/$export', {}, 400],
    ['another format', '/$export?_outputFormat=text/csv', ASYNC, 400],
    ['a type that is none', '/$export?_type=Patent', ASYNC, 400],
    ['a type about nobody, of patients', '/Patient/$export?_type=Organization', ASYNC, 400],
    ['a chain in a filter', '/$export?_typeFilter=Observation%3Fsubject:Patient.name%3Dx', ASYNC, 400],
    ['a filter that no search takes', '/$export?_typeFilter=Observation%3Fnothing%3Dx', ASYNC, 400],
    ['a time that is none', '/$export?_since=yesterday', ASYNC, 400],
    ['a parameter that it does not have', '/$export?_elements=id', ASYNC, 400],
    ['a group that is not there', '/Group/none/$export', ASYNC, 404],
    ['a status that is none', '/_export/x', {}, 404],
  ])('is refused %s', async (_name, path, headers, status) => {
    const answer = await door.call('GET', path, undefined, headers);
    expect([answer.status, at(answer.body, 'resourceType')]).toEqual([status, 'OperationOutcome']);
  });
});

describe('what is erased after an export was made', () => {
  it('is in none of its files, and the export says how much that is', async () => {
    for (const id of ['e1', 'e2', 'e3']) {
      await put({ resourceType: 'Patient', id, active: true });
      await put(observation(`o${id}`, id));
    }
    const [all, one] = [
      await begun('/$export?_type=Patient,Observation'),
      await begun('/$export?_typeFilter=Patient?_id%3De2&_type=Patient'),
    ];
    const before = await finished(all);
    await finished(one);
    expect(names(await lines(before))).toEqual(expect.arrayContaining(['Observation/oe2', 'Patient/e1', 'Patient/e2', 'Patient/e3']));
    expect(at(before, 'error')).toEqual([]);
    // The last of its file, and the only one of another.
    await erasePatients(door.parts, door.database, ['Patient/e2', 'Patient/e3'], 'asked for');
    const after = await finished(all);
    const left = names(await lines(after));
    expect(left).toEqual(expect.arrayContaining(['Patient/e1', 'Observation/oe1']));
    expect(left.filter((each) => /e[23]$/.test(each))).toEqual([]);
    const [error] = listAt(after, 'error');
    expect([listAt(after, 'error').length, at(error, 'type'), at(error, 'count')]).toEqual([1, 'OperationOutcome', 1]);
    const told = await (await fetch(`${door.door.url}/fhir/R4${below(String(at(error, 'url')))}`)).text();
    expect(told).toMatch(/^[^\n]+4 resources of this export were erased[^\n]+\n$/);
    expect(at(JSON.parse(told), 'issue', 0, 'details', 'coding', 0, 'code')).toBe('export-erased');
    const empty = await finished(one);
    expect([listAt(empty, 'output'), listAt(empty, 'error').length]).toEqual([[], 1]);
    // What nothing was erased from says nothing of it.
    const fresh = await begun('/$export?_type=Patient');
    expect(at(await finished(fresh), 'error')).toEqual([]);
    expect((await door.call('GET', `${fresh}/errors.ndjson`)).status).toBe(404);
  });
});
