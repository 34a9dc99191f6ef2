import { afterAll, beforeAll, expect, it } from 'vitest';
import { deriveStale } from '../../services/database/derived/derived.ts';
import { addTombstones, tombstones } from '../../services/database/journal/erase.ts';
import { counts } from '../../services/database/journal/take.ts';
import { eraseAgain, erasePatients } from '../../services/pipeline/erase.ts';
import { writeRequest } from '../../services/pipeline/fhir/write.ts';
import { processNext, receive, write } from '../../services/pipeline.ts';
import { type TestHouse, testHouse } from '../parts.ts';

const SECRET = 'Vanishingly';
let house: TestHouse;
beforeAll(async () => {
  house = await testHouse();
});
afterAll(() => house[Symbol.asyncDispose]());

let control = 0;
const message = (type: string, patient: string, time: string, more: readonly string[] = []): string =>
  [
    `MSH|^~\\&|ADT|ERASEHOSP|POLYSEME|HUB|${time}+0000||${type}|E${++control}|P|2.5.1|||||USA|UNICODE UTF-8`,
    `EVN|${type.slice(4, 7)}|${time}+0000`,
    `PID|1||${patient}^^^ERASEHOSP^MR||${SECRET}${patient}^Anna||19800101|F`,
    ...more,
    '',
  ].join('\r');
const stay = ['PV1', '1', 'I', 'W1^1^1', ...Array(15).fill(''), 'V1', ...Array(24).fill(''), '202603010900'].join('|');
const result = ['OBR|1||F1|24323-8^CMP^LN|||202603020800', 'OBX|1|NM|2345-7^Glucose^LN||101|mg/dL|||||F'];

async function tell(...all: readonly string[]): Promise<void> {
  for (const each of all) await receive(house.parts, Buffer.from(each), 'mllp');
  while ((await processNext(house.parts, 20)) > 0);
  await deriveStale(house.database, { pullDate: '2026-06-01' });
}

/** Names of the tables that hold the text anywhere, in any column. */
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

const rowsOf = async (): Promise<unknown> => {
  const tables = ['person', 'visit_occurrence', 'measurement', 'observation_period'];
  return Promise.all(
    tables.map(async (table) => (await house.database.query<{ n: number }>(`SELECT count(*) AS n FROM cdm.${table}`))[0]?.n),
  );
};

it('erases a patient everywhere: messages, resources with every version, statements, rows, the records merged with it', async () => {
  await tell(message('ADT^A01^ADT_A01', 'OTHER', '20260301090000', [stay]), message('ORU^R01^ORU_R01', 'OTHER', '20260302090000', result));
  const others = await rowsOf();
  await tell(
    message('ADT^A01^ADT_A01', 'ER1', '20260301090000', [stay]),
    message('ADT^A08^ADT_A01', 'ER1', '20260303090000', [stay]),
    message('ADT^A08^ADT_A01', 'ER1', '20260302090000', [stay]),
    message('ORU^R01^ORU_R01', 'ER1', '20260302090000', result),
    message('ADT^A04^ADT_A01', 'ER2', '20260301090000'),
    message('ADT^A40^ADT_A39', 'ER1', '20260304090000', ['MRG|ER2^^^ERASEHOSP^MR']),
  );
  const [patient] = await house.database.query<{ id: string }>(`SELECT id FROM fhir.resource WHERE body LIKE '%${SECRET}ER1%'`);
  const body = {
    resourceType: 'Basic',
    id: 'basic-er1',
    code: { text: `${SECRET}Note` },
    subject: { reference: `Patient/${patient?.id}` },
  };
  const entry = {
    source: 'fhir',
    channel: 'fhir',
    content: Buffer.from(JSON.stringify(body)),
    controlId: undefined,
    messageType: 'Basic',
  } as const;
  const change = { update: 'replace', deletes: [], spec: '', problems: [], unmapped: [] } as const;
  await write(house.parts, { ...entry, patientKeys: [] }, async () => [{ ...change, resource: body }]);
  await write(house.parts, { ...entry, patientKeys: [] }, async () => [{ ...change, delete: true, resource: body }]);
  expect(await holding(`${SECRET}ER`)).toContain('fhir.history');

  const erased = await erasePatients(house.parts, house.database, ['ER2^ERASEHOSP'], 'asked for');
  await deriveStale(house.database, { pullDate: '2026-06-01' });
  expect([erased.messages, erased.mentions]).toEqual([8, 0]);
  for (const text of [`${SECRET}ER`, `${SECRET}Note`, 'ER1', 'ER2', patient?.id ?? '?'])
    expect([text, await holding(text)]).toEqual([text, []]);
  expect(await rowsOf()).toEqual(others);
  expect(await holding(`${SECRET}OTHER`)).not.toEqual([]);
  for (const each of await counts(house.database))
    expect(each.received).toBe(each.applied + each.parked + each.refused + each.duplicate + each.waiting);
});

it('keeps nothing of what is sent again of before, and takes who comes back as somebody new', async () => {
  const others = await rowsOf();
  await tell(message('ADT^A01^ADT_A01', 'ER1', '20260301090000', [stay]));
  expect([await holding(`${SECRET}ER1`), await rowsOf()]).toEqual([[], others]);
  const [outcome] = await house.database.query<{ status: string; problems: readonly { code: string }[] }>(
    'SELECT status, problems FROM journal.outcome ORDER BY message_id DESC LIMIT 1',
  );
  expect([outcome?.status, outcome?.problems.map(({ code }) => code)]).toEqual(['refused', ['patient-erased']]);
  await house.database.run("UPDATE journal.tombstone SET erased_at = '2026-04-01T00:00:00Z'");
  await tell(message('ADT^A04^ADT_A01', 'ER1', '20260501090000'));
  expect(await holding(`${SECRET}ER1`)).toContain('fhir.resource');
  // What came after the tombstone stays when tombstones are applied again.
  expect(await eraseAgain(house.parts, house.database)).toMatchObject({ messages: 0, resources: 0 });
});

it('erases again after a restore, by tombstones that were kept outside', async () => {
  const kept = await tombstones(house.database);
  expect(JSON.stringify(kept)).not.toContain('ER1');
  await house.database.run('DELETE FROM journal.tombstone');
  await tell(message('ADT^A04^ADT_A01', 'ER2', '20260301090000'));
  const at = new Date(Date.now() + 60_000).toISOString();
  expect(
    await addTombstones(
      house.database,
      kept.map((each) => ({ ...each, at })),
    ),
  ).toBe(kept.length);
  expect(await addTombstones(house.database, kept)).toBe(0);
  const erased = await eraseAgain(house.parts, house.database);
  expect(erased.messages).toBeGreaterThan(1);
  expect(await holding(`${SECRET}ER`)).toEqual([]);
});

/** Writes resources as requests of a client. */
async function put(
  ...resources: readonly (Record<string, unknown> & { readonly resourceType: string; readonly id: string })[]
): Promise<void> {
  const change = { update: 'replace', deletes: [], spec: '', problems: [], unmapped: [] } as const;
  for (const resource of resources) {
    const content = Buffer.from(JSON.stringify(resource));
    const entry = { source: 'fhir', channel: 'fhir', content, controlId: undefined, messageType: '', patientKeys: [] } as const;
    await write(house.parts, entry, async () => [{ ...change, resource: JSON.parse(JSON.stringify(resource)) }]);
  }
}

it('erases what names the patient only through a stay, a result or a file, however far, and leaves what is about others', async () => {
  const code = (text: string) => ({ text: `Faraway${text}` });
  const results = { status: 'final', code: code('Result'), effectiveDateTime: '2026-03-02' };
  await put(
    { resourceType: 'Patient', id: 'far', name: [{ family: 'FarawayName' }] },
    { resourceType: 'Patient', id: 'near', name: [{ family: 'NearName' }] },
    { resourceType: 'Medication', id: 'far-drug', code: { text: 'of the catalogue' } },
    { resourceType: 'Encounter', id: 'far-stay', status: 'finished', class: { code: 'IMP' }, subject: { reference: 'Patient/far' } },
    // The stay alone says whose it is; of the second one, only an older version did.
    { resourceType: 'Observation', id: 'far-1', ...results, encounter: { reference: 'Encounter/far-stay' } },
    { resourceType: 'Observation', id: 'far-2', ...results, encounter: { reference: 'Encounter/far-stay' } },
    { resourceType: 'Observation', id: 'far-2', ...results },
    // Two steps and more away.
    { resourceType: 'Observation', id: 'far-3', ...results, derivedFrom: [{ reference: 'Observation/far-1' }] },
    {
      resourceType: 'Provenance',
      id: 'far-4',
      target: [{ reference: 'Observation/far-3' }],
      recorded: '2026-03-02T10:00:00Z',
      agent: [{ who: { display: 'FarawayAgent' } }],
    },
    // Spoken of by theirs alone, naming nobody.
    { resourceType: 'Specimen', id: 'far-5', note: [{ text: 'FarawayNote' }] },
    { resourceType: 'Binary', id: 'far-6', contentType: 'text/plain', data: Buffer.from('FarawayFile').toString('base64') },
    {
      resourceType: 'Observation',
      id: 'far-7',
      ...results,
      specimen: { reference: 'Specimen/far-5' },
      encounter: { reference: 'Encounter/far-stay' },
    },
    {
      resourceType: 'DocumentReference',
      id: 'far-8',
      status: 'current',
      subject: { reference: 'Patient/far' },
      content: [{ attachment: { url: 'Binary/far-6' } }],
    },
    {
      resourceType: 'MedicationRequest',
      id: 'far-9',
      status: 'active',
      intent: 'order',
      subject: { reference: 'Patient/far' },
      medicationReference: { reference: 'Medication/far-drug' },
    },
    // Another's, in the same room; a list of many.
    {
      resourceType: 'Observation',
      id: 'near-1',
      ...results,
      code: { text: 'NearResult' },
      subject: { reference: 'Patient/near' },
      encounter: { reference: 'Encounter/far-stay' },
    },
    { resourceType: 'Specimen', id: 'near-2', note: [{ text: 'NearNote' }] },
    {
      resourceType: 'Observation',
      id: 'near-3',
      ...results,
      code: { text: 'NearResult' },
      subject: { reference: 'Patient/near' },
      specimen: { reference: 'Specimen/near-2' },
    },
    { resourceType: 'List', id: 'round', status: 'current', mode: 'working', entry: [{ item: { reference: 'Observation/far-1' } }] },
  );
  expect(await holding('Faraway')).toEqual(expect.arrayContaining(['fhir.resource', 'fhir.history']));
  const erased = await erasePatients(house.parts, house.database, ['Patient/far'], 'asked for');
  expect([erased.resources, erased.mentions]).toEqual([11, 2]);
  for (const text of ['Faraway', Buffer.from('FarawayFile').toString('base64')]) expect([text, await holding(text)]).toEqual([text, []]);
  const [left] = await house.database.query<{ ids: readonly string[] }>(
    "SELECT array_agg(id ORDER BY id) AS ids FROM fhir.resource WHERE id ~ '^(far|near|round)' AND NOT deleted",
  );
  expect(left?.ids).toEqual(['far-drug', 'near', 'near-1', 'near-2', 'near-3', 'round']);
  expect(await holding('NearResult')).toContain('fhir.resource');
});

/** Parts by which something is written, all of it and nothing committed, when the erasure of a patient begins and has come to wait. */
function racing(id: string, named: string): { readonly parts: typeof house.parts; readonly erasing: () => Promise<unknown> | undefined } {
  let erasing: Promise<unknown> | undefined;
  const isWaiting = `SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`;
  const database: typeof house.database = {
    ...house.database,
    transaction: (work, options) =>
      house.database.transaction(async (tx) => {
        const done = await work(tx);
        const written = await tx.query('SELECT FROM fhir.resource WHERE NOT deleted AND body LIKE $1', [
          `{"resourceType":"Observation"%Patient/${id}"%`,
        ]);
        if (written.length > 0 && erasing === undefined) {
          erasing = erasePatients(house.parts, house.database, [named], 'asked for');
          while ((await house.database.query(isWaiting)).length === 0);
        }
        return done;
      }, options),
  };
  return { parts: { ...house.parts, database }, erasing: () => erasing };
}

it('erases what is written while it is looked for: by messages that are applied then, and by requests', async () => {
  const patientOf = async (number: string): Promise<string> => {
    const text = `SELECT id FROM fhir.resource WHERE body LIKE '{"resourceType":"Patient"%${SECRET}${number}%'`;
    return (await house.database.query<{ id: string }>(text))[0]?.id ?? '';
  };
  for (const [number, isMessage] of [
    ['RACEA', true],
    ['RACEB', false],
  ] as const) {
    await tell(message('ADT^A01^ADT_A01', number, '20260301090000', [stay]));
    const id = await patientOf(number);
    const { parts, erasing } = racing(id, isMessage ? `${number}^ERASEHOSP` : `Patient/${id}`);
    if (isMessage) {
      await receive(parts, Buffer.from(message('ORU^R01^ORU_R01', number, '20260302090000', result)), 'mllp');
      while ((await processNext(parts, 20)) > 0);
    } else {
      const resource = {
        resourceType: 'Observation',
        id: `o-${number}`,
        status: 'final',
        code: { text: `${number}^` },
        subject: { reference: `Patient/${id}` },
      };
      const entry = { source: 'fhir', channel: 'fhir', controlId: undefined, messageType: 'PUT', patientKeys: [] } as const;
      const asked = { index: 0, method: 'PUT', type: 'Observation', id: resource.id, resource, search: undefined } as const;
      const alone = { ...asked, condition: undefined, ifMatch: undefined, fullUrl: undefined, problems: [] } as const;
      const request = { kind: 'batch', entries: [alone], questions: [] } as const;
      await writeRequest(parts, { entry: { ...entry, content: Buffer.from(JSON.stringify(resource)) }, asked: request, base: 'urn:test' });
    }
    expect(erasing()).toBeDefined();
    await erasing();
    expect(await house.database.query('SELECT type FROM fhir.resource WHERE body LIKE $1', [`%Patient/${id}"%`])).toEqual([]);
    expect([number, await holding(`${number}^`)]).toEqual([number, []]);
  }
});
