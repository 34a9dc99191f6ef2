/** What stands beside an unmapped code is shown without a reveal, and goes out in Usagi's file: never a name or a number of somebody. */
import { expect, it } from 'vitest';
import { besideCode } from '../../services/pipeline/unmapped/samples.ts';

const valuesOf = (valueString: string) => besideCode([JSON.stringify({ resourceType: 'Observation', valueString })]).values;

it.each([
  'Quellwasser',
  'SMITH',
  'Mary-Ann',
  '123-45-6789',
  '(555)',
  '555-0199',
  '+49 30 1234567',
  '1968-03-04',
  '04.03.1968',
  '123456789',
])('hides %s', (text) => expect(valuesOf(text)).toEqual(['(text)']));

it.each(['positive', 'NEG', 'Trace', '+++', '187', '<0.5', '>= 1,5', '1:320', '120/80', '0-5', 'A', 'yes'])('shows %s', (text) =>
  expect(valuesOf(text)).toEqual([text]),
);
