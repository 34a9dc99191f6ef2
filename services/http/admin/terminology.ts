/** What the console's terminology browser asks for. */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { Library } from '../../../terminology/fhir/library.ts';
import {
  type ConceptAnswer,
  conceptAnswer,
  type SearchAnswer,
  type SystemsAnswer,
  searchAnswer,
  systemsAnswer,
} from '../../pipeline/vocabulary/browse.ts';
import { type ConceptList, conceptList, conceptListCsv, MOST_LISTED, namesIn } from '../../pipeline/vocabulary/concept-list.ts';
import type { Parts } from '../../pipeline.ts';
import { bodyOf } from './request.ts';

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

const LIST = z.strictObject({
  text: z
    .string()
    .max(1_500_000)
    .transform(namesIn)
    .refine((names) => names.length > 0 && names.length <= MOST_LISTED, `1 to ${MOST_LISTED} ids or codes`),
  system: z.string().max(500).optional(),
});

/**
 * GET /admin/terminology/systems; POST …/search: as one types; POST …/concept: one concept, its children page by page; POST …/list, …/list.csv: what a
 * pasted list of concept ids or codes names.
 */
export function adminTerminologyRoutes(door: FastifyInstance, parts: Parts, library: () => Promise<Library>): void {
  door.get('/admin/terminology/systems', async (): Promise<SystemsAnswer> => systemsAnswer(parts, await library()));
  door.post('/admin/terminology/search', async (request): Promise<SearchAnswer> => {
    const asked = bodyOf(request, SEARCH);
    return searchAnswer(parts, await library(), { ...asked, system: asked.system, domain: asked.domain });
  });
  door.post('/admin/terminology/concept', async (request): Promise<ConceptAnswer> => {
    const asked = bodyOf(request, CONCEPT);
    return conceptAnswer(parts, await library(), asked);
  });
  const listed = (request: FastifyRequest): ConceptList => {
    const { text, system } = bodyOf(request, LIST);
    return conceptList(parts, text, system);
  };
  door.post('/admin/terminology/list', async (request): Promise<ConceptList> => listed(request));
  door.post('/admin/terminology/list.csv', async (request, reply) =>
    reply.type('text/csv; charset=utf-8; header=present').send(conceptListCsv(listed(request))),
  );
}
