/**
 * The short way of the read of a resource by its id: answered before the server library's routing and hooks. What is not plain (conditions,
 * parts, other forms, types that the terminology speaks of too) and whatever is not there goes the usual way.
 */
import type { IncomingHttpHeaders } from 'node:http';
import { readCurrent } from '../../database/resources/read-together.ts';
import { isResourceType } from '../../fhir/definitions.ts';
import { etag } from '../../fhir/format/json.ts';
import type { Parts } from '../../pipeline.ts';
import { FHIR_JSON } from '../problems.ts';
import type { QuickWay } from '../quick.ts';
import { formAsked } from './form.ts';
import { FHIR_PATH } from './request.ts';

const ADDRESS = new RegExp(`^${FHIR_PATH}/([A-Z][A-Za-z]{2,63})/([A-Za-z0-9.-]{1,64})$`);
const OTHER_ROOMS = new Set(['CodeSystem', 'ValueSet', 'ConceptMap', 'NamingSystem', 'StructureDefinition', 'TerminologyCapabilities']);

/** As the usual way names it. */
const ROUTE = `${FHIR_PATH}/:type/:id`;

/** Returns the short way of reads over the store. */
export function quickReads({ database }: Parts): QuickWay {
  return {
    takes: ({ method, url = '', headers }) => method === 'GET' && addressIn(url) !== undefined && isPlain(headers),
    answer: async ({ url = '' }) => {
      const address = addressIn(url);
      const found = address && (await readCurrent(database, address.type, address.id));
      if (found === undefined || found.deleted) return undefined;
      return {
        route: ROUTE,
        status: 200,
        type: FHIR_JSON,
        headers: { etag: etag(found.version), 'last-modified': new Date(found.updated).toUTCString() },
        bytes: found.body,
      };
    },
  };
}

function addressIn(url: string): { readonly type: string; readonly id: string } | undefined {
  const [, type = '', id = ''] = ADDRESS.exec(url) ?? [];
  return isResourceType(type) && !OTHER_ROOMS.has(type) ? { type, id } : undefined;
}

const isPlain = (headers: IncomingHttpHeaders): boolean =>
  headers['if-none-match'] === undefined &&
  headers['if-modified-since'] === undefined &&
  headers['prefer'] === undefined &&
  headers['content-length'] === undefined &&
  headers['transfer-encoding'] === undefined &&
  formAsked(undefined, headers.accept) === 'json';
