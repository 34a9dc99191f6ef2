import { expect, it } from 'vitest';
import type { ResourceRows } from '../../../services/omop/row.ts';
import { Differences } from '../../../services/pipeline/specs/differences.ts';

const rows = (standIn?: string): ResourceRows => ({
  rows: [],
  exclusions: [],
  unmapped: [],
  adjustments: [],
  spec: '',
  ...(standIn === undefined ? {} : { standIn }),
});

it('tells that another place stands in for one that is no care site, though it makes no row before or after', () => {
  const found = new Differences();
  found.rows('Location/b1', rows('Location/w1'), rows('Location/w2'));
  found.rows('Location/b2', rows(), rows('Location/w2'));
  found.rows('Location/b3', rows('Location/w1'), rows());
  found.rows('Location/b4', rows('Location/w1'), rows('Location/w1'));
  expect(found.all).toEqual([
    {
      ...{ what: 'row', change: 'changed', grade: 2, kind: 'care_site', reference: 'care_site instead of Location/b1' },
      fields: [{ path: 'instead', before: 'Location/w1', after: 'Location/w2' }],
    },
    {
      ...{ what: 'row', change: 'added', grade: 3, kind: 'care_site', reference: 'care_site instead of Location/b2' },
      fields: [{ path: 'instead', after: 'Location/w2' }],
    },
    {
      ...{ what: 'row', change: 'gone', grade: 1, kind: 'care_site', reference: 'care_site instead of Location/b3' },
      fields: [{ path: 'instead', before: 'Location/w1' }],
    },
  ]);
});
