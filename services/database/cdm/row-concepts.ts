/** What the vocabularies say of the concepts in a row, and which rows a derived one was made from. */
import type { Queryable } from '../connect.ts';
import { ERAS_PER_PERSON } from '../derived/keys.ts';
import { typeNumber } from '../resources/resources.ts';
import { plainArray } from '../wire.ts';

export interface RowConcept {
  readonly concept_id: number;
  readonly concept_name: string;
  readonly domain_id: string;
  readonly vocabulary_id: string;
  readonly concept_code: string;
  readonly standard_concept: string | null;
}

/** Returns concepts by their ids; those that are not loaded are missing. */
export async function conceptsById(queryable: Queryable, ids: readonly number[]): Promise<ReadonlyMap<number, RowConcept>> {
  if (ids.length === 0) return new Map();
  const rows = await queryable.query<RowConcept>(
    `SELECT concept_id, concept_name, domain_id, vocabulary_id, concept_code, standard_concept FROM cdm.concept WHERE concept_id = ANY ($1::bigint[])`,
    [plainArray(ids)],
  );
  return new Map(rows.map((row) => [row.concept_id, row]));
}

/** A relationship of the vocabularies that led from the concept of a source code to the one in the row. */
export interface FollowedRelationship {
  readonly from: number;
  readonly relationship: string;
  readonly to: number;
  /** 'YYYY-MM-DD'. */
  readonly validFrom: string;
}

/** Returns the valid relationships "Maps to…" between two sets of concepts. */
export const relationshipsBetween = (
  queryable: Queryable,
  from: readonly number[],
  to: readonly number[],
): Promise<readonly FollowedRelationship[]> =>
  from.length === 0 || to.length === 0
    ? Promise.resolve([])
    : queryable.query<FollowedRelationship>(
        `SELECT concept_id_1 AS "from", relationship_id AS relationship, concept_id_2 AS "to", valid_start_date AS "validFrom"
         FROM cdm.concept_relationship WHERE concept_id_1 = ANY ($1::bigint[]) AND concept_id_2 = ANY ($2::bigint[])
           AND relationship_id LIKE 'Maps to%' AND invalid_reason IS NULL ORDER BY 1, 2, 3`,
        [plainArray(from), plainArray(to)],
      );

/** Returns the release of the loaded vocabularies; 'none' before one is loaded. */
export const vocabularyRelease = async (queryable: Queryable): Promise<string> =>
  (
    await queryable.query<{ release: string | null }>(
      `SELECT vocabulary_version AS release FROM cdm.vocabulary WHERE vocabulary_id = 'None'`,
    )
  )[0]?.release ?? 'none';

/** An answer that somebody gave to a code which no vocabulary maps, and that the rows of a resource were made with. */
export interface UsedAnswer {
  readonly id: number;
  readonly author: string;
  readonly approvedBy: string | null;
  /** ISO 8601. */
  readonly answeredAt: string;
}

/** Returns the answers in force that rows of the resource used; not the codes, which may be free text about somebody. */
export const answersUsed = (queryable: Queryable, type: string, id: string): Promise<readonly UsedAnswer[]> =>
  queryable.query<UsedAnswer>(
    `SELECT n.id, n.author, n.approved_by AS "approvedBy", n.answered_at AS "answeredAt" FROM fhir.resource r
     JOIN ops.answered a ON a.resource_key = r.resource_key
     JOIN ops.answer n ON n.system = a.system AND n.code = a.code AND n.state = 'in-force'
     WHERE r.type = $1 AND r.id = $2 ORDER BY n.id LIMIT 50`,
    [typeNumber(type), id],
  );

/** A row that a derived one was made from. */
export interface ContributingRow {
  readonly table: string;
  readonly id: number;
  /** 'YYYY-MM-DD'. */
  readonly date: string;
}

export interface DerivedRow {
  readonly row: Readonly<Record<string, string | number | null>>;
  readonly personId: number;
  /** The first hundred; `total` of them there are. */
  readonly from: readonly ContributingRow[];
  readonly total: number;
}

interface Derivation {
  readonly key: string;
  /** Rows as table, id, date, of the era `e`. */
  readonly from: string;
}

/** How eras follow from rows (omop-rules 62 to 64): the same concept, or a drug that has the ingredient, within the era. */
const DERIVATIONS: Readonly<Record<string, Derivation>> = {
  condition_era: {
    key: 'condition_era_id',
    from: `SELECT 'condition_occurrence' AS "table", c.condition_occurrence_id AS id, c.condition_start_date AS date FROM cdm.condition_occurrence c
      WHERE c.person_id = e.person_id AND c.condition_concept_id = e.condition_concept_id
        AND c.condition_start_date BETWEEN e.condition_era_start_date AND e.condition_era_end_date`,
  },
  drug_era: {
    key: 'drug_era_id',
    from: `SELECT 'drug_exposure' AS "table", d.drug_exposure_id AS id, d.drug_exposure_start_date AS date FROM cdm.drug_exposure d
      JOIN cdm.concept_ancestor a ON a.descendant_concept_id = d.drug_concept_id AND a.ancestor_concept_id = e.drug_concept_id
      WHERE d.person_id = e.person_id AND d.drug_exposure_start_date BETWEEN e.drug_era_start_date AND e.drug_era_end_date`,
  },
  dose_era: {
    key: 'dose_era_id',
    from: `SELECT 'drug_exposure' AS "table", d.drug_exposure_id AS id, d.drug_exposure_start_date AS date FROM cdm.drug_exposure d
      JOIN cdm.concept_ancestor a ON a.descendant_concept_id = d.drug_concept_id AND a.ancestor_concept_id = e.drug_concept_id
      WHERE d.person_id = e.person_id AND d.drug_exposure_start_date BETWEEN e.dose_era_start_date::date AND e.dose_era_end_date::date`,
  },
};

/** True of tables whose rows follow from other rows of the CDM, not from one resource. */
export const isEra = (table: string): boolean => Object.hasOwn(DERIVATIONS, table);

/** Returns an era and the rows it was made from; undefined when there is no such era. Ids of eras tell their person. */
export async function derivedRow(queryable: Queryable, table: string, id: number): Promise<DerivedRow | undefined> {
  const derivation = DERIVATIONS[table];
  if (derivation === undefined || !Number.isSafeInteger(id)) return undefined;
  const [row] = await queryable.query<Record<string, string | number | null>>(
    `SELECT e.* FROM cdm.${table} e WHERE e.person_id = $2 AND e.${derivation.key} = $1`,
    [id, Math.floor(id / ERAS_PER_PERSON)],
  );
  if (row === undefined) return undefined;
  const from = await queryable.query<ContributingRow & { readonly total: number }>(
    `SELECT f.*, count(*) OVER () AS total FROM cdm.${table} e CROSS JOIN LATERAL (${derivation.from}) f
     WHERE e.person_id = $2 AND e.${derivation.key} = $1 ORDER BY f.date, f.id LIMIT 100`,
    [id, row['person_id']],
  );
  return {
    row,
    personId: Number(row['person_id']),
    from: from.map(({ table: of, id: key, date }) => ({ table: of, id: key, date })),
    total: from[0]?.total ?? 0,
  };
}
