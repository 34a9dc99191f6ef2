/** Builds the HL7v2 message of an event from the resource: the same bytes, and the same control id, whenever it is sent. */
import { createHash } from 'node:crypto';
import { readAsOf } from '../../database/outgoing/linked.ts';
import type { OutgoingEvent } from '../../database/outgoing/take.ts';
import { readVersion } from '../../database/resources/resources.ts';
import { failure, problem, type Result } from '../../errors.ts';
import { readJson } from '../../fhir/format/json.ts';
import type { Resource } from '../../fhir/resource.ts';
import type { FindLinked, OutHeader } from '../../mapping/to-hl7v2/maps.ts';
import type { Parts } from '../../pipeline.ts';

/** What a receiver wants in MSH; all but the control id. */
export type BuiltFor = Omit<OutHeader, 'controlId'>;

/** What stands in MSH where a receiver says nothing else. */
export const standardHeader = ({ sourceAuthority }: Pick<Parts, 'sourceAuthority'>): BuiltFor => ({
  sendingApplication: 'POLYSEME',
  sendingFacility: sourceAuthority ?? 'POLYSEME',
  receivingApplication: '',
  receivingFacility: '',
  charset: 'UNICODE UTF-8',
  processingId: 'P',
});

/**
 * MSH-10: 20 characters, of a version of a resource; another version has another. `had`: the version that the receiver has, 0 for none, where it is
 * not the one before: what is told as deleted is another then, and so is the message.
 */
export const controlIdOf = (type: string, id: string, version: number, had = version - 1): string =>
  createHash('sha256')
    .update(`${type}/${id}/${version}${had === version - 1 ? '' : ` after ${had}`}`)
    .digest('base64url')
    .replace(/[-_]/g, 'x')
    .slice(0, 20);

/**
 * Returns the message's bytes; refuses what `OutMaps.build` refuses, and what is no longer here (`outgoing-no-content`). `had`: the version that
 * the receiver took last (`lastTold`), undefined when it took none: what that said and this one does not is told as deleted.
 */
export async function builtMessage(
  parts: Parts,
  event: OutgoingEvent,
  header: BuiltFor,
  had: number | undefined,
): Promise<Result<Uint8Array>> {
  const { type, id, version, change } = event;
  // A deletion leaves nothing to tell of but what was there before.
  const told = await versionOf(parts, event, change === 'delete' ? version - 1 : version);
  if (told === undefined) return failure(problem('outgoing-no-content', { version, reference: `${type}/${id}` }));
  const before = change === 'update' && had !== undefined ? await versionOf(parts, event, had) : undefined;
  const find: FindLinked = async (references) => {
    const named = references.map((each) => ({ type: each.slice(0, each.indexOf('/')), id: each.slice(each.indexOf('/') + 1) }));
    const found = await readAsOf(parts.database, named, change === 'delete' ? event.at : told.updated);
    return new Map([...found].flatMap(([name, body]) => ((each) => (each ? [[name, each] as const] : []))(resourceOf(body))));
  };
  const changed = { resource: told.resource, before: before?.resource, change, changed: change === 'delete' ? event.at : told.updated };
  const controlId = controlIdOf(type, id, version, change === 'update' ? (had ?? 0) : undefined);
  return parts.maps.outMaps.build(changed, { ...header, controlId }, find);
}

async function versionOf(parts: Parts, { type, id }: OutgoingEvent, version: number) {
  const stored = await readVersion(parts.database, type, id, version);
  const resource = stored === undefined || stored.body === '' ? undefined : resourceOf(stored.body);
  return resource === undefined || stored === undefined ? undefined : { resource, updated: new Date(stored.updated).toISOString() };
}

function resourceOf(body: string): Resource | undefined {
  const read = readJson(body);
  const resourceType = read.ok ? read.value['resourceType'] : undefined;
  return read.ok && typeof resourceType === 'string' ? { ...read.value, resourceType } : undefined;
}
