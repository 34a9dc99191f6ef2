/**
 * node scripts/bench/plan.ts [recorded] [arriving] [sample]: a plan over recorded messages while others arrive and are applied: what it costs them,
 * and how long it takes. The recorded ones are put into the journal as applied and are not applied (that is what scripts/bench/applied.ts measures):
 * a plan reads messages, not what was made of them. Windows with and without a plan follow each other, the order turned round each time: the ratio
 * counts, not the figures of a shared machine. A window is `arriving` messages, or 8 s of them. Then a plan over `sample` messages goes to its end
 * with nothing beside it.
 * 100,000 messages and 400: some 4 minutes on two quiet cores; on a busy machine fewer rounds, and it ends all the same.
 */
import { loadavg } from 'node:os';
import { pino } from 'pino';
import type { House } from '../../services/commands/house.ts';
import { startWorker } from '../../services/commands/serve/worker.ts';
import type { Database } from '../../services/database/connect.ts';
import { planById } from '../../services/database/specs/plans.ts';
import { beginDraft, changeDraft, type Desk } from '../../services/pipeline/specs/drafts.ts';
import { activeSpecs } from '../../services/pipeline/specs/live.ts';
import { cancelPlan, startPlan } from '../../services/pipeline/specs/plan.ts';
import { receive } from '../../services/pipeline.ts';
import { withHouse } from './house.ts';
import { quantile } from './measure.ts';
import { laboratoryReport } from './messages.ts';

const [recorded = 100_000, arriving = 400, sample = Math.min(recorded, 4_000)] = process.argv.slice(2).map(Number);
const ROUNDS = 5;
/** A window lasts so long, however few messages that would be. */
const WINDOW_MS = 8_000;
const AT_ONCE = 50;
const STORED_AT_ONCE = 500;
/** Messages of one patient. */
const EACH = 20;
/** No further round begins after so long, nor does the whole plan go on for longer than the half of it: what was measured till then is told. */
const MOST_ROUNDS_MS = 180_000;
/** So long nobody waits for a window that other work on the machine holds up: what was measured till then is told. */
const MOST_MS = 120_000;
const FILE = 'v2-to-fhir/resources/obx-to-observation.yaml';
const SETTLED = `WITH gone AS (DELETE FROM journal.waiting RETURNING message_id, received_at, source)
  INSERT INTO journal.outcome (message_id, received_at, source, status, attempts, spec, problems)
  SELECT message_id, received_at, source, 'applied', 1, '', '[]' FROM gone`;
const log = pino({ level: 'silent' });
const say = (text: string): void => console.log(`${new Date().toISOString().slice(11, 19)} ${text}`);
const seconds = (start: number): number => (performance.now() - start) / 1_000;

let next = 0;
const report = (): Buffer => Buffer.from(laboratoryReport(next % Math.max(1, recorded / EACH), 12, next++));

await withHouse(async (house) => {
  const { parts, database } = house;
  await record(house);
  const dir = parts.specs?.dir ?? 'mappings';
  const desk: Desk = { database, dir };
  const text = (await activeSpecs(database, dir)).texts.get(FILE) ?? '';
  const draft = await beginDraft(desk, 'bench', 'plan');
  const changed = text.replace(/^version: .*$/m, 'version: 1.0.1').replace(/^ {2}encounter: .*$/m, '');
  await changeDraft(desk, 'bench', { id: draft.id, revision: 0, changes: [{ path: FILE, text: changed }] });
  const worker = await startWorker(parts, { parallel: 2, batch: 100, pullDate: () => '2026-06-01' }, log);
  const send = async (count: number): Promise<number> => {
    const start = performance.now();
    let sent = 0;
    for (; sent < count || performance.now() - start < WINDOW_MS; sent += AT_ONCE)
      await Promise.all(Array.from({ length: AT_ONCE }, () => receive(parts, report(), 'mllp')));
    await worker.idle();
    return sent / seconds(start);
  };
  try {
    await windows(house, desk, draft.id, send);
    await whole(house, desk, draft.id);
  } finally {
    await worker.stop();
  }
});

/** Fills the journal with messages that are settled. */
async function record({ parts, database }: House): Promise<void> {
  const start = performance.now();
  for (let left = recorded; left > 0; left -= STORED_AT_ONCE)
    await Promise.all(
      Array.from({ length: Math.min(STORED_AT_ONCE, left) }, () => {
        const content = report();
        const entry = { source: 'LAB', channel: 'mllp', messageType: 'ORU^R01', reused: 'accept' } as const;
        return parts.journal.append({ ...entry, content, controlId: `LAB${next}`, patientKeys: [`LAB ${next % EACH}`] });
      }),
    );
  await database.run(SETTLED);
  await database.run('ANALYZE journal.message, journal.outcome, journal.waiting');
  say(`${recorded} reports of 12 results are in the journal, after ${seconds(start).toFixed(0)} s`);
}

async function windows(house: House, desk: Desk, draftId: number, send: (count: number) => Promise<number>): Promise<void> {
  const [alone, beside, looked]: [number[], number[], number[]] = [[], [], []];
  const withPlan = async (): Promise<void> => {
    const { database, parts } = house;
    const { plan, done } = await startPlan(parts, desk.dir, { actor: 'bench', draftId, filter: {} });
    const from = await reached(database, plan.id);
    const start = performance.now();
    beside.push(await send(arriving));
    const tookS = seconds(start);
    const now = await planById(database, plan.id);
    looked.push(((now?.looked ?? 0) - from) / tookS);
    if (now?.state !== 'running')
      say(`the plan was ${now?.state} before the window ended: more must be recorded ${JSON.stringify(now?.problems)}`);
    await cancelPlan(database, 'bench', plan.id);
    await done;
  };
  const without = async (): Promise<void> => {
    alone.push(await send(arriving));
  };
  await send(arriving);
  const began = performance.now();
  for (let round = 0; round < ROUNDS && (round === 0 || performance.now() - began < MOST_ROUNDS_MS); round++) {
    for (const window of round % 2 === 0 ? [without, withPlan] : [withPlan, without]) await window();
    const now = `${alone.at(-1)?.toFixed(0)}/s alone, ${beside.at(-1)?.toFixed(0)}/s beside a plan`;
    say(`round ${round + 1}: ${now} that looked at ${looked.at(-1)?.toFixed(0)}/s; load ${loadavg()[0]?.toFixed(1)}`);
  }
  const ratios = beside.map((each, i) => 100 * (1 - each / (alone[i] ?? each)));
  const [one, other] = [quantile(alone, 0.5), quantile(beside, 0.5)];
  say(
    `ingest alone ${one.toFixed(0)}/s, beside a plan ${other.toFixed(0)}/s: ${(100 * (1 - other / one)).toFixed(1)} % slower in the middle`,
  );
  say(`round by round: ${ratios.map((each) => each.toFixed(0)).join(', ')} % slower`);
}

/** Waits until a plan looks at messages; returns at how many it has. */
async function reached(database: Database, id: number): Promise<number> {
  const start = performance.now();
  for (;;) {
    const plan = await planById(database, id);
    if ((plan?.looked ?? 0) > 0) return plan?.looked ?? 0;
    if (plan?.state !== 'running') throw new Error(`the plan ended as ${plan?.state}: ${JSON.stringify(plan?.problems)}`);
    if (performance.now() - start > MOST_MS)
      throw new Error(`the plan looked at nothing for ${MOST_MS / 1_000} s: the machine is too busy to measure`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** A plan to its end, with nothing else to do. */
async function whole({ parts }: House, desk: Desk, draftId: number): Promise<void> {
  const start = performance.now();
  const cpu = process.cpuUsage();
  const started = await startPlan(parts, desk.dir, { actor: 'bench', draftId, filter: { sample } });
  const late = setTimeout(() => void cancelPlan(parts.database, 'bench', started.plan.id), MOST_ROUNDS_MS / 2);
  const done = await started.done;
  clearTimeout(late);
  const tookS = seconds(start);
  const used = process.cpuUsage(cpu);
  const each = ((used.user + used.system) / 1e3 / Math.max(1, done.looked)).toFixed(2);
  say(
    `a plan over ${sample}: ${done.state}, ${done.looked} messages in ${tookS.toFixed(1)} s: ${((1_000 * tookS) / done.looked).toFixed(2)} ms each`,
  );
  say(`${each} ms of this process's CPU each, resting included ${(done.looked / tookS).toFixed(0)}/s; load ${loadavg()[0]?.toFixed(1)}`);
  say(`${recorded} of them would take ${((recorded * tookS) / done.looked / 60).toFixed(1)} minutes`);
  say(JSON.stringify(done.summary ?? done.problems).slice(0, 600));
}
