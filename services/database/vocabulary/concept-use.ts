/** Where a concept of the OMOP vocabularies stands: its relationships, and the rows of the CDM that carry it. */
import { Refusal } from '../../errors.ts';
import type { Database, Queryable } from '../connect.ts';
import { plainArray } from '../wire.ts';

export interface ConceptRelation {
  readonly relationship_id: string;
  readonly concept_id: number;
  readonly concept_name: string;
  readonly vocabulary_id: string;
  readonly concept_code: string;
  readonly standard_concept: string | null;
}

export interface ConceptUse {
  readonly table: string;
  readonly column: string;
  readonly rows: number;
}

/** Columns that have an index in the official schema (https://github.com/OHDSI/CommonDataModel), so that counting reads those rows only. */
const INDEXED: readonly (readonly [table: string, column: string])[] = [
  ['condition_occurrence', 'condition_concept_id'],
  ['drug_exposure', 'drug_concept_id'],
  ['procedure_occurrence', 'procedure_concept_id'],
  ['device_exposure', 'device_concept_id'],
  ['measurement', 'measurement_concept_id'],
  ['observation', 'observation_concept_id'],
  ['visit_occurrence', 'visit_concept_id'],
  ['specimen', 'specimen_concept_id'],
  ['note', 'note_type_concept_id'],
  ['drug_era', 'drug_concept_id'],
  ['condition_era', 'condition_concept_id'],
];
const SOURCES: readonly (readonly [table: string, column: string])[] = [
  ['condition_occurrence', 'condition_source_concept_id'],
  ['drug_exposure', 'drug_source_concept_id'],
  ['procedure_occurrence', 'procedure_source_concept_id'],
  ['device_exposure', 'device_source_concept_id'],
  ['measurement', 'measurement_source_concept_id'],
  ['observation', 'observation_source_concept_id'],
];
const MOST_RELATIONS = 500;
const COUNT_TIMEOUT_MS = 2_000;

/** Returns the valid relationships of a concept, 'Maps to' first; at most 500. */
export async function relationsOf(queryable: Queryable, conceptId: number): Promise<readonly ConceptRelation[]> {
  return queryable.query<ConceptRelation>(
    `SELECT r.relationship_id, c.concept_id, c.concept_name, c.vocabulary_id, c.concept_code, c.standard_concept
     FROM cdm.concept_relationship r JOIN cdm.concept c ON c.concept_id = r.concept_id_2
     WHERE r.concept_id_1 = $1 AND r.invalid_reason IS NULL
     ORDER BY r.relationship_id NOT LIKE 'Map%', r.relationship_id, c.concept_name, c.concept_id LIMIT ${MOST_RELATIONS}`,
    [conceptId],
  );
}

/**
 * Returns how many rows carry a concept, by table and column, those with none left out; undefined for the source columns, which have no
 * index, when counting them takes longer than two seconds.
 */
export async function usesOf(
  database: Database,
  conceptId: number,
): Promise<{ readonly standard: readonly ConceptUse[]; readonly source: readonly ConceptUse[] | undefined }> {
  return { standard: (await counted(database, conceptId, INDEXED)) ?? [], source: await counted(database, conceptId, SOURCES) };
}

async function counted(
  database: Database,
  conceptId: number,
  columns: readonly (readonly [table: string, column: string])[],
): Promise<readonly ConceptUse[] | undefined> {
  const text = columns
    .map(
      ([table, column]) => `SELECT '${table}' AS "table", '${column}' AS "column", count(*) AS rows FROM cdm.${table} WHERE ${column} = $1`,
    )
    .join(' UNION ALL ');
  try {
    const rows = await database.snapshot((tx) => tx.query<ConceptUse>(text, [conceptId]), { timeoutMs: COUNT_TIMEOUT_MS });
    return rows.filter(({ rows: count }) => count > 0);
  } catch (error) {
    if (error instanceof Refusal && error.problems.some(({ code }) => code === 'search-too-costly')) return undefined;
    throw error;
  }
}

/** Returns which of these concept ids stand in the standard columns of any row. */
export async function conceptsInUse(queryable: Queryable, conceptIds: readonly number[]): Promise<ReadonlySet<number>> {
  const text = INDEXED.map(
    ([table, column]) => `SELECT a.id FROM unnest($1::bigint[]) AS a(id) WHERE EXISTS (SELECT FROM cdm.${table} WHERE ${column} = a.id)`,
  ).join(' UNION ');
  const rows = await queryable.query<{ id: number }>(text, [plainArray(conceptIds)]);
  return new Set(rows.map(({ id }) => id));
}
