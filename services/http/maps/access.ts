/** Who may do what with specs: one table, asked by every door of this folder (security.md, points 1 and 2). */
import type { FastifyRequest } from 'fastify';
import { rolesOfToken, type SpecRole } from '../../database/tokens.ts';
import { problem, Refusal } from '../../errors.ts';
import type { Parts } from '../../pipeline.ts';
import { actorOf } from '../admin/request.ts';

export type SpecAction = 'read' | 'draft' | 'plan' | 'publish' | 'replay' | 'audit';

/** Roles that an action is open to; the first is named when it is refused. */
const OPEN_TO: Readonly<Record<SpecAction, readonly SpecRole[]>> = {
  read: ['reader', 'author', 'approver', 'operator'],
  draft: ['author'],
  plan: ['author', 'approver'],
  publish: ['approver'],
  replay: ['operator', 'approver'],
  audit: ['operator', 'approver'],
};

/** Returns why somebody with these roles may not do it; undefined when they may. */
export const refusalOf = (action: SpecAction, roles: readonly string[]): string | undefined =>
  OPEN_TO[action].some((role) => roles.includes(role)) ? undefined : OPEN_TO[action][0];

export interface SpecAccess {
  readonly parts: Parts;
  /** False on loopback without tokens: whoever is on this machine may do everything. */
  readonly isGuarded: boolean;
}

/** Returns who acts. Throws Refusal spec-forbidden. */
export async function allowed({ parts, isGuarded }: SpecAccess, request: FastifyRequest, action: SpecAction): Promise<string> {
  if (isGuarded) {
    const token = /^Bearer ([\w.~+/=-]{1,200})$/.exec(request.headers.authorization ?? '')?.[1] ?? '';
    const role = refusalOf(action, await rolesOfToken(parts.database, token));
    if (role !== undefined) throw new Refusal([problem('spec-forbidden', { role })]);
  }
  return actorOf(request, parts.database);
}
