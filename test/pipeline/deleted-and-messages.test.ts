/** What a request deleted or replaced is over: no message of an earlier time brings it back, in whatever order messages come. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openDatabase } from '../../services/database/connect.ts';
import { deriveStale } from '../../services/database/derived/derived.ts';
import { writeRequest } from '../../services/pipeline/fhir/write.ts';
import { rebuildCompared } from '../../services/pipeline/rebuild.ts';
import { replayAll } from '../../services/pipeline/specs/replay.ts';
import { type Parts, receive } from '../../services/pipeline.ts';
import { freshDatabase } from '../fresh-database.ts';
import { type SpecsHouse, specsHouse } from '../specs-house.ts';

let house: SpecsHouse;
beforeEach(async () => {
  house = await specsHouse();
});
afterEach(() => house[Symbol.asyncDispose]());

const HOUR_MS = 3_600_000;
/** A time of HL7v2, hours from now: messages of the past and of the sender's clock that goes ahead. */
const time = (hours: number): string =>
  `${new Date(Date.now() + hours * HOUR_MS)
    .toISOString()
    .replace(/[-:TZ]/g, '')
    .slice(0, 14)}+0000`;

let control = 0;
const header = (type: string, at: string): string =>
  `MSH|^~\\&|ADT|GONEHOSP|POLYSEME|HUB|${at}||${type}|G${++control}|P|2.5.1|||||USA|UNICODE UTF-8`;

/** What each message says that the others do not, and a name; the first two are older than the request, the last is newer. */
const SAID = ['One^N||19800101', 'Two^N|||F', 'Three^N||||||||5550100'] as const;
const HOURS = [-48, -24, 2] as const;

const demographics = (patient: string, which: number): string => {
  const at = time(HOURS[which] ?? 0);
  return [header('ADT^A08^ADT_A01', at), `EVN|A08|${at}`, `PID|1||${patient}^^^GONEHOSP^MR||${SAID[which]}`].join('\r');
};

const result = (patient: string, hours: number, status: string, value: number): string =>
  [
    header('ORU^R01^ORU_R01', time(hours)),
    `PID|1||${patient}^^^GONEHOSP^MR||Ada^N`,
    `OBR|1||F${patient}|24323-8^CMP^LN|||202603020800`,
    `OBX|1|NM|2345-7^Glucose^LN||${value}|mg/dL|||||${status}|||202603020800`,
  ].join('\r');

async function tell(...all: readonly string[]): Promise<void> {
  for (const each of all) {
    await receive(house.parts, Buffer.from(each), 'mllp');
    await house.drain();
  }
}

interface Stored {
  readonly id: string;
  readonly deleted: boolean;
  readonly body: Readonly<Record<string, unknown>> | undefined;
}

const HOLDING = `SELECT r.id, r.deleted, r.body FROM fhir.resource r WHERE r.resource_key IN (
  SELECT resource_key FROM fhir.resource WHERE body LIKE $1 UNION SELECT resource_key FROM fhir.history WHERE body LIKE $1) ORDER BY id`;

/** The resource of a type that holds a text, or did. */
async function stored(type: string, text: string): Promise<Stored> {
  const [row] = await house.database.query<{ id: string; deleted: boolean; body: string }>(HOLDING, [`{"resourceType":"${type}"%${text}%`]);
  if (row === undefined) throw new Error(`no ${type} of ${text}`);
  const { meta: _meta, ...body } = row.body === '' ? { meta: undefined } : JSON.parse(row.body);
  return { id: row.id, deleted: row.deleted, body: row.body === '' ? undefined : body };
}

type Asked = readonly [method: 'PUT' | 'DELETE', type: string, id: string, content?: Readonly<Record<string, unknown>>];

const request = (...all: readonly Asked[]): Promise<void> => requestBy(house.parts, ...all);

/** One request, all or nothing. */
async function requestBy(parts: Parts, ...all: readonly Asked[]): Promise<void> {
  const alone = { search: undefined, condition: undefined, ifMatch: undefined, fullUrl: undefined, problems: [] } as const;
  const entries = all.map(([method, type, id, content], index) => {
    const resource = method === 'DELETE' ? undefined : { ...JSON.parse(JSON.stringify(content)), resourceType: type, id };
    return { ...alone, index, method, type, id, resource };
  });
  const bytes = Buffer.from(JSON.stringify(entries));
  const entry = {
    source: 'fhir',
    channel: 'fhir',
    content: bytes,
    controlId: undefined,
    messageType: 'transaction',
    patientKeys: [],
  } as const;
  await writeRequest(parts, { entry, asked: { kind: 'transaction', entries, questions: [] }, base: 'urn:test' });
}

/** Deletes a Patient with what tells where it came from. */
async function deletePatient(patient: string): Promise<void> {
  const { id } = await stored('Patient', patient);
  const origins = await house.database.query<{ id: string }>('SELECT id FROM fhir.resource WHERE NOT deleted AND body LIKE $1', [
    `{"resourceType":"Provenance"%Patient/${id}"%`,
  ]);
  await request(['DELETE', 'Patient', id], ...origins.map((each) => ['DELETE', 'Provenance', each.id] as const));
}

async function codesOf(controls: readonly string[]): Promise<readonly (readonly string[])[]> {
  const rows = await house.database.query<{ problems: readonly { readonly code: string }[] }>(
    'SELECT o.problems FROM journal.message m JOIN journal.outcome o ON o.message_id = m.id WHERE m.control_id = ANY ($1::text[]) ORDER BY m.id',
    [`{${controls.join()}}`],
  );
  return rows.map(({ problems }) => problems.map(({ code }) => code));
}

async function differences() {
  const derive = { pullDate: '2026-06-01' };
  await deriveStale(house.database, derive);
  const fresh = await freshDatabase();
  const scratch = openDatabase(fresh.url);
  try {
    const { way, resources, rows } = await rebuildCompared(house.parts, scratch, { derive, listed: 5 });
    return { way, resources, rows };
  } finally {
    await scratch.close();
    await fresh.drop();
  }
}

/** Publishes another map of patients, and replays. */
async function publishChanged(): Promise<void> {
  const path = 'v2-to-fhir/resources/pid-to-patient.yaml';
  await house.publish([
    {
      path,
      text: house
        .text(path)
        .replace(/^version: .*$/m, 'version: 99.0.1')
        .replace(/^ {2}maritalStatus: .*$/m, ''),
    },
  ]);
  await replayAll(house.parts);
}

/** Every order in which the request comes after an older message and before the newer one; the other older one comes whenever it does. */
function orders(): readonly (readonly (number | 'request')[])[] {
  const all = permutations<number | 'request'>([0, 1, 2, 'request']);
  return all.filter((each) => {
    const at = each.indexOf('request');
    return each.slice(0, at).some((one) => one === 0 || one === 1) && !each.slice(0, at).includes(2);
  });
}

const permutations = <T>(all: readonly T[]): readonly (readonly T[])[] =>
  all.length < 2 ? [all] : all.flatMap((one, i) => permutations(all.toSpliced(i, 1)).map((rest) => [one, ...rest]));

describe('a resource that a request deleted', () => {
  it('is what messages of later times say, and nothing older, in every order; in a replay and a rebuild too', async () => {
    const seen = new Map<string, string>();
    for (const [n, order] of orders().entries()) {
      const patient = `D${n}X`;
      for (const step of order) {
        if (step === 'request') await deletePatient(patient);
        else await tell(demographics(patient, step));
      }
      const { body } = await stored('Patient', patient);
      seen.set(
        order.join(),
        JSON.stringify({ name: body?.['name'], birthDate: body?.['birthDate'], gender: body?.['gender'], telecom: body?.['telecom'] }),
      );
    }
    expect(seen.size).toBe(6);
    expect([...new Set(seen.values())]).toHaveLength(1);
    const [only = ''] = seen.values();
    expect(only).toMatch(/Three.*5550100/);
    expect(only).not.toMatch(/1980|female/);
    const before = await bodies();
    expect(await differences()).toEqual({ way: 'journal', resources: [], rows: [] });
    await publishChanged();
    expect(await bodies()).toEqual(before);
  });

  it('stays deleted when what comes later is older, and the message says so', async () => {
    await tell(demographics('D1', 1));
    await deletePatient('D1');
    await tell(demographics('D1', 0));
    expect(await stored('Patient', 'D1')).toMatchObject({ deleted: true });
    expect(await codesOf([`G${control}`])).toEqual([expect.arrayContaining(['event-older-than-stored'])]);
    await tell(demographics('D1', 2));
    await tell(demographics('D1', 0));
    expect(JSON.stringify((await stored('Patient', 'D1')).body)).not.toContain('1980');
    expect(await codesOf([`G${control}`])).toEqual([expect.arrayContaining(['event-older-than-stored'])]);
  });
});

describe('a result that a request replaced', () => {
  it('is not what a message of an earlier time says, however settled that was', async () => {
    for (const [patient, before, after] of [
      ['P1', [result('P1', -48, 'P', 80)], [result('P1', -24, 'F', 90)]],
      ['P2', [result('P2', -48, 'P', 80), result('P2', -24, 'F', 90)], []],
    ] as const) {
      await tell(...before);
      const subject = `Patient/${(await stored('Patient', patient)).id}`;
      const { id, body } = await stored('Observation', subject);
      await request(['PUT', 'Observation', id, { ...body, status: 'preliminary', valueQuantity: { value: 70, unit: 'mg/dL' } }]);
      await tell(...after);
      expect([patient, (await stored('Observation', subject)).body]).toMatchObject([
        patient,
        { status: 'preliminary', valueQuantity: { value: 70 } },
      ]);
    }
    // What is said afterwards is compared with what the request said.
    await tell(result('P1', 2, 'F', 95), result('P1', 3, 'P', 60));
    const { body } = await stored('Observation', `Patient/${(await stored('Patient', 'P1')).id}`);
    expect(body).toMatchObject({ status: 'final', valueQuantity: { value: 95 } });
    expect(await differences()).toEqual({ way: 'journal', resources: [], rows: [] });
  });
});

describe('what a merge brought and a request left out', () => {
  it('is not brought again when a replay makes the merge again', async () => {
    const at = time(-10);
    const merge = [header('ADT^A40^ADT_A39', at), `EVN|A40|${at}`, 'PID|1||S1^^^GONEHOSP^MR||Survivor^S', 'MRG|L1^^^GONEHOSP^MR'].join(
      '\r',
    );
    await tell(demographics('L1', 0), demographics('S1', 1), merge);
    const { id, body = {} } = await stored('Patient', 'S1');
    expect(body).toMatchObject({ birthDate: '1980-01-01', gender: 'female' });
    const { birthDate: _brought, ...without } = body;
    await request(['PUT', 'Patient', id, without]);
    expect((await stored('Patient', 'S1')).body).not.toHaveProperty('birthDate');
    await publishChanged();
    expect((await stored('Patient', 'S1')).body).toMatchObject({ gender: 'female', link: [{ type: 'replaces' }] });
    expect((await stored('Patient', 'S1')).body).not.toHaveProperty('birthDate');
    expect(await differences()).toEqual({ way: 'journal', resources: [], rows: [] });
  });
});

describe('two requests that race', () => {
  it('are done again in the order in which they were stored, whichever began first', async () => {
    const coded = (text: string) => ({ code: { text } });
    await request(['PUT', 'Basic', 'raced', coded('before')]);
    const own = house.database;
    const database: typeof own = {
      ...own,
      transaction: (work, options) =>
        own.transaction(async (tx) => {
          // Its time is that of its beginning.
          await tx.query('SELECT 1');
          await request(['PUT', 'Basic', 'raced', coded('began last, stored first')]);
          return work(tx);
        }, options),
    };
    await requestBy({ ...house.parts, database }, ['PUT', 'Basic', 'raced', coded('began first, stored last')]);
    expect((await stored('Basic', 'raced')).body).toMatchObject(coded('began first, stored last'));
    expect(await differences()).toEqual({ way: 'journal', resources: [], rows: [] });
  });
});

async function bodies(): Promise<ReadonlyMap<string, unknown>> {
  const rows = await house.database.query<{ reference: string; body: string }>(
    "SELECT type || '/' || id AS reference, body FROM fhir.resource WHERE NOT deleted",
  );
  return new Map(
    rows.map(({ reference, body }) => {
      const { meta: _meta, ...content } = JSON.parse(body);
      return [reference, content];
    }),
  );
}
