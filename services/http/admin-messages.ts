/** What the console's pages on messages ask for. */
import type { FastifyInstance } from 'fastify';
import { pulses } from '../database/journal-pulse.ts';
import type { Parts } from '../pipeline.ts';
import { rarely } from './rarely.ts';

/** GET /admin/sources: per source what was received and what became of it, from counters. */
export function adminMessagesRoutes(door: FastifyInstance, parts: Parts): void {
  const latest = rarely(() => pulses(parts.database));
  door.get('/admin/sources', async () => ({ at: parts.clock().toISOString(), sources: await latest() }));
}
