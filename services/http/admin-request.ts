/** What every door of the console reads of a request: a JSON body of a known shape, and who acts. */
import type { FastifyRequest } from 'fastify';
import type { z } from 'zod';
import type { Queryable } from '../database/connect.ts';
import { tokenName } from '../database/tokens.ts';
import { problem, Refusal } from '../errors.ts';
import { readJson } from '../fhir/json.ts';

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

/** Returns who acts, for the audit log: the name of the token, or 'local' where none is asked for. */
export async function actorOf(request: FastifyRequest, database: Queryable): Promise<string> {
  const token = /^Bearer ([\w.~+/=-]{1,200})$/.exec(request.headers.authorization ?? '')?.[1];
  return (token === undefined ? undefined : await tokenName(database, token)) ?? 'local';
}
