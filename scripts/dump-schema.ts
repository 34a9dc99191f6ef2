/**
 * Writes test/database/schema.txt: the schema of a freshly migrated database, to be reviewed with every migration.
 *
 *     node scripts/dump-schema.ts postgres://…/an_empty_database
 */
import { writeFileSync } from 'node:fs';
import { openDatabase } from '../services/database/connect.ts';
import { migrate } from '../services/database/migrate.ts';
import { schemaText } from '../services/database/schema-text.ts';

const url = process.argv[2];
if (url === undefined) {
  console.error('dump-schema: give the URL of an empty database');
  process.exitCode = 1;
} else {
  await migrate(url);
  const database = openDatabase(url, { max: 1 });
  writeFileSync(new URL('../test/database/schema.txt', import.meta.url), await schemaText(database));
  await database.close();
  console.log('dump-schema: wrote test/database/schema.txt');
}
