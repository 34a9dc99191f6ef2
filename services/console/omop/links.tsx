/** Rows, fields and concepts as links. */
import type { RowConcept } from '../../database/cdm/row-concepts.ts';
import { Text } from '../parts/text.tsx';
import { Link } from '../router.tsx';
import { ConceptLink } from '../terminology/links.tsx';

const OMOP = 'https://fhir-terminology.ohdsi.org';

export const rowAddress = (table: string, id: number | string): string => `/omop/rows/${encodeURIComponent(table)}/${id}`;

/** The page of a message with one of its fields lit. */
export const fieldAddress = (message: number, path: string): string => `/messages/${message}?at=${encodeURIComponent(`field:${path}`)}`;

export const RowLink = ({ table, id }: { readonly table: string; readonly id: number }) => (
  <Link to={rowAddress(table, id)}>
    {table} {id}
  </Link>
);

/** A concept by its name, its vocabulary and its standing. */
export const Concept = ({
  concept: { concept_id, concept_name, vocabulary_id, concept_code, standard_concept },
}: {
  readonly concept: RowConcept;
}) => (
  <>
    <ConceptLink system={OMOP} code={String(concept_id)} display={concept_name} />{' '}
    <span class="note">
      <Text value={`${vocabulary_id} ${concept_code}`} most={80} />
      {standard_concept === 'S' ? '' : standard_concept === 'C' ? ', classification' : ', not standard'}
    </span>
  </>
);
