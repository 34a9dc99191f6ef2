import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Database, openDatabase } from '../../services/database/connect.ts';
import { createJournal, JOURNAL_CHANNEL, type JournalEntry } from '../../services/database/journal/journal.ts';
import { counts, messageById, recordFailure, requeue, settle, takeMessages } from '../../services/database/journal/take.ts';
import { type FreshDatabase, freshDatabase } from '../fresh-database.ts';

let fresh: FreshDatabase;
let db: Database;

beforeAll(async () => {
  fresh = await freshDatabase();
  db = openDatabase(fresh.url, { max: 12 });
});
afterAll(async () => {
  await db.close();
  await fresh.drop();
});

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
let numbers = 0;
const entry = (source: string, over: Partial<JournalEntry> = {}): JournalEntry => {
  numbers++;
  return {
    source,
    channel: 'mllp',
    content: bytes(`MSH|${numbers}`),
    controlId: `C${numbers}`,
    messageType: 'ADT^A01',
    patientKeys: [],
    ...over,
  };
};
const applied = (id: number) => ({ id, status: 'applied', spec: 'adt@1#x', problems: [] }) as const;
const drain = () =>
  db.transaction(async (tx) => {
    for (;;) {
      const taken = await takeMessages(tx, { limit: 1000 });
      if (taken.length === 0) return;
      await settle(
        tx,
        taken.map((each) => applied(each.id)),
      );
    }
  });
const countsOf = async (source: string) => (await counts(db)).find((each) => each.source === source);

describe('intake', () => {
  test('many appends share one commit and come back with their own receipts, the bytes as they were', async () => {
    const journal = createJournal(db, { flushCount: 100, flushAfterMs: 50 });
    const contents = Array.from({ length: 90 }, (_, i) => new Uint8Array([0, 255, i, 10, 34, 92]));
    const receipts = await Promise.all(contents.map((content) => journal.append(entry('group', { content }))));
    const commits = await db.query<{ n: number }>("SELECT count(DISTINCT xmin::text) AS n FROM journal.message WHERE source = 'group'");
    expect(commits[0]?.n).toBe(1);
    expect(new Set(receipts.map((each) => each.id)).size).toBe(90);
    expect(receipts.every((each, i) => i === 0 || each.id > (receipts[i - 1]?.id ?? 0))).toBe(true);
    for (const [i, receipt] of receipts.entries()) {
      const stored = await messageById(db, receipt.id);
      expect(new Uint8Array(stored?.content ?? [])).toEqual(contents[i]);
      expect(stored?.receivedAt).toBe(receipt.receivedAt);
      expect(stored?.status).toBe('received');
    }
    await journal.close();
    await expect(journal.append(entry('group'))).rejects.toThrow('database-unreachable');
  });

  test('the same content of the same control id is one message, in one batch, later, and over processes', async () => {
    const [one, two] = [createJournal(db), createJournal(db)];
    const same = entry('twins', { controlId: 'X', content: bytes('same') });
    const receipts = await Promise.all(Array.from({ length: 40 }, (_, i) => (i % 2 ? one : two).append(same)));
    const later = await one.append(same);
    const firsts = receipts.filter((each) => !each.duplicate);
    expect(firsts).toHaveLength(1);
    for (const each of [...receipts, later]) {
      expect(each.id).toBe(firsts[0]?.id);
      expect(each.receivedAt).toBe(firsts[0]?.receivedAt);
      if (each.duplicate) expect(each.firstId).toBe(firsts[0]?.id);
    }
    expect(await countsOf('twins')).toMatchObject({ received: 41, duplicate: 40, waiting: 1, applied: 0 });
    await drain();
    expect(await countsOf('twins')).toMatchObject({ received: 41, duplicate: 40, waiting: 0, applied: 1 });
    // Another source may use the number; a message without one is never a duplicate.
    expect((await one.append({ ...same, source: 'other' })).duplicate).toBe(false);
    const anonymous = { ...same, controlId: undefined };
    expect((await Promise.all([one.append(anonymous), one.append(anonymous)])).map((each) => each.duplicate)).toEqual([false, false]);
  });

  test('another content under a used control id is a message of its own, marked; refused where the source says so', async () => {
    const journal = createJournal(db);
    const strict = createJournal(db, { reusedControlId: 'refuse' });
    const first = entry('reuse', { controlId: 'R' });
    const other = { ...first, content: bytes('other') };
    const third = { ...first, content: bytes('third') };
    const [a, b] = await Promise.all([journal.append(first), journal.append(other)]);
    expect([a?.conflict, b?.conflict]).toEqual([false, true]);
    expect(await journal.append(other)).toMatchObject({ id: b?.id, duplicate: true, conflict: true, refused: false });
    expect(await strict.append(third)).toMatchObject({ duplicate: false, conflict: true, refused: true });
    expect(await strict.append(third)).toMatchObject({ duplicate: true, conflict: true, refused: true });
    expect(await countsOf('reuse')).toMatchObject({ received: 5, duplicate: 2, refused: 1, waiting: 2 });
    await drain();
  });

  test('concurrent different contents of one control id: exactly one is the original', async () => {
    const journals = Array.from({ length: 6 }, () => createJournal(db, { flushAfterMs: 0 }));
    const receipts = await Promise.all(
      journals.map((journal, i) => journal.append(entry('clash', { controlId: 'K', content: bytes(`content ${i}`) }))),
    );
    expect(receipts.filter((each) => !each.conflict)).toHaveLength(1);
    expect(receipts.filter((each) => each.duplicate)).toHaveLength(0);
    await drain();
  });

  test('a commit that fails acknowledges nobody', async () => {
    const lost = openDatabase('postgres://nobody@127.0.0.1:1/none');
    const journal = createJournal(lost);
    const results = await Promise.allSettled([journal.append(entry('lost')), journal.append(entry('lost'))]);
    expect(results.map((each) => each.status)).toEqual(['rejected', 'rejected']);
    expect(String(results[0]?.status === 'rejected' && results[0].reason)).toContain('database-unreachable');
    await lost.close();
  });

  test('hostile names are stored or refused, never a crash of the batch', async () => {
    const journal = createJournal(db);
    const receipts = await Promise.all(
      ['"', '\\', '{a,b}', 'NULL', '\u0000', '\u001f', "';--", '💉'].map((text) =>
        journal.append(entry('hostile', { controlId: text, messageType: text, patientKeys: [text, text, ''] })),
      ),
    );
    expect((await messageById(db, receipts[2]?.id ?? 0))?.patientKeys).toEqual(['{a,b}']);
    expect((await messageById(db, receipts[5]?.id ?? 0))?.patientKeys).toEqual([]);
    await drain();
  });

  test('workers hear of new messages, in this process and in others', async () => {
    const heard: string[] = [];
    let signal = (): void => {};
    const stop = await db.listen(JOURNAL_CHANNEL, () => {
      heard.push('listen');
      if (heard.includes('callback')) signal();
    });
    heard.length = 0;
    const journal = createJournal(db);
    journal.onAppended(() => heard.push('callback'));
    const both = new Promise<void>((resolve) => {
      signal = resolve;
    });
    await journal.append(entry('wake'));
    heard.push('callback');
    await Promise.race([both, db.query("SELECT pg_notify($1, '')::text", [JOURNAL_CHANNEL]).then(() => both)]);
    expect(heard).toContain('listen');
    expect(heard).toContain('callback');
    await stop();
    await drain();
  });
});

describe('taking', () => {
  test('the first of every key, in order; a merge waits for both its keys; keyless messages wait for nobody', async () => {
    const journal = createJournal(db);
    const keys = [['a'], ['a'], ['b'], ['b', 'c'], ['c'], [], []];
    const ids: number[] = [];
    for (const patientKeys of keys) ids.push((await journal.append(entry('order', { patientKeys }))).id);
    const take = async (limit: number, perKey = 1) =>
      db.transaction(async (tx) => {
        const taken = await takeMessages(tx, { limit, perKey });
        await settle(
          tx,
          taken.map((each) => applied(each.id)),
        );
        return taken.map((each) => ids.indexOf(each.id));
      });
    expect(await take(10)).toEqual([0, 2, 5, 6]);
    expect(await take(10)).toEqual([1, 3]);
    expect(await take(10)).toEqual([4]);
    expect(await take(10)).toEqual([]);
    await db.transaction((tx) => requeue(tx, ids));
    expect(await take(10, 5)).toEqual([0, 1, 2, 3, 4, 5, 6]);
  });

  test('many messages of one patient in front do not hide those of others', async () => {
    const journal = createJournal(db);
    await Promise.all(Array.from({ length: 50 }, () => journal.append(entry('crowd', { patientKeys: ['crowded'] }))));
    const behind = await journal.append(entry('crowd', { patientKeys: ['lonely'] }));
    await db.transaction(async (first) => {
      expect(await takeMessages(first, { limit: 1 })).toHaveLength(1);
      await db.transaction(async (second) => {
        expect((await takeMessages(second, { limit: 1 })).map((each) => each.id)).toEqual([behind.id]);
      });
    });
    await drain();
  });

  test('a message of 50 MB goes in and out whole', async () => {
    const content = new Uint8Array(50 * 1024 * 1024).map((_, i) => i * 31);
    const receipt = await createJournal(db).append(entry('large', { content }));
    const [taken] = await db.transaction((tx) => takeMessages(tx, { limit: 1 }));
    expect(taken?.id).toBe(receipt.id);
    expect(Buffer.compare(Buffer.from(taken?.content ?? []), Buffer.from(content))).toBe(0);
    await drain();
  });

  test('a take that rolls back leaves its messages; a failure is counted and at last parked', async () => {
    const journal = createJournal(db);
    const { id } = await journal.append(entry('fails', { patientKeys: ['f'] }));
    const fails = db.transaction(async (tx) => {
      const taken = await takeMessages(tx, { limit: 5 });
      expect(taken.map((each) => each.id)).toEqual([id]);
      await settle(tx, [applied(id)]);
      throw new Error('stage failed');
    });
    await expect(fails).rejects.toThrow('stage failed');
    const problems = [{ code: 'internal', text: 'x' }] as const;
    expect(await recordFailure(db, [id], problems, 2)).toEqual([]);
    expect((await messageById(db, id))?.attempts).toBe(1);
    expect(await recordFailure(db, [id], problems, 2)).toEqual([id]);
    expect(await messageById(db, id)).toMatchObject({ status: 'parked', attempts: 2, problems });
    await expect(db.transaction((tx) => settle(tx, [applied(id)]))).rejects.toThrow('internal');
  });

  test('property: several takers keep the order of every key and lose or double nothing', async () => {
    const names = fc.array(fc.array(fc.constantFrom<string>('p', 'q', 'r', 's'), { maxLength: 2 }), { minLength: 1, maxLength: 40 });
    await fc.assert(
      fc.asyncProperty(
        names,
        fc.integer({ min: 1, max: 4 }),
        fc.integer({ min: 1, max: 7 }),
        fc.integer({ min: 1, max: 3 }),
        async (messages, takers, limit, perKey) => {
          const journal = createJournal(db, { flushAfterMs: 0 });
          const receipts = await Promise.all(messages.map((patientKeys) => journal.append(entry('race', { patientKeys }))));
          const keysOf = new Map(receipts.map((receipt, i) => [receipt.id, new Set(messages[i])]));
          const ended: { readonly turn: number; readonly taken: readonly number[] }[] = [];
          const doneCount = (): number => ended.reduce((sum, each) => sum + each.taken.length, 0);
          const worker = async (): Promise<void> => {
            while (doneCount() < messages.length) {
              let taken: readonly number[] = [];
              let turn = 0;
              await db.transaction(async (tx) => {
                taken = (await takeMessages(tx, { limit, perKey })).map((each) => each.id);
                await settle(
                  tx,
                  taken.map((id) => applied(id)),
                );
                // Numbered under a lock that is held to the end: the order in which the transactions end, whenever their answers reach us.
                await tx.query('SELECT pg_advisory_xact_lock(42)::text');
                turn = (await tx.query<{ turn: number }>("SELECT nextval('journal.message_id') AS turn"))[0]?.turn ?? 0;
              });
              ended.push({ turn, taken });
            }
          };
          await Promise.all(Array.from({ length: takers }, worker));
          const done = ended.toSorted((a, b) => a.turn - b.turn).flatMap((each) => each.taken);
          expect([...done].sort((a, b) => a - b)).toEqual(receipts.map((each) => each.id));
          for (const key of ['p', 'q', 'r', 's']) {
            const order = done.filter((id) => keysOf.get(id)?.has(key));
            expect(order).toEqual([...order].sort((a, b) => a - b));
          }
        },
      ),
      { numRuns: 25 },
    );
  });
});
