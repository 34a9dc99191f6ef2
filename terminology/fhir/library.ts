import type { CodeSystemProvider, ImplicitValueSet, JsonObject, NativeMap } from '../provider.ts';
import type { Suggester } from '../suggester.ts';
import { codeSystemOf } from './code-system.ts';
import { canonical, objectsAt, splitCanonical, textAt } from './json.ts';
import { compareVersions, matchesVersion } from './versions.ts';

export type TerminologyType = 'CodeSystem' | 'ValueSet' | 'ConceptMap';
export const TERMINOLOGY_TYPES: readonly TerminologyType[] = ['CodeSystem', 'ValueSet', 'ConceptMap'];

/** A resource that is there but need not be read yet. */
export interface Entry {
  readonly type: TerminologyType;
  readonly id: string;
  readonly url: string;
  readonly version: string | undefined;
  /** url, or url|version, of what a CodeSystem supplements. */
  readonly supplements: string | undefined;
  /** CodeSystem.content. */
  readonly content: string | undefined;
  /** CodeSystem.valueSet. */
  readonly valueSet: string | undefined;
  readonly read: () => JsonObject;
}

/** Returns the entry of a resource in memory; undefined for one of another type. A resource without url can be asked for by id only. */
export function entryOf(resource: JsonObject): Entry | undefined {
  const type = TERMINOLOGY_TYPES.find((each) => each === resource['resourceType']);
  if (type === undefined) return undefined;
  return {
    type,
    id: textAt(resource, 'id') ?? '',
    url: textAt(resource, 'url') ?? '',
    version: textAt(resource, 'version'),
    supplements: textAt(resource, 'supplements'),
    content: textAt(resource, 'content'),
    valueSet: textAt(resource, 'valueSet'),
    read: () => resource,
  };
}

/** What an entry of a CodeSystem becomes, made once. */
const providers = new WeakMap<Entry, CodeSystemProvider>();

function providerOf(entry: Entry): CodeSystemProvider {
  const known = providers.get(entry);
  if (known !== undefined) return known;
  const made = codeSystemOf(entry.read());
  providers.set(entry, made);
  return made;
}

/** Says that a CodeSystem holds codes that can be answered from. */
const HOLDS_CODES: ReadonlySet<string | undefined> = new Set(['complete', 'fragment', undefined]);

/**
 * Code systems, value sets and concept maps by canonical URL, several versions side by side; over a library below, which is asked for
 * what is not here. Never changes: what is added makes a new one.
 */
export class Library {
  readonly #below: Library | undefined;
  readonly #systems: readonly CodeSystemProvider[];
  readonly #entries: readonly Entry[];
  readonly #byUrl: ReadonlyMap<string, readonly Entry[]>;
  readonly #systemsByUrl: ReadonlyMap<string, readonly CodeSystemProvider[]>;
  readonly #byId: ReadonlyMap<string, Entry>;
  readonly #maps: readonly NativeMap[];
  readonly #suggester: Suggester | undefined;
  #conceptMaps: readonly JsonObject[] | undefined;

  constructor(content: {
    readonly entries?: readonly Entry[];
    readonly systems?: readonly CodeSystemProvider[];
    readonly maps?: readonly NativeMap[];
    readonly suggester?: Suggester | undefined;
    readonly below?: Library;
  }) {
    this.#below = content.below;
    this.#entries = content.entries ?? [];
    this.#systems = content.systems ?? [];
    this.#maps = content.maps ?? [];
    this.#suggester = content.suggester;
    this.#byUrl = Map.groupBy(this.#entries, ({ type, url }) => `${type} ${url}`);
    this.#systemsByUrl = Map.groupBy(this.#systems, ({ url }) => url);
    this.#byId = new Map(this.#entries.map((each) => [`${each.type}/${each.id}`, each]));
  }

  /** This library under some resources that count for one request only. */
  over(resources: readonly JsonObject[]): Library {
    const entries = resources.flatMap((each) => entryOf(each) ?? []);
    return entries.length === 0 ? this : new Library({ entries, below: this });
  }

  /** Returns the newest version of a code system that matches (default: any); complete ones here before those below before fragments here. */
  codeSystem(url: string, version?: string): CodeSystemProvider | undefined {
    const fits = (each: { readonly version: string | undefined }) =>
      version === undefined || version === '' || matchesVersion(version, each.version);
    const here = (this.#byUrl.get(`CodeSystem ${url}`) ?? []).filter(
      (each) => each.supplements === undefined && HOLDS_CODES.has(each.content),
    );
    const whole = newest(here.filter((each) => each.content !== 'fragment' && fits(each)));
    const native = newest(
      (this.#systemsByUrl.get(url) ?? []).filter(
        (each) => fits(each) || (version !== undefined && each.matchesVersion?.(version) === true),
      ),
    );
    if (whole !== undefined && compareVersions(whole.version, native?.version) >= 0) return providerOf(whole);
    const found = native ?? this.#below?.codeSystem(url, version);
    if (found !== undefined) return found;
    const part = newest(here.filter(fits));
    return part === undefined ? undefined : providerOf(part);
  }

  /** Returns a supplement by its own URL. */
  supplement(url: string): CodeSystemProvider | undefined {
    const own = newest(
      (this.#byUrl.get(`CodeSystem ${url}`) ?? []).filter((each) => each.supplements !== undefined || each.content === 'supplement'),
    );
    return own === undefined ? this.#below?.supplement(url) : providerOf(own);
  }

  /** Returns the supplements of a code system. */
  supplementsOf(url: string, version: string | undefined): readonly CodeSystemProvider[] {
    const own = this.#entries.filter((each) => {
      if (each.supplements === undefined) return false;
      const target = splitCanonical(each.supplements);
      return target.url === url && (target.version === undefined || version === undefined || matchesVersion(target.version, version));
    });
    return [...own.map(providerOf), ...(this.#below?.supplementsOf(url, version) ?? [])];
  }

  /** Returns the known versions of a code system, oldest first. */
  versionsOf(url: string): readonly string[] {
    const own = [...(this.#byUrl.get(`CodeSystem ${url}`) ?? []), ...(this.#systemsByUrl.get(url) ?? [])];
    const all = new Set([...own.flatMap(({ version }) => version ?? []), ...(this.#below?.versionsOf(url) ?? [])]);
    return [...all].sort(compareVersions);
  }

  valueSet(url: string, version?: string): JsonObject | undefined {
    const own = newest(
      (this.#byUrl.get(`ValueSet ${url}`) ?? []).filter((each) => version === undefined || matchesVersion(version, each.version)),
    );
    return own?.read() ?? this.#below?.valueSet(url, version);
  }

  conceptMap(url: string, version?: string): JsonObject | undefined {
    const own = newest(
      (this.#byUrl.get(`ConceptMap ${url}`) ?? []).filter((each) => version === undefined || matchesVersion(version, each.version)),
    );
    return own?.read() ?? this.#below?.conceptMap(url, version);
  }

  /** All concept maps, the newest version of each; what is here hides what is below. */
  conceptMaps(): readonly JsonObject[] {
    this.#conceptMaps ??= this.#allConceptMaps();
    return this.#conceptMaps;
  }

  #allConceptMaps(): readonly JsonObject[] {
    const below = this.#below?.conceptMaps() ?? [];
    const own = this.#entries.filter(({ type }) => type === 'ConceptMap');
    const named = Map.groupBy(own, ({ url, id }) => (url === '' ? `id ${id}` : url));
    const found = [...named.values()].flatMap((versions) => newest(versions) ?? []);
    return [...found.map((each) => each.read()), ...below.filter((each) => !named.has(textAt(each, 'url') ?? ''))];
  }

  /** Maps that are no resources. */
  nativeMaps(): readonly NativeMap[] {
    return [...this.#maps, ...this.#systems.flatMap(({ maps = [] }) => maps), ...(this.#below?.nativeMaps() ?? [])];
  }

  /** Returns the map that is no resource of a URL; of several versions the newest. */
  nativeMap(url: string, version?: string): NativeMap | undefined {
    const named = this.nativeMaps().filter((each) => each.url === url || each.isNamed?.(url) === true);
    return newest(named.filter((each) => version === undefined || matchesVersion(version, each.version)));
  }

  /** What suggests standard concepts. */
  suggester(): Suggester | undefined {
    return this.#suggester ?? this.#below?.suggester();
  }

  byId(type: TerminologyType, id: string): JsonObject | undefined {
    return this.#byId.get(`${type}/${id}`)?.read() ?? this.#below?.byId(type, id);
  }

  /** The code system of a resource that is named by id: the very one, not the newest version of its URL. */
  codeSystemById(id: string): CodeSystemProvider | undefined {
    const own = this.#byId.get(`CodeSystem/${id}`);
    return own === undefined ? this.#below?.codeSystemById(id) : providerOf(own);
  }

  /** Returns the value set that exists by its URL alone: of all codes of a code system, or as the code system's own rules say. */
  implicit(url: string): { readonly system: CodeSystemProvider; readonly set: ImplicitValueSet } | undefined {
    // Of several editions and versions of one code system each knows the URLs of its own, all know that without an edition.
    const own = this.#systems.flatMap((system) => {
      const set = system.implicit?.(url);
      return set === undefined ? [] : [{ version: system.version, system, set }];
    });
    const native = newest(own);
    if (native !== undefined) return native;
    const [base = '', query] = url.split('?');
    const named = query === 'fhir_vs' ? this.codeSystem(base) : this.#ofWholeSystem(url);
    if (named !== undefined)
      return { system: named, set: { url, name: named.name, title: `All codes of ${named.title ?? named.name}`, filters: [] } };
    return this.#below?.implicit(url);
  }

  /** Every code system with its versions, for TerminologyCapabilities. */
  systems(): readonly { readonly url: string; readonly versions: readonly (string | undefined)[]; readonly content: string }[] {
    const below = this.#below?.systems() ?? [];
    const own = [
      ...this.#systems.map(({ url, version, content }) => ({ url, version, content: content as string })),
      ...this.#entries.flatMap(({ type, url, version, content, supplements }) =>
        type === 'CodeSystem' && supplements === undefined && url !== '' ? [{ url, version, content: content ?? 'complete' }] : [],
      ),
    ];
    const grouped = Map.groupBy(
      [...own, ...below.flatMap(({ url, versions, content }) => versions.map((version) => ({ url, version, content })))],
      ({ url }) => url,
    );
    return [...grouped]
      .map(([url, each]) => ({
        url,
        versions: [...new Set(each.map(({ version }) => version))].sort(compareVersions),
        content: each[0]?.content ?? 'complete',
      }))
      .sort((a, b) => (a.url < b.url ? -1 : 1));
  }

  #ofWholeSystem(valueSet: string): CodeSystemProvider | undefined {
    const entry = this.#entries.find((each) => each.type === 'CodeSystem' && HOLDS_CODES.has(each.content) && each.valueSet === valueSet);
    if (entry !== undefined) return this.codeSystem(entry.url, entry.version);
    return this.#systems.find((each) => each.valueSet === valueSet);
  }
}

function newest<T extends { readonly version: string | undefined }>(all: readonly T[]): T | undefined {
  return all.reduce<T | undefined>(
    (best, each) => (best === undefined || compareVersions(best.version, each.version) < 0 ? each : best),
    undefined,
  );
}

/** Returns a resource contained in another by its #id. */
export const containedIn = (source: JsonObject | undefined, reference: string): JsonObject | undefined =>
  objectsAt(source, 'contained').find((each) => `#${textAt(each, 'id')}` === reference);

/** url|version of a value set; '(unidentified)' for one without url. */
export const nameOf = (valueSet: JsonObject): string => canonical(textAt(valueSet, 'url') ?? '(unidentified)', textAt(valueSet, 'version'));
