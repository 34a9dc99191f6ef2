/**
 * The row of the whole Athena download: one that is generated in its shape (POLYSEME_BENCH_SCALE, default 1: 6.4 million concepts, 75 million
 * ancestors) is read into an index alone, and into the index and the tables of an embedded PostgreSQL, each in a process of its own. It is
 * generated once into the folder for temporary files and kept there. Circles among the ancestors are looked for in both.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as z from 'zod';
import { type Figure, number, once } from './measure.ts';

const ROW = 'f terminology, Athena size';
const SCALE = Number(process.env['POLYSEME_BENCH_SCALE'] ?? 1);
const root = join(import.meta.dirname, '../..');

const Seen = z.object({ ms: z.number(), cpuMs: z.number(), peakMegabytes: z.number() });

/** Printed last by a process that is measured, to where nothing else of it goes. */
const TOLD = `process.on('exit', () => { const { userCPUTime, systemCPUTime, maxRSS } = process.resourceUsage();
  require('node:fs').writeFileSync(process.env.BENCH_SEEN, JSON.stringify({ ms: performance.now(), cpuMs: (userCPUTime + systemCPUTime) / 1000, peakMegabytes: maxRSS / 1024 })); });`;

/** Runs Node with these arguments and returns what it took. */
function measured(folder: string, args: readonly string[]): z.infer<typeof Seen> {
  const seen = join(folder, 'seen.json');
  const hook = `data:text/javascript,${encodeURIComponent(`import { createRequire } from 'node:module'; const require = createRequire('/'); ${TOLD}`)}`;
  // Settings of the caller's own are none of the benchmark's.
  const others = Object.entries(process.env).filter(([name]) => !name.startsWith('POLYSEME_'));
  const env = { ...Object.fromEntries(others), BENCH_SEEN: seen, POLYSEME_DATA_DIR: join(folder, 'data') };
  execFileSync(process.execPath, ['--import', hook, ...args], { env, stdio: ['ignore', 'ignore', 'inherit'] });
  return Seen.parse(JSON.parse(readFileSync(seen, 'utf8')));
}

function generated(): string {
  const folder = join(tmpdir(), `polyseme-bench-athena-${SCALE}`);
  if (existsSync(folder)) return folder;
  const making = `${folder}-${process.pid}`;
  execFileSync(process.execPath, [join(root, 'scripts/vocabulary/generate-athena.ts'), '--to', making, '--scale', String(SCALE)], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  renameSync(making, folder);
  return folder;
}

/** Returns the figures of numbers.md for the Athena bundle. */
export async function athenaFigures(): Promise<readonly Figure[]> {
  const release = generated();
  const folder = mkdtempSync(join(tmpdir(), 'polyseme-bench-athena-home-'));
  try {
    const lines = `import { loadVocabulary } from ${JSON.stringify(join(root, 'terminology/load.ts'))};
      await loadVocabulary(${JSON.stringify(release)}, ${JSON.stringify(join(folder, 'index'))});`;
    const index = measured(folder, ['--input-type=module', '-e', lines]);
    const whole = measured(folder, [join(root, 'services/main.ts'), 'vocabulary', 'load', release, '--json']);
    const figure = (what: string, seen: typeof index): Figure => ({
      row: ROW,
      what,
      value: once(seen.ms / 1000),
      unit: 's',
      target: '≤ 1,200, 4 GB',
      met: seen.ms <= 1_200_000 && seen.peakMegabytes <= 4_096,
      note: `scale ${SCALE}; ${number(seen.cpuMs / 1000)} s of CPU, peak ${number(seen.peakMegabytes)} MB of this process (PostgreSQL's not counted)`,
    });
    return [figure('import: nine files to index', index), figure('import: the same and into the tables of PostgreSQL', whole)];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
