/**
 * The order of things, and the only file that knows it:
 *
 *   receive   bytes -> journal (one durable commit for many) -> acknowledgement
 *   process   journal -> parse -> map to FHIR -> merge -> validate -> index, map to OMOP -> one transaction
 *   write     FHIR resources enter at validate, by the same transaction
 *
 * Stages are values in, values out; they never call each other.
 */
import type { SourceRules } from './config/rules.ts';
import type { Transaction } from './database/connect.ts';
import type { JournalEntry } from './database/journal/entry.ts';
import { emptyMessages } from './database/journal/erase.ts';
import { recordSettled } from './database/journal/record.ts';
import { type JournalMessage, type MessageOutcome, recordFailure, settle, takeMessages } from './database/journal/take.ts';
import { hopsOf } from './database/resources/merges.ts';
import { lockCurrent } from './database/resources/resources.ts';
import type { WriteOutcome } from './database/resources/write-resources.ts';
import { buildMeanwhile } from './database/search/reindex.ts';
import { gravest, harmless, type Problem, problem, Refusal } from './errors.ts';
import { validateResource } from './fhir/validation/validate.ts';
import type { Conversion } from './mapping/conversion.ts';
import { authorityOf, withDirectory } from './mapping/directory.ts';
import { mergesOf } from './mapping/merges.ts';
import { apply } from './pipeline/apply/apply.ts';
import { type Change, idOf, wavesOf } from './pipeline/apply/change.ts';
import { faultsOf, ofDay, unsaidEntries, writeDirectory } from './pipeline/apply/directory.ts';
import { eventTimeOf } from './pipeline/apply/event-time.ts';
import { mergePatients, type PatientMerge, unmergePatients } from './pipeline/apply/merge.ts';
import { Remarks } from './pipeline/apply/remarks.ts';
import { applyRequested } from './pipeline/apply/requested.ts';
import { contextOf, conversionOf, type Parts, parsedBy, rulesFor } from './pipeline/parts.ts';

export { type Parts, sourcesOf } from './pipeline/parts.ts';
export { type Exchange, exchange, type Received, receive } from './pipeline/receive.ts';

const MOST_ATTEMPTS = 3;

/** Takes up to `limit` waiting messages and applies them in one transaction; returns how many were settled, 0 when none waits. */
export async function processNext(parts: Parts, limit: number): Promise<number> {
  try {
    return await settledOf(parts, limit);
  } catch (error) {
    if (isTransient(error)) throw error;
    return processOne(parts);
  }
}

/**
 * New entries of the directory (doctors, wards) are written before what refers to them, in a transaction of their own: who dies in between
 * leaves an entry that nothing refers to yet, never a reference to nothing; and nobody waits for a doctor while holding a patient.
 */
async function settledOf(parts: Parts, limit: number, taking?: (id: number) => void): Promise<number> {
  const known: Conversions = new Map();
  for (;;) {
    const done = await parts.database.transaction((tx) => applyTaken(parts, tx, { limit, known, taking }));
    if (typeof done === 'number') return done;
    await parts.database.transaction(async (tx) => {
      await parts.live?.hold(tx);
      await parts.specs?.hold(tx);
      await writeDirectory(parts, tx, done);
    });
  }
}

/** After a batch failed: the first waiting message alone, so that one that cannot be applied is found, tried again, and parked. */
async function processOne(parts: Parts): Promise<number> {
  let taken: number | undefined;
  try {
    return await settledOf(parts, 1, (id) => (taken = id));
  } catch (error) {
    if (isTransient(error) || taken === undefined) throw error;
    // Who must know all that refers to a patient waits for the index: that is no failure.
    if (isOf(error, ['search-building'])) return buildMeanwhile(parts.database, error);
    const problems =
      error instanceof Refusal ? error.problems : [problem('internal', { reason: error instanceof Error ? error.name : 'unknown' })];
    await recordFailure(parts.database, [taken], problems, MOST_ATTEMPTS);
    return 1;
  }
}

const isOf = (error: unknown, codes: readonly string[]): boolean =>
  error instanceof Refusal && error.problems.some(({ code }) => codes.includes(code));
const isTransient = (error: unknown): boolean => isOf(error, ['database-unreachable', 'database-busy']);

/**
 * Takes messages, and applies them in order; messages that write the same resource are written one after the other. Returns how many, or,
 * with nothing done, the entries of the directory that must be there first.
 */
async function applyTaken(
  parts: Parts,
  tx: Transaction,
  { limit, known, taking }: { readonly limit: number; readonly known: Conversions; readonly taking?: ((id: number) => void) | undefined },
): Promise<number | readonly Change[]> {
  // Before anything else is locked: a change of the vocabulary waits for who holds it, and who comes then waits for the change.
  await parts.live?.hold(tx);
  await parts.specs?.hold(tx);
  const taken = await takeMessages(tx, { limit });
  const all = taken.map((message) => {
    taking?.(message.id);
    return convertedOnce(parts, message, known);
  });
  const unsaid = await unsaidEntries(tx, all.flatMap(directoryOf));
  if (unsaid.length > 0) return unsaid;
  await settle(tx, await applyConverted(parts, tx, all));
  return taken.length;
}

const directoryOf = ({ directory }: Converted): readonly Change[] => directory ?? [];

/** By the ids of messages, with all that another conversion could differ by. */
type Conversions = Map<number, { readonly by: readonly unknown[]; readonly converted: Converted }>;

/** Converts a message; one that is taken again because the directory had to be written first is what it was. */
function convertedOnce(parts: Parts, message: JournalMessage, known: Conversions): Converted {
  const by = [parts.specs?.current ?? parts.maps, parts.sources?.current, message.erasedAt];
  const before = known.get(message.id);
  if (before?.by.every((each, i) => each === by[i])) return before.converted;
  const made = converted(parts, message, rulesFor(parts, message.source));
  known.set(message.id, { by, converted: made });
  return made;
}

/** Applies messages in order, no two of which share an ordering key; returns what is to be recorded of each. */
export async function applyMessages(parts: Parts, tx: Transaction, taken: readonly JournalMessage[]): Promise<readonly MessageOutcome[]> {
  const all = taken.map((message) => converted(parts, message, rulesFor(parts, message.source)));
  await writeDirectory(parts, tx, await unsaidEntries(tx, all.flatMap(directoryOf)));
  return applyConverted(parts, tx, all);
}

async function applyConverted(parts: Parts, tx: Transaction, all: readonly Converted[]): Promise<readonly MessageOutcome[]> {
  const steps = byMerges(all).map(({ changes, merges, unlinked }) => ({ waves: wavesOf(changes), merges, unlinked }));
  // Everything at once and in one order: two workers that share a practitioner would else wait for each other.
  if (steps.length > 1 || (steps[0]?.waves.length ?? 0) > 1) await lockCurrent(tx, all.flatMap(({ changes }) => changes).map(idOf));
  const remarks = new Remarks();
  for (const { waves, merges, unlinked } of steps) {
    await unlink(parts, tx, unlinked);
    for (const wave of waves) await apply(parts, tx, wave, remarks.heard);
    for (const merge of merges) await mergePatients(parts, tx, merge);
  }
  await emptyMessages(
    tx,
    all.flatMap(({ isErased, outcome }) => (isErased ? [outcome.id] : [])),
  );
  return all.map(({ outcome }) => remarks.added(outcome));
}

interface MergeStep {
  readonly changes: (readonly Change[])[];
  readonly merges: readonly PatientMerge[];
  /** Ids of Patients that are not one from before the step on. */
  readonly unlinked: readonly string[];
}

/** Returns messages' changes in order, each step ending with the merges of its last message and beginning with what its first unlinks. */
function byMerges(messages: readonly Pick<Converted, 'changes' | 'isUnlink'>[]): readonly MergeStep[] {
  const steps: MergeStep[] = [{ changes: [], merges: [], unlinked: [] }];
  for (const { changes, isUnlink } of messages) {
    const unlinked = isUnlink ? changes.flatMap(({ resource }) => (resource.resourceType === 'Patient' ? [resource.id] : [])) : [];
    if (isUnlink) steps.push({ changes: [], merges: [], unlinked });
    const merges = mergesOf(changes).map((merge) => ({ ...merge, at: changes[0]?.eventAt ?? '', messageId: changes[0]?.messageId }));
    const last = steps.at(-1);
    const isOpen = last?.merges.length === 0;
    if (isOpen) steps.pop();
    steps.push({ changes: [...(isOpen ? last.changes : []), changes], merges, unlinked: isOpen ? last.unlinked : [] });
  }
  return steps;
}

/** A37 takes back that two records are one (HL7 v2 chapter 3.3.37, "unlink patient information"): those that were merged are two again. */
async function unlink(parts: Parts, tx: Transaction, patients: readonly string[]): Promise<void> {
  for (const loser of patients) {
    const survivor = (await hopsOf(tx, [loser])).get(loser)?.[0]?.survivor;
    if (survivor !== undefined && patients.includes(survivor)) await unmergePatients(parts, tx, loser);
  }
}

export interface Converted {
  readonly changes: readonly Change[];
  /** The entries of the directory that the changes refer to: to be written before them (`unsaidEntries`, `writeDirectory`). */
  readonly directory?: readonly Change[];
  readonly outcome: MessageOutcome;
  readonly isUnlink?: boolean;
  readonly isErased?: boolean;
}

/** What is needed of a message to convert it. */
export type Recorded = Pick<JournalMessage, 'id' | 'content' | 'receivedAt' | 'erasedAt'>;

/** Events that announce that two records of a patient are one, or that their number changes (HL7 v2 chapter 3.3). */
const MERGING = new Set(['A18', 'A30', 'A34', 'A36', 'A39', 'A40', 'A46', 'A47']);

/** Returns what a message asks for, and what is to be recorded of it; a message that is parked or refused changes nothing. */
export function converted(parts: Pick<Parts, 'maps'>, message: Recorded, rules: SourceRules): Converted {
  const parsed = parsedBy(rules, message.content);
  if (!parsed.ok)
    return { changes: [], outcome: ended(message, gravest(parsed.problems)?.ack === 'AR' ? 'refused' : 'parked', '', parsed.problems) };
  const conversion = conversionOf(parts, parsed.value, rules);
  const problems = [...parsed.problems, ...parsed.value.structureProblems, ...conversion.problems, ...unreadReport(conversion)];
  if (conversion.rung === 'park-message') return { changes: [], outcome: ended(message, 'parked', conversion.spec, problems) };
  if (conversion.rung === 'refuse') return { changes: [], outcome: ended(message, 'refused', conversion.spec, problems) };
  const { drafts, directory } = withDirectory(conversion.drafts, authorityOf(parsed.value, contextOf(rules)) ?? '', parsed.value);
  const faults = drafts.flatMap(({ resource }) => validateResource(resource)).filter((each) => !harmless([each]));
  const invalid = [...faults, ...faultsOf(directory)];
  if (invalid.length > 0) return { changes: [], outcome: ended(message, 'parked', conversion.spec, [...problems, ...invalid]) };
  const event = eventTimeOf(parsed.value, rules.timezone, message.receivedAt);
  // Who comes back after having been erased is somebody new; what is sent again of before is not kept.
  if (message.erasedAt !== undefined && event.at <= message.erasedAt)
    return { changes: [], outcome: ended(message, 'refused', '', [problem('patient-erased')]), isErased: true };
  const changes = changesOf({ ...conversion, drafts }, message.id, event.at);
  const named = parsed.value.event;
  const unmerged = MERGING.has(named) && mergesOf(changes).length === 0 ? [problem('merge-of-nobody', { event: named }, 'MRG-1')] : [];
  const outcome = ended(message, 'applied', conversion.spec, [...problems, ...event.problems, ...unmerged]);
  return { changes, directory: ofDay(directory, message.id, event.at), outcome, isUnlink: named === 'A37' };
}

/** What arrived and no rule of the map reads: paths only. */
export function unreadReport({ unread }: Pick<Conversion, 'unread'>): readonly Problem[] {
  const fields = unread.map(({ path }) => path).join(', ');
  return fields === '' ? [] : [problem('mapping-fields-unread', { fields })];
}

const ended = (message: Recorded, status: MessageOutcome['status'], spec: string, problems: readonly Problem[]): MessageOutcome => ({
  id: message.id,
  status,
  spec,
  problems,
});

/** Problems and unmapped codes of a message are kept with its first resource. */
const changesOf = ({ drafts, problems, unmapped }: Conversion, messageId: number, eventAt: string): readonly Change[] =>
  drafts.map((draft, index) => ({
    ...draft,
    messageId,
    eventAt,
    validated: true,
    problems: index === 0 ? problems : [],
    unmapped: index === 0 ? unmapped : [],
  }));

/**
 * Writes FHIR resources and their CDM rows, and the request itself into the journal, in one transaction. `plan` says what to write; it
 * runs inside the transaction and may run again. Throws Refusal when it is refused; that is in the journal then, and nothing else is:
 * unless `isFinal` says of its problems that it will be tried again.
 */
export async function write(
  parts: Parts,
  entry: JournalEntry,
  plan: (tx: Transaction) => Promise<readonly Omit<Change, 'messageId'>[]>,
  isFinal: (problems: readonly Problem[]) => boolean = () => true,
): Promise<readonly WriteOutcome[]> {
  try {
    return await parts.database.transaction(async (tx) => {
      await parts.live?.hold(tx);
      await parts.specs?.hold(tx);
      const planned = await plan(tx);
      return applyRequested(parts, tx, planned, await recordSettled(tx, entry, 'applied', []));
    });
  } catch (error) {
    if (error instanceof Refusal && !isTransient(error) && isFinal(error.problems))
      await recordSettled(parts.database, entry, 'refused', error.problems);
    throw error;
  }
}

/**
 * Writes what several requests ask for in one transaction, each with its own entry in the journal; none may write what another one writes, nor
 * merge patients. `plan` returns the changes of each request, and may run again. Throws Refusal with nothing stored, nor said in the journal.
 */
export const writeEach = (
  parts: Parts,
  entries: readonly JournalEntry[],
  plan: (tx: Transaction) => Promise<readonly (readonly Omit<Change, 'messageId'>[])[]>,
): Promise<readonly WriteOutcome[]> =>
  parts.database.transaction(async (tx) => {
    await parts.live?.hold(tx);
    await parts.specs?.hold(tx);
    const planned = await plan(tx);
    const changes: Change[] = [];
    for (const [i, entry] of entries.entries()) {
      const messageId = await recordSettled(tx, entry, 'applied', []);
      for (const change of planned[i] ?? []) changes.push({ ...change, messageId });
    }
    const outcomes = await apply(parts, tx, changes);
    const patients = changes.flatMap(({ resource }) => (resource.resourceType === 'Patient' ? [resource.id] : []));
    // What a request says of a merged patient takes the merge back, or is the survivor's: that is a request of its own.
    if ((await hopsOf(tx, patients)).size > 0) throw new Refusal([problem('database-busy', { attempts: 1 })]);
    return outcomes;
  });
