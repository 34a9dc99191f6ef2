import type { FastifyReply, FastifyRequest } from 'fastify';
import { refreshParameters } from '../../database/search/parameters.ts';
import { type SearchPage, searchResources } from '../../database/search/search.ts';
import { type Problem, problem, Refusal } from '../../errors.ts';
import { searchsetBundle } from '../../fhir/bundle.ts';
import { isResourceType } from '../../fhir/definitions.ts';
import { parseSearch, type SearchOptions } from '../../fhir/search/parse.ts';
import type { SearchTerms } from '../../fhir/search/terms.ts';
import { isOfSubset, readSubset, subsetOf } from '../../fhir/subset.ts';
import { termsOf } from '../../pipeline/fhir/profiles.ts';
import type { Parts } from '../../pipeline.ts';
import type { TerminologyUse } from '../terminology/use.ts';
import { resourceOf, sendResource } from './answers.ts';
import { addressOf, baseOf, headerOf, queryOf } from './request.ts';

/**
 * Search (http://hl7.org/fhir/R4/search.html) of a type, of several (`/?_type=…`), of a compartment (`/Patient/1/Observation`,
 * `/Patient/1/*`); by GET or by POST to …/_search.
 */
export async function answerSearch(
  parts: Parts,
  terminology: TerminologyUse,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const base = baseOf(request);
  const { type, compartment } = placeOf(request);
  const all = [...queryOf(request), ...formOf(request)];
  const subset = readSubset(type === '' ? 'DomainResource' : type, all);
  if (!subset.ok) throw new Refusal(subset.problems);
  const isCount = subset.value.summary === 'count';
  const asked = all.filter(([name]) => !isOfSubset(name) && !(isCount && name === '_count'));
  const lenient = headerOf(request, 'prefer')?.includes('handling=lenient') === true;
  const terms = await termsAsked(parts, terminology, asked);
  const options = { base, lenient, terms, ...(compartment === undefined ? {} : { compartment }) };
  const { query, page } = await found(parts, type, isCount ? [...asked, ['_count', '0']] : asked, options);
  const resources = page.resources.map((each) => subsetOf(resourceOf(each), subset.value));
  const included = page.included.map((each) => subsetOf(resourceOf(each), subset.value));
  const shown = all.filter(([name]) => isOfSubset(name)).map(([name, value]) => ({ name, value }));
  // They say how to answer, not what to find: the links need them, the search and its cursor do not.
  const linked = { ...query.value, parameters: [...query.value.parameters, ...shown] };
  return sendResource(
    reply,
    searchsetBundle({ base, query: linked, resources, included, total: page.total, next: page.nextPage, problems: query.problems }),
  );
}

/** What the modifiers of terminologies are answered from; undefined where no parameter has one. */
export async function termsAsked(
  { database }: Parts,
  terminology: TerminologyUse,
  asked: readonly (readonly [name: string, value: string])[],
): Promise<SearchTerms | undefined> {
  const isFilter = (name: string): boolean => name === '_filter';
  if (!asked.some(([name]) => isFilter(name) || /:(?:in|not-in|above|below)$/.test(name))) return undefined;
  const sets = asked.flatMap(([name, value]) => {
    if (isFilter(name)) return [...value.matchAll(/\s(?:in|ni)\s+"?([^\s")]+)/g)].flatMap(([, set]) => set ?? []);
    return /:(?:not-)?in$/.test(name) ? value.split(',') : [];
  });
  return terminology.searchTerms([...(await termsOf(database, sets)).values()]);
}

const isUnknown = ({ code }: Problem): boolean => code === 'fhir-search-parameter' || code === 'fhir-search-ignored';

/** Parses and searches; again where another process has changed the search parameters meanwhile. */
async function found(
  { database }: Parts,
  type: string,
  entries: readonly (readonly [string, string])[],
  options: SearchOptions,
): Promise<{ readonly query: Parsed; readonly page: SearchPage }> {
  for (let isAgain = false; ; isAgain = true) {
    const query = parseSearch(type, entries, options);
    if (!isAgain && query.problems.some(isUnknown) && (await refreshParameters(database))) continue;
    if (!query.ok) throw new Refusal(query.problems);
    try {
      return { query, page: await searchResources(database, query.value, options) };
    } catch (error) {
      const changed = error instanceof Refusal && error.problems.some(({ code }) => code === 'search-changed');
      if (!changed || isAgain) throw error;
    }
  }
}

type Parsed = Extract<ReturnType<typeof parseSearch>, { readonly ok: true }>;

/** What the address says: a type, or a compartment and the type within it ('' for `*`). */
function placeOf(request: FastifyRequest): { readonly type: string; readonly compartment: SearchOptions['compartment'] } {
  const { type, id } = addressOf(request);
  if (id === '') return { type, compartment: undefined };
  const inner = Object.entries(request.params ?? {}).find(([name]) => name === 'inner')?.[1];
  const name = typeof inner === 'string' ? inner : '';
  if (name === '*') return { type: '', compartment: { type, id } };
  // Whatever stands there is not repeated: it is as likely a value as a mistyped type.
  if (!isResourceType(name)) throw new Refusal([problem('route-not-found')]);
  return { type: name, compartment: { type, id } };
}

/** Parameters of POST …/_search; nothing for a GET. */
function formOf(request: FastifyRequest): Iterable<[string, string]> {
  if (request.method !== 'POST') return [];
  const type = request.headers['content-type'] ?? '';
  if (!type.startsWith('application/x-www-form-urlencoded'))
    throw new Refusal([problem('media-type-not-supported', { type: type || 'that is missing' })]);
  return new URLSearchParams(Buffer.isBuffer(request.body) ? request.body.toString('utf8') : '');
}
