/** SQL over the CDM for people: read only, by an account that can read nothing else; saved queries. Statements stand in bodies, in no log. */
import { Readable } from 'node:stream';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { snippet } from '../../database/ohdsi/connect-text.ts';
import { SQL_EXAMPLE, type SqlAnswer } from '../../database/sql/run.ts';
import { removeQuery, type SavedQuery, savedQueries, saveQuery } from '../../database/sql/saved-queries.ts';
import { rolesOfToken } from '../../database/tokens.ts';
import { problem, Refusal } from '../../errors.ts';
import { CSV_MS, IDLE_MS, MOST_ROWS, SqlDesk, type SqlFacts, TABLE_MS, whileRead } from '../../pipeline/sql-desk.ts';
import type { Parts } from '../../pipeline.ts';
import { actorOf, bodyOf } from './request.ts';

const RUN = z.strictObject({ run: z.uuid(), text: z.string().trim().min(1).max(100_000) });
const STOP = z.strictObject({ run: z.uuid() });
const NAME = z.string().trim().min(1).max(120);
const SAVE = z.strictObject({ name: NAME, text: z.string().min(1).max(100_000), version: z.int().min(0) });
const REMOVE = z.strictObject({ name: NAME, version: z.int().min(1) });
/** What is read is patients' data, unmasked: the first of these is named when it is refused. */
const OPEN_TO = ['reader', 'operator'] as const;

/**
 * GET /admin/sql: limits, and how to open the same in R and Python. POST …/run: a table; …/csv: the whole answer, streamed; …/stop: ends a run
 * in the database. POST …/saved/list, …/saved, …/saved/remove: queries by name. With tokens: for the roles reader and operator.
 */
export function adminSqlRoutes(door: FastifyInstance, parts: Parts, isGuarded: boolean): void {
  const { database } = parts;
  const desk = new SqlDesk(database);
  const who = async (request: FastifyRequest): Promise<string> => {
    if (isGuarded) {
      const token = /^Bearer ([\w.~+/=-]{1,200})$/.exec(request.headers.authorization ?? '')?.[1] ?? '';
      const roles: readonly string[] = await rolesOfToken(database, token);
      if (!OPEN_TO.some((role) => roles.includes(role))) throw new Refusal([problem('spec-forbidden', { role: OPEN_TO[0] })]);
    }
    return actorOf(request, database);
  };
  /** Who goes away stops what he asked for. */
  const stopsWithCaller = (reply: FastifyReply, run: string, actor: string): void => {
    reply.raw.once('close', () => {
      if (!reply.raw.writableFinished) void desk.stop(run, actor).catch(() => {});
    });
  };
  door.get('/admin/sql', async (request): Promise<SqlFacts> => {
    await who(request);
    return { rows: MOST_ROWS, seconds: TABLE_MS / 1000, csvSeconds: CSV_MS / 1000, example: SQL_EXAMPLE, elsewhere: elsewhere(parts) };
  });
  door.post('/admin/sql/run', async (request, reply): Promise<SqlAnswer> => {
    const actor = await who(request);
    const asked = bodyOf(request, RUN);
    stopsWithCaller(reply, asked.run, actor);
    return desk.table({ ...asked, actor });
  });
  door.post('/admin/sql/csv', async (request, reply) => {
    const actor = await who(request);
    const asked = bodyOf(request, RUN);
    stopsWithCaller(reply, asked.run, actor);
    const pieces = desk.csv({ ...asked, actor });
    // What is refused at once is answered as such: the headers go with the first rows.
    const first = await pieces.next();
    reply.type('text/csv; charset=utf-8; header=present').header('content-disposition', 'attachment; filename="polyseme.csv"');
    return reply.send(Readable.from(whileRead(first, pieces, { idleMs: IDLE_MS, left: () => reply.raw.destroy() })));
  });
  door.post('/admin/sql/stop', async (request) => ({ isStopped: await desk.stop(bodyOf(request, STOP).run, await who(request)) }));
  door.post('/admin/sql/saved/list', async (request): Promise<{ readonly queries: readonly SavedQuery[] }> => {
    await who(request);
    return { queries: await savedQueries(database) };
  });
  door.post('/admin/sql/saved', async (request): Promise<SavedQuery> => {
    const author = await who(request);
    return saveQuery(database, { ...bodyOf(request, SAVE), author });
  });
  door.post('/admin/sql/saved/remove', async (request) => {
    const author = await who(request);
    const { name, version } = bodyOf(request, REMOVE);
    await removeQuery(database, name, version, author);
    return { isRemoved: true };
  });
}

/** Addresses as this server has them, with an account of the reader's own in place of ours. */
function elsewhere({ database }: Parts): SqlFacts['elsewhere'] {
  const place = database.asAccount('YOUR_ACCOUNT', '')?.connectionString;
  const url = place === undefined ? undefined : new URL(place);
  const unknown = '# ask your administrator where the database is';
  return url === undefined ? { r: unknown, python: unknown } : { r: snippet('r', url), python: snippet('python', url) };
}
