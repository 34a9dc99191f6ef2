import { type FoundResource, searchResources } from '../../database/search/search.ts';
import { problem, Refusal } from '../../errors.ts';
import { timeRange } from '../../fhir/dates.ts';
import { isObject } from '../../fhir/format/json.ts';
import { lastOfEachCode } from '../../fhir/observation-groups.ts';
import type { JsonObject, JsonValue, Resource } from '../../fhir/resource.ts';
import { parseSearch } from '../../fhir/search/parse.ts';
import { type Measured, measuredBy, regressionOf, STATISTICS, statisticOf } from '../../fhir/statistics.ts';
import { resourceOf } from './answers.ts';
import { type OperationCall, refuseOthers, wrongParameter } from './operation.ts';

/** Observations that one call looks at. */
const MOST_LOOKED_AT = 20_000;
const PAGE = 1_000;
/** Default and largest `max` of $lastn. */
const MOST_OF_EACH = 100;

/** Returns all matches of a search of Observations, newest first; throws Refusal fhir-operation-costly when they are too many. */
async function observations(
  { parts, base }: OperationCall,
  parameters: readonly (readonly [string, string])[],
): Promise<readonly FoundResource[]> {
  const found: FoundResource[] = [];
  for (let page: string | undefined; ; ) {
    const cursor: readonly (readonly [string, string])[] = page === undefined ? [] : [['_page', page]];
    const query = parseSearch('Observation', [...parameters, ['_count', String(PAGE)], ...cursor], { base });
    if (!query.ok) throw new Refusal(query.problems);
    const answer = await searchResources(parts.database, query.value, { base });
    found.push(...answer.resources);
    page = answer.nextPage;
    if (page === undefined) return found;
    if (found.length >= MOST_LOOKED_AT) throw new Refusal([problem('fhir-operation-costly', { maximum: MOST_LOOKED_AT })]);
  }
}

/** $lastn: the newest Observations of each code, of one patient (http://hl7.org/fhir/R4/observation-operation-lastn.html). */
export async function lastN(call: OperationCall): Promise<Resource> {
  const { input, base } = call;
  const max = input.text('max') ?? '1';
  if (!/^[1-9]\d{0,3}$/.test(max)) throw wrongParameter('max', 'it is not a whole number above zero');
  const criteria = input.names.filter((name) => name !== 'max');
  const names = new Set(criteria.map((name) => name.replace(/[:.].*$/, '')));
  if (!names.has('patient') && !names.has('subject')) throw wrongParameter('patient', 'patient or subject is needed');
  if (!names.has('category') && !names.has('code')) throw wrongParameter('category', 'category or code is needed');
  const parameters = criteria.flatMap((name) => input.all(name).map((value): readonly [string, string] => [name, String(value)]));
  const found = await observations(call, parameters);
  const last = lastOfEachCode(found, resourceOf, Math.min(Number(max), MOST_OF_EACH));
  const self = new URLSearchParams([...parameters.map(([name, value]): [string, string] => [name, value]), ['max', max]]);
  const entry = last.map((each) => ({ fullUrl: `${base}/Observation/${each.id}`, resource: resourceOf(each), search: { mode: 'match' } }));
  return {
    resourceType: 'Bundle',
    type: 'searchset',
    total: last.length,
    link: [{ relation: 'self', url: `${base}/Observation/$lastn?${self}` }],
    ...(entry.length === 0 ? {} : { entry }),
  };
}

const STATS_PARAMETERS = ['subject', 'code', 'system', 'coding', 'period', 'duration', 'statistic', 'include', 'limit'];
const STATISTIC_SYSTEM = 'http://terminology.hl7.org/CodeSystem/observation-statistics';
const HOUR_MS = 3_600_000;

/**
 * $stats: statistics over the values of one subject's Observations, one Observation for each code
 * (http://hl7.org/fhir/R4/observation-operation-stats.html), which may be that of components. Values of several units are refused, never mixed.
 */
export async function statistics(call: OperationCall): Promise<Resource> {
  refuseOthers(call, STATS_PARAMETERS);
  const { input } = call;
  const subject = referenceIn(input.all('subject')[0]);
  if (subject === undefined) throw wrongParameter('subject', 'a reference is needed');
  const asked = input.all('statistic').map(String);
  const unknown = asked.find((each) => each !== 'total-count' && each !== 'regression' && !STATISTICS.has(each));
  if (asked.length === 0 || unknown !== undefined)
    throw wrongParameter('statistic', asked.length === 0 ? 'it is needed' : 'a code is not supported');
  const parameter: JsonObject[] = [];
  for (const coding of codingsAsked(call)) {
    const period = periodAsked(call);
    const code = `${coding.system === undefined ? '' : `${coding.system}|`}${coding.code}`;
    const found = await observations(call, [['subject', subject], ['combo-code', code], ...period.parameters]);
    const sources = found.map(resourceOf).filter(({ status }) => status !== 'entered-in-error' && status !== 'cancelled');
    parameter.push({ name: 'statistics', resource: statisticsOf(coding, subject, asked, sources, period.range) });
    const limit = Number(input.text('limit') ?? MOST_OF_EACH);
    if (input.text('include') === 'true') for (const resource of sources.slice(0, limit)) parameter.push({ name: 'source', resource });
  }
  return { resourceType: 'Parameters', parameter };
}

interface Coding {
  readonly system: string | undefined;
  readonly code: string;
}

function codingsAsked({ input }: OperationCall): readonly Coding[] {
  const system = input.text('system');
  const codes = input.all('code').flatMap((value): readonly Coding[] => {
    const [first = '', second] = String(value).split('|');
    return second === undefined ? [{ system, code: first }] : [{ system: first, code: second }];
  });
  const codings = input
    .all('coding')
    .flatMap((value): readonly Coding[] =>
      isObject(value) && typeof value['code'] === 'string'
        ? [{ system: typeof value['system'] === 'string' ? value['system'] : undefined, code: value['code'] }]
        : [],
    );
  if (codes.length + codings.length === 0) throw wrongParameter('code', 'a code or a coding is needed');
  return [...codes, ...codings];
}

function periodAsked({ input, parts }: OperationCall): {
  readonly parameters: readonly (readonly [string, string])[];
  readonly range: JsonObject | undefined;
} {
  const [period] = input.all('period');
  const duration = input.text('duration');
  if (period !== undefined && duration !== undefined) throw wrongParameter('duration', 'period is given as well');
  if (duration !== undefined) {
    if (!/^\d{1,9}(\.\d{1,9})?$/.test(duration)) throw wrongParameter('duration', 'it is not a number of hours');
    const end = parts.clock();
    const start = new Date(end.getTime() - Number(duration) * HOUR_MS).toISOString();
    return { parameters: [['date', `ge${start}`]], range: { start, end: end.toISOString() } };
  }
  if (!isObject(period)) return { parameters: [], range: undefined };
  const [start, end] = [period['start'], period['end']].map((each) => (typeof each === 'string' && timeRange(each) ? each : undefined));
  if (start === undefined && end === undefined) throw wrongParameter('period', 'it has neither start nor end');
  return {
    parameters: [
      ...(start === undefined ? [] : [['date', `ge${start}`] as const]),
      ...(end === undefined ? [] : [['date', `le${end}`] as const]),
    ],
    range: { ...(start === undefined ? {} : { start }), ...(end === undefined ? {} : { end }) },
  };
}

const referenceIn = (value: JsonValue | undefined): string | undefined => {
  const text = isObject(value) ? value['reference'] : value;
  return typeof text === 'string' && text !== '' ? text : undefined;
};

/** The quantities of Observations, or of their components, of a code; and their one unit. Throws Refusal where there are several. */
function valuesOf(sources: readonly Resource[], coding: Coding): { readonly all: readonly Measured[]; readonly unit: JsonObject } {
  const all = sources.flatMap((source) => measuredBy(source, coding));
  const given = all.filter(({ value }) => value !== undefined);
  const unitOf = ({ system, code, unit }: JsonObject): string => (code === undefined ? String(unit ?? '1') : `${system ?? ''}|${code}`);
  const units = new Set(given.map(({ quantity }) => unitOf(quantity)));
  if (units.size > 1) throw new Refusal([problem('fhir-statistics-mixed', { units: units.size })]);
  const { value: _value, extension: _extension, id: _id, ...unit } = given[0]?.quantity ?? {};
  return { all, unit };
}

const NOT_APPLICABLE = {
  dataAbsentReason: { coding: [{ system: 'http://terminology.hl7.org/CodeSystem/data-absent-reason', code: 'not-applicable' }] },
};

/** The regression's two values: of one code, told apart by their texts; the gradient is per day, the intercept at the first value. */
function regressionComponents(all: readonly Measured[], unit: JsonObject): readonly JsonObject[] {
  const found = regressionOf(all);
  const coding = [{ system: STATISTIC_SYSTEM, code: 'regression' }];
  if (found === undefined) return [{ code: { coding }, ...NOT_APPLICABLE }];
  const perDay = Object.fromEntries(
    Object.entries(unit).map(([name, value]) => [name, name === 'code' || name === 'unit' ? `${value}/d` : value]),
  );
  return [
    { code: { coding, text: 'gradient' }, valueQuantity: { value: found.gradient, ...perDay } },
    { code: { coding, text: 'intercept' }, valueQuantity: { value: found.intercept, ...unit } },
  ];
}

function statisticsOf(
  coding: Coding,
  subject: string,
  asked: readonly string[],
  sources: readonly Resource[],
  range: JsonObject | undefined,
): Resource {
  const { all, unit } = valuesOf(sources, coding);
  const values = all.flatMap(({ value }) => value ?? []);
  const component = asked.flatMap((name): readonly JsonObject[] => {
    if (name === 'regression') return regressionComponents(all, unit);
    const code = { coding: [{ system: STATISTIC_SYSTEM, code: name }] };
    const value = name === 'total-count' ? all.length : statisticOf(name, values);
    if (value === undefined) return [{ code, ...NOT_APPLICABLE }];
    const isPlain = name === 'total-count' || STATISTICS.get(name)?.hasUnit === false;
    return [{ code, valueQuantity: { value, ...(isPlain ? {} : unit) } }];
  });
  const own = all[0]?.coding;
  return {
    resourceType: 'Observation',
    status: 'final',
    code: { coding: [own ?? { ...(coding.system === undefined ? {} : { system: coding.system }), code: coding.code }] },
    subject: { reference: subject },
    ...(range === undefined ? {} : { effectivePeriod: range }),
    component,
  };
}
