/**
 * The terminology rows: a generated SNOMED CT of full size (POLYSEME_BENCH_SCALE, default 1) is imported, opened and asked. It is generated
 * once into the folder for temporary files and kept there.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CodeSystem } from '../../terminology/system/code-system.ts';
import { wordsOf } from '../../terminology/system/fold.ts';
import { readSystems } from '../../terminology/system/system-files.ts';
import { Chance } from '../vocabulary/chance.ts';
import { generateRf2 } from '../vocabulary/generate-rf2.ts';
import { compare, type Figure, number, once, quantile, rateOf, type Spread } from './measure.ts';
import { threadFigures } from './terminology-shared.ts';

const ROW = 'f terminology, SNOMED CT size';
const SCALE = Number(process.env['POLYSEME_BENCH_SCALE'] ?? 1);

interface Seen {
  readonly ms: number;
  readonly wholeMs: number;
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
    ${lines}
    const ms = performance.now() - start;
    const seen = { ms, wholeMs: performance.now(), megabytes: process.memoryUsage.rss() / 2 ** 20, peakMegabytes: process.resourceUsage().maxRSS / 1024 };
    console.log(JSON.stringify(seen));`;
  return JSON.parse(execFileSync(process.execPath, ['--input-type=module', '-e', text], { encoding: 'utf8' }));
}

function generated(): string {
  const folder = join(tmpdir(), `polyseme-bench-rf2-${SCALE}`);
  if (existsSync(folder)) return folder;
  const making = `${folder}-${process.pid}`;
  generateRf2(making, 1, { active: Math.round(370_000 * SCALE), inactive: Math.round(140_000 * SCALE) });
  renameSync(making, folder);
  return folder;
}

/** Returns the figures of numbers.md for terminology in process. */
export async function snomedFigures(): Promise<readonly Figure[]> {
  const home = join(tmpdir(), `polyseme-bench-home-${process.pid}`);
  mkdirSync(home);
  try {
    const release = generated();
    const imported = inProcess(`await loadCodeSystem([${JSON.stringify(release)}], ${JSON.stringify(home)});`);
    const opened = inProcess(`const sources = openSources(${JSON.stringify(home)}); sources.systems[0].search('pain').best(20);`);
    const [image] = readSystems(home);
    if (image === undefined) throw new Error('nothing was loaded');
    const bytes = readdirSync(image.folder).length;
    const { counts, closure } = image.manifest;
    const size = `${number(counts['concepts'] ?? 0)} concepts, ${number(counts['designations'] ?? 0)} terms, ${number(closure.intervals)} intervals, ${bytes} files`;
    return [
      {
        row: ROW,
        what: 'import: RF2 snapshot to index',
        value: once(imported.ms / 1000),
        unit: 's',
        target: '≤ 60',
        met: imported.ms <= 60_000,
        note: `${size}; peak ${number(imported.peakMegabytes)} MB`,
      },
      {
        row: ROW,
        what: 'start: open and first search',
        value: once(opened.ms),
        unit: 'ms',
        target: '≤ 1,000',
        met: opened.ms <= 1000,
        note: `${number(opened.wholeMs)} ms with Node's own start`,
      },
      {
        row: ROW,
        what: 'resident memory of a process that has it open',
        value: once(opened.megabytes),
        unit: 'MB',
        target: '≤ 300',
        met: opened.megabytes <= 300,
      },
      ...askedFigures(new CodeSystem(image)),
      ...(await threadFigures(home)),
    ];
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
}

function askedFigures(system: CodeSystem): readonly Figure[] {
  const chance = new Chance(3);
  const rows = Array.from({ length: 65_536 }, () => chance.below(system.total));
  const codes = rows.map((row) => system.code(row));
  const map = new Map(Array.from({ length: system.total }, (_, row) => [system.code(row), { row, display: system.display(row) }]));
  const active = [...system.actives.rows()];
  const parents = Array.from({ length: 4096 }, () => active[chance.below(active.length)] ?? 0).flatMap((row) => [...system.parents(row)]);
  let at = 0;
  let kept = 0;
  const times = (work: (i: number) => number) => () => {
    for (let i = 0; i < 4096; i++, at++) kept += work(at & 65_535);
    return 4096;
  };
  const all = compare({
    lookup: times((i) => system.display(system.row(codes[i] ?? ''))?.length ?? 0),
    map: times((i) => map.get(codes[i] ?? '')?.display?.length ?? 0),
    subsumes: times((i) => (system.subsumes(parents[i % parents.length] ?? 0, rows[i] ?? 0) ? 1 : 0)),
    page: times((i) =>
      system
        .descendantPage(parents[i % parents.length] ?? 0, 0, 20)
        .rows.reduce((sum, row) => sum + system.code(row).length + (system.display(row)?.length ?? 0), 0),
    ),
  });
  if (kept === 0) throw new Error('nothing was found');
  const micro = (name: string): Spread => {
    const rate = rateOf(all, name);
    return { median: 1e6 / rate.median, low: 1e6 / rate.high, high: 1e6 / rate.low };
  };
  const line = (what: string, name: string, target: number): Figure => {
    const value = micro(name);
    const note = `${number(1e6 / (all.cpuRates.get(name)?.median ?? 1))} µs of CPU`;
    return {
      row: ROW,
      what,
      value,
      unit: 'µs',
      target: `≤ ${number(target)}`,
      met: value.median <= target,
      note,
    };
  };
  return [
    line('lookup: code to concept and display, any of all codes', 'lookup', 2),
    { row: ROW, what: '  time against a JS Map of objects', value: all.ratio('lookup', 'map'), unit: 'x' },
    line('subsumes, any of all concepts', 'subsumes', 1),
    line('is-a page: 20 with code and display, and the total', 'page', 100),
    ...textFigures(system, chance),
  ];
}

function textFigures(system: CodeSystem, chance: Chance): readonly Figure[] {
  const designations = system.arrays['designation-flags'].length;
  const queries = Array.from({ length: 2000 }, () => {
    const words = wordsOf(system.term(chance.below(designations)));
    return Array.from({ length: 1 + chance.below(3) }, () => chance.one(words, 'left').slice(0, 2 + chance.below(5))).join(' ');
  });
  const measured = queries.map((query) => {
    const cpu = process.cpuUsage();
    const start = performance.now();
    for (const row of system.text.top(query, 20)) system.display(row);
    const ms = performance.now() - start;
    const { user, system: kernel } = process.cpuUsage(cpu);
    return { ms, cpuMs: (user + kernel) / 1000 };
  });
  const at = (share: number): number =>
    quantile(
      measured.map(({ ms }) => ms),
      share,
    );
  const cpuAt = (share: number): number =>
    quantile(
      measured.map(({ cpuMs }) => cpuMs),
      share,
    );
  const p95 = at(0.95);
  return [
    { row: ROW, what: 'text, 20 best of 1 to 3 word beginnings: p50', value: once(at(0.5)), unit: 'ms' },
    {
      row: ROW,
      what: '  p95',
      value: once(p95),
      unit: 'ms',
      target: '≤ 5',
      met: p95 <= 5,
      note: `${number(cpuAt(0.95))} ms of CPU; p99 ${number(at(0.99))} ms, ${number(cpuAt(0.99))} of CPU`,
    },
  ];
}
