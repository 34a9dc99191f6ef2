import { randomUUID } from 'node:crypto';
import type { Transaction as DatabaseTransaction } from '../../database/connect.ts';
import type { JournalEntry } from '../../database/journal/entry.ts';
import { lockConditions, matchingIds, storedAmong } from '../../database/resources/conditions.ts';
import { lockCurrent, type ResourceId, readResources } from '../../database/resources/resources.ts';
import type { WriteOutcome } from '../../database/resources/write-resources.ts';
import { type Problem, problem, Refusal } from '../../errors.ts';
import type { Resource } from '../../fhir/resource.ts';
import { parseSearch } from '../../fhir/search/parse.ts';
import type { AskedEntry, Question, Transaction } from '../../fhir/transaction/transaction.ts';
import { type Answers, resolveTransaction, type TransactionEntry } from '../../fhir/transaction/transaction-resolve.ts';
import { type Parts, write } from '../../pipeline.ts';
import type { Change } from '../apply/change.ts';
import { refuseDangling } from './integrity.ts';
import { type PatchedEntry, patchedEntries } from './patch.ts';
import { acceptSubscriptions } from './subscriptions.ts';

/** What became of one write of a request. */
export interface Written {
  /** Place of the entry in the bundle, from 0. */
  readonly index: number;
  /** exists: a conditional create found one; unchanged: the same content was there. */
  readonly status: 'created' | 'updated' | 'deleted' | 'unchanged' | 'exists';
  readonly type: string;
  readonly id: string;
  /** 0: deleted what never was. */
  readonly version: number;
  /** ISO instant; '' with version 0. */
  readonly updated: string;
  /** JSON text as stored; '' when deleted. */
  readonly body: string;
}

export interface WriteRequest {
  /** The request as it goes into the journal. */
  readonly entry: JournalEntry;
  readonly asked: Transaction;
  /** Own base URL without a slash at the end. */
  readonly base: string;
  /** Ids of created resources; random UUIDs when undefined. */
  readonly newId?: (resource: Resource) => string;
  /** False for problems after which the request will be tried again: they are no refusal yet. Always true when undefined. */
  readonly isFinal?: (problems: readonly Problem[]) => boolean;
}

/**
 * Does the writes of a request, all or none (http://hl7.org/fhir/R4/http.html#transaction); a single create or update is a transaction of
 * one. References must be to what is stored or written here. Throws Refusal; then nothing was stored but the refusal in the journal.
 */
export async function writeRequest(parts: Parts, request: WriteRequest): Promise<readonly Written[]> {
  let planned: Planned = { entries: [], existing: new Map(), changes: [] };
  const plan = async (tx: DatabaseTransaction) => {
    planned = await planOf(parts, tx, request);
    return planned.changes;
  };
  const outcomes = await write(parts, request.entry, plan, request.isFinal);
  return writtenOf(planned, outcomes);
}

/** What a request comes to inside its transaction. */
export interface Planned {
  readonly entries: readonly PatchedEntry[];
  /** What conditional creates found, by 'Type/id'. */
  readonly existing: ReadonlyMap<string, Written>;
  readonly changes: readonly Omit<Change, 'messageId'>[];
}

/** Returns what a request is to write: conditions answered, references resolved and looked up. Throws Refusal. */
export async function planOf(parts: Parts, tx: DatabaseTransaction, request: Omit<WriteRequest, 'entry'>): Promise<Planned> {
  const entries = await patchedEntries(tx, await resolvedEntries(tx, request));
  const existing = await existingOnes(tx, entries);
  const changes = acceptSubscriptions(parts.outgoing, entries.flatMap(changeOf), parts.maps.outMaps.types);
  const place = ({ type, id }: ResourceId) =>
    entries.find((each) => each.method === 'DELETE' && each.type === type && each.id === id)?.index;
  const isBundle = request.asked.kind === 'transaction';
  if (isBundle) await refuseUnreadable(tx, request.asked.entries, entries);
  await refuseDangling(tx, changes, (target) => (isBundle ? `Bundle.entry[${place(target)}]` : undefined));
  return { entries, existing, changes };
}

/** A read in a transaction that finds nothing refuses the whole (http.html#transaction): before anything is stored. */
async function refuseUnreadable(tx: DatabaseTransaction, asked: readonly AskedEntry[], entries: readonly PatchedEntry[]): Promise<void> {
  const reads = asked.flatMap(({ method, type, id, index }) => (method === 'GET' && id !== undefined ? [{ type, id, index }] : []));
  if (reads.length === 0) return;
  const written = new Map<string, string>(
    entries.flatMap(({ method, type, id }) => (method === 'GET' ? [] : [[`${type}/${id}`, method] as const])),
  );
  const stored = await storedAmong(tx, reads);
  const isThere = (key: string): boolean => (written.has(key) ? written.get(key) !== 'DELETE' : stored.has(key));
  const gone = reads.filter(({ type, id }) => !isThere(`${type}/${id}`));
  if (gone.length > 0)
    throw new Refusal(
      gone.map(({ type, index }) => problem('resource-not-found', { reference: `${type} with this id` }, `Bundle.entry[${index}]`)),
    );
}

/** Returns what became of each write of a request, by the outcomes of its changes. */
export function writtenOf({ entries, existing }: Planned, outcomes: readonly WriteOutcome[]): readonly Written[] {
  const written = new Map(outcomes.map((outcome) => [`${outcome.type}/${outcome.id}`, outcome]));
  return entries.flatMap((entry) => {
    const outcome = entry.exists ? existing.get(`${entry.type}/${entry.id}`) : written.get(`${entry.type}/${entry.id}`);
    if (entry.method === 'GET' || outcome === undefined) return [];
    const { type, id, version, updated, body, status } = outcome;
    // Deleting what is gone already, or never was, is deleting it.
    const became = entry.method === 'DELETE' ? 'deleted' : status === 'conflict' ? 'unchanged' : status;
    return [{ index: entry.index, status: became, type, id, version, updated: updated ?? '', body }];
  });
}

async function resolvedEntries(
  tx: DatabaseTransaction,
  { asked, base, newId }: Omit<WriteRequest, 'entry'>,
): Promise<readonly TransactionEntry[]> {
  const conditions = asked.entries.flatMap((entry) => entry.condition?.key ?? []);
  await lockConditions(tx, conditions);
  const pinned = new Set(asked.entries.flatMap(({ method, condition }) => (method === 'POST' ? [] : (condition?.key ?? []))));
  const answers = await answersTo(tx, asked.questions, base, pinned);
  const resolved = resolveTransaction(asked, answers, { base, newId: newId ?? (() => randomUUID()) });
  if (!resolved.ok) throw new Refusal(resolved.problems);
  // An entry of a batch has its problems with it: here it is a request of its own.
  const problems = resolved.value.flatMap((entry) => entry.problems);
  if (problems.length > 0) throw new Refusal(problems);
  return resolved.value;
}

async function answersTo(
  tx: DatabaseTransaction,
  questions: readonly Question[],
  base: string,
  pinned: ReadonlySet<string>,
): Promise<Answers> {
  const answers = new Map<string, readonly string[]>();
  for (const { key, type, parameters } of questions) {
    const query = parseSearch(type, parameters, { base });
    if (!query.ok) throw new Refusal(query.problems);
    const ask = (): Promise<readonly string[]> => matchingIds(tx, query.value, { base });
    answers.set(key, pinned.has(key) ? await pinnedAnswer(tx, type, ask) : await ask());
  }
  return answers;
}

const MOST_ROUNDS = 8;

/** Returns an answer that cannot change any more: what another writer changes meanwhile must not be updated or deleted by mistake. */
async function pinnedAnswer(tx: DatabaseTransaction, type: string, ask: () => Promise<readonly string[]>): Promise<readonly string[]> {
  let found = await ask();
  for (let round = 0; round < MOST_ROUNDS; round++) {
    await lockCurrent(
      tx,
      found.map((id) => ({ type, id })),
    );
    const again = await ask();
    if (again.join() === found.join()) return again;
    found = again;
  }
  throw new Refusal([problem('database-busy', { attempts: MOST_ROUNDS })]);
}

/** What conditional creates found, as it stands. */
async function existingOnes(tx: DatabaseTransaction, entries: readonly TransactionEntry[]): Promise<ReadonlyMap<string, Written>> {
  const ids = entries.flatMap(({ exists, type, id }) => (exists && id !== undefined ? [{ type, id }] : []));
  if (ids.length === 0) return new Map();
  const stored = await readResources(tx, ids);
  return new Map(
    [...stored].map(([key, { type, id, version, updated, body }]) => [
      key,
      { index: 0, status: 'exists' as const, type, id, version, updated, body },
    ]),
  );
}

function changeOf({ method, type, id, resource, ifMatch, exists, patched }: PatchedEntry): readonly Omit<Change, 'messageId'>[] {
  if (method === 'GET' || id === undefined || exists) return [];
  const common = { update: 'replace', deletes: [], spec: '', problems: [], unmapped: [], expectVersion: ifMatch } as const;
  if (method === 'DELETE') return [{ ...common, resource: { resourceType: type, id }, delete: true }];
  if (resource === undefined) return [];
  return [patched === undefined ? { ...common, resource } : { ...common, update: 'patch', resource, patched }];
}
