/** near of Location against a naive evaluator on random places; phonetic names. */
import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { at, listAt, type TestDoor, testDoor } from './door.ts';

let door: TestDoor;
beforeAll(async () => {
  door = await testDoor();
});
afterAll(() => door[Symbol.asyncDispose]());

const put = async (resource: { readonly resourceType: string; readonly id: string; readonly [name: string]: unknown }): Promise<void> => {
  expect((await door.call('PUT', `/${resource.resourceType}/${resource.id}`, resource)).status).toBeLessThan(300);
};
async function found(path: string): Promise<readonly string[]> {
  const { status, body } = await door.call('GET', `${path}&_count=1000`);
  expect([status, path]).toEqual([200, path]);
  return listAt(body, 'entry')
    .map((each) => String(at(each, 'resource', 'id')))
    .sort();
}

interface Point {
  readonly latitude: number;
  readonly longitude: number;
}

/** The angle between two vectors on the sphere, by another formula than ours. */
function kilometres(a: Point, b: Point): number {
  const vector = ({ latitude, longitude }: Point): readonly [number, number, number] => {
    const [lat, lon] = [(latitude * Math.PI) / 180, (longitude * Math.PI) / 180];
    return [Math.cos(lat) * Math.cos(lon), Math.cos(lat) * Math.sin(lon), Math.sin(lat)];
  };
  const [[ax, ay, az], [bx, by, bz]] = [vector(a), vector(b)];
  const cross = Math.hypot(ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx);
  return 6371.0088 * Math.atan2(cross, ax * bx + ay * by + az * bz);
}

const degree = (most: number) =>
  fc.oneof(
    fc.integer({ min: -most * 100, max: most * 100 }).map((n) => n / 100),
    fc.constantFrom(-most, most, most - 0.01, 0.01 - most, 0),
  );
const point = fc.record({ latitude: degree(90), longitude: degree(180) });
const UNITS = { '': 1, km: 1, m: 0.001, '[mi_i]': 1.609344 };

it('finds the places within the distance, over the poles and the 180th meridian too', async () => {
  const places = fc.sample(point, { numRuns: 60, seed: 11 });
  for (const [n, position] of places.entries()) await put({ resourceType: 'Location', id: `l${n}`, position });
  await put({ resourceType: 'Location', id: 'nowhere', name: 'x' });
  const asked = fc.record({
    around: fc.oneof(point, fc.constantFrom(...places)),
    distance: fc.oneof(fc.integer({ min: 0, max: 2_000 }), fc.integer({ min: 0, max: 20_100 }), fc.constant(0.5)),
    unit: fc.constantFrom<keyof typeof UNITS>('', 'km', 'm', '[mi_i]'),
  });
  await fc.assert(
    fc.asyncProperty(asked, async ({ around, distance, unit }) => {
      const expected = places.map((place) => kilometres(place, around) - distance * UNITS[unit]);
      // On the edge two ways of counting may differ by a hair.
      fc.pre(expected.every((each) => Math.abs(each) > 1e-6 || distance === 0));
      const value = `${around.latitude}|${around.longitude}|${distance}|${unit}`;
      const ids = await found(`/Location?near=${encodeURIComponent(value)}`);
      expect(ids).toEqual(expected.flatMap((each, n) => (each <= 1e-9 ? [`l${n}`] : [])).sort());
    }),
    { numRuns: 60 },
  );
  expect(await found('/Location?near:missing=true')).toEqual(['nowhere']);
});

it('takes alternatives and the form without distance, in chains too, and says what it cannot read', async () => {
  await put({ resourceType: 'Location', id: 'berlin', position: { latitude: 52.52, longitude: 13.405 }, status: 'suspended' });
  await put({ resourceType: 'Location', id: 'potsdam', position: { latitude: 52.39, longitude: 13.06 }, status: 'suspended' });
  await put({ resourceType: 'Location', id: 'paris', position: { latitude: 48.8566, longitude: 2.3522 }, status: 'suspended' });
  const near = async (value: string): Promise<readonly string[]> => found(`/Location?status=suspended&near=${encodeURIComponent(value)}`);
  expect(await near('52.5|13.4')).toEqual(['berlin']);
  expect(await near('52.5|13.4|50')).toEqual(['berlin', 'potsdam']);
  expect(await near('52.5|13.4|50|km,48.85|2.35')).toEqual(['berlin', 'paris', 'potsdam']);
  await put({
    ...{ resourceType: 'Encounter', id: 'e', status: 'planned', class: { code: 'AMB' } },
    location: [{ location: { reference: 'Location/paris' } }],
  });
  expect(await found('/Encounter?location.near=48.8|2.3|30|km')).toEqual(['e']);
  for (const value of ['52.5', '91|0', '0|181', '1|2|-3', '1|2|3|kg', '1|2|3|km|x', 'a|b', '1e2|3'])
    expect([value, (await door.call('GET', `/Location?near=${encodeURIComponent(value)}`)).status]).toEqual([value, 400]);
  expect((await door.call('GET', '/Location?_sort=near')).status).toBe(400);
});

it('finds names by their sound, each word somewhere in the names', async () => {
  const people = {
    smith: ['Smith', 'Catherine'],
    schmidt: ['Schmidt', 'Jon'],
    mueller: ['M\u00fcller', 'Philipp'],
    li: ['\u674e', '\u96f7'],
  };
  for (const [id, [family, given]] of Object.entries(people))
    await put({ resourceType: 'Patient', id, name: [{ family, given: [given], prefix: ['Dr'] }] });
  await put({ resourceType: 'Organization', id: 'clinic', name: "St. Steven's Clinic" });
  const sounds = (name: string): Promise<readonly string[]> => found(`/Patient?phonetic=${encodeURIComponent(name)}`);
  expect(await sounds('Smyth')).toContain('smith');
  expect(await sounds('Kathryn')).toEqual(['smith']);
  expect(await sounds('Katherine Smythe')).toEqual(['smith']);
  expect(await sounds('Katherine Miller')).toEqual([]);
  expect(await sounds('Filip Mueller')).toEqual(['mueller']);
  expect(await sounds('John')).toEqual(['schmidt']);
  expect(await sounds('\u674e')).toEqual(['li']);
  expect(await sounds('Kathryn,Filip')).toEqual(['mueller', 'smith']);
  expect(await sounds('Dr')).toEqual([]);
  expect(await found('/Organization?phonetic=stephens')).toEqual(['clinic']);
  expect((await door.call('GET', '/Patient?phonetic=-')).status).toBe(400);
  expect((await door.call('GET', '/Patient?phonetic:exact=x')).status).toBe(400);
  const { body } = await door.call('GET', '/metadata');
  const typeOf = (type: string, name: string): unknown => {
    const resource = listAt(body, 'rest', 0, 'resource').find((each) => at(each, 'type') === type);
    return at(
      listAt(resource, 'searchParam').find((each) => at(each, 'name') === name),
      'type',
    );
  };
  expect([typeOf('Patient', 'phonetic'), typeOf('Location', 'near')]).toEqual(['string', 'special']);
});
