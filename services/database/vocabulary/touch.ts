/** How many stored rows carry codes: what a change of a vocabulary would touch. */
import type { Queryable } from '../connect.ts';
import { textArray } from '../wire.ts';

/** Tables whose rows say which source concept they were made from. */
const SOURCES: readonly (readonly [table: string, column: string])[] = [
  ['condition_occurrence', 'condition_source_concept_id'],
  ['drug_exposure', 'drug_source_concept_id'],
  ['procedure_occurrence', 'procedure_source_concept_id'],
  ['device_exposure', 'device_source_concept_id'],
  ['measurement', 'measurement_source_concept_id'],
  ['observation', 'observation_source_concept_id'],
  ['visit_occurrence', 'visit_source_concept_id'],
  ['visit_detail', 'visit_detail_source_concept_id'],
];

const COUNT = SOURCES.map(
  ([table, column]) =>
    `SELECT c.system, c.code, count(*) AS rows FROM coded c JOIN cdm.${table} t ON t.${column} = c.concept_id GROUP BY c.system, c.code`,
).join('\n  UNION ALL ');

/**
 * Returns how many CDM rows have a source concept of these codes, and how many codings of them are recorded as unmapped, by
 * 'system code'; codes without any are left out. A code comes with its FHIR URI and the OMOP vocabulary_ids of that.
 */
export async function rowsOfCodes(
  queryable: Queryable,
  codes: readonly { readonly system: string; readonly vocabularies: readonly string[]; readonly code: string }[],
): Promise<ReadonlyMap<string, number>> {
  const pairs = codes.flatMap(({ system, vocabularies, code }) => vocabularies.map((vocabulary) => ({ system, vocabulary, code })));
  const rows = await queryable.query<{ system: string; code: string; rows: number }>(
    `WITH asked AS (SELECT * FROM unnest($1::text[], $2::text[], $3::text[]) AS a(system, vocabulary, code)),
     coded AS (SELECT a.system, a.code, c.concept_id FROM asked a JOIN cdm.concept c ON c.concept_code = a.code AND c.vocabulary_id = a.vocabulary),
     unmapped AS (SELECT DISTINCT system, code FROM asked),
     counted AS (
       ${COUNT}
       UNION ALL SELECT u.system, u.code, count(*) FROM unmapped a JOIN ops.unmapped u ON u.system = a.system AND u.code = a.code
         WHERE u.why IN ('unknown', 'unknown-system') GROUP BY u.system, u.code)
     SELECT system, code, sum(rows)::bigint AS rows FROM counted GROUP BY system, code`,
    [
      textArray(pairs.map((each) => each.system)),
      textArray(pairs.map((each) => each.vocabulary)),
      textArray(pairs.map((each) => each.code)),
    ],
  );
  return new Map(rows.map((each) => [`${each.system} ${each.code}`, each.rows]));
}
