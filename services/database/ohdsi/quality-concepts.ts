/** Checks that concepts decide: each field is grouped once, and the few concepts in it are looked up. */
import type { Check, Counted } from '../../omop/quality.ts';
import type { Transaction } from '../connect.ts';
import { plainArray } from '../wire.ts';

interface ConceptRow {
  readonly concept_id: number;
  readonly domain_id: string;
  readonly concept_class_id: string;
  readonly isStandard: boolean;
}

type Counts = ReadonlyMap<number | null, number>;

/** Counts the rows of each value of several fields of one table in one reading. */
async function valueCounts(tx: Transaction, table: string, fields: readonly string[]): Promise<ReadonlyMap<string, Counts>> {
  const list = fields.join(', ');
  const rows = await tx.query<Readonly<Record<string, number | string | null>>>(
    `SELECT GROUPING(${list}) AS which, ${list}, count(*) AS n FROM cdm.${table} GROUP BY GROUPING SETS (${fields.map((each) => `(${each})`).join(', ')})`,
  );
  const counts = new Map(fields.map((field) => [field, new Map<number | null, number>()]));
  const whichOf = new Map(fields.map((field, i) => [(1 << fields.length) - 1 - (1 << (fields.length - 1 - i)), field]));
  for (const row of rows) {
    const field = whichOf.get(Number(row['which']));
    const values = field === undefined ? undefined : counts.get(field);
    if (field === undefined || values === undefined) continue;
    const id = idOf(row[field]);
    values.set(id, (values.get(id) ?? 0) + Number(row['n']));
  }
  return counts;
}

/** Columns may have been made texts; what is no number is no concept. */
const NO_ID = -1;
const idOf = (value: number | string | null | undefined): number | null =>
  value === null || value === undefined ? null : typeof value === 'number' ? value : /^-?\d{1,15}$/.test(value) ? Number(value) : NO_ID;

async function conceptsOf(tx: Transaction, ids: Iterable<number>): Promise<ReadonlyMap<number, ConceptRow>> {
  const rows = await tx.query<ConceptRow>(
    `SELECT concept_id, domain_id, concept_class_id, coalesce(standard_concept = 'S' AND invalid_reason IS NULL, false) AS "isStandard"
     FROM cdm.concept WHERE concept_id = ANY ($1::bigint[])`,
    [plainArray(ids)],
  );
  return new Map(rows.map((row) => [row.concept_id, row]));
}

/** Returns the counts of isForeignKey (to concept), fkDomain, fkClass and isStandardValidConcept of one table. */
export async function conceptCounts(tx: Transaction, table: string, checks: readonly Check[]): Promise<ReadonlyMap<string, Counted>> {
  const fields = [...new Set(checks.map(({ field }) => field))];
  const counts = await valueCounts(tx, table, fields);
  const ids = new Set([...counts.values()].flatMap((values) => [...values.keys()].filter((id) => id !== null)));
  const concepts = await conceptsOf(tx, ids);
  return new Map(
    checks.map((check) => {
      const values = [...(counts.get(check.field) ?? [])];
      const sum = (counted: (id: number | null) => boolean): number => values.reduce((n, [id, rows]) => n + (counted(id) ? rows : 0), 0);
      const violated = sum((id) => id !== null && isWrong(check, id, concepts.get(id)));
      const isOfFilled = check.name === 'isStandardValidConcept';
      return [check.id, { violated, rows: sum((id) => !isOfFilled || id !== null) }];
    }),
  );
}

function isWrong({ name, parameters }: Check, id: number, concept: ConceptRow | undefined): boolean {
  if (name === 'isForeignKey') return concept === undefined;
  if (id === 0 || concept === undefined) return false;
  if (name === 'fkDomain') return !(parameters[0] ?? '').split("','").includes(concept.domain_id);
  if (name === 'fkClass') return concept.concept_class_id !== parameters[0];
  return !concept.isStandard;
}

/** omop-rules 2.0. */
const GENDERS: Readonly<Record<string, number>> = { Male: 8507, Female: 8532 };

/** Returns the counts of plausibleGender and plausibleGenderUseDescendants of one field. */
export async function genderCounts(
  tx: Transaction,
  table: string,
  field: string,
  checks: readonly Check[],
): Promise<ReadonlyMap<string, Counted>> {
  const rows = await tx.query<{ id: number; gender: number | null; n: number }>(
    `SELECT a.${field} AS id, p.gender_concept_id AS gender, count(*) AS n FROM cdm.${table} a LEFT JOIN (SELECT person_id, min(gender_concept_id) AS gender_concept_id FROM cdm.person GROUP BY person_id) p ON p.person_id = a.person_id
     GROUP BY 1, 2`,
  );
  const byConcept = Map.groupBy(rows, ({ id }) => id);
  const ancestors = [...new Set(checks.filter(({ name }) => name === 'plausibleGenderUseDescendants').flatMap(idsOf))];
  const descendants = await descendantsOf(tx, ancestors, byConcept.keys());
  return new Map(
    checks.map((check) => {
      const gender = GENDERS[check.parameters[0] ?? ''] ?? -1;
      const ids = check.name === 'plausibleGender' ? idsOf(check) : idsOf(check).flatMap((id) => descendants.get(id) ?? []);
      const found = ids.flatMap((id) => byConcept.get(id) ?? []);
      const violated = found.reduce((n, each) => n + (each.gender !== null && each.gender !== gender ? each.n : 0), 0);
      return [check.id, { violated, rows: found.reduce((n, each) => n + each.n, 0) }];
    }),
  );
}

const idsOf = ({ conceptId }: Check): readonly number[] => conceptId.split(',').map((each) => Number(each.trim()));

async function descendantsOf(
  tx: Transaction,
  ancestors: readonly number[],
  among: Iterable<number>,
): Promise<ReadonlyMap<number, readonly number[]>> {
  if (ancestors.length === 0) return new Map();
  const rows = await tx.query<{ ancestor: number; descendant: number }>(
    `SELECT ancestor_concept_id AS ancestor, descendant_concept_id AS descendant FROM cdm.concept_ancestor
     WHERE ancestor_concept_id = ANY ($1::bigint[]) AND descendant_concept_id = ANY ($2::bigint[])`,
    [plainArray(ancestors), plainArray(among)],
  );
  const found = Map.groupBy(rows, ({ ancestor }) => ancestor);
  return new Map([...found].map(([ancestor, all]) => [ancestor, all.map(({ descendant }) => descendant)]));
}

/** Returns the counts of plausibleUnitConceptIds of one field: units that a measurement of this concept cannot have. */
export async function unitCounts(
  tx: Transaction,
  table: string,
  field: string,
  checks: readonly Check[],
): Promise<ReadonlyMap<string, Counted>> {
  const rows = await tx.query<{ id: number; unit: number | null; n: number }>(
    `SELECT ${field} AS id, unit_concept_id AS unit, count(*) AS n FROM cdm.${table} GROUP BY 1, 2`,
  );
  const byConcept = Map.groupBy(rows, ({ id }) => id);
  return new Map(
    checks.map((check) => {
      const units = new Set((check.parameters[0] ?? '').split(',').map((each) => Number(each.trim())));
      // An unmapped unit is not judged; -1 says that the measurement has no unit at all.
      const found = idsOf(check)
        .flatMap((id) => byConcept.get(id) ?? [])
        .filter(({ unit }) => unit !== 0);
      const violated = found.reduce((n, { unit, n: each }) => n + (unit !== null && !units.has(unit) ? each : 0), 0);
      return [check.id, { violated, rows: found.reduce((n, each) => n + each.n, 0) }];
    }),
  );
}
