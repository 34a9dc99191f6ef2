/**
 * npm run bench [-- NAME…]: measures what design targets name, on this machine, each beside its floor or peer in the same run. Figures of
 * a shared machine move; the ratios are what counts.
 */
import { execFileSync } from 'node:child_process';
import { cpus, loadavg, release, totalmem } from 'node:os';
import packageJson from '../../package.json' with { type: 'json' };
import { appliedFigures } from './applied.ts';
import { athenaFigures } from './athena.ts';
import { bundleFigures } from './bundles.ts';
import { httpFigures } from './http.ts';
import { intakeFigures } from './intake.ts';
import { messageFigures, rowFigures, terminologyFigures } from './maps.ts';
import { type Figure, number } from './measure.ts';
import { qualityFigures } from './quality.ts';
import { queryFigures } from './queries.ts';
import { sealedFigures } from './sealed.ts';
import { searchFigures } from './search.ts';
import { startFigures } from './start.ts';
import { snomedFigures } from './terminology.ts';
import { loincFigures } from './terminology-shared.ts';

const ROWS: Readonly<Record<string, () => readonly Figure[] | Promise<readonly Figure[]>>> = {
  messages: messageFigures,
  rows: rowFigures,
  terminology: async () => [...(await terminologyFigures()), ...(await snomedFigures())],
  loinc: loincFigures,
  mllp: intakeFigures,
  sealed: sealedFigures,
  applied: appliedFigures,
  queries: queryFigures,
  bundles: bundleFigures,
  http: httpFigures,
  search: searchFigures,
  quality: qualityFigures,
  start: startFigures,
  athena: athenaFigures,
};

/** Takes longer than all others together, and 10 GB: only when it is named. */
const BY_NAME: ReadonlySet<string> = new Set(['athena']);

const NOT_MEASURED = [
  'searches over 1 million resources, unless POLYSEME_BENCH_SEARCH=1000000 asks for it',
  'the whole Athena download, unless it is named: npm run bench -- athena',
  'memory over an hour',
  'TLS, remote databases, more than one process',
];

const say = (text = ''): void => console.log(text);

function sayMachine(): void {
  const model = cpus()[0]?.model ?? 'unknown processor';
  say(`${model}, ${cpus().length} cores, ${number(totalmem() / 2 ** 30)} GiB, Linux ${release()}, load ${loadavg().map(number).join(' ')}`);
  say(`Polyseme ${packageJson.version} (${commit()}), Node ${process.version}, V8 ${process.versions.v8}, ${new Date().toISOString()}`);
  say('Service, PostgreSQL and load generator share the machine. median [lowest–highest] of the windows.\n');
}

function commit(): string {
  try {
    return execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  } catch {
    return 'no git';
  }
}

function lineOf({ what, value, unit, target, met, note }: Figure): string {
  const spread = value.low === value.high ? '' : `[${number(value.low)}–${number(value.high)}]`;
  const verdict = target === undefined ? '' : `target ${target} ${met ? 'met' : 'MISSED'}`;
  const figure = `${number(value.median).padStart(10)} ${unit.padEnd(12)} ${spread.padEnd(19)}`;
  return `${what.padEnd(66)} ${figure} ${verdict.padEnd(24)} ${note ?? ''}`.trimEnd();
}

const asked = process.argv.slice(2);
const unknown = asked.filter((name) => !Object.hasOwn(ROWS, name));
if (unknown.length > 0) {
  say(`No benchmark is named ${unknown.join(', ')}. There are: ${Object.keys(ROWS).join(', ')}`);
  process.exit(2);
}
sayMachine();
for (const [name, measure] of Object.entries(ROWS)) {
  if (asked.length > 0 ? !asked.includes(name) : BY_NAME.has(name)) continue;
  const start = performance.now();
  const figures = await measure();
  say(`${figures[0]?.row ?? name}   (${((performance.now() - start) / 1000).toFixed(0)} s)`);
  for (const figure of figures) say(lineOf(figure));
  say();
}
say(`Not measured:\n${NOT_MEASURED.map((each) => `  ${each}`).join('\n')}`);
