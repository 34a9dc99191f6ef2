import { describe, expect, it } from 'vitest';
import { readTerminologyLimits } from '../../services/config/terminology.ts';
import { readConfig } from '../../services/config.ts';
import { limitsOf, USUAL_LIMITS } from '../../terminology/fhir/limits.ts';

describe('limits of terminology operations', () => {
  it('are the usual ones but for those that are set', () => {
    expect(readTerminologyLimits('')).toEqual({});
    expect(limitsOf({})).toEqual(USUAL_LIMITS);
    expect(limitsOf({ expansion: 20_000 })).toMatchObject({ expansion: 20_000, page: 20_000 });
    expect(readTerminologyLimits(' expansion=5000, cache-minutes = 5,')).toEqual({
      expansion: 5000,
      cacheMinutes: 5,
    });
    const config = readConfig({ POLYSEME_TERMINOLOGY_LIMITS: 'closures=3' });
    expect(config.ok && config.value.terminology?.closures).toBe(3);
  });

  it.each(['expansion', 'expansion=0', 'expansion=-1', 'expansion=1e3', 'pages=3', 'page=3, page=4', 'constructor=1', 'walk=999999999'])(
    'do not take %j, and say why',
    (text) => {
      expect(typeof readTerminologyLimits(text)).toBe('string');
      const config = readConfig({ POLYSEME_TERMINOLOGY_LIMITS: text });
      expect(config.ok ? [] : config.problems.map(({ code }) => code)).toEqual(['setting-invalid']);
    },
  );
});
