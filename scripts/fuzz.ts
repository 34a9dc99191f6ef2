/**
 * node --expose-gc scripts/fuzz.ts [MESSAGES_TO_THE_PARSER [MESSAGES_TO_THE_PORT [SEED]]]: mutated messages (bit flips, truncation, huge
 * repetitions, nested delimiters, wrong lengths and headers, noise) through the parser and through a live MLLP port with everything behind it,
 * applied meanwhile. Ends with 1 when one crashes, hangs, is neither answered nor closed with a logged reason, or is not accounted for.
 */
import { globSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { openMllpDoors } from '../services/commands/serve/mllp-doors.ts';
import { startWorker } from '../services/commands/serve/worker.ts';
import { standardRules } from '../services/config/rules.ts';
import { openSources, SourceBook } from '../services/config/sources.ts';
import { counts } from '../services/database/journal/take.ts';
import { withHouse } from './bench/house.ts';
import { fuzzDoor } from './fuzz/door.ts';
import { fuzzParser } from './fuzz/parser.ts';
import { residentByRegion } from './fuzz/regions.ts';

const [toParser = 200_000, toPort = 20_000, seed = 1] = process.argv.slice(2).map(Number);
const folder = resolve(import.meta.dirname, '..', 'fixtures', 'hl7v2');
const bases = globSync('*.hl7', { cwd: folder })
  .toSorted()
  .map((name) => readFileSync(join(folder, name)));
const say = (text: string): void => console.log(text);
const MEMORY_EVERY = 2_000;

/** What is held after garbage was collected, and what the system counts as this process's; sender and service are one process here. */
function memory(): string {
  globalThis.gc?.();
  const { rss, heapTotal, heapUsed, external, arrayBuffers } = process.memoryUsage();
  const mb = (bytes: number): string => (bytes / 2 ** 20).toFixed(0);
  const regions = [...(residentByRegion() ?? [])].filter(([, size]) => size > 4).map(([kind, size]) => `${kind} ${size}`);
  return `heap ${mb(heapUsed)} of ${mb(heapTotal)} MB, outside of it ${mb(external)} (buffers ${mb(arrayBuffers)}), resident ${mb(rss)}: ${regions.join(', ')}`;
}

const parser = fuzzParser(bases, toParser, seed);
say(
  `parser: ${parser.messages} messages, ${parser.parsed} read, ${parser.refused} refused, slowest ${parser.slowestMs.toFixed(0)} ms, heap ${parser.heapGrowthMb.toFixed(1)} MB more at the end than after the first tenth`,
);

await withHouse(async (house) => {
  const spoken = new Map<string, number>();
  const log = (values: Readonly<Record<string, unknown>>): void => {
    const peer =
      String(values['peer'] ?? '')
        .split(':')
        .at(-1) ?? '';
    spoken.set(peer, (spoken.get(peer) ?? 0) + 1);
  };
  const rules = { ...standardRules({ timezone: 'UTC', authority: undefined }), messageMs: 1_000, maxMessageBytes: 1 << 20 };
  const book = new SourceBook(openSources(rules));
  const parts = { ...house.parts, sources: book };
  const doors = await openMllpDoors(
    { mllp: { host: '127.0.0.1', port: 0 }, tls: undefined },
    { parts, book, hold: undefined, log: { info: log, warn: log } },
  );
  const failures: string[] = [];
  const worker = await startWorker(
    parts,
    { parallel: 2, batch: 100, pullDate: () => '2026-12-31' },
    { error: (values, text) => failures.push(`${text} ${JSON.stringify(values)}`) },
  );
  const load = {
    port: doors.port ?? 0,
    bases,
    seed,
    connections: 8,
    patienceMs: 20_000,
    logged: (port: number) => spoken.get(String(port)) ?? 0,
  };
  await fuzzDoor({ ...load, count: Math.floor(toPort / 10) });
  const onMessage = (begun: number): void => {
    if (begun % MEMORY_EVERY === 0) say(`memory after ${begun} messages: ${memory()}`);
  };
  const found = await fuzzDoor({ ...load, count: toPort, seed: seed + 1, onMessage });
  await worker.idle();
  say(`memory at the end, when all is applied: ${memory()}`);
  say(
    `port: ${found.messages} messages in ${found.seconds.toFixed(0)} s: ${found.answered} answered, ${found.closed} closed with a reason, ${found.abandoned} cut off by the sender, ${found.unasked} that asked for no answer`,
  );
  say(`answers: ${JSON.stringify(found.codes)}`);
  const all = await counts(house.database);
  const sum = (of: 'received' | 'applied' | 'parked' | 'refused' | 'duplicate' | 'waiting'): number =>
    all.reduce((total, each) => total + each[of], 0);
  say(
    `journal: ${sum('received')} received = ${sum('applied')} applied + ${sum('parked')} parked + ${sum('refused')} refused + ${sum('duplicate')} duplicate + ${sum('waiting')} waiting, from ${all.length} sources`,
  );
  if (failures.length > 0) say(`processing stopped ${failures.length} times: ${failures[0]}`);
  if (sum('received') !== sum('applied') + sum('parked') + sum('refused') + sum('duplicate') || failures.length > 0) process.exitCode = 1;
  await doors.close();
  await worker.stop();
});
