/** A day asked of a period, and of a time near midnight: what US Core's searches by date come to (http://hl7.org/fhir/R4/search.html#prefix). */
import { expect, it } from 'vitest';
import type { Resource } from '../../services/fhir/resource.ts';
import { matches } from '../../services/fhir/search/match.ts';
import { parseSearch } from '../../services/fhir/search/parse.ts';

function isFound(resource: Resource, date: string): boolean {
  const query = parseSearch(resource.resourceType, [['date', date]]);
  if (!query.ok) throw new Error(JSON.stringify(query.problems));
  return matches(query.value, resource);
}

it.each([
  // "eq: the range of the search value fully contains the range of the target value": a day does not contain a month that begins on it.
  ['2020-03-11', false],
  ['2020-03', false],
  ['2020', true],
  ['ge2020-03-11', true],
  ['lt2020-03-12', true],
  ['sa2020-03-11', false],
  ['ap2020-03-20', true],
])('a care plan from 11 March to 10 April 2020 and date=%s', (date, expected) => {
  const period = { start: '2020-03-11T12:40:23+01:00', end: '2020-04-10T06:40:23+02:00' };
  expect(isFound({ resourceType: 'CarePlan', id: '1', period }, date)).toBe(expected);
});

it.each([
  // The day on the wall, as written: in UTC it was still the 15th.
  ['2011-09-16', true],
  ['2011-09-15', false],
  ['2011-09-15T22:00:18Z', true],
])('an observation at 2011-09-16T00:00:18+02:00 and date=%s', (date, expected) => {
  expect(isFound({ resourceType: 'Observation', id: '1', effectiveDateTime: '2011-09-16T00:00:18+02:00' }, date)).toBe(expected);
});
