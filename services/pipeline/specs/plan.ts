/** Making a plan: recorded messages go through the published specs and through a draft, in a thread; only the plan itself is written. */

import { audit } from '../../database/audit.ts';
import type { Database, Queryable } from '../../database/connect.ts';
import { type CurrentResource, readResources } from '../../database/resources/resources.ts';
import {
  beatPlan,
  createPlan,
  endPlan,
  keepChanges,
  type PlanChange,
  type PlanFilter,
  planById,
  pruneChanges,
  type RecordedMessage,
  recordedByIds,
  recordedMessages,
  recordedRange,
  type SpecPlan,
} from '../../database/specs/plans.ts';
import { manyWait, storedOfTypes } from '../../database/specs/store.ts';
import { problem, Refusal } from '../../errors.ts';
import { readJson } from '../../fhir/format/json.ts';
import { namedBy, storedDate } from '../apply/rows.ts';
import { type Parts, rulesFor } from '../parts.ts';
import { type DraftedSpecs, draftedSpecs } from './drafts.ts';
import { PatientGroups } from './groups.ts';
import { Pace } from './pace.ts';
import type { PlannedMessage, PlanSummary } from './plan-desk.ts';
import { type SpecThread, specThread, specTurn } from './thread.ts';

const PAGE = 100;
/** So long plans keep what they show of patients; their counts stay. */
const KEPT_DAYS = 30;
/** Their differences come to the thread that answers senders, and go to the database, in one piece. */
const GROUP_MESSAGES = 50;

export interface PlanOptions {
  readonly actor: string;
  readonly draftId: number;
  readonly filter: PlanFilter;
  /** Told how far it is. */
  readonly progress?: ((looked: number, total: number) => void) | undefined;
}

export interface StartedPlan {
  readonly plan: SpecPlan;
  /** Resolves with the plan when it has ended, whatever its end. */
  readonly done: Promise<SpecPlan>;
}

/** Begins a plan of a draft; it goes on by itself. Throws Refusal spec-draft-unknown, -ended, -empty. */
export async function startPlan(parts: Parts, dir: string, { actor, draftId, filter, progress }: PlanOptions): Promise<StartedPlan> {
  const drafted = await draftedSpecs(parts.database, dir, draftId);
  const { draft, changed, before, after } = drafted;
  if (draft.state !== 'open') throw new Refusal([problem('spec-draft-ended', { id: draftId, state: draft.state })]);
  if (changed.length === 0) throw new Refusal([problem('spec-draft-empty', { id: draftId })]);
  const range = await recordedRange(parts.database, filter);
  const begun = {
    draftId,
    draftRevision: draft.revision,
    digest: after.digest,
    baseDigest: before.digest,
    filter,
    actor,
    total: range.total,
  };
  const id = await parts.database.transaction(async (tx) => {
    await pruneChanges(tx, KEPT_DAYS);
    const number = await createPlan(tx, begun);
    await audit(tx, {
      actor,
      action: 'spec.plan',
      target: `plan/${number}`,
      detail: { draft: draftId, revision: draft.revision, digest: after.digest },
    });
    return number;
  });
  const run = new PlanRun(parts, { id, drafted, filter, range, progress });
  const done = run.made().then(() => known(parts.database, id));
  // Nobody has to wait for it: a store that is closed meanwhile must not end the process.
  done.catch(() => {});
  return { plan: await known(parts.database, id), done };
}

async function known(database: Queryable, id: number): Promise<SpecPlan> {
  const plan = await planById(database, id);
  if (plan === undefined) throw new Refusal([problem('spec-plan-unknown', { id })]);
  return plan;
}

/** Ends a plan that is being made; what it found out so far stays to be looked at. False when it had ended. */
export function cancelPlan(database: Database, actor: string, id: number): Promise<boolean> {
  return database.transaction(async (tx) => {
    await known(tx, id);
    const ended = await endPlan(tx, id, 'cancelled');
    if (ended) await audit(tx, { actor, action: 'spec.plan-cancel', target: `plan/${id}` });
    return ended;
  });
}

class Cancelled extends Error {}

interface Running {
  readonly id: number;
  readonly drafted: DraftedSpecs;
  readonly filter: PlanFilter;
  readonly range: { readonly first: number; readonly last: number; readonly total: number };
  readonly progress: PlanOptions['progress'];
}

class PlanRun {
  readonly #parts: Parts;
  readonly #of: Running;
  readonly #pace: Pace;
  readonly #groups = new PatientGroups();
  readonly #shared = new Set<string>();
  #looked = 0;
  #kept = 0;
  #beaten = 0;

  constructor(parts: Parts, of: Running) {
    this.#parts = parts;
    this.#of = of;
    this.#pace = new Pace(() => manyWait(parts.database), parts.backgroundShare);
  }

  /** Makes the plan; never rejects: what went wrong is kept with it. */
  async made(): Promise<void> {
    const { id } = this.#of;
    const thread = this.#parts.vocabularyImage === undefined ? specTurn() : specThread({ isBackground: true });
    try {
      const image = await this.#parts.vocabularyImage?.();
      const vocabulary = image ?? this.#parts.live?.current ?? this.#parts.vocabulary;
      const { before, after } = this.#of.drafted;
      const { cdmTimezone } = this.#parts;
      const { rowTypes } = await thread.ask({ kind: 'begin', before: before.texts, after: after.texts, vocabulary, cdmTimezone });
      await this.#scan(thread);
      await this.#compareGroups(thread);
      await this.#compareShared(thread);
      if (rowTypes.length > 0) await this.#compareRows(thread, rowTypes);
      const summary: PlanSummary = await thread.ask({ kind: 'summary' });
      await endPlan(this.#parts.database, id, 'done', { looked: this.#looked, summary });
    } catch (error) {
      if (error instanceof Cancelled) return;
      const problems =
        error instanceof Refusal
          ? error.problems
          : [problem('spec-plan-failed', { reason: error instanceof Error ? error.name : 'unknown fault' })];
      await endPlan(this.#parts.database, id, 'failed', { problems }).catch(() => {});
    } finally {
      await thread[Symbol.asyncDispose]();
    }
  }

  async #beat(): Promise<void> {
    this.#of.progress?.(this.#looked, this.#of.range.total);
    if (performance.now() - this.#beaten < 500) return;
    this.#beaten = performance.now();
    if (!(await beatPlan(this.#parts.database, this.#of.id, this.#looked))) throw new Cancelled();
  }

  async #keep(changes: readonly PlanChange[]): Promise<void> {
    await keepChanges(this.#parts.database, this.#of.id, this.#kept, changes);
    this.#kept += changes.length;
  }

  async *#pages(): AsyncGenerator<readonly PlannedMessage[]> {
    const { filter, range } = this.#of;
    for (let after = range.first - 1; ; ) {
      const page = await recordedMessages(this.#parts.database, filter, { after, last: range.last, limit: PAGE });
      if (page.length > 0) yield page.map((each) => this.#planned(each));
      after = page.at(-1)?.id ?? range.last;
      if (page.length < PAGE) return;
    }
  }

  #planned(message: RecordedMessage): PlannedMessage {
    return { ...message, rules: rulesFor(this.#parts, message.source) };
  }

  async #scan(thread: SpecThread): Promise<void> {
    for await (const messages of this.#pages()) {
      const page = await this.#pace.step(async () => {
        const found = await thread.ask({ kind: 'scan', messages });
        await this.#keep(found.changes);
        return found;
      });
      for (const each of page.messages) this.#groups.add(each);
      for (const reference of page.shared) this.#shared.add(reference);
      this.#looked += messages.length;
      await this.#beat();
    }
  }

  async #compareGroups(thread: SpecThread): Promise<void> {
    for (const batch of this.#groups.batches(GROUP_MESSAGES)) {
      await this.#pace.step(async () => {
        const found = new Map((await recordedByIds(this.#parts.database, batch.flat())).map((each) => [each.id, this.#planned(each)]));
        const parts = batch.map((ids) => ids.flatMap((id) => found.get(id) ?? []));
        await this.#keep(await thread.ask({ kind: 'groups', parts }));
      });
      await this.#beat();
    }
  }

  async #compareShared(thread: SpecThread): Promise<void> {
    if (this.#shared.size === 0) return;
    const references = [...this.#shared];
    for await (const messages of this.#pages()) {
      await this.#pace.step(() => thread.ask({ kind: 'share', messages, references }));
      await this.#beat();
    }
    const asOf = this.#parts.clock().toISOString().slice(0, 10);
    await this.#keep(await thread.ask({ kind: 'shared', references, asOf }));
  }

  /** Rows that another map makes: of everything stored, however it came; of a sample, of as many resources. */
  async #compareRows(thread: SpecThread, types: readonly string[]): Promise<void> {
    const { sample = Number.POSITIVE_INFINITY } = this.#of.filter;
    const { database } = this.#parts;
    for (let after = -1, seen = 0; seen < sample; ) {
      const page = await storedOfTypes(database, types, { after, limit: Math.min(PAGE, sample - seen) });
      if (page.length === 0) return;
      const resources = page.flatMap((each) => bodyOf(each) ?? []);
      const named = await readResources(database, resources.flatMap(namedBy));
      const stored = page.flatMap((each) => {
        const resource = bodyOf(each);
        if (resource === undefined) return [];
        const own = namedBy(resource).flatMap(({ type, id }) => {
          const body = named.get(`${type}/${id}`)?.body;
          return body === undefined || body === '' ? [] : [[`${type}/${id}`, body] as const];
        });
        return [{ type: each.type, id: each.id, body: each.body, asOf: storedDate(this.#parts, resource), named: Object.fromEntries(own) }];
      });
      await this.#pace.step(async () => this.#keep(await thread.ask({ kind: 'rows', stored })));
      await this.#beat();
      after = page.at(-1)?.resourceKey ?? after;
      seen += page.length;
    }
  }
}

function bodyOf({ type, id, body }: Pick<CurrentResource, 'type' | 'id' | 'body'>) {
  const read = readJson(body);
  return read.ok ? { ...read.value, resourceType: type, id } : undefined;
}
