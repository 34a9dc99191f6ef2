/** Queries and the answers of others: what is asked here is refused with a word, what was answered elsewhere is kept. */
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseMessage } from '../../services/hl7v2/parse.ts';
import type { Conversion } from '../../services/mapping/conversion.ts';
import { loadMaps } from '../../services/mapping/maps.ts';
import { reportOn } from './specs.ts';

const loaded = loadMaps(join(import.meta.dirname, '../../mappings'));
if (!loaded.ok) throw new Error('the maps do not load');
const maps = loaded.value;

function converted(text: string): Conversion {
  const parsed = parseMessage(Buffer.from(text));
  if (!parsed.ok) throw new Error('the message cannot be read');
  return maps.convert(parsed.value, { timezone: 'UTC' });
}

describe('a query', () => {
  it.each(['QBP^Q11', 'QBP^Q22^QBP_Q21', 'QBP^Q23', 'QRY^A19', 'QSB^Q16'])('%s is refused, with where to ask instead', (type) => {
    const conversion = converted(`MSH|^~\\&|ADT|EAST|P|H|20260601120000||${type}|7|P|2.5.1\rQPD|Q22^Find^L|Q1|@PID.5.1^Lund\rRCP|I`);
    expect(conversion.rung).toBe('refuse');
    expect(conversion.problems.map(({ code, at }) => [code, at])).toEqual([['mapping-query', 'MSH-9']]);
    expect(conversion.problems[0]?.text).toContain('at once or never');
    expect(conversion.drafts).toEqual([]);
    // What was asked for is a patient's: it must not stand in the problem.
    expect(JSON.stringify(conversion.problems)).not.toContain('Lund');
  });

  it('of another kind without a map is parked as any message', () => {
    expect(converted('MSH|^~\\&|ADT|EAST|P|H|20260601120000||MFN^M02|7|P|2.5.1').problems.map(({ code }) => code)).toEqual([
      'mapping-no-map',
    ]);
  });
});

describe('a map that answers queries', () => {
  const good = `map: queries/x
version: 1.0.0
source: { format: fhir, type: Patient }
target: { format: hl7v2, version: "2.5.1" }
query: [{ message: QBP^Q22, answer: RSP^K22^RSP_K21 }]
find: all
asks: { parameters: QPD-3 }
segments: [{ segment: PID, fields: { 1: =position, 5: { 1: { 1: "=name[0].family" } } } }]
records: [{ type: Immunization, by: patient, linked: { seen: { type: Observation, by: part-of } }, segments: [{ segment: RXA, fields: { 1: "0" } }] }]
`;
  const faults = (text: string): readonly (readonly [string, number])[] =>
    reportOn({ 'queries/x.yaml': text }).diagnostics.map(({ code, line }) => [code, line] as const);

  it('is taken when every word of it is known', () => {
    expect(faults(good)).toEqual([]);
  });

  it.each([
    ['find: all', 'find: some', 'unknown-word', 6],
    ['find: all', 'finds: all', 'unknown-key', 6],
    ['message: QBP^Q22,', 'message: "QBP",', 'spec-message', 5],
    ['answer: RSP^K22^RSP_K21', 'answer: yes', 'spec-message', 5],
    ['answer: RSP^K22^RSP_K21', 'answer: RSP^K22^RSP_K21, profiles: { one: Z32 }', 'spec-header', 5],
    ['asks: { parameters: QPD-3 }', 'asks: QPD-3', 'spec-header', 7],
    ['parameters: QPD-3', 'parameter: QPD-3', 'unknown-key', 7],
    ['parameters: QPD-3', 'parameters: QPD', 'segment-field', 7],
    ['=position', '=place', 'unknown-element', 8],
    ['by: patient', 'bye: patient', 'unknown-key', 9],
    ['by: part-of', 'ref: =patient', 'spec-header', 9],
    ['by: patient', 'by: pacient', 'unknown-element', 9],
    ['by: part-of', 'by: partof', 'unknown-element', 9],
    ['type: Immunization', 'type: Imunization', 'unknown-type', 9],
  ])('%s written as %s is a fault with its place', (from, to, code, line) => {
    expect(faults(good.replace(from, to))).toContainEqual([code, line]);
  });

  it('is a fault where another answers the same', () => {
    const { diagnostics } = reportOn({ 'queries/x.yaml': good, 'queries/y.yaml': good.replace('queries/x', 'queries/y') });
    expect(diagnostics.map(({ code }) => code)).toContain('rows-duplicate-map');
  });
});
