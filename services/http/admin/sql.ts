/** SQL over the CDM for people: read only, by an account that can read nothing else; saved queries. Statements stand in bodies, in no log. */
import { Readable } from 'node:stream';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { snippet } from '../../database/ohdsi/connect-text.ts';
import { SQL_EXAMPLE, type SqlAnswer } from '../../database/sql/run.ts';
import {
  type QueryVersion,
  removedQueries,
  removeQuery,
  type SavedQuery,
  savedQueries,
  saveQuery,
  versionsOfQuery,
} from '../../database/sql/saved-queries.ts';
import { rolesOfToken } from '../../database/tokens.ts';
import { problem, Refusal } from '../../errors.ts';
import { CSV_MS, IDLE_MS, MOST_ROWS, SQL_FORMS, SqlDesk, type SqlFacts, TABLE_MS, whileRead } from '../../pipeline/sql-desk.ts';
import { PARQUET_TYPE } from '../../pipeline/views/parquet.ts';
import type { Parts } from '../../pipeline.ts';
import { actorOf, bodyOf } from './request.ts';

/** What is read is unmasked: why stands in the audit log before it runs. */
const RUN = z.strictObject({
  run: z.uuid(),
  text: z.string().trim().min(1).max(100_000),
  reason: z.string().trim().min(1).max(500),
});
const TYPES = { csv: 'text/csv; charset=utf-8; header=present', parquet: PARQUET_TYPE } as const;
const STOP = z.strictObject({ run: z.uuid() });
const NAME = z.string().trim().min(1).max(120);
const SAVE = z.strictObject({ name: NAME, text: z.string().min(1).max(100_000), version: z.int().min(0) });
const REMOVE = z.strictObject({ name: NAME, version: z.int().min(1) });
/** What is read is patients' data, unmasked: the first of these is named when it is refused. */
const OPEN_TO = ['reader', 'operator'] as const;

export interface SavedQueries {
  readonly queries: readonly SavedQuery[];
  /** The last text of each name that was removed. */
  readonly removed: readonly QueryVersion[];
}

/**
 * GET /admin/sql: limits, and how to open the same in R and Python. POST …/run: a table; …/csv, …/parquet: the whole answer, streamed;
 * …/stop: ends a run in the database. POST …/saved/list, …/saved, …/saved/versions, …/saved/remove: queries by name. With tokens: for the roles reader and operator.
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
  for (const form of SQL_FORMS)
    door.post(`/admin/sql/${form}`, async (request, reply) => {
      const actor = await who(request);
      const asked = bodyOf(request, RUN);
      stopsWithCaller(reply, asked.run, actor);
      const pieces = desk.file({ ...asked, actor }, form);
      // What is refused at once is answered as such: the headers go with the first rows.
      const first = await pieces.next();
      reply.type(TYPES[form]).header('content-disposition', `attachment; filename="polyseme.${form}"`);
      return reply.send(Readable.from(whileRead(first, pieces, { idleMs: IDLE_MS, left: () => reply.raw.destroy() })));
    });
  door.post('/admin/sql/stop', async (request) => ({ isStopped: await desk.stop(bodyOf(request, STOP).run, await who(request)) }));
  door.post('/admin/sql/saved/list', async (request): Promise<SavedQueries> => {
    await who(request);
    const [queries, removed] = await Promise.all([savedQueries(database), removedQueries(database)]);
    return { queries, removed };
  });
  door.post('/admin/sql/saved/versions', async (request): Promise<{ readonly versions: readonly QueryVersion[] }> => {
    await who(request);
    return { versions: await versionsOfQuery(database, bodyOf(request, z.strictObject({ name: NAME })).name) };
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
