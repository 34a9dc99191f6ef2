/** What applying does once, or not at all, though it meets the same again. */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Parts, processNext, receive } from '../../services/pipeline.ts';
import { fixture, type TestHouse, testHouse } from '../parts.ts';

let house: TestHouse;
let parts: Parts;
/** Calls since the test began: messages converted, types of resources of which rows were made. */
let converted = 0;
let rowsOf: string[] = [];

const admission = readFileSync(fixture('hl7v2', 'us-adt-a01-admit.hl7'), 'latin1').replaceAll(/\r?\n/g, '\r');
const controlled = (control: string): string => {
  const fields = admission.split('\r')[0]?.split('|') ?? [];
  fields[9] = control;
  return [fields.join('|'), ...admission.split('\r').slice(1)].join('\r');
};

async function applied(text: string): Promise<void> {
  expect((await receive(parts, Buffer.from(text, 'latin1'), 'mllp')).status).toBe(200);
  converted = 0;
  rowsOf = [];
  while ((await processNext(parts, 10)) > 0);
}

const changed = (): Promise<readonly object[]> => house.database.query('SELECT type, id FROM fhir.resource WHERE version > 1');

describe('applying', () => {
  beforeAll(async () => {
    house = await testHouse();
    const { maps } = house.parts;
    parts = {
      ...house.parts,
      maps: {
        ...maps,
        convert: (...asked) => {
          converted += 1;
          return maps.convert(...asked);
        },
        rows: (resource, context) => {
          rowsOf.push(resource.resourceType);
          return maps.rows(resource, context);
        },
      },
    };
  });
  afterAll(() => house[Symbol.asyncDispose]());

  it('converts a message once, though the doctors and wards that it names are written first', async () => {
    await applied(controlled('ONCE1'));
    expect(converted).toBe(1);
    expect(rowsOf).toContain('Practitioner');
    expect(rowsOf).toContain('Patient');
  });

  it('makes no rows of what is stored already, and leaves its version', async () => {
    await applied(controlled('ONCE2'));
    expect(rowsOf.filter((type) => type !== 'Provenance')).toEqual([]);
    expect(await changed()).toEqual([]);
  });

  it('makes rows of what changed, and of nothing else', async () => {
    await applied(controlled('ONCE3').replace(/(?<=\|)[^|\r]*(?=\|[FMUO]\|)/, '19770101'));
    expect(rowsOf).toContain('Patient');
    expect(rowsOf).not.toContain('Encounter');
  });
});
