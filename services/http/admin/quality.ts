/** What the console's page on data quality asks for. */
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { type CheckPage, checkPage, type QualityPage, qualityPage, startQuality } from '../../pipeline/quality-desk.ts';
import type { Parts } from '../../pipeline.ts';
import { actorOf, bodyOf } from './request.ts';

const PAGE = z.strictObject({ run: z.int().positive().optional() });
const CHECK = z.strictObject({ check: z.string().min(1).max(300) });

/** POST /admin/omop/quality: the runs and the failures of one; …/check: one check over time, with rows that violate it; …/start: begins a run. */
export function adminQualityRoutes(door: FastifyInstance, parts: Parts, version: string): void {
  const { database } = parts;
  door.post('/admin/omop/quality', async (request): Promise<QualityPage> => qualityPage(parts, bodyOf(request, PAGE).run));
  door.post('/admin/omop/quality/check', async (request): Promise<CheckPage> => checkPage(parts, bodyOf(request, CHECK).check));
  door.post('/admin/omop/quality/start', async (request) => ({
    job: await startQuality(
      parts,
      await actorOf(request, database),
      `polyseme@${version}, checks and thresholds of DataQualityDashboard 2.8.4`,
    ),
  }));
}
