/** What the console's terminology browser asks for. */
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import {
  type ConceptLine,
  type ConceptPage,
  conceptMatches,
  conceptPage,
  type LoadedSystem,
  loadedSystems,
} from '../../terminology/browse.ts';
import type { Library } from '../../terminology/fhir/library.ts';
import type { TerminologyFault } from '../../terminology/provider.ts';
import { OMOP_SYSTEM } from '../../terminology/systems.ts';
import type { Concept } from '../../terminology/vocabulary.ts';
import { type ConceptRelation, type ConceptUse, conceptsInUse, relationsOf, usesOf } from '../database/concept-use.ts';
import { problem, Refusal } from '../errors.ts';
import type { Parts } from '../pipeline.ts';
import { bodyOf } from './admin-request.ts';

const MOST_LINES = 200;
const SEARCH = z.strictObject({
  text: z.string().trim().min(1).max(200),
  system: z.string().max(500).optional(),
  /** Only what stands in rows of the CDM. */
  isUsed: z.boolean().default(false),
  domain: z.string().max(50).optional(),
  isStandard: z.boolean().default(false),
  limit: z.int().min(1).max(MOST_LINES).default(20),
});
const CONCEPT = z.strictObject({
  system: z.string().max(500),
  code: z.string().min(1).max(500),
  from: z.int().min(0).default(0),
});

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

/** GET /admin/terminology/systems; POST …/search: as one types; POST …/concept: one concept, its children page by page. */
export function adminTerminologyRoutes(door: FastifyInstance, parts: Parts, library: () => Promise<Library>): void {
  door.get('/admin/terminology/systems', async (): Promise<SystemsAnswer> => {
    const faults = parts.terminologies?.().faults ?? [];
    return { release: parts.vocabulary.release, systems: loadedSystems(await library()), faults };
  });
  door.post('/admin/terminology/search', async (request) => searched(parts, await library(), bodyOf(request, SEARCH)));
  door.post('/admin/terminology/concept', async (request): Promise<ConceptAnswer> => {
    const { system, code, from } = bodyOf(request, CONCEPT);
    const known = await library();
    const found = parts.vocabulary.resolve(system, code).source;
    // SNOMED CT and LOINC whose releases are not loaded still have their concepts in OMOP.
    const page =
      conceptPage(known, system, code, from) ??
      (found === undefined ? undefined : conceptPage(known, OMOP_SYSTEM, String(found.concept_id), from));
    if (page === undefined) throw new Refusal([problem('concept-not-found', { code: code.slice(0, 64), system: system.slice(0, 200) })]);
    const omop = omopOf(parts, page);
    if (omop === undefined) return { ...page, omop, relations: [], uses: [], sourceUses: [] };
    const [relations, uses] = await Promise.all([relationsOf(parts.database, omop.concept_id), usesOf(parts.database, omop.concept_id)]);
    return { ...page, omop, relations, uses: uses.standard, sourceUses: uses.source };
  });
}

const omopOf = ({ vocabulary }: Parts, { system, code }: ConceptLine): Concept | undefined =>
  system === OMOP_SYSTEM ? vocabulary.concept(Number(code)) : vocabulary.resolve(system, code).source;

async function searched(parts: Parts, library: Library, asked: z.output<typeof SEARCH>): Promise<SearchAnswer> {
  const isFiltered = asked.isUsed || asked.isStandard || asked.domain !== undefined;
  const found = conceptMatches(library, { ...asked, system: asked.system, most: isFiltered ? LOOKED_AT : asked.limit });
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
