/**
 * Who may come to the console's doors (security.md, points 1 and 2): one table. A token without a role is a sender's: it opens none of them. Doors of
 * maps and of SQL ask for narrower roles themselves.
 */
import type { FastifyInstance } from 'fastify';
import { rolesOfToken, SPEC_ROLES, type SpecRole } from '../../database/tokens.ts';
import { problem, Refusal } from '../../errors.ts';
import type { Parts } from '../../pipeline.ts';

/** Routes that not every role opens; the first role is named when one is refused. */
const OPEN_TO: Readonly<Record<string, readonly SpecRole[]>> = {
  '/admin/messages/:id/resend': ['operator'],
  '/admin/messages/retry': ['operator'],
  '/admin/messages/skip': ['operator'],
  '/admin/omop/quality/start': ['operator', 'reader'],
  '/admin/unmapped/answer': ['author', 'approver'],
  '/admin/unmapped/undo': ['author', 'approver'],
  '/admin/unmapped/import': ['author', 'approver'],
  '/admin/unmapped/answers/:id/approve': ['approver'],
  '/admin/unmapped/answers/:id/reject': ['approver'],
};

/** Refuses tokens without the role that a door below /admin asks for; `isGuarded` false: on loopback without tokens everybody has all. */
export function guardAdmin(door: FastifyInstance, { database }: Parts, isGuarded: boolean): void {
  if (!isGuarded) return;
  door.addHook('preHandler', async (request) => {
    const url = request.routeOptions.url ?? '';
    if (!url.startsWith('/admin/') && url !== '/admin') return;
    const token = /^Bearer ([\w.~+/=-]{1,200})$/.exec(request.headers.authorization ?? '')?.[1] ?? '';
    const roles: readonly string[] = await rolesOfToken(database, token);
    const open = OPEN_TO[url] ?? SPEC_ROLES;
    if (!open.some((role) => roles.includes(role))) throw new Refusal([problem('spec-forbidden', { role: open[0] ?? 'reader' })]);
  });
}
