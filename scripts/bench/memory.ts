/**
 * node scripts/bench/memory.ts [MINUTES [MESSAGES_PER_SECOND [SECONDS_BETWEEN_LINES]]]: a service in a process of its own (journal, MLLP door, applying,
 * embedded PostgreSQL) takes admissions and laboratory reports of ever new patients at a steady rate, and every so often a line says what
 * its memory is made of. Everything is applied before the end, or it ends with 1. MALLOC_ARENA_MAX=1 before it tells the allocator's share.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { loadavg } from 'node:os';
import { z } from 'zod';
import { openMllpDoors } from '../../services/commands/serve/mllp-doors.ts';
import { startWorker } from '../../services/commands/serve/worker.ts';
import { standardRules } from '../../services/config/rules.ts';
import { openSources, SourceBook } from '../../services/config/sources.ts';
import { counts } from '../../services/database/journal/take.ts';
import { SILENT, withHouse } from './house.ts';
import { admission, laboratoryReport } from './messages.ts';
import { inThread } from './sender.ts';

const MB = 2 ** 20;
const ARENA = 64 * MB;

const bytes = z.number();
/** What the service's own process says of itself. */
const ownAnswer = z.object({
  memory: z.object({ rss: bytes, heapUsed: bytes, heapTotal: bytes, external: bytes, arrayBuffers: bytes }),
  waiting: z.number(),
  applied: z.number(),
});
type Own = z.infer<typeof ownAnswer>;
const openAnswer = z.object({ port: z.number() });

/** The process under measure: answers 'memory' and 'end'. */
async function serve(): Promise<void> {
  await withHouse(async ({ parts: given, database }) => {
    const book = new SourceBook(openSources(standardRules({ timezone: 'UTC', authority: undefined })));
    const parts = { ...given, sources: book };
    const doors = await openMllpDoors(
      { mllp: { host: '127.0.0.1', port: 0 }, tls: undefined },
      { parts, book, hold: undefined, log: SILENT },
    );
    const worker = await startWorker(
      parts,
      { parallel: 2, batch: 100, pullDate: () => '2026-12-31' },
      { error: (_, text) => process.stderr.write(`${text}\n`) },
    );
    const ended = new Promise<void>((resolve) => {
      process.on('message', (asked) => {
        if (asked === 'end') resolve();
        else void counts(database).then((all) => process.send?.({ memory: process.memoryUsage(), ...summed(all) }));
      });
    });
    process.send?.({ port: doors.port });
    await ended;
    await worker.idle();
    process.send?.({ memory: process.memoryUsage(), ...summed(await counts(database)) });
    await doors.close();
    await worker.stop();
  });
  process.disconnect();
}

const summed = (all: readonly { readonly waiting: number; readonly applied: number }[]): Omit<Own, 'memory'> => ({
  waiting: all.reduce((total, each) => total + each.waiting, 0),
  applied: all.reduce((total, each) => total + each.applied, 0),
});

interface Resident {
  readonly files: number;
  readonly breakHeap: number;
  readonly arenas: number;
  readonly otherAnonymous: number;
}

/**
 * Returns what of a process is resident, in bytes: mapped files (programs, the vocabulary's index), the C library's first heap, its further
 * arenas (each begins at a multiple of 64 MB: glibc malloc/arena.c, HEAP_MAX_SIZE), and the other anonymous pages, most of them V8's.
 */
function residentOf(pid: number): Resident {
  const found = { files: 0, breakHeap: 0, arenas: 0, otherAnonymous: 0 };
  let kind: keyof typeof found = 'files';
  let arenaEnd = 0;
  for (const line of readFileSync(`/proc/${pid}/smaps`, 'utf8').split('\n')) {
    const [, from, to, access, name] = /^([0-9a-f]+)-([0-9a-f]+) (\S+) \S+ \S+ \S+ *(.*)$/.exec(line) ?? [];
    if (from !== undefined && to !== undefined) {
      const [start, end] = [Number.parseInt(from, 16), Number.parseInt(to, 16)];
      const isPlain = name === '' && access?.startsWith('rw-');
      if (isPlain && start % ARENA === 0 && end - start <= ARENA) arenaEnd = start + ARENA;
      kind = name === '[heap]' ? 'breakHeap' : isPlain && start < arenaEnd ? 'arenas' : name === '' ? 'otherAnonymous' : 'files';
    }
    const kilobytes = /^Rss: +(\d+) kB/.exec(line)?.[1];
    if (kilobytes !== undefined) found[kind] += Number(kilobytes) * 1024;
  }
  return found;
}

const mb = (bytes: number): string => (bytes / MB).toFixed(0).padStart(5);

function line(seconds: number, { memory, waiting, applied }: Own, pid: number): string {
  const { files, breakHeap, arenas, otherAnonymous } = residentOf(pid);
  const columns = [memory.rss, memory.heapUsed, memory.heapTotal, memory.external, memory.arrayBuffers, files, breakHeap, arenas];
  const rest = otherAnonymous - memory.heapTotal;
  return `${seconds.toFixed(0).padStart(6)} s ${[...columns, rest].map(mb).join(' ')} ${String(applied).padStart(8)} ${String(waiting).padStart(7)}  ${loadavg()[0]?.toFixed(1)}`;
}

async function measure(minutes: number, perSecond: number, everySeconds: number): Promise<void> {
  const child = fork(import.meta.filename, ['service']);
  const told = async (asked: 'memory' | 'end'): Promise<Own> => {
    child.send(asked);
    const [answer]: unknown[] = await once(child, 'message');
    return ownAnswer.parse(answer);
  };
  const { port } = openAnswer.parse((await once(child, 'message'))[0]);
  const pid = child.pid ?? 0;
  console.log(`MB; ${minutes} minutes at ${perSecond}/s, MALLOC_ARENA_MAX=${process.env['MALLOC_ARENA_MAX'] ?? 'unset'}`);
  console.log('    time   rss  used  heap   ext  bufs files   brk arena  rest  applied waiting  load');
  const start = performance.now();
  let patient = 0;
  for (let seconds = 0; seconds < minutes * 60; seconds = (performance.now() - start) / 1000) {
    const count = Math.ceil(perSecond * everySeconds);
    const items = Array.from({ length: count }, () => (patient++ % 4 === 0 ? laboratoryReport(patient, 12) : admission(patient)));
    const sent = await inThread({ kind: 'mllp', port, connections: 4, window: 16, perSecond, items, count });
    if (sent.accepted !== count) throw new Error(`${sent.accepted} of ${count} messages were accepted`);
    console.log(line((performance.now() - start) / 1000, await told('memory'), pid));
  }
  const last = await told('end');
  console.log(`all applied: ${last.applied} of ${patient}, ${last.waiting} waiting; resident ${mb(last.memory.rss).trim()} MB`);
  if (last.applied !== patient) process.exitCode = 1;
}

if (process.argv[2] === 'service') await serve();
else {
  const [minutes = 10, perSecond = 200, everySeconds = 15] = process.argv.slice(2).map(Number);
  await measure(minutes, perSecond, everySeconds);
}
