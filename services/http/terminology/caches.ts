import { randomUUID } from 'node:crypto';
import { refuse, type TerminologyRefusal } from '../../../terminology/fhir/issue.ts';
import { textAt } from '../../../terminology/fhir/json.ts';
import { type Entry, entryOf, Library } from '../../../terminology/fhir/library.ts';
import type { JsonObject } from '../../../terminology/provider.ts';

export interface CacheLimits {
  readonly caches: number;
  readonly cacheMinutes: number;
  readonly cacheMegabytes: number;
}

/** What a client sent once and names from then on. */
interface Cache {
  readonly caller: string;
  readonly isSealed: boolean;
  /** By type and canonical: what is sent again takes the place of what was. */
  readonly entries: Map<string, { readonly entry: Entry; readonly bytes: number }>;
  bytes: number;
  usedMs: number;
  /** Made once for a library below, not for every call. */
  made: { readonly below: Library; readonly library: Library } | undefined;
}

/** What $cache-control?mode=check says. */
export interface CacheState {
  readonly isSealed: boolean;
  readonly resources: number;
  readonly idleSeconds: number;
}

/** Ends of caches that are remembered, so that a caller hears why. */
const REMEMBERED = 1_000;
/** How many times what one caller may have all callers together may. */
const CALLERS = 10;
type End = 'ended' | 'expired' | 'gave way';
const ENDS: Readonly<Record<End, string>> = {
  ended: 'it was ended by mode=end',
  expired: 'it was not used for too long',
  'gave way': 'it gave way to others that were used later',
};

/**
 * The caches of terminology clients (https://hl7.org/fhir/tools/terminology-caching.html): in the memory of this process, of one caller each,
 * few and small, and gone when they are not used. Another process and this one after a restart do not know them, and say so.
 */
export class TerminologyCaches {
  readonly #limits: CacheLimits;
  readonly #now: () => number;
  /** The one used last stands last. */
  readonly #caches = new Map<string, Cache>();
  readonly #ends = new Map<string, End>();
  #bytes = 0;

  /** `now`: ms. */
  constructor(limits: CacheLimits, now: () => number) {
    this.#limits = limits;
    this.#now = now;
  }

  /** Begins a cache and returns its id. Refuses (413) resources that are larger than all caches may be. */
  start(caller: string, isSealed: boolean, resources: readonly JsonObject[]): string {
    const id = randomUUID();
    this.#open(id, caller, isSealed, resources);
    return id;
  }

  /** Ends a cache; one that is not there is no error. */
  end(caller: string, id: string): void {
    if (this.#find(caller, id) !== undefined) this.#close(id, 'ended');
  }

  /** Returns the state of a cache, which counts as use; undefined: it is not there. */
  check(caller: string, id: string): CacheState | undefined {
    const found = this.#find(caller, id);
    if (found === undefined) return undefined;
    const idleSeconds = Math.round((this.#now() - found.usedMs) / 1000);
    this.#use(id, found);
    return { isSealed: found.isSealed, resources: found.entries.size, idleSeconds };
  }

  /** Returns a library over what a cache holds, to which `sent` is added unless it is sealed. Refuses (404) a cache that is not there. */
  over(below: Library, caller: string, id: string, sent: readonly JsonObject[]): Library {
    const found = this.#find(caller, id);
    if (found === undefined) throw this.#unknown(id);
    return this.#library(id, found, below, sent);
  }

  /** The same for an id of the client's own (the parameter cache-id of older clients): the first use begins the cache. */
  overNamed(below: Library, caller: string, name: string, sent: readonly JsonObject[]): Library {
    const id = `named ${caller} ${name}`;
    const found = this.#find(caller, id) ?? this.#open(id, caller, false, []);
    return this.#library(id, found, below, sent);
  }

  #library(id: string, cache: Cache, below: Library, sent: readonly JsonObject[]): Library {
    this.#use(id, cache);
    if (!cache.isSealed) this.#add(id, cache, sent);
    if (cache.made?.below !== below) {
      const entries = [...cache.entries.values()].map(({ entry }) => entry);
      cache.made = { below, library: new Library({ entries, below }) };
    }
    return cache.made.library;
  }

  #open(id: string, caller: string, isSealed: boolean, resources: readonly JsonObject[]): Cache {
    const cache: Cache = { caller, isSealed, entries: new Map(), bytes: 0, usedMs: this.#now(), made: undefined };
    this.#caches.set(id, cache);
    this.#add(id, cache, resources);
    const own = [...this.#caches].filter(([, each]) => each.caller === caller);
    for (const [oldest] of own.slice(0, Math.max(0, own.length - this.#limits.caches))) this.#close(oldest, 'gave way');
    this.#makeRoom(id, this.#limits.caches * CALLERS);
    return cache;
  }

  #add(id: string, cache: Cache, resources: readonly JsonObject[]): void {
    for (const resource of resources) {
      const entry = entryOf(resource);
      // What has no URL cannot be named later.
      if (entry === undefined || entry.url === '') continue;
      const key = `${entry.type} ${entry.url}|${entry.version ?? ''}`;
      const known = cache.entries.get(key);
      const text = JSON.stringify(resource);
      if (known !== undefined && known.bytes === text.length && JSON.stringify(known.entry.read()) === text) continue;
      const more = text.length - (known?.bytes ?? 0);
      if (cache.bytes + more > this.#limits.cacheMegabytes * 2 ** 20)
        throw refuse(
          413,
          'too-costly',
          `A cache holds at most ${this.#limits.cacheMegabytes} megabytes: ${textAt(resource, 'url')} does not fit`,
        );
      cache.entries.set(key, { entry, bytes: text.length });
      cache.bytes += more;
      this.#bytes += more;
      cache.made = undefined;
    }
    this.#makeRoom(id, this.#limits.caches * CALLERS);
  }

  /** Closes the caches that were not used for longest until the others are few and small enough. */
  #makeRoom(but: string, most: number): void {
    for (const id of this.#caches.keys()) {
      if (this.#caches.size <= most && this.#bytes <= this.#limits.cacheMegabytes * 2 ** 20) return;
      if (id !== but) this.#close(id, 'gave way');
    }
  }

  #find(caller: string, id: string): Cache | undefined {
    const oldest = this.#now() - this.#limits.cacheMinutes * 60_000;
    for (const [each, { usedMs }] of this.#caches) {
      if (usedMs >= oldest) break;
      this.#close(each, 'expired');
    }
    const found = this.#caches.get(id);
    return found?.caller === caller ? found : undefined;
  }

  #use(id: string, cache: Cache): void {
    cache.usedMs = this.#now();
    this.#caches.delete(id);
    this.#caches.set(id, cache);
  }

  #close(id: string, end: End): void {
    this.#bytes -= this.#caches.get(id)?.bytes ?? 0;
    this.#caches.delete(id);
    this.#ends.set(id, end);
    const [first] = this.#ends.keys();
    if (this.#ends.size > REMEMBERED && first !== undefined) this.#ends.delete(first);
  }

  #unknown(id: string): TerminologyRefusal {
    const end = this.#ends.get(id);
    const why = end === undefined ? 'this process never began it, or was started again since' : ENDS[end];
    return refuse(
      404,
      'not-found',
      `The cache '${id.slice(0, 64)}' is not there: ${why}. Begin another with $cache-control`,
      'cache-id-unknown',
    );
  }
}
