/** What the console's pages on the CDM ask for. What may tell who somebody is stands in bodies and is masked until somebody says why. */
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { type RowExplanation, recordRowReveal, rowExplanation } from '../pipeline/explain-page.ts';
import type { Parts } from '../pipeline.ts';
import { actorOf, bodyOf } from './admin-request.ts';

const REVEAL = z.strictObject({ reason: z.string().trim().min(1).max(500) });

interface RowAddress {
  readonly Params: { readonly table: string; readonly id: string };
}

/**
 * GET /admin/omop/rows/TABLE/ID/explain: where a row comes from, masked; POST …/reveal: unmasked, for a reason, recorded before it is answered.
 */
export function adminOmopRoutes(door: FastifyInstance, parts: Parts): void {
  const { database } = parts;
  door.get<RowAddress>(
    '/admin/omop/rows/:table/:id/explain',
    async ({ params }): Promise<RowExplanation> => rowExplanation(parts, params.table, params.id, false),
  );
  door.post<RowAddress>('/admin/omop/rows/:table/:id/reveal', async (request): Promise<RowExplanation> => {
    const { reason } = bodyOf(request, REVEAL);
    const { table, id } = request.params;
    const found = await rowExplanation(parts, table, id, true);
    await recordRowReveal(parts, table, id, { actor: await actorOf(request, database), reason });
    return found;
  });
}
