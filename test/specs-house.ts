/** A test house whose specs are published: a folder of maps of its own, small enough to be checked in a second. */
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { loadMaps } from '../services/mapping/maps.ts';
import { beginDraft, changeDraft, type Desk, type FileChange } from '../services/pipeline/specs/drafts.ts';
import { LiveSpecs } from '../services/pipeline/specs/live.ts';
import { startPlan } from '../services/pipeline/specs/plan.ts';
import type { PlanSummary } from '../services/pipeline/specs/plan-desk.ts';
import { type Published, publishDraft } from '../services/pipeline/specs/publish.ts';
import { type Parts, processNext } from '../services/pipeline.ts';
import { type TestHouse, testHouse } from './parts.ts';

const root = resolve(import.meta.dirname, '..');
const MESSAGES = ['adt-a01', 'adt-a03', 'adt-a40', 'oru-r01'];

export interface SpecsHouse extends TestHouse {
  readonly desk: Desk;
  readonly dir: string;
  readonly specs: LiveSpecs;
  /** The text of a file of the folder. */
  text(path: string): string;
  /** Drafts changes, plans and publishes them; every removal is acknowledged. */
  publish(changes: readonly FileChange[]): Promise<Published & { readonly summary: PlanSummary }>;
}

/** Copies the project's maps that take admissions and results, without their cases. */
export function smallMaps(dir: string): void {
  const from = join(root, 'mappings');
  for (const part of ['types', 'resources', 'tables'])
    cpSync(join(from, 'v2-to-fhir', part), join(dir, 'v2-to-fhir', part), {
      recursive: true,
      filter: (path) => !/\.(cases\.yaml|md)$/.test(path),
    });
  cpSync(join(from, 'fhir-to-omop'), join(dir, 'fhir-to-omop'), { recursive: true, filter: (path) => !/\.(cases\.yaml|md)$/.test(path) });
  for (const name of readdirSync(join(dir, 'fhir-to-omop'), { withFileTypes: true })) {
    if (!name.isFile()) continue;
    const file = join(dir, 'fhir-to-omop', name.name);
    writeFileSync(file, `${readFileSync(file, 'utf8').split('\ncases:')[0] ?? ''}\n`);
  }
  mkdirSync(join(dir, 'v2-to-fhir/messages'), { recursive: true });
  for (const name of MESSAGES) cpSync(join(from, `v2-to-fhir/messages/${name}.yaml`), join(dir, `v2-to-fhir/messages/${name}.yaml`));
}

export async function specsHouse(): Promise<SpecsHouse> {
  const dir = mkdtempSync(join(tmpdir(), 'polyseme-maps-'));
  smallMaps(dir);
  const maps = loadMaps(dir);
  if (!maps.ok) throw new Error(JSON.stringify(maps.problems));
  const house = await testHouse();
  const specs = new LiveSpecs(dir, maps.value);
  // Stays that are open last until the day they were written: the database writes today.
  const parts: Parts = { ...house.parts, maps: specs, specs, clock: () => new Date() };
  const desk: Desk = { database: house.database, dir };
  const publish: SpecsHouse['publish'] = async (changes) => {
    const draft = await beginDraft(desk, 'ana', 'a change');
    await changeDraft(desk, 'ana', { id: draft.id, revision: 0, changes });
    const started = await startPlan(parts, dir, { actor: 'ana', draftId: draft.id, filter: {} });
    const plan = await started.done;
    const summary = plan.summary as PlanSummary | null;
    if (summary === null) throw new Error(`the plan ended as ${plan.state}: ${JSON.stringify(plan.problems)}`);
    const { removals } = summary;
    const published = await publishDraft(desk, {
      actor: 'bea',
      draftId: draft.id,
      planId: plan.id,
      acknowledged: removals,
      reason: 'a test',
    });
    await specs.catchUp(house.database);
    return { ...published, summary };
  };
  return {
    ...house,
    parts,
    desk,
    dir,
    specs,
    publish,
    text: (path) => readFileSync(join(dir, path), 'utf8'),
    drain: async () => {
      while ((await processNext(parts, 50)) > 0);
    },
    [Symbol.asyncDispose]: async () => {
      await house[Symbol.asyncDispose]();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}
