/** What a merge brought to the survivor is known as such: it goes with the merge, whoever spoke of whom, in whatever chain, and is nobody's own word. */
import fc from 'fast-check';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { readResource } from '../../services/database/resources/resources.ts';
import { unmergePatients } from '../../services/pipeline/apply/merge.ts';
import { mergeRequested } from '../../services/pipeline/fhir/merge.ts';
import { processNext, receive } from '../../services/pipeline.ts';
import { expectRebuildEqual, type Given, given, put } from '../database/omop-house.ts';
import { type TestHouse, testHouse } from '../parts.ts';

let house: TestHouse;
beforeEach(async () => {
  house = await testHouse();
});
afterEach(() => house[Symbol.asyncDispose]());

const merge = (survivor: string, loser: string) =>
  mergeRequested(house.parts, Buffer.from(`${survivor} ${loser} ${Math.random()}`), { survivor, loser });
const unmerge = (loser: string) => house.database.transaction((tx) => unmergePatients(house.parts, tx, loser));
const stored = async (id: string): Promise<Record<string, unknown>> =>
  JSON.parse((await readResource(house.database, 'Patient', id))?.body ?? '{}');
const PERSON = ['name', 'gender', 'birthDate', 'deceasedDateTime', 'deceasedBoolean', 'address', 'telecom', 'active'] as const;
const personOf = async (id: string): Promise<object> => {
  const all = await stored(id);
  return Object.fromEntries(PERSON.flatMap((name) => (all[name] === undefined ? [] : [[name, all[name]]])));
};
/** What a client does: it reads, changes what it knows, and writes all of it. */
async function putBack(id: string, change: (resource: Record<string, unknown>) => void): Promise<void> {
  const { meta: _, ...resource } = await stored(id);
  change(resource);
  await put(house, given('Patient', id, resource));
}
const died = { deceasedDateTime: '2025-03-01' };
const full = {
  ...died,
  gender: 'female',
  birthDate: '1970-03-05',
  name: [{ family: 'Second' }],
  telecom: [{ system: 'phone', value: '2' }],
  address: [{ city: 'Second' }],
  identifier: [{ system: 'urn:s', value: '2' }],
};

it('all that filled the survivor of a request is the loser’s alone again, numbers and what was never filled included', async () => {
  const own = { name: [{ family: 'First' }], identifier: [{ system: 'urn:s', value: '1' }] };
  await put(house, given('Patient', 'p1', own), given('Patient', 'p2', full));
  const before = [await personOf('p1'), await personOf('p2')];
  await merge('p1', 'p2');
  expect(await personOf('p1')).toEqual({ ...died, name: own.name, gender: 'female', birthDate: '1970-03-05' });
  expect((await stored('p1'))['identifier']).toEqual([...own.identifier, { system: 'urn:s', value: '2', use: 'old' }]);
  await putBack('p2', (resource) => {
    delete resource['link'];
    resource['active'] = true;
  });
  expect([await personOf('p1'), await personOf('p2')]).toEqual([before[0], { ...before[1], active: true }]);
  expect((await stored('p1'))['identifier']).toEqual(own.identifier);
  await expectRebuildEqual(house);
});

it('what a client wrote with a loser’s own id is counted as the survivor’s, and after the merge as its own again, in a chain too', async () => {
  const result = (id: string, subject: string): Given =>
    given('Observation', id, {
      status: 'final',
      code: { coding: [{ system: 'http://loinc.org', code: '718-7' }] },
      subject: { reference: `Patient/${subject}` },
      effectiveDateTime: '2025-01-02',
      valueQuantity: { value: 13, unit: 'g/dL', system: 'http://unitsofmeasure.org', code: 'g/dL' },
    });
  const whose = async (): Promise<readonly string[]> =>
    (
      await house.database.query<{ person: string }>(
        'SELECT p.person_source_value AS person FROM cdm.measurement m JOIN cdm.person p USING (person_id) ORDER BY measurement_id',
      )
    ).map(({ person }) => person);
  await put(house, ...['p1', 'p2', 'p3'].map((id) => given('Patient', id, { birthDate: '1970-03-05', gender: 'female' })));
  await merge('p2', 'p3');
  await merge('p1', 'p2');
  await put(house, result('o2', 'p2'));
  await put(house, result('o3', 'p3'));
  expect(await whose()).toEqual(['p1', 'p1']);
  // Also where the record itself is written with what names it.
  await put(house, given('Patient', 'p3', { ...(await stored('p3')), maritalStatus: { text: 'm' } }), result('o4', 'p3'));
  expect(await whose()).toEqual(['p1', 'p1', 'p1']);
  await unmerge('p2');
  expect(await whose()).toEqual(['p2', 'p2', 'p2']);
  await unmerge('p3');
  expect(await whose()).toEqual(['p2', 'p3', 'p3']);
});

it('a client that writes back what it read adds no word of its own; what it changes is its word; what it leaves out is not so', async () => {
  const cases = [
    { change: () => {}, merged: { ...died, gender: 'female' }, after: {} },
    {
      change: (r: Record<string, unknown>) => (r['telecom'] = full.telecom),
      merged: { ...died, gender: 'female', telecom: full.telecom },
      after: { telecom: full.telecom },
    },
    {
      change: (r: Record<string, unknown>) => (r['deceasedDateTime'] = '2025-03-02'),
      merged: { deceasedDateTime: '2025-03-02', gender: 'female' },
      after: { deceasedDateTime: '2025-03-02' },
    },
    { change: (r: Record<string, unknown>) => delete r['deceasedDateTime'], merged: { gender: 'female' }, after: {} },
  ];
  for (const [i, { change, merged, after }] of cases.entries()) {
    const [one, two] = [`a${i}`, `b${i}`];
    await put(house, given('Patient', one, {}), given('Patient', two, { ...died, gender: 'female' }));
    await merge(one, two);
    await putBack(one, change);
    await putBack(one, () => {});
    expect([i, await personOf(one)]).toEqual([i, merged]);
    await putBack(two, (resource) => delete resource['link']);
    expect([i, await personOf(one)]).toEqual([i, after]);
  }
  await expectRebuildEqual(house);
});

it('a loser’s record that a client corrects while it is one corrects what it brought', async () => {
  await put(house, given('Patient', 'p1', {}), given('Patient', 'p2', { ...died, gender: 'female' }));
  await merge('p1', 'p2');
  await putBack('p2', (resource) => {
    delete resource['deceasedDateTime'];
    resource['gender'] = 'male';
  });
  expect(await personOf('p1')).toEqual({ gender: 'male' });
  await expectRebuildEqual(house);
});

let control = 0;
const said = async (event: string, time: string, number: string, pid: string, ...more: readonly string[]) => {
  const text = [
    `MSH|^~\\&|ADT|UNDOHOSP|POLYSEME|HUB|${time}+0000||ADT^${event}^${event === 'A40' ? 'ADT_A39' : 'ADT_A01'}|U${++control}|P|2.5.1`,
    `EVN|${event}|${time}+0000`,
    `PID|1||${number}^^^UNDOHOSP^MR||${pid}`,
    ...more,
    '',
  ].join('\r');
  await receive(house.parts, Buffer.from(text), 'mllp');
  while ((await processNext(house.parts, 20)) > 0);
};
const NAMED = 'Some^Name||19800101|F';
const DEAD = `${NAMED}${'|'.repeat(21)}20260401`;
const numbered = async (value: string): Promise<string> => {
  const found = await house.database.query<{ id: string; body: string }>(
    `SELECT id, body FROM fhir.resource WHERE body LIKE '{"resourceType":"Patient"%' AND body LIKE $1`,
    [`%"value":"${value}"%`],
  );
  const own = found.find(({ body }) =>
    JSON.parse(body).identifier.some((each: { value: string; use?: string }) => each.value === value && each.use !== 'old'),
  );
  return own?.id ?? '';
};
const merged = (survivor: string, loser: string, time: string) => said('A40', time, survivor, NAMED, `MRG|${loser}^^^UNDOHOSP^MR`);
const isDead = async (...numbers: readonly string[]): Promise<readonly boolean[]> =>
  Promise.all(
    numbers.map(async (each) => ((await personOf(await numbered(each))) as { deceasedDateTime?: string }).deceasedDateTime !== undefined),
  );

it('a death that messages told of the last of a chain reaches the survivor, and leaves it with the link that brought it', async () => {
  await said('A04', '20260101080000', 'M1', NAMED);
  await said('A04', '20260101080100', 'M2', NAMED);
  await said('A04', '20260101080200', 'M3', DEAD);
  await merged('M2', 'M3', '20260102080000');
  await merged('M1', 'M2', '20260103080000');
  expect(await isDead('M1', 'M2', 'M3')).toEqual([true, true, true]);
  expect(await unmerge(await numbered('M2'))).toBe(true);
  expect(await isDead('M1', 'M2', 'M3')).toEqual([false, true, true]);
  expect(await unmerge(await numbered('M3'))).toBe(true);
  expect(await isDead('M1', 'M2', 'M3')).toEqual([false, false, true]);
});

it('a death that a message told of the loser since the merge is the loser’s when it is taken back, and one told of before too', async () => {
  for (const [i, time] of ['20260103080000', '20260101090000'].entries()) {
    const [own, other] = [`L${i}A`, `L${i}B`];
    await said('A04', '20260101080000', own, NAMED);
    await said('A04', '20260101080100', other, NAMED);
    await merged(own, other, '20260102080000');
    await said('A08', time, other, DEAD);
    expect([i, await isDead(own)]).toEqual([i, [true]]);
    await unmerge(await numbered(other));
    expect([i, await isDead(own, other)]).toEqual([i, [false, true]]);
  }
});

it('a death that a message withdrew from the loser is withdrawn from the survivor', async () => {
  await said('A04', '20260101080000', 'W1', NAMED);
  await said('A04', '20260101080100', 'W2', DEAD);
  await merged('W1', 'W2', '20260102080000');
  expect(await isDead('W1')).toEqual([true]);
  await said('A08', '20260101090000', 'W2', `${NAMED}${'|'.repeat(21)}""|""`);
  expect(await isDead('W1')).toEqual([false]);
});

interface Own {
  readonly gender?: string;
  readonly birthDate?: string;
  readonly deceasedDateTime?: string;
}

it('property: in any tree of merges and undoings each survivor is what it says itself, and else what those that it is say last', async () => {
  const own = fc.record(
    {
      gender: fc.constantFrom('female', 'male'),
      birthDate: fc.constantFrom('1970', '1971'),
      deceasedDateTime: fc.constantFrom('2025', '2026'),
    },
    { requiredKeys: [] },
  );
  const act = fc.record({ a: fc.nat(4), b: fc.nat(4), kind: fc.constantFrom('merge', 'merge', 'undo', 'echo') });
  let run = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(own, { minLength: 5, maxLength: 5 }), fc.array(act, { minLength: 4, maxLength: 9 }), async (owns, acts) => {
      const ids = owns.map((_, i) => `r${run}p${i}`);
      run += 1;
      await put(house, ...owns.map((each, i): Given => given('Patient', ids[i] ?? '', each)));
      const parent = new Map<string, string>();
      const rootOf = (id: string): string => (parent.has(id) ? rootOf(parent.get(id) ?? '') : id);
      for (const { a, b, kind } of acts) {
        const [one, two] = [ids[a] ?? '', ids[b] ?? ''];
        if (kind === 'undo') expect(await unmerge(one)).toBe(parent.delete(one));
        else if (kind === 'echo') {
          if (!parent.has(one)) await putBack(one, () => {});
        } else if (!parent.has(two) && rootOf(one) !== two) {
          await merge(one, two);
          parent.set(two, rootOf(one));
        }
        for (const [i, id] of ids.entries()) {
          if (parent.has(id)) continue;
          const members = ids.flatMap((each, n) => (rootOf(each) === id ? [owns[n] ?? {}] : []));
          const brought: Own = Object.assign({}, ...members, owns[i]);
          const { active: _, ...found } = (await personOf(id)) as { active?: boolean };
          expect(found).toEqual(brought);
        }
      }
    }),
    { numRuns: Number(process.env['MERGE_TREES'] ?? 8), seed: 71 },
  );
});
