/** Answering an unmapped code: what it would change, putting it in force, taking it back, and making the rows that carry it again. */
import { AnsweredVocabulary, standardOf, targetsOf } from '../../../terminology/answered.ts';
import type { Vocabulary } from '../../../terminology/vocabulary.ts';
import { audit } from '../../database/audit.ts';
import type { Transaction } from '../../database/connect.ts';
import {
  answersChanged,
  answersInForce,
  type Carried,
  type Code,
  carriedBy,
  carrierKeys,
  end,
  enforce,
  holdAnswersAlone,
  insertAnswer,
  lockAnswer,
  lockInForce,
  meaningOf,
  type NewAnswer,
  type StoredAnswer,
  takeRemakes,
  writeSourceToConceptMap,
} from '../../database/vocabulary/answers.ts';
import { unmappedCode } from '../../database/vocabulary/unmapped-list.ts';
import { type Problem, problem, Refusal } from '../../errors.ts';
import type { UpgradeReport } from '../../omop/upgrade.ts';
import type { Parts } from '../parts.ts';
import { isOnePerson, WENT_BACK_ALONE } from '../person.ts';
import { changesWithin, remakeRows } from '../vocabulary/upgrade.ts';
import { kindOf } from './list.ts';
import { sourceVocabularyOf } from './source-vocabulary.ts';

export interface Preview {
  readonly carried: Carried;
  /** Rows that would be added, changed or gone, of the resources looked at. */
  readonly changes: UpgradeReport;
  /** Resources looked at; fewer than carried.resources when there are very many. */
  readonly lookedAt: number;
}

const MOST_PREVIEWED = 2_000;

/** Returns what answers would change; nothing is changed. Throws Refusal for an answer that cannot be given. */
export async function previewAnswers(parts: Parts, given: readonly NewAnswer[]): Promise<Preview> {
  await assertAnswers(parts, given);
  const own = new Set(given.map(keyOf));
  const inForce = (await answersInForce(parts.database)).filter((each) => !own.has(keyOf(each)));
  const next = [...inForce, ...given.map(({ system, code, targets }) => ({ system, code, ...meaningOf(targets) }))];
  return preview(parts, given, new AnsweredVocabulary(baseOf(parts), next));
}

/** Returns what taking an answer back would change. */
export async function previewUndo(parts: Parts, code: Code): Promise<Preview> {
  const inForce = (await answersInForce(parts.database)).filter((each) => keyOf(each) !== keyOf(code));
  return preview(parts, [code], new AnsweredVocabulary(baseOf(parts), inForce));
}

async function preview(parts: Parts, codes: readonly Code[], next: Vocabulary): Promise<Preview> {
  const carried = await carriedBy(parts.database, codes);
  const keys = await carrierKeys(parts.database, codes, MOST_PREVIEWED);
  const changes = await changesWithin(parts, keys, parts.live?.current ?? parts.vocabulary, next);
  return { carried, changes, lookedAt: keys.length };
}

const keyOf = ({ system, code }: Code): string => `${system}\n${code}`;

const baseOf = (parts: Parts): Vocabulary => {
  const vocabulary = parts.live?.current ?? parts.vocabulary;
  return vocabulary instanceof AnsweredVocabulary ? vocabulary.base : vocabulary;
};

export interface Answered {
  readonly ids: readonly number[];
  /** in-force: the rows are being made again; proposed: waiting for a second person. */
  readonly state: 'in-force' | 'proposed';
  /** Resources whose rows will be made again. */
  readonly resources: number;
  readonly problems: readonly Problem[];
}

/**
 * Records answers and puts them in force, in one transaction: rows are made again afterwards, by `remakeNext` of any process. With
 * `needsSecond` they wait for somebody other than the author, unless a file says who approved it; where the server's settings ask for a second
 * person all of them wait: a file can name anybody. Throws Refusal when one of them cannot be given: then none is.
 */
export async function answerCodes(
  parts: Parts,
  given: readonly (NewAnswer & { readonly approvedBy?: string | undefined })[],
  needsSecond: boolean,
): Promise<Answered> {
  await assertAnswers(parts, given);
  return parts.database.transaction(async (tx) => {
    const isFixed = parts.fourEyes?.codes ?? false;
    const isApproved = ({ author, approvedBy }: (typeof given)[number]): boolean =>
      !isFixed && (!needsSecond || (approvedBy !== undefined && !isOnePerson(author, approvedBy)));
    if (given.some(isApproved)) await holdAnswersAlone(tx);
    const ids: number[] = [];
    const problems: Problem[] = [];
    const enforced: Code[] = [];
    for (const each of given) {
      const id = await insertAnswer(tx, each);
      ids.push(id);
      if (!isApproved(each)) continue;
      enforced.push(each);
      problems.push(...(await putInForce(parts, tx, id, each.approvedBy ?? each.author)));
    }
    const resources = enforced.length === 0 ? 0 : await answersChanged(tx, enforced, ids.at(-1) ?? 0);
    const state = enforced.length === given.length ? 'in-force' : 'proposed';
    await recorded(tx, ids, { by: given[0]?.author ?? '', what: enforced.length === 0 ? 'propose' : 'give', reason: given[0]?.reason });
    return { ids, state, resources, problems };
  });
}

interface Act {
  readonly by: string;
  readonly what: 'give' | 'propose' | 'approve' | 'reject' | 'undo';
  readonly reason?: string | undefined;
  readonly detail?: Readonly<Record<string, unknown>>;
}

/** The audit log names answers by number: codes may be free text about somebody. */
function recorded(tx: Transaction, ids: readonly number[], { by, what, reason, detail: more }: Act): Promise<void> {
  const detail = { ...(ids.length > 1 ? { ids } : {}), ...more };
  return audit(tx, { actor: by, action: `answer.${what}`, target: `answer/${ids[0] ?? ''}`, reason, detail });
}

async function putInForce(parts: Parts, tx: Transaction, id: number, by: string): Promise<readonly Problem[]> {
  const answer = await lockAnswer(tx, id);
  if (answer === undefined) throw new Refusal([problem('answer-not-found', { id })]);
  await enforce(tx, answer, by);
  return published(parts, tx, answer, answer);
}

/** Writes what is in force of a code into cdm.source_to_concept_map; `answer` undefined: nothing is. */
async function published(parts: Parts, tx: Transaction, code: Code, answer: StoredAnswer | undefined): Promise<readonly Problem[]> {
  if (Buffer.byteLength(code.code) > LONGEST_SOURCE_CODE) return [problem('answer-code-long', { length: LONGEST_SOURCE_CODE }, code.code)];
  const base = baseOf(parts);
  const targets = answer === undefined ? [] : targetsOf(base, meaningOf(answer.targets));
  await writeSourceToConceptMap(
    tx,
    { sourceVocabulary: sourceVocabularyOf(base, code.system), sourceCode: code.code, description: answer?.display },
    targets.map(({ concept }) => ({ conceptId: concept.concept_id, vocabularyId: concept.vocabulary_id })),
  );
  return [];
}

/** The width of source_to_concept_map.source_code. */
const LONGEST_SOURCE_CODE = 50;

/** Puts a proposed answer in force. Throws Refusal: answer-not-found, answer-not-proposed, answer-same-person. */
export async function approve(parts: Parts, id: number, by: string): Promise<Answered> {
  return parts.database.transaction(async (tx) => {
    await holdAnswersAlone(tx);
    const answer = await proposed(tx, id);
    if (isOnePerson(answer.author, by)) throw new Refusal([problem('answer-same-person')]);
    await assertAnswers(parts, [answer]);
    const problems = await putInForce(parts, tx, id, by);
    const resources = await answersChanged(tx, [answer], id);
    await recorded(tx, [id], { by, what: 'approve' });
    return { ids: [id], state: 'in-force', resources, problems };
  });
}

/** Ends a proposed answer without putting it in force. */
export async function reject(parts: Parts, id: number, by: string, reason: string | undefined): Promise<void> {
  await parts.database.transaction(async (tx) => {
    await proposed(tx, id);
    await end(tx, id, 'rejected', by, reason);
    await recorded(tx, [id], { by, what: 'reject', reason });
  });
}

async function proposed(tx: Transaction, id: number): Promise<StoredAnswer> {
  const answer = await lockAnswer(tx, id);
  if (answer === undefined) throw new Refusal([problem('answer-not-found', { id })]);
  if (answer.state !== 'proposed') throw new Refusal([problem('answer-not-proposed', { id, state: answer.state })]);
  return answer;
}

/**
 * Takes the answer to a code back; the one it had replaced is in force again. One person does it, also where an answer takes two: what is wrong is
 * ended at once, and only what was in force before comes back; the audit entry says so. Throws Refusal answer-none when none is in force.
 */
export async function undo(parts: Parts, code: Code, by: string, reason: string | undefined): Promise<Answered> {
  return parts.database.transaction(async (tx) => {
    await holdAnswersAlone(tx);
    const answer = await lockInForce(tx, code.system, code.code);
    if (answer === undefined) throw new Refusal([problem('answer-none', {}, `${code.system}|${code.code}`)]);
    await end(tx, answer.id, 'withdrawn', by, reason);
    const before = answer.replaces === null ? undefined : await lockAnswer(tx, answer.replaces);
    const again = before?.state === 'replaced' ? before : undefined;
    if (again !== undefined) await enforce(tx, again, again.approvedBy ?? again.author);
    const problems = await published(parts, tx, code, again);
    const resources = await answersChanged(tx, [code], answer.id);
    await recorded(tx, [answer.id], { by, what: 'undo', reason, detail: parts.fourEyes?.codes ? WENT_BACK_ALONE : {} });
    return { ids: [answer.id], state: 'in-force', resources, problems };
  });
}

/** Throws Refusal with every reason why answers cannot be given. */
async function assertAnswers(parts: Parts, given: readonly NewAnswer[]): Promise<void> {
  const base = baseOf(parts);
  const problems: Problem[] = [];
  const seen = new Set<string>();
  for (const answer of given) {
    const place = `${answer.system}|${answer.code}`;
    if (seen.has(place)) problems.push(problem('answer-twice', {}, place));
    seen.add(place);
    problems.push(...wrongTargets(base, answer, place));
    const found = await unmappedCode(parts.database, answer.system, answer.code);
    if (found !== undefined && kindOf(found) === 'table') problems.push(problem('answer-table', {}, place));
  }
  if (problems.length > 0) throw new Refusal(problems);
}

function wrongTargets(base: Vocabulary, { author, targets, equivalence }: NewAnswer, place: string): readonly Problem[] {
  const problems: Problem[] = author.trim() === '' ? [problem('answer-author', {}, place)] : [];
  const { concepts } = meaningOf(targets);
  if (concepts.length === 0 && (equivalence !== 'UNMATCHED' || targets.length > 0)) problems.push(problem('answer-empty', {}, place));
  if (targets.filter(({ type }) => type === 'MAPS_TO_VALUE').length > 1) problems.push(problem('answer-values', {}, place));
  for (const { conceptId } of targets) {
    const concept = base.concept(conceptId);
    if (concept === undefined) problems.push(problem('answer-no-concept', { concept: conceptId, release: base.release }, place));
    else if (concept.standard_concept !== 'S' || concept.invalid_reason !== '') {
      const instead = standardOf(base, conceptId).map((each) => `${each.concept_id} ${each.concept_name}`);
      const says = instead.length === 0 ? 'it maps to none' : `it maps to ${instead.join(', ')}`;
      problems.push(problem('answer-not-standard', { concept: `${conceptId} ${concept.concept_name}`, says }, place));
    }
  }
  return problems;
}

const BATCH = 200;

/**
 * Makes the rows of the next resources again whose codes were answered, patient by patient, in one transaction; returns how many, 0 when
 * nothing is left that another process has not taken.
 */
export async function remakeNext(parts: Parts): Promise<number> {
  return parts.database.transaction(async (tx) => {
    await parts.live?.hold(tx);
    const keys = await takeRemakes(tx, BATCH);
    await remakeRows(parts, tx, keys);
    return keys.length;
  });
}

/** Makes all of them again, or goes on until `stopped` says so. */
export async function remakeAll(parts: Parts, stopped: () => boolean = () => false): Promise<number> {
  let done = 0;
  for (let count = 1; count > 0 && !stopped(); done += count) count = await remakeNext(parts);
  return done;
}
