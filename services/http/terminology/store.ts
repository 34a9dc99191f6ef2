import { builtInSystems } from '../../../terminology/built-in/built-in.ts';
import { type Entry, Library, TERMINOLOGY_TYPES } from '../../../terminology/fhir/library.ts';
import type { JsonObject, TerminologySources } from '../../../terminology/provider.ts';
import type { Database } from '../../database/connect.ts';
import { currentTerminology, readTerminology, type StoredTerminology, TERMINOLOGY_CHANNEL } from '../../database/resources/terminology.ts';
import { readJson } from '../../fhir/format/json.ts';

/** The stored code systems, value sets and concept maps of all processes, and what is loaded beside them. */
export interface TerminologyStore {
  /** Resolves to a library with everything that was committed before the call by this process, and shortly after by others. */
  library(): Promise<Library>;
  /** The same at once; undefined while something was committed that is not read yet. */
  current(): Library | undefined;
  /** Says that such a resource may have changed. */
  touch(): void;
  close(): Promise<void>;
}

/** Bodies read at once. */
const BATCH = 200;
/** Where nothing is loaded. */
const BUILT_IN: TerminologySources = { systems: builtInSystems(), maps: [] };

/**
 * Keeps the resources in memory by the number of their write, so that a change reads only what changed. A library is never changed: an
 * operation that began with one ends with it.
 */
export function terminologyStore(database: Database, sources: () => TerminologySources = () => BUILT_IN): TerminologyStore {
  let changes = 1;
  let loaded = 0;
  let entries: ReadonlyMap<number, Entry> = new Map();
  let used: TerminologySources | undefined;
  let library = new Library({});
  let loading: Promise<void> | undefined;
  let unlisten: Promise<() => Promise<void>> | undefined;
  const touch = (): void => {
    changes++;
  };

  const load = async (): Promise<void> => {
    unlisten ??= database.listen(TERMINOLOGY_CHANNEL, touch);
    try {
      await unlisten;
    } catch (error) {
      unlisten = undefined;
      throw error;
    }
    const seen = changes;
    const current = await currentTerminology(database);
    const next = new Map(current.flatMap((rid) => (entries.has(rid) ? [[rid, entries.get(rid)] as const] : [])));
    const missing = current.filter((rid) => !entries.has(rid));
    const known = new Map<number, Entry>([...next].flatMap(([rid, entry]) => (entry === undefined ? [] : [[rid, entry] as const])));
    for (let from = 0; from < missing.length; from += BATCH) {
      for (const row of await readTerminology(database, missing.slice(from, from + BATCH))) {
        const entry = entryOf(row);
        if (entry !== undefined) known.set(row.rid, entry);
      }
    }
    const isSame = missing.length === 0 && known.size === entries.size;
    entries = known;
    if (!isSame || used !== sources()) rebuild();
    loaded = seen;
  };
  const rebuild = (): void => {
    used = sources();
    library = new Library({ entries: [...entries.values()], below: new Library(used) });
  };
  return {
    library: async () => {
      while (loaded < changes) {
        loading ??= load().finally(() => {
          loading = undefined;
        });
        await loading;
      }
      if (used !== sources()) rebuild();
      return library;
    },
    current: () => (loaded < changes || used !== sources() ? undefined : library),
    touch,
    close: async () => {
      const end = await unlisten?.catch(() => undefined);
      await end?.();
    },
  };
}

/** A stored resource as the library has it; its text is read when the resource is first used. */
function entryOf(row: StoredTerminology): Entry | undefined {
  const type = TERMINOLOGY_TYPES.find((each) => each === row.type);
  if (type === undefined) return undefined;
  let resource: JsonObject | undefined;
  const read = (): JsonObject => {
    if (resource === undefined) {
      const found = readJson(row.body);
      resource = found.ok ? found.value : { resourceType: type, id: row.id };
    }
    return resource;
  };
  return {
    type,
    id: row.id,
    url: row.url ?? '',
    version: row.version ?? undefined,
    supplements: row.supplements ?? undefined,
    content: row.content ?? undefined,
    valueSet: row.value_set ?? undefined,
    read,
  };
}
