import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadFhirTerminology } from '../../services/commands/vocabulary/fhir.ts';
import { temporaryFolder } from '../terminology/write-release.ts';
import { at, listAt, type TestDoor, testDoor } from './door.ts';

let door: TestDoor;
beforeAll(async () => {
  door = await testDoor();
});
afterAll(() => door[Symbol.asyncDispose]());

const URL = 'http://example.org/round';
const valueSet = (id: string, ...of: readonly string[]) => ({
  resourceType: 'ValueSet',
  id,
  url: `${URL}/${id}`,
  status: 'active',
  compose: { include: of.map((each) => ({ valueSet: [`${URL}/${each}`] })) },
});
const conceptMap = (id: string, next: string) => ({
  resourceType: 'ConceptMap',
  id,
  url: `${URL}/${id}`,
  status: 'active',
  group: [
    {
      source: `${URL}/a`,
      target: `${URL}/b`,
      element: [{ code: 'x', target: [{ code: 'y', equivalence: 'equal' }] }],
      unmapped: { mode: 'other-map', url: `${URL}/${next}` },
    },
  ],
});
const put = async (resource: { readonly resourceType: string; readonly id: string }) => {
  const { status, body } = await door.call('PUT', `/${resource.resourceType}/${resource.id}`, resource, {
    prefer: 'return=OperationOutcome',
  });
  return [status, ...listAt(body, 'issue').map((each) => `${at(each, 'severity')}: ${at(each, 'details', 'text')}`)];
};
const round = (...names: readonly string[]) => `warning: This leads back to itself: ${names.map((each) => `${URL}/${each}`).join(' > ')}.`;

describe('what leads back to itself', () => {
  it('is said when it is stored, with the way, and by $validate', async () => {
    expect(await put(valueSet('one', 'two', 'elsewhere'))).toEqual([201, 'information: All OK']);
    expect(await put(valueSet('two', 'three'))).toEqual([201, 'information: All OK']);
    expect(await put(valueSet('three', 'one'))).toEqual([201, round('three', 'one', 'two', 'three')]);
    expect(await put(valueSet('three', 'elsewhere'))).toEqual([200, 'information: All OK']);
    expect(await put(valueSet('self', 'self'))).toEqual([201, round('self', 'self')]);
    expect(await put(conceptMap('first', 'second'))).toEqual([201, 'information: All OK']);
    expect(await put(conceptMap('second', 'first'))).toEqual([201, round('second', 'first', 'second')]);
    const { body } = await door.call('POST', '/ValueSet/$validate', valueSet('three', 'two'));
    expect(listAt(body, 'issue').map((each) => at(each, 'details', 'text'))).toContain(round('three', 'two', 'three').slice(9));
  });

  it('is said of a package when all of it is stored', async () => {
    const file = join(temporaryFolder(), 'bundle.json');
    const entry = [valueSet('left', 'right'), valueSet('right', 'left'), valueSet('apart', 'left')].map((resource) => ({ resource }));
    writeFileSync(file, JSON.stringify({ resourceType: 'Bundle', type: 'collection', entry }));
    const { created, refused, warned } = await loadFhirTerminology(door.parts, file);
    expect([created, refused]).toEqual([3, []]);
    expect(warned.map(({ problems }) => `warning: ${problems[0]?.text}`)).toEqual([
      round('left', 'right', 'left'),
      round('right', 'left', 'right'),
    ]);
  });
});
