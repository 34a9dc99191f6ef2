/** GET entries of bundles that are more than a read or a search of a type: asked of the door itself, as if each had come alone. */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { readJson } from '../../fhir/format/json.ts';
import type { Resource } from '../../fhir/resource.ts';
import type { AskedEntry } from '../../fhir/transaction/transaction.ts';
import { askedBy, FHIR_PATH } from './request.ts';

/** What the door answered. */
export interface DoorAnswer {
  readonly status: number;
  readonly resource: Resource | undefined;
  readonly etag: string | undefined;
}

/** Asks the door for an address below the base, with the credentials of the request that brought the bundle. */
export type AskDoor = (address: string, conditions: Pick<AskedEntry, 'ifNoneMatch' | 'ifModifiedSince'>) => Promise<DoorAnswer>;

export const asker =
  (door: FastifyInstance, request: FastifyRequest): AskDoor =>
  async (address, { ifNoneMatch, ifModifiedSince }) => {
    const { host, authorization, origin } = request.headers;
    const headers = { host, authorization, origin, 'if-none-match': ifNoneMatch, 'if-modified-since': ifModifiedSince };
    const given = Object.fromEntries(Object.entries(headers).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])));
    const asked = { method: 'GET', url: `${FHIR_PATH}/${address}`, headers: { ...given, accept: 'application/fhir+json' } } as const;
    const answer = await askedBy(request, () => door.inject(asked));
    const read = answer.payload === '' ? undefined : readJson(answer.payload);
    const type = read?.ok ? read.value['resourceType'] : undefined;
    const resource = read?.ok && typeof type === 'string' ? { ...read.value, resourceType: type } : undefined;
    const etag = answer.headers['etag'];
    return { status: answer.statusCode, resource, etag: typeof etag === 'string' ? etag : undefined };
  };
