import fc from 'fast-check';
import { expect, it } from 'vitest';
import { DICTIONARY, dictionaryAnnotator } from '../../services/omop/annotate.ts';

const said = (text: string): readonly string[] =>
  DICTIONARY.annotate(text).map(({ start, end, code, negated }) => `${negated ? 'no ' : ''}${text.slice(start, end)} ${code}`);

it('finds whole words whatever their case, and what a word before them denies in the same sentence', () => {
  expect(said('Known ASTHMA, no fever. Cough since Monday.')).toEqual(['ASTHMA 195967001', 'no fever 386661006', 'Cough 49727002']);
  expect(said('Patient denies any recent chest  pain but has a headache.')).toEqual(['no chest  pain 29857009', 'headache 25064002']);
  expect(said('No change of weight was seen over the last weeks although asthma')).toEqual(['asthma 195967001']);
  expect(said('coughing, feverish, strokes')).toEqual([]);
});

it('property: whatever the text, what is found stands there, in order and apart', () => {
  const { annotate } = dictionaryAnnotator('test', { system: 's', terms: { a: ['x', 'x y', 'y.z'], b: ['z'] }, negations: ['no'] });
  fc.assert(
    fc.property(fc.array(fc.constantFrom('x', 'y', 'z', ' ', '.', 'no', '\n', 'é'), { maxLength: 40 }), (parts) => {
      const text = parts.join('');
      let last = 0;
      for (const { start, end } of annotate(text)) {
        expect(start >= last && end > start && end <= text.length).toBe(true);
        last = end;
      }
    }),
  );
});
