import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { inOrder, rankOf } from '../../services/pipeline/apply/rank.ts';

const STATUSES = ['preliminary', 'registered', 'final', 'corrected', 'amended', 'entered-in-error'] as const;
interface Told {
  readonly status: (typeof STATUSES)[number];
  readonly at: string;
  readonly messageId: number;
  readonly rank: number;
}
const told = (status: Told['status'], minute: number, messageId: number): Told => ({
  status,
  at: new Date(Date.UTC(2026, 0, 1, 0, minute)).toISOString(),
  messageId,
  rank: rankOf({ resourceType: 'Observation', status }),
});

/** By hand: of what was said after the last withdrawal the most settled counts, of several such the latest; nothing after it: withdrawn. */
function lastWord(all: readonly Told[]): Told | undefined {
  const later = (a: Told, b: Told): boolean => a.at > b.at || (a.at === b.at && a.messageId > b.messageId);
  let withdrawn: Told | undefined;
  for (const each of all) if (each.status === 'entered-in-error' && (!withdrawn || later(each, withdrawn))) withdrawn = each;
  let best: Told | undefined;
  for (const each of all) {
    if (each.status === 'entered-in-error' || (withdrawn && !later(each, withdrawn))) continue;
    if (!best || each.rank > best.rank || (each.rank === best.rank && later(each, best))) best = each;
  }
  return best ?? withdrawn;
}

describe('the last word about a result', () => {
  it('is the same in whatever order it was said, and that of the rule done by hand', () => {
    const history = fc
      .uniqueArray(fc.tuple(fc.constantFrom(...STATUSES), fc.nat({ max: 8 }), fc.nat({ max: 50 })), {
        minLength: 1,
        maxLength: 7,
        selector: ([, , id]) => id,
      })
      .map((all) => all.map((each) => told(...each)));
    fc.assert(
      fc.property(
        history.chain((all) => fc.tuple(fc.constant(all), fc.shuffledSubarray(all, { minLength: all.length }))),
        ([all, shuffled]) => {
          expect(inOrder(shuffled).at(-1)).toBe(lastWord(all));
          expect(inOrder(shuffled)).toEqual(inOrder(all));
        },
      ),
      { numRuns: 1000 },
    );
  });

  it('is final again when a final result is reported after a withdrawal, and withdrawn when it was reported before', () => {
    expect(inOrder([told('final', 2, 1), told('entered-in-error', 1, 2)]).at(-1)?.status).toBe('final');
    expect(inOrder([told('final', 1, 1), told('entered-in-error', 2, 2)]).at(-1)?.status).toBe('entered-in-error');
    expect(inOrder([told('corrected', 1, 1), told('entered-in-error', 2, 2), told('preliminary', 3, 3)]).at(-1)?.status).toBe(
      'preliminary',
    );
  });
});
