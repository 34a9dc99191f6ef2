/** _include and _revinclude (http://hl7.org/fhir/R4/search.html#revinclude): what goes along with the matches of a page. */
import { problem, Refusal } from '../../errors.ts';
import { isResourceType, RESOURCE_TYPES, resourceTypeOf } from '../../fhir/definitions.ts';
import { readJson } from '../../fhir/format/json.ts';
import { type SearchParameter, searchParameters } from '../../fhir/parameters.ts';
import type { Resource } from '../../fhir/resource.ts';
import { valuesOfParameter } from '../../fhir/search/match.ts';
import type { Include } from '../../fhir/search/query.ts';
import { targetsOf } from '../../fhir/search/read.ts';
import { type IndexOptions, referenceOf } from '../../fhir/search/values.ts';
import type { Queryable } from '../connect.ts';
import { typeNumber } from '../resources/resources.ts';
import { plainArray, textArray } from '../wire.ts';
import type { FoundResource } from './candidates.ts';

/** Most resources that go along with one page: more are refused, never left out. */
export const MOST_INCLUDED = 5_000;
/** Steps of :iterate. */
const MOST_STEPS = 10;

interface Row {
  readonly type: number;
  readonly id: string;
  readonly version: number;
  readonly updated: string;
  readonly body: string;
}
type Held = FoundResource & { readonly resource: Resource };

const held = ({ type, ...row }: Row): Held => withResource({ ...row, type: resourceTypeOf(type) ?? '' });

function withResource(found: FoundResource): Held {
  const read = readJson(found.body);
  return { ...found, resource: { ...(read.ok ? read.value : {}), resourceType: found.type } };
}

const keyOf = ({ type, id }: FoundResource): string => `${type}/${id}`;
const referenceParameters = (type: string): readonly SearchParameter[] =>
  [...searchParameters(type).values()].filter(({ kind }) => kind === 'reference');

function referencesFrom({ resource }: Held, { type, parameter, target }: Include, options: IndexOptions): readonly string[] {
  if (type !== undefined && resource.resourceType !== type) return [];
  const parameters = parameter === undefined ? referenceParameters(resource.resourceType) : [parameter];
  return parameters
    .flatMap((each) => valuesOfParameter(resource, each, options).map(({ value }) => referenceOf(value, options)))
    .filter(
      (each) =>
        /^[A-Za-z]+\/[A-Za-z0-9.-]{1,64}$/.test(each) &&
        isResourceType(each.slice(0, each.indexOf('/'))) &&
        (target === undefined || each.startsWith(`${target}/`)),
    );
}

async function readAll(tx: Queryable, references: readonly string[]): Promise<readonly Held[]> {
  if (references.length === 0) return [];
  const split = references.map((each) => each.split('/'));
  const rows = await tx.query<Row>(
    {
      name: 'search_include',
      text: `SELECT r.type, r.id, r.version, r.updated, r.body FROM unnest($1::smallint[], $2::text[]) AS a(type, id)
        JOIN fhir.resource r ON r.type = a.type AND r.id = a.id WHERE NOT r.deleted LIMIT ${MOST_INCLUDED + 1}`,
    },
    [plainArray(split.map(([type = '']) => typeNumber(type))), textArray(split.map(([, id = '']) => id))],
  );
  return rows.map(held);
}

/** Resources that refer to one of `to` as an include says; each is looked at, as hashes may deceive. */
async function referring(
  tx: Queryable,
  to: readonly Held[],
  { type, parameter, target }: Include,
  options: IndexOptions,
): Promise<readonly Held[]> {
  const wanted = to.filter((each) => target === undefined || each.type === target);
  const parameters =
    parameter === undefined ? (type === undefined ? [...RESOURCE_TYPES.keys()] : [type]).flatMap(referenceParameters) : [parameter];
  const hashes = wanted.flatMap((each) =>
    parameters.flatMap(({ uses }) => uses.filter((use) => targetsOf(use).includes(each.type)).map(({ slot }) => slot.hash(keyOf(each)))),
  );
  if (hashes.length === 0) return [];
  const rows = await tx.query<Row>(
    {
      name: 'search_revinclude',
      text: `SELECT r.type, r.id, r.version, r.updated, r.body FROM (SELECT DISTINCT t.rid FROM fhir.tok t WHERE t.h = ANY ($1::bigint[]) LIMIT ${MOST_INCLUDED + 1}) t
        JOIN fhir.resource r ON r.rid = t.rid WHERE NOT r.deleted`,
    },
    [plainArray(new Set(hashes))],
  );
  if (rows.length > MOST_INCLUDED) throw tooMany();
  const names = new Set(wanted.map(keyOf));
  const forward = { reverse: false, iterate: false, type, parameter, target } as const;
  return rows.map(held).filter((each) => referencesFrom(each, forward, options).some((reference) => names.has(reference)));
}

const tooMany = (): Refusal =>
  new Refusal([problem('fhir-search-costly', { maximum: MOST_INCLUDED, what: 'included resources on one page' }, '_include')]);

/** Returns what the includes add to the matches of a page: each resource once, none of the matches. Throws Refusal fhir-search-costly. */
export async function includedWith(
  tx: Queryable,
  matches: readonly FoundResource[],
  includes: readonly Include[],
  options: IndexOptions,
): Promise<readonly FoundResource[]> {
  const seen = new Set(matches.map(keyOf));
  const added: Held[] = [];
  const roots = matches.map(withResource);
  let from: readonly Held[] = roots;
  for (let step = 0; from.length > 0 && step <= MOST_STEPS; step++) {
    const next: Held[] = [];
    for (const include of includes) {
      if (step > 0 && !include.iterate) continue;
      const references = include.reverse
        ? []
        : [...new Set(from.flatMap((each) => referencesFrom(each, include, options)))].filter((each) => !seen.has(each));
      const found = include.reverse ? await referring(tx, from, include, options) : await readAll(tx, references);
      for (const each of found) {
        if (seen.has(keyOf(each))) continue;
        seen.add(keyOf(each));
        next.push(each);
      }
      if (added.length + next.length > MOST_INCLUDED) throw tooMany();
    }
    if (step === MOST_STEPS && next.length > 0)
      throw new Refusal([problem('fhir-search-costly', { maximum: MOST_STEPS, what: 'steps of :iterate' }, '_include')]);
    added.push(...next);
    from = next;
  }
  return added.map(({ resource: _resource, ...found }) => found);
}
