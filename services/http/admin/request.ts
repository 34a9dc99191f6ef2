/** What every door of the console reads of a request: a JSON body of a known shape, and who acts. */
import type { FastifyRequest } from 'fastify';
import type { z } from 'zod';
import { type AuditEntry, audit, auditRecords } from '../../database/audit.ts';
import type { Database, Queryable } from '../../database/connect.ts';
import { personOfToken } from '../../database/tokens.ts';
import { problem, Refusal } from '../../errors.ts';
import { readJson } from '../../fhir/format/json.ts';

/** Returns the body as `schema` has it. Throws Refusal(request-malformed) with the place, never with what stands there. */
export function bodyOf<T>(request: FastifyRequest, schema: z.ZodType<T>): T {
  const bytes = Buffer.isBuffer(request.body) ? request.body : Buffer.from('{}');
  const read = readJson(bytes);
  if (!read.ok) throw new Refusal(read.problems);
  const parsed = schema.safeParse(read.value);
  if (parsed.success) return parsed.data;
  const [first] = parsed.error.issues;
  const reason = `${first?.path.join('.') || 'the body'} is not what is expected there (${first?.code ?? 'unknown'})`;
  throw new Refusal([problem('request-malformed', { reason })]);
}

const SEEN_FOR_MS = 15 * 60_000;

/**
 * Writes into the audit log that somebody looked at something that tells of a patient, masked though it is: before it is answered, once in fifteen
 * minutes for one person and thing, since pages ask again by themselves. `detail`: counts and names, never what was looked for.
 */
export async function recordLook(
  request: FastifyRequest,
  database: Database,
  { action, target, detail }: { readonly action: string; readonly target: string; readonly detail?: AuditEntry['detail'] },
): Promise<void> {
  const actor = await actorOf(request, database);
  const [last] = detail === undefined ? await auditRecords(database, { actor, action, target, limit: 1 }) : [];
  if (last !== undefined && Date.now() - Date.parse(last.at) < SEEN_FOR_MS) return;
  await audit(database, { actor, action, target, detail });
}

/** Returns who acts, for the audit log: the person whose token it is, or 'local' where none is asked for. */
export async function actorOf(request: FastifyRequest, database: Queryable): Promise<string> {
  const token = /^Bearer ([\w.~+/=-]{1,200})$/.exec(request.headers.authorization ?? '')?.[1];
  return (token === undefined ? undefined : await personOfToken(database, token)) ?? 'local';
}
