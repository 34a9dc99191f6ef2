/** What the console's page of unmapped codes asks for, and what it does. Codes of free text are patients' data: they stand in bodies, never in addresses. */
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { MAPPING_TYPES, type NewAnswer, remakesLeft } from '../../database/vocabulary/answers.ts';
import { unmappedSystems } from '../../database/vocabulary/unmapped-list.ts';
import { problem, Refusal } from '../../errors.ts';
import { answerCodes, approve, previewAnswers, previewUndo, reject, undo } from '../../pipeline/unmapped/answer.ts';
import { answersPage } from '../../pipeline/unmapped/history.ts';
import { unmappedItem, unmappedItems } from '../../pipeline/unmapped/list.ts';
import type { Parts } from '../../pipeline.ts';
import { actorOf, bodyOf } from './request.ts';
import { adminUsagiRoutes } from './usagi.ts';

const MOST_LISTED = 200;
const MOST_SUGGESTED = 20;
const MOST_ANSWERED = 1_000;

const CODE = { system: z.string().max(500), code: z.string().min(1).max(2_000) };
const LIST = z.strictObject({
  system: z.string().max(500).optional(),
  text: z.string().min(1).max(200).optional(),
  kind: z.enum(['concept', 'table']).optional(),
  suggest: z.int().min(0).max(MOST_SUGGESTED).default(0),
  limit: z.int().min(1).max(MOST_LISTED).default(50),
  /** The last code of the page before, as that page has it. */
  after: z.strictObject({ ...CODE, count: z.int().positive() }).optional(),
});
const ITEM = z.strictObject({ ...CODE, suggest: z.int().min(0).max(MOST_SUGGESTED).default(10) });
const ANSWER = z.strictObject({
  ...CODE,
  display: z.string().max(2_000).optional(),
  targets: z.array(z.strictObject({ conceptId: z.int().positive(), type: z.enum(MAPPING_TYPES).default('MAPS_TO') })).max(50),
  equivalence: z.enum(['EQUAL', 'EQUIVALENT', 'WIDER', 'NARROWER', 'INEXACT', 'UNMATCHED', 'UNREVIEWED']).default('EQUIVALENT'),
  reason: z.string().trim().max(2_000).optional(),
});
const ANSWERS = z.strictObject({
  answers: z.array(ANSWER).min(1).max(MOST_ANSWERED),
  /** True: they are proposed, and in force when somebody else approves. */
  needsSecondPerson: z.boolean().default(false),
});
const UNDO = z.strictObject({ ...CODE, reason: z.string().trim().min(1).max(2_000) });
const HISTORY = z.strictObject({
  state: z.enum(['proposed', 'in-force', 'replaced', 'withdrawn', 'rejected']).optional(),
  system: CODE.system.optional(),
  code: CODE.code.optional(),
  before: z.int().positive().optional(),
  limit: z.int().min(1).max(MOST_LISTED).default(50),
});

/**
 * POST /admin/unmapped/list: a page of the ranked list; …/item: one code of it with candidates; GET …/systems: whose they are; …/rules: whether every answer needs a second person. …/preview, …/undo/preview: what it would change. …/answer, …/undo: do it; the rows
 * are made again by the worker, GET /admin/unmapped/progress says how many are left. …/answers: the history. …/answers/ID/approve, /reject.
 */
export function adminUnmappedRoutes(door: FastifyInstance, parts: Parts): void {
  const { database } = parts;
  door.post('/admin/unmapped/list', async (request) => {
    const { suggest, ...filter } = bodyOf(request, LIST);
    const items = await unmappedItems(parts, filter, suggest);
    const last = items.length < filter.limit ? undefined : items.at(-1);
    return { items, next: last && { system: last.system, code: last.code, count: last.count } };
  });
  door.get('/admin/unmapped/systems', async () => unmappedSystems(database));
  door.post('/admin/unmapped/item', async (request) => {
    const { suggest, ...code } = bodyOf(request, ITEM);
    const item = await unmappedItem(parts, code, suggest);
    if (item === undefined) throw new Refusal([problem('unmapped-code-gone')]);
    return item;
  });
  door.post('/admin/unmapped/preview', async (request) => {
    const asked = bodyOf(request, ANSWERS);
    return previewAnswers(parts, given(asked, await actorOf(request, database)));
  });
  door.post('/admin/unmapped/answer', async (request) => {
    const asked = bodyOf(request, ANSWERS);
    return answerCodes(parts, given(asked, await actorOf(request, database)), asked.needsSecondPerson);
  });
  door.post('/admin/unmapped/undo/preview', async (request) => previewUndo(parts, bodyOf(request, z.strictObject(CODE))));
  door.post('/admin/unmapped/undo', async (request) => {
    const { reason, ...code } = bodyOf(request, UNDO);
    return undo(parts, code, await actorOf(request, database), reason);
  });
  door.post('/admin/unmapped/answers', async (request) => answersPage(parts, bodyOf(request, HISTORY)));
  door.post<{ Params: { id: string } }>('/admin/unmapped/answers/:id/approve', async (request) =>
    approve(parts, numbered(request.params.id), await actorOf(request, database)),
  );
  door.post<{ Params: { id: string } }>('/admin/unmapped/answers/:id/reject', async (request) => {
    const { reason } = bodyOf(request, z.strictObject({ reason: z.string().trim().max(2_000).optional() }));
    await reject(parts, numbered(request.params.id), await actorOf(request, database), reason);
    return {};
  });
  door.get('/admin/unmapped/rules', async () => ({ needsSecondPerson: parts.fourEyes?.codes ?? false }));
  door.get('/admin/unmapped/progress', async () => ({ left: await remakesLeft(database) }));
  adminUsagiRoutes(door, parts);
}

const given = ({ answers: all }: z.infer<typeof ANSWERS>, author: string): readonly NewAnswer[] =>
  all.map(({ display, reason, ...each }) => ({ ...each, display, reason, author }));

function numbered(id: string): number {
  if (!/^\d{1,15}$/.test(id)) throw new Refusal([problem('answer-not-found', { id: '' })]);
  return Number(id);
}
