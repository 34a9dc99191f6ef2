/** Which site of care a stay and its beds are at (rule 31): units have rows, what names a bed or a room is at the nearest unit that it is part of. */
import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openDatabase } from '../../services/database/connect.ts';
import { deriveStale } from '../../services/database/derived/derived.ts';
import { write } from '../../services/pipeline.ts';
import { type TestHouse, testHouse } from '../parts.ts';
import { encounter, expectRebuildEqual, type Given, given, patient, put, remove } from './omop-house.ts';

let house: TestHouse;
beforeAll(async () => {
  house = await testHouse();
  await put(house, patient());
});
afterAll(() => house[Symbol.asyncDispose]());

const kindOf = (code: string): object => ({
  physicalType: { coding: [{ system: 'http://terminology.hl7.org/CodeSystem/location-physical-type', code }] },
});
const place = (id: string, kind: string, partOf?: string, more: object = {}): Given =>
  given('Location', id, {
    name: id,
    ...kindOf(kind),
    ...(partOf === undefined ? {} : { partOf: { reference: `Location/${partOf}` } }),
    ...more,
  });
const lying = (id: string, ...places: readonly string[]): Given =>
  encounter(id, '2020-01-01', '2020-01-09', {
    location: places.map((each, i) => ({
      location: { reference: `Location/${each}` },
      status: i === places.length - 1 ? 'active' : 'completed',
      period: { start: `2020-01-0${i + 1}`, end: `2020-01-0${i + 2}` },
    })),
  });

/** Where a stay is, and its details in the order of time: names of care sites; null of none. */
async function sitesOf(id: string): Promise<readonly (string | null)[]> {
  const rows = await house.database.query<{ site: string | null }>(
    `SELECT s.care_site_name AS site FROM fhir.resource r JOIN (
         SELECT visit_occurrence_id AS id, care_site_id, NULL::date AS day FROM cdm.visit_occurrence
         UNION ALL SELECT visit_detail_id, care_site_id, visit_detail_start_date FROM cdm.visit_detail) v ON v.id / 1024 = r.resource_key
       LEFT JOIN cdm.care_site s USING (care_site_id) WHERE r.body LIKE '{"resourceType":"Encounter"%' AND r.id = $1 ORDER BY v.day NULLS FIRST`,
    [id],
  );
  return rows.map(({ site }) => site);
}

it('rule 31: beds and rooms are no care sites: stays are at the ward, each move a detail of its own, whatever came first', async () => {
  const all = [
    place('h', 'si'),
    place('w', 'wa', 'h'),
    place('r1', 'ro', 'w'),
    place('b1', 'bd', 'r1'),
    place('b2', 'bd', 'w'),
    place('other', 'wa', 'h'),
    lying('stay', 'b1', 'b2', 'other', 'b1'),
  ];
  for (const order of [all, all.toReversed()]) {
    for (const each of order) await put(house, each);
    expect(await sitesOf('stay')).toEqual(['w', 'w', 'w', 'other', 'w']);
    expect(await house.database.query('SELECT care_site_name AS name FROM cdm.care_site ORDER BY 1')).toEqual(
      ['h', 'other', 'w'].map((name) => ({ name })),
    );
    expect(
      await house.database.query(
        `SELECT r.id, x.reason FROM ops.exclusion x JOIN fhir.resource r USING (resource_key) WHERE x.rule = 31 ORDER BY 1`,
      ),
    ).toEqual(['b1', 'b2', 'r1'].map((id) => ({ id, reason: 'a place within a unit, or none of care' })));
    for (const each of order) await remove(house, each.resourceType, each.id);
    expect(await house.database.query('SELECT FROM ops.stand_in')).toEqual([]);
  }
});

it('rule 31: follows when a bed goes to another ward, a ward becomes a room, comes, goes, or is part of itself', async () => {
  await put(house, place('w1', 'wa'), place('w2', 'wa', 'w1'), place('r', 'ro', 'w2'), place('b', 'bd', 'r'), lying('e', 'b'));
  expect(await sitesOf('e')).toEqual(['w2', 'w2']);
  await put(house, place('r', 'ro', 'w1'));
  expect(await sitesOf('e')).toEqual(['w1', 'w1']);
  await put(house, place('r', 'ro', 'w2'));
  await put(house, place('w2', 'lvl', 'w1'));
  expect(await sitesOf('e')).toEqual(['w1', 'w1']);
  await remove(house, 'Location', 'w1');
  expect(await sitesOf('e')).toEqual([null, null]);
  await put(house, place('w1', 'wa'));
  expect(await sitesOf('e')).toEqual(['w1', 'w1']);
  await put(house, place('w2', 'lvl', 'b'));
  expect(await sitesOf('e')).toEqual([null, null]);
  await put(house, place('b', 'bd', undefined, { managingOrganization: { reference: 'Organization/o' } }));
  await put(house, given('Organization', 'o', { name: 'o' }));
  expect(await sitesOf('e')).toEqual(['o', 'o']);
  await put(house, place('b', 'wa'));
  expect(await sitesOf('e')).toEqual(['b', 'b']);
  await expectRebuildEqual(house);
  for (const id of ['w1', 'w2', 'r', 'b']) await remove(house, 'Location', id);
});

it('a provider leaves the care site that is gone', async () => {
  await put(house, place('gone', 'wa'), given('PractitionerRole', 'role', { location: [{ reference: 'Location/gone' }] }));
  const at = () => house.database.query('SELECT care_site_id IS NOT NULL AS known FROM cdm.provider');
  expect(await at()).toEqual([{ known: true }]);
  await remove(house, 'Location', 'gone');
  expect(await at()).toEqual([{ known: false }]);
  await remove(house, 'PractitionerRole', 'role');
});

const PLACES = 5;
const STAYS = 3;
type Step =
  | { readonly is: 'place'; readonly id: number; readonly kind: string; readonly partOf: number | undefined; readonly org: boolean }
  | { readonly is: 'stay'; readonly id: number; readonly at: readonly number[] }
  | { readonly is: 'gone'; readonly id: number }
  | { readonly is: 'org' | 'no-org' };

const steps = fc.array(
  fc.array(
    fc.oneof(
      fc.record({
        is: fc.constant('place' as const),
        id: fc.nat(PLACES - 1),
        kind: fc.constantFrom('bd', 'bd', 'ro', 'wa', 'si', 'lvl'),
        partOf: fc.option(fc.nat(PLACES - 1), { nil: undefined, freq: 5 }),
        org: fc.boolean(),
      }),
      fc.record({
        is: fc.constant('stay' as const),
        id: fc.nat(STAYS - 1),
        at: fc.array(fc.nat(PLACES - 1), { minLength: 1, maxLength: 3 }),
      }),
      fc.record({ is: fc.constant('gone' as const), id: fc.nat(PLACES - 1) }),
      fc.record({ is: fc.constantFrom('org' as const, 'no-org' as const) }),
    ),
    { minLength: 1, maxLength: 4 },
  ),
  { minLength: 1, maxLength: 8 },
);

/** The plain rule: places as they were last told, walked from each bed up. */
class World {
  readonly places = new Map<number, Extract<Step, { is: 'place' }>>();
  readonly stays = new Map<number, readonly number[]>();
  hasOrg = false;

  tell(step: Step): void {
    if (step.is === 'place') this.places.set(step.id, step);
    else if (step.is === 'stay') this.stays.set(step.id, step.at);
    else if (step.is === 'gone') this.places.delete(step.id);
    else this.hasOrg = step.is === 'org';
  }

  siteOf(id: number, seen: readonly number[] = []): string | null {
    const known = this.places.get(id);
    if (known === undefined || seen.includes(id)) return null;
    if (known.kind === 'wa' || known.kind === 'si') return `p${id}`;
    if (known.partOf !== undefined) return this.siteOf(known.partOf, [...seen, id]);
    return known.org && this.hasOrg ? 'org' : null;
  }
}

let worlds = 0;
async function tellAll(batches: readonly (readonly Step[])[]): Promise<void> {
  const world = new World();
  const name = `x${++worlds}`;
  for (const batch of batches) {
    const changes = new Map<string, { readonly resource: Given; readonly delete?: boolean }>();
    for (const step of batch) {
      world.tell(step);
      if (step.is === 'place') {
        const { id, kind, partOf, org } = step;
        const more = org ? { managingOrganization: { reference: `Organization/${name}-org` } } : {};
        const resource = { ...place(`${name}-${id}`, kind, partOf === undefined ? undefined : `${name}-${partOf}`, more), name: `p${id}` };
        changes.set(`p${id}`, { resource });
      } else if (step.is === 'gone')
        changes.set(`p${step.id}`, { resource: { resourceType: 'Location', id: `${name}-${step.id}` }, delete: true });
      else if (step.is === 'stay')
        changes.set(`s${step.id}`, { resource: lying(`${name}-s${step.id}`, ...step.at.map((at) => `${name}-${at}`)) });
      else changes.set('org', { resource: given('Organization', `${name}-org`, { name: 'org' }), delete: step.is === 'no-org' });
    }
    await writeAll(house, [...changes.values()]);
    for (const [stay, at] of world.stays) {
      const sites = at.map((each) => world.siteOf(each));
      expect(await sitesOf(`${name}-s${stay}`)).toEqual([sites.at(-1), ...sites]);
    }
  }
}

const entry = { source: 'fhir', channel: 'fhir', controlId: undefined, messageType: 'test', patientKeys: [] } as const;
const common = { update: 'replace', deletes: [], spec: '', problems: [], unmapped: [] } as const;
const writeAll = (
  { parts }: Pick<TestHouse, 'parts'>,
  changes: readonly { readonly resource: Given; readonly delete?: boolean }[],
): Promise<unknown> =>
  write(parts, { ...entry, content: Buffer.from(JSON.stringify(changes)) }, async () => changes.map((each) => ({ ...common, ...each })));

it('property: random places, stays and changes of them, in batches, come to the plain rule and to a full rebuild', {
  timeout: 600_000,
}, async () => {
  await fc.assert(fc.asyncProperty(steps, tellAll), { numRuns: Number(process.env['POLYSEME_TEST_RUNS'] ?? 8) });
  await deriveStale(house.database, { pullDate: '2026-06-01' });
  await expectRebuildEqual(house);
});

it('rule 31: two who move beds and two who write stays in them at the same time lose nothing', { timeout: 120_000 }, async () => {
  await put(house, ...['cw0', 'cw1'].map((id) => place(id, 'wa')), place('cr', 'ro', 'cw0'), place('cb', 'bd', 'cr'));
  const [one, two] = [openDatabase(house.url), openDatabase(house.url)];
  const writing = async (database: typeof one, writes: readonly Given[]): Promise<void> => {
    for (const resource of writes) await writeAll({ parts: { ...house.parts, database } }, [{ resource }]);
  };
  const rounds = Array.from({ length: 12 }, (_, i) => i);
  await Promise.all([
    writing(
      one,
      rounds.map((i) => place('cr', 'ro', `cw${i % 2}`)),
    ),
    writing(
      two,
      rounds.map((i) => place('cb', 'bd', i % 3 === 0 ? 'cw0' : 'cr')),
    ),
    writing(
      one,
      rounds.map((i) => lying(`c${i}`, 'cb', 'cr')),
    ),
    writing(
      two,
      rounds.map((i) => lying(`d${i}`, 'cr', 'cb')),
    ),
  ]);
  await Promise.all([one.close(), two.close()]);
  // The last words: the room is in cw1, the bed in the room.
  for (const i of rounds) for (const stay of [`c${i}`, `d${i}`]) expect(await sitesOf(stay)).toEqual(['cw1', 'cw1', 'cw1']);
  await deriveStale(house.database, { pullDate: '2026-06-01' });
  await expectRebuildEqual(house);
});
