/** Publishing a draft, and going back: a release is stored whole, and one pointer moves. */
import { audit } from '../../database/audit.ts';
import type { Transaction } from '../../database/connect.ts';
import { draftHistory, endDraft, lockDraft } from '../../database/specs/drafts.ts';
import { planById } from '../../database/specs/plans.ts';
import {
  activateRelease,
  activeReleaseId,
  changedVersions,
  holdSpecsAlone,
  keepRelease,
  keepTexts,
  releaseById,
  type SpecRelease,
} from '../../database/specs/releases.ts';
import { createReplay } from '../../database/specs/replays.ts';
import { problem, Refusal } from '../../errors.ts';
import type { CheckReport } from '../../mapping/check.ts';
import type { SpecCoverage } from '../../mapping/coverage.ts';
import { specFilesOf, versionsOf } from '../../mapping/texts.ts';
import { isOnePerson, WENT_BACK_ALONE } from '../person.ts';
import { type Desk, type DraftedSpecs, draftedSpecs } from './drafts.ts';
import { folderSpecs, type SpecSet } from './live.ts';
import type { PlanSummary, Removals } from './plan-desk.ts';
import { specThread } from './thread.ts';
import type { Answers } from './work.ts';

const MOST_KEPT = 20;

/** Returns what `find` found, kept by the digest of the specs: the same set is not looked at twice, and one after the other: each holds all maps compiled. */
function oncePerSet<T>(find: (desk: Pick<Desk, 'dir'>, set: SpecSet) => Promise<T>): typeof find {
  const known = new Map<string, Promise<T>>();
  let line: Promise<unknown> = Promise.resolve();
  return (desk, set) => {
    const before = known.get(set.digest);
    if (before !== undefined) return before;
    const found = line.then(() => find(desk, set));
    line = found.catch(() => undefined);
    known.set(set.digest, found);
    if (known.size > MOST_KEPT) known.delete(known.keys().next().value ?? '');
    found.catch(() => known.delete(set.digest));
    return found;
  };
}

/** Returns what the checker says of a set of specs and what their cases came to. */
export const checkedSpecs = oncePerSet(async ({ dir }, { texts }): Promise<Answers['check']> => {
  await using thread = specThread();
  return await thread.ask({ kind: 'check', texts, dir });
});

export interface SpecsCovered {
  /** null: the folder of maps. */
  readonly release: number | null;
  readonly files: readonly SpecCoverage[];
}

/** Returns what the cases of a set of specs try of it. Nobody waits for it: it gives way to what arrives. */
export const coveredSpecs = oncePerSet(async ({ dir }, { texts }): Promise<Answers['coverage']> => {
  await using thread = specThread({ isBackground: true });
  return await thread.ask({ kind: 'coverage', texts, dir });
});

/** Returns what the checker says of a draft: of the files that it changes, and of everything that uses or extends them. */
export async function checkDraft(desk: Desk, id: number): Promise<CheckReport & { readonly revision: number; readonly digest: string }> {
  const { draft, after } = await draftedSpecs(desk.database, desk.dir, id);
  const { specs: _specs, ...report } = await checkedSpecs(desk, after);
  const moved = await changedVersions(desk.database, versionsOf(specFilesOf(after.texts)));
  const versions = versionsOf(specFilesOf(after.texts));
  const republished = moved.map(({ id: map, version }) => ({
    code: 'published-changed' as const,
    file: versions.find((each) => each.id === map)?.file ?? '',
    line: 1,
    column: 1,
    severity: 'error' as const,
    text: problem('spec-version-published', { name: `${map}@${version}` }).text,
    cure: 'Raise the version of the map.',
  }));
  const diagnostics = [...report.diagnostics, ...republished];
  return { ...report, ok: report.ok && republished.length === 0, diagnostics, revision: draft.revision, digest: after.digest };
}

export interface Publication {
  readonly actor: string;
  readonly draftId: number;
  readonly planId: number;
  /** What the plan says goes away: whoever publishes has seen it. */
  readonly acknowledged: { readonly [name in keyof Removals]?: number | undefined };
  readonly reason: string;
}

export interface Published {
  readonly releaseId: number;
  readonly replayId: number;
}

/**
 * Publishes what a plan showed. Throws Refusal when a case fails, when the plan is older than the draft or than what is published, when what it
 * removes was not acknowledged, when a published version would say something else.
 */
export async function publishDraft(desk: Desk, publication: Publication): Promise<Published> {
  const drafted = await draftedSpecs(desk.database, desk.dir, publication.draftId);
  await refuseUnfit(desk, drafted, publication);
  const report = await checkedSpecs(desk, drafted.after);
  if (!report.ok || report.cases.failed > 0) {
    const errors = report.diagnostics.filter(({ severity }) => severity === 'error').length;
    throw new Refusal([problem('spec-check-fails', { errors, failed: report.cases.failed })]);
  }
  return desk.database.transaction(async (tx) => {
    await holdSpecsAlone(tx);
    const draft = await lockDraft(tx, publication.draftId);
    if (draft?.revision !== drafted.draft.revision || draft.state !== 'open')
      throw new Refusal([problem('spec-plan-old', { what: 'the draft' })]);
    if ((await activeReleaseId(tx)) !== drafted.before.releaseId)
      throw new Refusal([problem('spec-plan-old', { what: 'the active specs' })]);
    return published(tx, drafted, report.specs, publication);
  });
}

async function refuseUnfit(desk: Desk, drafted: DraftedSpecs, { actor, draftId, planId, acknowledged }: Publication): Promise<void> {
  const { draft, changed, outdated, before, after } = drafted;
  if (desk.needsSecondPerson) await refuseAuthor(desk, draftId, actor);
  if (draft.state !== 'open') throw new Refusal([problem('spec-draft-ended', { id: draftId, state: draft.state })]);
  if (changed.length === 0) throw new Refusal([problem('spec-draft-empty', { id: draftId })]);
  if (outdated.length > 0) throw new Refusal(outdated.map((path) => problem('spec-draft-outdated', { path })));
  const plan = await planById(desk.database, planId);
  if (plan === undefined) throw new Refusal([problem('spec-plan-unknown', { id: planId })]);
  if (plan.draftId !== draftId || plan.state !== 'done') throw new Refusal([problem('spec-plan-missing')]);
  if (plan.digest !== after.digest) throw new Refusal([problem('spec-plan-old', { what: 'the draft' })]);
  if (plan.baseDigest !== before.digest) throw new Refusal([problem('spec-plan-old', { what: 'the active specs' })]);
  const { removals } = plan.summary as PlanSummary;
  const missing = (Object.keys(removals) as (keyof Removals)[]).filter((name) => removals[name] !== (acknowledged[name] ?? 0));
  if (missing.length > 0)
    throw new Refusal([problem('spec-removals', { counts: missing.map((name) => `${name}: ${removals[name]}`).join(', ') })]);
}

/** Whoever wrote any revision of any file of the draft is one of its authors, also where somebody else wrote it over. */
async function refuseAuthor({ database }: Desk, draftId: number, actor: string): Promise<void> {
  const authors = (await draftHistory(database, draftId)).map(({ author }) => author);
  if (authors.some((author) => isOnePerson(author, actor))) throw new Refusal([problem('spec-same-person')]);
}

async function published(
  tx: Transaction,
  { draft, before, after, changed }: DraftedSpecs,
  specs: SpecRelease['specs'],
  { actor, reason, planId }: Publication,
): Promise<Published> {
  await keepTexts(tx, [...before.texts.values(), ...after.texts.values()]);
  const versions = versionsOf(specFilesOf(after.texts));
  const baseId =
    before.releaseId ??
    (await keepRelease(tx, {
      actor: 'folder',
      reason: 'the folder of maps as it was before the first publication',
      files: before.hashes,
      specs: [],
      versions: versionsOf(specFilesOf(before.texts)),
      baseId: undefined,
    }));
  const releaseId = await keepRelease(tx, { actor, reason, files: after.hashes, specs, versions, baseId, draftId: draft.id, planId });
  await activateRelease(tx, releaseId);
  await endDraft(tx, draft.id, 'published', releaseId);
  const replayId = await createReplay(tx, { from: baseId, to: releaseId, why: `release ${releaseId}`, actor });
  await audit(tx, {
    actor,
    action: 'spec.publish',
    target: `release/${releaseId}`,
    reason,
    detail: { draft: draft.id, plan: planId, base: baseId, digest: after.digest, files: changed.map(({ path }) => path), replay: replayId },
  });
  return { releaseId, replayId };
}

/**
 * Makes an earlier release the active one again and has replayed what that touches. One person does it, also where a publication takes two: what
 * harms is ended at once, and what comes back was published before; the audit entry says so. Throws Refusal spec-release-unknown, -active,
 * spec-nothing-published.
 */
export function rollback(
  desk: Desk,
  { actor, to, reason }: { readonly actor: string; readonly to: number; readonly reason: string },
): Promise<Published> {
  return desk.database.transaction(async (tx) => {
    await holdSpecsAlone(tx);
    const from = await activeReleaseId(tx);
    if (from === undefined) throw new Refusal([problem('spec-nothing-published')]);
    if ((await releaseById(tx, to)) === undefined) throw new Refusal([problem('spec-release-unknown', { id: to })]);
    if (from === to) throw new Refusal([problem('spec-release-active', { id: to })]);
    await activateRelease(tx, to);
    const replayId = await createReplay(tx, { from, to, why: `back to release ${to}`, actor });
    const detail = { from, replay: replayId, ...(desk.needsSecondPerson ? WENT_BACK_ALONE : {}) };
    await audit(tx, { actor, action: 'spec.rollback', target: `release/${to}`, reason, detail });
    return { releaseId: to, replayId };
  });
}

/** Has everything that the active specs make something else of replayed. Throws Refusal spec-nothing-published. */
export function replayActive(desk: Desk, { actor, reason }: { readonly actor: string; readonly reason: string }): Promise<Published> {
  return desk.database.transaction(async (tx) => {
    await holdSpecsAlone(tx);
    const releaseId = await activeReleaseId(tx);
    if (releaseId === undefined) throw new Refusal([problem('spec-nothing-published')]);
    const replayId = await createReplay(tx, { from: undefined, to: releaseId, why: 'asked for', actor });
    await audit(tx, { actor, action: 'spec.replay', target: `release/${releaseId}`, reason, detail: { replay: replayId } });
    return { releaseId, replayId };
  });
}

export interface Drift {
  readonly path: string;
  /** only-folder, only-published, differs. */
  readonly how: 'only-folder' | 'only-published' | 'differs';
}

/** Returns how the folder of maps differs from what is published; nothing before the first publication. */
export async function driftOf(desk: Desk, active: SpecSet): Promise<readonly Drift[]> {
  if (active.releaseId === undefined) return [];
  const folder = folderSpecs(desk.dir);
  return [...new Set([...folder.hashes.keys(), ...active.hashes.keys()])].toSorted().flatMap((path): readonly Drift[] => {
    const [mine, theirs] = [folder.hashes.get(path), active.hashes.get(path)];
    if (mine === theirs) return [];
    return [{ path, how: theirs === undefined ? 'only-folder' : mine === undefined ? 'only-published' : 'differs' }];
  });
}
