import { harmless, problem, Refusal } from '../errors.ts';
import { readJson } from '../fhir/json.ts';
import type { Resource } from '../fhir/resource.ts';
import { type AskedEntry, questionOf, questionsOf, versionOfEtag } from '../fhir/transaction.ts';
import { validateResource } from '../fhir/validate.ts';
import { type Written, writeRequest } from '../pipeline/fhir-write.ts';
import type { Parts } from '../pipeline.ts';

interface Address {
  readonly type: string;
  readonly id: string;
}

/** create (http://hl7.org/fhir/R4/http.html#create), with If-None-Exist a conditional one. */
export async function createResource(
  parts: Parts,
  type: string,
  bytes: Uint8Array,
  base: string,
  ifNoneExist: string | undefined,
): Promise<Written> {
  const resource = resourceOf(bytes, type);
  const condition = ifNoneExist === undefined ? undefined : questionOf(`${type}?${ifNoneExist.replace(/^[^?]*\?/, '')}`);
  if (ifNoneExist !== undefined && condition === undefined) throw new Refusal([problem('condition-empty')]);
  return writeOne(parts, bytes, base, { ...EMPTY, method: 'POST', type, condition, resource });
}

/** update (http.html#update); a new id creates (http.html#upsert). */
export async function updateResource(
  parts: Parts,
  { type, id }: Address,
  bytes: Uint8Array,
  base: string,
  ifMatch: string | undefined,
): Promise<Written> {
  const resource = resourceOf(bytes, type);
  if (resource.id !== id) throw new Refusal([problem('id-mismatch')]);
  const version = ifMatch === undefined ? undefined : versionOfEtag(ifMatch);
  if (ifMatch !== undefined && version === undefined) throw new Refusal([problem('if-match-malformed')]);
  return writeOne(parts, bytes, base, { ...EMPTY, method: 'PUT', type, id, ifMatch: version, resource });
}

const EMPTY = {
  index: 0,
  id: undefined,
  search: undefined,
  condition: undefined,
  ifMatch: undefined,
  fullUrl: undefined,
  problems: [],
} as const;

async function writeOne(parts: Parts, content: Uint8Array, base: string, asked: AskedEntry): Promise<Written> {
  const entry = {
    source: 'fhir',
    channel: 'fhir',
    content,
    controlId: undefined,
    messageType: `${asked.method} ${asked.type}`,
    patientKeys: [],
  } as const;
  const transaction = { kind: 'batch', entries: [asked], questions: questionsOf([asked], { base }) } as const;
  const [written] = await writeRequest(parts, { entry, asked: transaction, base });
  if (written === undefined) throw new Refusal([problem('internal', { reason: 'a write without outcome' })]);
  return written;
}

/** The resource of a body: JSON of the type that the address names; valid R4. */
function resourceOf(bytes: Uint8Array, type: string): Resource {
  const resource = resourceOfType(bytes, type);
  const faults = validateResource(resource).filter((each) => !harmless([each]));
  if (faults.length > 0) throw new Refusal(faults);
  return resource;
}

/** The JSON object of a body, of the resource type that the address names; not validated. */
export function resourceOfType(bytes: Uint8Array, type: string): Resource {
  const read = readJson(bytes);
  if (!read.ok) throw new Refusal(read.problems);
  if (read.value['resourceType'] !== type) throw new Refusal([problem('id-mismatch')]);
  return { ...read.value, resourceType: type };
}
