/**
 * node scripts/bench/plan.ts [recorded] [arriving]: a plan over recorded messages while others arrive and are applied: what it costs them, and how
 * long it takes. Rounds with and without a plan follow each other; the ratio counts, not the figures of a shared machine.
 */
import { loadavg } from 'node:os';
import { pino } from 'pino';
import type { House } from '../../services/commands/house.ts';
import { startWorker, type Worker } from '../../services/commands/serve/worker.ts';
import { planById } from '../../services/database/specs/plans.ts';
import { beginDraft, changeDraft, type Desk } from '../../services/pipeline/specs/drafts.ts';
import { activeSpecs } from '../../services/pipeline/specs/live.ts';
import { cancelPlan, startPlan } from '../../services/pipeline/specs/plan.ts';
import { receive } from '../../services/pipeline.ts';
import { withHouse } from './house.ts';
import { laboratoryReport } from './messages.ts';

const [recorded = 100_000, arriving = 400] = process.argv.slice(2).map(Number);
const ROUNDS = 4;
const AT_ONCE = 50;
const FILE = 'v2-to-fhir/resources/obx-to-observation.yaml';
const log = pino({ level: 'silent' });
const say = (text: string): void => console.log(text);

await withHouse(async (house) => {
  const { parts } = house;
  const dir = parts.specs?.dir ?? 'mappings';
  const desk: Desk = { database: house.database, dir };
  const worker = await startWorker(parts, { parallel: 2, batch: 100, pullDate: () => '2026-06-01' }, log);
  let next = 0;
  const send = async (count: number): Promise<number> => {
    const start = performance.now();
    for (let left = count; left > 0; left -= AT_ONCE)
      await Promise.all(
        Array.from({ length: Math.min(AT_ONCE, left) }, () => receive(parts, Buffer.from(laboratoryReport(next++, 12)), 'mllp')),
      );
    await worker.idle();
    return count / ((performance.now() - start) / 1_000);
  };
  say(`recorded ${recorded} reports of 12 results: ${Math.round(await send(recorded))}/s`);
  const text = (await activeSpecs(house.database, dir)).texts.get(FILE) ?? '';
  const draft = await beginDraft(desk, 'bench', 'plan');
  const changed = text.replace(/^version: .*$/m, 'version: 1.0.1').replace(/^ {2}encounter: .*$/m, '');
  await changeDraft(desk, 'bench', { id: draft.id, revision: 0, changes: [{ path: FILE, text: changed }] });
  const rates = await rounds(house, desk, draft.id, send);
  const mean = (all: readonly number[]): number => all.reduce((sum, each) => sum + each, 0) / all.length;
  const [alone, beside] = [mean(rates.alone), mean(rates.beside)];
  say(
    `ingest alone ${alone.toFixed(0)}/s, beside a plan ${beside.toFixed(0)}/s: ${(100 * (1 - beside / alone)).toFixed(1)} % slower; load ${loadavg()[0]?.toFixed(1)}`,
  );
  await whole(house, desk, draft.id, worker);
});

async function rounds({ database, parts }: House, desk: Desk, draftId: number, send: (count: number) => Promise<number>) {
  const [alone, beside]: [number[], number[]] = [[], []];
  await send(arriving);
  for (let round = 0; round < ROUNDS; round++) {
    alone.push(await send(arriving));
    const { plan, done } = await startPlan(parts, desk.dir, { actor: 'bench', draftId, filter: {} });
    while (((await planById(database, plan.id))?.looked ?? 0) === 0) await new Promise((resolve) => setTimeout(resolve, 50));
    beside.push(await send(arriving));
    const now = await planById(database, plan.id);
    say(
      `round ${round + 1}: ${alone.at(-1)?.toFixed(0)}/s alone, ${beside.at(-1)?.toFixed(0)}/s beside a plan that looked at ${now?.looked} of ${now?.total} (${now?.state})`,
    );
    await cancelPlan(database, 'bench', plan.id);
    await done;
  }
  return { alone, beside };
}

/** A plan to its end, with nothing else to do. */
async function whole({ parts }: House, desk: Desk, draftId: number, worker: Worker): Promise<void> {
  const start = performance.now();
  const cpu = process.cpuUsage();
  const done = await (await startPlan(parts, desk.dir, { actor: 'bench', draftId, filter: {} })).done;
  const seconds = (performance.now() - start) / 1_000;
  const used = process.cpuUsage(cpu);
  say(
    `a whole plan: ${done.state}, ${done.looked} messages in ${seconds.toFixed(1)} s (${(done.looked / seconds).toFixed(0)}/s), ${((used.user + used.system) / 1e6).toFixed(1)} s of CPU; load ${loadavg()[0]?.toFixed(1)}`,
  );
  say(JSON.stringify(done.summary).slice(0, 600));
  await worker.stop();
}
