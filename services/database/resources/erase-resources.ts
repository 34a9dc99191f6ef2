/** What the store holds of Patients that are to be erased: everything that speaks of them, every version, every statement, every row. */
import { problem } from '../../errors.ts';
import { resourceTypeOf } from '../../fhir/definitions.ts';
import type { Queryable, Transaction } from '../connect.ts';
import { forgetEvents } from '../outgoing/view.ts';
import { plainArray, textArray } from '../wire.ts';
import type { Speaking } from './erase-closure.ts';
import { resourceRef, typeNumber } from './resources.ts';

export interface StoredPatient {
  readonly id: string;
  /** JSON text of one version. */
  readonly body: string;
}

/** Returns every version of every Patient that holds one of the texts as a value; deleted ones too. */
export async function patientsWithValue(tx: Queryable, values: readonly string[]): Promise<readonly StoredPatient[]> {
  if (values.length === 0) return [];
  return tx.query<StoredPatient>(
    `SELECT id, body FROM (SELECT type, id, body FROM fhir.resource UNION ALL SELECT type, id, body FROM fhir.history) r
     WHERE type = $1 AND EXISTS (SELECT FROM unnest($2::text[]) AS v(text) WHERE strpos(body, v.text) > 0)`,
    [typeNumber('Patient'), textArray(values.map((value) => `"value":${JSON.stringify(value)}`))],
  );
}

/** Returns every version of Patients by id. */
export const patientVersions = (tx: Queryable, ids: readonly string[]): Promise<readonly StoredPatient[]> =>
  tx.query<StoredPatient>(
    `SELECT id, body FROM (SELECT type, id, body FROM fhir.resource UNION ALL SELECT type, id, body FROM fhir.history) r
     WHERE type = $1 AND id = ANY ($2::text[]) AND body <> ''`,
    [typeNumber('Patient'), textArray(ids)],
  );

/** Returns the Patients that are one with `ids` by merges that hold, themselves included. */
export async function mergedWith(tx: Queryable, ids: readonly string[]): Promise<readonly string[]> {
  const rows = await tx.query<{ readonly id: string }>(
    `WITH RECURSIVE same(id) AS (
       SELECT a.id COLLATE "C" FROM unnest($1::text[]) AS a(id)
       UNION SELECT CASE WHEN m.loser = s.id THEN m.survivor ELSE m.loser END FROM same s JOIN fhir.merge m ON (m.loser = s.id OR m.survivor = s.id)
         AND m.undone_at IS NULL
     ) SELECT id FROM same`,
    [textArray(ids)],
  );
  return rows.map(({ id }) => id);
}

/** Returns what is, or ever was, one of the Patients or speaks of one, in any version or statement. Reads everything: erasing is rare. */
export async function speakingOf(tx: Queryable, ids: readonly string[]): Promise<readonly Speaking[]> {
  const pattern = `Patient/(${ids.map((id) => id.replaceAll('.', '\\.')).join('|')})["/#]`;
  const rows = await tx.query<{ readonly resource_key: number; readonly type: number; readonly id: string }>(
    `SELECT r.resource_key, r.type, r.id FROM fhir.resource r WHERE (r.type = $2 AND r.id = ANY ($3::text[])) OR r.resource_key IN (
       SELECT resource_key FROM fhir.resource WHERE body ~ $1 UNION SELECT resource_key FROM fhir.history WHERE body ~ $1
       UNION SELECT resource_key FROM fhir.statement WHERE draft ~ $1) ORDER BY 1`,
    [pattern, typeNumber('Patient'), textArray(ids)],
  );
  return rows.map((row) => ({ resourceKey: row.resource_key, type: resourceTypeOf(row.type) ?? '', id: row.id }));
}

/** Returns the messages and requests that made any version of resources. */
export async function messagesOf(tx: Queryable, keys: readonly number[]): Promise<readonly number[]> {
  const rows = await tx.query<{ readonly id: number }>(
    `SELECT DISTINCT message_id AS id FROM (SELECT resource_key, message_id FROM fhir.resource UNION ALL SELECT resource_key, message_id FROM fhir.history) r
     WHERE resource_key = ANY ($1::bigint[]) AND message_id IS NOT NULL`,
    [plainArray(keys)],
  );
  return rows.map(({ id }) => id);
}

const COHORTS = [
  ['cdm.cohort', 'subject_id'],
  ['results.cohort', 'subject_id'],
  ['results.cohort_cache', 'subject_id'],
  ['results.cohort_sample_element', 'person_id'],
] as const;

/**
 * Plans show whole resources and rows, also of patients that only a draft would make: they can be made again. One that is being made has read what is
 * erased, and would write it down afterwards: it ends.
 */
async function forgetPlans(tx: Transaction): Promise<void> {
  await tx.run(`UPDATE ops.spec_plan SET state = 'failed', ended_at = now(), problems = $1::jsonb WHERE state = 'running'`, [
    JSON.stringify([problem('spec-plan-erased')]),
  ]);
  await tx.run('DELETE FROM ops.spec_plan_change');
}

/** A replay that is under way gathers anew what messages say of what is nobody's. */
async function forgetReplayWords(tx: Transaction, keys: readonly number[]): Promise<void> {
  await tx.run(`UPDATE ops.spec_replay SET done_message = 0 WHERE state = 'running' AND phase = 'shared'`);
  await tx.run('DELETE FROM ops.spec_replay_said');
  const names = await tx.query<{ readonly type: number; readonly id: string }>(
    'SELECT type, id FROM fhir.resource WHERE resource_key = ANY ($1::bigint[])',
    [plainArray(keys)],
  );
  await tx.run('DELETE FROM ops.spec_replay_resource WHERE reference = ANY ($1::text[])', [
    textArray(names.map(({ type, id }) => resourceRef(resourceTypeOf(type) ?? '', id))),
  ]);
}

/** Removes every trace of resources that are deleted already, and of Patients from the log of merges. */
export async function forgetResources(tx: Transaction, keys: readonly number[], patients: readonly string[]): Promise<void> {
  const gone = plainArray(keys);
  // Index rows of versions before go with the write that replaces them; those of definitions that are no more may have stayed.
  for (const table of ['str', 'dt', 'num', 'qty', 'present'])
    await tx.run(
      `DELETE FROM fhir.${table} i WHERE i.rid IN (SELECT rid FROM fhir.resource WHERE resource_key = ANY ($1::bigint[])
         UNION ALL SELECT rid FROM fhir.history WHERE resource_key = ANY ($1::bigint[]))`,
      [gone],
    );
  // Persons have the keys of their Patients.
  for (const [table, person] of COHORTS) await tx.run(`DELETE FROM ${table} WHERE ${person} = ANY ($1::bigint[])`, [gone]);
  for (const table of [
    'fhir.statement',
    'fhir.patch',
    'fhir.moved',
    'ops.issue',
    'ops.exclusion',
    'ops.unmapped',
    'ops.answered',
    'ops.remake',
    'ops.waiting_reference',
    'fhir.history',
  ])
    await tx.run(`DELETE FROM ${table} WHERE resource_key = ANY ($1::bigint[])`, [gone]);
  await forgetPlans(tx);
  await forgetReplayWords(tx, keys);
  await tx.run('DELETE FROM fhir.folded WHERE resource_key = ANY ($1::bigint[]) OR into_key = ANY ($1::bigint[])', [gone]);
  await tx.run('DELETE FROM fhir.merge WHERE loser = ANY ($1::text[]) OR survivor = ANY ($1::text[])', [textArray(patients)]);
  const erased = await tx.query<{ readonly type: number; readonly id: string }>(
    'DELETE FROM fhir.resource WHERE resource_key = ANY ($1::bigint[]) AND deleted RETURNING type, id',
    [gone],
  );
  await forgetEvents(
    tx,
    erased.map(({ type, id }) => ({ type: resourceTypeOf(type) ?? '', id })),
  );
}
