/** Receivers that are away, slow, wrong or hostile; senders that are killed; and whether order and count hold all the same. */
import { describe, expect, it } from 'vitest';
import { OUTGOING_DEFAULTS, pauseAfter } from '../../services/commands/outgoing/worker.ts';
import { retryEvents } from '../../services/database/outgoing/take.ts';
import { receiverPulses, skipEvents } from '../../services/database/outgoing/view.ts';
import { problem } from '../../services/errors.ts';
import { startServer } from '../end-to-end/server-process.ts';
import { outgoingHouse } from './outgoing-house.ts';
import { type Heard, httpReceiver } from './receivers.ts';

const hook = (port: number, path = '/in') => ({
  type: 'rest-hook',
  endpoint: `http://127.0.0.1:${port}${path}`,
  payload: 'application/fhir+json',
});
const patient = (id: string, n: number) => ({ resourceType: 'Patient', id, name: [{ family: `Change ${n}` }] });
const told = ({ path, body }: Heard): string => `${path.split('/').at(-1)} ${JSON.parse(body).meta.versionId}`;

/** Faults of what a receiver took: a change missing, or one taken before an earlier one of the same patient. */
function faultsOf(taken: readonly string[], patients: number, changes: number): readonly string[] {
  const faults: string[] = [];
  for (let p = 0; p < patients; p++) {
    const versions = taken.filter((each) => each.startsWith(`p${p} `)).map((each) => Number(each.split(' ')[1]));
    // What comes again is known by its version: the first time of each counts.
    const firsts = [...new Set(versions)];
    if (firsts.join() !== Array.from({ length: changes }, (_, i) => i + 1).join()) faults.push(`p${p}: ${versions}`);
  }
  return faults;
}

describe('what is sent', () => {
  it('comes at least once and in order per patient, from two senders, by a receiver that fails and hangs at random', async () => {
    let seed = 7;
    const random = (): number => {
      seed = (seed * 48_271) % 2_147_483_647;
      return seed / 2_147_483_647;
    };
    const taken: string[] = [];
    await using receiver = await httpReceiver((heard) => {
      const chance = random();
      if (chance < 0.15) return 500;
      if (chance < 0.25) return 503;
      if (chance < 0.28) return 'hang';
      taken.push(told(heard));
      // Taken, and the answer lost.
      return chance < 0.35 ? 500 : 200;
    });
    await using house = await outgoingHouse(`http://127.0.0.1:${receiver.port}`);
    const id = await house.subscribe('Patient', hook(receiver.port));
    for (let n = 1; n <= 6; n++) for (let p = 0; p < 6; p++) await house.call('PUT', `/Patient/p${p}`, patient(`p${p}`, n));
    const options = { firstPauseMs: 1, longestPauseMs: 4, timeoutMs: 300, mostAttempts: 100 };
    const [one, two] = [await house.sender(options), await house.sender(options)];
    await house.until(one, async () => {
      await two.idle();
      return (await house.events()).length === 0;
    });
    expect(faultsOf(taken, 6, 6)).toEqual([]);
    const [pulse] = await receiverPulses(house.database);
    expect(pulse).toMatchObject({ name: id, sent: 36, waiting: 0, parked: 0 });
    const keys = receiver.heard.map((heard) => `${told(heard)} ${heard.headers['idempotency-key']}`);
    // Every repetition carries the key of the first time.
    expect(new Set(keys).size).toBe(36);
    expect(receiver.heard.length).toBeGreaterThan(36);
  });

  it('waits for a receiver that is away, asking with one event at a time, and says so in the Subscription', async () => {
    const away = await httpReceiver();
    const { port } = away;
    await away[Symbol.asyncDispose]();
    await using house = await outgoingHouse(`http://127.0.0.1:${port}`);
    const id = await house.subscribe('Patient', hook(port));
    for (let p = 0; p < 20; p++) await house.call('PUT', `/Patient/p${p}`, patient(`p${p}`, 1));
    const worker = await house.sender({ firstPauseMs: 1, longestPauseMs: 2 });
    const status = async () => (await house.call('GET', `/Subscription/${id}`)).body;
    await house.until(worker, async () => (await status())['status'] === 'error');
    expect((await status())['error']).toBe('outgoing-unreachable: The receiver cannot be reached: ECONNREFUSED.');
    const events = await house.events();
    expect(events.every(({ state }) => state === 'waiting')).toBe(true);
    const { failures = 0 } = (await receiverPulses(house.database))[0] ?? {};
    // The first round asks with several patients, each later one with one.
    expect(events.reduce((sum, { attempts }) => sum + attempts, 0)).toBeLessThanOrEqual(OUTGOING_DEFAULTS.parallel + failures + 1);
    await using back = await httpReceiver(() => 200, port);
    await house.until(worker, async () => (await house.events()).length === 0);
    expect(new Set(back.heard.map(told)).size).toBe(20);
    await house.until(worker, async () => (await status())['status'] === 'active');
    expect((await status())['error']).toBeUndefined();
  });

  it('follows no redirect: neither data nor credentials reach another host', async () => {
    await using thief = await httpReceiver();
    await using receiver = await httpReceiver(() => ({ status: 307, headers: { location: `http://127.0.0.1:${thief.port}/in` } }));
    await using house = await outgoingHouse(`http://127.0.0.1:${receiver.port}`);
    await house.subscribe('Patient', { ...hook(receiver.port), header: ['Authorization: Bearer secret'] });
    await house.call('PUT', '/Patient/p1', patient('p1', 1));
    await (await house.sender()).idle();
    expect([receiver.heard.length, thief.heard.length]).toEqual([1, 0]);
    expect(await house.events()).toMatchObject([{ state: 'parked', problems: [{ code: 'outgoing-redirected' }] }]);
  });

  it('goes nowhere by a name that leads into this machine, unless its network is listed', async () => {
    await using receiver = await httpReceiver();
    const channel = { ...hook(receiver.port), endpoint: `http://localhost:${receiver.port}/in` };
    await using house = await outgoingHouse(`http://localhost:${receiver.port}`);
    await house.subscribe('Patient', channel);
    await house.call('PUT', '/Patient/p1', patient('p1', 1));
    await (await house.sender({ firstPauseMs: 60_000, longestPauseMs: 60_000 })).idle();
    expect(receiver.heard).toEqual([]);
    expect(await house.events()).toMatchObject([{ state: 'waiting', problems: [{ code: 'outgoing-address-refused' }] }]);
    await using other = await outgoingHouse(`http://localhost:${receiver.port}`, '127.0.0.0/8, ::1');
    await other.subscribe('Patient', channel);
    await other.call('PUT', '/Patient/p1', patient('p1', 1));
    const worker = await other.sender();
    await other.until(worker, () => receiver.heard.length === 1);
  });

  it('that a receiver refuses is parked without holding up others; an operator sends it again, or skips it', async () => {
    let refuses = true;
    await using receiver = await httpReceiver((heard) => (refuses && told(heard) === 'p1 1' ? 422 : 200));
    await using house = await outgoingHouse(`http://127.0.0.1:${receiver.port}`);
    const id = await house.subscribe('Patient', hook(receiver.port));
    await house.call('PUT', '/Patient/p1', patient('p1', 1));
    await house.call('PUT', '/Patient/p1', patient('p1', 2));
    const worker = await house.sender();
    await worker.idle();
    expect(receiver.heard.map(told)).toEqual(['p1 1', 'p1 2']);
    expect(await house.events()).toMatchObject([
      { state: 'parked', attempts: 1, problems: [{ code: 'outgoing-rejected', text: 'The receiver refused it: HTTP 422.' }] },
    ]);
    expect(await skipEvents(house.database, { receiver: 'another' }, problem('outgoing-skipped', { reason: 'x' }))).toBe(0);
    refuses = false;
    expect(await retryEvents(house.database, { receiver: id })).toBe(1);
    await house.until(worker, async () => (await house.events()).length === 0);
    expect(receiver.heard.map((heard) => [told(heard), heard.headers['idempotency-key']])).toEqual([
      ['p1 1', `"${id}-1"`],
      ['p1 2', `"${id}-2"`],
      ['p1 1', `"${id}-1"`],
    ]);
  });

  it('that a receiver fails on is tried a bounded number of times, then parked; what comes too late too', async () => {
    await using receiver = await httpReceiver(() => 500);
    await using house = await outgoingHouse(`http://127.0.0.1:${receiver.port}, http://127.0.0.1:9`);
    await house.subscribe('Patient', hook(receiver.port));
    await house.call('PUT', '/Patient/p1', patient('p1', 1));
    const worker = await house.sender({ mostAttempts: 4, firstPauseMs: 1, longestPauseMs: 2 });
    await house.until(worker, async () => (await house.events()).every(({ state }) => state === 'parked'));
    expect(receiver.heard.length).toBe(4);
    expect(await house.events()).toMatchObject([{ state: 'parked', attempts: 4, problems: [{ code: 'outgoing-failed' }] }]);
    await worker.stop();
    await house.subscribe('Patient', hook(9));
    await house.call('PUT', '/Patient/p2', patient('p2', 1));
    const impatient = await house.sender({ patienceMs: 0, mostAttempts: 1 });
    await house.until(impatient, async () => (await house.events()).every(({ state }) => state === 'parked'));
    expect((await house.events()).map(({ problems }) => problems[0]?.code).sort()).toEqual([
      'outgoing-failed',
      'outgoing-failed',
      'outgoing-too-late',
    ]);
  });

  it('comes again, under the same key, when the sender is killed between sending and recording', async () => {
    let hangs = true;
    await using receiver = await httpReceiver(() => (hangs ? 'hang' : 200));
    await using house = await outgoingHouse(`http://127.0.0.1:${receiver.port}`);
    await house.subscribe('Patient', hook(receiver.port));
    await house.call('PUT', '/Patient/p1', patient('p1', 1));
    await house.call('PUT', '/Patient/p1', patient('p1', 2));
    const server = await startServer({ POLYSEME_DATABASE_URL: house.url, POLYSEME_OUTGOING_ALLOW: `http://127.0.0.1:${receiver.port}` });
    await receiver.until(1);
    await server.kill();
    hangs = false;
    // Another sender does not take what the killed one holds, nor what waits behind it.
    const worker = await house.sender();
    await worker.idle();
    expect(receiver.heard.map(told)).toEqual(['p1 1']);
    // The end of the lease, without the wait for it.
    await house.database.run('UPDATE outgoing.event SET due_at = now() WHERE lease IS NOT NULL');
    await house.until(worker, async () => (await house.events()).length === 0);
    expect(receiver.heard.map(told)).toEqual(['p1 1', 'p1 1', 'p1 2']);
    expect(new Set(receiver.heard.slice(0, 2).map(({ headers }) => headers['idempotency-key'])).size).toBe(1);
  });
});

describe('pauses', () => {
  it('double up to the longest, and are spread', () => {
    const options = { ...OUTGOING_DEFAULTS, base: '', ca: undefined };
    expect([0, 1, 2, 8, 9, 100].map((failures) => pauseAfter(failures, options, 1))).toEqual([
      1_000, 2_000, 4_000, 256_000, 300_000, 300_000,
    ]);
    expect(pauseAfter(3, options, 0)).toBe(7_200);
  });
});

describe('criteria that cannot be read any more', () => {
  it('neither tell too much nor lose anything: what they might concern is parked', async () => {
    await using receiver = await httpReceiver();
    await using house = await outgoingHouse(`http://127.0.0.1:${receiver.port}`);
    await house.subscribe('Patient?family=Doe', hook(receiver.port));
    await house.database.run(`UPDATE outgoing.receiver SET criteria = 'gone=1'`);
    await house.call('PUT', '/Patient/p1', patient('p1', 1));
    await (await house.sender()).idle();
    expect(receiver.heard).toEqual([]);
    expect(await house.events()).toMatchObject([{ state: 'parked', problems: [{ code: 'subscription-refused' }] }]);
  });
});
