/** Queries and the answers of others: what is asked here is refused with a word, what was answered elsewhere is kept. */
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseMessage } from '../../services/hl7v2/parse.ts';
import type { Conversion } from '../../services/mapping/conversion.ts';
import { loadMaps } from '../../services/mapping/maps.ts';

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
