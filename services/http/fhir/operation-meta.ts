import { metaUsed } from '../../database/resources/meta.ts';
import { readResource } from '../../database/resources/resources.ts';
import { problem, Refusal } from '../../errors.ts';
import { isObject } from '../../fhir/format/json.ts';
import type { JsonObject, Resource } from '../../fhir/resource.ts';
import { missing, resourceOf } from './answers.ts';
import { type OperationCall, refuseOthers, wrongParameter } from './operation.ts';
import { ifMatchOf } from './request.ts';
import { ALONE, writeAsked } from './single.ts';

const answer = ({ meta }: JsonObject): Resource => ({
  resourceType: 'Parameters',
  parameter: [{ name: 'return', valueMeta: isObject(meta) ? meta : {} }],
});

/** $meta (http://hl7.org/fhir/R4/resource-operation-meta.html): profiles, tags and labels of a resource, or those used in a type or anywhere. */
export async function readMeta(call: OperationCall): Promise<Resource> {
  refuseOthers(call, []);
  if (call.id === '') return answer({ meta: await metaUsed(call.parts.database, call.type) });
  const found = await readResource(call.parts.database, call.type, call.id);
  if (found === undefined || found.deleted) throw new Refusal([missing(found ? 'resource-deleted' : 'resource-not-found', call.type)]);
  return answer(resourceOf(found));
}

/** $meta-add and $meta-delete: profiles, tags and labels come or go; the rest of the resource stays. A new version is made where that changes it. */
export async function changeMeta(call: OperationCall, change: 'add' | 'delete'): Promise<Resource> {
  refuseOthers(call, ['meta']);
  const { parts, type, id, base, request, input } = call;
  const [meta, second] = input.all('meta');
  if (!isObject(meta) || second !== undefined) throw wrongParameter('meta', 'one Meta is needed');
  const asked = { ...ALONE, method: 'PATCH', type, id, ifMatch: ifMatchOf(request), patch: { kind: 'meta', change, meta } } as const;
  const written = await writeAsked(parts, Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0), base, asked);
  if (written === undefined) throw new Refusal([problem('resource-not-found', { reference: type })]);
  return answer(resourceOf(written));
}
