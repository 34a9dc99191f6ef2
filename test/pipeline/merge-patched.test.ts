/** FHIR patches and updates of records that are merged: a record keeps what was said of it, whoever it is part of and in whatever order. */
import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { readResource } from '../../services/database/resources/resources.ts';
import { Refusal } from '../../services/errors.ts';
import { patchOfJson } from '../../services/fhir/patch/patch.ts';
import { mergePatients } from '../../services/pipeline/apply/merge.ts';
import { mergeRequested } from '../../services/pipeline/fhir/merge.ts';
import { writeRequest } from '../../services/pipeline/fhir/write.ts';
import { writeRecords } from '../../services/pipeline/import/write-records.ts';
import { type Parts, processNext, receive } from '../../services/pipeline.ts';
import { expectRebuildEqual, given } from '../database/omop-house.ts';
import { type TestHouse, testHouse } from '../parts.ts';

let house: TestHouse;
let parts: Parts;
let seconds = 0;
beforeAll(async () => {
  house = await testHouse();
  // Requests come one after the other.
  parts = { ...house.parts, clock: () => new Date(Date.UTC(2026, 5, 1, 12, 0, ++seconds)) };
});
afterAll(() => house[Symbol.asyncDispose]());

type Content = Readonly<Record<string, unknown>>;
const alone = { search: undefined, condition: undefined, ifMatch: undefined, fullUrl: undefined, problems: [], type: 'Patient' } as const;

/** Does writes of Patients in one transaction; returns the code of the problem that refuses them. */
async function write(...asked: readonly { readonly method: 'PUT' | 'PATCH' | 'DELETE'; readonly id: string; readonly body?: unknown }[]) {
  const content = Buffer.from(JSON.stringify(asked));
  const entries = asked.map(({ method, id, body }, index) => {
    const read = patchOfJson(Buffer.from(JSON.stringify(method === 'PATCH' ? body : [])));
    if (!read.ok) throw new Error(JSON.stringify(read.problems));
    const resource = method === 'PUT' ? given('Patient', id, Object(body)) : undefined;
    return { ...alone, index, id, method, resource, ...(method === 'PATCH' ? { patch: read.value } : {}) };
  });
  const entry = { source: 'fhir', channel: 'fhir', content, controlId: undefined, messageType: 'batch', patientKeys: [] } as const;
  const kind = asked.length > 1 ? 'transaction' : 'batch';
  try {
    await writeRequest(parts, { entry, asked: { kind, entries, questions: [] }, base: 'urn:test' });
    return undefined;
  } catch (error) {
    if (error instanceof Refusal) return error.problems[0]?.code;
    throw error;
  }
}
const put = (id: string, body: object) => write({ method: 'PUT', id, body });
const patch = (id: string, ...body: readonly object[]) => write({ method: 'PATCH', id, body });
const set = (name: string, value: unknown) => ({ op: 'add', path: `/${name}`, value });
const unset = (name: string) => ({ op: 'remove', path: `/${name}` });
const merge = (survivor: string, loser: string) =>
  mergeRequested(parts, Buffer.from(`${survivor} ${loser} ${seconds}`), { survivor, loser });

async function stored(id: string): Promise<Content | undefined> {
  const found = await readResource(house.database, 'Patient', id);
  if (found === undefined || found.deleted) return undefined;
  const { meta: _meta, resourceType: _type, id: _id, ...content } = JSON.parse(found.body);
  return content;
}

it('a patch of either record is that record’s word: it fills, or overrules, and goes with its record when the merge is taken back', async () => {
  await put('p1', { gender: 'male', active: true });
  await put('p2', { birthDate: '1970', active: true });
  await merge('p1', 'p2');
  await patch('p2', set('deceasedDateTime', '2025'), set('telecom', [{ system: 'phone', value: '2' }]));
  await patch('p1', set('gender', 'female'), set('maritalStatus', { text: 'own' }));
  expect(await stored('p1')).toMatchObject({
    gender: 'female',
    birthDate: '1970',
    deceasedDateTime: '2025',
    maritalStatus: { text: 'own' },
  });
  expect(await stored('p1')).not.toHaveProperty('telecom');
  await patch('p2', unset('deceasedDateTime'));
  expect(await stored('p1')).not.toHaveProperty('deceasedDateTime');
  await patch('p1', unset('birthDate'));
  expect(await stored('p1')).not.toHaveProperty('birthDate');
  expect(await stored('p2')).toMatchObject({ active: false, birthDate: '1970' });
  await patch('p2', unset('link'));
  expect(await stored('p1')).toEqual({ active: true, gender: 'female', maritalStatus: { text: 'own' } });
  expect(await stored('p2')).toEqual({ active: true, birthDate: '1970', telecom: [{ system: 'phone', value: '2' }] });
});

const STRUCTURES: Readonly<Record<string, string>> = { A37: 'ADT_A37', A40: 'ADT_A39' };
let control = 0;
async function said(event: string, minute: string, number: string, pid: string, ...more: readonly string[]): Promise<void> {
  const time = `2026010108${minute}00+0000`;
  const text = [
    `MSH|^~\\&|ADT|PATCHEDHOSP|P|H|${time}||ADT^${event}^${STRUCTURES[event] ?? 'ADT_A01'}|P${++control}|P|2.5.1`,
    `EVN|${event}|${time}`,
    `PID|1||${number}^^^PATCHEDHOSP^MR||${pid}`,
    ...more,
    '',
  ].join('\r');
  await receive(parts, Buffer.from(text), 'mllp');
  while ((await processNext(parts, 20)) > 0);
}
async function numbered(number: string): Promise<string> {
  const found = await house.database.query<{ id: string; body: string }>(
    `SELECT id, body FROM fhir.resource WHERE body LIKE '{"resourceType":"Patient"%' AND body LIKE $1`,
    [`%"value":"${number}"%`],
  );
  const isOwn = ({ value, use }: { readonly value: string; readonly use?: string }): boolean => value === number && use !== 'old';
  return found.find(({ body }) => JSON.parse(body).identifier.some(isOwn))?.id ?? '';
}
const numbersOf = (content: Content | undefined): readonly unknown[] =>
  (Array.isArray(content?.['identifier']) ? content['identifier'] : []).map(({ value, use }) => [value, use]);

it('what the log of merges put into a record is nobody’s word: a message that comes late does not bring it back', async () => {
  // The survivor has nothing of the loser but its number.
  await said('A04', '01', 'S1', 'Right^Name');
  await put('other', { identifier: [{ system: 'urn:s', value: 'OTHER' }], active: true });
  const survivor = await numbered('S1');
  await merge(survivor, 'other');
  await said('A08', '30', 'S1', 'Newer^Name');
  await patch(survivor, set('gender', 'female'));
  expect(numbersOf(await stored(survivor))).toEqual([
    ['S1', undefined],
    ['OTHER', 'old'],
  ]);
  await put('other', { identifier: [{ system: 'urn:s', value: 'OTHER' }] });
  await said('A08', '20', 'S1', 'Late^Name||19800101');
  const content = await stored(survivor);
  expect([numbersOf(content), content?.['link'], content?.['birthDate'], content?.['gender']]).toEqual([
    [['S1', undefined]],
    undefined,
    '1980-01-01',
    'female',
  ]);
  await expectRebuildEqual(house);
});

it('nor does it bring back that a record was part of another, whoever said so', async () => {
  const merged = (survivor: string, loser: string, minute: string) =>
    said('A40', minute, survivor, 'Right^Name', `MRG|${loser}^^^PATCHEDHOSP^MR`);
  const ways: readonly ((loser: string) => Promise<unknown>)[] = [
    (loser) => patch(loser, unset('link')),
    (_loser) => said('A37', '40', 'U1S', 'Right^Name', 'PID|2||U1L^^^PATCHEDHOSP^MR||Wrong^Name'),
    (loser) => patch(loser, set('gender', 'male')).then(() => patch(loser, unset('link'))),
  ];
  for (const [i, unlinked] of ways.entries()) {
    await said('A04', '01', `U${i}S`, 'Right^Name');
    await said('A04', '02', `U${i}L`, 'Wrong^Name');
    await merged(`U${i}S`, `U${i}L`, '10');
    const [survivor, loser] = [await numbered(`U${i}S`), await numbered(`U${i}L`)];
    expect((await stored(loser))?.['active']).toBe(false);
    await unlinked(loser);
    for (const late of [false, true]) {
      if (late) for (const of of ['S', 'L']) await said('A08', '05', `U${i}${of}`, 'Late^Name||19800101');
      for (const id of [survivor, loser]) {
        const { active, link } = (await stored(id)) ?? {};
        expect([i, late, id === loser, active, link]).toEqual([i, late, id === loser, true, undefined]);
      }
      expect([i, late, numbersOf(await stored(survivor))]).toEqual([i, late, [[`U${i}S`, undefined]]]);
    }
  }
  await expectRebuildEqual(house);
});

it('a patch that takes the links of a survivor away, or makes a loser active, changes nothing of the merge', async () => {
  await put('l1', { active: true });
  await put('l2', { gender: 'female' });
  await merge('l1', 'l2');
  const before = [await stored('l1'), await stored('l2')];
  await patch('l1', unset('link'));
  expect([await stored('l1'), await stored('l2')]).toEqual(before);
  await patch('l2', set('active', true));
  expect(await stored('l2')).toMatchObject({ link: [{ other: { reference: 'Patient/l1' }, type: 'replaced-by' }] });
});

it('records of a file that come while their patient is being merged take the merge back, as those do that come after it', async () => {
  await put('f1', { active: true });
  await put('f2', { gender: 'female' });
  const records = ['f2', 'f3'].map((id) => ({
    entry: {
      source: 'import',
      channel: 'import',
      content: Buffer.from(id),
      controlId: undefined,
      messageType: 'record',
      patientKeys: [],
    } as const,
    changes: [
      {
        resource: given('Patient', id, { birthDate: '1980' }),
        update: 'replace' as const,
        deletes: [],
        spec: '',
        problems: [],
        unmapped: [],
      },
    ],
    refused: undefined,
  }));
  let written: Promise<unknown> = Promise.resolve();
  await house.database.transaction(async (tx) => {
    await mergePatients(parts, tx, { survivor: 'f1', loser: 'f2', at: parts.clock().toISOString(), messageId: undefined });
    written = writeRecords(parts, records);
    const waiting = `SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`;
    while ((await house.database.query(waiting)).length === 0);
  });
  await written;
  expect(await stored('f2')).toEqual({ birthDate: '1980' });
  expect(await stored('f1')).toEqual({ active: true });
  expect(await house.database.query(`SELECT FROM fhir.merge WHERE loser = 'f2' AND undone_at IS NULL`)).toEqual([]);
});

const VALUES = {
  gender: ['female', 'male'],
  birthDate: ['1970', '1971'],
  deceasedDateTime: ['2025', '2026'],
  maritalStatus: [{ text: 'a' }, { text: 'b' }],
} as const;
const NAMES = ['gender', 'birthDate', 'deceasedDateTime', 'maritalStatus'] as const;
type Name = (typeof NAMES)[number];
type Own = Partial<Record<Name, unknown>>;
/** What a survivor takes of the records merged into it where it says nothing itself. */
const isFilled = (name: string): boolean => name !== 'maritalStatus';

interface Word {
  readonly n: number;
  readonly said: Own;
}

/** The naive model: what was said of each record in its order (undefined: it is not so), and which record is part of which. */
class Model {
  readonly words = new Map<string, readonly Word[]>();
  readonly parent = new Map<string, string>();
  #n = 0;
  put(id: string, said: Own): void {
    this.words.set(id, [{ n: ++this.#n, said }]);
  }
  patch(id: string, said: Own): void {
    this.words.set(id, [...(this.words.get(id) ?? []), { n: ++this.#n, said }]);
  }
  rootOf = (id: string): string => (this.parent.has(id) ? this.rootOf(this.parent.get(id) ?? '') : id);
  losersOf = (id: string): readonly string[] => [...this.parent].flatMap(([loser, survivor]) => (survivor === id ? [loser] : []));
  below = (id: string): readonly string[] => this.losersOf(id).flatMap((each) => [each, ...this.below(each)]);
  shown(id: string): Own {
    const brought = this.below(id)
      .flatMap((each) => this.words.get(each) ?? [])
      .toSorted((a, b) => a.n - b.n)
      .flatMap(({ said }) => Object.entries(said).filter(([name]) => isFilled(name)));
    const own = (this.words.get(id) ?? []).flatMap(({ said }) => Object.entries(said));
    return Object.fromEntries([...new Map([...brought, ...own])].filter(([, value]) => value !== undefined));
  }
}

const act = fc.record({
  kind: fc.constantFrom('patch', 'patch', 'patch', 'merge', 'merge', 'unlink', 'put', 'correct', 'delete', 'delete-all'),
  a: fc.nat(3),
  b: fc.nat(3),
  name: fc.constantFrom(...NAMES),
  value: fc.option(fc.nat(1), { nil: undefined }),
});
type Act = typeof act extends fc.Arbitrary<infer T> ? T : never;

async function done(model: Model, ids: readonly string[], { kind, a, b, name, value }: Act): Promise<void> {
  const [id, other] = [ids[a] ?? '', ids[b] ?? ''];
  const said: Own = { [name]: value === undefined ? undefined : VALUES[name][value] };
  const isThere = (each: string): boolean => model.words.has(each);
  const all = [model.rootOf(id), ...model.below(model.rootOf(id))];
  if (kind === 'merge') {
    if (!isThere(id) || !isThere(other) || model.parent.has(other) || model.rootOf(id) === other) return;
    await merge(id, other);
    model.parent.set(other, model.rootOf(id));
  } else if (kind === 'put') {
    // Without its link a loser is one no more; what a survivor is written over with may be what it was read with: that is another test's.
    if (model.losersOf(id).length > 0) return;
    expect(await put(id, said)).toBeUndefined();
    model.parent.delete(id);
    model.put(id, said);
  } else if (!isThere(id)) {
    expect(await patch(id, set('gender', 'male'))).toMatch(/^resource-(deleted|not-found)$/);
  } else if (kind === 'patch') {
    const isSame = JSON.stringify(model.shown(id)[name]) === JSON.stringify(said[name]);
    if (value === undefined && isSame) return;
    expect(await patch(id, value === undefined ? unset(name) : set(name, VALUES[name][value]))).toBeUndefined();
    if (!isSame) model.patch(id, said);
  } else if (kind === 'unlink') {
    if (!model.parent.has(id)) return;
    expect(await patch(id, unset('link'))).toBeUndefined();
    model.parent.delete(id);
  } else if (kind === 'correct') {
    if (!model.parent.has(id) || model.losersOf(id).length > 0) return;
    expect(await put(id, { ...said, link: (await stored(id))?.['link'], active: false })).toBeUndefined();
    model.put(id, said);
  } else {
    const chosen = kind === 'delete' ? [id] : all;
    const code = await write(...chosen.map((each) => ({ method: 'DELETE', id: each }) as const));
    expect(code).toBe(chosen.length === all.length ? undefined : 'patient-merged');
    if (code !== undefined) return;
    for (const each of chosen) {
      model.words.delete(each);
      model.parent.delete(each);
    }
  }
}

it('property: in any order of patches, updates, merges, undoings and deletions each record is what was said of it and its losers', {
  timeout: 240_000,
}, async () => {
  let run = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(act, { minLength: 6, maxLength: 16 }), async (acts) => {
      const ids = [0, 1, 2, 3].map((i) => `r${run}p${i}`);
      run += 1;
      const model = new Model();
      for (const id of ids) {
        await put(id, {});
        model.put(id, {});
      }
      for (const [step, each] of acts.entries()) {
        await done(model, ids, each);
        for (const id of ids) {
          const found = await stored(id);
          const { link, active, ...content } = found ?? {};
          const root = model.rootOf(id);
          const links = [
            ...(root === id ? [] : [`replaced-by Patient/${root}`]),
            ...model.losersOf(id).map((loser) => `replaces Patient/${loser}`),
          ];
          const told = (Array.isArray(link) ? link : []).map(({ type, other }) => `${type} ${other.reference}`);
          expect([step, id, found !== undefined, content, told.toSorted()]).toEqual([
            step,
            id,
            model.words.has(id),
            model.words.has(id) ? model.shown(id) : {},
            links.toSorted(),
          ]);
          if (found !== undefined && root !== id) expect([step, id, active]).toEqual([step, id, false]);
          if (root === id) expect([step, id, active === false]).toEqual([step, id, false]);
        }
      }
    }),
    { numRuns: Number(process.env['MERGE_PATCHES'] ?? 6), seed: 72 },
  );
  await expectRebuildEqual(house);
});
