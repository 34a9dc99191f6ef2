/** Looks through an open door: that the server answers with our passwords, and keeps what it says it keeps. */
import pg from 'pg';
import { problem, Refusal } from '../../errors.ts';

const ENOUGH: Readonly<Record<string, readonly string[]>> = {
  fsync: ['on'],
  full_page_writes: ['on'],
  synchronous_commit: ['on', 'local', 'remote_write', 'remote_apply'],
};

/**
 * Connects to `url`, asserts that a commit there survives a power cut, and returns the server's version ('15.18'). Throws a Refusal
 * (database-not-durable), or the driver's error when nobody answers.
 */
export async function assertDurable(url: string): Promise<string> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 10_000, application_name: 'polyseme start' });
  // The server may end while we talk; the query then fails, and that is what counts.
  client.on('error', () => {});
  await client.connect();
  try {
    const names = [...Object.keys(ENOUGH), 'server_version'];
    const { rows } = await client.query<{ name: string; setting: string }>('SELECT name, setting FROM pg_settings WHERE name = ANY($1)', [
      names,
    ]);
    const settings = new Map(rows.map((row) => [row.name, row.setting]));
    const wrong = Object.entries(ENOUGH).filter(([name, values]) => !values.includes(settings.get(name) ?? ''));
    if (wrong.length > 0) {
      throw new Refusal(wrong.map(([name]) => problem('database-not-durable', { setting: name, value: settings.get(name) ?? 'unknown' })));
    }
    return (settings.get('server_version') ?? '').split(' ')[0] ?? '';
  } finally {
    await client.end().catch(() => {});
  }
}
