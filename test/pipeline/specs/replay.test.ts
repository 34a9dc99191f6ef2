import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { USUAL_RATES } from '../../../scripts/simulator/events.ts';
import { trafficOf } from '../../../scripts/simulator/traffic.ts';
import { auditRecords } from '../../../services/database/audit.ts';
import { openDatabase } from '../../../services/database/connect.ts';
import { deriveStale } from '../../../services/database/derived/derived.ts';
import { replays } from '../../../services/database/specs/replays.ts';
import { rebuildCompared } from '../../../services/pipeline/rebuild.ts';
import { rollback } from '../../../services/pipeline/specs/publish.ts';
import { replayAll, replayNext } from '../../../services/pipeline/specs/replay.ts';
import { receive, write } from '../../../services/pipeline.ts';
import { freshDatabase } from '../../fresh-database.ts';
import { type SpecsHouse, specsHouse } from '../../specs-house.ts';

const derive = { pullDate: '2026-06-01' };
const OBSERVATION = 'v2-to-fhir/resources/obx-to-observation.yaml';
const PATIENT = 'v2-to-fhir/resources/pid-to-patient.yaml';
const ROWS = 'fhir-to-omop/observation.yaml';
let house: SpecsHouse;
beforeEach(async () => {
  house = await specsHouse();
});
afterEach(() => house[Symbol.asyncDispose]());

async function hospital(patients: number, seed: number, merges = 0.4): Promise<void> {
  const rates = { ...USUAL_RATES, merges, duplicates: 0.05, outOfOrder: 0.2, broken: 0.02 };
  for (const { bytes } of trafficOf({ seed, patients, rates, startMs: Date.UTC(2026, 0, 5) })) await receive(house.parts, bytes, 'mllp');
  await house.drain();
}

/** How the store differs from one to which everything was done again. */
async function differences() {
  await deriveStale(house.database, derive);
  const fresh = await freshDatabase();
  const scratch = openDatabase(fresh.url);
  try {
    const { way, resources, rows } = await rebuildCompared(house.parts, scratch, { derive, listed: 5 });
    return { way, resources: resources.slice(0, 5), rows: rows.slice(0, 5) };
  } finally {
    await scratch.close();
    await fresh.drop();
  }
}

const EQUAL = { way: 'journal', resources: [], rows: [] };
/** Whatever version it is at: another one than what is published. */
const raised = (text: string): string => text.replace(/^version: .*$/m, 'version: 99.0.1');

/** Results lose their device and reference range, and are called otherwise; patients lose their marital status. */
const edited = () => [
  {
    path: OBSERVATION,
    text: raised(house.text(OBSERVATION))
      .replace(/^ {2}issued: .*$/m, '')
      .replace(/^ {2}encounter: .*$/m, ''),
  },
  {
    path: PATIENT,
    text: raised(house.text(PATIENT))
      .replace(/^ {2}maritalStatus: .*$/m, '')
      .replace('update: merge', 'update: merge\nnotes: less'),
  },
];

describe('a replay', () => {
  it('ends in what a fresh run makes, and a rollback in what there was before', async () => {
    await hospital(8, 3);
    const before = await bodies();
    const { summary, releaseId } = await house.publish(edited());
    expect(summary.resources.changed).toBeGreaterThan(0);
    await replayAll(house.parts);
    const [replay] = await replays(house.database, 1);
    expect(replay).toMatchObject({ state: 'done', toRelease: releaseId });
    expect(replay?.progress.kept).toBe(0);
    const changed = [...(await bodies())].filter(([reference, body]) => before.get(reference) !== body).length;
    // A plan does not follow merges: what one record fills of another is changed with it.
    const { changed: expected } = summary.resources;
    expect(changed).toBeGreaterThanOrEqual(expected);
    expect(changed).toBeLessThan(expected * 1.1 + 5);
    expect(await differences()).toEqual(EQUAL);
    // Going back takes one person, an author too, where a publication takes two: the log says so.
    await rollback({ ...house.desk, needsSecondPerson: true }, { actor: 'ana', to: 1, reason: 'a test' });
    const [entry] = await auditRecords(house.database, { action: 'spec.rollback', limit: 1 });
    expect(entry).toMatchObject({ actor: 'ana', detail: { from: releaseId, secondPerson: expect.stringContaining('not asked') } });
    await house.specs.catchUp(house.database);
    await replayAll(house.parts);
    expect(await bodies()).toEqual(before);
    expect(await differences()).toEqual(EQUAL);
  });

  it('makes what belongs to no patient of all that messages say of it: gathered by some pieces, written by others', async () => {
    await hospital(4, 23, 0);
    await house.publish(edited());
    const phaseNow = async () => (await replays(house.database, 1))[0]?.phase;
    while ((await phaseNow()) === 'scan') await replayNext(house.parts);
    // As if results hung on nobody.
    const results = await house.database.run("UPDATE ops.spec_replay_resource SET part = '' WHERE reference LIKE 'Observation/%'");
    let pieces = 0;
    for (; (await phaseNow()) === 'shared'; pieces++) await replayNext(house.parts);
    const [gathered] = await house.database.query<{ n: number }>('SELECT count(*) AS n FROM ops.spec_replay_said');
    expect([results > 0, pieces >= 3, gathered?.n]).toEqual([true, true, 0]);
    await replayAll(house.parts);
    expect((await replays(house.database, 1))[0]).toMatchObject({ state: 'done', progress: { kept: 0 } });
    expect(await differences()).toEqual(EQUAL);
  });

  it('makes rows again when only a row map changed, and leaves the resources alone', async () => {
    await hospital(4, 11);
    const before = await bodies();
    const text = raised(house.text(ROWS)).replace('      range: =referenceRange\n', '');
    const { summary } = await house.publish([{ path: ROWS, text }]);
    expect(summary.resources).toMatchObject({ added: 0, changed: 0, gone: 0, moved: 0 });
    expect(summary.rows.changed).toBeGreaterThan(0);
    await replayAll(house.parts);
    expect(await bodies()).toEqual(before);
    expect(await differences()).toEqual(EQUAL);
  });

  it('leaves deleted what a request deleted after a message had said it', async () => {
    await hospital(2, 7);
    const observation = 'WHERE NOT deleted AND body LIKE \'{"resourceType":"Observation"%\'';
    const [found] = await house.database.query<{ id: string }>(`SELECT id FROM fhir.resource ${observation} ORDER BY id LIMIT 1`);
    const id = found?.id ?? '';
    const content = new TextEncoder().encode(`DELETE Observation/${id}`);
    const entry = { source: 'test', channel: 'fhir', content, controlId: undefined, messageType: 'delete', patientKeys: [] } as const;
    const resource = { resourceType: 'Observation', id };
    await write(house.parts, entry, async () => [
      { resource, delete: true, update: 'replace', deletes: [], spec: '', problems: [], unmapped: [] },
    ]);
    await house.publish(edited());
    await replayAll(house.parts);
    const isDeleted = (await house.database.query<{ deleted: boolean }>('SELECT deleted FROM fhir.resource WHERE id = $1', [id]))[0]
      ?.deleted;
    expect({ found: found !== undefined, isDeleted }).toEqual({ found: true, isDeleted: true });
    expect(await differences()).toEqual(EQUAL);
  });

  it('goes on with what arrives meanwhile', async () => {
    await hospital(4, 5);
    await house.publish(edited());
    for (let i = 0; i < 2; i++) await replayNext(house.parts);
    await hospital(4, 6);
    await replayAll(house.parts);
    expect(await differences()).toEqual(EQUAL);
  });
});

/** What stands at every resource that is not deleted, without version and time, in one order of its elements. */
async function bodies(): Promise<ReadonlyMap<string, string>> {
  const rows = await house.database.query<{ reference: string; body: string }>(
    `SELECT type || '/' || id AS reference, (body::jsonb #- '{meta,versionId}' #- '{meta,lastUpdated}')::text AS body FROM fhir.resource
     WHERE NOT deleted ORDER BY 1`,
  );
  return new Map(rows.map(({ reference, body }) => [reference, body]));
}
