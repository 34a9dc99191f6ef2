/** Messages and bundles all the way: resources, history, index, OMOP rows, what derives from them; beside COPY of the same rows. */
import { pino } from 'pino';
import type { House } from '../../services/commands/house.ts';
import { startWorker } from '../../services/commands/serve/worker.ts';
import { counts } from '../../services/database/journal/take.ts';
import { receive } from '../../services/pipeline.ts';
import { copyFloor } from './copy-floor.ts';
import { withHouse } from './house.ts';
import { type Figure, number, once, spreadOf } from './measure.ts';
import { admission, laboratoryReport, moved } from './messages.ts';

const ADMISSIONS = 3_000;
const REPORTS = 1_200;
const REPEATS = 3;
export const silentLog = pino({ level: 'silent' });

interface Applied {
  readonly rates: readonly number[];
  readonly resourceRates: readonly number[];
  readonly cpuMicroseconds: number;
  readonly ratio: number;
  readonly floorRows: number;
}

export const resourcesStored = async ({ database }: House): Promise<number> =>
  (await database.query<{ readonly n: number }>('SELECT count(*) AS n FROM fhir.resource'))[0]?.n ?? 0;

async function fill({ parts }: House, messages: readonly string[]): Promise<void> {
  const answers = await Promise.all(messages.map((text) => receive(parts, Buffer.from(text), 'import')));
  if (answers.some(({ status }) => status !== 200)) throw new Error('a message of the benchmark was not accepted');
}

/** Applies what waits by the same worker as the service's; returns seconds of wall time and microseconds of CPU. */
async function applyAll({ parts }: House): Promise<{ readonly seconds: number; readonly cpu: number }> {
  const cpuBefore = process.cpuUsage();
  const start = performance.now();
  const worker = await startWorker(parts, { parallel: 2, batch: 100, pullDate: () => '2026-06-01' }, silentLog);
  await worker.idle();
  const seconds = (performance.now() - start) / 1000;
  const used = process.cpuUsage(cpuBefore);
  await worker.stop();
  return { seconds, cpu: used.user + used.system };
}

/** One kind of message, each of another patient, in rounds; the last word of the store is checked. */
function applied(make: (patient: number) => string, count: number): Promise<Applied> {
  return withHouse(async (house) => {
    await fill(
      house,
      Array.from({ length: 200 }, (_, i) => make(i)),
    );
    await applyAll(house);
    const rates: number[] = [];
    const resourceRates: number[] = [];
    let seconds = 0;
    let cpu = 0;
    const first = await resourcesStored(house);
    for (let round = 0; round < REPEATS; round++) {
      await fill(
        house,
        Array.from({ length: count }, (_, i) => make(1_000 + round * count + i)),
      );
      const before = await resourcesStored(house);
      const done = await applyAll(house);
      seconds += done.seconds;
      cpu += done.cpu;
      rates.push(count / done.seconds);
      resourceRates.push(((await resourcesStored(house)) - before) / done.seconds);
    }
    for (const each of await counts(house.database))
      if (each.applied !== each.received) throw new Error('not every message of the benchmark was applied');
    const all = await resourcesStored(house);
    const floor = await copyFloor(house);
    const floorOfRounds = (floor.seconds * (all - first)) / all;
    return { rates, resourceRates, cpuMicroseconds: cpu / count / REPEATS, ratio: seconds / floorOfRounds, floorRows: floor.rows };
  });
}

/** Messages of patients that are known: one address changes, and all else that they say is said already. */
const followed = (): Promise<{ readonly rates: readonly number[]; readonly cpu: number }> =>
  withHouse(async (house) => {
    await fill(
      house,
      Array.from({ length: ADMISSIONS }, (_, i) => admission(i)),
    );
    await applyAll(house);
    const rates: number[] = [];
    let cpu = 0;
    for (let round = 0; round < REPEATS; round++) {
      await fill(
        house,
        Array.from({ length: ADMISSIONS }, (_, i) => moved(i, round)),
      );
      const done = await applyAll(house);
      rates.push(ADMISSIONS / done.seconds);
      cpu += done.cpu;
    }
    return { rates, cpu: cpu / ADMISSIONS / REPEATS };
  });

export async function appliedFigures(): Promise<readonly Figure[]> {
  const row = 'd applied';
  const admissions = await applied(admission, ADMISSIONS);
  const reports = await applied((patient) => laboratoryReport(patient, 12), REPORTS);
  const [adt, oru, resources] = [spreadOf(admissions.rates), spreadOf(reports.rates), spreadOf(reports.resourceRates)];
  const known = await followed();
  const cpu = (of: Applied) => `${number(of.cpuMicroseconds)} µs CPU of the service each`;
  return [
    {
      row,
      what: 'ADT applied (4 resources), from the journal',
      value: adt,
      unit: 'messages/s',
      target: '≥ 1,200',
      met: adt.median >= 1_200,
      note: cpu(admissions),
    },
    {
      row,
      what: `  time against COPY of the same ${number(admissions.floorRows)} rows`,
      value: once(admissions.ratio),
      unit: 'x',
      target: '≤ 2.5',
      met: admissions.ratio <= 2.5,
    },
    {
      row,
      what: 'ADT of known patients applied, one address changed',
      value: spreadOf(known.rates),
      unit: 'messages/s',
      note: `${number(known.cpu)} µs CPU of the service each`,
    },
    {
      row,
      what: 'ORU with 12 OBX applied (15 resources), from the journal',
      value: oru,
      unit: 'messages/s',
      target: '≥ 350',
      met: oru.median >= 350,
      note: cpu(reports),
    },
    { row, what: '  resources', value: resources, unit: 'resources/s', target: '≥ 5,000', met: resources.median >= 5_000 },
    {
      row,
      what: `  time against COPY of the same ${number(reports.floorRows)} rows`,
      value: once(reports.ratio),
      unit: 'x',
      target: '≤ 2.5',
      met: reports.ratio <= 2.5,
    },
  ];
}
