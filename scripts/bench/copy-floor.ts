/** The floor of applying: COPY of the rows that were made, into the same tables with the same indexes, once they are empty. */
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { finished } from 'node:stream/promises';
import { from, to } from 'pg-copy-streams';
import type { House } from '../../services/commands/house.ts';
import { ROW_TABLES } from '../../services/database/cdm/tables.ts';

export interface Floor {
  readonly seconds: number;
  readonly rows: number;
}

/** Empties every table that applying fills, and copies what they held back in, in one transaction. */
export async function copyFloor({ database }: House): Promise<Floor> {
  const names = await database.query<{ readonly name: string; readonly columns: string }>(
    `SELECT c.table_schema || '.' || c.table_name AS name, string_agg(quote_ident(c.column_name), ', ' ORDER BY c.ordinal_position) AS columns
     FROM information_schema.columns c JOIN information_schema.tables t USING (table_schema, table_name)
     WHERE t.table_type = 'BASE TABLE' AND c.is_identity = 'NO'
       AND has_table_privilege(quote_ident(c.table_schema) || '.' || quote_ident(c.table_name), 'TRUNCATE')
       AND (c.table_schema = 'fhir' OR c.table_schema = 'ops' AND c.table_name NOT IN ('access_token', 'vocabulary_load')
         OR c.table_schema = 'cdm' AND c.table_name = ANY ($1))
     GROUP BY 1`,
    [[...ROW_TABLES, 'observation_period']],
  );
  return database.transaction(async ({ client, query }) => {
    const held: { readonly into: string; readonly content: Buffer; readonly rows: number }[] = [];
    for (const { name, columns } of names) {
      const [count] = await query<{ readonly rows: number }>(`SELECT count(*) AS rows FROM ${name}`);
      if (count === undefined || count.rows === 0) continue;
      const content = await buffer(client.query(to(`COPY ${name} (${columns}) TO STDOUT`)));
      held.push({ into: `${name} (${columns})`, content, rows: count.rows });
    }
    // At once: some refer to others.
    await client.query(`TRUNCATE ${names.map(({ name }) => name).join(', ')} CASCADE`);
    await client.query('COMMIT');
    await client.query('BEGIN');
    const start = performance.now();
    for (const { into, content } of held) {
      const stream = client.query(from(`COPY ${into} FROM STDIN`));
      Readable.from([content]).pipe(stream);
      await finished(stream);
    }
    await client.query('COMMIT');
    const seconds = (performance.now() - start) / 1000;
    await client.query('BEGIN');
    return { seconds, rows: held.reduce((sum, each) => sum + each.rows, 0) };
  });
}
