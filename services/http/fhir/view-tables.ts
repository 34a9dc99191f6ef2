import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Logger } from 'pino';
import { readResource } from '../../database/resources/resources.ts';
import { dematerialise, materialise, refreshViews, type ViewBuild, viewBuilds } from '../../database/view-builds.ts';
import { Refusal } from '../../errors.ts';
import { writeJson } from '../../fhir/format/json.ts';
import { operationOutcome } from '../../fhir/outcome.ts';
import type { JsonObject } from '../../fhir/resource.ts';
import { readViewTable } from '../../pipeline/views/tables.ts';
import type { Parts } from '../../pipeline.ts';
import { actorOf } from '../admin/request.ts';
import { inBackground } from '../background.ts';
import { missing } from './answers.ts';
import { addressOf, FHIR_PATH } from './request.ts';

/** How far a table may be behind what is stored, beside the time that making its rows takes. */
const FOLLOWED_MS = 1_000;

/**
 * `POST ViewDefinition/ID/$materialize` makes a stored view a table of schema views, named as the view is, and keeps it in step with what is
 * written: looked at every second by every process, one at a time for each table. GET tells how it is, of all views at `ViewDefinition/$materialize`;
 * DELETE takes it away, as does deleting the view. A view that changes is built again beside its table and takes its place when it is whole.
 */
export function viewTableRoutes(door: FastifyInstance, parts: Parts, { log }: { readonly log: Logger }): void {
  const { database } = parts;
  const work = inBackground('views', () => refreshViews(database, readViewTable), { log, everyMs: FOLLOWED_MS });
  door.addHook('onReady', async () => work.wake());
  door.addHook('onClose', async () => work.stop());
  const url = `${FHIR_PATH}/ViewDefinition/:id/$materialize`;
  const told = (builds: readonly ViewBuild[]): string => writeJson({ resourceType: 'Parameters', parameter: builds.map(tableOf) });
  const known = async (request: FastifyRequest): Promise<readonly ViewBuild[]> => {
    const builds = await viewBuilds(database, addressOf(request).id);
    if (builds.length === 0) throw new Refusal([missing('resource-not-found', 'ViewDefinition')]);
    return builds;
  };
  door.post(url, async (request, reply) => {
    const { id } = addressOf(request);
    const found = await readResource(database, 'ViewDefinition', id);
    if (found === undefined || found.deleted)
      throw new Refusal([missing(found ? 'resource-deleted' : 'resource-not-found', 'ViewDefinition')]);
    await materialise(database, { id, version: found.version, body: found.body }, await actorOf(request, database), readViewTable);
    work.wake();
    return reply
      .status(202)
      .type(FHIR_JSON)
      .send(told(await known(request)));
  });
  door.get(url, async (request, reply) => reply.type(FHIR_JSON).send(told(await known(request))));
  door.get(`${FHIR_PATH}/ViewDefinition/$materialize`, async (_request, reply) =>
    reply.type(FHIR_JSON).send(told(await viewBuilds(database))),
  );
  door.delete(url, async (request, reply) => {
    await known(request);
    await dematerialise(database, addressOf(request).id, await actorOf(request, database));
    return reply.status(204).send();
  });
}

const FHIR_JSON = 'application/fhir+json; charset=utf-8';

const tableOf = ({ viewId, version, name, state, problems, touched, createdAt, readyAt }: ViewBuild): JsonObject => ({
  name: 'table',
  part: [
    { name: 'view', valueReference: { reference: `ViewDefinition/${viewId}/_history/${version}` } },
    { name: 'viewSchema', valueString: 'views' },
    { name: 'viewName', valueString: name },
    { name: 'state', valueCode: state },
    { name: 'asked', valueInstant: createdAt },
    ...(readyAt === undefined ? [] : [{ name: 'ready', valueInstant: readyAt }]),
    { name: 'waiting', valueInteger: touched },
    ...(problems.length === 0 ? [] : [{ name: 'outcome', resource: operationOutcome(problems) }]),
  ],
});
