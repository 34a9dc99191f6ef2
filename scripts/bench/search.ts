/** Searches over a store of a given size: generated patients, each with observations, put in by sets; then one client and 16 at once, in process. */
import { join } from 'node:path';
import type { House } from '../../services/commands/house.ts';
import { typeNumber } from '../../services/database/resources/resources.ts';
import { addIndex } from '../../services/database/search/index-rows.ts';
import { searchResources } from '../../services/database/search/search.ts';
import { plainArray, textArray } from '../../services/database/wire.ts';
import { writeJson } from '../../services/fhir/format/json.ts';
import type { Resource } from '../../services/fhir/resource.ts';
import { indexRows } from '../../services/fhir/search/index.ts';
import { parseSearch } from '../../services/fhir/search/parse.ts';
import { type Kept, withHouse } from './house.ts';
import { type Figure, number, once, quantile } from './measure.ts';

/** Resources of each store; POLYSEME_BENCH_SEARCH=10000,100000,1000000 for others. */
const SIZES = (process.env['POLYSEME_BENCH_SEARCH'] ?? '10000,100000').split(',').map(Number);
/** A folder in which filled stores are kept for later runs, one folder per size: 1 million resources take minutes to put in. */
const STORES = process.env['POLYSEME_BENCH_STORES'];
export const PER_PATIENT = 20;
const CODES = 200;
const BATCH = 2_000;
const CLIENTS = [1, 16];
const SEARCHES = 1_600;

const day = (i: number): string => new Date(Date.UTC(2015, 0, 1) + ((i * 7919) % 3_650) * 86_400_000).toISOString().slice(0, 10);

function resourceOf(i: number): Resource {
  const patient = Math.floor(i / PER_PATIENT);
  if (i % PER_PATIENT === 0) {
    const name = [{ family: `Family${patient % 5_000}`, given: [`Given${patient % 300}`] }];
    return {
      resourceType: 'Patient',
      id: `p${patient}`,
      identifier: [{ system: 'urn:mrn', value: `m${patient}` }],
      name,
      gender: patient % 2 === 0 ? 'male' : 'female',
      birthDate: day(patient),
    };
  }
  // A few codes are common, most are not, as in life.
  const code = `c${Math.floor(((i * 31) % CODES) ** 2 / CODES)}`;
  return {
    resourceType: 'Observation',
    id: `o${i}`,
    status: 'final',
    category: [{ coding: [{ system: 'http://terminology.hl7.org/CodeSystem/observation-category', code: 'laboratory' }] }],
    code: { coding: [{ system: 'http://loinc.org', code }] },
    subject: { reference: `Patient/p${patient}` },
    effectiveDateTime: `${day(i)}T10:00:00Z`,
    valueQuantity: { value: i % 300, unit: 'mg/dL', system: 'http://unitsofmeasure.org', code: 'mg/dL' },
  };
}

/** Puts in what is missing of the generated resources; an interrupted filling goes on where it ended. */
export async function fill({ parts }: House, size: number): Promise<void> {
  const [{ n: there } = { n: 0 }] = await parts.database.query<{ readonly n: number }>('SELECT count(*) AS n FROM fhir.resource');
  if (there >= size) return;
  for (let from = there; from < size; from += BATCH) {
    const resources = Array.from({ length: Math.min(BATCH, size - from) }, (_, i) => resourceOf(from + i));
    await parts.database.transaction(async (tx) => {
      const rows = await tx.query<{ readonly rid: number }>(
        `INSERT INTO fhir.resource (rid, resource_key, type, id, version, updated, deleted, hash, body, spec)
         SELECT nextval('fhir.rid'), nextval('fhir.resource_key'), type, id, 1, now(), false, '', body, ''
         FROM unnest($1::smallint[], $2::text[], $3::text[]) AS a(type, id, body) RETURNING rid`,
        [
          plainArray(resources.map((each) => typeNumber(each.resourceType))),
          textArray(resources.map(({ id }) => id ?? '')),
          textArray(resources.map((each) => writeJson(each))),
        ],
      );
      await addIndex(
        tx,
        rows.map(({ rid }, i) => ({ rid, rows: indexRows(resources[i] ?? { resourceType: 'Basic' }) })),
        'fresh',
      );
    });
  }
  // As autovacuum would a little later: without it index entries are looked up in the table one by one.
  await parts.database.query('VACUUM (ANALYZE) fhir.resource, fhir.tok, fhir.str, fhir.dt, fhir.num, fhir.qty, fhir.present');
}

export interface Kind {
  readonly what: string;
  /** Milliseconds at p95. */
  readonly target: number;
  readonly type: string;
  readonly text: (i: number, patients: number) => string;
}
const code = (i: number): string => `c${Math.floor(((i * 37) % CODES) ** 2 / CODES)}`;
export const KINDS: readonly Kind[] = [
  { what: 'token (code)', target: 5, type: 'Observation', text: (i) => `code=http://loinc.org|${code(i)}` },
  { what: 'token (identifier)', target: 5, type: 'Patient', text: (i, patients) => `identifier=urn:mrn|m${(i * 7919) % patients}` },
  {
    what: 'token and date',
    target: 10,
    type: 'Observation',
    text: (i) => `code=${code(i)}&date=ge${day(i).slice(0, 7)}&date=lt${day(i).slice(0, 4)}-12-31`,
  },
  {
    what: 'patient sorted by date',
    target: 10,
    type: 'Observation',
    text: (i, patients) => `patient=p${(i * 7919) % patients}&_sort=-date`,
  },
  { what: 'chained', target: 50, type: 'Observation', text: (i) => `code=${code(i)}&patient.family=Family${(i * 13) % 5_000}` },
  { what: '_has', target: 50, type: 'Patient', text: (i) => `_has:Observation:patient:code=${code(i)}&gender=male` },
];

async function timesOf({ parts }: House, { type, text }: Kind, patients: number, clients: number): Promise<readonly number[]> {
  const times: number[] = [];
  let next = 0;
  const client = async (): Promise<void> => {
    for (let i = next++; i < SEARCHES; i = next++) {
      const start = performance.now();
      const query = parseSearch(type, [...new URLSearchParams(`${text(i, patients)}&_count=20`)]);
      if (!query.ok) throw new Error(query.problems[0]?.code);
      await searchResources(parts.database, query.value);
      // The first ones warm the sessions.
      if (i >= SEARCHES / 8) times.push(performance.now() - start);
    }
  };
  await Promise.all(Array.from({ length: clients }, client));
  return times;
}

export async function searchFigures(): Promise<readonly Figure[]> {
  const figures: Figure[] = [];
  for (const size of SIZES) {
    const kept: Kept | undefined = STORES === undefined ? undefined : { dataDir: join(STORES, String(size)) };
    await withHouse(async (house) => {
      const start = performance.now();
      await fill(house, size);
      const row = `f search: ${number(size)} resources, in process, pages of 20`;
      if (kept === undefined)
        figures.push({
          row,
          what: `${number(size)} resources: put in with their index`,
          value: once((size / (performance.now() - start)) * 1000),
          unit: 'resources/s',
        });
      for (const [clients, kind] of CLIENTS.flatMap((count) => KINDS.map((each) => [count, each] as const))) {
        const begin = performance.now();
        const cpuBefore = process.cpuUsage();
        const times = await timesOf(house, kind, Math.max(1, Math.floor(size / PER_PATIENT)), clients);
        const used = process.cpuUsage(cpuBefore);
        const rate = SEARCHES / ((performance.now() - begin) / 1000);
        const p95 = quantile(times, 0.95);
        const value = { median: p95, low: quantile(times, 0.5), high: quantile(times, 0.99) };
        figures.push({
          row,
          what: `${number(size)}, ${clients} at once: ${kind.what}, p95 [p50–p99]`,
          value,
          unit: 'ms',
          target: `≤ ${kind.target}`,
          met: p95 <= kind.target,
          note: `${number(rate)} searches/s, ${((used.user + used.system) / 1000 / SEARCHES).toFixed(2)} ms CPU of the service each`,
        });
      }
    }, kept);
  }
  return figures;
}
