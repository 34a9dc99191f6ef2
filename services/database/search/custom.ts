/** Search parameters beside those of R4: of SearchParameter resources that were stored (http://hl7.org/fhir/R4/searchparameter.html), and of loaded packages. */
import { z } from 'zod';
import { problem, Refusal } from '../../errors.ts';
import { isResourceType } from '../../fhir/definitions.ts';
import { isArray, readJson } from '../../fhir/format/json.ts';
import { compileParameter, isOfficial, type ParameterText } from '../../fhir/parameters.ts';
import type { JsonObject } from '../../fhir/resource.ts';
import type { Queryable } from '../connect.ts';
import { typeNumber } from '../resources/resources.ts';

/** By resource type. */
export type Custom = ReadonlyMap<string, readonly ParameterText[]>;

/** A parameter that cannot be searched. `type`: '' where none is named. */
export interface NotSearched {
  readonly type: string;
  readonly code: string;
  readonly reason: string;
}

const KINDS = ['token', 'reference', 'date', 'string', 'uri', 'number', 'quantity'] as const;

const writtenText = z.object({
  name: z.string(),
  kind: z.enum(KINDS),
  expression: z.string(),
  components: z.array(z.tuple([z.string(), z.string()])),
});
const written = z.array(z.tuple([z.string(), z.array(writtenText)]));

/** Returns the parameters that a text of `writeCustom` holds. */
export const readCustom = (json: string): Custom => new Map(written.parse(JSON.parse(json)));
export const writeCustom = (custom: Custom): string => JSON.stringify([...custom]);

/** Returns the parameter that a job of what was removed holds (fhir.reindex_job.removed). */
export const removedParameter = (json: string): ParameterText => writtenText.parse(JSON.parse(json));

interface Read {
  readonly texts: readonly (readonly [type: string, text: ParameterText])[];
  readonly faults: readonly NotSearched[];
}

/** Reads a SearchParameter by the types it is for; what R4 has itself stays as R4 has it, and is left out here. None where it is not active. */
function readParameter({ status, code, base, type, expression }: JsonObject): Read {
  if (status !== 'active' || typeof code !== 'string') return { texts: [], faults: [] };
  const types = (isArray(base) ? base : []).filter((each): each is string => typeof each === 'string');
  const texts: (readonly [string, ParameterText])[] = [];
  const faults: NotSearched[] = [];
  const kind = KINDS.find((each) => each === type);
  for (const each of types.filter((name) => !isOfficial(name, code))) {
    const fault = (reason: string): void => void faults.push({ type: each, code, reason });
    if (!isResourceType(each)) fault(`${each.slice(0, 64)} is no type of its own: name those that are meant`);
    else if (kind === undefined || typeof expression !== 'string' || !/^[A-Za-z][\w-]*$/.test(code))
      fault(`an active parameter needs a code, an expression and one of the types ${KINDS.join(', ')}`);
    else {
      const text: ParameterText = { name: code, kind, expression, components: [] };
      const compiled = compileParameter(each, text, new Map());
      if (typeof compiled === 'string') fault(compiled.slice(0, 200));
      else texts.push([each, text]);
    }
  }
  return { texts, faults };
}

/** Throws Refusal fhir-search-expression for a SearchParameter that is written and cannot be searched by. */
export function assertSearchParameter(resource: JsonObject): void {
  const [fault] = readParameter(resource).faults;
  if (fault !== undefined) throw new Refusal([problem('fhir-search-expression', { reason: fault.reason }, 'SearchParameter')]);
}

/** Returns what of a package's SearchParameters cannot be searched by, and why; what R4 has itself is not named. */
export function notSearched(bodies: readonly string[]): readonly NotSearched[] {
  return bodies.flatMap((body) => {
    const read = readJson(body);
    if (!read.ok) return [];
    const { status, code, base } = read.value;
    const types = isArray(base) ? base.filter((each) => typeof each === 'string') : [];
    if (status === 'active' || typeof code !== 'string') return readParameter(read.value).faults;
    const own = types.filter((type) => !isOfficial(type, code));
    return own.map((type) => ({ type, code, reason: `its status is ${String(status).slice(0, 20)}, not active` }));
  });
}

/** Returns the parameters that hold: of two with one code those that were stored come first, then those of the package that was loaded last. */
export async function customParameters(tx: Queryable): Promise<Custom> {
  const rows = await tx.query<{ readonly body: string }>(
    `SELECT body FROM (
       SELECT r.body, 1 AS place, r.resource_key AS key, NULL::timestamptz AS loaded, '' AS url
       FROM fhir.resource r WHERE r.type = $1 AND NOT r.deleted
       UNION ALL
       SELECT r.body, 2, 0, p.loaded_at, r.url FROM fhir.package_resource r
       JOIN fhir.package p ON p.name = r.package AND p.version = r.package_version WHERE r.type = 'SearchParameter') a
     ORDER BY place, key, loaded DESC, url`,
    [typeNumber('SearchParameter')],
  );
  const found = new Map<string, Map<string, ParameterText>>();
  for (const { body } of rows) {
    const read = readJson(body);
    for (const [type, text] of read.ok ? readParameter(read.value).texts : []) {
      const own = found.get(type) ?? new Map<string, ParameterText>();
      if (!own.has(text.name)) own.set(text.name, text);
      found.set(type, own);
    }
  }
  return new Map([...found].map(([type, own]) => [type, [...own.values()]]));
}
