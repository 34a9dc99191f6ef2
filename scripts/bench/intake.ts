/** From MLLP to a durable acknowledgement: the journal alone, nothing is applied meanwhile. */
import type { House } from '../../services/commands/house.ts';
import { type SourceRules, standardRules } from '../../services/config/rules.ts';
import { openSources, SourceBook } from '../../services/config/sources.ts';
import type { Database } from '../../services/database/connect.ts';
import { byteaArray } from '../../services/database/wire.ts';
import { startMllp } from '../../services/mllp/server.ts';
import { exchange } from '../../services/pipeline.ts';
import { SILENT, withHouse } from './house.ts';
import { type Figure, once, quantile, spreadOf } from './measure.ts';
import { laboratoryReport } from './messages.ts';
import { inThread, type Sent } from './sender.ts';

const CONNECTIONS = 8;
const WINDOW = 32;
const COUNT = 6_000;
const REPEATS = 3;

type Acknowledge = SourceRules['acknowledge'];

/** Opens an MLLP door that stores and acknowledges, and lets `use` have its port. */
async function withDoor<T>({ parts: given }: House, acknowledge: Acknowledge, use: (port: number) => Promise<T>): Promise<T> {
  const rules = { ...standardRules({ timezone: 'UTC', authority: undefined }), acknowledge };
  const parts = { ...given, sources: new SourceBook(openSources(rules)) };
  const door = await startMllp({
    host: '127.0.0.1',
    port: 0,
    limits: { idleTimeoutMs: 60_000, frameTimeoutMs: 30_000, maxBytes: 1 << 24, maxConnections: 64, maxOpen: 256 },
    receive: (bytes, peer, gone) => exchange(parts, bytes, { channel: 'mllp', address: peer.address }, gone),
    log: SILENT,
  });
  try {
    return await use(door.port);
  } finally {
    await door.close();
  }
}

let serial = 0;
const fresh = (count: number): readonly string[] => Array.from({ length: count }, () => laboratoryReport(serial % 2000, 12, serial++));

function checked(sent: Sent, count: number): Sent {
  if (sent.accepted !== count) throw new Error(`${sent.accepted} of ${count} messages were accepted`);
  return sent;
}

/** Seconds that the same bytes take as plain INSERTs with as many commits as the journal made. */
async function floorSeconds(database: Database, items: readonly string[], commits: number): Promise<number> {
  await database.query('CREATE SCHEMA IF NOT EXISTS bench');
  await database.query(
    'CREATE TABLE IF NOT EXISTS bench.floor (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, content bytea NOT NULL)',
  );
  await database.query('TRUNCATE bench.floor');
  const size = Math.ceil(items.length / Math.max(1, commits));
  const start = performance.now();
  for (let i = 0; i < items.length; i += size) {
    await database.run({ name: 'bench_floor', text: 'INSERT INTO bench.floor (content) SELECT * FROM unnest($1::bytea[])' }, [
      byteaArray(items.slice(i, i + size).map((each) => Buffer.from(each))),
    ]);
  }
  return (performance.now() - start) / 1000;
}

export async function intakeFigures(): Promise<readonly Figure[]> {
  return withHouse(async (house) => [
    ...(await figuresOf(house, 'committed', 'answered after the commit')),
    ...(await figuresOf(house, 'judged', 'judged by conversion first')),
  ]);
}

function figuresOf(house: House, acknowledge: Acknowledge, how: string): Promise<readonly Figure[]> {
  return withDoor(house, acknowledge, async (port) => {
    const load = { kind: 'mllp', port, connections: CONNECTIONS, window: WINDOW } as const;
    let commits = 0;
    const forget = house.parts.journal.onAppended(() => {
      commits++;
    });
    checked(await inThread({ ...load, items: fresh(2_000), count: 2_000 }), 2_000);
    const rates: number[] = [];
    const ratios: number[] = [];
    let perCommit = 0;
    const cpuBefore = process.cpuUsage();
    for (let i = 0; i < REPEATS; i++) {
      const items = fresh(COUNT);
      commits = 0;
      const sent = checked(await inThread({ ...load, items, count: COUNT }), COUNT);
      perCommit = COUNT / commits;
      rates.push(COUNT / sent.seconds);
      ratios.push(sent.seconds / (await floorSeconds(house.database, items, commits)));
    }
    const cpu = process.cpuUsage(cpuBefore);
    const rate = spreadOf(rates);
    const count = Math.ceil((rate.median / 2) * 4);
    const paced = checked(await inThread({ ...load, perSecond: rate.median / 2, items: fresh(count), count }), count);
    const p99 = quantile(paced.latenciesMs, 0.99);
    forget();
    const row = 'c MLLP';
    const cpuNote = `${((cpu.user + cpu.system) / COUNT / REPEATS).toFixed(0)} µs CPU of service and sender each; ${perCommit.toFixed(0)} messages a commit`;
    return [
      {
        row,
        what: `MLLP to durable ACK, ORU with 12 OBX, ${how}`,
        value: rate,
        unit: 'messages/s',
        target: '≥ 6,000',
        met: rate.median >= 6_000,
        note: cpuNote,
      },
      { row, what: '  time against INSERT of the same bytes, same commits', value: spreadOf(ratios), unit: 'x' },
      { row, what: '  ACK p50 at half that rate', value: once(quantile(paced.latenciesMs, 0.5)), unit: 'ms' },
      { row, what: '  ACK p99 at half that rate', value: once(p99), unit: 'ms', target: '≤ 50', met: p99 <= 50 },
    ];
  });
}
