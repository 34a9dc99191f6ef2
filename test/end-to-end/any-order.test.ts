/**
 * The same traffic in many orders ends in the same CDM, line for line: of each patient's messages the order is kept, patients are mixed
 * at random, messages come again, take sizes differ. POLYSEME_TEST_TRAFFIC_PATIENTS and POLYSEME_TEST_TRAFFIC_ORDERS make it long:
 * 1,660 patients are about 20,000 messages.
 */
import { expect, it } from 'vitest';
import { chanceOf } from '../../scripts/simulator/chance.ts';
import { USUAL_RATES } from '../../scripts/simulator/events.ts';
import { trafficOf } from '../../scripts/simulator/traffic.ts';
import { dumpLines } from '../../services/database/cdm-dump.ts';
import type { Transaction } from '../../services/database/connect.ts';
import { deriveStale } from '../../services/database/derived.ts';
import { writeRequest } from '../../services/pipeline/fhir-write.ts';
import { type Parts, processNext, receive } from '../../services/pipeline.ts';
import { testHouse } from '../parts.ts';

const PATIENTS = Number(process.env['POLYSEME_TEST_TRAFFIC_PATIENTS'] ?? 6);
const ORDERS = Number(process.env['POLYSEME_TEST_TRAFFIC_ORDERS'] ?? 3);
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

async function dumpOf(order: number): Promise<readonly string[]> {
  const chance = chanceOf(order, 99);
  await using house = await testHouse();
  // Stays without an end reach until the day of the data, on whatever day the test runs.
  const parts: Parts = { ...house.parts, writtenOn: () => DERIVE.pullDate };
  const told = streams();
  const clients = new Set(told.slice(PATIENTS).flat());
  const queues = told.map((stream) => [...stream]);
  const past: Told[] = [];
  for (let open = queues.filter((queue) => queue.length > 0); open.length > 0; open = open.filter((queue) => queue.length > 0)) {
    const next = open[order === 0 ? 0 : chance.below(open.length)]?.shift();
    if (next === undefined) continue;
    await next(parts);
    if (order === 0) continue;
    if (!clients.has(next)) past.push(next);
    if (past.length > 0 && chance.happens(0.1)) await past[chance.below(past.length)]?.(parts);
    if (chance.happens(0.1)) await processNext(parts, chance.between(1, 40));
    if (chance.happens(0.05)) await deriveStale(parts.database, DERIVE);
  }
  while ((await processNext(parts, chance.between(1, 60))) > 0);
  await oneIngredient(parts);
  await deriveStale(parts.database, DERIVE);
  return await parts.database.snapshot(linesOf, { timeoutMs: 600_000 });
}

it('any order of patients, with replays, ends in the same CDM byte for byte', { timeout: 3_600_000 }, async () => {
  const expected = await dumpOf(0);
  expect(expected.length).toBeGreaterThan(PATIENTS * 10);
  for (const table of ['person', 'visit_occurrence', 'measurement', 'observation_period', 'drug_era', 'condition_era'])
    expect([table, expected.some((line) => line.startsWith(`${table}\t`))]).toEqual([table, true]);
  for (let order = 1; order <= ORDERS; order++) {
    const found = await dumpOf(order);
    const [own, other] = [new Set(expected), new Set(found)];
    expect({
      order,
      missing: expected.filter((line) => !other.has(line)).slice(0, 5),
      more: found.filter((line) => !own.has(line)).slice(0, 5),
    }).toEqual({ order, missing: [], more: [] });
    expect(found).toEqual(expected);
  }
});
