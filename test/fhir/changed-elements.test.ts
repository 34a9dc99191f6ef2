import { describe, expect, it } from 'vitest';
import { changedElements, draftOf, withElements } from '../../services/fhir/patch/changed-elements.ts';

const before = {
  resourceType: 'Observation',
  id: 'o',
  meta: { versionId: '3', lastUpdated: '2026-01-01T00:00:00Z', tag: [{ code: 'a' }] },
  status: 'final',
  valueQuantity: { value: 1 },
  issued: '2026-01-01T00:00:00Z',
  _issued: { id: 'i' },
  note: [{ text: 'one' }],
};

describe('the elements that a patch changed', () => {
  it('are those that differ, in whatever order of properties; the version aside', () => {
    const again = { ...before, meta: { tag: [{ code: 'a' }], versionId: '4' }, note: [{ text: 'one' }] };
    expect(changedElements(before, again)).toEqual({ names: [], deletes: [] });
    expect(changedElements(before, { ...before, note: [{ text: 'two' }], method: { text: 'm' } })).toEqual({
      names: ['note', 'method'],
      deletes: [],
    });
    const { note: _note, meta: _meta, ...rest } = before;
    expect(changedElements(before, rest)).toEqual({ names: [], deletes: ['note', 'meta'] });
  });

  it('are whole: what extends an element goes with it, and of several types of one only the new one is there', () => {
    const { valueQuantity: _value, ...rest } = before;
    const after = { ...rest, valueString: 'many', issued: '2026-02-02T00:00:00Z' };
    const changed = changedElements(before, after);
    expect(changed).toEqual({ names: ['valueString', 'issued', '_issued'], deletes: [] });
    const draft = draftOf(after, changed.names);
    const stored = { ...before, valueCodeableConcept: { text: 'other' }, _issued: { id: 'other' }, method: { text: 'm' } };
    const { valueQuantity: _q, valueCodeableConcept: _c, ...others } = stored;
    expect(withElements(stored, draft, changed.deletes)).toEqual({ ...others, ...draft });
  });

  it('done again to what they were taken from make what they were taken of', () => {
    const { valueQuantity: _value, note: _note, ...rest } = before;
    const { names, deletes } = changedElements(before, rest);
    expect(deletes).toEqual(['valueQuantity', 'note']);
    expect(withElements(before, draftOf(rest, names), deletes)).toEqual(rest);
    const { _issued, ...plain } = before;
    const one = changedElements(before, plain);
    expect(withElements(before, draftOf(plain, one.names), one.deletes)).toEqual(plain);
  });
});
