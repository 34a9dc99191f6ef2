/** What a file holds, as updates that keep their ids. */
import { problem, Refusal } from '../../errors.ts';
import { isArray, isObject } from '../../fhir/format/json.ts';
import type { JsonObject, Resource } from '../../fhir/resource.ts';
import type { AskedEntry } from '../../fhir/transaction/transaction.ts';
import { resolveTransaction } from '../../fhir/transaction/transaction-resolve.ts';

/** Returns the entries of a Bundle. */
export const entriesIn = (bundle: JsonObject): readonly JsonObject[] => (isArray(bundle['entry']) ? bundle['entry'] : []).filter(isObject);

/** Returns the entries as updates, with references to each other by fullUrl made references by id: what is left refers to the store. */
export function standalone(entries: readonly JsonObject[]): readonly AskedEntry[] {
  const asked = entries.map(put);
  const resolved = resolveTransaction({ kind: 'transaction', entries: asked, questions: [] }, new Map(), {
    newId: () => '',
    keepConditional: true,
  });
  if (!resolved.ok) throw new Refusal(resolved.problems);
  const resources = new Map(resolved.value.map(({ index, resource }) => [index, resource]));
  return asked.map((entry) => ({ ...entry, fullUrl: undefined, resource: resources.get(entry.index) ?? entry.resource }));
}

/** An entry as an update of the id that the resource has, or that its fullUrl gives it. */
function put(entry: JsonObject, index: number): AskedEntry {
  const at = `Bundle.entry[${index}]`;
  const { resource: value } = entry;
  if (!isObject(value)) throw new Refusal([problem('import-not-a-write', {}, at)]);
  const fullUrl = typeof entry['fullUrl'] === 'string' ? entry['fullUrl'] : undefined;
  const type = String(value['resourceType']);
  const own = typeof value['id'] === 'string' ? value['id'] : undefined;
  const id = own ?? /(?:^urn:uuid:|\/)([A-Za-z0-9\-.]{1,64})$/.exec(fullUrl ?? '')?.[1];
  if (id === undefined) throw new Refusal([problem('import-without-id', {}, `${type} at entry ${index}`)]);
  const resource: Resource = { ...value, resourceType: type, id };
  return { index, method: 'PUT', type, id, search: undefined, condition: undefined, ifMatch: undefined, fullUrl, resource, problems: [] };
}
