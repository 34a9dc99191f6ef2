import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { counts } from '../../services/database/journal/take.ts';
import { at, listAt, type TestDoor, testDoor } from './door.ts';

let door: TestDoor;
beforeAll(async () => {
  door = await testDoor();
});
afterAll(() => door[Symbol.asyncDispose]());

interface Entry {
  readonly method: string;
  readonly url: string;
  readonly resource?: Readonly<Record<string, unknown>>;
  readonly ifNoneExist?: string;
  readonly ifMatch?: string;
}

/** A batch in which entries meet: the same ids, the same identifiers, references to what comes before, after or never. */
const entries = (space: string): fc.Arbitrary<readonly Entry[]> => {
  const value = fc.constantFrom('a', 'b', 'c');
  const organization = fc.constantFrom(`${space}-o1`, `${space}-o2`, `${space}-o3`);
  const patient = fc.constantFrom(`${space}-p1`, `${space}-p2`);
  const identified = (each: string) => ({
    resourceType: 'Organization',
    name: each,
    identifier: [{ system: `urn:${space}`, value: each }],
  });
  const condition = (each: string) => `identifier=urn:${space}|${each}`;
  const create = value.map((each) => ({ method: 'POST', url: 'Organization', resource: identified(each), ifNoneExist: condition(each) }));
  const other = fc.tuple(value, value).map(([has, asks]) => ({
    method: 'POST',
    url: 'Organization',
    resource: identified(has),
    ifNoneExist: condition(asks),
  }));
  const update = fc
    .tuple(organization, value)
    .map(([id, each]) => ({ method: 'PUT', url: `Organization/${id}`, resource: { ...identified(each), id } }));
  const late = update.map((each) => ({ ...each, ifMatch: 'W/"2"' }));
  const onCondition = value.map((each) => ({
    method: 'PUT',
    url: `Organization?${condition(each)}`,
    resource: { ...identified(each), active: true },
  }));
  const person = fc
    .tuple(
      patient,
      fc.oneof(
        organization,
        value.map((each) => `?${condition(each)}`),
      ),
    )
    .map(([id, target]) => ({
      method: 'PUT',
      url: `Patient/${id}`,
      resource: {
        resourceType: 'Patient',
        id,
        managingOrganization: { reference: target.startsWith('?') ? `Organization${target}` : `Organization/${target}` },
      },
    }));
  const encounter = patient.map((id) => ({
    method: 'PUT',
    url: `Encounter/${space}-e`,
    resource: {
      resourceType: 'Encounter',
      id: `${space}-e`,
      status: 'finished',
      class: { code: 'AMB' },
      subject: { reference: `Patient/${id}` },
    },
  }));
  const gone = fc.oneof(
    organization.map((id) => `Organization/${id}`),
    value.map((each) => `Organization?${condition(each)}`),
  );
  const remove = gone.map((url) => ({ method: 'DELETE', url }));
  const look = value.map((each) => ({ method: 'GET', url: `Organization?${condition(each)}` }));
  return fc.array(fc.oneof(create, create, create, other, update, late, onCondition, person, person, encounter, remove, look), {
    minLength: 2,
    maxLength: 12,
  });
};

const bundled = (each: readonly Entry[]) => ({
  resourceType: 'Bundle',
  type: 'batch',
  entry: each.map(({ resource, ...request }) => ({ ...(resource && { resource }), request })),
});

/** Everything that is stored in a space, and its versions, without what differs each time: ids that the server gave, times. */
async function storedIn(space: string): Promise<readonly unknown[]> {
  const rows = await door.database.query<{ readonly type: number; readonly id: string; readonly version: number; readonly body: string }>(
    `SELECT r.type, r.id, r.version, r.body FROM fhir.resource r WHERE r.id LIKE $1 || '-%' OR r.body LIKE '%urn:' || $1 || '"%'`,
    [space],
  );
  const names = new Map(rows.map(({ id, body }) => [id, id.startsWith(space) ? id : `made:${/"name":"(.)"/.exec(body)?.[1] ?? ''}`]));
  const plain = (text: string): string =>
    text
      .replaceAll(/"lastUpdated":"[^"]+"/g, '')
      .replaceAll(/[0-9a-f]{8}-[0-9a-f-]{27}/g, (id) => names.get(id) ?? 'made')
      .replaceAll(space, 'space');
  return rows.map(({ type, id, version, body }) => plain(`${type} ${names.get(id)} ${version} ${body}`)).toSorted();
}

const answersOf = (body: unknown): readonly string[] =>
  listAt(body, 'entry').map(
    (each) => `${String(at(each, 'response', 'status')).slice(0, 3)} ${String(at(each, 'response', 'etag') ?? '')}`,
  );

let spaces = 0;

it('answers and stores the entries of a batch as if each had come alone', async () => {
  const tried = fc.asyncProperty(fc.infiniteStream(fc.nat()), async (stream) => {
    const seed = stream.next().value;
    const [one, all] = [`s${++spaces}x`, `s${++spaces}x`];
    const [first] = fc.sample(entries(one), { seed, numRuns: 1 });
    const [second] = fc.sample(entries(all), { seed, numRuns: 1 });
    const alone: string[] = [];
    for (const each of first ?? []) alone.push(...answersOf((await door.call('POST', '', bundled([each]))).body));
    const together = await door.call('POST', '', bundled(second ?? []));
    expect(answersOf(together.body)).toEqual(alone);
    expect(await storedIn(all)).toEqual(await storedIn(one));
  });
  await fc.assert(tried, { numRuns: Number(process.env['POLYSEME_TEST_BATCHES'] ?? 40) });
}, 600_000);

it('records each entry of a batch in the journal, and what it wrote comes from its own entry', async () => {
  const before = (await counts(door.database)).find((each) => each.source === 'fhir');
  const made = Array.from({ length: 5 }, (_, i) => ({
    method: 'POST',
    url: 'Organization',
    resource: { resourceType: 'Organization', name: `journal ${i}` },
  }));
  const wrong = {
    method: 'PUT',
    url: 'Patient/journal',
    resource: { resourceType: 'Patient', id: 'journal', managingOrganization: { reference: 'Organization/nobody' } },
  };
  const statuses = answersOf((await door.call('POST', '', bundled([...made, wrong]))).body).map((each) => each.slice(0, 3));
  expect(statuses).toEqual(['201', '201', '201', '201', '201', '422']);
  expect(answersOf((await door.call('POST', '', bundled(made))).body)).toHaveLength(5);
  const after = (await counts(door.database)).find((each) => each.source === 'fhir');
  expect([after?.applied, after?.refused]).toEqual([(before?.applied ?? 0) + 10, (before?.refused ?? 0) + 1]);
  const sources = await door.database.query(`SELECT DISTINCT r.message_id FROM fhir.resource r WHERE r.body LIKE '%"name":"journal %'`);
  expect(sources).toHaveLength(10);
});
