import fc from 'fast-check';
import { expect, test } from 'vitest';
import { joinedStays, type StatedVisit } from '../../services/omop/joined-stays.ts';
import { conceptOf, endOf, type NaiveVisit, naiveStays } from '../database/naive-stays.ts';

const RUNS = Number(process.env['POLYSEME_TEST_RUNS'] ?? 300);
const TODAY = '2020-03-20';

const day = (n: number): string => new Date(Date.UTC(2020, 2, 1 + n)).toISOString().slice(0, 10);
const visit = fc
  .record({
    kind: fc.constantFrom<NaiveVisit['kind'][]>('IMP', 'IMP', 'EMER', 'EMER', 'OBSENC', 'AMB', 'NONAC', 'VR'),
    from: fc.integer({ min: 0, max: 15 }),
    length: fc.constantFrom(0, 0, 1, 1, 2, 3, 8),
    hour: fc.constantFrom(undefined, '08', '20'),
    isOpen: fc.constantFrom(false, false, false, false, true),
  })
  .map(({ kind, from, length, hour, isOpen }) => ({
    person: 'p',
    kind,
    start: day(from),
    hour,
    end: isOpen ? undefined : day(from + length),
  }));
const visits = fc.array(visit, { maxLength: 9 }).map((all): readonly NaiveVisit[] => all.map((each, i) => ({ ...each, id: `v${i}` })));

const stated = (each: NaiveVisit, id: number): StatedVisit => ({
  id,
  name: each.id,
  conceptId: conceptOf(each),
  start: each.start,
  startTime: each.hour === undefined ? undefined : `${each.start} ${each.hour}:00:00`,
  end: endOf(each, TODAY),
  endTime: undefined,
  isEndAssumed: each.end === undefined,
});

test('rule 34: which visits are one stay, against every pair looked at by hand, in any order', () => {
  fc.assert(
    fc.property(visits, fc.constantFrom('hospital' as const, 'all' as const), fc.boolean(), (all, choice, isReversed) => {
      const given = all.map(stated);
      const found = joinedStays(isReversed ? given.toReversed() : given, choice).map(({ whole, members, first, last, conceptId }) => ({
        whole: `v${whole}`,
        members: members.map((id) => `v${id}`).sort(),
        start: given[first]?.start,
        end: given[last]?.end,
        concept: conceptId,
      }));
      const byWhole = (a: { whole: string }, b: { whole: string }): number => a.whole.localeCompare(b.whole);
      expect(found.sort(byWhole)).toEqual([...naiveStays(all, choice, TODAY)].sort(byWhole));
    }),
    { numRuns: RUNS },
  );
});

test("rule 34: with 'all' no visits of several days overlap, as the CDM asks; by default no hospital stays do", () => {
  fc.assert(
    fc.property(visits, fc.constantFrom('hospital' as const, 'all' as const), (all, choice) => {
      const closed = all.filter(({ end }) => end !== undefined).map(stated);
      const stays = joinedStays(closed, choice);
      const moved = new Set(stays.flatMap(({ whole, members }) => members.filter((id) => id !== whole)));
      const left = closed
        .filter(({ id, conceptId }) => !moved.has(id) && (choice === 'all' || [9201, 9203, 262].includes(conceptId)))
        .map(({ id, start, end }) => {
          const stay = stays.find(({ whole }) => whole === id);
          const at = (member: number | undefined) => closed.find((each) => each.id === member);
          return { start: at(stay?.first)?.start ?? start, end: at(stay?.last)?.end ?? end };
        })
        .filter(({ start, end }) => end > start);
      const overlapping = left.filter((a) => left.some((b) => a !== b && a.start < b.end && b.start < a.end));
      expect(overlapping).toEqual([]);
    }),
    { numRuns: RUNS },
  );
});

test("rule 34: 'as-stated' joins nothing", () => {
  const all = fc.sample(visits, 50);
  for (const each of all) expect(joinedStays(each.map(stated), 'as-stated')).toEqual([]);
});
