/** What was found about a resource when it was written: problems, rows left out or adjusted, codes without a concept. */
import { ERRORS, type Problem } from '../../errors.ts';
import type { ResourceRows } from '../../omop/row.ts';
import type { AppliedEntry } from '../cdm/cdm.ts';
import type { Transaction } from '../connect.ts';
import { plainArray, textArray } from '../wire.ts';

export interface Findings {
  readonly resourceKey: number;
  /** False for a new resource: nothing to replace. */
  readonly existed: boolean;
  readonly messageId: number | undefined;
  /** Undefined leaves the recorded ones (rows were made again from the same resource). */
  readonly problems: readonly Problem[] | undefined;
  readonly rows: ResourceRows;
  readonly applied: AppliedEntry;
}

/** Rule 22: events of a person that has no row are excluded with it. */
const PERSON_MISSING_RULE = 22;

/** Replaces the findings of resources. */
export async function replaceFindings(tx: Transaction, findings: readonly Findings[]): Promise<void> {
  const existed = findings.filter((each) => each.existed);
  if (existed.length > 0) await removeFindings(tx, existed);
  await insertIssues(tx, findings);
  await insertExclusions(tx, findings);
  await insertUnmapped(tx, findings);
  await insertAnswered(tx, findings);
  await insertWaiting(tx, findings);
}

async function removeFindings(tx: Transaction, existed: readonly Findings[]): Promise<void> {
  const keys = plainArray(existed.map((each) => each.resourceKey));
  const withProblems = plainArray(existed.filter((each) => each.problems !== undefined).map((each) => each.resourceKey));
  await tx.query(
    {
      name: 'findings_remove',
      text: `WITH i AS (DELETE FROM ops.issue WHERE resource_key = ANY ($2::bigint[])),
        e AS (DELETE FROM ops.exclusion WHERE resource_key = ANY ($1::bigint[])),
        u AS (DELETE FROM ops.unmapped WHERE resource_key = ANY ($1::bigint[])),
        a AS (DELETE FROM ops.answered WHERE resource_key = ANY ($1::bigint[]))
        DELETE FROM ops.waiting_reference WHERE resource_key = ANY ($1::bigint[])`,
    },
    [keys, withProblems],
  );
}

async function insertIssues(tx: Transaction, findings: readonly Findings[]): Promise<void> {
  const rows = findings.flatMap((each) => (each.problems ?? []).map((found) => ({ ...each, found })));
  if (rows.length === 0) return;
  await tx.run(
    `INSERT INTO ops.issue (resource_key, message_id, code, severity, message, place)
     SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::text[])`,
    [
      plainArray(rows.map((row) => row.resourceKey)),
      plainArray(rows.map((row) => row.messageId)),
      textArray(rows.map((row) => row.found.code)),
      textArray(rows.map((row) => ERRORS[row.found.code].severity)),
      textArray(rows.map((row) => row.found.text)),
      textArray(rows.map((row) => row.found.at)),
    ],
  );
}

async function insertExclusions(tx: Transaction, findings: readonly Findings[]): Promise<void> {
  const rows = findings.flatMap(({ resourceKey, rows: made, applied }) => [
    ...made.exclusions.map((each) => ({ resourceKey, kind: 'excluded', waitsFor: undefined, ...each })),
    ...made.adjustments.map((each) => ({ resourceKey, kind: 'adjusted', waitsFor: undefined, ...each })),
    ...applied.excluded.map((each) => ({
      resourceKey,
      kind: 'excluded',
      rule: each.rule ?? PERSON_MISSING_RULE,
      reason:
        each.rule !== undefined
          ? 'what it belongs to has no row'
          : each.waitsFor === ''
            ? 'the row names no person'
            : 'its person has no row',
      at: undefined,
      waitsFor: each.waitsFor || undefined,
    })),
  ]);
  if (rows.length === 0) return;
  await tx.run(
    `INSERT INTO ops.exclusion (resource_key, kind, rule, reason, place, waits_for)
     SELECT * FROM unnest($1::bigint[], $2::text[], $3::smallint[], $4::text[], $5::text[], $6::text[])`,
    [
      plainArray(rows.map((row) => row.resourceKey)),
      textArray(rows.map((row) => row.kind)),
      plainArray(rows.map((row) => row.rule)),
      textArray(rows.map((row) => row.reason)),
      textArray(rows.map((row) => row.at)),
      textArray(rows.map((row) => row.waitsFor)),
    ],
  );
}

async function insertUnmapped(tx: Transaction, findings: readonly Findings[]): Promise<void> {
  const rows = findings.flatMap(({ resourceKey, rows: made, applied }) => {
    const personId = applied.rows.find((row) => row.personId !== undefined)?.personId;
    return made.unmapped.map((each) => ({ resourceKey, personId, ...each }));
  });
  if (rows.length === 0) return;
  await tx.run(
    `INSERT INTO ops.unmapped (resource_key, person_id, system, code, display, why, place)
     SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[])`,
    [
      plainArray(rows.map((row) => row.resourceKey)),
      plainArray(rows.map((row) => row.personId)),
      textArray(rows.map((row) => row.system)),
      textArray(rows.map((row) => row.code)),
      textArray(rows.map((row) => row.display)),
      textArray(rows.map((row) => row.why)),
      textArray(rows.map((row) => row.at)),
    ],
  );
}

async function insertAnswered(tx: Transaction, findings: readonly Findings[]): Promise<void> {
  const rows = findings.flatMap(({ resourceKey, rows: made }) => (made.answered ?? []).map((each) => ({ resourceKey, ...each })));
  if (rows.length === 0) return;
  await tx.run(
    `INSERT INTO ops.answered (resource_key, system, code) SELECT * FROM unnest($1::bigint[], $2::text[], $3::text[]) ON CONFLICT DO NOTHING`,
    [plainArray(rows.map((row) => row.resourceKey)), textArray(rows.map((row) => row.system)), textArray(rows.map((row) => row.code))],
  );
}

async function insertWaiting(tx: Transaction, findings: readonly Findings[]): Promise<void> {
  const rows = findings.flatMap(({ resourceKey, applied }) => [...applied.waitsFor].map((target) => ({ resourceKey, target })));
  if (rows.length === 0) return;
  await tx.run('INSERT INTO ops.waiting_reference (resource_key, target) SELECT * FROM unnest($1::bigint[], $2::text[])', [
    plainArray(rows.map((row) => row.resourceKey)),
    textArray(rows.map((row) => row.target)),
  ]);
}
