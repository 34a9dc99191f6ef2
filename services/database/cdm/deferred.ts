/** Rows of which something is known only from the person's other rows: kept beside the CDM, in ops.deferred_row, until they are derived. */
import { RESOURCE_TYPES } from '../../fhir/definitions.ts';
import type { Transaction } from '../connect.ts';
import { plainArray, textArray } from '../wire.ts';
import type { PlainRow, PlainValue, ResolvedEntry } from './resolve.ts';
import { DERIVED_FROM_ROWS } from './tables.ts';

/** Rows that are decided per person when its derived rows are computed: every death, dates taken from visits and ages, what joins rows. */
export async function replaceDeferred(tx: Transaction, resolved: readonly ResolvedEntry[], persons: Set<number>): Promise<void> {
  const old = resolved.filter(({ entry }) => entry.oldMask !== 0).map(({ entry }) => entry.resourceKey);
  if (old.length > 0) {
    const gone = await tx.query<{ readonly person_id: number }>(
      {
        name: 'deferred_remove',
        // What was found by dates of the rows that are replaced is no word of the new ones (omop-rules 37).
        text: `WITH dated AS (DELETE FROM ops.dated_visit d USING unnest($1::bigint[]) AS a(k) WHERE d.row_id BETWEEN a.k * 1024 AND a.k * 1024 + 1023)
          DELETE FROM ops.deferred_row WHERE resource_key = ANY ($1::bigint[]) RETURNING person_id`,
      },
      [plainArray(old)],
    );
    for (const { person_id } of gone) persons.add(person_id);
  }
  const rows = resolved.flatMap(({ entry, rows: all }) => all.filter(isDerived).map((row) => ({ ...row, resourceKey: entry.resourceKey })));
  if (rows.length === 0) return;
  await tx.run(
    `INSERT INTO ops.deferred_row (resource_key, n, person_id, cdm_table, columns)
     SELECT * FROM unnest($1::bigint[], $2::smallint[], $3::bigint[], $4::text[], $5::jsonb[])`,
    [
      plainArray(rows.map((row) => row.resourceKey)),
      plainArray(rows.map((row) => row.n)),
      plainArray(rows.map((row) => row.personId)),
      textArray(rows.map((row) => row.table)),
      textArray(rows.map((row) => JSON.stringify(deferredColumns(row)))),
    ],
  );
}

const isDerived = ({ table, deferred }: PlainRow): boolean =>
  deferred !== undefined || table === 'death' || table === 'cost' || table === 'episode' || DERIVED_FROM_ROWS.includes(table);

/** `@ages` are intervals by column: what they are added to is known when the person's rows are derived. */
/** Where a column refers to a resource that may come later, its type and id stand beside it. */
function pointersOf(row: PlainRow): Record<string, PlainValue> {
  const found: Record<string, PlainValue> = {};
  for (const [name, as] of POINTERS) {
    const [type, id] = String(row.pointers.get(name) ?? '').split('/');
    const number = RESOURCE_TYPES.get(type ?? '');
    if (number === undefined || id === undefined) continue;
    found[`${as}_type`] = number;
    found[`${as}_id`] = id;
  }
  return found;
}

const POINTERS = [
  ['fact_id_2', 'other'],
  ['event_id', 'other'],
  ['cost_event_id', 'visit'],
  ['payer_plan_period_id', 'payer'],
  ['episode_object_concept_id', 'other'],
] as const;

const deferredColumns = (row: PlainRow): Record<string, PlainValue | Readonly<Record<string, string>>> => ({
  ...Object.fromEntries(row.columns),
  ...pointersOf(row),
  ...(row.ages === undefined ? {} : { '@ages': row.ages }),
});
