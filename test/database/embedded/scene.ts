/** What the tests of the embedded PostgreSQL share: folders that are cleaned up, parent processes to kill, the installations to try. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import pg from 'pg';
import { afterAll, onTestFinished } from 'vitest';
import { findBinaries } from '../../../services/database/embedded/binaries.ts';
import { type EmbeddedDatabase, endAbandoned, startEmbedded } from '../../../services/database/embedded/embedded.ts';
import { type ErrorCode, Refusal } from '../../../services/errors.ts';

/** Small, so that many can run beside each other. */
export const SMALL = { shared_buffers: '16MB', max_connections: '20' };

/** Every installation of this machine, the system's and npm's, that a test should run on. */
export const INSTALLATIONS = findBinaries().usable.filter(
  (each, place, all) => all.findIndex((other) => other.origin === each.origin) === place,
);

/** Returns an empty folder that is removed, with any server still on it, when the test ends. */
export function temporaryFolder(below = tmpdir()): string {
  const folder = mkdtempSync(join(below, 'polyseme-embedded-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

const idle = new Map<string, string[]>();
const made: string[] = [];

afterAll(() => {
  for (const dataDir of made) rmSync(dataDir, { recursive: true, force: true });
});

/**
 * Returns a data folder that holds a stopped database of this installation. Tests of a file take turns on it, because making one takes a
 * second: what they leave in it (a killed server, a table `kept`) is what the next one must cope with.
 */
export async function preparedFolder(binDir = INSTALLATIONS[0]?.binDir ?? ''): Promise<string> {
  const free = idle.get(binDir) ?? [];
  idle.set(binDir, free);
  const dataDir = free.pop() ?? mkdtempSync(join(tmpdir(), 'polyseme-embedded-'));
  if (!made.includes(dataDir)) made.push(dataDir);
  const database = await startEmbedded({ dataDir, binDir, settings: SMALL });
  await query(database.url, 'DROP TABLE IF EXISTS kept, patient');
  await database.stop();
  onTestFinished(async () => {
    await endAbandoned(dataDir);
    free.push(dataDir);
  });
  return dataDir;
}

/** Returns a running database; it is stopped when the test ends. */
export async function started(dataDir: string, binDir?: string): Promise<EmbeddedDatabase> {
  const database = await startEmbedded({ dataDir, binDir, settings: SMALL });
  onTestFinished(() => database.stop());
  return database;
}

export interface Parent {
  readonly child: ChildProcess;
  readonly answer: { url: string; pid: number; role: string; version: string; codes?: string[]; text?: string };
  /** Returns when the process has ended; a server it leaves stays. */
  end(signal?: NodeJS.Signals): Promise<void>;
}

/** Starts parent.ts as a process of its own and returns what it answers. */
export async function startParent(
  dataDir: string,
  options: object = {},
  as: { uid?: number; gid?: number; env?: NodeJS.ProcessEnv } = {},
): Promise<Parent> {
  const child = spawn(
    process.execPath,
    [join(import.meta.dirname, 'parent.ts'), JSON.stringify({ dataDir, settings: SMALL, ...options })],
    {
      stdio: ['pipe', 'pipe', 'inherit'],
      ...as,
    },
  );
  const closed = once(child, 'close');
  const lines = createInterface({ input: child.stdout });
  const first = await Promise.race([once(lines, 'line').then(([line]) => String(line)), closed.then(() => undefined)]);
  if (first === undefined) throw new Error('the parent process ended without an answer');
  const end = async (signal?: NodeJS.Signals) => {
    if (signal !== undefined) child.kill(signal);
    child.stdin.end();
    await closed;
  };
  onTestFinished(async () => {
    await end('SIGKILL');
    await endAbandoned(dataDir).catch(() => {});
  });
  return { child, answer: JSON.parse(first), end };
}

/** Runs one statement on a connection of its own and returns its rows. */
export async function query(url: string, text: string): Promise<readonly Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => {});
  await client.connect();
  try {
    return (await client.query(text)).rows;
  } finally {
    await client.end();
  }
}

/** Returns the codes of the Refusal that `work` ends with; throws when it ends otherwise. */
export async function refusalOf(work: Promise<unknown>): Promise<readonly ErrorCode[]> {
  const outcome = await work.then(
    () => undefined,
    (error: unknown) => error,
  );
  if (!(outcome instanceof Refusal)) throw new Error(`not refused: ${String(outcome)}`);
  return outcome.problems.map((each) => each.code);
}
