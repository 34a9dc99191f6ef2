import type { JournalEntry } from '../../database/journal/entry.ts';
import { harmless, problem, Refusal } from '../../errors.ts';
import { readBody } from '../../fhir/body.ts';
import type { Resource } from '../../fhir/resource.ts';
import { type AskedEntry, type Question, questionOf, questionsOf } from '../../fhir/transaction/transaction.ts';
import { validateResource } from '../../fhir/validation/validate.ts';
import { type Written, writeRequest } from '../../pipeline/fhir/write.ts';
import type { Parts } from '../../pipeline.ts';

/** create (http://hl7.org/fhir/R4/http.html#create), with If-None-Exist a conditional one. */
export async function createResource(
  parts: Parts,
  type: string,
  bytes: Uint8Array,
  base: string,
  ifNoneExist: string | undefined,
): Promise<Written> {
  const resource = validResource(bytes, type);
  const condition = ifNoneExist === undefined ? undefined : questionOf(`${type}?${ifNoneExist.replace(/^[^?]*\?/, '')}`);
  if (ifNoneExist !== undefined && condition === undefined) throw new Refusal([problem('condition-empty')]);
  return writeOne(parts, bytes, base, { ...ALONE, method: 'POST', type, condition, resource });
}

/** update (http.html#update); a new id creates (http.html#upsert). With a condition in place of the id a conditional one (#cond-update). */
export async function updateResource(
  parts: Parts,
  { type, ...target }: { readonly type: string; readonly id?: string | undefined; readonly condition?: Question | undefined },
  bytes: Uint8Array,
  base: string,
  ifMatch: number | undefined,
): Promise<Written> {
  const resource = validResource(bytes, type);
  if (target.id !== undefined && resource.id !== target.id) throw new Refusal([problem('id-mismatch')]);
  return writeOne(parts, bytes, base, { ...ALONE, ...target, method: 'PUT', type, ifMatch, resource });
}

/** What an entry of a request that is no bundle does not say. */
export const ALONE = {
  resource: undefined,
  index: 0,
  id: undefined,
  search: undefined,
  condition: undefined,
  ifMatch: undefined,
  fullUrl: undefined,
  problems: [],
} as const;

async function writeOne(parts: Parts, content: Uint8Array, base: string, asked: AskedEntry): Promise<Written> {
  const written = await writeAsked(parts, content, base, asked);
  if (written === undefined) throw new Refusal([problem('internal', { reason: 'a write without outcome' })]);
  return written;
}

/** Returns a request of one entry as it goes into the journal. */
export const journalEntry = ({ method, type }: AskedEntry, content: Uint8Array): JournalEntry => ({
  source: 'fhir',
  channel: 'fhir',
  content,
  controlId: undefined,
  messageType: `${method} ${type}`,
  patientKeys: [],
});

/** Does one entry as a transaction of its own; undefined: a conditional delete that found nothing. */
export async function writeAsked(parts: Parts, content: Uint8Array, base: string, asked: AskedEntry): Promise<Written | undefined> {
  const entry = journalEntry(asked, content);
  const transaction = { kind: 'batch', entries: [asked], questions: questionsOf([asked], { base }) } as const;
  const [written] = await writeRequest(parts, { entry, asked: transaction, base });
  return written;
}

/** The resource of a body: of the type that the address names; valid R4. */
export function validResource(bytes: Uint8Array, type: string): Resource {
  const resource = resourceOfType(bytes, type);
  const faults = validateResource(resource).filter((each) => !harmless([each]));
  if (faults.length > 0) throw new Refusal(faults);
  return resource;
}

/** The resource of a body, JSON or XML, of the resource type that the address names; not validated. */
export function resourceOfType(bytes: Uint8Array, type: string): Resource {
  const read = readBody(bytes);
  if (!read.ok) throw new Refusal(read.problems);
  if (read.value['resourceType'] !== type) throw new Refusal([problem('id-mismatch')]);
  return { ...read.value, resourceType: type };
}
