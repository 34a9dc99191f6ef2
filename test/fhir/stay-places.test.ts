import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { mergedResource, replacingResource } from '../../services/fhir/merge.ts';
import type { JsonObject, Resource } from '../../services/fhir/resource.ts';

const at = (ward: string, status: string, start?: string, end?: string): JsonObject => ({
  location: { reference: `Location/${ward}`, identifier: { system: 'urn:s', value: ward }, display: ward },
  status,
  ...(start === undefined && end === undefined ? {} : { period: { ...(start && { start }), ...(end && { end }) } }),
});
const stay = (status: string, ...location: readonly JsonObject[]): Resource => ({ resourceType: 'Encounter', id: 'e', status, location });
/** 'W1 completed 1-3; W2 active 3-'. */
const told = (resource: Resource): string => {
  const { location } = JSON.parse(JSON.stringify(resource));
  return (Array.isArray(location) ? location : [])
    .map(({ location: place, status, period }) => `${place.display} ${status}${period ? ` ${period.start ?? ''}-${period.end ?? ''}` : ''}`)
    .join('; ');
};
const placesOver = (first: Resource, ...rest: readonly Resource[]): string =>
  told(rest.reduce((stored, draft) => mergedResource(stored, draft, []), first));

const admitted = stay('in-progress', at('W1', 'active', '1'));
const moved = stay('in-progress', at('W1', 'completed', undefined, '3'), at('W2', 'active', '3'));
const left = { ...stay('finished', at('W2', 'completed', undefined, '5')), period: { start: '1', end: '5' } };

describe('the places of a stay over its messages', () => {
  it('are a history: a move ends the place before, a discharge the last', () => {
    expect(placesOver(admitted, moved)).toBe('W1 completed 1-3; W2 active 3-');
    expect(placesOver(admitted, moved, left)).toBe('W1 completed 1-3; W2 completed 3-5');
  });

  it('remember the place before that only the move told of', () => {
    expect(placesOver(stay('in-progress'), moved)).toBe('W1 completed -3; W2 active 3-');
    const third = stay('in-progress', at('W2', 'completed', undefined, '4'), at('W3', 'active', '4'));
    expect(placesOver(moved, third)).toBe('W1 completed -3; W2 completed 3-4; W3 active 4-');
    expect(placesOver(stay('in-progress', at('W0', 'active', '0')), moved)).toBe('W0 completed 0-3; W1 completed -3; W2 active 3-');
  });

  it('do not change with an update that repeats where the patient is, nor with a move told twice', () => {
    expect(placesOver(admitted, moved, stay('in-progress', at('W2', 'active')), moved, moved)).toBe('W1 completed 1-3; W2 active 3-');
    expect(placesOver(admitted, moved, stay('in-progress', at('W3', 'active', '4')), moved)).toBe(
      'W1 completed 1-3; W2 completed 3-4; W3 active 4-',
    );
  });

  it('are corrected by an update, and a move that is taken back leaves no trace', () => {
    expect(placesOver(admitted, stay('in-progress', at('W9', 'active')))).toBe('W9 active 1-');
    expect(placesOver(admitted, moved, stay('in-progress', at('W1', 'active')))).toBe('W1 active 1-');
  });

  it('tell of going there and back', () => {
    const back = stay('in-progress', at('W2', 'completed', undefined, '4'), at('W1', 'active', '4'));
    expect(placesOver(admitted, moved, back)).toBe('W1 completed 1-3; W2 completed 3-4; W1 active 4-');
  });

  it('stay ended after the discharge, whatever repeats them, until the end is taken back', () => {
    const discharged = [admitted, moved, left].reduce((stored, draft) => mergedResource(stored, draft, []));
    expect(told(mergedResource(discharged, stay('in-progress', at('W2', 'active')), []))).toBe('W1 completed 1-3; W2 completed 3-5');
    expect(told(mergedResource(discharged, stay('in-progress', at('W7', 'active')), []))).toBe('W1 completed 1-3; W7 completed 3-5');
    const reopened = replacingResource(discharged, stay('in-progress', at('W2', 'active')));
    expect(told(reopened)).toBe('W1 completed 1-3; W2 active 3-');
    expect(reopened).not.toHaveProperty('period');
    expect(told(replacingResource(reopened, stay('in-progress', at('W2', 'active'))))).toBe('W1 completed 1-3; W2 active 3-');
  });

  it('begin anew with another stay under the same number', () => {
    const next = { ...stay('in-progress', at('W4', 'active', '8')), period: { start: '8' } };
    expect(placesOver({ ...left, period: { start: '1', end: '5' } }, next)).toBe('W4 active 8-');
  });

  it('hold what is planned as the last message has it, and what is beside the bed until a message leaves it out', () => {
    const planned = stay('in-progress', at('W1', 'active'), at('XRAY', 'active'), at('W5', 'planned'));
    expect(placesOver(admitted, planned)).toBe('W1 active 1-; XRAY active; W5 planned');
    expect(placesOver(admitted, planned, stay('in-progress', at('W1', 'active')))).toBe('XRAY completed; W1 active 1-');
  });

  it('are the same when one message is told twice', () => {
    const drafts = [admitted, moved, stay('in-progress', at('W9', 'active')), left];
    const twice = drafts.flatMap((draft) => [draft, draft]);
    expect(placesOver(admitted, ...twice)).toBe(placesOver(admitted, ...drafts));
    for (const draft of drafts) expect(placesOver(draft, draft)).toBe(told(draft));
  });

  it('end all with a discharge, from wherever it is told', () => {
    expect(placesOver(admitted, left)).toBe('W1 completed 1-; W2 completed -5');
  });

  it('make no end before its beginning', () => {
    const earlier = stay('in-progress', at('W2', 'active', '0'));
    expect(placesOver(admitted, earlier)).toBe('W1 completed 1-; W2 active 0-');
  });

  it('are those of a request that replaces them, and of a message that deletes them', () => {
    expect(told(replacingResource(admitted, stay('in-progress', at('W2', 'active', '2'))))).toBe('W2 active 2-');
    expect(told(replacingResource(admitted, stay('finished', at('W2', 'completed'))))).toBe('W2 completed');
    expect(told(mergedResource(admitted, { resourceType: 'Encounter', id: 'e' }, ['location']))).toBe('');
  });

  it('of any run of moves are one interval after the other, as a naive list has them', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom('A', 'B', 'C'), { minLength: 1, maxLength: 8 }), (wards) => {
        const drafts = wards.map((ward, i) => stay('in-progress', at(ward, 'active', String(i + 1))));
        const [first = admitted, ...rest] = drafts;
        const naive: { ward: string; from: number; to: number | undefined }[] = [];
        for (const [i, ward] of wards.entries()) {
          const last = naive.at(-1);
          if (last?.ward === ward) continue;
          if (last !== undefined) last.to = i + 1;
          naive.push({ ward, from: i + 1, to: undefined });
        }
        const expected = naive.map(({ ward, from, to }) => `${ward} ${to === undefined ? 'active' : 'completed'} ${from}-${to ?? ''}`);
        return placesOver(first, ...rest) === expected.join('; ');
      }),
    );
  });
});
