import pg from 'pg';
import { expect, onTestFinished, test } from 'vitest';
import { preparedFolder, query, started, startParent } from './scene.ts';

/** Writes numbers, one durable commit each, until the connection breaks; returns those that were acknowledged. */
async function writeUntilCut(url: string, from: number, enough: (count: number) => void): Promise<number[]> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => {});
  await client.connect();
  const acknowledged: number[] = [];
  try {
    for (let number = from; ; number++) {
      await client.query('INSERT INTO kept VALUES ($1)', [number]);
      acknowledged.push(number);
      enough(acknowledged.length);
    }
  } catch {
    return acknowledged;
  } finally {
    await client.end().catch(() => {});
  }
}

test('nothing that was acknowledged is lost or doubled, whoever is killed while writing: parent, server, or both', async () => {
  const dataDir = await preparedFolder();
  const first = await started(dataDir);
  await query(first.url, 'CREATE TABLE kept (x int)');
  await first.stop();
  const victims = ['server', 'both', 'server, then parent', 'parent, then server', 'both', 'server'] as const;
  const acknowledged: number[] = [];
  for (const [round, victim] of victims.entries()) {
    const parent = await startParent(dataDir);
    const kill = async () => {
      if (victim === 'parent, then server') await parent.end('SIGKILL');
      process.kill(parent.answer.pid, 'SIGKILL');
      if (victim !== 'server') await parent.end('SIGKILL');
    };
    let killed: Promise<void> | undefined;
    onTestFinished(() => killed);
    // Killed in the middle of writing, after another number of commits each time.
    const written = await writeUntilCut(parent.answer.url, round * 1_000_000, (count) => {
      if (count >= 20 + round * 13) killed ??= kill();
    });
    await killed;
    if (victim === 'server') await parent.end();
    acknowledged.push(...written);
  }
  const last = await started(dataDir);
  const rows = await query(last.url, 'SELECT x, count(*)::int AS times FROM kept GROUP BY x');
  const stored = new Map(rows.map((row) => [row['x'], row['times']]));
  expect(acknowledged.filter((each) => stored.get(each) !== 1)).toEqual([]);
  // At most the one commit per round that was cut off before its answer may be there unannounced.
  expect(stored.size - acknowledged.length).toBeLessThanOrEqual(victims.length);
  expect(acknowledged.length).toBeGreaterThan(20 * victims.length);
});
