/** A database of its own for a test: a copy of the migrated template of this run's server (database-server.ts). */
import { randomBytes } from 'node:crypto';
import { inject } from 'vitest';
import { execute, type TestServer, withDatabase } from './database-server.ts';

export interface FreshDatabase {
  /** A postgres:// URL of the empty, migrated database. */
  readonly url: string;
  /** Removes the database, ending sessions still open on it. */
  drop(): Promise<void>;
}

/** Returns a new migrated database; the first call of a run starts its server. */
export async function freshDatabase(): Promise<FreshDatabase> {
  const server = await testServer();
  const name = `polyseme_test_${randomBytes(8).toString('hex')}`;
  await execute(server.url, `CREATE DATABASE ${name} TEMPLATE ${server.template}`);
  return {
    url: withDatabase(server.url, name),
    drop: () => drop(server.url, name),
  };
}

/** Autovacuum, which a role of ours may not end, gives way by itself to who waits for the database: then without FORCE. */
async function drop(url: string, name: string): Promise<void> {
  await execute(url, `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`).catch(async (error: unknown) => {
    if (!(error instanceof Error) || !/process is being terminated|permission denied to terminate process/.test(error.message)) throw error;
    await execute(url, `DROP DATABASE IF EXISTS ${name}`);
  });
}

async function testServer(): Promise<TestServer> {
  const response = await fetch(inject('databaseServer'));
  const text = await response.text();
  if (!response.ok) throw new Error(`The test database did not start: ${text}`);
  return JSON.parse(text);
}
