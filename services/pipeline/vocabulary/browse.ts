/** The loaded terminologies beside what OMOP and our own rows know of them. */
import {
  type ConceptLine,
  type ConceptPage,
  conceptMatches,
  conceptPage,
  type LoadedSystem,
  loadedSystems,
} from '../../../terminology/browse.ts';
import type { Library } from '../../../terminology/fhir/library.ts';
import type { TerminologyFault } from '../../../terminology/provider.ts';
import { OMOP_SYSTEM } from '../../../terminology/systems.ts';
import type { Concept } from '../../../terminology/vocabulary.ts';
import { type ConceptRelation, type ConceptUse, conceptsInUse, relationsOf, usesOf } from '../../database/vocabulary/concept-use.ts';
import { problem, Refusal } from '../../errors.ts';
import type { Parts } from '../parts.ts';

export interface SystemsAnswer {
  /** Of the OMOP vocabularies; '' when none is loaded. */
  readonly release: string;
  readonly systems: readonly LoadedSystem[];
  readonly faults: readonly TerminologyFault[];
}

/** A concept, and what OMOP has it as. */
export interface FoundConcept extends ConceptLine {
  readonly omop: Concept | undefined;
}

export interface SearchAnswer {
  readonly systems: readonly {
    readonly system: string;
    readonly title: string;
    readonly count: number;
    readonly lines: readonly FoundConcept[];
  }[];
  /** With filters: how many of each system were looked at, the best ones; more may fit. */
  readonly lookedAt: number | undefined;
}

export interface ConceptAnswer extends ConceptPage {
  readonly omop: Concept | undefined;
  readonly relations: readonly ConceptRelation[];
  readonly uses: readonly ConceptUse[];
  /** undefined: they are too many to be counted while somebody waits. */
  readonly sourceUses: readonly ConceptUse[] | undefined;
}

/** With filters more is looked at than is shown. */
const LOOKED_AT = 500;

/** What is searched for; with filters only what OMOP knows fits. */
export interface ConceptSearch {
  readonly text: string;
  readonly system: string | undefined;
  readonly domain: string | undefined;
  readonly isStandard: boolean;
  /** Only what stands in rows of the CDM. */
  readonly isUsed: boolean;
  /** Lines of each code system. */
  readonly limit: number;
}

/** Returns the code systems that answer, and what is loaded but does not. */
export const systemsAnswer = (parts: Parts, library: Library): SystemsAnswer => ({
  release: vocabularyOf(parts).release,
  systems: loadedSystems(library),
  faults: parts.terminologies?.().faults ?? [],
});

const vocabularyOf = ({ live, vocabulary }: Parts) => live?.current ?? vocabulary;

const omopOf = (parts: Parts, { system, code }: ConceptLine): Concept | undefined =>
  system === OMOP_SYSTEM ? vocabularyOf(parts).concept(Number(code)) : vocabularyOf(parts).resolve(system, code).source;

/** Returns the concepts that fit a text, best first in each code system. */
export async function searchAnswer(parts: Parts, library: Library, asked: ConceptSearch): Promise<SearchAnswer> {
  const isFiltered = asked.isUsed || asked.isStandard || asked.domain !== undefined;
  const found = conceptMatches(library, { ...asked, most: isFiltered ? LOOKED_AT : asked.limit });
  const systems = found.map((each) => ({ ...each, lines: each.lines.map((line) => ({ ...line, omop: omopOf(parts, line) })) }));
  if (!isFiltered) return { systems, lookedAt: undefined };
  const ids = systems.flatMap(({ lines }) => lines.flatMap(({ omop }) => omop?.concept_id ?? []));
  const used = asked.isUsed ? await conceptsInUse(parts.database, ids) : undefined;
  const fits = ({ omop }: FoundConcept): boolean =>
    omop !== undefined &&
    (!asked.isStandard || omop.standard_concept === 'S') &&
    (asked.domain === undefined || omop.domain_id === asked.domain) &&
    (used === undefined || used.has(omop.concept_id));
  const fitting = systems.map((each) => ({ ...each, lines: each.lines.filter(fits) })).filter(({ lines }) => lines.length > 0);
  return {
    systems: fitting.map(({ lines, ...each }) => ({ ...each, count: lines.length, lines: lines.slice(0, asked.limit) })),
    lookedAt: LOOKED_AT,
  };
}

/** Returns one concept with its neighbours, children from `from` on; throws Refusal(concept-not-found). */
export async function conceptAnswer(
  parts: Parts,
  library: Library,
  { system, code, from }: { readonly system: string; readonly code: string; readonly from: number },
): Promise<ConceptAnswer> {
  const known = vocabularyOf(parts).resolve(system, code).source;
  // SNOMED CT and LOINC whose releases are not loaded still have their concepts in OMOP.
  const page =
    conceptPage(library, system, code, from) ??
    (known === undefined ? undefined : conceptPage(library, OMOP_SYSTEM, String(known.concept_id), from));
  if (page === undefined) throw new Refusal([problem('concept-not-found', { code: code.slice(0, 64), system: system.slice(0, 200) })]);
  const omop = omopOf(parts, page);
  if (omop === undefined) return { ...page, omop, relations: [], uses: [], sourceUses: [] };
  const [relations, uses] = await Promise.all([relationsOf(parts.database, omop.concept_id), usesOf(parts.database, omop.concept_id)]);
  return { ...page, omop, relations, uses: uses.standard, sourceUses: uses.source };
}
