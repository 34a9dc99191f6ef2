/** What the doors of specs answer. */
import type { DraftFile, SpecDraft } from '../../database/specs/drafts.ts';
import type { PlanChange } from '../../database/specs/plans.ts';
import type { SpecRelease } from '../../database/specs/releases.ts';
import type { CheckReport, DescribedFile, Difference } from '../../pipeline/specs/author.ts';
import type { SpecsCovered } from '../../pipeline/specs/publish.ts';

export type { SpecDraft } from '../../database/specs/drafts.ts';
export type { PlanFilter, SpecPlan } from '../../database/specs/plans.ts';
export type { SpecReplay } from '../../database/specs/replays.ts';
export type { Completion, Diagnostic, SpecKind } from '../../pipeline/specs/author.ts';
export type { CasesRun } from '../../pipeline/specs/cases-desk.ts';
export type { DraftConflict } from '../../pipeline/specs/drafts.ts';
export type { KindCounts, PlanSummary, Removals } from '../../pipeline/specs/plan-desk.ts';
export type { PreviewRule } from '../../pipeline/specs/preview.ts';
export type { Drift as DriftedFile, Published, SpecsCovered } from '../../pipeline/specs/publish.ts';

export type FileCoverage = SpecsCovered['files'][number];

/** GET /admin/maps. */
export interface MapsNow {
  readonly release: number | null;
  readonly digest: string;
  readonly files: number;
  readonly running: number | null;
  readonly drift: number;
}

export interface ListedFile extends DescribedFile {
  readonly hash: string;
}

export interface WrittenFile extends Pick<DraftFile, 'path' | 'revision' | 'author' | 'at'> {
  readonly hash: string | null;
  readonly base: string | null;
  readonly published: string | null;
  /** null: the file is to be removed. */
  readonly text: string | null;
}

/** GET /admin/maps/drafts/ID. */
export interface WholeDraft extends SpecDraft {
  readonly digest: string;
  readonly baseRelease: number | null;
  readonly files: readonly WrittenFile[];
  /** Paths that were published anew since they were drafted. */
  readonly outdated: readonly string[];
}

export interface FileDifference {
  readonly path: string;
  readonly how: 'added' | 'gone' | 'changed';
  /** Undefined: one side cannot be read. */
  readonly meaning?: readonly Difference[];
  readonly before?: string;
  readonly after?: string;
}

export interface DraftReport extends CheckReport {
  readonly revision: number;
  readonly digest: string;
}

export type ListedChange = PlanChange & { readonly seq: number };

export interface Release extends Omit<SpecRelease, 'files' | 'specs'> {
  /** How many. */
  readonly files: number;
}

export interface WholeRelease extends Omit<Release, 'files'>, Pick<SpecRelease, 'specs'> {
  readonly files: readonly FileDifference[];
}
