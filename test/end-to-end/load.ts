/** Load that never gives up: each patient's messages in order, each until somebody took it; what was promised is remembered. */
import { trafficOf } from '../../scripts/simulator/traffic.ts';
import type { Database } from '../../services/database/connect.ts';
import { connectMllp, type MllpClient } from '../../services/mllp/client.ts';

export interface Sent {
  readonly controlId: string;
  readonly person: number;
  readonly number: number;
}

const QUIET = { corrections: 0.1, cancellations: 0, merges: 0, late: 0.1, duplicates: 0, outOfOrder: 0, broken: 0 };
const START_MS = Date.UTC(2026, 0, 5);

/** Returns the coherent messages of a simulated hospital, by person, in the order of sending: admissions, results, immunizations. */
export function storiesOf(
  seed: number,
  patients: number,
): readonly (readonly { readonly controlId: string; readonly person: number; readonly number: number; readonly bytes: Uint8Array }[])[] {
  const traffic = [...trafficOf({ seed, patients, rates: QUIET, startMs: START_MS, only: ['ADT', 'ORU^R01', 'VXU'] })];
  return [...Map.groupBy(traffic, ({ person }) => person).values()];
}

export interface Load {
  /** Everything that was answered with AA or CA. */
  readonly accepted: readonly Sent[];
  /** Resolves when everything was accepted. */
  readonly done: Promise<void>;
  /** Resolves when `count` messages were accepted. */
  reached(count: number): Promise<void>;
}

/**
 * Sends stories over `lanes` connections, a story on one lane; `portOf` says where to send next (asked for every try). What is not
 * accepted is sent again, the same bytes, after `pauseMs`.
 */
export function startLoad(stories: ReturnType<typeof storiesOf>, portOf: (n: number) => number, lanes = 4, pauseMs = 20): Load {
  const accepted: Sent[] = [];
  const waiting: { readonly count: number; readonly resolve: () => void }[] = [];
  const queue = [...stories];
  let tries = 0;
  const lane = async (): Promise<void> => {
    for (let story = queue.shift(); story; story = queue.shift())
      for (const { bytes, controlId, person, number } of story) {
        for (;;) {
          const answer = await sendOnce(portOf(tries++), bytes);
          if (/^[AC]A/.test(answer)) break;
          if (/^[AC]E/.test(answer)) throw new Error(`not for the load: ${answer}`);
          await new Promise((resolve) => setTimeout(resolve, pauseMs));
        }
        accepted.push({ controlId, person, number });
        for (const each of waiting) if (accepted.length >= each.count) each.resolve();
      }
  };
  const done = Promise.all(Array.from({ length: lanes }, lane)).then(async () => closeAll());
  const reached = (count: number): Promise<void> =>
    new Promise((resolve) => (accepted.length >= count ? resolve() : waiting.push({ count, resolve })));
  // A load that failed reaches nothing more: who waits hears why.
  return { accepted, done, reached: (count) => Promise.race([reached(count), done]) };
}

const clients = new Map<number, MllpClient[]>();

/** Returns the code of the answer and the answer, '' when there was none. */
async function sendOnce(port: number, bytes: Uint8Array): Promise<string> {
  const free = clients.get(port) ?? [];
  clients.set(port, free);
  const client = free.pop() ?? connectMllp({ host: '127.0.0.1', port, timeoutMs: 10_000 });
  try {
    const text = Buffer.from(await client.send(bytes)).toString('latin1');
    free.push(client);
    return `${/\rMSA\|([A-Z]{2})/.exec(text)?.[1] ?? ''} ${text}`;
  } catch {
    await client.close().catch(() => {});
    return '';
  }
}

async function closeAll(): Promise<void> {
  for (const all of clients.values()) for (const client of all) await client.close();
  clients.clear();
}

const WAITING = 'SELECT count(*)::int AS n FROM journal.waiting';

/** Resolves when nothing waits any more; while the database is away it asks again. */
export async function drained(database: Database): Promise<void> {
  for (;;) {
    const rows = await database.query<{ readonly n: number }>(WAITING).catch(() => [{ n: -1 }]);
    if (rows[0]?.n === 0) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

export interface Reckoning {
  /** Accepted messages that are not in the journal, or not exactly once, or not applied. */
  readonly lost: readonly string[];
  /** Pairs of a patient's messages that were applied in another order than received, as 'earlier > later'. */
  readonly disordered: readonly string[];
  /** Resources that no message made, and rows of nobody. */
  readonly strays: number;
  /** Sources whose counters do not add up, or are not what counting rows says. */
  readonly unreconciled: readonly string[];
}

/** Compares what was promised with what is there. Nothing may be in any of the lists. */
export async function reckoning(database: Database, accepted: readonly Sent[]): Promise<Reckoning> {
  const rows = await database.query<{ control_id: string; n: number; applied: number }>(
    `SELECT m.control_id, count(*)::int AS n, count(*) FILTER (WHERE o.status = 'applied')::int AS applied
     FROM journal.message m LEFT JOIN journal.outcome o ON o.message_id = m.id GROUP BY 1`,
  );
  const found = new Map(rows.map((row) => [row.control_id, row]));
  const lost = accepted.filter(({ controlId }) => found.get(controlId)?.n !== 1 || found.get(controlId)?.applied !== 1);
  const disorder = await database.query<{ pair: string }>(
    `SELECT concat(a.control_id, ' > ', b.control_id) AS pair FROM (
       SELECT m.control_id, o.settled_at, lead(m.control_id) OVER w AS next, lead(o.settled_at) OVER w AS next_at
       FROM journal.message m JOIN journal.outcome o ON o.message_id = m.id WINDOW w AS (PARTITION BY m.patient_keys ORDER BY m.id)) a
     JOIN journal.message b ON b.control_id = a.next WHERE a.next_at < a.settled_at
     UNION ALL
     SELECT concat(h.id, ' version ', h.version) FROM (
       SELECT id, version, n, lead(n) OVER (PARTITION BY id ORDER BY version) AS after FROM (
         SELECT id, version, substring(body from '"line":\\["(\\d+) ')::int AS n FROM fhir.history
         UNION ALL SELECT id, version, substring(body from '"line":\\["(\\d+) ')::int FROM fhir.resource) v WHERE n IS NOT NULL) h
     WHERE h.after < h.n`,
  );
  const [strays] = await database.query<{ n: number }>(
    `SELECT (SELECT count(*) FROM fhir.resource r WHERE NOT EXISTS (SELECT FROM journal.message m WHERE m.id = r.message_id))
       + (SELECT count(*) FROM cdm.measurement t WHERE NOT EXISTS (SELECT FROM cdm.person p WHERE p.person_id = t.person_id))
       + (SELECT count(*) FROM cdm.measurement t WHERE NOT EXISTS (SELECT FROM fhir.resource r WHERE r.resource_key = t.measurement_id / 1024)) AS n`,
  );
  const sums = await database.query<{ source: string }>(
    `SELECT source FROM (SELECT source, sum(n * CASE kind WHEN 'message' THEN 1 WHEN 'duplicate' THEN 0 ELSE -1 END) AS rest,
       sum(n) FILTER (WHERE kind = 'message') AS messages FROM journal.tally GROUP BY source) t
     WHERE rest <> 0 OR messages <> (SELECT count(*) FROM journal.message m WHERE m.source = t.source)`,
  );
  return {
    lost: lost.map(({ controlId }) => controlId),
    disordered: disorder.map(({ pair }) => pair),
    strays: strays?.n ?? -1,
    unreconciled: sums.map(({ source }) => source),
  };
}

/** What `reckoning` returns when nothing is wrong. */
export const NOTHING_WRONG: Reckoning = { lost: [], disordered: [], strays: 0, unreconciled: [] };
