import fc from 'fast-check';
import { expect, it } from 'vitest';
import { STARTER_FOLDER } from '../../services/commands/vocabulary/folder.ts';
import type { StoredAnswer } from '../../services/database/vocabulary/answers.ts';
import { readCsv } from '../../services/mapping/records/csv.ts';
import { answerLines, readUsagi, usagiHeader } from '../../services/pipeline/unmapped/usagi.ts';
import { readRelease } from '../../terminology/load.ts';

const HEMOGLOBIN = 3000963;
const stored = (code: string, display: string, reason: string): StoredAnswer => ({
  id: 1,
  system: 'http://stmarys.example/tests',
  code,
  display,
  targets: [{ conceptId: HEMOGLOBIN, type: 'MAPS_TO' }],
  equivalence: 'EQUAL',
  reason,
  author: 'Ann',
  answeredAt: '2026-01-01T00:00:00Z',
  state: 'in-force',
  approvedBy: 'Bob',
  approvedAt: '2026-01-01T00:00:00Z',
  endedBy: null,
  endedAt: null,
  endReason: null,
  replaces: null,
});

it('no cell of the file is run by a spreadsheet, and every code comes back to the letter', async () => {
  const vocabulary = await readRelease(STARTER_FOLDER);
  const piece = fc.oneof(fc.constantFrom('=', '+', '-', '@', "'", '\t', '\r', '\n', ' ', '"', ',', '5', 'x'), fc.string({ maxLength: 3 }));
  const text = fc.array(piece, { minLength: 1, maxLength: 6 }).map((pieces) => pieces.join(''));
  fc.assert(
    fc.property(
      text.filter((each) => each !== ''),
      text,
      text,
      (code, display, reason) => {
        const file = Buffer.from(`${[usagiHeader(), ...answerLines(stored(code, display, reason), vocabulary, 3)].join('\n')}\n`);
        const read = readCsv(file, ',');
        for (const cell of read.ok ? (read.value.rows[0]?.cells ?? []) : ['=']) {
          expect(/^[\s\0]*[=+@\-\t\r]/.test(cell) && !/^[+-]?\d+(\.\d+)?$/.test(cell)).toBe(false);
        }
        const [answer] = readUsagi(file, undefined, 'x').approved;
        expect(answer).toMatchObject({ code, author: 'Ann', approvedBy: 'Bob', line: 2 });
        expect([answer?.display ?? '', answer?.reason ?? '']).toEqual([display.trim(), reason.trim()]);
      },
    ),
    { numRuns: 500 },
  );
});

it("a file of others keeps its apostrophes: only our own export's are taken off", () => {
  const header = 'sourceCode,sourceName,mappingStatus,conceptId';
  const file = Buffer.from(`${header}\n'=A1,x,APPROVED,${HEMOGLOBIN}\n`);
  expect(readUsagi(file, 'http://lab', 'x').approved[0]?.code).toBe("'=A1");
});
