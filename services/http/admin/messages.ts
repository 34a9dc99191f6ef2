/** What the console's pages on messages ask for, and what they do. Patient data stands in bodies, never in addresses. */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { pulses } from '../../database/journal/pulse.ts';
import { cureOf, parkedGroups, STATUSES } from '../../database/journal/view.ts';
import { problem, Refusal } from '../../errors.ts';
import { type Act, type Meant, recordReveal, resendEdited, retryMessages, skipMessages } from '../../pipeline/message/acts.ts';
import { findMessages } from '../../pipeline/message/find.ts';
import { forecastRetry } from '../../pipeline/message/forecast.ts';
import { messagePage } from '../../pipeline/message/page.ts';
import { rulesFor } from '../../pipeline/parts.ts';
import type { Parts } from '../../pipeline.ts';
import { rarely } from '../rarely.ts';
import { actorOf, bodyOf, recordLook } from './request.ts';

const SEARCH_BUDGET_MS = 400;
const FORECAST_BUDGET_MS = 1_500;
const MOST_LISTED = 200;
const MOST_NAMED = 10_000;

const instant = z.iso.datetime({ offset: true });
const FILTER = {
  source: z.string().max(500).optional(),
  patient: z.string().max(500).optional(),
  type: z.string().max(50).optional(),
  controlId: z.string().max(500).optional(),
  code: z.string().max(100).optional(),
  since: instant.optional(),
  until: instant.optional(),
};
const SEARCH = z.strictObject({
  ...FILTER,
  /** Stands in the message. */
  text: z.string().trim().min(2).max(200).optional(),
  status: z.enum(STATUSES).optional(),
  before: z.int().positive().optional(),
  limit: z.int().min(1).max(MOST_LISTED).default(50),
});
const GROUPS = z.strictObject(FILTER);
const REASON = z.string().trim().min(1).max(500);
const MEANT = z.union([
  z.strictObject({ reason: REASON, ids: z.array(z.int().positive()).min(1).max(MOST_NAMED) }),
  z.strictObject({ reason: REASON, filter: GROUPS }),
]);

/**
 * GET /admin/sources: per source what was received and what became of it, from counters. POST /admin/messages/search, /groups: find.
 * GET /admin/messages/ID: one, masked; POST …/reveal: unmasked, for a reason, recorded. POST …/retry, /skip, ID/resend: repair, recorded;
 * …/forecast: what would become of parked ones.
 */
export function adminMessagesRoutes(door: FastifyInstance, parts: Parts): void {
  const { database } = parts;
  const latest = rarely(() => pulses(database));
  door.get('/admin/sources', async () => ({
    at: parts.clock().toISOString(),
    sources: (await latest()).map((each) => ({ ...each, zone: rulesFor(parts, each.source).timezone })),
  }));
  door.post('/admin/messages/search', async (request) => {
    const { before, limit, ...filter } = bodyOf(request, SEARCH);
    const by = filter.patient !== undefined ? 'patient' : filter.text !== undefined ? 'text' : undefined;
    if (by !== undefined) await recordLook(request, database, { action: 'look.messages', target: 'messages', detail: { by } });
    return findMessages(parts, filter, { before, limit, budgetMs: SEARCH_BUDGET_MS });
  });
  door.post('/admin/messages/groups', async (request) => {
    const groups = await parkedGroups(database, bodyOf(request, GROUPS));
    return { groups: groups.map((each) => ({ ...each, cure: cureOf(each.code) })) };
  });
  door.get<{ Params: { id: string } }>('/admin/messages/:id', async (request) => {
    const page = await found(parts, request.params.id, false);
    await recordLook(request, database, { action: 'look.message', target: `message/${numbered(request.params.id)}` });
    return page;
  });
  door.post<{ Params: { id: string } }>('/admin/messages/:id/reveal', async (request) => {
    const { reason } = bodyOf(request, z.strictObject({ reason: REASON }));
    const id = numbered(request.params.id);
    await recordReveal(parts, id, await actOf(request, parts, reason));
    return found(parts, request.params.id, true);
  });
  door.post<{ Params: { id: string } }>('/admin/messages/:id/resend', async (request) => {
    const { reason, text } = bodyOf(request, z.strictObject({ reason: REASON, text: z.string().min(1) }));
    return { id: await resendEdited(parts, numbered(request.params.id), text, await actOf(request, parts, reason)) };
  });
  door.post('/admin/messages/forecast', async (request) => forecastRetry(parts, bodyOf(request, FORECAST), FORECAST_BUDGET_MS));
  door.post('/admin/messages/retry', async (request) => {
    const meant = bodyOf(request, MEANT);
    return { moved: await retryMessages(parts, meantOf(meant), await actOf(request, parts, meant.reason)) };
  });
  door.post('/admin/messages/skip', async (request) => {
    const meant = bodyOf(request, MEANT);
    return { moved: await skipMessages(parts, meantOf(meant), await actOf(request, parts, meant.reason)) };
  });
}

const FORECAST = z.union([z.strictObject({ ids: z.array(z.int().positive()).min(1).max(MOST_NAMED) }), z.strictObject({ filter: GROUPS })]);

const meantOf = (meant: z.infer<typeof MEANT>): Meant => ('ids' in meant ? { ids: meant.ids } : { filter: meant.filter });

const actOf = async (request: FastifyRequest, { database }: Parts, reason: string): Promise<Act> => ({
  actor: await actorOf(request, database),
  reason,
});

function numbered(id: string): number {
  if (!/^\d{1,15}$/.test(id)) throw new Refusal([problem('journal-no-message', { id: '' })]);
  return Number(id);
}

async function found(parts: Parts, id: string, isWhole: boolean) {
  const page = await messagePage(parts, numbered(id), isWhole);
  if (page === undefined) throw new Refusal([problem('journal-no-message', { id })]);
  return page;
}
