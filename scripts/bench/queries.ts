/** Queries over HL7v2 (QBP^Q22, as IHE's PDQ asks) answered from a store of patients, without the port around them: read, found, told, kept, committed. */
import { startWorker } from '../../services/commands/serve/worker.ts';
import { standardRules } from '../../services/config/rules.ts';
import { openSources, SourceBook } from '../../services/config/sources.ts';
import { exchange, type Parts, receive } from '../../services/pipeline.ts';
import { silentLog } from './applied.ts';
import { withHouse } from './house.ts';
import { type Figure, number, spreadOf } from './measure.ts';
import { admission } from './messages.ts';

const PATIENTS = 2_000;
const QUERIES = 400;
const AT_ONCE = 8;
const REPEATS = 4;

const query = (asked: string, id: string): string =>
  `MSH|^~\\&|ASK|CITYHOSP|HUB|H|20260601120000+0000||QBP^Q22^QBP_Q21|${id}|P|2.5\rQPD|IHE PDQ Query|T${id}|${asked}\rRCP|I|10^RD\r`;

/** Asks `QUERIES` times, some at once; returns answers a second and microseconds of this process's CPU each. */
async function round(parts: Parts, name: string, asked: (i: number) => string): Promise<{ readonly rate: number; readonly cpu: number }> {
  const before = process.cpuUsage();
  const start = performance.now();
  let next = 0;
  const ask = async (): Promise<void> => {
    for (let i = next++; i < QUERIES; i = next++) {
      const { answer } = await exchange(parts, Buffer.from(query(asked(i), `${name}${i}`)), { channel: 'mllp' });
      if (!Buffer.from(answer ?? []).includes('|OK|')) throw new Error('a query of the benchmark found nobody');
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, ask));
  const seconds = (performance.now() - start) / 1000;
  const { user, system } = process.cpuUsage(before);
  return { rate: QUERIES / seconds, cpu: (user + system) / QUERIES };
}

const KINDS: readonly (readonly [what: string, asked: (i: number) => string])[] = [
  ['by number', (i) => `@PID.3.1^P${(i * 7) % PATIENTS}`],
  [
    'by family name and date of birth',
    (i) => `@PID.5.1.1^Doe~@PID.7^19${40 + ((i * 7) % 60)}02${String(((i * 7) % 28) + 1).padStart(2, '0')}`,
  ],
];

export const queryFigures = (): Promise<readonly Figure[]> =>
  withHouse(async ({ parts: given }) => {
    const rules = { ...standardRules({ timezone: 'UTC', authority: undefined }), queries: 'all' as const };
    const parts: Parts = { ...given, sources: new SourceBook(openSources(rules)) };
    await Promise.all(Array.from({ length: PATIENTS }, (_, i) => receive(parts, Buffer.from(admission(i)), 'import')));
    const worker = await startWorker(parts, { parallel: 2, batch: 100, pullDate: () => '2026-06-01' }, silentLog);
    await worker.idle();
    await worker.stop();
    const figures: Figure[] = [];
    for (const [what, asked] of KINDS) {
      await round(parts, `${what.length}W`, asked);
      const rounds = [];
      for (let i = 0; i < REPEATS; i++) rounds.push(await round(parts, `${what.length}R${i}`, asked));
      figures.push({
        row: 'i queries',
        what: `QBP^Q22 ${what}, ${number(PATIENTS)} patients, ${AT_ONCE} at once, without the port`,
        value: spreadOf(rounds.map(({ rate }) => rate)),
        unit: 'answers/s',
        note: `${number(spreadOf(rounds.map(({ cpu }) => cpu)).median)} µs CPU of the service each`,
      });
    }
    return figures;
  });
