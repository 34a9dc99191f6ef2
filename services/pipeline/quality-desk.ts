/** Quality checks as the console runs and reads them. */
import { audit } from '../database/audit.ts';
import { deriveStale } from '../database/derived/derived.ts';
import { earlierRun } from '../database/ohdsi/quality-changed.ts';
import { keepRun, type OutcomeChange, outcomeChanges, type QualityRun, runs } from '../database/ohdsi/quality-history.ts';
import { countChecks } from '../database/ohdsi/quality-run.ts';
import {
  beginQualityJob,
  type CheckPoint,
  checkHistory,
  endQualityJob,
  failuresOf,
  lastQualityJob,
  outcomesByTable,
  type QualityFailure,
  type QualityJob,
  qualityJobSeen,
  SIGN_OF_LIFE_MS,
  type TableOutcome,
  type Violations,
  violatingRows,
} from '../database/ohdsi/quality-view.ts';
import { problem, Refusal } from '../errors.ts';
import { maskedShare, smallestCellOf } from '../omop/privacy.ts';
import { allChecks, type Check, judge } from '../omop/quality.ts';
import { dateOf } from './apply/rows.ts';
import type { Parts } from './parts.ts';

const MOST_RUNS = 50;

type DeskParts = Pick<Parts, 'database' | 'choices'>;

export interface QualityPage {
  /** The newest first. */
  readonly runs: readonly QualityRun[];
  readonly job: QualityJob | undefined;
  /** Of the run that is shown: of the newest, or the one asked for; undefined before there is one. */
  readonly shown:
    | {
        readonly runId: number;
        readonly failures: readonly QualityFailure[];
        readonly total: number;
        readonly tables: readonly TableOutcome[];
        /** What the run before said otherwise. */
        readonly changes: readonly OutcomeChange[];
      }
    | undefined;
}

/** Returns the runs, and the failures of one of them; small counts as the privacy profile has them told. */
export async function qualityPage({ database, choices }: DeskParts, asked: number | undefined): Promise<QualityPage> {
  const smallest = smallestCellOf(choices);
  const [all, job] = await Promise.all([runs(database, MOST_RUNS), lastQualityJob(database)]);
  const runId = asked ?? all[0]?.runId;
  if (runId === undefined) return { runs: all, job, shown: undefined };
  const [found, tables, changes] = await Promise.all([
    failuresOf(database, runId),
    outcomesByTable(database, runId),
    outcomeChanges(database, runId, smallest),
  ]);
  const failures = found.failures.map((each) => ({ ...each, ...maskedShare(each, smallest) }));
  return { runs: all, job, shown: { runId, ...found, failures, tables, changes } };
}

export interface CheckPage {
  readonly checkId: string;
  readonly name: string;
  /** What the check asks, by its type. */
  readonly description: string;
  readonly table: string;
  readonly field: string;
  readonly severity: string;
  readonly history: readonly CheckPoint[];
  readonly violations: Violations;
}

/** Returns one check over time, and rows that violate it now. Throws Refusal quality-unknown. */
export async function checkPage({ database, choices }: DeskParts, checkId: string): Promise<CheckPage> {
  const smallest = smallestCellOf(choices);
  const check = allChecks().find(({ id }) => id === checkId);
  if (check === undefined) throw new Refusal([problem('quality-unknown', { name: checkId.slice(0, 80) })]);
  const [points, found] = await Promise.all([checkHistory(database, checkId), violatingRows(database, check)]);
  const history = points.map((each) => ({ ...each, ...maskedShare(each, smallest) }));
  const isFew = found.ids.length > 0 && found.ids.length < smallest;
  const violations = isFew ? { ids: [], why: `fewer than ${smallest} violate it, and the privacy profile tells no such count` } : found;
  const { name, table, field, type } = check;
  return { checkId, name, description: told(check), table, field, severity: type.severity, history, violations };
}

/** The description of the check's type, with its own table, column and concept in place of the names of parameters. */
const told = ({ type, table, field, conceptId, conceptName }: Check): string =>
  type.description
    .replaceAll('@cdmTableName', table)
    .replaceAll('@cdmFieldName', field)
    .replaceAll('@conceptId', conceptId)
    .replaceAll('@conceptName', conceptName)
    .replace(/@[A-Za-z]+/g, 'what the check names');

/**
 * Begins a run of all checks and returns its number; it goes on by itself and says how far it is. Throws Refusal quality-running.
 * `software`: what the results say made them.
 */
export async function startQuality(parts: Parts, actor: string, software: string): Promise<number> {
  const { database } = parts;
  const checks = allChecks();
  const id = await beginQualityJob(database, actor, new Set(checks.map(({ table }) => table)).size);
  await database.transaction((tx) => audit(tx, { actor, action: 'quality.start', target: `quality/${id}` }));
  void runQuality(parts, id, checks, software);
  return id;
}

async function runQuality(parts: Parts, id: number, checks: ReturnType<typeof allChecks>, software: string): Promise<void> {
  const { database } = parts;
  let done = 0;
  const say = (): void => void qualityJobSeen(database, id, done).catch(() => {});
  const alive = setInterval(say, SIGN_OF_LIFE_MS).unref();
  try {
    const startedAt = parts.clock().toISOString();
    await deriveStale(database, { pullDate: dateOf(parts, parts.clock()) });
    const progress = (so: number): void => {
      done = so;
      say();
    };
    const { counts, seconds, seen, recounted } = await countChecks(database, checks, progress, await earlierRun(database, software));
    const runId = await keepRun(database, judge(checks, counts), { startedAt, seconds, software, seen, recounted });
    await endQualityJob(database, id, { runId });
  } catch (error) {
    const text = error instanceof Refusal ? (error.problems[0]?.text ?? '') : 'something failed that should not have';
    await endQualityJob(database, id, { problem: text }).catch(() => {});
  } finally {
    clearInterval(alive);
  }
}
