/** Which profiles, tags and security labels are used: $meta above the instance level (http://hl7.org/fhir/R4/resource-operation-meta.html). */
import { problem, Refusal } from '../../errors.ts';
import { RESOURCE_TYPES } from '../../fhir/definitions.ts';
import { isObject, readJson } from '../../fhir/format/json.ts';
import { keyOf } from '../../fhir/meta-change.ts';
import { searchParameters } from '../../fhir/parameters.ts';
import type { JsonObject, JsonValue } from '../../fhir/resource.ts';
import type { Database } from '../connect.ts';
import { assertSearchable, searchState } from '../search/parameters.ts';
import { plainArray } from '../wire.ts';
import { typeNumber } from './resources.ts';

const MOST = 1_000;
const TIMEOUT_MS = 10_000;
const LISTS = ['profile', 'security', 'tag'] as const;

/** Only resources that the index says have one of them are read. */
const USED = {
  name: 'meta_used',
  text: `SELECT DISTINCT m.list, m.value FROM fhir.present h JOIN fhir.resource r ON r.rid = h.rid
    CROSS JOIN LATERAL (SELECT r.body::json -> 'meta' AS meta) b CROSS JOIN LATERAL (
      SELECT 'profile' AS list, e.value::text AS value FROM json_array_elements(b.meta -> 'profile') e UNION ALL
      SELECT 'security', e.value::text FROM json_array_elements(b.meta -> 'security') e UNION ALL
      SELECT 'tag', e.value::text FROM json_array_elements(b.meta -> 'tag') e
    ) m WHERE h.p && $1::int[] AND r.type = ANY ($2::smallint[]) AND NOT r.deleted ORDER BY 1, 2 LIMIT ${MOST + 1}`,
};

/**
 * Returns the Meta of all profiles, security labels and tags of a type, '' for all types; each once. Throws Refusal: fhir-operation-costly
 * where there are more than a thousand, search-too-costly where looking takes more than ten seconds.
 */
export async function metaUsed(database: Database, type: string): Promise<JsonObject> {
  const types = type === '' ? [...RESOURCE_TYPES.keys()] : [type];
  const marks = types.flatMap((each) => ['_profile', '_security', '_tag'].flatMap((name) => searchParameters(each).get(name)?.p ?? []));
  const rows = await database.snapshot(
    async (tx) => {
      await assertSearchable(tx, undefined, await searchState(tx));
      return tx.query<{ readonly list: string; readonly value: string }>(USED, [plainArray(marks), plainArray(types.map(typeNumber))]);
    },
    { timeoutMs: TIMEOUT_MS },
  );
  if (rows.length > MOST) throw new Refusal([problem('fhir-operation-costly', { maximum: MOST })]);
  const meta: Record<string, JsonValue> = {};
  for (const list of LISTS) {
    const values = rows.filter((row) => row.list === list).flatMap(({ value }) => valueIn(value));
    const each = [...new Map(values.map((value) => [keyOf(value), value])).values()];
    if (each.length > 0) meta[list] = each;
  }
  return meta;
}

function valueIn(text: string): readonly JsonValue[] {
  const read = readJson(`{"value":${text}}`);
  const value = read.ok && isObject(read.value) ? read.value['value'] : undefined;
  return value === undefined || value === null ? [] : [value];
}
