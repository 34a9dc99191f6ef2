/**
 * The proof that the CDM is what it would be if everything were done again: what was applied is applied once more to an empty store, and the
 * two are compared row by row (storage.md; omop-rules 65, 70).
 */
import { compareCdm, type RowDifference, type TableComparison } from '../database/cdm/compare.ts';
import { writeChoices } from '../database/cdm/metadata.ts';
import type { Database, Transaction } from '../database/connect.ts';
import { type DeriveOptions, deriveAll } from '../database/derived/derived.ts';
import type { JournalMessage } from '../database/journal/take.ts';
import { readResources } from '../database/resources/resources.ts';
import { copyDrugVocabulary } from '../database/scratch.ts';
import {
  type AppliedEntry,
  appliedEntries,
  copyMerges,
  currentVersions,
  journalIsWhole,
  type StoredState,
  storedStates,
  type WrittenVersion,
} from '../database/specs/replay.ts';
import { Refusal } from '../errors.ts';
import { readJson, sameContent } from '../fhir/format/json.ts';
import { applyMessages, type Parts } from '../pipeline.ts';
import { apply } from './apply/apply.ts';
import type { Change } from './apply/change.ts';
import { keptOf, unsaidEntries, writeDirectory } from './apply/directory.ts';
import { mergePatients } from './apply/merge.ts';
import { applyRequested } from './apply/requested.ts';
import { dateOf, storedResource } from './apply/rows.ts';

export interface Explained extends RowDifference {
  /** What can be found out about it. */
  readonly reason: string;
}

export interface RebuildReport {
  /** journal: messages were converted again and requests applied again; resources: the journal was cut, rows were made from stored resources. */
  readonly way: 'journal' | 'resources';
  readonly applied: number;
  /** Resources whose content differs, by 'Type/id'; always empty on the way from resources. */
  readonly resources: readonly { readonly reference: string; readonly reason: string }[];
  readonly tables: readonly TableComparison[];
  /** The first differences of each table. */
  readonly rows: readonly Explained[];
}

export interface RebuildOptions {
  readonly derive: DeriveOptions;
  /** Differences listed of each table; all are counted. */
  readonly listed: number;
  /** Told how many messages and requests were applied. */
  readonly progress?: (applied: number) => void;
}

const STATEMENT_MS = 6 * 3_600_000;
const BATCH = 100;

/** Rebuilds the store of `parts` in `scratch` (migrated and empty) and compares. The store may go on: one picture of it is read. */
export function rebuildCompared(parts: Parts, scratch: Database, options: RebuildOptions): Promise<RebuildReport> {
  return parts.database.snapshot(
    async (stored) => {
      const states = await storedStates(stored);
      const writtenOn: Parts['writtenOn'] = ({ resourceType, id }) => {
        const state = states.get(`${resourceType}/${id}`);
        return state && dateOf(parts, new Date(state.updated));
      };
      const way = (await journalIsWhole(stored)) ? 'journal' : 'resources';
      const again: Parts = { ...parts, database: scratch, writtenOn };
      const done = way === 'journal' ? await replayed(again, stored, options) : await remade(again, stored, options);
      await copyDrugVocabulary(stored, scratch);
      await writeChoices(scratch, parts.choices);
      await deriveAll(scratch, options.derive);
      return scratch.snapshot(
        async (rebuilt) => ({ way, ...done, ...(await compared(stored, rebuilt, states, done.failed, options, way)) }),
        {
          timeoutMs: STATEMENT_MS,
        },
      );
    },
    { timeoutMs: STATEMENT_MS },
  );
}

interface Done {
  readonly applied: number;
  /** Codes of the problems by the number of the message that could not be applied again. */
  readonly failed: ReadonlyMap<number, string>;
}

async function replayed(parts: Parts, stored: Transaction, { progress }: RebuildOptions): Promise<Done> {
  const failed = new Map<number, string>();
  let applied = 0;
  let batch: JournalMessage[] = [];
  const flush = async (): Promise<void> => {
    const messages = batch;
    batch = [];
    if (messages.length > 0) await appliedAgain(parts, messages, failed);
  };
  for await (const entry of appliedEntries(stored)) {
    if (entry.written !== undefined) {
      await flush();
      await requestedAgain(parts, entry, failed);
    } else {
      const keys = new Set(batch.flatMap(({ patientKeys }) => patientKeys));
      if (batch.length >= BATCH || entry.message.patientKeys.some((key) => keys.has(key))) await flush();
      batch.push(entry.message);
    }
    applied += 1;
    if (applied % 1_000 === 0) progress?.(applied);
  }
  await flush();
  const kept = await keptOf(stored);
  await parts.database.transaction(async (tx) => writeDirectory(parts, tx, await unsaidEntries(tx, kept)));
  return { applied, failed };
}

/** Applies messages together, or each alone when one of them cannot be. */
async function appliedAgain(parts: Parts, messages: readonly JournalMessage[], failed: Map<number, string>): Promise<void> {
  try {
    const outcomes = await parts.database.transaction((tx) => applyMessages(at(parts, messages.at(-1)), tx, messages));
    for (const { id, status, problems } of outcomes) if (status !== 'applied') failed.set(id, problems.map(({ code }) => code).join(', '));
  } catch (error) {
    const [only, second] = messages;
    if (only === undefined) return;
    if (second === undefined) failed.set(only.id, reasonOf(error));
    else for (const message of messages) await appliedAgain(parts, [message], failed);
  }
}

const reasonOf = (error: unknown): string => {
  if (error instanceof Refusal) return error.problems.map(({ code }) => code).join(', ');
  throw error;
};

/** The same parts at the time of a message. */
const at = (parts: Parts, message: JournalMessage | undefined): Parts =>
  message === undefined ? parts : { ...parts, clock: () => new Date(message.receivedAt) };

async function requestedAgain(parts: Parts, { message, written = [], merge }: AppliedEntry, failed: Map<number, string>): Promise<void> {
  const [said] = written.flatMap(({ saidAt }) => saidAt ?? []).toSorted();
  const now = said === undefined ? at(parts, message) : { ...parts, clock: () => new Date(said) };
  try {
    if (merge !== undefined) {
      // Requests are done again at the time of their receipt: a merge must not come before what it followed, whatever the clock of its day said.
      const received = now.clock().toISOString();
      const moment = merge.at > received ? merge.at : received;
      await parts.database.transaction((tx) => mergePatients(now, tx, { ...merge, at: moment, messageId: message.id }));
    } else if (written.length > 0) {
      await parts.database.transaction(async (tx) => {
        await parts.live?.hold(tx);
        await parts.specs?.hold(tx);
        await applyRequested(now, tx, written.map(changeOf), message.id);
      });
    }
  } catch (error) {
    failed.set(message.id, reasonOf(error));
  }
}

function changeOf({ type, id, deleted, body, spec, patched }: WrittenVersion): Omit<Change, 'messageId'> {
  const common = { update: 'replace', deletes: [], spec, problems: [], unmapped: [] } as const;
  if (deleted) return { ...common, resource: { resourceType: type, id }, delete: true };
  const read = readJson(body);
  if (!read.ok) throw new Refusal(read.problems);
  const resource = { ...read.value, resourceType: type, id };
  return patched === undefined ? { ...common, resource } : { ...common, update: 'patch', resource, patched };
}

const MOST_TOGETHER = 500;

/** Makes the rows from the resources as they are stored. */
async function remade(parts: Parts, stored: Transaction, { progress }: RebuildOptions): Promise<Done> {
  await copyMerges(stored, parts.database);
  let applied = 0;
  let chunk: Change[] = [];
  const flush = async (): Promise<void> => {
    const changes = chunk;
    chunk = [];
    if (changes.length > 0) await parts.database.transaction((tx) => apply(parts, tx, changes));
    applied += changes.length;
    progress?.(applied);
  };
  for await (const version of currentVersions(stored)) {
    chunk.push({ ...changeOf(version), messageId: undefined });
    if (chunk.length >= MOST_TOGETHER) await flush();
  }
  await flush();
  return { applied, failed: new Map() };
}

async function compared(
  stored: Transaction,
  rebuilt: Transaction,
  states: ReadonlyMap<string, StoredState>,
  failed: Done['failed'],
  { listed }: RebuildOptions,
  way: RebuildReport['way'],
): Promise<Pick<RebuildReport, 'resources' | 'tables' | 'rows'>> {
  const again = await storedStates(rebuilt);
  const resources = way === 'journal' ? await reallyDifferent(stored, rebuilt, differentResources(states, again)) : [];
  const reasons = new Map(resources.map(({ reference, reason }) => [reference, reason]));
  const rows: Explained[] = [];
  const counts = new Map<string, number>();
  const tables = await compareCdm(stored, rebuilt, (difference) => {
    const count = (counts.get(difference.table) ?? 0) + 1;
    counts.set(difference.table, count);
    if (count > listed) return;
    const reference = difference.key.split('#')[0] ?? '';
    const [own, other] = [states.get(reference), again.get(reference)];
    const spec =
      own && other && own.rowSpec !== other.rowSpec
        ? `its rows were made by ${own.rowSpec || 'no map'}, now by ${other.rowSpec || 'no map'}`
        : '';
    rows.push({ ...difference, reason: reasons.get(reference) ?? (spec || 'no reason found: the same resource, the same map') });
  });
  const lost = [...failed].map(([id, codes]) => ({
    reference: `message ${id}`,
    reason: `was applied, and is not when done again: ${codes}`,
  }));
  return { resources: [...lost, ...resources], tables, rows };
}

/** The same elements in another order are the same: what was merged, parted and merged again has them so. */
async function reallyDifferent(
  stored: Transaction,
  rebuilt: Transaction,
  found: RebuildReport['resources'],
): Promise<RebuildReport['resources']> {
  const ids = found.map(({ reference }) => ({ type: reference.split('/')[0] ?? '', id: reference.split('/')[1] ?? '' }));
  const [own, other] = [await readResources(stored, ids), await readResources(rebuilt, ids)];
  return found.filter(({ reference }) => {
    const [one, two] = [own.get(reference), other.get(reference)];
    if (one === undefined || two === undefined || one.deleted || two.deleted) return true;
    return !sameContent(storedResource(one), storedResource(two));
  });
}

function differentResources(states: ReadonlyMap<string, StoredState>, again: ReadonlyMap<string, StoredState>): RebuildReport['resources'] {
  const all: { reference: string; reason: string }[] = [];
  for (const [reference, { content }] of states) {
    const other = again.get(reference)?.content;
    if (other === undefined && content !== 'deleted') all.push({ reference, reason: 'nothing in the journal makes this resource' });
    else if (other !== undefined && other !== content) all.push({ reference, reason: 'the resource has another content when made again' });
  }
  for (const [reference, { content }] of again)
    if (!states.has(reference) && content !== 'deleted') all.push({ reference, reason: 'the journal makes a resource that is not stored' });
  return all;
}
