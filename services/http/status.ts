import { basename, dirname } from 'node:path';
import type { FastifyInstance } from 'fastify';
import { counts } from '../database/journal/take.ts';
import type { Parts } from '../pipeline.ts';

/** GET /healthz: the process answers. GET /readyz: the database does too; `off` names what is loaded and cannot be read. */
export function statusRoutes(door: FastifyInstance, parts: Parts): void {
  door.get('/healthz', async () => ({ status: 'ok' }));
  door.get('/readyz', async (_request, reply) => {
    const sources = await counts(parts.database).catch(() => undefined);
    const off = (parts.terminologies?.().faults ?? []).map(({ code, at }) => ({ code, at: basename(dirname(at)) }));
    if (sources && off.length > 0) return { status: 'degraded', off, sources };
    return sources ? { status: 'ok', sources } : reply.status(503).send({ status: 'database unreachable' });
  });
}
