import pg from 'pg';
import { expect, test } from 'vitest';
import { freshDatabase } from '../../fresh-database.ts';

test('two fresh databases do not see each other, and are gone after drop', async () => {
  const [one, two] = await Promise.all([freshDatabase(), freshDatabase()]);
  const client = new pg.Client({ connectionString: one.url });
  await client.connect();
  await client.query('CREATE TABLE only_here (x int)');
  await client.end();
  const other = new pg.Client({ connectionString: two.url });
  await other.connect();
  const found = await other.query("SELECT 1 FROM pg_tables WHERE tablename = 'only_here'");
  expect(found.rowCount).toBe(0);
  await other.end();
  await Promise.all([one.drop(), two.drop()]);
  await expect(new pg.Client({ connectionString: one.url }).connect()).rejects.toThrow(/does not exist/);
});
