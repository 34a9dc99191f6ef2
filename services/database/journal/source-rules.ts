/** By which rules messages of each source are read, as last configured. */
import type { Queryable } from '../connect.ts';
import { textArray } from '../wire.ts';

/** What decides what a message says: the namespace of its numbers, the zone of its times, its site's maps, its characters. */
export interface ReadingRules {
  readonly authority: string | undefined;
  readonly timezone: string;
  readonly site: string | undefined;
  readonly charset: string | undefined;
}

/** Returns the rules that are remembered, by source. */
export async function rememberedRules(queryable: Queryable): Promise<ReadonlyMap<string, ReadingRules>> {
  const rows = await queryable.query<{
    readonly source: string;
    readonly authority: string | null;
    readonly timezone: string;
    readonly site: string | null;
    readonly charset: string | null;
  }>('SELECT source, authority, timezone, site, charset FROM journal.source_rules');
  return new Map(
    rows.map(({ source, authority, timezone, site, charset }) => [
      source,
      { authority: authority ?? undefined, timezone, site: site ?? undefined, charset: charset ?? undefined },
    ]),
  );
}

/** Remembers rules by source; those of other sources stay. */
export async function rememberRules(queryable: Queryable, rules: ReadonlyMap<string, ReadingRules>): Promise<void> {
  if (rules.size === 0) return;
  const all = [...rules.values()];
  await queryable.run(
    `INSERT INTO journal.source_rules AS s (source, authority, timezone, site, charset)
     SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[])
     ON CONFLICT (source) DO UPDATE SET authority = excluded.authority, timezone = excluded.timezone, site = excluded.site, charset = excluded.charset,
       known_at = now()
     WHERE (s.authority, s.timezone, s.site, s.charset) IS DISTINCT FROM (excluded.authority, excluded.timezone, excluded.site, excluded.charset)`,
    [
      textArray(rules.keys()),
      textArray(all.map(({ authority }) => authority)),
      textArray(all.map(({ timezone }) => timezone)),
      textArray(all.map(({ site }) => site)),
      textArray(all.map(({ charset }) => charset)),
    ],
  );
}
