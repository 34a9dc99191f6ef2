import type { Transaction } from '../../database/connect.ts';
import { lockCurrent } from '../../database/resources/resources.ts';
import { failure, problem, Refusal } from '../../errors.ts';
import { type ChangedElements, changedElements } from '../../fhir/patch/changed-elements.ts';
import type { Locate } from '../../fhir/patch/fhirpath-patch.ts';
import { patched } from '../../fhir/patch/patch.ts';
import type { TransactionEntry } from '../../fhir/transaction/transaction-resolve.ts';
import { storedResource } from '../apply/rows.ts';
import { evaluateFhirPath, placesOf } from './fhirpath.ts';

/** Of the processor, for all expressions of one request together: rows are locked meanwhile. */
const MOST_CPU_MS = 2_000;

const COSTLY = failure(problem('fhirpath-costly', { mostCpuMs: MOST_CPU_MS }));

/** An entry ready to be written; of a patch with the elements that it changed. */
export interface PatchedEntry extends TransactionEntry {
  readonly patched?: ChangedElements;
}

/**
 * Returns the entries of a request with their patches done: each patch has become an update of the version it was made of, which stays
 * locked until the transaction ends. Throws Refusal: resource-not-found, resource-deleted, resource-version-conflict, and what patches report.
 */
export async function patchedEntries(tx: Transaction, entries: readonly TransactionEntry[]): Promise<readonly PatchedEntry[]> {
  if (entries.every(({ patch }) => patch === undefined)) return entries;
  // Every row at once and in one order, as all writers take them.
  const targets = entries.flatMap(({ method, type, id }) => (method === 'GET' || id === undefined ? [] : [{ type, id }]));
  const current = await lockCurrent(tx, targets);
  let leftMs = MOST_CPU_MS;
  const locate: Locate = async (resource, expression) => {
    const found = leftMs <= 0 ? COSTLY : await evaluateFhirPath(resource, [{ expression }], leftMs);
    if (!found.ok) return COSTLY;
    leftMs -= found.value.cpuMs;
    return placesOf(found.value);
  };
  const done: PatchedEntry[] = [];
  for (const entry of entries) done.push(entry.patch === undefined ? entry : await patchedEntry(entry, current, locate));
  return done;
}

async function patchedEntry(entry: TransactionEntry, all: Awaited<ReturnType<typeof lockCurrent>>, locate: Locate): Promise<PatchedEntry> {
  const { type, id = '', patch, ifMatch } = entry;
  const current = all.get(`${type}/${id}`);
  if (patch === undefined) return entry;
  if (current === undefined || current.deleted) {
    throw new Refusal([problem(current ? 'resource-deleted' : 'resource-not-found', { reference: `${type} with this id` })]);
  }
  const { version } = current;
  if (ifMatch !== undefined && ifMatch !== version) {
    throw new Refusal([problem('resource-version-conflict', { reference: `${type}/${id}`, version })]);
  }
  const stored = storedResource(current);
  const made = await patched(stored, patch, locate);
  const linked = made.ok ? entry.relinked(made.value) : made;
  if (!linked.ok) throw new Refusal(linked.problems);
  const resource = { ...linked.value, id };
  return { ...entry, resource, ifMatch: version, patched: changedElements(stored, resource) };
}
