import { describe, expect, it } from 'vitest';
import { belongsTo } from '../../services/pipeline/exports.ts';

const asked = {
  level: 'system',
  base: 'http://127.0.0.1/fhir/R4',
  types: ['Observation'],
  since: undefined,
  until: undefined,
  members: [],
  typeFilters: ['Observation?status=final'],
} as const;

describe('what belongs to an export', () => {
  it('is decided by every filter that was asked for', () => {
    const decide = belongsTo(asked);
    const of = (status: string) => decide?.('Observation', JSON.stringify({ resourceType: 'Observation', id: 'o', status }), false);
    expect([of('final'), of('preliminary')]).toEqual([true, false]);
  });

  it('is nothing at all when a filter cannot be read any more: without it more would go out than was asked for', () => {
    expect(() => belongsTo({ ...asked, typeFilters: ['Observation?gone=1'] })).toThrow('fhir-search-parameter');
  });
});
