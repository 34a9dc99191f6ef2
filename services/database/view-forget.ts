/** What tables of views hold of resources that are erased: it goes with them, and does not wait until a server keeps the tables in step. */
import type { Transaction } from './connect.ts';
import { plainArray } from './wire.ts';

/** Removes the rows that resources (resource_key) have in tables of views, those that are still made too. */
export async function forgetViewRows(tx: Transaction, keys: readonly number[]): Promise<void> {
  if (keys.length === 0) return;
  // Locked: a table that becomes the view's meanwhile is elsewhere afterwards. What a step reads of erased resources before this, it has written by then.
  const tables = await tx.query<{ readonly name: string }>(
    `SELECT CASE state WHEN 'ready' THEN format('views.%I', name) ELSE format('ops.%I', 'view_' || id) END AS name
     FROM ops.view_build WHERE state <> 'failed' ORDER BY id FOR UPDATE`,
  );
  for (const { name } of tables) await tx.run(`DELETE FROM ${name} WHERE "_resource_key" = ANY ($1::bigint[])`, [plainArray(keys)]);
}
