/**
 * The main job on sample traffic: starts an embedded PostgreSQL in a folder of its own, sends the fixtures over real MLLP and real
 * HTTP, waits until everything is applied, and prints what became of it. Exits 0 only if every message is accounted for.
 */
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { pino } from 'pino';
import { openHouse } from '../services/commands/house.ts';
import { explanationText } from '../services/commands/omop/explain.ts';
import { openDoors } from '../services/commands/serve/doors.ts';
import { plural, table } from '../services/commands/terminal.ts';
import { readConfig } from '../services/config.ts';
import { explainRow } from '../services/database/cdm/explain.ts';
import { cdmCounts, exclusionCounts, unmappedCodes } from '../services/database/cdm/issues.ts';
import type { Database } from '../services/database/connect.ts';
import { counts, type SourceCounts } from '../services/database/journal/take.ts';
import { Refusal } from '../services/errors.ts';
import { splitBatch } from '../services/hl7v2/batch.ts';
import { connectMllp } from '../services/mllp/client.ts';

const root = resolve(import.meta.dirname, '..');
const dataDir = join(root, '.polyseme-demo');
const say = (text = '') => console.log(text);

async function main(): Promise<number> {
  const startedMs = performance.now();
  rmSync(dataDir, { recursive: true, force: true });
  const config = readConfig({ POLYSEME_DATA_DIR: dataDir, POLYSEME_HTTP_PORT: '0', POLYSEME_MLLP_PORT: '0', POLYSEME_LOG_LEVEL: 'error' });
  if (!config.ok) throw new Refusal(config.problems);
  say('Starting PostgreSQL, loading the starter vocabulary and the maps …');
  await using house = await openHouse(config.value);
  await using doors = await openDoors(config.value, house, pino({ level: 'error', base: null }));
  say(`  MLLP 127.0.0.1:${doors.mllp.port ?? 0}   HTTP ${doors.http.url}   PostgreSQL ${house.embedded?.version ?? ''}\n`);

  const acks = await sendMessages(doors.mllp.port ?? 0);
  const bundles = await sendBundles(doors.http.url);
  await doors.worker.idle();

  const sent = [...acks.values()].reduce((sum, count) => sum + count, 0);
  say(`Sent ${plural(sent, 'HL7v2 message')} over MLLP. The answers:`);
  say(
    table(
      ['code', 'messages', 'what it says'],
      [...acks].toSorted().map(([code, count]) => [code, count, MEANING[code] ?? 'no answer that was expected']),
    ),
  );
  say(`Sent ${plural(bundles.length, 'FHIR transaction')} over HTTP: ${bundles.join(', ')}\n`);
  const { database } = house;
  const journal = await counts(database);
  say(`${table(['sender', 'received', 'applied', 'parked', 'refused', 'duplicate', 'waiting'], journal.map(rowOf))}\n`);
  say(
    `${table(
      ['OMOP table', 'rows'],
      (await cdmCounts(database)).map((each) => [each.table, each.rows]),
    )}\n`,
  );
  say(
    `${table(
      ['left out, by rule of omop-rules', 'rows'],
      (await exclusionCounts(database)).map((each) => [`${each.rule}: ${each.reason}`, each.count]),
    )}\n`,
  );
  const unmapped = await unmappedCodes(database, { limit: 8 });
  say(
    `${table(
      ['codes without a standard concept', 'why', 'seen'],
      unmapped.map((each) => [`${each.system || '(no code system)'} ${each.code}`, each.why, each.resources]),
    )}\n`,
  );
  const explained = await explainRow(database, 'measurement', await someMeasurement(database));
  if (explained) say(`${explanationText(explained)}\n`);
  sayWhereToLook();
  const whole = journal.every(reconciles) && bundles.every((status) => status === 200);
  say(
    `${whole ? 'Every message is accounted for' : 'THE COUNTS DO NOT RECONCILE'} (${((performance.now() - startedMs) / 1000).toFixed(1)} s).`,
  );
  return whole ? 0 : 1;
}

const MEANING: Readonly<Record<string, string>> = {
  AA: 'stored, and the maps take it',
  AE: 'stored, but parked: one message is wrong on purpose',
  CA: 'stored; its sender asked (MSH-15) to hear that first',
};

const rowOf = (each: SourceCounts) => [each.source, each.received, each.applied, each.parked, each.refused, each.duplicate, each.waiting];
const reconciles = ({ received, applied, parked, refused, duplicate, waiting }: SourceCounts) =>
  waiting === 0 && received === applied + parked + refused + duplicate;

/** Sends every message of fixtures/hl7v2 over one MLLP connection; returns how often each acknowledgement code came back. */
async function sendMessages(port: number): Promise<ReadonlyMap<string, number>> {
  const folder = join(root, 'fixtures', 'hl7v2');
  const files = readdirSync(folder)
    .filter((name) => name.endsWith('.hl7'))
    .toSorted();
  const client = connectMllp({ host: '127.0.0.1', port, timeoutMs: 30_000 });
  const acks = new Map<string, number>();
  for (const file of files) {
    const batch = splitBatch(readFileSync(join(folder, file)));
    for (const bytes of batch.ok ? batch.value : []) {
      const code = /\rMSA\|(\w\w)/.exec(Buffer.from(await client.send(bytes)).toString('latin1'))?.[1] ?? 'none';
      acks.set(code, (acks.get(code) ?? 0) + 1);
    }
  }
  await client.close();
  return acks;
}

/** Posts every bundle of fixtures/fhir; returns the HTTP statuses. */
async function sendBundles(url: string): Promise<readonly number[]> {
  const folder = join(root, 'fixtures', 'fhir');
  const statuses: number[] = [];
  for (const file of readdirSync(folder)
    .filter((name) => name.endsWith('.json'))
    .toSorted()) {
    const response = await fetch(`${url}/fhir/R4`, {
      method: 'POST',
      headers: { 'content-type': 'application/fhir+json' },
      body: readFileSync(join(folder, file)),
    });
    if (!response.ok) say(`${file}: ${await response.text()}`);
    statuses.push(response.status);
  }
  return statuses;
}

/** The newest laboratory value that came by HL7v2 and has a standard concept: a row with the longest way behind it. */
async function someMeasurement(database: Database): Promise<number> {
  const [row] = await database.query<{ readonly id: number }>(
    `SELECT m.measurement_id AS id FROM cdm.measurement m JOIN fhir.resource r ON r.resource_key = m.measurement_id / 1024
     WHERE r.spec <> '' AND m.measurement_concept_id > 0 AND m.value_as_number IS NOT NULL ORDER BY m.measurement_id DESC LIMIT 1`,
  );
  return row?.id ?? 0;
}

function sayWhereToLook(): void {
  const serve = 'POLYSEME_DATA_DIR=.polyseme-demo npx polyseme serve';
  say(`Where to look, after  ${serve}
  http://127.0.0.1:8080/                     the console: what came, what became of it, where each value is from
  http://127.0.0.1:8080/fhir/R4/Observation?code=http://loinc.org|718-7
  http://127.0.0.1:8080/fhir/R4/Patient
What to try next
  POLYSEME_DATA_DIR=.polyseme-demo npx polyseme psql -c 'table cdm.measurement limit 5'
  npx polyseme convert fixtures/hl7v2/us-oru-r01-cbc.hl7 --to omop
  npx polyseme check
`);
}

process.exitCode = await main();
