import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { retain } from '../../services/commands/serve/retention.ts';
import { type Database, openDatabase } from '../../services/database/connect.ts';
import { createJournal, type Journal } from '../../services/database/journal/journal.ts';
import { dropMonths, journalMonths, sumTally } from '../../services/database/journal/retention.ts';
import { counts, requeue, settle, takeMessages } from '../../services/database/journal/take.ts';
import { refuseParked } from '../../services/database/journal/view.ts';
import { pruneStatements } from '../../services/database/resources/statements.ts';
import { problem } from '../../services/errors.ts';
import { type FreshDatabase, freshDatabase } from '../fresh-database.ts';

let fresh: FreshDatabase;
let db: Database;
let journal: Journal;
beforeAll(async () => {
  fresh = await freshDatabase();
  db = openDatabase(fresh.url, { max: 6 });
  journal = createJournal(db);
});
afterAll(async () => {
  await journal.close();
  await db.close();
  await fresh.drop();
});

let control = 0;
const append = (patient: string, controlId = `R${++control}`) =>
  journal.append({
    source: `S${patient}`,
    channel: 'mllp',
    content: Buffer.from(`M ${controlId}`),
    controlId,
    messageType: 'ADT^A08',
    patientKeys: [patient],
  });

/** Counted row by row, as the tables have it. */
const scanned = () =>
  db.query(`SELECT source, sum(n) FILTER (WHERE kind IN ('message', 'duplicate'))::bigint AS received,
      ${['applied', 'parked', 'refused', 'duplicate', 'waiting'].map((kind) => `coalesce(sum(n) FILTER (WHERE kind = '${kind}'), 0)::bigint AS ${kind}`).join()}
    FROM (SELECT source, 'message' AS kind, count(*) AS n FROM journal.message GROUP BY source
      UNION ALL SELECT source, 'duplicate', count(*) FROM journal.duplicate GROUP BY source
      UNION ALL SELECT source, status, count(*) FROM journal.outcome GROUP BY source, status
      UNION ALL SELECT source, 'waiting', count(*) FROM journal.waiting GROUP BY source) AS each GROUP BY source ORDER BY source`);

const settleAll = (status: 'applied' | 'parked' | 'refused') =>
  db.transaction(async (tx) => {
    const taken = await takeMessages(tx, { limit: 50 });
    await settle(
      tx,
      taken.map(({ id }) => ({ id, status, spec: '', problems: status === 'parked' ? [problem('mapping-no-map', { message: 'X' })] : [] })),
    );
    return taken.map(({ id }) => id);
  });

/** Moves everything that is in the journal into an old month. */
async function age(month: string): Promise<void> {
  const [suffix, first] = [month.replace('-', '_'), `${month}-01`];
  for (const table of ['message', 'outcome', 'duplicate'])
    await db.query(
      `CREATE TABLE journal.${table}_${suffix} PARTITION OF journal.${table} FOR VALUES FROM ('${first} 00:00:00+00') TO (timestamptz '${first} 00:00:00+00' + interval '1 month')`,
    );
  for (const table of ['message', 'outcome', 'duplicate', 'waiting', 'identity'])
    await db.run(`UPDATE journal.${table} SET received_at = '${first} 12:00:00+00' WHERE received_at >= date_trunc('month', now())`);
}

describe('counters', () => {
  it('say what counting every row says, whatever happens to messages, in one commit or another, summed up or not', async () => {
    for (let n = 0; n < 6; n += 1) await append(`P${n % 3}`);
    await append('P0', 'R1');
    expect(await counts(db)).toEqual(await scanned());
    const parked = await settleAll('parked');
    expect(await counts(db)).toEqual(await scanned());
    await db.transaction((tx) => requeue(tx, parked.slice(0, 1)));
    await refuseParked(db, parked[1] ?? 0, problem('journal-skipped', { reason: 'x' }));
    await settleAll('applied');
    expect(await counts(db)).toEqual(await scanned());
    expect(await sumTally(db)).toBeGreaterThan(0);
    expect(await counts(db)).toEqual(await scanned());
    await expect(
      db.transaction(async (tx) => {
        await requeue(tx, parked.slice(2));
        throw new Error('rolled back');
      }),
    ).rejects.toThrow('rolled back');
    expect(await counts(db)).toEqual(await scanned());
    await Promise.all([sumTally(db), append('P1'), sumTally(db), settleAll('applied'), sumTally(db)]);
    expect(await counts(db)).toEqual(await scanned());
  });
});

describe('retention', () => {
  it('drops old months whole; what was received stays counted', async () => {
    while ((await settleAll('applied')).length > 0);
    await db.run("UPDATE journal.outcome SET status = 'refused' WHERE status = 'parked'");
    const before = await counts(db);
    await age('2024-01');
    expect((await journalMonths(db)).map(({ month }) => month)).toContain('2024-01');
    const results = await dropMonths(db, { before: '2024-02' });
    expect(results).toMatchObject([{ month: '2024-01', waiting: 0, parked: 0, dropped: true }]);
    expect(await db.query('SELECT FROM journal.message')).toEqual([]);
    expect(await db.query('SELECT FROM journal.identity')).toEqual([]);
    expect(await counts(db)).toEqual(before);
  });

  it('keeps a month with waiting or parked messages unless told', async () => {
    await append('W1');
    await append('W2');
    await settleAll('parked');
    await append('W3');
    await age('2024-03');
    expect(await dropMonths(db, { before: '2024-04' })).toMatchObject([{ month: '2024-03', waiting: 1, parked: 2, dropped: false }]);
    expect(await db.query('SELECT FROM journal.message')).toHaveLength(3);
    expect(await dropMonths(db, { before: '2024-04', evenUnsettled: true })).toMatchObject([{ dropped: true }]);
    const all = (await counts(db)).filter(({ source }) => source.startsWith('SW'));
    expect(all).toEqual(
      ['SW1', 'SW2', 'SW3'].map((source) => ({ source, received: 1, applied: 0, parked: 0, refused: 1, duplicate: 0, waiting: 0 })),
    );
    expect(await db.query('SELECT FROM journal.waiting')).toEqual([]);
  });

  it('refuses a month that lies ahead, and what is none', async () => {
    for (const before of ['2999-01', '2024-13', "2024-01'; DROP SCHEMA journal; --"])
      await expect(dropMonths(db, { before })).rejects.toThrow('journal-no-month');
    expect((await dropMonths(db, { before: new Date().toISOString().slice(0, 7) })).length).toBe(0);
  });
});

describe('a server that keeps so many months', () => {
  const said: string[] = [];
  const note = (values: object, text: string): void => void said.push(`${JSON.stringify(values)} ${text}`);
  const options = { months: 2, log: { info: note, warn: note } };

  it('drops what lies further back but for open work, and says both', async () => {
    await settleAll('applied');
    await append('KEEP1');
    await settleAll('applied');
    await age('2021-03');
    await append('KEEP2');
    await age('2021-04');
    await retain(db, { ...options, clock: () => new Date('2021-06-15T00:00:00Z') });
    const left = (await journalMonths(db)).map(({ month }) => month);
    expect([left.includes('2021-03'), left.includes('2021-04')]).toEqual([false, true]);
    await retain(db, { ...options, clock: () => new Date('2021-09-15T00:00:00Z') });
    expect((await journalMonths(db)).map(({ month }) => month)).toContain('2021-04');
    expect(said.join('\n')).toMatch(/"2021-03".* dropped[\s\S]*"2021-04".*kept beyond/);
  });

  it('forgets statements of that time only, and none that a merge may yet part', async () => {
    const say = (key: number, at: string) =>
      db.run(
        `INSERT INTO fhir.statement (resource_key, digest, way, deletes, draft, rank, first_at, first_message, last_at, last_message)
         VALUES ($1, sha256(convert_to($2, 'UTF8')), 'merge', '{}', '{}', 0, $3::timestamptz, 1, $3::timestamptz, 1)`,
        [key, `${key} ${at}`, at],
      );
    for (const at of ['2021-01-01', '2021-02-01']) await say(1, at);
    for (const at of ['2021-01-01', '2021-08-01']) await say(2, at);
    await say(3, '2021-01-01');
    await db.run('INSERT INTO fhir.folded (merge_id, resource_key, into_key) VALUES (1, 9, 3)');
    expect(await pruneStatements(db, '2021-07-01')).toBe(2);
    expect(await db.query('SELECT resource_key AS k FROM fhir.statement ORDER BY 1')).toEqual([{ k: 2 }, { k: 2 }, { k: 3 }]);
  });
});
