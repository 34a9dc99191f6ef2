/** What a replay keeps of what is said again and again of something that is nobody's. */
import { expect, it } from 'vitest';
import type { Change } from '../../../services/pipeline/apply/change.ts';
import { withOnce } from '../../../services/pipeline/specs/replay.ts';

const said = (messageId: number, deletes: readonly string[] = []): Change => ({
  resource: { resourceType: 'Organization', id: 'o', name: 'Lab' },
  update: 'merge',
  deletes,
  spec: '',
  messageId,
  eventAt: `2026-03-01T09:00:0${messageId}.000Z`,
  problems: [],
  unmapped: [],
});
const kept = (...all: readonly Change[]): readonly number[] =>
  all
    .reduce<Change[]>(withOnce, [])
    .map(({ messageId }) => messageId ?? 0)
    .toSorted();

it('keeps the first and the last of the same', () => {
  expect(kept(said(1), said(2), said(3), said(4))).toEqual([1, 4]);
  expect(kept(said(4), said(3), said(1))).toEqual([1, 4]);
});

it('keeps what deletes an element apart from what only says the same', () => {
  expect(kept(said(1), said(2, ['telecom']), said(3))).toEqual([1, 2, 3]);
  expect(kept(said(1), said(2, ['telecom']), said(3), said(4, ['telecom']), said(5), said(6, ['telecom']))).toEqual([1, 2, 5, 6]);
});
