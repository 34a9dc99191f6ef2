/** Senders that are slow, deaf, many or hostile, through a live port. */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { fuzzDoor } from '../../scripts/fuzz/door.ts';
import { fuzzParser } from '../../scripts/fuzz/parser.ts';
import { connectMllp } from '../../services/mllp/client.ts';
import { framed } from '../../services/mllp/frame.ts';
import { receive } from '../../services/pipeline.ts';
import { fixture, testHouse } from '../parts.ts';
import { accepted, door, limits, message, sender, told } from './doors.ts';

const bases = ['us-oru-r01-cbc.hl7', 'us-adt-a01-admit.hl7', 'jp-adt-a08-update.hl7', 'batch.hl7'].map((name) =>
  readFileSync(fixture('hl7v2', name)),
);

afterEach(() => {
  vi.useRealTimers();
});

describe('the MLLP door stands', () => {
  it('a sender that never reads its answers: it is cut off with a reason, and only so much of it was taken', async () => {
    let taken = 0;
    const long = Buffer.alloc(200_000, 0x20);
    await using server = await door({
      limits: { ...limits, frameTimeoutMs: 300, maxOpen: 8 },
      receive: async (bytes) => {
        taken += 1;
        return Buffer.concat([accepted(bytes), long]);
      },
    });
    const deaf = connect({ host: '127.0.0.1', port: server.port });
    deaf.on('error', () => {});
    await once(deaf, 'connect');
    deaf.pause();
    for (let n = 0; n < 10_000; n += 1) deaf.write(framed(message(String(n))));
    using other = await sender(server.port);
    other.send(message('other'));
    expect(await other.answers(1)).toEqual(['AA other']);
    while (!server.logged.some(({ text }) => text.includes('takes no answers'))) await new Promise((resolve) => setImmediate(resolve));
    deaf.destroy();
    // What one packet holds is taken, the socket is not read further.
    expect(taken).toBeLessThan(5_000);
  });

  it('fifty senders that drip half a message: each is told and closed, while others are answered', async () => {
    await using server = await door({ limits: { ...limits, frameTimeoutMs: 300, maxConnections: 100 } });
    const slow = await Promise.all(Array.from({ length: 50 }, () => sender(server.port)));
    for (const [n, each] of slow.entries()) each.socket.write(Buffer.concat([Buffer.of(0x0b), message(`S${n}`)]));
    const drip = setInterval(() => {
      for (const each of slow) each.socket.write('x');
    }, 20);
    using honest = await sender(server.port);
    honest.send(message('H'));
    expect(await honest.answers(1)).toEqual(['AA H']);
    for (const [n, each] of slow.entries()) {
      await each.closed();
      expect(await each.answers(1)).toEqual([`AR S${n}`]);
    }
    clearInterval(drip);
    expect(server.logged.filter(({ values }) => values['code'] === 'mllp-frame-timeout')).toHaveLength(50);
  });

  it('a thousand connections, each with a message', async () => {
    await using server = await door({ limits: { ...limits, maxConnections: 1_000 } });
    const all = [];
    for (let n = 0; n < 1_000; n += 1) all.push(await sender(server.port));
    for (const [n, each] of all.entries()) each.send(message(`M${n}`));
    for (const [n, each] of all.entries()) expect(await each.answers(1)).toEqual([`AA M${n}`]);
    for (const each of all) each[Symbol.dispose]();
  });

  it('packets cut at every byte of a message', async () => {
    await using server = await door();
    using client = await sender(server.port);
    const frame = framed(message('CUT'));
    for (let at = 1; at < frame.length; at += 1) {
      client.socket.write(frame.subarray(0, at));
      await new Promise((resolve) => setImmediate(resolve));
      client.socket.write(frame.subarray(at));
      expect((await client.answers(at)).at(-1)).toBe('AA CUT');
    }
  });

  it('a clock that is put back: messages are stored in their order, answered, and idle connections still end', async () => {
    await using house = await testHouse();
    let now = new Date('2026-06-01T12:00:00Z');
    const parts = { ...house.parts, clock: () => now };
    await using server = await door({
      limits: { ...limits, idleTimeoutMs: 2_000 },
      receive: async (bytes) => (await receive(parts, bytes, 'mllp')).acknowledgement,
    });
    using client = await sender(server.port);
    client.send(message('C1'));
    await client.answers(1);
    vi.useFakeTimers({ toFake: ['Date'], now: new Date('2001-01-01T00:00:00Z') });
    now = new Date('2001-01-01T00:00:00Z');
    client.send(message('C2'));
    client.send(message('C3'));
    expect((await client.answers(3)).map((each) => each.slice(3))).toEqual(['C1', 'C2', 'C3']);
    const stored = await house.database.query<{ control_id: string }>('SELECT control_id FROM journal.message ORDER BY id');
    expect(stored.map((each) => each.control_id)).toEqual(['C1', 'C2', 'C3']);
    await client.closed();
  });
});

describe('the MLLP client', () => {
  it('tells the application acknowledgement of an earlier message from the answer to this one', async () => {
    const later: (() => void)[] = [];
    const as = (bytes: Uint8Array, code: string): Uint8Array =>
      Buffer.from(Buffer.from(accepted(bytes)).toString('latin1').replace('|AA|', `|${code}|`), 'latin1');
    await using server = await door({
      receive: async (bytes) => ({
        answer: as(bytes, 'CA'),
        later: new Promise<Uint8Array>((resolve) => later.push(() => resolve(as(bytes, 'AE')))),
      }),
    });
    const heard: string[] = [];
    let wake = (): void => {};
    const client = connectMllp({
      host: '127.0.0.1',
      port: server.port,
      timeoutMs: 60_000,
      onApplication: (id, answer) => {
        heard.push(`${id}: ${told(answer)}`);
        wake();
      },
    });
    expect(told(await client.send(message('1')))).toBe('CA 1');
    expect(told(await client.send(message('2')))).toBe('CA 2');
    const third = client.send(message('3'));
    later[0]?.();
    expect(told(await third)).toBe('CA 3');
    const all = new Promise<void>((resolve) => {
      wake = () => heard.length === 3 && resolve();
      wake();
    });
    for (const each of later) each();
    await all;
    expect(heard.toSorted()).toEqual(['1: AE 1', '2: AE 2', '3: AE 3']);
    await client.close();
  });
});

describe('fuzz', () => {
  it('of the parser: nothing crashes or hangs, and what is refused is refused with a problem (a small part of scripts/fuzz.ts)', () => {
    const { messages, parsed, refused } = fuzzParser(bases, 1_500, 7);
    expect([messages, parsed > 100, refused > 100]).toEqual([1_500, true, true]);
  });

  it('of a live port: every message is answered, or its connection is closed with a reason', async () => {
    await using house = await testHouse();
    const spoken = new Map<string, number>();
    const log = (values: Readonly<Record<string, unknown>>): void => {
      const peer = String(values['peer']).split(':').at(-1) ?? '';
      spoken.set(peer, (spoken.get(peer) ?? 0) + 1);
    };
    await using server = await door({
      limits: { ...limits, maxBytes: 1 << 20, frameTimeoutMs: 300 },
      receive: async (bytes) => (await receive(house.parts, bytes, 'mllp')).acknowledgement,
      log: { info: log, warn: log },
    });
    const logged = (port: number): number => spoken.get(String(port)) ?? 0;
    const found = await fuzzDoor({ port: server.port, bases, count: 150, seed: 3, connections: 4, patienceMs: 120_000, logged });
    expect(found.answered + found.closed + found.abandoned).toBe(150);
    await house.drain();
  });
});
