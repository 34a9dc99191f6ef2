/** A database of its own for a test: a copy of the migrated template of this run's server (database-server.ts). */
import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { inject } from 'vitest';
import { type TestServer, withDatabase } from './database-server.ts';

export interface FreshDatabase {
  /** A postgres:// URL of the empty, migrated database. */
  readonly url: string;
  /** Removes the database, ending sessions still open on it. */
  drop(): Promise<void>;
}

/** Returns a new migrated database; starts the run's server at the first call. */
export async function freshDatabase(): Promise<FreshDatabase> {
  const server = await testServer();
  const name = `polyseme_test_${randomBytes(8).toString('hex')}`;
  await statement(server.url, `CREATE DATABASE ${name} TEMPLATE ${server.template}`);
  return {
    url: withDatabase(server.url, name),
    drop: () => statement(server.url, `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`),
  };
}

/** Returns the address of this run's server, which it starts at the first call. */
export async function testServer(): Promise<TestServer> {
  const response = await fetch(inject('databaseServer'));
  if (!response.ok) throw new Error(`The test database did not start: ${await response.text()}`);
  return (await response.json()) as TestServer;
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
