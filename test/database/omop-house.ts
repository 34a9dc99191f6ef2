/** Writing resources through the real maps, what follows from them, and the comparison with a full rebuild. */
import { expect } from 'vitest';
import { openDatabase } from '../../services/database/connect.ts';
import { deriveStale } from '../../services/database/derived/derived.ts';
import type { Resource } from '../../services/fhir/resource.ts';
import { rebuildCompared } from '../../services/pipeline/rebuild.ts';
import { write } from '../../services/pipeline.ts';
import { freshDatabase } from '../fresh-database.ts';
import type { TestHouse } from '../parts.ts';

const derive = { pullDate: '2026-06-01' };
export type Given = Resource & { readonly id: string };
const entry = { source: 'fhir', channel: 'fhir', controlId: undefined, messageType: 'test', patientKeys: [] } as const;
const common = { update: 'replace', deletes: [], spec: '', problems: [], unmapped: [] } as const;

/** Writes resources together in one request; then what follows from them. */
export async function put(house: TestHouse, ...resources: readonly Given[]): Promise<void> {
  await write(house.parts, { ...entry, content: Buffer.from(JSON.stringify(resources)) }, async () =>
    resources.map((resource) => ({ ...common, resource })),
  );
  await deriveStale(house.database, derive);
}

export async function remove(house: TestHouse, resourceType: string, id: string): Promise<void> {
  await write(house.parts, { ...entry, content: Buffer.from(`${resourceType}/${id}`) }, async () => [
    { ...common, resource: { resourceType, id }, delete: true },
  ]);
  await deriveStale(house.database, derive);
}

/** Nothing differs from a full rebuild. */
export async function expectRebuildEqual(house: TestHouse): Promise<void> {
  const fresh = await freshDatabase();
  const scratch = openDatabase(fresh.url);
  try {
    const { rows: differing, resources } = await rebuildCompared(house.parts, scratch, { derive, listed: 5 });
    expect({ differing, resources }).toEqual({ differing: [], resources: [] });
  } finally {
    await scratch.close();
    await fresh.drop();
  }
}

export const subject = (id = 'p1') => ({ reference: `Patient/${id}` });
export const patient = (id = 'p1', more: object = {}): Given =>
  JSON.parse(JSON.stringify({ resourceType: 'Patient', id, gender: 'female', birthDate: '1970-03-05', ...more }));
export const given = (resourceType: string, id: string, more: object): Given => JSON.parse(JSON.stringify({ resourceType, id, ...more }));
export const encounter = (id: string, start: string, end: string, more: object = {}): Given =>
  given('Encounter', id, { status: 'finished', subject: subject(), class: { code: 'IMP' }, period: { start, end }, ...more });
export const weight = (id: string, more: object = {}): Given =>
  given('Observation', id, {
    status: 'final',
    subject: subject(),
    code: { coding: [{ system: 'http://loinc.org', code: '29463-7' }] },
    effectiveDateTime: '2020-01-02',
    valueQuantity: { value: 70, code: 'kg', system: 'http://unitsofmeasure.org' },
    ...more,
  });
