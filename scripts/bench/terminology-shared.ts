/** LOINC of full size, and worker threads that share one copy of an index. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { CodeSystem } from '../../terminology/system/code-system.ts';
import { readSystems } from '../../terminology/system/system-files.ts';
import { Chance } from '../vocabulary/chance.ts';
import { generateLoinc } from '../vocabulary/generate-loinc.ts';
import { compare, type Figure, number, once, rateOf } from './measure.ts';

const ROW = 'f terminology, LOINC size';
const SCALE = Number(process.env['POLYSEME_BENCH_SCALE'] ?? 1);

interface Seen {
  readonly ms: number;
  readonly cpuMs: number;
  readonly megabytes: number;
  readonly peakMegabytes: number;
}

/** Runs lines of a module in a process of its own and returns what it measured. */
function inProcess(lines: string): Seen {
  const root = join(import.meta.dirname, '../../terminology');
  const text = `
    import { loadCodeSystem } from ${JSON.stringify(join(root, 'load-system.ts'))};
    import { openSources } from ${JSON.stringify(join(root, 'sources.ts'))};
    const start = performance.now();
    const before = process.cpuUsage();
    ${lines}
    const ms = performance.now() - start;
    const { user, system } = process.cpuUsage(before);
    const cpuMs = (user + system) / 1000;
    console.log(JSON.stringify({ ms, cpuMs, megabytes: process.memoryUsage.rss() / 2 ** 20, peakMegabytes: process.resourceUsage().maxRSS / 1024 }));`;
  return JSON.parse(execFileSync(process.execPath, ['--input-type=module', '-e', text], { encoding: 'utf8' }));
}

function generated(): string {
  const folder = join(tmpdir(), `polyseme-bench-loinc-${SCALE}`);
  if (existsSync(folder)) return folder;
  const making = `${folder}-${process.pid}`;
  generateLoinc(making, 1, { terms: Math.round(100_000 * SCALE) });
  renameSync(making, folder);
  return folder;
}

/** Returns the figures of a LOINC release of full size, generated in the true shape (POLYSEME_BENCH_SCALE, default 1). */
export function loincFigures(): readonly Figure[] {
  const home = join(tmpdir(), `polyseme-bench-loinc-home-${process.pid}`);
  mkdirSync(home);
  try {
    const imported = inProcess(`await loadCodeSystem([${JSON.stringify(generated())}], ${JSON.stringify(home)});`);
    const opened = inProcess(`openSources(${JSON.stringify(home)}).systems[0].search('pain').best(20);`);
    const [image] = readSystems(home);
    if (image === undefined) throw new Error('nothing was loaded');
    const { counts } = image.manifest;
    const size = `${number(counts['concepts'] ?? 0)} concepts, ${number(counts['designations'] ?? 0)} names`;
    const system = new CodeSystem(image);
    const chance = new Chance(7);
    const codes = Array.from({ length: 65_536 }, () => system.code(chance.below(system.total)));
    let kept = 0;
    let at = 0;
    const all = compare({
      lookup: () => {
        for (let i = 0; i < 4096; i++, at++) kept += system.display(system.row(codes[at & 65_535] ?? ''))?.length ?? 0;
        return 4096;
      },
    });
    if (kept === 0) throw new Error('nothing was found');
    const lookup = 1e6 / rateOf(all, 'lookup').median;
    const cpu = 1e6 / (all.cpuRates.get('lookup')?.median ?? 1);
    return [
      {
        row: ROW,
        what: 'import, release to index',
        value: once(imported.ms / 1000),
        unit: 's',
        note: `${number(imported.cpuMs / 1000)} s of CPU; ${size}; peak ${number(imported.peakMegabytes)} MB`,
      },
      { row: ROW, what: 'start: open and first search', value: once(opened.ms), unit: 'ms', note: `${number(opened.cpuMs)} ms of CPU` },
      { row: ROW, what: 'resident memory of a process that has it open', value: once(opened.megabytes), unit: 'MB' },
      {
        row: ROW,
        what: 'lookup: code to concept and display, any of all codes',
        value: once(lookup),
        unit: 'µs',
        target: '≤ 2',
        met: lookup <= 2,
        note: `${number(cpu)} µs of CPU`,
      },
    ];
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
}

const THREADS = 4;
const LOOKUPS = 200_000;

/** What a thread does with the index that it was given: look up concepts all over it, and say how many it found. */
const THREAD = `
  import { parentPort, workerData } from 'node:worker_threads';
  const { CodeSystem } = await import(workerData.module);
  const system = new CodeSystem(workerData.image);
  let found = 0;
  for (let i = 0; i < workerData.lookups; i++) {
    const row = Math.imul(i, 2654435761) >>> 0;
    if (system.row(system.code(row % system.total)) === row % system.total) found++;
  }
  parentPort.postMessage(found);
  setInterval(() => {}, 1000);`;

/** Returns what threads that share the index below `home` add to the memory of the process: far less than a copy each. */
export async function threadFigures(home: string): Promise<readonly Figure[]> {
  const [image] = readSystems(home);
  if (image === undefined) throw new Error('nothing was loaded');
  const bytes = Object.values(image.arrays).reduce((sum, array) => sum + array.byteLength, 0);
  const module = new URL('../../terminology/system/code-system.ts', import.meta.url).href;
  const before = process.memoryUsage.rss();
  const source = new URL(`data:text/javascript,${encodeURIComponent(THREAD)}`);
  const workers = Array.from({ length: THREADS }, () => new Worker(source, { workerData: { image, module, lookups: LOOKUPS } }));
  const found = await Promise.all(
    workers.map((worker) => new Promise<number>((resolve, reject) => worker.once('message', resolve).once('error', reject))),
  );
  const grown = (process.memoryUsage.rss() - before) / 2 ** 20 / THREADS;
  await Promise.all(workers.map((worker) => worker.terminate()));
  if (found.some((each) => each !== LOOKUPS)) throw new Error('a thread did not find what it was given');
  return [
    {
      row: 'f terminology, SNOMED CT size',
      what: `memory that each of ${THREADS} threads adds which share it`,
      value: once(grown),
      unit: 'MB',
      target: '≤ 100 (one copy)',
      met: grown <= 100,
      note: `the index has ${number(bytes / 2 ** 20)} MB; each thread looked up ${number(LOOKUPS)} concepts`,
    },
  ];
}
