import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { USUAL_RATES } from '../../scripts/simulator/events.ts';
import { trafficOf } from '../../scripts/simulator/traffic.ts';
import { openDatabase } from '../../services/database/connect.ts';
import { deriveStale } from '../../services/database/derived/derived.ts';
import { replays } from '../../services/database/specs/replays.ts';
import { rebuildCompared } from '../../services/pipeline/rebuild.ts';
import { receive } from '../../services/pipeline.ts';
import { freshDatabase } from '../fresh-database.ts';
import { type SpecsHouse, specsHouse } from '../specs-house.ts';

const derive = { pullDate: '2026-06-01' };
const OBSERVATION = 'v2-to-fhir/resources/obx-to-observation.yaml';
const PATIENT = 'v2-to-fhir/resources/pid-to-patient.yaml';
/** After so many pieces each process is killed; the last one finishes. */
const KILLS = [1, 0, 2, 1];

let house: SpecsHouse;
beforeEach(async () => {
  house = await specsHouse();
});
afterEach(() => house[Symbol.asyncDispose]());

/** Starts a process and kills it, in the middle of whatever it does, after so many pieces; undefined: it may finish. */
async function replayer(pieces: number | undefined): Promise<number> {
  const child: ChildProcess = spawn(process.execPath, [join(import.meta.dirname, 'replayer.ts'), house.url, house.dir], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let done = 0;
  const exited = once(child, 'exit');
  if (child.stdout === null) throw new Error('no output');
  for await (const line of createInterface({ input: child.stdout })) {
    if (line === 'piece') done += 1;
    if (pieces !== undefined && line !== 'end' && done >= pieces) child.kill('SIGKILL');
  }
  await exited;
  return done;
}

it('finishes a replay whose process is killed again and again, and ends in what a fresh run makes', async () => {
  const rates = { ...USUAL_RATES, merges: 0.3, duplicates: 0.05, outOfOrder: 0.1 };
  for (const { bytes } of trafficOf({ seed: 21, patients: 10, rates, startMs: Date.UTC(2026, 0, 5) }))
    await receive(house.parts, bytes, 'mllp');
  await house.drain();
  await house.publish([
    {
      path: OBSERVATION,
      text: house
        .text(OBSERVATION)
        .replace(/^version: .*$/m, 'version: 1.0.1')
        .replace(/^ {2}encounter: .*$/m, ''),
    },
    {
      path: PATIENT,
      text: house
        .text(PATIENT)
        .replace(/^version: .*$/m, 'version: 1.0.1')
        .replace(/^ {2}maritalStatus: .*$/m, ''),
    },
  ]);
  for (const pieces of KILLS) {
    await replayer(pieces);
    expect(await replays(house.database, 1)).toMatchObject([{ state: 'running' }]);
  }
  await replayer(undefined);
  expect(await replays(house.database, 1)).toMatchObject([{ state: 'done', progress: { kept: 0 } }]);
  await deriveStale(house.database, derive);
  const fresh = await freshDatabase();
  const scratch = openDatabase(fresh.url);
  try {
    const { way, resources, rows } = await rebuildCompared(house.parts, scratch, { derive, listed: 5 });
    expect({ way, resources, rows }).toEqual({ way: 'journal', resources: [], rows: [] });
  } finally {
    await scratch.close();
    await fresh.drop();
  }
});
