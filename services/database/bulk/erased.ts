/** What is erased is no more in exports either, and they say how much they lack. */
import type { Transaction } from '../connect.ts';
import { plainArray } from '../wire.ts';

/** Takes resources (resource_key) out of every export that holds them; to be called when the transaction is about to remove them. */
export async function forgetExported(tx: Transaction, keys: readonly number[]): Promise<void> {
  // Whoever pins or sorts an export holds its row.
  const jobs = await tx.query<{ readonly id: string }>('SELECT id FROM ops.export_job ORDER BY id FOR UPDATE');
  for (const { id } of jobs) {
    const gone = await tx.query<{ readonly type: number; readonly deleted: boolean; readonly n: number }>(
      `WITH gone AS (
         DELETE FROM ops.export_item i USING fhir.resource r
         WHERE r.resource_key = ANY ($2::bigint[]) AND i.job_id = $1 AND i.type = r.type AND i.resource_key = r.resource_key
         RETURNING i.type, i.deleted)
       SELECT type, deleted, count(*) AS n FROM gone GROUP BY type, deleted`,
      [id, plainArray(keys)],
    );
    if (gone.length === 0) continue;
    await tx.run('UPDATE ops.export_job SET erased = erased + $2, total = total - $2 WHERE id = $1', [
      id,
      gone.reduce((sum, { n }) => sum + n, 0),
    ]);
    for (const { type, deleted } of gone)
      await tx.run(
        `UPDATE ops.export_file f SET count = (SELECT count(*) FROM ops.export_item i
           WHERE i.job_id = f.job_id AND i.type = f.type AND i.deleted = f.deleted AND i.resource_key BETWEEN f.first_key AND f.last_key)
         WHERE f.job_id = $1 AND f.type = $2 AND f.deleted = $3`,
        [id, type, deleted],
      );
  }
}
