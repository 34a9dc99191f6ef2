import { expect, it } from 'vitest';
import { openDatabase } from '../../services/database/connect.ts';
import { atlasSql, SNIPPETS, snippet } from '../../services/database/ohdsi/connect-text.ts';
import { freshDatabase } from '../fresh-database.ts';

const url = new URL('postgres://re%40der:secret@db.example:6543/our%20cdm');

it('names place, schemas and user for every tool, never the password', () => {
  for (const tool of SNIPPETS) {
    expect(snippet(tool, url)).toContain('db.example');
    expect(snippet(tool, url)).toContain('6543');
    expect(snippet(tool, url)).not.toContain('secret');
  }
  expect(snippet('r', url)).toContain('cdmSchema = "cdm", writeSchema = "results"');
  expect(snippet('jdbc', url)).toBe('jdbc:postgresql://db.example:6543/our cdm?user=re%40der&currentSchema=cdm');
});

it("writes rows of WebAPI's source and source_daimon that its tables take", async () => {
  const fresh = await freshDatabase();
  const database = openDatabase(fresh.url);
  await database.query('CREATE SCHEMA webapi');
  // The columns of WebAPI's own migrations.
  await database.query(
    `CREATE TABLE webapi.source (source_id int PRIMARY KEY, source_name varchar(255) NOT NULL, source_key varchar(50) NOT NULL UNIQUE,
       source_connection varchar(8000) NOT NULL, source_dialect varchar(255) NOT NULL, username varchar(255), password varchar(255),
       is_cache_enabled boolean NOT NULL DEFAULT false)`,
  );
  await database.query(
    `CREATE TABLE webapi.source_daimon (source_daimon_id int PRIMARY KEY, source_id int NOT NULL REFERENCES webapi.source, daimon_type int NOT NULL,
       table_qualifier varchar(255) NOT NULL, priority int NOT NULL, UNIQUE (source_id, daimon_type))`,
  );
  const sql = atlasSql(url, { name: "St. Mary's", key: 'polyseme', sourceId: 2, webapiSchema: 'webapi' });
  for (const statement of sql.split(';\n')) await database.query(statement);
  expect(await database.query('SELECT daimon_type AS type, table_qualifier AS schema FROM webapi.source_daimon ORDER BY 1')).toEqual([
    { type: 0, schema: 'cdm' },
    { type: 1, schema: 'cdm' },
    { type: 2, schema: 'results' },
    { type: 5, schema: 'results' },
  ]);
  expect(await database.query('SELECT source_name AS name FROM webapi.source')).toEqual([{ name: "St. Mary's" }]);
  expect(sql).not.toContain('secret');
  await database.close();
  await fresh.drop();
});
