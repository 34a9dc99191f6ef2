/** FHIR packages that were loaded, and what is in them. */
import { resourceTypeOf } from '../../fhir/definitions.ts';
import { searchParameters } from '../../fhir/parameters.ts';
import { indexed } from '../../fhir/search/index.ts';
import type { Database, Queryable } from '../connect.ts';
import { type NotSearched, notSearched } from '../search/custom.ts';
import { type OfType, parametersWritten } from '../search/parameters.ts';
import { plainArray, textArray } from '../wire.ts';

export interface PackagedResource {
  readonly type: string;
  readonly url: string;
  /** '' where it has none. */
  readonly version: string;
  /** JSON text. */
  readonly body: string;
}

export interface LoadedPackage {
  readonly name: string;
  readonly version: string;
  readonly title: string;
  readonly resources: number;
  readonly loadedAt: string;
}

/** What became of the search parameters of a package. */
export interface PackageSearch {
  /** Searched by from now on; what is stored is indexed by them first (database/search/reindex.ts). */
  readonly added: readonly OfType[];
  readonly leftOut: readonly NotSearched[];
}

/** Stores a package, in place of the same version of it; its search parameters are those of the server as long as it is there. */
export async function storePackage(
  database: Database,
  { name, version, title }: { readonly name: string; readonly version: string; readonly title: string },
  resources: readonly PackagedResource[],
): Promise<PackageSearch> {
  const parameters = resources.filter(({ type }) => type === 'SearchParameter').map(({ body }) => body);
  return database.transaction(async (tx) => {
    await tx.run('DELETE FROM fhir.package WHERE name = $1 AND version = $2', [name, version]);
    await tx.run('INSERT INTO fhir.package (name, version, title) VALUES ($1, $2, $3)', [name, version, title]);
    await tx.run(
      `INSERT INTO fhir.package_resource (package, package_version, type, url, version, body)
       SELECT $1, $2, * FROM unnest($3::text[], $4::text[], $5::text[], $6::text[]) ON CONFLICT DO NOTHING`,
      [
        name,
        version,
        textArray(resources.map((each) => each.type)),
        textArray(resources.map((each) => each.url)),
        textArray(resources.map((each) => each.version)),
        textArray(resources.map((each) => each.body)),
      ],
    );
    return { added: await parametersWritten(tx, []), leftOut: notSearched(parameters) };
  });
}

/** Returns the loaded packages by name and version. */
export async function loadedPackages(database: Queryable): Promise<readonly LoadedPackage[]> {
  const rows = await database.query<{ name: string; version: string; title: string; n: number; loaded_at: string }>(
    `SELECT p.name, p.version, p.title, p.loaded_at, count(r.url) AS n FROM fhir.package p
     LEFT JOIN fhir.package_resource r ON r.package = p.name AND r.package_version = p.version
     GROUP BY p.name, p.version ORDER BY p.name, p.version`,
  );
  return rows.map(({ name, version, title, n, loaded_at }) => ({ name, version, title, resources: n, loadedAt: loaded_at }));
}

/** Removes a package, one version of it or all, with its search parameters; returns how many versions there were. */
export const removePackage = (database: Database, name: string, version: string | undefined): Promise<number> =>
  database.transaction(async (tx) => {
    const text = 'DELETE FROM fhir.package WHERE name = $1 AND ($2::text IS NULL OR version = $2)';
    const removed = await tx.run(text, [name, version ?? null]);
    if (removed > 0) await parametersWritten(tx, []);
    return removed;
  });

/** Types that are asked for by url, and the slots that have it. */
const NAMED = ['StructureDefinition', 'ValueSet', 'CodeSystem'];
const URL_SLOTS = NAMED.flatMap(
  (type) =>
    searchParameters(type)
      .get('url')
      ?.uses.map(({ slot }) => slot.p) ?? [],
);

/** Returns the stored resources of these urls, the last written first. */
async function storedResources(database: Queryable, urls: readonly string[]): Promise<readonly PackagedResource[]> {
  const rows = await database.query<Omit<PackagedResource, 'type'> & { readonly type: number }>(
    {
      name: 'stored_by_url',
      text: `SELECT r.type, j.body ->> 'url' AS url, coalesce(j.body ->> 'version', '') AS version, r.body
             FROM fhir.str s JOIN fhir.resource r ON r.rid = s.rid, LATERAL (SELECT r.body::json AS body) j
             WHERE s.p = ANY ($1::int[]) AND s.norm = ANY ($2::text[]) AND NOT r.deleted AND j.body ->> 'url' = ANY ($3::text[])
             ORDER BY r.rid DESC`,
    },
    [plainArray(URL_SLOTS), textArray(urls.map(indexed)), textArray(urls)],
  );
  return rows.map((row) => ({ ...row, type: resourceTypeOf(row.type) ?? '' }));
}

/**
 * Returns the resources of these urls, of one type each or any: what was stored by a write comes before what a package brought; of
 * several stored the last written, of several loaded versions the newest loaded one.
 */
export async function namedResources(database: Queryable, urls: readonly string[]): Promise<readonly PackagedResource[]> {
  if (urls.length === 0) return [];
  const found = new Map<string, PackagedResource>();
  for (const each of [...(await storedResources(database, urls)), ...(await packagedResources(database, urls))]) {
    const key = `${each.type} ${each.url}`;
    if (!found.has(key)) found.set(key, each);
  }
  return [...found.values()];
}

/** Returns the resources of these urls, of one type each or any; of several loaded versions the newest loaded one. */
export async function packagedResources(database: Queryable, urls: readonly string[]): Promise<readonly PackagedResource[]> {
  if (urls.length === 0) return [];
  return database.query<PackagedResource>(
    {
      name: 'packaged_resources',
      text: `SELECT DISTINCT ON (r.type, r.url) r.type, r.url, r.version, r.body FROM fhir.package_resource r
             JOIN fhir.package p ON p.name = r.package AND p.version = r.package_version
             WHERE r.url = ANY ($1::text[]) ORDER BY r.type, r.url, p.loaded_at DESC, r.version DESC`,
    },
    [textArray(urls)],
  );
}
