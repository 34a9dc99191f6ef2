/**
 * Vitest global setup: one PostgreSQL for the whole run, started when the first test asks for a database (fresh-database.ts), so that
 * runs of the pure rooms pay nothing. It is the embedded one on a temporary folder, or, in CI also, a server of Debian's given by
 * POLYSEME_TEST_DATABASE_URL (a role that may create databases). Runs beside each other share nothing.
 */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readdirSync, rmSync, statfsSync, statSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import pg from 'pg';
import type { TestProject } from 'vitest/node';
import { endAbandoned, startEmbedded } from '../services/database/embedded/embedded.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    /** Where freshDatabase() asks for the server: an address that starts it at the first call. */
    databaseServer: string;
  }
}

/** The administrative URL, and the migrated database that every test database is a copy of. */
export interface TestServer {
  readonly url: string;
  readonly template: string;
}

interface Running {
  readonly url: string;
  stop(): Promise<void>;
}

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  let running: Promise<Running & { server: TestServer }> | undefined;
  const door = createServer((_request, response) => {
    running ??= start();
    running.then(
      ({ server }) => response.end(JSON.stringify(server)),
      (error: unknown) => response.writeHead(500).end(error instanceof Error ? error.stack : String(error)),
    );
  });
  const port = await new Promise<number>((resolve) => {
    door.listen(0, '127.0.0.1', () => {
      const address = door.address();
      resolve(typeof address === 'object' && address !== null ? address.port : 0);
    });
  });
  door.unref();
  project.provide('databaseServer', `http://127.0.0.1:${port}/`);
  return async () => {
    door.close();
    door.closeAllConnections();
    const started = await running?.catch(() => undefined);
    await started?.stop();
  };
}

async function start(): Promise<Running & { server: TestServer }> {
  const given = process.env['POLYSEME_TEST_DATABASE_URL'];
  const server = given ? { url: given, stop: async () => {} } : await embedded();
  const template = `polyseme_template_${randomBytes(6).toString('hex')}`;
  const stop = async () => {
    if (given) await execute(given, `DROP DATABASE IF EXISTS ${template} WITH (FORCE)`);
    await server.stop();
  };
  try {
    await execute(server.url, `CREATE DATABASE ${template} TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C'`);
    // Loaded only now: runs of the pure rooms need none of it.
    const { migrate } = await import('../services/database/migrate.ts');
    await migrate(withDatabase(server.url, template));
    return { url: server.url, server: { url: server.url, template }, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function embedded(): Promise<Running> {
  await sweep();
  const dataDir = mkdtempSync(join(place(), 'polyseme-test-'));
  const server = await startEmbedded({
    dataDir,
    binDir: process.env['POLYSEME_POSTGRES_BIN'],
    settings: { max_connections: '300', shared_buffers: '128MB' },
  });
  return {
    url: server.url,
    stop: async () => {
      await server.stop();
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
}

const IN_MEMORY = '/dev/shm';
const ENOUGH_BYTES = 8 * 2 ** 30;

/**
 * In memory where there is much of it: a database is made there, and a commit flushed, in a third of the time. What proves that nothing is lost
 * (test/end-to-end, test/database/embedded) has databases of its own on the disk.
 */
function place(): string {
  try {
    const { bavail, bsize } = statfsSync(IN_MEMORY);
    return bavail * bsize >= ENOUGH_BYTES ? IN_MEMORY : tmpdir();
  } catch {
    return tmpdir();
  }
}

const ABANDONED_AFTER_MS = 10 * 60_000;

/** Ends and removes what earlier runs left that were killed before they could. */
async function sweep(): Promise<void> {
  const left = [...new Set([place(), tmpdir()])].flatMap((parent) => readdirSync(parent).map((name) => join(parent, name)));
  for (const folder of left.filter((each) => basename(each).startsWith('polyseme-test-'))) {
    try {
      // Young folders may belong to a run that has not come to locking its own yet.
      if (Date.now() - statSync(folder).mtimeMs < ABANDONED_AFTER_MS) continue;
      if (await endAbandoned(folder)) rmSync(folder, { recursive: true, force: true });
    } catch {
      // Another user's: theirs to sweep.
    }
  }
}

/** Returns `url` pointing at another database of the same server. */
export function withDatabase(url: string, name: string): string {
  const other = new URL(url);
  other.pathname = `/${name}`;
  return other.href;
}

/** Runs one statement on a connection of its own. */
export async function execute(url: string, text: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(text);
  } finally {
    await client.end();
  }
}
