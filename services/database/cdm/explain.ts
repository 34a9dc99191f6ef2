/** Where a row of the CDM comes from: its resource by arithmetic, that resource's version and map, the message and its bytes. */
import { resourceTypeOf } from '../../fhir/definitions.ts';
import type { RowTable } from '../../omop/row.ts';
import { columnsOf } from '../../omop/tables.ts';
import type { Queryable } from '../connect.ts';
import { type MessageState, messageById } from '../journal/take.ts';
import { hasKey, isNumbered, keyColumn, ROW_TABLES, ROWS_PER_RESOURCE } from './tables.ts';

export interface ExplainedRow {
  readonly table: string;
  readonly id: number;
  /** The row as it is stored, column by column. */
  readonly row: Readonly<Record<string, string | number | null>>;
  readonly resource: {
    readonly type: string;
    readonly id: string;
    readonly version: number;
    readonly updated: string;
    /** id@version#digest of the map that made the resource; '' when it came as FHIR. */
    readonly spec: string;
    /** id@version#digest of the map that made the row. */
    readonly rowSpec: string;
    readonly body: string;
  };
  /** The message that made this version; undefined when the journal does not hold it any more. */
  readonly message: MessageState | undefined;
  /** Of a visit, or a visit_detail, that is one stay with others (omop-rules 34): all of them as they were stated, the whole first. */
  readonly joined: readonly StatedStay[];
  /** Columns of a visit that is one stay with others whose value is another one's of them. */
  readonly ofOthers: readonly string[];
  /** Earlier versions that the resource was merged from, newest first. */
  readonly earlier: readonly { readonly version: number; readonly messageId: number | undefined }[];
}

/** A visit as its resource states it, before it became one with others. */
export interface StatedStay {
  readonly visitId: number;
  /** 'Encounter/…'. */
  readonly reference: string;
  readonly isWhole: boolean;
  readonly conceptId: number;
  /** 'YYYY-MM-DD'. */
  readonly start: string;
  readonly end: string;
}

const DERIVED = ['observation_period'];

/** Returns whether rows of this table can be explained. */
export const isExplainable = (table: string): boolean => [...ROW_TABLES, ...DERIVED].some((each) => each === table);

interface OwnerRow {
  readonly type: number;
  readonly id: string;
  readonly version: number;
  readonly updated: string;
  readonly spec: string;
  readonly row_spec: string;
  readonly body: string;
  readonly message_id: number | null;
}

const keyOf = (table: RowTable | undefined, id: number): number =>
  table === undefined || isNumbered(table) ? Math.floor(id / ROWS_PER_RESOURCE) : id;

/** An address that several have is explained by the one who came first. */
async function firstAt(database: Queryable, locationId: number): Promise<number> {
  const [row] = await database.query<{ readonly key: number | null }>(
    `SELECT min(key) AS key FROM (SELECT person_id AS key FROM cdm.person WHERE location_id = $1
       UNION ALL SELECT care_site_id / ${ROWS_PER_RESOURCE} FROM cdm.care_site WHERE location_id = $1) o`,
    [locationId],
  );
  return row?.key ?? -1;
}

async function statedStays(database: Queryable, table: string, id: number): Promise<readonly StatedStay[]> {
  if (table !== 'visit_occurrence' && table !== 'visit_detail') return [];
  const rows = await database.query<Omit<StatedStay, 'reference'> & { readonly type: number; readonly name: string }>(
    `SELECT p.visit_id AS "visitId", r.type, r.id AS name, p.visit_id = p.whole_id AS "isWhole", s.visit_concept_id AS "conceptId",
       s.visit_start_date AS start, s.visit_end_date AS "end"
     FROM ops.visit_part own JOIN ops.visit_part p ON p.whole_id = own.whole_id
     JOIN fhir.resource r ON r.resource_key = p.visit_id / ${ROWS_PER_RESOURCE}
     CROSS JOIN LATERAL jsonb_populate_record(NULL::cdm.visit_occurrence, p.stated) s
     WHERE own.visit_id = $1 ORDER BY "isWhole" DESC, start, r.id LIMIT 200`,
    [id],
  );
  return rows.map(({ type, name, ...rest }) => ({ ...rest, reference: `${resourceTypeOf(type) ?? ''}/${name}` }));
}

async function columnsOfOthers(database: Queryable, table: string, id: number): Promise<readonly string[]> {
  if (table !== 'visit_occurrence') return [];
  const rows = await database.query<{ readonly name: string }>(
    `SELECT c.key AS name FROM cdm.visit_occurrence v JOIN ops.visit_part p ON p.visit_id = v.visit_occurrence_id CROSS JOIN LATERAL jsonb_each(to_jsonb(v)) c
     WHERE v.visit_occurrence_id = $1 AND c.key <> 'preceding_visit_occurrence_id' AND c.value IS DISTINCT FROM p.stated -> c.key`,
    [id],
  );
  return rows.map(({ name }) => name);
}

/** Returns where row `id` of `table` comes from; undefined when there is no such row or the table is none that resources fill. */
export async function explainRow(database: Queryable, table: string, id: number): Promise<ExplainedRow | undefined> {
  if (!Number.isSafeInteger(id)) return undefined;
  const known = ROW_TABLES.find((each) => each === table);
  if (known === undefined && !DERIVED.includes(table)) return undefined;
  const key = known === undefined ? `${table}_id` : keyColumn(known);
  if (known !== undefined && !hasKey(known)) return undefined;
  const columns = columnsOf(table).map((column) => column.name);
  const [row] = await database.query<Record<string, string | number | null>>(
    `SELECT ${columns.map((name) => `"${name}"`).join(', ')} FROM cdm.${table} WHERE ${key} = $1`,
    [id],
  );
  if (row === undefined) return undefined;
  const resourceKey = known === 'location' ? await firstAt(database, id) : keyOf(known, id);
  const [owner] = await database.query<OwnerRow>(
    'SELECT type, id, version, updated, spec, row_spec, body, message_id FROM fhir.resource WHERE resource_key = $1',
    [resourceKey],
  );
  if (owner === undefined) return undefined;
  const earlier = await database.query<{ version: number; message_id: number | null }>(
    'SELECT version, message_id FROM fhir.history WHERE resource_key = $1 ORDER BY version DESC LIMIT 100',
    [resourceKey],
  );
  const { version, updated, spec, body } = owner;
  return {
    table,
    id,
    row,
    resource: { type: resourceTypeOf(owner.type) ?? '', id: owner.id, version, updated, spec, rowSpec: owner.row_spec, body },
    joined: await statedStays(database, table, id),
    ofOthers: await columnsOfOthers(database, table, id),
    message: owner.message_id === null ? undefined : await messageById(database, owner.message_id),
    earlier: earlier.map((each) => ({ version: each.version, messageId: each.message_id ?? undefined })),
  };
}
