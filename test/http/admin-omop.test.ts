import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parquetReadObjects } from 'hyparquet';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { STARTER_FOLDER } from '../../services/commands/vocabulary/folder.ts';
import { vocabularyInto } from '../../services/commands/vocabulary/load.ts';
import { auditRecords } from '../../services/database/audit.ts';
import { deriveStale } from '../../services/database/derived/derived.ts';
import { createToken } from '../../services/database/tokens.ts';
import { receive } from '../../services/pipeline.ts';
import { at, listAt, type TestDoor, testDoor } from './door.ts';

const MSH = (control: string, type: string) => `MSH|^~\\&|LAB|RIVERBEND|POLY|HERE|20260301101500||${type}|${control}|P|2.5.1`;
const PID = 'PID|1||4711^^^RB^MR||Quellwasser^Rosalinde||19680117|F|||Geheimweg 3^^Linz';
const ORU = [
  MSH('O1', 'ORU^R01^ORU_R01'),
  PID,
  'OBR|1||F1|24331-1^Lipid panel^LN|||20260301093000|||||||||||||||20260301100000|||F',
  'OBX|1|NM|2345-7^Glucose^LN||187|mg/dL^mg/dL^UCUM|||||F|||20260301093000',
  'OBX|2|TX|8251-1^Note^LN||Rosalinde says she fell||||||F|||20260301093000',
].join('\r');

let door: TestDoor;
let folder = '';
let measurement = 0;
let person = 0;
beforeAll(async () => {
  door = await testDoor();
  folder = mkdtempSync(join(tmpdir(), 'polyseme-omop-'));
  await vocabularyInto(door.database, STARTER_FOLDER, folder);
  await receive(door.parts, Buffer.from(ORU), 'mllp');
  await door.drain();
  await deriveStale(door.database, { pullDate: '2026-06-01' });
  const [row] = await door.database.query<{ id: number; person_id: number }>(
    `SELECT measurement_id AS id, person_id FROM cdm.measurement WHERE value_as_number = 187`,
  );
  measurement = row?.id ?? 0;
  person = row?.person_id ?? 0;
});
afterAll(async () => {
  await door?.[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

async function call(method: string, path: string, body?: unknown): Promise<{ status: number; body: unknown; text: string }> {
  const answer = await fetch(`${door.door.url}/admin/omop${path}`, {
    method,
    ...(body === undefined ? {} : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
  });
  const text = await answer.text();
  return { status: answer.status, body: JSON.parse(text), text };
}
const column = (body: unknown, name: string): unknown => listAt(body, 'columns').find((each) => at(each, 'name') === name);

describe('a row explained over HTTP', () => {
  it('leads from each column to the rule, the element and the bytes of the message', async () => {
    const { status, body } = await call('GET', `/rows/measurement/${measurement}/explain`);
    expect(status).toBe(200);
    expect(at(body, 'resource')).toMatchObject({
      version: 1,
      spec: expect.stringMatching(/@.+#[0-9a-f]{16}/),
      rowSpec: expect.stringMatching(/@.+#sha256:/),
    });
    expect(at(body, 'message')).toMatchObject({ controlId: 'O1', type: 'ORU^R01' });
    const value = column(body, 'value_as_number');
    expect(value).toMatchObject({ value: '187', isMasked: false, rule: { file: 'fhir-to-omop/observation.yaml' } });
    const [element] = listAt(value, 'elements');
    expect(element).toMatchObject({ path: 'Observation.valueQuantity.value', value: '187', sources: [{ path: 'OBX-5' }] });
    const bytes = at(element, 'sources', 0, 'bytes');
    expect(
      Buffer.from(ORU)
        .subarray(Number(at(bytes, 'from')), Number(at(bytes, 'to')))
        .toString(),
    ).toBe('187');
    expect(column(body, 'measurement_concept_id')).toMatchObject({
      concept: { concept_code: '2345-7', vocabulary_id: 'LOINC', standard_concept: 'S' },
    });
    expect(at(body, 'vocabulary', 'release')).not.toBe('none');
    expect(listAt(body, 'vocabulary', 'followed')).toContainEqual(expect.objectContaining({ relationship: 'Maps to' }));
  });

  it('masks who it is about until a reason is written down', async () => {
    const masked = await call('GET', `/rows/person/${person}/explain`);
    expect(column(masked.body, 'year_of_birth')).toMatchObject({ value: '•••', isMasked: true });
    expect(masked.text).not.toMatch(/1968|4711|Quellwasser|Rosalinde/);
    expect((await call('POST', `/rows/person/${person}/reveal`, { reason: ' ' })).status).toBe(400);
    const whole = await call('POST', `/rows/person/${person}/reveal`, { reason: 'asked by her doctor' });
    expect(column(whole.body, 'year_of_birth')).toMatchObject({ value: '1968', isMasked: false });
    const [entry] = await auditRecords(door.database, { action: 'row.reveal', limit: 1 });
    expect(entry).toMatchObject({ actor: 'local', target: `row/person/${person}`, reason: 'asked by her doctor' });
  });

  it('refuses tables and ids that there are not, by code', async () => {
    const refused = async (path: string) => {
      const { status, body } = await call('GET', path);
      return [status, at(body, 'issue', 0, 'details', 'coding', 0, 'code')];
    };
    expect(await refused('/rows/journal.message/1/explain')).toEqual([404, 'explain-unknown-table']);
    expect(await refused('/rows/measurement/1e3/explain')).toEqual([400, 'explain-id-malformed']);
    expect(await refused('/rows/measurement/1/explain')).toEqual([404, 'explain-no-row']);
  });
});

describe('the pages of the CDM', () => {
  it('count its tables and say what was written when', async () => {
    const { body } = await call('GET', '/tables');
    const table = (name: string) => listAt(body, 'tables').find((each) => at(each, 'table') === name);
    expect(table('person')).toMatchObject({ rows: 1, isEstimate: false, kind: 'rows' });
    expect(at(table('measurement'), 'lastWritten')).toMatch(/^\d{4}-/);
    expect(table('concept')).toMatchObject({ kind: 'vocabulary' });
    expect(at(body, 'release')).not.toBe('none');
    expect(at(body, 'waiting')).toMatchObject({ stalePersons: 0, remakes: 0 });
  });

  it('find a person by number and by identifier, and nobody by what is none', async () => {
    const found = async (text?: string) =>
      listAt((await call('POST', '/persons/find', text === undefined ? {} : { text })).body, 'persons').map((each) => at(each, 'personId'));
    expect(await found(String(person))).toEqual([person]);
    expect(await found('4711')).toEqual([person]);
    expect(await found('4711,$|\\')).toEqual([]);
    expect(await found()).toEqual([person]);
    expect((await call('POST', '/persons/99999999', {})).status).toBe(404);
  });

  it('lay out the time of a person, the newest first, and say how much there is', async () => {
    const { body, text } = await call('POST', `/persons/${person}`, {});
    const dates = listAt(body, 'events').map((each) => String(at(each, 'start')));
    expect(dates).toEqual(dates.toSorted().reverse());
    expect(listAt(body, 'events')).toContainEqual(
      expect.objectContaining({
        table: 'measurement',
        id: measurement,
        name: 'Glucose [Mass/volume] in Serum or Plasma',
        value: '187 mg/dL',
      }),
    );
    expect(listAt(body, 'counts').reduce<number>((sum, each) => sum + Number(at(each, 'rows')), 0)).toBe(dates.length);
    expect(listAt(body, 'periods')).toHaveLength(1);
    expect(text).not.toMatch(/Quellwasser|Rosalinde|1968|4711/);
    expect(listAt((await call('POST', `/persons/${person}`, { until: '2020-01-01' })).body, 'events')).toEqual([]);
  });

  it('run the quality checks in the background, once at a time, and lead from a failure to rows', async () => {
    await door.database.run('UPDATE cdm.measurement SET measurement_concept_id = 0 WHERE measurement_id = $1', [measurement]);
    const [first, second] = await Promise.all([call('POST', '/quality/start', {}), call('POST', '/quality/start', {})]);
    expect([first.status, second.status].toSorted()).toEqual([200, 409]);
    await expect.poll(async () => at((await call('POST', '/quality', {})).body, 'job', 'state'), { interval: 500 }).toBe('done');
    const { body } = await call('POST', '/quality', {});
    expect(listAt(body, 'runs')).toHaveLength(1);
    expect(Number(at(body, 'shown', 'total'))).toBe(Number(at(body, 'runs', 0, 'failed')) + Number(at(body, 'runs', 0, 'errors')));
    const check = 'field_standardconceptrecordcompleteness_measurement_measurement_concept_id';
    const page = (await call('POST', '/quality/check', { check })).body;
    expect(listAt(page, 'violations', 'ids')).toContain(measurement);
    expect(at(page, 'description')).not.toMatch(/@/);
    expect(listAt(page, 'history')).toHaveLength(1);
    expect((await call('POST', '/quality/check', { check: 'x' })).status).toBe(400);
    const [entry] = await auditRecords(door.database, { action: 'quality.start', limit: 1 });
    expect(entry).toMatchObject({ actor: 'local' });
  });
});

interface SavedText {
  readonly text: string;
  readonly version: number;
}

describe('SQL over HTTP', () => {
  const sql = async (path: string, body: unknown, base = door.door.url, token?: string) =>
    fetch(`${base}/admin/sql${path}`, {
      method: 'POST',
      body: JSON.stringify(body),
      headers: { 'content-type': 'application/json', ...(token === undefined ? {} : { authorization: `Bearer ${token}` }) },
    });

  it('streams everything as CSV, formulas made harmless, or answers with what is wrong', async () => {
    const answer = await sql('/csv', {
      reason: 'a test',
      run: randomUUID(),
      text: `SELECT n AS "a,b", '=1+1' AS f FROM generate_series(1, 5001) n`,
    });
    expect(answer.headers.get('content-type')).toMatch(/^text\/csv/);
    const lines = (await answer.text()).split('\r\n');
    expect([lines.length, lines[0], lines[5_001]]).toEqual([5_003, '"a,b",f', "5001,'=1+1"]);
    const refused = await sql('/csv', { reason: 'a test', run: randomUUID(), text: 'SELECT * FROM fhir.resource' });
    expect(refused.status).toBe(422);
    const broken = sql('/csv', { reason: 'a test', run: randomUUID(), text: 'SELECT 1 / (9000 - n) FROM generate_series(1, 9001) n' }).then(
      (each) => each.text(),
    );
    await expect(broken).rejects.toThrow();
  });

  it('streams everything as Parquet, by the types of its columns', async () => {
    const text = `SELECT n AS n, n * 9007199254740993 AS big, 1.5 AS part, n = 1 AS is, NULL AS nothing, date '2026-03-01' AS day, '=x' AS n
      FROM generate_series(1, 3) n`;
    const answer = await sql('/parquet', { reason: 'a test', run: randomUUID(), text });
    expect(answer.headers.get('content-type')).toBe('application/vnd.apache.parquet');
    const file = await answer.arrayBuffer();
    const rows = await parquetReadObjects({ file });
    const row = (n: number) => ({
      n: BigInt(n),
      big: BigInt(n) * 9_007_199_254_740_993n,
      part: 1.5,
      is: n === 1,
      nothing: null,
      day: '2026-03-01',
      n_2: '=x',
    });
    expect(rows).toEqual([1, 2, 3].map(row));
    const empty = await sql('/parquet', { reason: 'a test', run: randomUUID(), text: 'SELECT 1 AS n WHERE false' });
    expect(await parquetReadObjects({ file: await empty.arrayBuffer() })).toEqual([]);
    const broken = await sql('/parquet', {
      reason: 'a test',
      run: randomUUID(),
      text: 'SELECT 1 / (9000 - n) FROM generate_series(1, 9001) n',
    });
    expect(broken.status).toBe(422);
  });

  it('is stopped by whoever leaves', async () => {
    const leaving = new AbortController();
    const run = randomUUID();
    const asked = fetch(`${door.door.url}/admin/sql/run`, {
      method: 'POST',
      body: JSON.stringify({ run, reason: 'a test', text: 'SELECT pg_sleep(50)' }),
      headers: { 'content-type': 'application/json' },
      signal: leaving.signal,
    });
    const sessions = async () =>
      (
        await door.database.query<{ n: number }>(
          `SELECT count(*) AS n FROM pg_stat_activity WHERE usename = 'polyseme_sql_' || left(md5(current_database()), 16)`,
        )
      )[0]?.n;
    await expect.poll(sessions).toBe(1);
    leaving.abort();
    await expect(asked).rejects.toThrow();
    await expect.poll(sessions).toBe(0);
  });

  it('is for tokens with a role, and says who ran something, never what', async () => {
    const guarded = await testDoor(async () => true);
    try {
      const ana = (await createToken(guarded.database, 'ana', ['reader'])).token;
      const ben = (await createToken(guarded.database, 'ben')).token;
      const status = async (token?: string) =>
        (await sql('/run', { reason: 'a test', run: randomUUID(), text: `SELECT 'Quellwasser'` }, guarded.door.url, token)).status;
      expect([await status(), await status(ben), await status(ana)]).toEqual([401, 403, 200]);
      const without = await sql('/run', { run: randomUUID(), text: 'SELECT 1', reason: ' ' }, guarded.door.url, ana);
      expect(without.status).toBe(400);
      const entries = await auditRecords(guarded.database, { action: 'sql.', limit: 10 });
      expect(entries.map(({ actor, action, reason }) => `${actor} ${action} ${reason}`)).toEqual(['ana sql.ended ', 'ana sql.run a test']);
      expect(JSON.stringify(entries)).not.toContain('Quellwasser');
    } finally {
      await guarded[Symbol.asyncDispose]();
    }
  });

  it('keeps queries by name for two who do not see each other', async () => {
    const save = async (version: number, text: string) => (await sql('/saved', { name: 'mine', text, version })).status;
    expect([await save(0, 'SELECT 1'), await save(0, 'SELECT 2'), await save(1, 'SELECT 3'), await save(1, 'SELECT 4')]).toEqual([
      200, 409, 200, 409,
    ]);
    const { queries } = Object(await (await sql('/saved/list', {})).json());
    expect(queries).toMatchObject([{ name: 'mine', text: 'SELECT 3', version: 2, author: 'local' }]);
    expect((await sql('/saved/remove', { name: 'mine', version: 1 })).status).toBe(409);
    expect((await sql('/saved/remove', { name: 'mine', version: 2 })).status).toBe(200);
    expect((await sql('/saved/remove', { name: 'mine', version: 2 })).status).toBe(404);
    // What was overwritten and what was removed is still to be had.
    expect(await (await sql('/saved/list', {})).json()).toMatchObject({ queries: [], removed: [{ name: 'mine', text: 'SELECT 3' }] });
    expect(await save(0, 'SELECT 5')).toBe(200);
    const { versions } = Object(await (await sql('/saved/versions', { name: 'mine' })).json());
    expect(versions.map(({ text, version }: SavedText) => [text, version])).toEqual([
      ['SELECT 5', 1],
      ['SELECT 3', 2],
      ['SELECT 1', 1],
    ]);
    expect(await (await sql('/saved/list', {})).json()).toMatchObject({ removed: [] });
  });
});
