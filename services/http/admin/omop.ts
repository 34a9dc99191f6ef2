/** What the console's pages on the CDM ask for. What may tell who somebody is stands in bodies and is masked until somebody says why. */
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { type CdmOverview, cdmOverview } from '../../database/cdm/overview.ts';
import { problem, Refusal } from '../../errors.ts';
import { type RowExplanation, recordRowReveal, rowExplanation } from '../../pipeline/explain-page.ts';
import {
  type FoundPersons,
  findPersons,
  lastPersons,
  type PersonPage,
  personNumber,
  personPage,
  recordPersonReveal,
} from '../../pipeline/persons.ts';
import type { Parts } from '../../pipeline.ts';
import { rarely } from '../rarely.ts';
import { actorOf, bodyOf, recordLook } from './request.ts';

const REASON = z.string().trim().min(1).max(500);
const REVEAL = z.strictObject({ reason: REASON });
const FIND = z.strictObject({ text: z.string().trim().min(1).max(300).optional() });
/** The last day of what is shown. */
const DAY = z.iso.date().optional();
const PERSON = z.strictObject({ until: DAY });
const PERSON_REVEAL = z.strictObject({ until: DAY, reason: REASON });

interface RowAddress {
  readonly Params: { readonly table: string; readonly id: string };
}
interface PersonAddress {
  readonly Params: { readonly id: string };
}

/**
 * GET /admin/omop/tables: the CDM's tables. POST …/persons/find: by number or identifier; …/persons/ID: a person's time; …/reveal: with who
 * it is. GET …/rows/TABLE/ID/explain: where a row comes from; POST …/reveal: unmasked. What is revealed is for a reason, recorded before it is
 * answered.
 */
export function adminOmopRoutes(door: FastifyInstance, parts: Parts): void {
  const { database } = parts;
  const overview = rarely(() => cdmOverview(database));
  door.get('/admin/omop/tables', async (): Promise<CdmOverview> => overview());
  door.post('/admin/omop/persons/find', async (request): Promise<FoundPersons> => {
    const { text } = bodyOf(request, FIND);
    if (text === undefined) return lastPersons(database);
    const found = await findPersons(database, text);
    await recordLook(request, database, { action: 'look.persons', target: 'persons', detail: { found: found.persons.length } });
    return found;
  });
  door.post<PersonAddress>('/admin/omop/persons/:id', async (request): Promise<PersonPage> => {
    const { until } = bodyOf(request, PERSON);
    const id = personNumber(request.params.id);
    const page = shown(await personPage(database, id, until, false));
    await recordLook(request, database, { action: 'look.person', target: `person/${id}` });
    return page;
  });
  door.post<PersonAddress>('/admin/omop/persons/:id/reveal', async (request): Promise<PersonPage> => {
    const { until, reason } = bodyOf(request, PERSON_REVEAL);
    const id = personNumber(request.params.id);
    const found = shown(await personPage(database, id, until, true));
    await recordPersonReveal(database, id, { actor: await actorOf(request, database), reason });
    return found;
  });
  door.get<RowAddress>('/admin/omop/rows/:table/:id/explain', async (request): Promise<RowExplanation> => {
    const { table, id } = request.params;
    const found = await rowExplanation(parts, table, id, false);
    await recordLook(request, database, { action: 'look.row', target: `${table}/${id}` });
    return found;
  });
  door.post<RowAddress>('/admin/omop/rows/:table/:id/reveal', async (request): Promise<RowExplanation> => {
    const { reason } = bodyOf(request, REVEAL);
    const { table, id } = request.params;
    const found = await rowExplanation(parts, table, id, true);
    await recordRowReveal(parts, table, id, { actor: await actorOf(request, database), reason });
    return found;
  });
}

function shown(page: PersonPage | undefined): PersonPage {
  if (page === undefined) throw new Refusal([problem('person-unknown')]);
  return page;
}
