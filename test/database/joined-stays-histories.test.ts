/** Stays that are one (rule 34): whatever is written, changed and deleted, in whatever order, and at once. */
import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { dumpLines } from '../../services/database/cdm/dump.ts';
import { deriveAll, deriveStale } from '../../services/database/derived/derived.ts';
import { Refusal } from '../../services/errors.ts';
import { write } from '../../services/pipeline.ts';
import type { TestHouse } from '../parts.ts';
import { conceptOf, endOf, type NaiveVisit, naiveStays } from './naive-stays.ts';
import { encounter, expectRebuildEqual, type Given, given, patient, put, weight } from './omop-house.ts';
import { at, classed, DERIVE, DETAILS, EVENTS, OPEN, person, stayHouse, VISITS } from './stay-rows.ts';

let house: TestHouse;
beforeAll(async () => {
  house = await stayHouse();
});
afterAll(() => house[Symbol.asyncDispose]());

const RUNS = Number(process.env['POLYSEME_TEST_RUNS'] ?? 8);
const rows = (text: string, ...values: unknown[]): Promise<readonly object[]> => house.database.query(text, values);
const entry = { source: 'fhir', channel: 'fhir', controlId: undefined, messageType: 'test', patientKeys: [] } as const;
const common = { update: 'replace', deletes: [], spec: '', problems: [], unmapped: [] } as const;

/** Writes resources in one transaction; what follows from them waits. */
async function store(...resources: readonly Given[]): Promise<void> {
  await write(house.parts, { ...entry, content: Buffer.from(JSON.stringify(resources)) }, async () =>
    resources.map((resource) => ({ ...common, resource })),
  );
}

async function drop(resourceType: string, id: string): Promise<void> {
  await write(house.parts, { ...entry, content: Buffer.from(`${id} is deleted`) }, async () => [
    { ...common, resource: { resourceType, id }, delete: true },
  ]);
}

/** As a message does that is applied again, and work in the background, when others came first eight times. */
async function atLast(work: () => Promise<unknown>): Promise<void> {
  for (;;) {
    try {
      await work();
      return;
    } catch (error) {
      if (!(error instanceof Refusal && error.problems.every(({ code }) => code === 'database-busy'))) throw error;
    }
  }
}

it('rule 34: who writes at once, while stays are joined and taken apart, leaves what a full rebuild makes', async () => {
  const of = person('fp');
  await put(house, patient('fp'), encounter('f0', '2020-01-01', '2020-01-09', of), encounter('f1', '2020-01-02', '2020-01-09', of));
  const writers = [0, 1, 2, 3].map(async (writer) => {
    for (let i = 0; i < 5; i++) {
      const id = `f${(writer + i) % 3}`;
      if (writer < 2) await atLast(() => store(encounter(id, `2020-01-0${((i * 3 + writer) % 5) + 1}`, '2020-01-09', of)));
      else await atLast(() => store(weight(`fw${writer}${i}`, { ...of, ...at(id) }), weight(`fw${writer}`, { ...of, ...at(id) })));
    }
  });
  let isWriting = true;
  const deriving = (async () => {
    while (isWriting) await atLast(() => deriveStale(house.database, DERIVE));
  })();
  await Promise.all(writers);
  isWriting = false;
  await deriving;
  await deriveStale(house.database, DERIVE);
  expect(await rows(VISITS, 'f')).toHaveLength(1);
  expect(await rows(DETAILS, 'f')).toHaveLength(2);
  expect(await rows(EVENTS, 'f')).toHaveLength(12);
  await expectRebuildEqual(house);
});

const day = (n: number): string => new Date(Date.UTC(2020, 2, 1 + n)).toISOString().slice(0, 10);

interface Stay extends NaiveVisit {
  readonly partOf: string | undefined;
}
type Named =
  | { readonly type: 'Encounter'; readonly id: string; readonly stay: Stay }
  | { readonly type: 'Observation' | 'Condition'; readonly id: string; readonly person: string; readonly visit: string | undefined }
  | { readonly type: 'Patient'; readonly id: string };

const stay = fc
  .record({
    number: fc.nat({ max: 5 }),
    person: fc.constantFrom('p', 'p', 'p', 'q'),
    kind: fc.constantFrom<NaiveVisit['kind'][]>('IMP', 'IMP', 'IMP', 'EMER', 'OBSENC', 'AMB', 'NONAC'),
    from: fc.integer({ min: 0, max: 9 }),
    length: fc.constantFrom(0, 1, 2, 3, 5),
    hour: fc.constantFrom(undefined, '08', '20'),
    isOpen: fc.constantFrom(false, false, false, false, true),
    partOf: fc.constantFrom(-1, -1, -1, 0, 1, 2),
  })
  .map(({ number, from, length, isOpen, partOf, ...rest }): Named => {
    const id = `e${number}`;
    const parent = partOf >= 0 && partOf < number ? `e${partOf}` : undefined;
    return { type: 'Encounter', id, stay: { ...rest, id, start: day(from), end: isOpen ? undefined : day(from + length), partOf: parent } };
  });
const event = fc
  .record({ number: fc.nat({ max: 4 }), person: fc.constantFrom('p', 'p', 'q'), visit: fc.nat({ max: 6 }), isAged: fc.boolean() })
  .map(
    ({ number, person: of, visit, isAged }): Named => ({
      type: isAged ? 'Condition' : 'Observation',
      id: `${isAged ? 'c' : 'w'}${number}`,
      person: of,
      visit: visit > 5 ? undefined : `e${visit}`,
    }),
  );
const someone = fc.constantFrom('p', 'q').map((id): Named => ({ type: 'Patient', id }));
const one = fc.oneof({ weight: 4, arbitrary: stay }, { weight: 3, arbitrary: event }, { weight: 1, arbitrary: someone });
const step = fc.oneof(
  { weight: 6, arbitrary: fc.array(one, { minLength: 1, maxLength: 3 }).map((all) => ({ put: all })) },
  { weight: 2, arbitrary: one.map((each) => ({ gone: each })) },
  { weight: 3, arbitrary: fc.constant({ derive: true as const }) },
);

const timed = (date: string, hour: string | undefined): string => (hour === undefined ? date : `${date}T${hour}:00:00Z`);

function resourceOf(each: Named, own: string): Given {
  const id = own + each.id;
  if (each.type === 'Patient') return patient(id);
  if (each.type === 'Encounter') {
    const { kind, start, hour, end, partOf, person: of } = each.stay;
    return given('Encounter', id, {
      status: end === undefined ? 'in-progress' : 'finished',
      ...person(own + of),
      ...classed(kind),
      period: { start: timed(start, hour), ...(end === undefined ? {} : { end }) },
      ...(partOf === undefined ? {} : { partOf: { reference: `Encounter/${own}${partOf}` } }),
      location: [{ location: { display: 'ward' }, period: { start } }],
    });
  }
  const more = { ...person(own + each.person), ...(each.visit === undefined ? {} : at(own + each.visit)) };
  return each.type === 'Observation'
    ? weight(id, more)
    : given('Condition', id, {
        ...more,
        code: { coding: [{ system: 'http://snomed.info/sct', code: '44054006' }] },
        onsetAge: { value: 49, code: 'a', system: 'http://unitsofmeasure.org' },
      });
}

/** Every line of the CDM. */
const dumped = (): Promise<readonly string[]> =>
  house.database.snapshot(
    async (tx) => {
      const lines: string[] = [];
      for await (const line of dumpLines(tx)) lines.push(line);
      return lines;
    },
    { timeoutMs: 60_000 },
  );

it('rule 34: random stays, parts and events, written, changed, deleted in any order: as by hand, and as a full rebuild', async () => {
  let run = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 4, maxLength: 24 }), async (steps) => {
      const own = `r${++run}-`;
      const live = new Map<string, Named>();
      for (const each of steps) {
        if ('derive' in each) await deriveStale(house.database, DERIVE);
        else if ('put' in each) {
          const last = new Map(each.put.map((named) => [`${named.type}/${named.id}`, named]));
          for (const [key, named] of last) live.set(key, named);
          await store(...[...last.values()].map((named) => resourceOf(named, own)));
        } else if (live.delete(`${each.gone.type}/${each.gone.id}`)) await drop(each.gone.type, own + each.gone.id);
      }
      await deriveStale(house.database, DERIVE);
      expect(await Promise.all([rows(VISITS, own), rows(DETAILS, own), rows(EVENTS, own)])).toEqual(byHand([...live.values()], own));
    }),
    { numRuns: RUNS },
  );
  const before = await dumped();
  await deriveAll(house.database, DERIVE);
  expect((await dumped()).filter((line, i) => line !== before[i])).toEqual([]);
  await expectRebuildEqual(house);
}, 3_600_000);

/** The tables that follow from what is stored at last, `own` before every id. */
function byHand(live: readonly Named[], own: string): readonly (readonly object[])[] {
  const persons = new Set(live.flatMap((each) => (each.type === 'Patient' ? [each.id] : [])));
  const visits = live.flatMap((each) => (each.type === 'Encounter' && persons.has(each.stay.person) ? [each.stay] : []));
  const byId = new Map(visits.map((visit) => [visit.id, visit]));
  const parentOf = (visit: Stay): Stay | undefined => {
    const parent = byId.get(visit.partOf ?? '');
    return parent?.person === visit.person ? parent : undefined;
  };
  const rootOf = (visit: Stay): Stay => {
    const parent = parentOf(visit);
    return parent === undefined ? visit : rootOf(parent);
  };
  const roots = visits.filter((visit) => parentOf(visit) === undefined);
  const stays = [...persons].flatMap((id) =>
    naiveStays(
      roots.filter((visit) => visit.person === id),
      'hospital',
      OPEN,
    ),
  );
  const wholeOf = (id: string): string => stays.find(({ members }) => members.includes(id))?.whole ?? id;
  const placed = (id: string | undefined): { readonly visit: string | null; readonly detail: string | null } => {
    const visit = byId.get(id ?? '');
    if (visit === undefined) return { visit: null, detail: null };
    const whole = wholeOf(rootOf(visit).id);
    return { visit: own + whole, detail: whole === visit.id ? null : own + visit.id };
  };
  const kept = roots
    .filter((visit) => wholeOf(visit.id) === visit.id)
    .map((visit) => {
      const joined = stays.find(({ whole }) => whole === visit.id);
      const { concept, start, end } = joined ?? { concept: conceptOf(visit), start: visit.start, end: endOf(visit, OPEN) };
      return { id: own + visit.id, concept, start, end };
    });
  const details = visits.flatMap((visit) => {
    const { visit: whole, detail } = placed(visit.id);
    const ward = { id: own + visit.id, n: 16, visit: whole, parent: detail };
    return detail === null ? [ward] : [{ id: detail, n: 0, visit: whole, parent: placed(parentOf(visit)?.id).detail }, ward];
  });
  const events = live.flatMap((each) =>
    'visit' in each && persons.has(each.person) ? [{ id: own + each.id, ...placed(each.visit) }] : [],
  );
  return [inOrder(kept), inOrder(details), inOrder(events)];
}

const inOrder = <Row extends { readonly id: string; readonly n?: number }>(all: readonly Row[]): readonly Row[] =>
  all.toSorted((a, b) => (a.id < b.id ? -1 : a.id > b.id ? 1 : (a.n ?? 0) - (b.n ?? 0)));
