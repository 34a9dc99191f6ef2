/**
 * The entries of the directory that messages name: Practitioner, Organization, Location. Thousands of patients' messages say the same of
 * one doctor, so an entry is written only when something new is said, and what counts is chosen so that nothing else need be kept: of two
 * statements one has the last word whatever order they come in and however often. What came as FHIR stays; a name counts more than none,
 * and one that somebody gave a place more than that of its parts; then the later day; of one day, the text that sorts last. Times finer
 * than a day would have every message write every doctor.
 */
import type { Transaction } from '../../database/connect.ts';
import { keptEntries, sayAgain } from '../../database/resources/directory.ts';
import { type CurrentResource, lockCurrent, readResources } from '../../database/resources/resources.ts';
import { writeResources } from '../../database/resources/write-resources.ts';
import { harmless, type Problem } from '../../errors.ts';
import { contentText } from '../../fhir/format/json.ts';
import { validateResource } from '../../fhir/validation/validate.ts';
import type { Draft } from '../../mapping/conversion.ts';
import { DIRECTORY_TYPES, namedness } from '../../mapping/directory.ts';
import { type Change, idOf, keyOf } from './change.ts';
import { mergedWith, writeOf } from './merged.ts';
import { dateOf, type RowParts, rowsOf, storedDate, storedResource } from './rows.ts';

const valid = new WeakSet<Draft['resource']>();

/** Returns what is wrong with entries as FHIR; each is looked at once. */
export const faultsOf = (drafts: readonly Draft[]): readonly Problem[] =>
  drafts.flatMap(({ resource }) => {
    if (valid.has(resource)) return [];
    const faults = validateResource(resource).filter((each) => !harmless([each]));
    if (faults.length === 0) valid.add(resource);
    return faults;
  });

/** Returns entries as said on the day of an event (ISO 8601 UTC). */
export const ofDay = (drafts: readonly Draft[], messageId: number, eventAt: string): readonly Change[] =>
  drafts.map((draft) => ({
    ...draft,
    messageId,
    eventAt: `${eventAt.slice(0, 10)}T00:00:00.000Z`,
    validated: true,
    problems: [],
    unmapped: [],
  }));

interface Said {
  readonly named: 0 | 1 | 2;
  readonly day: string;
  readonly text: string;
}

const saidIn = (resource: Change['resource'], eventAt: string | undefined): Said => ({
  named: namedness(resource),
  day: eventAt?.slice(0, 10) ?? '',
  text: contentText(resource),
});

/** Returns true when `a` has the last word over `b`. */
function isOver(a: Said, b: Said): boolean {
  if (a.named !== b.named) return a.named > b.named;
  return a.day === b.day ? a.text > b.text : a.day > b.day;
}

/** Of each entry the statement that has the last word, in the order in which entries are written by everybody. */
function lastWords(changes: readonly Change[]): readonly Change[] {
  const last = new Map<string, { readonly change: Change; readonly said: Said }>();
  for (const change of changes) {
    const key = keyOf(change.resource);
    const known = last.get(key);
    // Nearly always the very same again.
    if (known?.change.resource === change.resource && known.change.eventAt === change.eventAt) continue;
    const said = saidIn(change.resource, change.eventAt);
    if (known === undefined || isOver(said, known.said)) last.set(key, { change, said });
  }
  return [...last.entries()].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, { change }]) => change);
}

/** What a statement does to what is stored: nothing, only its day, or the entry. */
function effectOf({ resource, eventAt }: Change, current: CurrentResource | undefined): 'none' | 'day' | 'entry' {
  if (current === undefined || current.deleted) return 'entry';
  // A directory's own entry is no message's to change.
  if (current.spec === '') return 'none';
  const [said, known] = [saidIn(resource, eventAt), saidIn(storedResource(current), current.eventAt)];
  if (!isOver(said, known)) return 'none';
  return said.text === known.text ? 'day' : 'entry';
}

/** Returns what is not stored yet of what messages say of the directory. Nothing is locked. */
export async function unsaidEntries(tx: Transaction, changes: readonly Change[]): Promise<readonly Change[]> {
  if (changes.length === 0) return [];
  const last = lastWords(changes);
  const stored = await readResources(tx, last.map(idOf));
  return last.filter((change) => effectOf(change, stored.get(keyOf(change.resource))) !== 'none');
}

/**
 * Writes what has the last word. Locks entries only, always in the same order; call it before any patient's resource is locked. What
 * another transaction made meanwhile makes this one run again.
 */
export async function writeDirectory(parts: RowParts, tx: Transaction, changes: readonly Change[]): Promise<void> {
  if (changes.length === 0) return;
  const last = lastWords(changes);
  const current = await lockCurrent(tx, last.map(idOf));
  const effects = last.map((change) => ({ change, stored: current.get(keyOf(change.resource)) }));
  await sayAgain(
    tx,
    effects.flatMap(({ change: { eventAt, messageId }, change, stored }) =>
      stored && eventAt !== undefined && effectOf(change, stored) === 'day' ? [{ rid: stored.rid, eventAt, messageId }] : [],
    ),
  );
  const entries = effects.filter(({ change, stored }) => effectOf(change, stored) === 'entry');
  if (entries.length === 0) return;
  const today = dateOf(parts, parts.clock());
  const rows = await rowsOf(
    parts,
    tx,
    entries.map(({ change }) => change.resource),
    (each) => parts.writtenOn?.(each) ?? today,
  );
  const writes = entries.flatMap(({ change, stored }, i) => {
    const before = stored && !stored.deleted ? storedResource(stored) : undefined;
    const event = { at: change.eventAt ?? '', messageId: change.messageId ?? 0, way: 'replace' as const };
    const merged = mergedWith(change, stored, {
      before,
      resource: change.resource,
      isOver: false,
      overruled: undefined,
      event,
      said: [],
      forget: false,
    });
    const own = rows[i];
    return own === undefined ? [] : [writeOf(merged, own)];
  });
  await writeResources(tx, writes, (queryable, resources) => rowsOf(parts, queryable, resources, (each) => storedDate(parts, each)));
}

/**
 * Returns what a rebuild is given beside the journal: entries of which no applied message has the last word. They outlive the patient with
 * whom their message was erased.
 */
export const keptOf = async (stored: Transaction): Promise<readonly Change[]> =>
  (await keptEntries(stored, DIRECTORY_TYPES)).map((entry) => ({
    resource: withoutMeta(storedResource(entry)),
    update: 'replace',
    deletes: [],
    spec: entry.spec,
    messageId: entry.messageId,
    eventAt: entry.eventAt,
    validated: true,
    problems: [],
    unmapped: [],
  }));

function withoutMeta({ meta: _meta, ...resource }: Change['resource']): Change['resource'] {
  return resource;
}
