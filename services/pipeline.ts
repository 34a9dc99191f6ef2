/**
 * The order of things, and the only file that knows it:
 *
 *   receive   bytes -> journal (one durable commit for many) -> acknowledgement
 *   process   journal -> parse -> map to FHIR -> merge -> validate -> index, map to OMOP -> one transaction
 *   write     FHIR resources enter at validate, by the same transaction
 *
 * Stages are values in, values out; they never call each other.
 */
import type { Vocabulary } from '../terminology/vocabulary.ts';
import type { Database, Transaction } from './database/connect.ts';
import type { Journal } from './database/journal.ts';
import type { JournalEntry } from './database/journal-entry.ts';
import { recordSettled } from './database/journal-record.ts';
import { type JournalMessage, type MessageOutcome, recordFailure, settle, takeMessages } from './database/journal-take.ts';
import { lockCurrent } from './database/resources.ts';
import { type WriteOutcome, writeResources } from './database/write-resources.ts';
import { gravest, harmless, type Problem, problem, Refusal, type Result } from './errors.ts';
import { validateResource } from './fhir/validate.ts';
import { acknowledgement } from './hl7v2/acknowledge.ts';
import { shallowKeys } from './hl7v2/keys.ts';
import type { Message } from './hl7v2/message.ts';
import { parseMessage, readHeader } from './hl7v2/parse.ts';
import type { Conversion, Maps } from './mapping/conversion.ts';
import type { ResourceRows } from './omop/row.ts';
import { type Change, idOf, keyOf, mergedWith, wavesOf, writeOf } from './pipeline/change.ts';
import { dateOf, rowsOf, storedDate } from './pipeline/rows.ts';

export interface Parts {
  readonly database: Database;
  readonly journal: Journal;
  readonly maps: Maps;
  readonly vocabulary: Vocabulary;
  /** IANA zones: of CDM datetimes, and of local times in messages without offset. */
  readonly cdmTimezone: string;
  readonly sourceTimezone: string;
  /** Namespace of the ids made from messages; each message's own MSH-4 or MSH-3 when undefined. */
  readonly sourceAuthority?: string | undefined;
  readonly clock: () => Date;
}

export interface Received {
  readonly acknowledgement: Uint8Array;
  /** HTTP status of the answer. */
  readonly status: number;
  readonly problems: readonly Problem[];
}

const MOST_ATTEMPTS = 3;

/**
 * Stores the bytes of one message durably and returns what to answer. Rejects (Refusal) when they could not be stored: the sender
 * must then get no acceptance. A message that cannot be read is stored too, and answered AE or AR.
 */
export async function receive(parts: Parts, bytes: Uint8Array, channel: 'mllp' | 'http' | 'import'): Promise<Received> {
  const parsed = parseMessage(bytes);
  const header = parsed.ok ? parsed.value : readHeader(bytes);
  const keys = header && shallowKeys(header);
  // The sender as the message names itself: control ids are unique within an application of a facility, not across a port.
  const source = keys ? [keys.sendingFacility, keys.sendingApplication].filter((name) => name !== '').join('/') : '';
  const receipt = await parts.journal.append({
    source: source === '' ? channel : source,
    channel,
    content: bytes,
    controlId: keys?.controlId,
    messageType: keys?.messageType ?? '',
    patientKeys: keys?.patientKeys ?? [],
  });
  const judged = receipt.refused ? REUSED : judgement(parts, parsed);
  const id = `${parts.clock().getTime().toString(36)}-${receipt.id}`;
  const answer = { code: judged.code, problems: judged.problems, controlId: id, timestamp: parts.clock() };
  return {
    acknowledgement: acknowledgement(header, answer),
    status: judged.status,
    problems: judged.problems,
  };
}

interface Judgement {
  readonly code: 'AA' | 'AE' | 'AR';
  readonly status: number;
  readonly problems: readonly Problem[];
}

const REUSED: Judgement = { code: 'AR', status: 409, problems: [problem('journal-control-id-reused')] };

/** What the sender hears: the worst that processing the message will meet, as far as the message itself tells. */
function judgement(parts: Parts, parsed: Result<Message>): Judgement {
  const { problems, rung } = parsed.ok ? conversionOf(parts, parsed.value) : { ...parsed, rung: 'refuse' as const };
  if (rung !== 'park-message' && rung !== 'refuse') return { code: 'AA', status: 200, problems: [] };
  const faults = problems.filter((each) => !harmless([each]));
  const worst = gravest(faults);
  return { code: rung === 'refuse' ? (worst?.ack ?? 'AR') : 'AE', status: worst?.status ?? 422, problems: faults };
}

/** Takes up to `limit` waiting messages and applies them in one transaction; returns how many were settled, 0 when none waits. */
export async function processNext(parts: Parts, limit: number): Promise<number> {
  try {
    return await parts.database.transaction((tx) => applyTaken(parts, tx, limit));
  } catch (error) {
    if (isTransient(error)) throw error;
    return processOne(parts);
  }
}

/** After a batch failed: the first waiting message alone, so that one that cannot be applied is found, tried again, and parked. */
async function processOne(parts: Parts): Promise<number> {
  let taken: number | undefined;
  try {
    return await parts.database.transaction((tx) => applyTaken(parts, tx, 1, (id) => (taken = id)));
  } catch (error) {
    if (isTransient(error) || taken === undefined) throw error;
    const problems =
      error instanceof Refusal ? error.problems : [problem('internal', { reason: error instanceof Error ? error.name : 'unknown' })];
    await recordFailure(parts.database, [taken], problems, MOST_ATTEMPTS);
    return 1;
  }
}

const isTransient = (error: unknown): boolean =>
  error instanceof Refusal && error.problems.some((each) => each.code === 'database-unreachable' || each.code === 'database-busy');

/** Takes messages, and applies them in order; messages that write the same resource are written one after the other. */
async function applyTaken(parts: Parts, tx: Transaction, limit: number, taking?: (id: number) => void): Promise<number> {
  const taken = await takeMessages(tx, { limit });
  const all = taken.map((message) => {
    taking?.(message.id);
    return converted(parts, message);
  });
  const waves = wavesOf(all.map(({ changes }) => changes));
  // Everything at once and in one order: two workers that share a practitioner would else wait for each other.
  if (waves.length > 1) await lockCurrent(tx, waves.flat().map(idOf));
  for (const wave of waves) await apply(parts, tx, wave);
  await settle(
    tx,
    all.map(({ outcome }) => outcome),
  );
  return taken.length;
}

/** Returns what a message asks for, and what is to be recorded of it; a message that is parked or refused changes nothing. */
function converted(parts: Parts, message: JournalMessage): { readonly changes: readonly Change[]; readonly outcome: MessageOutcome } {
  const parsed = parseMessage(message.content);
  if (!parsed.ok)
    return { changes: [], outcome: ended(message, gravest(parsed.problems)?.ack === 'AR' ? 'refused' : 'parked', '', parsed.problems) };
  const conversion = conversionOf(parts, parsed.value);
  const problems = [...parsed.problems, ...parsed.value.structureProblems, ...conversion.problems, ...unreadReport(conversion)];
  if (conversion.rung === 'park-message') return { changes: [], outcome: ended(message, 'parked', conversion.spec, problems) };
  if (conversion.rung === 'refuse') return { changes: [], outcome: ended(message, 'refused', conversion.spec, problems) };
  const invalid = conversion.drafts.flatMap(({ resource }) => validateResource(resource)).filter((each) => !harmless([each]));
  if (invalid.length > 0) return { changes: [], outcome: ended(message, 'parked', conversion.spec, [...problems, ...invalid]) };
  return { changes: changesOf(conversion, message.id), outcome: ended(message, 'applied', conversion.spec, problems) };
}

const conversionOf = ({ maps, sourceTimezone: timezone, sourceAuthority: authority }: Parts, message: Message): Conversion =>
  maps.convert(message, authority === undefined ? { timezone } : { timezone, authority });

/** What arrived and no rule of the map reads: paths only. */
export function unreadReport({ unread }: Pick<Conversion, 'unread'>): readonly Problem[] {
  const fields = unread.map(({ path }) => path).join(', ');
  return fields === '' ? [] : [problem('mapping-fields-unread', { fields })];
}

const ended = (message: JournalMessage, status: MessageOutcome['status'], spec: string, problems: readonly Problem[]): MessageOutcome => ({
  id: message.id,
  status,
  spec,
  problems,
});

/** Problems and unmapped codes of a message are kept with its first resource. */
const changesOf = ({ drafts, problems, unmapped }: Conversion, messageId: number): readonly Change[] =>
  drafts.map((draft, index) => ({
    ...draft,
    messageId,
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
      const planned = await plan(tx);
      const messageId = await recordSettled(tx, entry, 'applied', []);
      return apply(
        parts,
        tx,
        planned.map((change) => ({ ...change, messageId })),
      );
    });
  } catch (error) {
    if (error instanceof Refusal && !isTransient(error) && isFinal(error.problems))
      await recordSettled(parts.database, entry, 'refused', error.problems);
    throw error;
  }
}

/** The one way into the store: merged, validated, indexed, mapped to rows, written together. */
async function apply(parts: Parts, tx: Transaction, changes: readonly Change[]): Promise<readonly WriteOutcome[]> {
  if (changes.length === 0) return [];
  const current = await lockCurrent(tx, changes.map(idOf));
  const merged = changes.map((change) => mergedWith(change, current.get(keyOf(change.resource))));
  const today = dateOf(parts, parts.clock());
  const rows = await rowsOf(
    parts,
    tx,
    merged.map(({ resource }) => resource),
    () => today,
  );
  const writes = merged.map((each, index) => writeOf(each, rows[index] ?? NO_ROWS));
  const outcomes = await writeResources(tx, writes, (queryable, resources) =>
    rowsOf(parts, queryable, resources, (each) => storedDate(parts, each)),
  );
  const stale = outcomes.find((outcome) => outcome.status === 'conflict');
  if (stale) throw new Refusal([problem('resource-version-conflict', { reference: `${stale.type}/${stale.id}`, version: stale.version })]);
  return outcomes;
}

const NO_ROWS: ResourceRows = { rows: [], exclusions: [], unmapped: [], adjustments: [], spec: '' };
