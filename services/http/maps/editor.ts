import type { FastifyInstance } from 'fastify';
import type { Desk } from '../../pipeline/specs/drafts.ts';
import type { SpecAccess } from './access.ts';

/** What an editor asks. */
export function editorRoutes(_door: FastifyInstance, _access: SpecAccess, _desk: Desk): void {}
