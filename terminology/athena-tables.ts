/**
 * The nine vocabulary tables of an Athena release with their columns in the order of the OMOP CDM 5.4
 * (https://ohdsi.github.io/CommonDataModel/cdm54.html#vocabulary_tables), and how each column is checked.
 */
export type AthenaTable =
  | 'vocabulary'
  | 'domain'
  | 'concept_class'
  | 'relationship'
  | 'concept'
  | 'concept_relationship'
  | 'concept_synonym'
  | 'concept_ancestor'
  | 'drug_strength';

/** id: a whole number from 0 to 2147483647; date: YYYYMMDD or YYYY-MM-DD; trailing '?': may be empty. */
export type ColumnKind = 'text' | 'text?' | 'id' | 'id?' | 'date' | 'number?' | 'flag?';

export interface AthenaColumn {
  readonly name: string;
  readonly kind: ColumnKind;
}

const columns = (text: string): readonly AthenaColumn[] =>
  text.split(' ').map((each): AthenaColumn => {
    const [name = '', kind = 'text'] = each.split(':');
    return { name, kind: KINDS[kind] ?? 'text' };
  });

const KINDS: Readonly<Record<string, ColumnKind>> = { o: 'text?', i: 'id', io: 'id?', d: 'date', n: 'number?', f: 'flag?' };
const VALID = 'valid_start_date:d valid_end_date:d invalid_reason:f';

/** In the order in which they are read: small tables first, concept before what points at it. */
export const ATHENA_TABLES: Readonly<Record<AthenaTable, readonly AthenaColumn[]>> = {
  vocabulary: columns('vocabulary_id vocabulary_name vocabulary_reference:o vocabulary_version:o vocabulary_concept_id:i'),
  domain: columns('domain_id domain_name domain_concept_id:i'),
  concept_class: columns('concept_class_id concept_class_name concept_class_concept_id:i'),
  relationship: columns(
    'relationship_id relationship_name is_hierarchical defines_ancestry reverse_relationship_id relationship_concept_id:i',
  ),
  concept: columns(`concept_id:i concept_name:o domain_id vocabulary_id concept_class_id standard_concept:f concept_code ${VALID}`),
  concept_relationship: columns(`concept_id_1:i concept_id_2:i relationship_id ${VALID}`),
  concept_synonym: columns('concept_id:i concept_synonym_name:o language_concept_id:i'),
  concept_ancestor: columns('ancestor_concept_id:i descendant_concept_id:i min_levels_of_separation:i max_levels_of_separation:i'),
  drug_strength: columns(
    `drug_concept_id:i ingredient_concept_id:i amount_value:n amount_unit_concept_id:io numerator_value:n numerator_unit_concept_id:io ` +
      `denominator_value:n denominator_unit_concept_id:io box_size:io ${VALID}`,
  ),
};

export const ATHENA_TABLE_NAMES = Object.keys(ATHENA_TABLES).filter((name): name is AthenaTable => name in ATHENA_TABLES);
