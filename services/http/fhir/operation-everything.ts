import { referrersAfter } from '../../database/resources/everything.ts';
import { readResource, readResources, type StoredResource } from '../../database/resources/resources.ts';
import { problem, Refusal } from '../../errors.ts';
import { belonging, patientsAbout, type Subject } from '../../fhir/belonging.ts';
import { caredWithin } from '../../fhir/care-dates.ts';
import { timeRange } from '../../fhir/dates.ts';
import { isResourceType } from '../../fhir/definitions.ts';
import { typesAsked } from '../../fhir/operations.ts';
import { operationOutcome } from '../../fhir/outcome.ts';
import { references } from '../../fhir/references.ts';
import { referrerHashes } from '../../fhir/referrers.ts';
import type { JsonObject, Resource } from '../../fhir/resource.ts';
import { missing, resourceOf } from './answers.ts';
import { type OperationCall, refuseOthers, wrongParameter } from './operation.ts';

const DEFAULT_COUNT = 200;
const MOST_COUNT = 1_000;
const PARAMETERS = ['start', 'end', '_since', '_type', '_count', '_page'];

interface Asked {
  readonly fromMs: number;
  readonly toMs: number;
  readonly sinceMs: number | undefined;
  readonly types: readonly string[] | undefined;
  readonly count: number;
  readonly after: number;
}

/**
 * $everything of a Patient or an Encounter: the resource, its compartment and all else that refers to it, and what those refer to that is
 * about nobody (who cared, where, with what). Pages by _count and _page, narrowed by _type, _since, and start and end of care. What refers to
 * it but is about another patient is not in it; an entry says how many of a page's were left out for that.
 */
export async function everything(call: OperationCall): Promise<Resource> {
  refuseOthers(call, call.type === 'Patient' ? PARAMETERS : PARAMETERS.slice(2));
  const { parts, type, id, base } = call;
  const asked = askedOf(call);
  const subject = await readResource(parts.database, type, id);
  if (subject === undefined || subject.deleted) throw new Refusal([missing(subject ? 'resource-deleted' : 'resource-not-found', type)]);
  const whose = subjectOf(call, subject);
  const { found, others } = await pageOf(call, asked, whose);
  const page = found.slice(0, asked.count);
  const last = found.length > asked.count ? page.at(-1) : undefined;
  const own = asked.after === 0 && (asked.types === undefined || asked.types.includes(type)) && isSince(subject, asked) ? [subject] : [];
  const matches = [...own, ...page];
  const included = await includedWith(call, asked, matches);
  const entry =
    (mode: 'match' | 'include') =>
    (each: StoredResource): JsonObject => ({
      fullUrl: `${base}/${each.type}/${each.id}`,
      resource: resourceOf(each),
      search: { mode },
    });
  const leftOut = operationOutcome([problem('fhir-everything-others', { count: others, type })]);
  const said = others === 0 ? [] : [{ resource: leftOut, search: { mode: 'outcome' } }];
  const entries: readonly JsonObject[] = [...matches.map(entry('match')), ...included.map(entry('include')), ...said];
  return {
    resourceType: 'Bundle',
    type: 'searchset',
    ...(last === undefined && asked.after === 0 ? { total: matches.length } : {}),
    link: [
      { relation: 'self', url: pageUrl(call, asked.after) },
      ...(last === undefined ? [] : [{ relation: 'next', url: pageUrl(call, last.resourceKey) }]),
    ],
    ...(entries.length === 0 ? {} : { entry: entries }),
  };
}

function subjectOf({ type, id, base }: OperationCall, stored: StoredResource): Subject {
  if (type === 'Patient') return { type, id, patients: new Set([`Patient/${id}`]) };
  return { type: 'Encounter', id, patients: new Set(patientsAbout(resourceOf(stored), { base })) };
}

const isSince = ({ updated }: StoredResource, { sinceMs }: Asked): boolean => sinceMs === undefined || Date.parse(updated) >= sinceMs;

function askedOf({ input }: OperationCall): Asked {
  const bound = (name: 'start' | 'end', edge: 'lo' | 'hi', none: number): number => {
    const text = input.text(name);
    const range = text === undefined ? undefined : timeRange(text);
    if (text !== undefined && range === undefined) throw wrongParameter(name, 'it is not a date');
    return range?.[edge] ?? none;
  };
  const whole = (name: string, none: number): number => {
    const text = input.text(name);
    if (text !== undefined && !/^\d{1,15}$/.test(text)) throw wrongParameter(name, 'it is not a whole number of this server');
    return text === undefined ? none : Number(text);
  };
  const since = input.text('_since');
  const sinceMs = since === undefined ? undefined : timeRange(since)?.lo;
  if (since !== undefined && sinceMs === undefined) throw wrongParameter('_since', 'it is not an instant');
  const types = input.all('_type').length === 0 ? undefined : typesAsked(input.all('_type'));
  if (types === undefined && input.all('_type').length > 0) throw wrongParameter('_type', 'it names something that is no type of R4');
  return {
    fromMs: bound('start', 'lo', Number.NEGATIVE_INFINITY),
    toMs: bound('end', 'hi', Number.POSITIVE_INFINITY),
    sinceMs,
    types,
    count: Math.max(1, Math.min(whole('_count', DEFAULT_COUNT), MOST_COUNT)),
    after: whole('_page', 0),
  };
}

/** One more than a page, so that its end is known; what a page leaves out is made up for from the next ones. */
async function pageOf(
  { parts, type, id, base }: OperationCall,
  asked: Asked,
  subject: Subject,
): Promise<{ readonly found: readonly StoredResource[]; readonly others: number }> {
  const found: StoredResource[] = [];
  let others = 0;
  const query = { hashes: referrerHashes(type, id), types: asked.types, sinceMs: asked.sinceMs, count: asked.count + 1 };
  for (let after = asked.after; found.length <= asked.count; ) {
    const rows = await referrersAfter(parts.database, { ...query, after });
    for (const row of rows) {
      const resource = resourceOf(row);
      if (found.length > asked.count || !caredWithin(resource, asked.fromMs, asked.toMs)) continue;
      const belongs = belonging(resource, subject, { base });
      if (belongs === 'own') found.push(row);
      else if (belongs === 'other') others++;
    }
    if (rows.length < query.count) break;
    after = rows.at(-1)?.resourceKey ?? after;
  }
  return { found, others };
}

/** Types whose resources are about no patient: a page may carry them whoever it is about. */
const ABOUT_NOBODY = new Set([
  'Practitioner',
  'PractitionerRole',
  'Organization',
  'Location',
  'Medication',
  'Substance',
  'HealthcareService',
  'Endpoint',
]);

async function includedWith(
  { parts, type }: OperationCall,
  { types }: Asked,
  matches: readonly StoredResource[],
): Promise<readonly StoredResource[]> {
  const have = new Set(matches.map((each) => `${each.type}/${each.id}`));
  const wanted = new Map<string, { readonly type: string; readonly id: string }>();
  for (const match of matches) {
    for (const { reference } of references(resourceOf(match))) {
      const [, target = '', id = ''] = /^([A-Za-z]+)\/([A-Za-z0-9\-.]{1,64})/.exec(reference) ?? [];
      const isWanted = ABOUT_NOBODY.has(target) || (type === 'Encounter' && target === 'Patient' && match.type === 'Encounter');
      if (isResourceType(target) && isWanted && (types === undefined || types.includes(target)) && !have.has(`${target}/${id}`))
        wanted.set(`${target}/${id}`, { type: target, id });
    }
  }
  const stored = await readResources(parts.database, [...wanted.values()]);
  return [...stored.values()].filter((each) => !each.deleted);
}

function pageUrl({ base, type, id, input }: OperationCall, after: number): string {
  const parameters = new URLSearchParams();
  for (const name of input.names) if (name !== '_page') for (const value of input.all(name)) parameters.append(name, String(value));
  if (after > 0) parameters.set('_page', String(after));
  return `${base}/${type}/${id}/$everything${parameters.size === 0 ? '' : `?${parameters}`}`;
}
