/**
 * A case notices when a rule is gone: a few rules, drawn anew for each day's text of the maps by a fixed seed, are dropped one at a time.
 * POLYSEME_TEST_MUTATIONS=all drops every rule (half an hour), a number that many. The whole figure stands in mappings/v2-to-fhir/LEDGER.md.
 */
import { describe, expect, it } from 'vitest';
import { claimOf, type Mutant, nameOf, rulesOf } from '../../scripts/maps/mutants.ts';
import { files, verdict } from '../../scripts/maps/verdicts.ts';
import { chanceOf } from '../../scripts/simulator/chance.ts';

const asked = process.env['POLYSEME_TEST_MUTATIONS'] ?? '5';
const all = files.filter((each) => /^(v2-to-fhir|fhir-to-v2)\//.test(each.path)).flatMap((each) => [...rulesOf(each)]);

function drawn(): readonly Mutant[] {
  if (asked === 'all') return all;
  const random = chanceOf(7);
  return Array.from({ length: Number(asked) }, () => all[random.below(all.length)]).filter((each) => each !== undefined);
}

describe('the cases of the maps from and to HL7v2', () => {
  it('notice nine of ten rules that are dropped', { timeout: asked === 'all' ? 7_200_000 : 900_000 }, () => {
    const verdicts = drawn().map(verdict);
    const counted = verdicts.filter((each) => each !== 'same' && each !== 'equivalent');
    const missed = counted.filter((each) => each === 'survived' || each === 'not reached').length;
    // Of a handful one may be among the tenth that nobody notices.
    expect(missed).toBeLessThanOrEqual(Math.max(1, Math.floor(counted.length / 10)));
  });

  it('believe no claim that a rule changes nothing: it is tried', () => {
    const claimed = all.filter((each) => claimOf(each) !== undefined && each.file.path.endsWith('msh-to-provenance'));
    expect(claimed.map(verdict)).toEqual(['equivalent']);
    const [one] = all.filter((each) => each.file.path.endsWith('msh-to-provenance') && nameOf(each) === 'fields.recorded');
    expect(one === undefined ? undefined : verdict(one)).not.toBe('equivalent');
  });
});
