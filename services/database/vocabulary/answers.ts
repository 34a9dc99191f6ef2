/** Answers to unmapped codes: what authors said, what is in force, and whose rows carry the code. */
import * as z from 'zod';
import type { Answer } from '../../../terminology/answered.ts';
import { bitOf, keyColumn, OWNED_TABLES, ROWS_PER_RESOURCE } from '../cdm/tables.ts';
import type { Queryable, Transaction } from '../connect.ts';
import { plainArray, textArray } from '../wire.ts';
import { holdResolutionAlone } from './state.ts';

/** Types of a mapping, as Usagi names them. */
export const MAPPING_TYPES = ['MAPS_TO', 'MAPS_TO_VALUE'] as const;
export interface AnswerTarget {
  readonly conceptId: number;
  readonly type: (typeof MAPPING_TYPES)[number];
}

export type AnswerState = 'proposed' | 'in-force' | 'replaced' | 'withdrawn' | 'rejected';

/** What an author says. */
export interface NewAnswer {
  readonly system: string;
  readonly code: string;
  readonly display: string | undefined;
  readonly targets: readonly AnswerTarget[];
  /** As Usagi names them: EQUAL, EQUIVALENT, WIDER, NARROWER, INEXACT, UNMATCHED, UNREVIEWED. */
  readonly equivalence: string;
  readonly reason: string | undefined;
  readonly author: string;
}

export interface StoredAnswer extends NewAnswer {
  readonly id: number;
  /** ISO 8601. */
  readonly answeredAt: string;
  readonly state: AnswerState;
  readonly approvedBy: string | null;
  readonly approvedAt: string | null;
  readonly endedBy: string | null;
  readonly endedAt: string | null;
  readonly endReason: string | null;
  readonly replaces: number | null;
}

const Targets = z.array(z.object({ conceptId: z.number(), type: z.enum(MAPPING_TYPES) }));
const COLUMNS = `id, system, code, display, targets, equivalence, reason, author, answered_at AS "answeredAt", state, approved_by AS "approvedBy",
  approved_at AS "approvedAt", ended_by AS "endedBy", ended_at AS "endedAt", end_reason AS "endReason", replaces`;

type AnswerRow = Omit<StoredAnswer, 'targets' | 'display' | 'reason'> & {
  readonly targets: unknown;
  readonly display: string | null;
  readonly reason: string | null;
};
const answerOf = (row: AnswerRow): StoredAnswer => ({
  ...row,
  targets: Targets.parse(row.targets),
  display: row.display ?? undefined,
  reason: row.reason ?? undefined,
});

/** Returns what codes are resolved with beside the vocabulary. */
export async function answersInForce(queryable: Queryable): Promise<readonly Answer[]> {
  const rows = await queryable.query<{ system: string; code: string; targets: unknown }>(
    `SELECT system, code, targets FROM ops.answer WHERE state = 'in-force' ORDER BY id`,
  );
  return rows.map(({ system, code, targets }) => ({ system, code, ...meaningOf(Targets.parse(targets)) }));
}

/** An answer in force, with what the code is called. */
export interface PastAnswer {
  readonly system: string;
  readonly code: string;
  readonly display: string | null;
  /** Concepts that it maps to. */
  readonly concepts: readonly number[];
}

/** Returns the newest answers in force of these systems, and those to these codes whatever their system; at most `most`. */
export async function pastAnswers(
  queryable: Queryable,
  asked: readonly { readonly system: string; readonly code: string }[],
  most: number,
): Promise<readonly PastAnswer[]> {
  const rows = await queryable.query<{ system: string; code: string; display: string | null; targets: unknown }>(
    `SELECT system, code, display, targets FROM ops.answer
     WHERE state = 'in-force' AND (system = ANY($1::text[]) OR code = ANY($2::text[])) ORDER BY id DESC LIMIT $3`,
    [textArray([...new Set(asked.map(({ system }) => system))]), textArray([...new Set(asked.map(({ code }) => code))]), most],
  );
  return rows.map(({ targets, ...row }) => ({ ...row, concepts: meaningOf(Targets.parse(targets)).concepts }));
}

/** Returns targets as a vocabulary takes them. */
export const meaningOf = (targets: readonly AnswerTarget[]): Pick<Answer, 'concepts' | 'value'> => ({
  concepts: targets.filter(({ type }) => type === 'MAPS_TO').map(({ conceptId }) => conceptId),
  value: targets.find(({ type }) => type === 'MAPS_TO_VALUE')?.conceptId,
});

export interface AnswerFilter {
  readonly state?: AnswerState | undefined;
  readonly system?: string | undefined;
  readonly code?: string | undefined;
  /** Only answers with smaller ids: the next page. */
  readonly before?: number | undefined;
  readonly limit: number;
}

/** Returns answers, the newest first. */
export async function answers(
  queryable: Queryable,
  { state, system, code, before, limit }: AnswerFilter,
): Promise<readonly StoredAnswer[]> {
  const rows = await queryable.query<AnswerRow>(
    `SELECT ${COLUMNS} FROM ops.answer WHERE ($1::text IS NULL OR state = $1) AND ($2::text IS NULL OR system = $2)
       AND ($3::text IS NULL OR code = $3) AND ($4::bigint IS NULL OR id < $4) ORDER BY id DESC LIMIT $5`,
    [state ?? null, system ?? null, code ?? null, before ?? null, limit],
  );
  return rows.map(answerOf);
}

/** Returns an answer and locks it; undefined when there is none of this number. */
export async function lockAnswer(tx: Transaction, id: number): Promise<StoredAnswer | undefined> {
  const [row] = await tx.query<AnswerRow>(`SELECT ${COLUMNS} FROM ops.answer WHERE id = $1 FOR UPDATE`, [id]);
  return row && answerOf(row);
}

/** Returns the answer to a code that is in force, locked. */
export async function lockInForce(tx: Transaction, system: string, code: string): Promise<StoredAnswer | undefined> {
  const [row] = await tx.query<AnswerRow>(
    `SELECT ${COLUMNS} FROM ops.answer WHERE system = $1 AND code = $2 AND state = 'in-force' FOR UPDATE`,
    [system, code],
  );
  return row && answerOf(row);
}

/** Records an answer and returns its number. In force it is only after `enforce`. */
export async function insertAnswer(tx: Transaction, answer: NewAnswer): Promise<number> {
  const [row] = await tx.query<{ id: number }>(
    `INSERT INTO ops.answer (system, code, display, targets, equivalence, reason, author, state)
     VALUES ($1, $2, $3, $4, $5, $6, $7, 'proposed') RETURNING id`,
    [
      answer.system,
      answer.code,
      answer.display ?? null,
      JSON.stringify(answer.targets),
      answer.equivalence,
      answer.reason ?? null,
      answer.author,
    ],
  );
  return row?.id ?? -1;
}

/** Puts an answer in force, in place of the one before; `by` approved it. The resolution must be held alone. */
export async function enforce(tx: Transaction, answer: StoredAnswer, by: string): Promise<void> {
  const before = await lockInForce(tx, answer.system, answer.code);
  if (before !== undefined) await end(tx, before.id, 'replaced', by, undefined);
  await tx.run(
    `UPDATE ops.answer SET state = 'in-force', approved_by = $2, approved_at = now(), replaces = $3, ended_at = NULL, ended_by = NULL,
       end_reason = NULL WHERE id = $1`,
    [answer.id, by, before?.id ?? null],
  );
}

/** Ends an answer. */
export async function end(
  tx: Transaction,
  id: number,
  state: Extract<AnswerState, 'replaced' | 'withdrawn' | 'rejected'>,
  by: string,
  reason: string | undefined,
): Promise<void> {
  await tx.run('UPDATE ops.answer SET state = $2, ended_by = $3, ended_at = now(), end_reason = $4 WHERE id = $1', [
    id,
    state,
    by,
    reason ?? null,
  ]);
}

export interface Code {
  readonly system: string;
  readonly code: string;
}

const CARRIERS = `SELECT resource_key FROM asked a JOIN ops.unmapped u ON u.system = a.system AND u.code = a.code
  UNION SELECT resource_key FROM asked a JOIN ops.answered d ON d.system = a.system AND d.code = a.code`;
const ASKED = 'asked AS (SELECT * FROM unnest($1::text[], $2::text[]) AS c(system, code))';
const pairs = (codes: readonly Code[]): readonly string[] => [
  textArray(codes.map(({ system }) => system)),
  textArray(codes.map(({ code }) => code)),
];

/**
 * Tells every process that the answers changed, and puts the resources that carry these codes on the list of those whose rows are made
 * again; returns how many they are. The resolution is held alone from here on: no row is made by the old answers any more.
 */
export async function answersChanged(tx: Transaction, codes: readonly Code[], answerId: number): Promise<number> {
  await tx.run('UPDATE ops.vocabulary_state SET answers = answers + 1');
  const count = await tx.run(
    `WITH ${ASKED}, carriers AS (${CARRIERS})
     INSERT INTO ops.remake (resource_key, person_id, answer_id)
     SELECT c.resource_key, (SELECT min(u.person_id) FROM ops.unmapped u WHERE u.resource_key = c.resource_key), $3 FROM carriers c
     ON CONFLICT (resource_key) DO UPDATE SET answer_id = excluded.answer_id`,
    [...pairs(codes), answerId],
  );
  await tx.run(`SELECT pg_notify('polyseme_vocabulary', '')::text, pg_notify('polyseme_journal', '')::text`);
  return count;
}

/** Takes the lock that `answersChanged` needs, before anything is written. */
export const holdAnswersAlone = holdResolutionAlone;

export interface Carried {
  readonly rows: number;
  readonly resources: number;
  readonly messages: number;
  readonly persons: number;
}

/** Whose they are: of codes that are answered only the rows say it. */
const PERSONS = [
  'SELECT person_id FROM asked a JOIN ops.unmapped u ON u.system = a.system AND u.code = a.code WHERE person_id IS NOT NULL',
  ...OWNED_TABLES.map(
    (
      table,
    ) => `SELECT t.person_id FROM carriers c JOIN fhir.resource r ON r.resource_key = c.resource_key AND r.cdm_mask & ${bitOf(table)} <> 0
      JOIN cdm.${table} t ON t.${keyColumn(table)} BETWEEN c.resource_key * ${ROWS_PER_RESOURCE} AND c.resource_key * ${ROWS_PER_RESOURCE} + ${ROWS_PER_RESOURCE - 1}`,
  ),
].join('\n  UNION ');

/** Returns how much carries these codes. */
export async function carriedBy(queryable: Queryable, codes: readonly Code[]): Promise<Carried> {
  const [row] = await queryable.query<Carried>(
    `WITH ${ASKED}, carriers AS (${CARRIERS})
     SELECT (SELECT count(*) FROM asked a JOIN ops.unmapped u ON u.system = a.system AND u.code = a.code) AS rows,
       (SELECT count(*) FROM carriers) AS resources,
       (SELECT count(DISTINCT r.message_id) FROM carriers c JOIN fhir.resource r ON r.resource_key = c.resource_key) AS messages,
       (SELECT count(*) FROM (${PERSONS}) p) AS persons`,
    pairs(codes),
  );
  return row ?? { rows: 0, resources: 0, messages: 0, persons: 0 };
}

/** Returns keys of resources that carry these codes, the least first. */
export async function carrierKeys(queryable: Queryable, codes: readonly Code[], limit: number): Promise<readonly number[]> {
  const rows = await queryable.query<{ resource_key: number }>(`WITH ${ASKED} ${CARRIERS} ORDER BY 1 LIMIT $3`, [...pairs(codes), limit]);
  return rows.map(({ resource_key }) => resource_key);
}

/** Takes the next resources whose rows are to be made again, patient by patient; other processes take others. */
export async function takeRemakes(tx: Transaction, limit: number): Promise<readonly number[]> {
  const rows = await tx.query<{ resource_key: number }>(
    'SELECT resource_key FROM ops.remake ORDER BY person_id, resource_key LIMIT $1 FOR UPDATE SKIP LOCKED',
    [limit],
  );
  const keys = rows.map(({ resource_key }) => resource_key);
  if (keys.length > 0) await tx.run('DELETE FROM ops.remake WHERE resource_key = ANY ($1::bigint[])', [plainArray(keys)]);
  return keys;
}

/** Returns how many resources still have rows by answers before the last. */
export async function remakesLeft(queryable: Queryable): Promise<number> {
  return (await queryable.query<{ n: number }>('SELECT count(*) AS n FROM ops.remake'))[0]?.n ?? 0;
}

/** Makes cdm.source_to_concept_map say what is in force of these codes (omop-rules 11). */
export async function writeSourceToConceptMap(
  tx: Transaction,
  code: { readonly sourceVocabulary: string; readonly sourceCode: string; readonly description: string | undefined },
  targets: readonly { readonly conceptId: number; readonly vocabularyId: string }[],
): Promise<void> {
  await tx.run('DELETE FROM cdm.source_to_concept_map WHERE source_vocabulary_id = $1 AND source_code = $2', [
    code.sourceVocabulary,
    code.sourceCode,
  ]);
  for (const { conceptId, vocabularyId } of targets)
    await tx.run(
      `INSERT INTO cdm.source_to_concept_map (source_code, source_concept_id, source_vocabulary_id, source_code_description, target_concept_id,
         target_vocabulary_id, valid_start_date, valid_end_date, invalid_reason) VALUES ($1, 0, $2, left($3, 255), $4, $5, current_date, '2099-12-31', NULL)`,
      [code.sourceCode, code.sourceVocabulary, code.description ?? null, conceptId, vocabularyId],
    );
}
