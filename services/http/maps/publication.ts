/** Checking, planning, publishing, going back, replaying: what becomes of a draft. */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { audit } from '../../database/audit.ts';
import { type PlanFilter, planById, planChanges, plans, type SpecPlan } from '../../database/specs/plans.ts';
import { replayById, replays } from '../../database/specs/replays.ts';
import { problem, Refusal } from '../../errors.ts';
import type { SpecTexts } from '../../pipeline/specs/author.ts';
import type { Desk } from '../../pipeline/specs/drafts.ts';
import { cancelPlan, startPlan } from '../../pipeline/specs/plan.ts';
import type { PlanSummary } from '../../pipeline/specs/plan-desk.ts';
import { maskedChange, maskedSummary, wordsOf } from '../../pipeline/specs/plan-mask.ts';
import { checkDraft, publishDraft, replayActive, rollback } from '../../pipeline/specs/publish.ts';
import { TextsAround } from '../../pipeline/specs/texts-around.ts';
import { isRevealed } from '../../pipeline/specs/try.ts';
import { bodyOf } from '../admin/request.ts';
import { queryOf } from '../fhir/request.ts';
import { allowed, type SpecAccess } from './access.ts';
import { numberOf } from './drafts.ts';

const REASON = z.string().trim().min(1).max(500);
const instant = z.iso.datetime({ offset: true });
const FILTER = z.strictObject({
  source: z.string().max(500).optional(),
  messageType: z.string().max(50).optional(),
  since: instant.optional(),
  until: instant.optional(),
  sample: z.int().min(1).max(100_000_000).optional(),
});
const count = z.int().min(0).default(0);
const PUBLICATION = z.strictObject({
  plan: z.int().positive(),
  reason: REASON,
  acknowledge: z.strictObject({ resourcesGone: count, rowsGone: count, moved: count, messagesParked: count }).partial().default({}),
});
const MOST_LISTED = 500;
const MOST_RUNS = 100;

/** Plans that this process makes; one at a time: they share the machine with what arrives. */
export class Plans {
  #running: { readonly id: number; readonly done: Promise<unknown> } | undefined;

  async start(desk: Desk, access: SpecAccess, actor: string, draftId: number, filter: PlanFilter) {
    const running = this.#running;
    if (running !== undefined) throw new Refusal([problem('spec-plan-busy', { id: running.id })]);
    const started = await startPlan(access.parts, desk.dir, { actor, draftId, filter });
    const own = { id: started.plan.id, done: started.done };
    this.#running = own;
    void started.done
      .catch(() => undefined)
      .finally(() => {
        if (this.#running === own) this.#running = undefined;
      });
    return started.plan;
  }
}

/** Routes of checks, plans, publication and replay. */
export function publicationRoutes(door: FastifyInstance, access: SpecAccess, desk: Desk): void {
  const running = new Plans();
  door.post('/admin/maps/drafts/:id/check', async (request) => {
    await allowed(access, request, 'read');
    return checkDraft(desk, numberOf(request, 'draft'));
  });
  door.post('/admin/maps/drafts/:id/plan', async (request, reply) => {
    const actor = await allowed(access, request, 'plan');
    const plan = await running.start(desk, access, actor, numberOf(request, 'draft'), bodyOf(request, FILTER));
    return reply.status(202).header('location', `/admin/maps/plans/${plan.id}`).send(plan);
  });
  planRoutes(door, access, desk);
  door.post('/admin/maps/drafts/:id/publish', async (request, reply) => {
    const actor = await allowed(access, request, 'publish');
    const { plan, reason, acknowledge } = bodyOf(request, PUBLICATION);
    const draftId = numberOf(request, 'draft');
    const published = await publishDraft(desk, { actor, draftId, planId: plan, acknowledged: acknowledge, reason });
    return reply.status(201).header('location', `/admin/maps/releases/${published.releaseId}`).send(published);
  });
  door.post('/admin/maps/rollback', async (request) => {
    const actor = await allowed(access, request, 'publish');
    const { release, reason } = bodyOf(request, z.strictObject({ release: z.int().positive(), reason: REASON }));
    return rollback(desk, { actor, to: release, reason });
  });
  door.post('/admin/maps/replays', async (request, reply) => {
    const actor = await allowed(access, request, 'replay');
    const { reason } = bodyOf(request, z.strictObject({ reason: REASON }));
    return reply.status(202).send(await replayActive(desk, { actor, reason }));
  });
  door.get('/admin/maps/replays', async (request) => {
    await allowed(access, request, 'read');
    const found = await replays(desk.database, MOST_RUNS + 1);
    return { replays: found.slice(0, MOST_RUNS), isCut: found.length > MOST_RUNS };
  });
  door.get('/admin/maps/replays/:id', async (request) => {
    await allowed(access, request, 'read');
    const id = numberOf(request, 'replay');
    const replay = await replayById(desk.database, id);
    if (replay === undefined) throw new Refusal([problem('spec-replay-unknown', { id })]);
    return replay;
  });
}

function planRoutes(door: FastifyInstance, access: SpecAccess, desk: Desk): void {
  const { database } = desk;
  const around = new TextsAround(desk);
  let said: { readonly texts: SpecTexts; readonly words: ReadonlySet<string> } | undefined;
  const wordsNow = async (): Promise<ReadonlySet<string>> => {
    const texts = await around.of(undefined);
    if (said?.texts !== texts) said = { texts, words: wordsOf(texts) };
    return said.words;
  };
  const shown = async (plan: SpecPlan): Promise<SpecPlan> =>
    plan.summary === null ? plan : { ...plan, summary: maskedSummary(plan.summary as PlanSummary, await wordsNow()) };
  const planned = async (request: FastifyRequest) => {
    const id = numberOf(request, 'plan');
    const plan = await planById(database, id);
    if (plan === undefined) throw new Refusal([problem('spec-plan-unknown', { id })]);
    return plan;
  };
  door.get('/admin/maps/plans', async (request) => {
    await allowed(access, request, 'read');
    const { draft } = Object.fromEntries(queryOf(request));
    const draftId = draft !== undefined && /^\d{1,15}$/.test(draft) ? Number(draft) : undefined;
    const found = await plans(database, { draftId, limit: MOST_RUNS + 1 });
    return { plans: await Promise.all(found.slice(0, MOST_RUNS).map(shown)), isCut: found.length > MOST_RUNS };
  });
  door.get('/admin/maps/plans/:id', async (request) => {
    const actor = await allowed(access, request, 'read');
    const plan = await planned(request);
    return (await isRevealed(access.parts, actor, `plan/${plan.id}`)) ? plan : shown(plan);
  });
  door.post('/admin/maps/plans/:id/cancel', async (request) => {
    const actor = await allowed(access, request, 'plan');
    const { id } = await planned(request);
    await cancelPlan(database, actor, id);
    return shown(await planned(request));
  });
  door.post('/admin/maps/plans/:id/reveal', async (request, reply) => {
    const actor = await allowed(access, request, 'read');
    const { reason } = bodyOf(request, z.strictObject({ reason: REASON }));
    const { id } = await planned(request);
    await database.transaction((tx) => audit(tx, { actor, action: 'spec.reveal', target: `plan/${id}`, reason }));
    return reply.status(204).send();
  });
  door.get('/admin/maps/plans/:id/changes', async (request) => {
    const actor = await allowed(access, request, 'read');
    const { id } = await planned(request);
    const isWhole = await isRevealed(access.parts, actor, `plan/${id}`);
    const { what, change, kind, limit = '100', page, whole } = Object.fromEntries(queryOf(request));
    const [, grade, seq] = /^(\d)\.(\d{1,15})$/.exec(page ?? '') ?? [];
    const most = Math.min(MOST_LISTED, /^[1-9]\d{0,5}$/.test(limit) ? Number(limit) : 100);
    const after = grade === undefined ? undefined : ([Number(grade), Number(seq)] as const);
    const changes = await planChanges(database, id, { what, change, kind, after, limit: most, whole: whole === 'true' });
    const last = changes.length < most ? undefined : changes.at(-1);
    const words = isWhole ? new Set<string>() : await wordsNow();
    return {
      isMasked: !isWhole,
      changes: isWhole ? changes : changes.map((each) => maskedChange(each, words)),
      next: last === undefined ? null : `${last.grade}.${last.seq}`,
    };
  });
}
