/** The trees that ATLAS shows its treemaps by: for every concept that has rows, the names of what stands above it, level by level. */
import type { Transaction } from '../connect.ts';

/** The nearest above `below` that `condition` allows, the greatest id of several: one path, the same every time. */
const above = (name: string, below: string, condition: string): string => `
  LEFT JOIN LATERAL (
    SELECT c.concept_id, c.concept_name FROM cdm.concept_ancestor a JOIN cdm.concept c ON c.concept_id = a.ancestor_concept_id
    WHERE a.descendant_concept_id = ${below}.concept_id AND c.concept_id <> ${below}.concept_id AND ${condition}
    ORDER BY a.min_levels_of_separation, c.concept_id DESC LIMIT 1) ${name} ON true`;

interface Tree {
  /** As ATLAS asks for it. */
  readonly treemap: string;
  /** Tables and columns whose concepts stand in it. */
  readonly of: readonly (readonly [table: string, column: string])[];
  readonly joins: string;
  readonly levels: readonly string[];
}

const step = 'a.min_levels_of_separation = 1';
const meddra = `c.vocabulary_id = 'MedDRA' AND ${step}`;
const atc = (level: string): string => `c.vocabulary_id = 'ATC' AND c.concept_class_id = 'ATC ${level}'`;
const ATC = above('l2', 'l1', atc('4th')) + above('l3', 'l2', atc('2nd')) + above('l4', 'l3', atc('1st'));
/** Three steps up in whatever the concept's own vocabulary has. */
const OWN = above('o1', 'u', step) + above('o2', 'o1', step) + above('o3', 'o2', step);
const OWN_LEVELS = ['o1.concept_name', 'o2.concept_name', 'o3.concept_name', 'NULL'];

/** The levels are those of OHDSI's own tables. Without MedDRA conditions stand in the tree of their own vocabulary. */
const TREES: readonly Tree[] = [
  {
    treemap: 'Condition',
    of: [
      ['condition_occurrence', 'condition_concept_id'],
      ['condition_era', 'condition_concept_id'],
    ],
    joins: above('l1', 'u', meddra) + above('l2', 'l1', meddra) + above('l3', 'l2', meddra) + above('l4', 'l3', meddra) + OWN,
    levels: ['l1', 'l2', 'l3', 'l4'].map(
      (level, i) => `CASE WHEN l1.concept_id IS NULL THEN ${OWN_LEVELS[i]} ELSE ${level}.concept_name END`,
    ),
  },
  {
    treemap: 'Drug',
    of: [['drug_exposure', 'drug_concept_id']],
    // A drug of several ingredients stands under each; an ingredient under itself.
    joins: `
  LEFT JOIN LATERAL (
    SELECT c.concept_id, c.concept_name FROM cdm.concept_ancestor a JOIN cdm.concept c ON c.concept_id = a.ancestor_concept_id
    WHERE a.descendant_concept_id = u.concept_id AND c.domain_id = 'Drug' AND c.concept_class_id = 'Ingredient') l1 ON true${ATC}`,
    levels: ['l1.concept_name', 'l2.concept_name', 'l3.concept_name', 'l4.concept_name'],
  },
  {
    treemap: 'Drug Era',
    of: [['drug_era', 'drug_concept_id']],
    joins: above('l2', 'u', atc('4th')) + above('l3', 'l2', atc('2nd')) + above('l4', 'l3', atc('1st')),
    levels: ['l2.concept_name', 'l3.concept_name', 'l4.concept_name', 'NULL'],
  },
  { treemap: 'Measurement', of: [['measurement', 'measurement_concept_id']], joins: OWN, levels: OWN_LEVELS },
  { treemap: 'Observation', of: [['observation', 'observation_concept_id']], joins: OWN, levels: OWN_LEVELS },
  { treemap: 'Procedure', of: [['procedure_occurrence', 'procedure_concept_id']], joins: OWN, levels: OWN_LEVELS },
];

const statementOf = ({ treemap, of, joins, levels }: Tree): string => `
INSERT INTO results.concept_hierarchy (concept_id, concept_name, treemap, level1_concept_name, level2_concept_name, level3_concept_name, level4_concept_name)
SELECT DISTINCT u.concept_id, left(u.concept_name, 400), '${treemap}', ${levels.map((each) => `left(${each}, 255)`).join(', ')}
FROM (SELECT c.concept_id, c.concept_name FROM cdm.concept c WHERE c.concept_id <> 0 AND c.concept_id IN (${of
  .map(([table, column]) => `SELECT ${column} FROM cdm.${table}`)
  .join(' UNION ')})) u${joins}`;

/** Replaces results.concept_hierarchy by that of the rows and vocabularies of now. */
export async function fillConceptHierarchy(tx: Transaction): Promise<void> {
  await tx.run('DELETE FROM results.concept_hierarchy');
  for (const tree of TREES) await tx.run(statementOf(tree));
}
