/** A row of a resource that says and makes very much: lineage starts at one node. */
import { expect, it } from 'vitest';
import { at, listAt, testDoor } from './door.ts';

it('begins with the one row, however much its resource says and makes: the rest is asked for when it is opened', async () => {
  await using door = await testDoor();
  const blood = { coding: [{ system: 'http://loinc.org', code: '8480-6' }] };
  const component = Array.from({ length: 160 }, (_none, n) => ({
    code: { ...blood, text: `part ${n}` },
    valueQuantity: { value: n, unit: 'mm[Hg]', system: 'http://unitsofmeasure.org', code: 'mm[Hg]' },
  }));
  await door.call('PUT', '/Patient/large', { resourceType: 'Patient', id: 'large', gender: 'female', birthDate: '1970-01-01' });
  const stored = await door.call('PUT', '/Observation/large', {
    ...{ resourceType: 'Observation', id: 'large', status: 'final', effectiveDateTime: '2026-03-01T10:00:00Z', component },
    ...{ subject: { reference: 'Patient/large' }, code: { coding: [{ system: 'http://loinc.org', code: '85354-9' }] } },
  });
  expect(stored.status).toBe(201);
  const [row] = await door.database.query<{ id: number; n: number }>(
    'SELECT max(measurement_id) FILTER (WHERE value_as_number = 159) AS id, count(*) AS n FROM cdm.measurement',
  );
  expect(row?.n).toBeGreaterThanOrEqual(160);
  const answer = await fetch(`${door.door.url}/admin/omop/rows/measurement/${row?.id}/explain`);
  const text = await answer.text();
  const value = listAt(JSON.parse(text), 'columns').find((each) => at(each, 'name') === 'value_as_number');
  expect([answer.status, value]).toMatchObject([200, { value: '159' }]);
  // A thousand elements and 160 rows hang on it: none of the others comes along.
  expect(text.length).toBeLessThan(20_000);
});
