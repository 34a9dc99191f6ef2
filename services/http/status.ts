import type { FastifyInstance } from 'fastify';
import { counts } from '../database/journal-take.ts';
import type { Parts } from '../pipeline.ts';

const WELCOME = `Polyseme

FHIR R4             /fhir/R4/metadata, /fhir/R4/Patient
HL7v2               POST /hl7v2 (x-application/hl7-v2+er7), or MLLP
Is it alive, ready  /healthz, /readyz
`;

/** GET /healthz: the process answers. GET /readyz: the database does too. GET /: where things are. */
export function statusRoutes(door: FastifyInstance, parts: Parts): void {
  door.get('/', async (_request, reply) => reply.type('text/plain; charset=utf-8').send(WELCOME));
  door.get('/healthz', async () => ({ status: 'ok' }));
  door.get('/readyz', async (_request, reply) => {
    const sources = await counts(parts.database).catch(() => undefined);
    return sources ? { status: 'ok', sources } : reply.status(503).send({ status: 'database unreachable' });
  });
}
