import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { chanceOf } from '../../scripts/simulator/chance.ts';
import { USUAL_RATES } from '../../scripts/simulator/events.ts';
import { trafficOf } from '../../scripts/simulator/traffic.ts';
import { openDatabase } from '../../services/database/connect.ts';
import { deriveStale } from '../../services/database/derived/derived.ts';
import { mergeRequested } from '../../services/pipeline/fhir/merge.ts';
import { writeRequest } from '../../services/pipeline/fhir/write.ts';
import { type RebuildReport, rebuildCompared } from '../../services/pipeline/rebuild.ts';
import { receive } from '../../services/pipeline.ts';
import { freshDatabase } from '../fresh-database.ts';
import { type TestHouse, testHouse } from '../parts.ts';

const derive = { pullDate: '2026-06-01' };
let house: TestHouse;
beforeEach(async () => {
  house = await testHouse();
});
afterEach(() => house[Symbol.asyncDispose]());

async function rebuilt(): Promise<RebuildReport> {
  await deriveStale(house.database, derive);
  const fresh = await freshDatabase();
  const scratch = openDatabase(fresh.url);
  try {
    return await rebuildCompared(house.parts, scratch, { derive, listed: 5 });
  } finally {
    await scratch.close();
    await fresh.drop();
  }
}

const differing = ({ resources, rows }: RebuildReport) => ({ resources: resources.slice(0, 5), rows: rows.slice(0, 10) });
const NOTHING = { resources: [], rows: [] };

async function hospital(patients: number, seed = 5): Promise<void> {
  const rates = { ...USUAL_RATES, merges: 0.4, duplicates: 0.05, outOfOrder: 0.1, broken: 0.02 };
  for (const { bytes } of trafficOf({ seed, patients, rates, startMs: Date.UTC(2026, 0, 5) })) await receive(house.parts, bytes, 'mllp');
  await house.drain();
}

async function put(
  method: 'PUT' | 'POST' | 'DELETE',
  type: string,
  id: string | undefined,
  content: Record<string, unknown> = {},
): Promise<string> {
  const resource = { ...JSON.parse(JSON.stringify(content)), resourceType: type, ...(id === undefined ? {} : { id }) };
  const alone = { index: 0, search: undefined, condition: undefined, ifMatch: undefined, fullUrl: undefined, problems: [] } as const;
  const entry = {
    source: 'fhir',
    channel: 'fhir',
    content: Buffer.from(JSON.stringify(resource)),
    controlId: undefined,
    messageType: `${method} ${type}`,
    patientKeys: [],
  } as const;
  const asked = {
    kind: 'batch',
    entries: [{ ...alone, method, type, id, resource: method === 'DELETE' ? undefined : resource }],
    questions: [],
  } as const;
  const [written] = await writeRequest(house.parts, { entry, asked, base: 'urn:test' });
  return written?.id ?? '';
}

const weight = (patient: string, value: number) => ({
  status: 'final',
  code: { coding: [{ system: 'http://loinc.org', code: '29463-7' }] },
  subject: { reference: `Patient/${patient}` },
  effectiveDateTime: '2026-02-01',
  valueQuantity: { value, unit: 'kg', system: 'http://unitsofmeasure.org', code: 'kg' },
});

function survivorIn(survivors: ReadonlyMap<string, string>, id: string): string {
  const next = survivors.get(id);
  return next === undefined ? id : survivorIn(survivors, next);
}

describe('a full rebuild from the journal', () => {
  it('equals what stands: messages out of order, twice, merged, beside created, changed, deleted and merged resources', async () => {
    await hospital(8);
    await put('PUT', 'Patient', 'p1', { gender: 'female', birthDate: '1970-01-01' });
    await put('PUT', 'Patient', 'p2', { gender: 'female', birthDate: '1970' });
    const created = await put('POST', 'Observation', undefined, weight('p2', 70));
    await put('PUT', 'Observation', created, weight('p2', 71));
    const gone = await put('POST', 'Observation', undefined, weight('p1', 60));
    await put('DELETE', 'Observation', gone);
    await mergeRequested(house.parts, Buffer.from('{}'), { survivor: 'p1', loser: 'p2' });
    await hospital(3, 6);
    const report = await rebuilt();
    expect(differing(report)).toEqual(NOTHING);
    expect([report.way, report.applied > 100]).toEqual(['journal', true]);
    for (const table of ['person', 'measurement', 'visit_occurrence', 'observation_period', 'condition_era'])
      expect([table, report.tables.find((each) => each.table === table)?.stored]).not.toEqual([table, 0]);
  });

  it('names what somebody changed, removed or added in the CDM, by table and row', async () => {
    await put('PUT', 'Patient', 'p1', { gender: 'female', birthDate: '1970-01-01' });
    const [a, b] = [
      await put('POST', 'Observation', undefined, weight('p1', 70)),
      await put('POST', 'Observation', undefined, weight('p1', 71)),
    ];
    await deriveStale(house.database, derive);
    await house.database.run('UPDATE cdm.measurement SET value_as_number = 7 WHERE value_as_number = 70');
    await house.database.run('DELETE FROM cdm.measurement WHERE value_as_number = 71');
    await house.database.run('UPDATE cdm.observation_period SET observation_period_end_date = observation_period_end_date + 1');
    const { rows, tables } = await rebuilt();
    const reason = 'no reason found: the same resource, the same map';
    expect(rows).toHaveLength(3);
    expect(rows).toEqual(
      expect.arrayContaining([
        { table: 'measurement', key: `Observation/${a}#00000`, kind: 'differs', columns: ['value_as_number'], reason },
        { table: 'measurement', key: `Observation/${b}#00000`, kind: 'only rebuilt', columns: [], reason },
        { table: 'observation_period', key: 'Patient/p1#00001', kind: 'differs', columns: ['observation_period_end_date'], reason },
      ]),
    );
    expect(tables.find(({ table }) => table === 'measurement')).toMatchObject({ stored: 1, rebuilt: 2, differences: 2 });
  });

  it('equals what stands after merges and unmerges of five in chains: no orphan, no second death, each its own again', async () => {
    const ids = ['k1', 'k2', 'k3', 'k4', 'k5'];
    const person = (id: string) => ({
      gender: 'male',
      birthDate: '1970-01-01',
      ...(id === 'k2' || id === 'k4' ? { deceasedDateTime: '2026-03-01' } : {}),
    });
    for (const [i, id] of ids.entries()) {
      await put('PUT', 'Patient', id, person(id));
      await put('PUT', 'Observation', `${id}-w`, weight(id, 60 + i));
    }
    const survivors = new Map<string, string>();
    const link = (id: string, to: string) =>
      put('PUT', 'Patient', id, { ...person(id), active: false, link: [{ type: 'replaced-by', other: { reference: `Patient/${to}` } }] });
    const chance = chanceOf(17);
    for (let step = 0; step < 24; step++) {
      const id = `k${chance.between(1, 5)}`;
      const to = `k${chance.between(1, 5)}`;
      if (survivors.has(id)) {
        await put('PUT', 'Patient', id, { ...person(id), active: true });
        survivors.delete(id);
      } else if (survivorIn(survivors, to) !== id) {
        await link(id, to);
        // A merge into somebody who was merged is one into the survivor of that.
        survivors.set(id, survivorIn(survivors, to));
      }
      await deriveStale(house.database, derive);
      const standing = ids.filter((each) => !survivors.has(each));
      const persons = await house.database.query<{ id: string; deaths: number; n: number }>(
        `SELECT r.id, (SELECT count(*) FROM cdm.death d WHERE d.person_id = p.person_id) AS deaths,
           (SELECT count(*) FROM cdm.measurement m WHERE m.person_id = p.person_id) AS n
         FROM cdm.person p JOIN fhir.resource r ON r.resource_key = p.person_id ORDER BY 1`,
      );
      expect(persons.map((each) => each.id)).toEqual(standing);
      expect(persons.map((each) => each.n)).toEqual(
        standing.map((each) => ids.filter((other) => survivorIn(survivors, other) === each).length),
      );
      for (const each of persons) expect(each.deaths).toBeLessThanOrEqual(1);
      const orphans = ['measurement', 'death', 'observation_period']
        .map((table) => `SELECT person_id FROM cdm.${table}`)
        .join(' UNION ALL ');
      expect(
        await house.database.query(
          `SELECT * FROM (${orphans}) o WHERE NOT EXISTS (SELECT FROM cdm.person p WHERE p.person_id = o.person_id)`,
        ),
      ).toEqual([]);
    }
    expect(differing(await rebuilt())).toEqual(NOTHING);
  });

  it('is made from the stored resources where the journal was cut, and says so', async () => {
    await hospital(6);
    await house.database.run('DELETE FROM journal.message WHERE id = (SELECT min(message_id) FROM fhir.resource)');
    const report = await rebuilt();
    expect([report.way, differing(report)]).toEqual(['resources', NOTHING]);
  });
});
