import type { FastifyInstance } from 'fastify';
import { counts } from '../database/journal-take.ts';
import type { Parts } from '../pipeline.ts';

/** GET /healthz: the process answers. GET /readyz: the database does too. */
export function statusRoutes(door: FastifyInstance, parts: Parts): void {
  door.get('/healthz', async () => ({ status: 'ok' }));
  door.get('/readyz', async (_request, reply) => {
    const sources = await counts(parts.database).catch(() => undefined);
    return sources ? { status: 'ok', sources } : reply.status(503).send({ status: 'database unreachable' });
  });
}
