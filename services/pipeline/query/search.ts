/** Searches as queries need them: whole, or not at all. */
import { refreshParameters } from '../../database/search/parameters.ts';
import { searchResources } from '../../database/search/search.ts';
import { type ErrorCode, problem, Refusal } from '../../errors.ts';
import { isResource, readJson } from '../../fhir/format/json.ts';
import type { Entries } from '../../fhir/patient-criteria.ts';
import type { Resource } from '../../fhir/resource.ts';
import { parseSearch } from '../../fhir/search/parse.ts';
import type { Parts } from '../parts.ts';

/** More than so many patients are nobody: the query is too broad. */
export const MOST_FOUND = 500;

type Database = Pick<Parts, 'database'>;

/** Returns at most `most` + 1 resources of a type. Throws Refusal query-too-broad where the search takes too long. */
export async function resourcesBy({ database }: Database, type: string, entries: Entries, most: number): Promise<readonly Resource[]> {
  for (let isAgain = false; ; isAgain = true) {
    const query = parseSearch(type, [...entries, ['_count', String(most + 1)]], {});
    if (!query.ok) throw new Refusal(query.problems);
    try {
      return (await searchResources(database, query.value)).resources.flatMap(({ body }) => resourceIn(body));
    } catch (error) {
      const has = (code: ErrorCode): boolean => error instanceof Refusal && error.problems.some((each) => each.code === code);
      if (has('search-too-costly')) throw new Refusal([problem('query-too-broad', { limit: MOST_FOUND })]);
      if (!has('search-changed') || isAgain) throw error;
      await refreshParameters(database);
    }
  }
}

/** Returns the resource of a stored text. */
export function resourceIn(body: string): readonly Resource[] {
  const read = readJson(body);
  return read.ok && isResource(read.value) ? [read.value] : [];
}
