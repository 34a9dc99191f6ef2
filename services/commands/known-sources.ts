/**
 * What a source's messages say depends on its rules (authority, zone, site, character set), and messages outlive the file that names their source: those
 * that wait, are retried, replayed or rebuilt of a source that is renamed or removed are read as they were before. By the defaults they would become
 * other patients.
 */
import type { Sources } from '../config/sources.ts';
import type { Database } from '../database/connect.ts';
import type { Log } from '../database/embedded/embedded.ts';
import { type ReadingRules, rememberedRules, rememberRules } from '../database/journal/source-rules.ts';

const RULES = ['authority', 'timezone', 'site', 'charset'] as const;

const readingOf = ({ authority, timezone, site, charset }: ReadingRules): ReadingRules => ({ authority, timezone, site, charset });

/** Returns the sources with the rules of those that are configured no more; remembers them all, and tells where a source is read otherwise from now on. */
export async function withFormerSources(database: Database, sources: Sources, log: Pick<Log, 'warn'>): Promise<Sources> {
  const known = await rememberedRules(database);
  const now = new Map(sources.list.map(({ name, rules }) => [name, readingOf(rules)]));
  for (const [source, rules] of now) {
    const before = known.get(source);
    const changed = before === undefined ? [] : RULES.filter((name) => before[name] !== rules[name]);
    if (changed.length > 0)
      log.warn(
        { source, changed },
        'messages of the source are read otherwise from now on; a replay or rebuild reads its earlier ones so too',
      );
  }
  await rememberRules(database, now);
  return { ...sources, former: new Map([...known].filter(([source]) => !now.has(source))) };
}
