import type { FastifyReply, FastifyRequest } from 'fastify';
import { type HistoryQuery, readHistoryPage } from '../../database/resources/history.ts';
import { readVersion } from '../../database/resources/resources.ts';
import { type Problem, problem, Refusal } from '../../errors.ts';
import { timeRange } from '../../fhir/dates.ts';
import { historyBundle } from '../../fhir/history-bundle.ts';
import type { Parts } from '../../pipeline.ts';
import { missing, resourceOf, sendRead, sendResource } from './answers.ts';
import { addressOf, baseOf, queryOf, readConditionsOf, subsetAsked } from './request.ts';

const DEFAULT_COUNT = 50;
const MOST_COUNT = 1000;

/** vread (http://hl7.org/fhir/R4/http.html#vread): 410 for the version that is the deletion. */
export async function readOneVersion(parts: Parts, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  const { type, id, vid } = addressOf(request);
  const version = /^[1-9]\d{0,8}$/.test(vid) ? await readVersion(parts.database, type, id, Number(vid)) : undefined;
  return sendRead(reply, version, type, readConditionsOf(request), subsetAsked(request, type));
}

/** history of a resource, a type or everything (http://hl7.org/fhir/R4/http.html#history), with _count, _since, _at and pages. */
export async function readHistories(parts: Parts, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  const { type, id } = addressOf(request);
  const parameters = queryOf(request);
  const query = historyQuery({ type: type || undefined, id: id || undefined }, parameters);
  const page = await readHistoryPage(parts.database, query);
  if (page === undefined) throw new Refusal([missing('resource-not-found', type)]);
  const base = baseOf(request);
  const url = (cursor: string | undefined): string => {
    const kept = new URLSearchParams();
    for (const [name, value] of parameters) if (name !== '_page') kept.append(name, value);
    if (cursor !== undefined) kept.set('_page', cursor);
    return `${[base, type, id].filter((each) => each !== '').join('/')}/_history${kept.size === 0 ? '' : `?${kept}`}`;
  };
  const links = [
    { relation: 'self' as const, url: url(query.page) },
    ...(page.nextPage === undefined ? [] : [{ relation: 'next' as const, url: url(page.nextPage) }]),
  ];
  const entries = page.versions.map((each) => ({ ...each, resource: each.deleted ? undefined : resourceOf(each) }));
  return sendResource(reply, historyBundle({ base, links, entries, total: page.total }));
}

/** The query of a history's parameters; every one is used or refused. */
function historyQuery(
  of: { readonly type: string | undefined; readonly id: string | undefined },
  parameters: readonly (readonly [name: string, value: string])[],
): HistoryQuery {
  const problems: Problem[] = [];
  const wrong = (parameter: string, expected: string): undefined => {
    problems.push(problem('fhir-search-value', { parameter, expected }, parameter));
  };
  let query: HistoryQuery = { ...of, count: DEFAULT_COUNT, sinceMs: undefined, at: undefined, page: undefined };
  for (const [name, value] of parameters) {
    if (name === '_count') {
      if (/^\d{1,9}$/.test(value)) query = { ...query, count: Math.min(Number(value), MOST_COUNT) };
      else wrong('_count', 'a whole number');
    } else if (name === '_since') {
      const range = value.includes('T') ? timeRange(value) : undefined;
      query = { ...query, sinceMs: range?.lo ?? wrong('_since', 'an instant such as 2026-01-31T10:00:00Z') };
    } else if (name === '_at') query = { ...query, at: timeRange(value) ?? wrong('_at', 'a date or dateTime without prefix') };
    else if (name === '_page') query = { ...query, page: value };
    else if (name !== '_format' && name !== '_pretty')
      problems.push(problem('fhir-search-parameter', { parameter: name.slice(0, 64), type: 'a history', hint: '' }, name.slice(0, 64)));
  }
  if (problems.length > 0) throw new Refusal(problems);
  return query;
}
