import { expect, it } from 'vitest';
import { standardRules } from '../../../services/config/rules.ts';
import { mapsOf } from '../../../services/mapping/maps.ts';
import { specFilesOf } from '../../../services/mapping/texts.ts';
import { PlanDesk } from '../../../services/pipeline/specs/plan-desk.ts';
import { contextOf } from '../../mapping/rows-maps.ts';
import { messageMap, NAME, SEX } from '../../mapping/specs.ts';

const specs = (fields: string) =>
  mapsOf(
    specFilesOf(
      new Map([
        ['v2/messages/adt.yaml', messageMap(fields)],
        ['v2/tables/sex.yaml', SEX],
        ['v2/types/xpn.yaml', NAME],
      ]),
    ),
  );

it('a plan says how many codes differ, also where it names only those that differ most', () => {
  const before = specs('name: =PID-5');
  const after = specs('name: =PID-5\ngender: { from: =PID-8, map: sex }');
  const desk = new PlanDesk({ before, after, vocabulary: contextOf().vocabulary, cdmTimezone: 'UTC' });
  const rules = standardRules({ timezone: 'UTC', authority: undefined });
  const message = (n: number) => ({
    ...{ id: n, source: 'a', receivedAt: '2026-03-01T10:00:00Z', status: 'applied', rules },
    content: Buffer.from(`MSH|^~\\&|A|B|||20260101||ADT^A01|${n}|P|2.5.1\rPID|1||${n}||Lund^Ida|||X${n}`),
  });
  desk.scan(Array.from({ length: 620 }, (_, n) => message(n)));
  const { unmapped } = desk.summary();
  expect([unmapped.before, unmapped.after, unmapped.differ, unmapped.codes.length]).toEqual([0, 620, 620, 500]);
});
