/** Concepts as links, and what stands beside their names in lists. */
import type { FoundConcept } from '../../pipeline/vocabulary/browse.ts';
import { Text } from '../parts/text.tsx';
import { Link } from '../router.tsx';

export interface Coded {
  readonly system: string;
  readonly code: string;
}

export const conceptAddress = ({ system, code }: Coded): string => `/terminology/concept?${new URLSearchParams({ system, code })}`;

/** The end of a code system's address, by which people know it. */
export const shortSystem = (system: string): string =>
  /^http:\/\/snomed\.info\/sct/.test(system) ? 'SNOMED CT' : (system.replace(/\/+$/, '').split(/[/:]/).at(-1) ?? system);

/** The name of a concept, as the way to its page. */
export function ConceptLink({ system, code, display }: Coded & { readonly display: string }) {
  return (
    <Link to={conceptAddress({ system, code })}>
      <Text value={display === '' ? code : display} most={300} />
    </Link>
  );
}

/** What OMOP has a concept as: its id, domain, and whether it is standard. */
export function OmopMark({ omop }: Pick<FoundConcept, 'omop'>) {
  if (omop === undefined) return <span class="none">–</span>;
  const standing = { S: 'standard', C: 'classification', '': 'not standard' }[omop.standard_concept];
  return (
    <span>
      <code>{omop.concept_id}</code> {omop.vocabulary_id} <code>{omop.concept_code}</code>, {omop.domain_id}, {standing}
      {omop.invalid_reason === '' ? '' : `, ${omop.invalid_reason === 'D' ? 'deleted' : 'replaced'}`}
    </span>
  );
}
