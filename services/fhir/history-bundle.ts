import type { JsonObject, Resource } from './resource.ts';

/** One version of a resource; what a history says of it. */
export interface HistoryEntry {
  readonly type: string;
  readonly id: string;
  readonly version: number;
  /** ISO instant. */
  readonly updated: string;
  /** undefined: this version is the deletion. */
  readonly resource: Resource | undefined;
}

export interface History {
  /** Own base URL without a slash at the end. */
  readonly base: string;
  readonly links: readonly { readonly relation: 'self' | 'next'; readonly url: string }[];
  /** Newest first. */
  readonly entries: readonly HistoryEntry[];
  readonly total: number | undefined;
}

/** The first version was created, with whatever method; later ones were put or deleted. */
function entryOf(base: string, { type, id, version, updated, resource }: HistoryEntry): JsonObject {
  const [method, url, status] =
    resource === undefined
      ? ['DELETE', `${type}/${id}`, '204 No Content']
      : version === 1
        ? ['POST', type, '201 Created']
        : ['PUT', `${type}/${id}`, '200 OK'];
  return {
    fullUrl: `${base}/${type}/${id}`,
    ...(resource === undefined ? {} : { resource }),
    request: { method, url },
    response: { status, etag: `W/"${version}"`, lastModified: updated },
  };
}

/** Returns the Bundle of a history (http://hl7.org/fhir/R4/bundle.html#history): deletions are entries without a resource. */
export function historyBundle({ base, links, entries, total }: History): Resource {
  return {
    resourceType: 'Bundle',
    type: 'history',
    ...(total === undefined ? {} : { total }),
    link: links.map(({ relation, url }) => ({ relation, url })),
    ...(entries.length === 0 ? {} : { entry: entries.map((each) => entryOf(base, each)) }),
  };
}
