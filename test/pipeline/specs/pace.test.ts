import { describe, expect, it } from 'vitest';
import { Pace } from '../../../services/pipeline/specs/pace.ts';

/** A pace on a clock that only its own work and rests move. */
function paced(isBusy: (now: number) => boolean, share?: number) {
  let now = 0;
  const watch = {
    now: () => now,
    rest: async (ms: number) => {
      now += ms;
    },
  };
  const pace = new Pace(async () => isBusy(now), share, watch);
  /** Does pieces of work of so many milliseconds; returns which share of the time they were. */
  const shareOf = async (steps: number, tookMs = 100): Promise<number> => {
    const start = now;
    for (let step = 0; step < steps; step++) await pace.step(() => watch.rest(tookMs));
    return (steps * tookMs) / (now - start);
  };
  return { shareOf };
}

describe('work in the background', () => {
  it('takes its share of the time while messages wait, and more when none do', async () => {
    expect(await paced(() => true).shareOf(20)).toBeCloseTo(0.15);
    expect(await paced(() => true, 0.4).shareOf(20)).toBeCloseTo(0.4);
    expect(await paced(() => false, 0.4).shareOf(20)).toBeCloseTo(0.8);
  });

  it('stays slow for a while after messages waited: a stream pauses between its batches', async () => {
    const { shareOf } = paced((now) => now < 200);
    expect(await shareOf(4)).toBeCloseTo(0.15);
    expect(await shareOf(4, 1_000)).toBeGreaterThan(0.4);
    expect(await shareOf(4)).toBeCloseTo(0.8);
  });

  it('never takes more than when it is alone, whatever the setting, and never rests for long', async () => {
    expect(await paced(() => true, 5).shareOf(4)).toBeCloseTo(0.8);
    expect(await paced(() => true).shareOf(1, 5_000)).toBeCloseTo(0.5);
  });
});
