import { describe, expect, it } from 'vitest';
import { startWorker } from '../../services/commands/serve/worker.ts';
import { type Parts, receive } from '../../services/pipeline.ts';
import { testHouse } from '../parts.ts';

const admission = (patient: number): string =>
  `MSH|^~\\&|A|B|C|D|20260302091500+0000||ADT^A01^ADT_A01|W${patient}|P|2.5.1\rEVN||20260301070000+0000\rPID|1||${patient}^^^HOSP^MR||Doe^Jane||19800101|F\rPV1|1|I|W4^12^A|||||||||||||||||V${patient}^^^HOSP^VN|||||||||||||||||||||||||20260301070000+0000\r`;

const log = {
  error: (values: object): void => {
    throw new Error(JSON.stringify(values));
  },
};

describe('the worker', () => {
  it('derives what follows from applied messages also while others wait, and applies them all', async () => {
    await using house = await testHouse();
    const count = 3;
    for (let i = 0; i < count; i++) await receive(house.parts, Buffer.from(admission(i)), 'import');
    const turns: { waiting: number; stale: number; persons: number }[] = [];
    // What each turn ends with.
    const parts: Parts = {
      ...house.parts,
      upgrade: async () => {
        const [turn] = await house.database.query<{ waiting: number; stale: number; persons: number }>(
          `SELECT (SELECT count(*) FROM journal.waiting) AS waiting, (SELECT count(*) FROM ops.stale_person) AS stale,
             (SELECT count(*) FROM cdm.person) AS persons`,
        );
        if (turn !== undefined) turns.push(turn);
      },
    };
    const worker = await startWorker(parts, { parallel: 1, batch: 1, pullDate: () => '2026-06-01', turnMs: 0 }, log);
    await worker.idle();
    await worker.stop();
    for (const { waiting, stale, persons } of turns) expect({ stale, persons }).toEqual({ stale: 0, persons: count - waiting });
    expect(turns.filter(({ waiting }) => waiting > 0).length).toBeGreaterThanOrEqual(count - 1);
    expect(turns.at(-1)).toEqual({ waiting: 0, stale: 0, persons: count });
  });

  it('applies what arrives between persons whose rows are derived, and derives them all', async () => {
    await using house = await testHouse();
    const many = 1_000;
    await house.database.run('INSERT INTO ops.stale_person (person_id) SELECT generate_series(1, $1::int)', [many]);
    const left: number[] = [];
    let isSent = false;
    const parts: Parts = {
      ...house.parts,
      database: {
        ...house.database,
        // A message comes once the first of them are done; what is left is counted when it is applied.
        transaction: async (work, options) => {
          const value = await house.database.transaction(work, options);
          const [row] = await house.database.query<{ stale: number; applied: number }>(
            `SELECT (SELECT count(*) FROM ops.stale_person) AS stale,
               (SELECT count(*) FROM journal.outcome WHERE status = 'applied') AS applied`,
          );
          if (row !== undefined && row.stale < many && !isSent) {
            isSent = true;
            await receive(house.parts, Buffer.from(admission(1)), 'import');
          }
          if (row?.applied === 1) left.push(row.stale);
          return value;
        },
      },
    };
    const worker = await startWorker(parts, { parallel: 1, batch: 1, pullDate: () => '2026-06-01', turnMs: 0 }, log);
    await worker.idle();
    await worker.stop();
    expect(left[0]).toBeGreaterThan(0);
    expect(left.at(-1)).toBe(0);
  });

  it('applies what arrives while everything that is stored is gone through, and ends that too', async () => {
    await using house = await testHouse();
    const begun = Promise.withResolvers<void>();
    let isApplied = false;
    // Has no end of its own before the message is applied, as a new vocabulary has none for hours where much is stored.
    const parts: Parts = {
      ...house.parts,
      upgrade: async (stopped) => {
        begun.resolve();
        while (!isApplied && !stopped()) {
          const [row] = await house.database.query<{ applied: number }>(
            "SELECT count(*) AS applied FROM journal.outcome WHERE status = 'applied'",
          );
          isApplied = row?.applied === 1;
        }
      },
    };
    const worker = await startWorker(parts, { parallel: 1, batch: 1, pullDate: () => '2026-06-01', turnMs: 0 }, log);
    await begun.promise;
    await receive(house.parts, Buffer.from(admission(1)), 'import');
    await worker.idle();
    await worker.stop();
    expect(isApplied).toBe(true);
  });
});
