import { cpSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type House, openHouse } from '../../services/commands/house.ts';
import { STARTER_FOLDER } from '../../services/commands/vocabulary/folder.ts';
import { readConfig } from '../../services/config.ts';
import { terminologyStore } from '../../services/http/terminology/store.ts';
import { write } from '../../services/pipeline.ts';
import { type FreshDatabase, freshDatabase } from '../fresh-database.ts';
import { type Folder, folder, ran } from './command-line.ts';

const HEMOGLOBIN = 3000963;
let fresh: FreshDatabase;
let dir: Folder;
let house: House;
const environment = () => ({ POLYSEME_DATABASE_URL: fresh.url, POLYSEME_DATA_DIR: join(dir.path, 'data') });
const command = (...args: readonly string[]) => ran(args, environment());

beforeAll(async () => {
  fresh = await freshDatabase();
  dir = folder();
  const config = readConfig(environment());
  if (!config.ok) throw new Error(JSON.stringify(config.problems));
  house = await openHouse(config.value);
});
afterAll(async () => {
  await house[Symbol.asyncDispose]();
  await fresh.drop();
  dir[Symbol.dispose]();
});

/** The starter set as a later release in which hemoglobin belongs to another domain. */
function nextRelease(name: string, domain: string): string {
  const path = join(dir.path, name);
  cpSync(STARTER_FOLDER, path, { recursive: true });
  const change = (file: string, from: RegExp, to: string) =>
    writeFileSync(join(path, file), readFileSync(join(path, file), 'utf8').replace(from, to));
  change('CONCEPT.csv', /^(3000963\t[^\t]*\t)\w+/m, `$1${domain}`);
  change('VOCABULARY.csv', /v5\.0 [^\t\n]+/, `v5.0 ${name}`);
  return path;
}

let written = 0;
async function writeObservation(code = '718-7'): Promise<void> {
  const id = `o${written++}`;
  const patient = { resourceType: 'Patient', id: 'p', gender: 'male', birthDate: '1970-01-01' };
  const observation = {
    resourceType: 'Observation',
    id,
    status: 'final',
    code: { coding: [{ system: 'http://loinc.org', code }] },
    subject: { reference: 'Patient/p' },
    effectiveDateTime: '2024-05-01',
    valueQuantity: { value: 13, unit: 'g/dL', system: 'http://unitsofmeasure.org', code: 'g/dL' },
  };
  const change = { update: 'replace', deletes: [], spec: '', problems: [], unmapped: [] } as const;
  const content = Buffer.from(JSON.stringify(observation));
  const entry = { source: 'test', channel: 'fhir', content, controlId: '', messageType: 'FHIR', patientKeys: ['p'] } as const;
  const resources = written === 1 ? [patient, observation] : [observation];
  await write(house.parts, entry, async () => resources.map((resource) => ({ ...change, resource })));
}
const rowsIn = async (table: string): Promise<number> =>
  (await house.database.query<{ n: number }>(`SELECT count(*) AS n FROM cdm.${table} WHERE ${table}_concept_id = ${HEMOGLOBIN}`))[0]?.n ??
  -1;

describe('an upgrade of the vocabulary', () => {
  it('says what it would change, and changes nothing when it is only tried', async () => {
    await writeObservation();
    await writeObservation('789-8');
    expect([await rowsIn('measurement'), await rowsIn('observation')]).toEqual([1, 0]);
    const { code, out } = await command('vocabulary', 'load', nextRelease('TRIED', 'Observation'), '--dry-run', '--json');
    expect(code).toBe(0);
    const report = JSON.parse(out);
    expect([report.isActive, report.planned.touched, report.planned.kinds.moved]).toEqual([false, 1, { codes: 1, rows: 1 }]);
    expect(report.planned.samples).toEqual([
      {
        kind: 'moved',
        code: '718-7',
        from: `measurement ${HEMOGLOBIN}`,
        to: `observation ${HEMOGLOBIN}`,
        rows: 1,
        added: 1,
        changed: 0,
        gone: 1,
      },
    ]);
    expect([await rowsIn('measurement'), await rowsIn('observation')]).toEqual([1, 0]);
  });

  it('under load fails no write and no request, mixes no versions, and moves every row, and only those', async () => {
    const store = terminologyStore(house.database, house.live.sources);
    let isOver = false;
    const writing = (async () => {
      for (; !isOver; ) await writeObservation();
    })();
    const seen = new Set<string>();
    const asking = (async () => {
      for (; !isOver; ) {
        const library = await store.library();
        const system = library.codeSystem('https://fhir-terminology.ohdsi.org');
        const concept = system?.locate(String(HEMOGLOBIN));
        const domain = concept && system?.propertiesOf(concept).find(({ code }) => code === 'domain_id')?.value;
        seen.add(`${system?.version} ${domain} ${library.nativeMaps()[0]?.version}`);
        // Readers of the tables wait for nothing but the change itself.
        await house.database.query('SELECT count(*) FROM cdm.concept');
      }
    })();
    const others = await house.database.query<{ n: number }>(
      `SELECT xmin::text AS n FROM cdm.measurement WHERE measurement_concept_id <> ${HEMOGLOBIN} ORDER BY measurement_id`,
    );
    const { code, said } = await command('vocabulary', 'load', nextRelease('NEXT', 'Observation'));
    await writeObservation();
    isOver = true;
    await Promise.all([writing, asking]);
    await store.close();
    expect([code, said.includes('error')]).toEqual([0, false]);
    expect([await rowsIn('measurement'), await rowsIn('observation')]).toEqual([0, written - 1]);
    expect(
      await house.database.query(
        `SELECT xmin::text AS n FROM cdm.measurement WHERE measurement_concept_id <> ${HEMOGLOBIN} ORDER BY measurement_id`,
      ),
    ).toEqual(others);
    for (const each of seen) expect(each).toMatch(/^v5\.0 (?!NEXT).* Measurement v5\.0 (?!NEXT)|^v5\.0 NEXT Observation v5\.0 NEXT$/);
    const report = JSON.parse((await command('vocabulary', 'report', '--json')).out);
    expect([report[0].toRelease, report[0].isFinished, report[0].planned.kinds.moved.codes]).toEqual(['v5.0 NEXT', true, 1]);
    expect(await house.database.query(`SELECT vocabulary_version AS v FROM cdm.vocabulary WHERE vocabulary_id = 'None'`)).toEqual([
      { v: 'v5.0 NEXT' },
    ]);
  });

  it('with a damaged release is refused by file and line, and what was active stays', async () => {
    const bad = nextRelease('BAD', 'Measurement');
    const file = join(bad, 'CONCEPT_RELATIONSHIP.csv');
    truncateSync(file, readFileSync(file).length - 12);
    const { code, said } = await command('vocabulary', 'load', bad);
    expect(code).toBe(1);
    expect(said).toMatch(/CONCEPT_RELATIONSHIP\.csv:\d+/);
    rmSync(join(bad, 'DOMAIN.csv'));
    expect((await command('vocabulary', 'load', bad)).said).toContain('DOMAIN.csv is missing');
    await house.live.catchUp(house.database);
    expect([
      house.live.current.release,
      await house.database.query('SELECT FROM pg_namespace WHERE nspname ~ $1', ['^vocabulary_']),
    ]).toEqual(['v5.0 NEXT', []]);
  });
});

describe('vocabulary', () => {
  it('lists, compares, verifies and removes; running servers answer from what is loaded', async () => {
    expect((await command('vocabulary', 'load', 'fixtures/vocabulary/tiny-loinc')).code).toBe(0);
    await house.live.refresh();
    expect(house.live.sources().systems.some(({ url }) => url === 'http://loinc.org')).toBe(true);
    const { releases } = JSON.parse((await command('vocabulary', 'list', '--json')).out);
    const omop = releases.filter((each: { kind: string }) => each.kind === 'omop');
    expect([omop.length, omop.filter((each: { isActive: boolean }) => each.isActive).length]).toEqual([3, 1]);
    const first = omop.find((each: { version: string }) => !each.version.endsWith('NEXT') && !each.version.endsWith('TRIED')).version;
    const { out, said } = await command('vocabulary', 'diff', first, 'v5.0 NEXT', '--json');
    expect(said).toBe('');
    const remapped = JSON.parse(out).changes.find((each: { kind: string }) => each.kind === 'remapped');
    expect([remapped.codes, remapped.first[0].code, remapped.rows]).toEqual([1, '718-7', written - 1]);
    expect((await command('vocabulary', 'remove', 'v5.0 NEXT')).said).toContain('terminology-in-use');
    expect((await command('vocabulary', 'remove', 'v5.0 TRIED')).code).toBe(0);
    const home = join(dir.path, 'data', 'vocabulary');
    expect((await command('vocabulary', 'verify')).code).toBe(0);
    const damaged = join(home, readdirSync(home).find((name) => name.startsWith('loinc')) ?? '', 'term-text.bin');
    truncateSync(damaged, 7);
    const verified = await command('vocabulary', 'verify');
    expect([verified.code, verified.said.includes(damaged), verified.said.includes('has 7 bytes instead of')]).toEqual([1, true, true]);
    // What runs keeps what it has in memory.
    expect(house.live.sources().systems.some(({ url }) => url === 'http://loinc.org')).toBe(true);
    expect((await command('vocabulary', 'remove', '2.80')).code).toBe(0);
    await house.live.refresh();
    expect(house.live.sources().systems.some(({ url }) => url === 'http://loinc.org')).toBe(false);
  });

  it('answers lookup, expand, translate and ecl from a folder without a database', async () => {
    await ran(['vocabulary', 'load', 'fixtures/vocabulary/tiny-rf2'], { POLYSEME_DATA_DIR: join(dir.path, 'alone') });
    const home = ['--folder', join(dir.path, 'alone', 'vocabulary')];
    expect((await ran(['lookup', 'omop', String(HEMOGLOBIN), ...home])).out).toContain('Hemoglobin');
    expect((await ran(['translate', 'loinc', '718-7', ...home])).out).toContain(`https://fhir-terminology.ohdsi.org|${HEMOGLOBIN}`);
    expect((await ran(['translate', 'omop', String(HEMOGLOBIN), '--reverse', ...home])).out).toContain('http://loinc.org|718-7');
    expect((await ran(['ecl', '404684003', ...home])).out).toContain('Clinical finding');
    expect((await ran(['expand', 'http://snomed.info/sct?fhir_vs=isa/404684003', '--count', '2', ...home])).out).toMatch(/2 of \d+/);
    expect((await ran(['lookup', 'nowhere', 'x', ...home])).code).toBe(1);
    // No LOINC release is loaded, but the OMOP vocabularies know the code.
    const known = await ran(['lookup', 'loinc', '718-7', ...home]);
    expect([known.code, known.out.includes('Hemoglobin'), known.said.includes('No release of http://loinc.org')]).toEqual([0, true, true]);
    expect((await ran(['lookup', 'loinc', '718-8', ...home])).code).toBe(1);
    const suggested = await ran(['suggest', 'hemoglobin', '--unit', 'g/dL', ...home]);
    expect([suggested.code, suggested.out.split('\n')[0]]).toEqual([0, expect.stringContaining(`${HEMOGLOBIN} Hemoglobin`)]);
    expect((await ran(['suggest', 'qqqq', ...home])).code).toBe(1);
  });
});
