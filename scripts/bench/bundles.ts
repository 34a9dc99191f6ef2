/** FHIR transactions all the way, several under way at once as a server has them, and one after the other as `polyseme import` does. */
import type { House } from '../../services/commands/house.ts';
import { readJson } from '../../services/fhir/format/json.ts';
import { answerBundle } from '../../services/http/fhir/bundle.ts';
import { FhirImport } from '../../services/pipeline/import/import.ts';
import { resourcesStored } from './applied.ts';
import { copyFloor } from './copy-floor.ts';
import { withHouse } from './house.ts';
import { type Figure, number, once, spreadOf } from './measure.ts';
import { sampleBundles } from './samples.ts';

const BUNDLES = 32;
const AT_ONCE = 4;
const WARMING = 16;
const REPEATS = 2;
/** Hospitals and practitioners, which the others refer to. */
const FIRST = 2;
const BASE = 'http://127.0.0.1/fhir/R4';

interface Stored {
  readonly rate: number;
  readonly resources: number;
  /** Microseconds of CPU of this process per resource. */
  readonly cpu: number;
  readonly residentMb: number;
  readonly ratio: number;
  readonly rows: number;
}

function stored(work: (house: House) => Promise<void>): Promise<Stored> {
  return withHouse(async (house) => {
    const cpuBefore = process.cpuUsage();
    const start = performance.now();
    await work(house);
    const seconds = (performance.now() - start) / 1000;
    const used = process.cpuUsage(cpuBefore);
    const resources = await resourcesStored(house);
    const residentMb = process.memoryUsage().rss / 1e6;
    const floor = await copyFloor(house);
    const cpu = (used.user + used.system) / resources;
    return { rate: resources / seconds, resources, cpu, residentMb, ratio: seconds / floor.seconds, rows: floor.rows };
  });
}

async function transactions({ parts }: House, texts: readonly string[]): Promise<void> {
  const lane = async (queue: string[]): Promise<void> => {
    for (let text = queue.shift(); text !== undefined; text = queue.shift()) await answerBundle(parts, Buffer.from(text), BASE);
  };
  await lane(texts.slice(0, FIRST));
  const queue = texts.slice(FIRST);
  await Promise.all(Array.from({ length: AT_ONCE }, () => lane(queue)));
}

async function imported({ parts }: House, texts: readonly string[]): Promise<void> {
  const load = new FhirImport(parts);
  for (const [i, text] of texts.entries()) {
    const read = readJson(text);
    const problems = read.ok ? await load.add(`bundle ${i}`, read.value) : read.problems;
    if (problems.length > 0) throw new Error(`bundle ${i}: ${problems[0]?.code}`);
  }
  if ((await load.finish(() => false)).length > 0) throw new Error('a bundle of the benchmark was refused');
}

export async function bundleFigures(): Promise<readonly Figure[]> {
  const { texts, from } = sampleBundles(BUNDLES);
  await withHouse((house) => transactions(house, texts.slice(0, WARMING)));
  const runs = [];
  for (let i = 0; i < REPEATS; i++) runs.push(await stored((house) => transactions(house, texts)));
  const rates = spreadOf(runs.map((run) => run.rate));
  const ratios = spreadOf(runs.map((run) => run.ratio));
  const [together] = runs;
  if (together === undefined) throw new Error('no run');
  const single = await stored((house) => imported(house, texts));
  const row = `e bundles: ${from}, with index and OMOP rows`;
  const note = ({ cpu, resources }: Stored): string => `${number(cpu)} µs CPU of the service each, ${resources} resources`;
  return [
    {
      row,
      what: `FHIR transactions, ${AT_ONCE} at once, without the HTTP around them`,
      value: rates,
      unit: 'resources/s',
      target: '≥ 4,000',
      met: rates.median >= 4_000,
      note: note(together),
    },
    { row, what: `  time against COPY of the same ${number(together.rows)} rows`, value: ratios, unit: 'x' },
    { row, what: 'the same by polyseme import, one after the other', value: once(single.rate), unit: 'resources/s', note: note(single) },
    { row, what: `  time against COPY of the same ${number(single.rows)} rows`, value: once(single.ratio), unit: 'x' },
    {
      row,
      what: '  resident memory of this process (texts and load generator included)',
      value: once(together.residentMb),
      unit: 'MB',
      target: '≤ 700',
      met: together.residentMb <= 700,
    },
  ];
}
