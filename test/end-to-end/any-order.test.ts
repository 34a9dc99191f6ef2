/**
 * The same traffic in many orders ends in the same CDM, line for line: of each patient's messages the order is kept, patients are mixed
 * at random, several are told at once, messages come again, take sizes differ. Made long by
 *   POLYSEME_TEST_TRAFFIC_PATIENTS  1,660 are about 20,000 messages
 *   POLYSEME_TEST_TRAFFIC_ORDERS    how many orders; each is a seed, 1 and on
 *   POLYSEME_TEST_TRAFFIC_FOLDER    where the dump of order 0 and a line for each order that ended equal are kept: what stands there is
 *                                   not done again, and orders are printed. Dumps of other code belong in another folder.
 *   POLYSEME_TEST_TRAFFIC_UNTIL     an ISO time after which no further order begins
 */
import { createHash } from 'node:crypto';
import { appendFileSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { chanceOf } from '../../scripts/simulator/chance.ts';
import { USUAL_RATES } from '../../scripts/simulator/events.ts';
import { trafficOf } from '../../scripts/simulator/traffic.ts';
import { dumpLines } from '../../services/database/cdm/dump.ts';
import type { Transaction } from '../../services/database/connect.ts';
import { deriveStale } from '../../services/database/derived/derived.ts';
import { writeRequest } from '../../services/pipeline/fhir/write.ts';
import { type Parts, processNext, receive } from '../../services/pipeline.ts';
import { testHouse } from '../parts.ts';

const PATIENTS = Number(process.env['POLYSEME_TEST_TRAFFIC_PATIENTS'] ?? 6);
const ORDERS = Number(process.env['POLYSEME_TEST_TRAFFIC_ORDERS'] ?? 3);
const FOLDER = process.env['POLYSEME_TEST_TRAFFIC_FOLDER'];
const UNTIL = process.env['POLYSEME_TEST_TRAFFIC_UNTIL'];
/** How many are told at once, at most. */
const TOGETHER = PATIENTS > 100 ? 64 : 4;
const DERIVE = { pullDate: '2026-06-01' };

/** One thing that is told to the store. */
type Told = (parts: Parts) => Promise<unknown>;

const put =
  (type: string, id: string, content: object): Told =>
  (parts) => {
    const resource = { ...JSON.parse(JSON.stringify(content)), resourceType: type, id };
    const bytes = Buffer.from(JSON.stringify(resource));
    const entry = {
      source: 'fhir',
      channel: 'fhir',
      content: bytes,
      controlId: undefined,
      messageType: `PUT ${type}`,
      patientKeys: [],
    } as const;
    const alone = { index: 0, search: undefined, condition: undefined, ifMatch: undefined, fullUrl: undefined, problems: [] } as const;
    return writeRequest(parts, {
      entry,
      asked: { kind: 'batch', entries: [{ ...alone, method: 'PUT', type, id, resource }], questions: [] },
      base: 'urn:test',
    });
  };

/** What one client says of one patient, in its order: visits that begin together, an era of two drugs, a year of birth, a correction. */
function client(patient: string): readonly Told[] {
  const subject = { reference: `Patient/${patient}` };
  const visit = (n: number, start: string) =>
    put('Encounter', `${patient}-e${n}`, {
      status: 'finished',
      class: { system: 'http://terminology.hl7.org/CodeSystem/v3-ActCode', code: 'AMB' },
      subject,
      period: { start, end: start },
    });
  const drug = (n: number, authoredOn: string) =>
    put('MedicationRequest', `${patient}-m${n}`, {
      status: 'active',
      intent: 'order',
      subject,
      authoredOn,
      medicationCodeableConcept: { coding: [{ system: 'http://www.nlm.nih.gov/research/umls/rxnorm', code: '314076' }] },
    });
  const weight = (value: number) =>
    put('Observation', `${patient}-w`, {
      status: 'final',
      code: { coding: [{ system: 'http://loinc.org', code: '29463-7' }] },
      subject,
      effectiveDateTime: '2025-03-04',
      valueQuantity: { value, unit: 'kg', system: 'http://unitsofmeasure.org', code: 'kg' },
    });
  return [
    put('Patient', patient, { gender: 'female', birthDate: '1970' }),
    visit(1, '2025-03-04'),
    visit(2, '2025-03-04'),
    visit(3, '2025-03-01'),
    drug(1, '2025-03-04'),
    drug(2, '2025-04-20'),
    weight(70),
    weight(71),
  ];
}

/** Streams whose own order is kept: each person's messages, with merges of that person, and clients. */
function streams(): readonly (readonly Told[])[] {
  const rates = { ...USUAL_RATES, merges: 0.3, broken: 0, outOfOrder: 0.1 };
  const messages = [...trafficOf({ seed: 11, patients: PATIENTS, rates, startMs: Date.UTC(2026, 0, 5) })];
  const persons = Map.groupBy(messages, ({ person }) => person);
  const told = [...persons.values()].map((all) =>
    all.map(
      ({ bytes }): Told =>
        (parts) =>
          receive(parts, bytes, 'mllp'),
    ),
  );
  return [...told, ...['c1', 'c2', 'c3'].map(client)];
}

async function linesOf(tx: Transaction): Promise<readonly string[]> {
  const lines: string[] = [];
  for await (const line of dumpLines(tx)) lines.push(line);
  return lines;
}

/** The vocabulary says that all drugs hold metformin. */
async function oneIngredient({ database }: Parts): Promise<void> {
  await database.run(`INSERT INTO cdm.concept (concept_id, concept_name, domain_id, vocabulary_id, concept_class_id, standard_concept, concept_code,
      valid_start_date, valid_end_date) VALUES (1503297, 'metformin', 'Drug', 'RxNorm', 'Ingredient', 'S', '6809', '1970-01-01', '2099-12-31')`);
  await database.run(
    `INSERT INTO cdm.concept_ancestor SELECT DISTINCT 1503297, drug_concept_id, 1, 1 FROM cdm.drug_exposure WHERE drug_concept_id <> 0`,
  );
  await database.run('INSERT INTO ops.stale_person (person_id) SELECT DISTINCT person_id FROM cdm.drug_exposure');
}

/** Says how far a long run is; nothing in a short one. */
function say(text: string): void {
  if (FOLDER !== undefined) process.stderr.write(`${new Date().toISOString()} ${text}\n`);
}

async function dumpOf(order: number): Promise<readonly string[]> {
  const chance = chanceOf(order, 99);
  await using house = await testHouse();
  // Stays without an end reach until the day of the data, on whatever day the test runs.
  const parts: Parts = { ...house.parts, writtenOn: () => DERIVE.pullDate };
  const told = streams();
  const clients = new Set(told.slice(PATIENTS).flat());
  const queues = told.map((stream) => [...stream]);
  const all = told.flat().length;
  const past: Told[] = [];
  let count = 0;
  for (let open = queues.filter((queue) => queue.length > 0); open.length > 0; open = open.filter((queue) => queue.length > 0)) {
    // At once are only those of different streams: each keeps its order.
    const chosen = new Set<Told[] | undefined>();
    const together = chance.between(1, TOGETHER);
    for (let n = 0; n < together; n++) chosen.add(open[order === 0 ? n : chance.below(open.length)]);
    const next = [...chosen].flatMap((queue) => queue?.shift() ?? []);
    const again = order > 0 && past.length > 0 ? next.flatMap(() => (chance.happens(0.1) ? [past[chance.below(past.length)]] : [])) : [];
    await Promise.all([...next, ...again].map((each) => each?.(parts)));
    if (Math.floor(count / 5_000) < Math.floor((count + next.length) / 5_000)) say(`order ${order}: ${count + next.length} of ${all} told`);
    count += next.length;
    if (order === 0) continue;
    past.push(...next.filter((each) => !clients.has(each)));
    if (chance.happens(0.1)) await processNext(parts, chance.between(1, 10 * TOGETHER));
    if (chance.happens(0.05)) await deriveStale(parts.database, DERIVE);
  }
  for (let applied = 0, before = 0; ; before = applied) {
    const done = await processNext(parts, chance.between(1, PATIENTS > 100 ? 400 : 60));
    if (done === 0) break;
    applied += done;
    if (Math.floor(before / 5_000) < Math.floor(applied / 5_000)) say(`order ${order}: ${applied} applied of those that waited`);
  }
  await oneIngredient(parts);
  await deriveStale(parts.database, DERIVE);
  return await parts.database.snapshot(linesOf, { timeoutMs: 600_000 });
}

/** Returns the dump of order 0, which a folder keeps between runs. */
async function expectedDump(): Promise<readonly string[]> {
  const path = FOLDER === undefined ? undefined : join(FOLDER, `${PATIENTS}-0.dump`);
  if (path !== undefined && existsSync(path)) return readFileSync(path, 'utf8').split('\n');
  const dump = await dumpOf(0);
  if (path !== undefined && FOLDER !== undefined) {
    mkdirSync(FOLDER, { recursive: true });
    writeFileSync(`${path}.part`, dump.join('\n'));
    renameSync(`${path}.part`, path);
  }
  return dump;
}

/** The orders that a folder says have ended equal. */
function equalSoFar(): ReadonlySet<number> {
  const path = FOLDER === undefined ? undefined : join(FOLDER, `${PATIENTS}-equal.txt`);
  return new Set(
    path === undefined || !existsSync(path)
      ? []
      : readFileSync(path, 'utf8')
          .trim()
          .split('\n')
          .map((line) => Number.parseInt(line, 10)),
  );
}

const digestOf = (lines: readonly string[]): string => createHash('sha256').update(lines.join('\n')).digest('hex');

it('any order of patients, with replays, ends in the same CDM byte for byte', { timeout: 24 * 3_600_000 }, async () => {
  const expected = await expectedDump();
  say(`order 0: ${expected.length} lines, ${digestOf(expected)}`);
  expect(expected.length).toBeGreaterThan(PATIENTS * 10);
  for (const table of ['person', 'visit_occurrence', 'measurement', 'observation_period', 'drug_era', 'condition_era'])
    expect([table, expected.some((line) => line.startsWith(`${table}\t`))]).toEqual([table, true]);
  const done = equalSoFar();
  const own = new Set(expected);
  for (let order = 1; order <= ORDERS; order++) {
    if (done.has(order)) continue;
    if (UNTIL !== undefined && new Date().toISOString() >= UNTIL) {
      say(`order ${order} and later were not run: it is past ${UNTIL}`);
      break;
    }
    const found = await dumpOf(order);
    const other = new Set(found);
    if (FOLDER !== undefined && digestOf(found) !== digestOf(expected))
      writeFileSync(join(FOLDER, `${PATIENTS}-${order}.dump`), found.join('\n'));
    expect({
      order,
      missing: expected.filter((line) => !other.has(line)).slice(0, 5),
      more: found.filter((line) => !own.has(line)).slice(0, 5),
    }).toEqual({ order, missing: [], more: [] });
    expect([order, found.length, digestOf(found)]).toEqual([order, expected.length, digestOf(expected)]);
    if (FOLDER !== undefined) appendFileSync(join(FOLDER, `${PATIENTS}-equal.txt`), `${order} ${digestOf(found)}\n`);
    say(`order ${order}: equal`);
  }
});
