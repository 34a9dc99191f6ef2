import { randomUUID } from 'node:crypto';
import { lockConditions, matchingIds, storedAmong } from '../database/conditions.ts';
import type { Transaction as DatabaseTransaction } from '../database/connect.ts';
import type { JournalEntry } from '../database/journal-entry.ts';
import { type ResourceId, readResources } from '../database/resources.ts';
import { type Problem, problem, Refusal } from '../errors.ts';
import { isResourceType } from '../fhir/definitions.ts';
import { references } from '../fhir/references.ts';
import type { Resource } from '../fhir/resource.ts';
import { parseSearch } from '../fhir/search-parse.ts';
import type { Question, Transaction } from '../fhir/transaction.ts';
import { type Answers, resolveTransaction, type TransactionEntry } from '../fhir/transaction-resolve.ts';
import { type Change, type Parts, write } from '../pipeline.ts';

/** What became of one write of a request. */
export interface Written {
  /** Place of the entry in the bundle, from 0. */
  readonly index: number;
  /** exists: a conditional create found one; unchanged: the same content was there. */
  readonly status: 'created' | 'updated' | 'deleted' | 'unchanged' | 'exists';
  readonly type: string;
  readonly id: string;
  readonly version: number;
  /** ISO instant. */
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
  let entries: readonly TransactionEntry[] = [];
  let existing: ReadonlyMap<string, Written> = new Map();
  const plan = async (tx: DatabaseTransaction) => {
    entries = await resolvedEntries(tx, request);
    existing = await existingOnes(tx, entries);
    const changes = entries.flatMap(changeOf);
    await refuseMissing(tx, changes);
    return changes;
  };
  const outcomes = await write(parts, request.entry, plan, request.isFinal);
  const written = new Map(outcomes.map((outcome) => [`${outcome.type}/${outcome.id}`, outcome]));
  return entries.flatMap((entry) => {
    const outcome = entry.exists ? existing.get(`${entry.type}/${entry.id}`) : written.get(`${entry.type}/${entry.id}`);
    if (entry.method === 'GET' || outcome === undefined) return [];
    const { type, id, version, updated, body, status } = outcome;
    return [{ index: entry.index, status: status === 'conflict' ? 'unchanged' : status, type, id, version, updated: updated ?? '', body }];
  });
}

async function resolvedEntries(tx: DatabaseTransaction, { asked, base, newId }: WriteRequest): Promise<readonly TransactionEntry[]> {
  const conditions = asked.entries.flatMap((entry) => entry.condition?.key ?? []);
  await lockConditions(tx, conditions);
  const answers = await answersTo(tx, asked.questions, base);
  const resolved = resolveTransaction(asked, answers, { base, newId: newId ?? (() => randomUUID()) });
  if (!resolved.ok) throw new Refusal(resolved.problems);
  return resolved.value;
}

async function answersTo(tx: DatabaseTransaction, questions: readonly Question[], base: string): Promise<Answers> {
  const answers = new Map<string, readonly string[]>();
  for (const { key, type, parameters } of questions) {
    const query = parseSearch(type, parameters, { base });
    if (!query.ok) throw new Refusal(query.problems);
    answers.set(key, await matchingIds(tx, query.value, { base }));
  }
  return answers;
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

function changeOf({ method, type, id, resource, ifMatch, exists }: TransactionEntry): readonly Omit<Change, 'messageId'>[] {
  if (method === 'GET' || id === undefined || exists) return [];
  const common = { update: 'replace', deletes: [], spec: '', problems: [], unmapped: [], expectVersion: ifMatch } as const;
  if (method === 'DELETE') return [{ ...common, resource: { resourceType: type, id }, delete: true }];
  return resource === undefined ? [] : [{ ...common, resource }];
}

/** Refuses references to resources that are neither stored nor written here: an event without its patient would be lost to everybody. */
async function refuseMissing(tx: DatabaseTransaction, changes: readonly Omit<Change, 'messageId'>[]): Promise<void> {
  const here = new Set(changes.filter((change) => !change.delete).map(({ resource }) => `${resource.resourceType}/${resource.id}`));
  const asked = changes.flatMap(({ resource }, index) =>
    references(resource).flatMap(({ reference, at }) => {
      const target = localTarget(reference);
      return target === undefined || here.has(`${target.type}/${target.id}`) ? [] : [{ target, at, index }];
    }),
  );
  if (asked.length === 0) return;
  const stored = await storedAmong(
    tx,
    asked.map(({ target }) => target),
  );
  const missing = asked.filter(({ target }) => !stored.has(`${target.type}/${target.id}`));
  if (missing.length === 0) return;
  throw new Refusal(missing.slice(0, 20).map(({ target, at }) => problem('reference-not-found', { reference: target.type }, at)));
}

/** Type/id of a relative reference; undefined for one to another server, a contained resource or a logical address. */
function localTarget(reference: string): ResourceId | undefined {
  const [, type = '', id = ''] = /^([A-Za-z]+)\/([A-Za-z0-9\-.]{1,64})(?:\/_history\/[^/]+)?(?:#.*)?$/.exec(reference) ?? [];
  return isResourceType(type) ? { type, id } : undefined;
}
