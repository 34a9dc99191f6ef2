/** Erasing somebody: what is another's stays, what is theirs in other clothes goes, what is written meanwhile goes, and nobody writes it down again. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { keepChanges } from '../../services/database/specs/plans.ts';
import { erasePatients } from '../../services/pipeline/erase.ts';
import { writeRequest } from '../../services/pipeline/fhir/write.ts';
import type { Parts } from '../../services/pipeline.ts';
import { processNext, receive } from '../../services/pipeline.ts';
import { type TestHouse, testHouse } from '../parts.ts';

let house: TestHouse;
beforeAll(async () => {
  house = await testHouse();
});
afterAll(() => house[Symbol.asyncDispose]());

type Given = Readonly<Record<string, unknown>> & { readonly resourceType: string; readonly id: string };

/** A PUT of a client, of one resource. */
function put(parts: Parts, content: Given): Promise<unknown> {
  const resource = { ...JSON.parse(JSON.stringify(content)), resourceType: content.resourceType, id: content.id };
  const alone = { index: 0, search: undefined, condition: undefined, ifMatch: undefined, fullUrl: undefined, problems: [] } as const;
  const entry = { source: 'fhir', channel: 'fhir', controlId: undefined, messageType: 'PUT', patientKeys: [] } as const;
  return writeRequest(parts, {
    entry: { ...entry, content: Buffer.from(JSON.stringify(resource)) },
    asked: { kind: 'batch', entries: [{ ...alone, method: 'PUT', type: content.resourceType, id: content.id, resource }], questions: [] },
    base: 'urn:test',
  });
}

async function putAll(...all: readonly Given[]): Promise<void> {
  for (const each of all) await put(house.parts, each);
}

const patient = (id: string, family: string): Given => ({
  resourceType: 'Patient',
  id,
  name: [{ family }],
  identifier: [{ system: 'urn:oid:1.2.3', value: `MRN-${id}` }],
});
const of = (id: string) => ({ reference: `Patient/${id}` });
const result = (id: string, more: Readonly<Record<string, unknown>>): Given => ({
  resourceType: 'Observation',
  id,
  status: 'final',
  code: { text: 'a result' },
  ...more,
});

const living = async (like: string): Promise<readonly string[]> => {
  const rows = await house.database.query<{ id: string }>('SELECT id FROM fhir.resource WHERE NOT deleted AND id LIKE $1 ORDER BY id', [
    like,
  ]);
  return rows.map(({ id }) => id);
};

/** Names of the tables that hold a text anywhere. */
async function holding(text: string): Promise<readonly string[]> {
  const tables = await house.database.query<{ name: string }>(
    `SELECT quote_ident(table_schema) || '.' || quote_ident(table_name) AS name FROM information_schema.tables
     WHERE table_schema NOT IN ('pg_catalog', 'information_schema') AND table_type = 'BASE TABLE' ORDER BY 1`,
  );
  const found: string[] = [];
  for (const { name } of tables) {
    const column = name.startsWith('journal.message') ? "concat(t::text, convert_from(t.content, 'UTF8'))" : 't::text';
    const [row] = await house.database.query<{ n: number }>(`SELECT count(*) AS n FROM ${name} t WHERE strpos(${column}, $1) > 0`, [text]);
    if ((row?.n ?? 0) > 0) found.push(name);
  }
  return found;
}

it('leaves what is about somebody else, though it names them or was about them by mistake, without what says who they are', async () => {
  const named = { ...of('a-gone'), display: 'Adaunique Gone', identifier: { system: 'urn:oid:1.2.3', value: 'MRN-a-gone' } };
  await putAll(
    patient('a-gone', 'Adaunique'),
    patient('a-stays', 'Stays'),
    result('a-by', { subject: of('a-stays'), performer: [named] }),
    // Written of the wrong person, and put right.
    result('a-wrong', { subject: of('a-gone'), note: [{ text: 'Adauniquely wrong' }] }),
    result('a-wrong', { subject: of('a-stays') }),
    {
      resourceType: 'Appointment',
      id: 'a-group',
      start: '2026-03-01T10:00:00Z',
      end: '2026-03-01T11:00:00Z',
      status: 'booked',
      participant: [
        { actor: named, status: 'accepted' },
        { actor: of('a-stays'), status: 'accepted' },
      ],
    },
    {
      resourceType: 'Group',
      id: 'a-cohort',
      type: 'person',
      actual: true,
      text: { status: 'generated', div: '<div xmlns="http://www.w3.org/1999/xhtml">Adaunique Gone</div>' },
      member: [{ entity: named }, { entity: of('a-stays') }],
    },
  );
  const erased = await erasePatients(house.parts, house.database, ['Patient/a-gone'], 'asked for');
  expect(await living('a-%')).toEqual(['a-by', 'a-cohort', 'a-group', 'a-stays', 'a-wrong']);
  expect(erased.mentions).toBe(4);
  for (const text of ['Adaunique', 'MRN-a-gone']) expect([text, await holding(text)]).toEqual([text, []]);
});

it('takes what is theirs though its kind is shared: their lists, devices, and the person that they are', async () => {
  await putAll(
    patient('b-gone', 'Bunique'),
    patient('b-stays', 'Stays'),
    { resourceType: 'List', id: 'b-list', status: 'current', mode: 'working', title: 'Bunique problems', subject: of('b-gone') },
    { resourceType: 'List', id: 'b-round', status: 'current', mode: 'working', entry: [{ item: of('b-gone') }] },
    { resourceType: 'Device', id: 'b-implant', patient: of('b-gone'), serialNumber: 'Bunique-7' },
    { resourceType: 'Person', id: 'b-person', name: [{ family: 'Bunique' }], link: [{ target: of('b-gone') }] },
    { resourceType: 'Person', id: 'b-two', link: [{ target: of('b-gone') }, { target: of('b-stays') }] },
  );
  await erasePatients(house.parts, house.database, ['Patient/b-gone'], 'asked for');
  expect(await living('b-%')).toEqual(['b-round', 'b-stays', 'b-two']);
  expect(await holding('Bunique')).toEqual([]);
});

it('takes what speaks of their stay or result alone and is written while it is looked for', async () => {
  await putAll(
    patient('c-gone', 'Cunique'),
    { resourceType: 'Encounter', id: 'c-stay', status: 'finished', class: { code: 'IMP' }, subject: of('c-gone') },
    result('c-1', { encounter: { reference: 'Encounter/c-stay' } }),
  );
  for (const [id, more] of [
    ['c-2', { encounter: { reference: 'Encounter/c-stay' } }],
    ['c-3', { derivedFrom: [{ reference: 'Observation/c-1' }] }],
  ] as const) {
    await putAll(patient('c-gone', 'Cunique'), {
      resourceType: 'Encounter',
      id: 'c-stay',
      status: 'finished',
      class: { code: 'IMP' },
      subject: of('c-gone'),
    });
    await putAll(result('c-1', { encounter: { reference: 'Encounter/c-stay' } }));
    const { parts, erasing } = racing(`"id":"${id}"`, 'Patient/c-gone');
    await put(parts, result(id, { ...more, note: [{ text: 'Cuniquely late' }] }));
    expect(erasing()).toBeDefined();
    await erasing();
    expect([id, await living('c-%'), await holding('Cunique')]).toEqual([id, [], []]);
  }
});

/** Parts by which something is written and not committed yet when the erasure of a patient has come to wait for it. */
function racing(text: string, named: string): { readonly parts: Parts; readonly erasing: () => Promise<unknown> | undefined } {
  let erasing: Promise<unknown> | undefined;
  const isWaiting = `SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`;
  const database: typeof house.database = {
    ...house.database,
    transaction: (work, options) =>
      house.database.transaction(async (tx) => {
        const done = await work(tx);
        if (
          (await tx.query('SELECT FROM fhir.resource WHERE NOT deleted AND body LIKE $1', [`%${text}%`])).length > 0 &&
          erasing === undefined
        ) {
          erasing = erasePatients(house.parts, house.database, [named], 'asked for');
          while ((await house.database.query(isWaiting)).length === 0);
        }
        return done;
      }, options),
  };
  return { parts: { ...house.parts, database }, erasing: () => erasing };
}

it('takes requests that were refused or changed nothing, refused messages, and members of cohorts; a plan that is being made ends', async () => {
  const stays = patient('d-stays', 'Dstays');
  await putAll(patient('d-gone', 'Dunique'), stays);
  // Changes nothing; refers to nothing; is no resource: each is in the journal with its content.
  await putAll(patient('d-gone', 'Dunique'), stays);
  await expect(
    put(house.parts, result('d-1', { subject: of('d-gone'), note: [{ text: 'Dunique' }], encounter: { reference: 'Encounter/none' } })),
  ).rejects.toThrow();
  await expect(
    put(house.parts, {
      ...patient('d-2', 'Dunique'),
      identifier: patient('d-gone', '')['identifier'],
      link: [{ other: of('none'), type: 'seealso' }],
    }),
  ).rejects.toThrow();
  await expect(
    put(house.parts, result('d-3', { subject: of('d-stays'), note: [{ text: 'Kept' }], encounter: { reference: 'Encounter/none' } })),
  ).rejects.toThrow();
  const [key] = await house.database.query<{ key: number }>("SELECT resource_key AS key FROM fhir.resource WHERE id = 'd-gone'");
  for (const table of ['cdm.cohort', 'results.cohort'])
    await house.database.run(
      `INSERT INTO ${table} (cohort_definition_id, subject_id, cohort_start_date, cohort_end_date) VALUES (1, $1, '2026-01-01', '2026-01-02'), (1, -1, '2026-01-01', '2026-01-02')`,
      [key?.key],
    );
  const [draft] = await house.database.query<{ id: number }>("INSERT INTO ops.spec_draft (title, author) VALUES ('a', 'b') RETURNING id");
  const [plan] = await house.database.query<{ id: number }>(
    `INSERT INTO ops.spec_plan (draft_id, draft_revision, digest, base_digest, filter, actor, total) VALUES ($1, 0, '', '', '{}', 'ana', 1) RETURNING id`,
    [draft?.id],
  );
  await erasePatients(house.parts, house.database, ['Patient/d-gone'], 'asked for');
  const change = {
    grade: 2,
    what: 'resource',
    change: 'changed',
    kind: 'Patient',
    reference: 'Patient/d-gone',
    fields: [],
    after: 'Dunique',
  } as const;
  await keepChanges(house.database, plan?.id ?? 0, 0, [change]);
  expect(await house.database.query('SELECT state FROM ops.spec_plan')).toEqual([{ state: 'failed' }]);
  expect([await holding('Dunique'), await living('d-%')]).toEqual([[], ['d-stays']]);
  expect(await holding('Kept')).not.toEqual([]);
  for (const table of ['cdm.cohort', 'results.cohort'])
    expect(await house.database.query(`SELECT subject_id FROM ${table}`)).toEqual([{ subject_id: -1 }]);
});

it('takes a message that nobody could read, by the number in it', async () => {
  await putAll(patient('e-gone', 'Eunique'));
  const broken =
    'MSH|^~\\&|ADT|H|P|H|20260301||ADT^A08^ADT_A01|X1|P|2.5.1\rPID|1||MRN-e-gone^^^1.2.3&1.2.3&ISO||Eunique^A\rPID|1||^^^&1.2.3\r';
  await receive(house.parts, Buffer.from(broken), 'mllp');
  while ((await processNext(house.parts, 20)) > 0);
  await erasePatients(house.parts, house.database, ['Patient/e-gone'], 'asked for');
  expect(await holding('Eunique')).toEqual([]);
});
