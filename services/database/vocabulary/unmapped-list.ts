/** The unmapped codes of everything stored, as one ranked list, page by page. */
import { resourceTypeOf } from '../../fhir/definitions.ts';
import type { Queryable } from '../connect.ts';
import { textArray } from '../wire.ts';

export interface UnmappedFilter {
  readonly system?: string | undefined;
  /** Part of the code or of its display, whatever the case. */
  readonly text?: string | undefined;
  /** concept: answered by naming concepts; table: a map's own table lacks it. */
  readonly kind?: 'concept' | 'table' | undefined;
  readonly limit: number;
  /** The last code of the page before. */
  readonly after?: { readonly count: number; readonly system: string; readonly code: string } | undefined;
}

export interface UnmappedRow {
  readonly system: string;
  readonly code: string;
  readonly display: string | null;
  readonly why: readonly string[];
  /** Codings, resources and persons that have it. */
  readonly count: number;
  readonly resources: number;
  readonly persons: number;
  /** The columns or elements it was meant for, at most five. */
  readonly places: readonly string[];
  /** An answer that waits for a second person. */
  readonly proposed: number | null;
}

const LIST = `
SELECT u.*, (SELECT max(a.id) FROM ops.answer a WHERE a.system = u.system AND a.code = u.code AND a.state = 'proposed') AS proposed FROM (
  SELECT system, code, min(display) AS display, array_agg(DISTINCT why) AS why, count(*) AS count, count(DISTINCT resource_key) AS resources,
    count(DISTINCT person_id) AS persons, (array_agg(DISTINCT place))[1:5] AS places
  FROM ops.unmapped
  WHERE ($1::text IS NULL OR system = $1) AND ($2::text IS NULL OR strpos(lower(code), $2) > 0 OR strpos(lower(display), $2) > 0)
  GROUP BY system, code
  HAVING ($3::text IS NULL OR ($3 = 'table') = bool_and(why = 'no-row'))
    AND ($4::bigint IS NULL OR count(*) < $4 OR (count(*) = $4 AND (system COLLATE "C", code COLLATE "C") > ($5::text, $6::text)))
  ORDER BY count DESC, system COLLATE "C", code COLLATE "C" LIMIT $7) u
ORDER BY u.count DESC, u.system COLLATE "C", u.code COLLATE "C"`;

/** Returns a page of the list, codes of most codings first. */
export const unmappedPage = (queryable: Queryable, filter: UnmappedFilter): Promise<readonly UnmappedRow[]> =>
  queryable.query<UnmappedRow>(LIST, [
    filter.system ?? null,
    filter.text === undefined ? null : filter.text.toLowerCase(),
    filter.kind ?? null,
    filter.after?.count ?? null,
    filter.after?.system ?? null,
    filter.after?.code ?? null,
    filter.limit,
  ]);

/** Returns one code of the list; undefined when nothing stored has it unmapped. */
export async function unmappedCode(queryable: Queryable, system: string, code: string): Promise<UnmappedRow | undefined> {
  const [row] = await queryable.query<UnmappedRow>(
    `SELECT system, code, min(display) AS display, array_agg(DISTINCT why) AS why, count(*) AS count, count(DISTINCT resource_key) AS resources,
       count(DISTINCT person_id) AS persons, (array_agg(DISTINCT place))[1:5] AS places,
       (SELECT max(a.id) FROM ops.answer a WHERE a.system = $1 AND a.code = $2 AND a.state = 'proposed') AS proposed
     FROM ops.unmapped WHERE system = $1 AND code = $2 GROUP BY system, code`,
    [system, code],
  );
  return row;
}

/** Where a code comes from. */
export interface CodeSamples {
  readonly sources: readonly string[];
  /** True when a code is in more resources than were looked at for its sources. */
  readonly isSampled: boolean;
  readonly bodies: readonly { readonly type: string; readonly body: string }[];
}

const LOOKED_AT = 500;
const SAMPLES = `
WITH asked AS (SELECT * FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS c(system, code, i))
SELECT a.i, s.sources, s.looked_at, b.types, b.bodies FROM asked a
CROSS JOIN LATERAL (
  SELECT coalesce(array_agg(DISTINCT m.source ORDER BY m.source) FILTER (WHERE m.source IS NOT NULL), '{}') AS sources, count(*) AS looked_at
  FROM (SELECT resource_key FROM ops.unmapped u WHERE u.system = a.system AND u.code = a.code LIMIT ${LOOKED_AT}) k
  LEFT JOIN fhir.resource r ON r.resource_key = k.resource_key LEFT JOIN journal.message m ON m.id = r.message_id) s
CROSS JOIN LATERAL (
  SELECT coalesce(array_agg(r.type::int), '{}') AS types, coalesce(array_agg(r.body), '{}') AS bodies
  FROM (SELECT DISTINCT resource_key FROM (SELECT resource_key FROM ops.unmapped u WHERE u.system = a.system AND u.code = a.code LIMIT 50) k
        ORDER BY resource_key LIMIT $3) k
  JOIN fhir.resource r ON r.resource_key = k.resource_key AND NOT r.deleted) b
ORDER BY a.i`;

/** Returns for each code the sources that send it and up to `count` resources that have it. */
export async function unmappedSamples(
  queryable: Queryable,
  codes: readonly { readonly system: string; readonly code: string }[],
  count: number,
): Promise<readonly CodeSamples[]> {
  const rows = await queryable.query<{
    readonly sources: readonly string[];
    readonly looked_at: number;
    readonly types: readonly number[];
    readonly bodies: readonly string[];
  }>(SAMPLES, [textArray(codes.map(({ system }) => system)), textArray(codes.map(({ code }) => code)), count]);
  return rows.map(({ sources, looked_at, types, bodies }) => ({
    sources,
    isSampled: looked_at >= LOOKED_AT,
    bodies: bodies.map((body, i) => ({ type: resourceTypeOf(types[i] ?? 0) ?? '', body })),
  }));
}

export interface UnmappedSystem {
  /** '' of free text. */
  readonly system: string;
  readonly codes: number;
  readonly codings: number;
}

const MOST_SYSTEMS = 500;

/** Returns whose codes are unmapped, those of most codings first, at most 500; `isCut`: there are more. */
export async function unmappedSystems(
  queryable: Queryable,
): Promise<{ readonly systems: readonly UnmappedSystem[]; readonly isCut: boolean }> {
  const systems = await queryable.query<UnmappedSystem>(
    `SELECT system, count(DISTINCT code) AS codes, count(*) AS codings FROM ops.unmapped GROUP BY system ORDER BY 3 DESC, 1 LIMIT ${MOST_SYSTEMS + 1}`,
  );
  return { systems: systems.slice(0, MOST_SYSTEMS), isCut: systems.length > MOST_SYSTEMS };
}
