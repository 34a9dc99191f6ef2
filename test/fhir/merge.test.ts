import { describe, expect, it } from 'vitest';
import { mergedResource } from '../../services/fhir/merge.ts';

describe('a draft over what is stored', () => {
  const stored = {
    resourceType: 'Patient',
    id: 'a',
    birthDate: '1950',
    deceasedBoolean: true,
    address: [{ city: 'Porto' }],
    gender: 'male',
  };

  it('keeps what the message does not mention and replaces what it values', () => {
    expect(mergedResource(stored, { resourceType: 'Patient', id: 'a', gender: 'female' }, [])).toEqual({ ...stored, gender: 'female' });
  });

  it('removes what the message deletes, with its extensions', () => {
    const { address: _address, ...rest } = stored;
    expect(mergedResource({ ...stored, _address: [{}] }, { resourceType: 'Patient', id: 'a' }, ['address'])).toEqual(rest);
  });

  it('never leaves two choices of one element', () => {
    const merged = mergedResource(stored, { resourceType: 'Patient', id: 'a', deceasedDateTime: '2024' }, []);
    expect(merged).toEqual({ ...stored, deceasedBoolean: undefined, deceasedDateTime: '2024' });
    expect('deceasedBoolean' in merged).toBe(false);
    expect(mergedResource(stored, { resourceType: 'Patient', id: 'a' }, ['deceased[x]'])).not.toHaveProperty('deceasedBoolean');
  });

  it('joins groups of elements member by member, and leaves no two choices in them', () => {
    const subject = { reference: 'Patient/p' };
    const stored = { resourceType: 'Specimen', id: 's', collection: { collectedDateTime: '2024-05-01', method: { text: 'puncture' } } };
    const collection = { collectedPeriod: { start: '2024-05-02' } };
    expect(mergedResource(stored, { resourceType: 'Specimen', id: 's', subject, collection }, [])).toEqual({
      resourceType: 'Specimen',
      id: 's',
      subject,
      collection: { collectedPeriod: { start: '2024-05-02' }, method: { text: 'puncture' } },
    });
  });

  it('keeps when a stay began if the message only ends it', () => {
    const encounter = {
      resourceType: 'Encounter',
      id: 'e',
      period: { start: '2026-03-01' },
      hospitalization: { admitSource: { text: 'home' } },
    };
    const ended = mergedResource(
      encounter,
      { resourceType: 'Encounter', id: 'e', period: { end: '2026-03-04' }, hospitalization: { reAdmission: { text: 'R' } } },
      [],
    );
    expect(ended).toMatchObject({
      period: { start: '2026-03-01', end: '2026-03-04' },
      hospitalization: { admitSource: { text: 'home' }, reAdmission: { text: 'R' } },
    });
  });

  it('leaves a stay ended that a later message repeats without its end, and opens another one under the same number', () => {
    const ended = { resourceType: 'Encounter', id: 'e', status: 'finished', period: { start: '2026-03-01', end: '2026-03-04' } };
    const open = { resourceType: 'Encounter', id: 'e', status: 'in-progress' };
    expect(mergedResource(ended, { ...open, period: { start: '2026-03-01' } }, [])).toEqual(ended);
    expect(mergedResource(ended, open, [])).toEqual(ended);
    expect(mergedResource(ended, { ...open, period: { start: '2026-05-01' } }, [])).toMatchObject({
      status: 'in-progress',
      period: { start: '2026-05-01' },
    });
    expect(mergedResource(ended, { ...open, status: 'cancelled' }, [])['status']).toBe('cancelled');
  });
});
