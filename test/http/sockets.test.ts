/** Subscriptions by websocket: who may listen, what is pinged, from whatever process; nothing else is said. */
import { once } from 'node:events';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import WebSocket from 'ws';
import { startHttp } from '../../services/http/server.ts';
import { SOCKET_PATH } from '../../services/http/sockets.ts';
import { type TestDoor, testDoor } from './door.ts';

let door: TestDoor;
beforeAll(async () => {
  door = await testDoor();
});
afterAll(() => door[Symbol.asyncDispose]());

interface Client extends Disposable {
  readonly socket: WebSocket;
  say(text: string): void;
  /** The next thing that is said to it. */
  heard(): Promise<string>;
  closed: Promise<string>;
}

async function connected(url: string, headers: Readonly<Record<string, string>> = {}): Promise<Client> {
  const socket = new WebSocket(`${url.replace('http', 'ws')}${SOCKET_PATH}`, { headers });
  const said: string[] = [];
  const waiting: ((text: string) => void)[] = [];
  socket.on('message', (data) => {
    const next = waiting.shift();
    if (next) next(String(data));
    else said.push(String(data));
  });
  const closed = once(socket, 'close').then(([code, reason]) => `${code} ${reason}`);
  await once(socket, 'open');
  return {
    socket,
    say: (text) => socket.send(text),
    heard: () => {
      const first = said.shift();
      return first === undefined ? new Promise((resolve) => waiting.push(resolve)) : Promise.resolve(first);
    },
    closed,
    [Symbol.dispose]: () => socket.terminate(),
  };
}

/** The HTTP status of an upgrade that is refused. */
async function refused(url: string, path: string, headers: Readonly<Record<string, string>> = {}): Promise<number | undefined> {
  // Written as it is: a client would mend or refuse some of these.
  const socket = new WebSocket(`${url.replace('http', 'ws')}${SOCKET_PATH}`, {
    headers,
    finishRequest: (request) => {
      request.path = path;
      request.end();
    },
  });
  const [, response] = await once(socket, 'unexpected-response');
  response.resume();
  return response.statusCode;
}

async function subscribed(id: string, criteria: string): Promise<void> {
  const { status } = await door.call('PUT', `/Subscription/${id}`, {
    ...{ resourceType: 'Subscription', id, status: 'requested', reason: 'test', criteria },
    channel: { type: 'websocket' },
  });
  expect(status).toBe(201);
}

const patient = (id: string, gender: string) => door.call('PUT', `/Patient/${id}`, { resourceType: 'Patient', id, gender });

describe('Subscriptions by websocket', () => {
  it('ping for each write that meets the criteria, and for no other', async () => {
    await subscribed('women', 'Patient?gender=female');
    await subscribed('all', 'Patient');
    using women = await connected(door.door.url);
    using all = await connected(door.door.url);
    women.say('bind women');
    all.say('bind all');
    expect([await women.heard(), await all.heard()]).toEqual(['bound women', 'bound all']);
    await patient('m', 'male');
    expect(await all.heard()).toBe('ping all');
    await patient('f', 'female');
    // The first thing it hears: nothing was said of the man.
    expect([await women.heard(), await all.heard()]).toEqual(['ping women', 'ping all']);
    // What changes nothing is no news; what is refused neither.
    await patient('f', 'female');
    await door.call('PUT', '/Patient/f', { resourceType: 'Patient', id: 'f', gender: 'unheard-of' });
    await patient('g', 'female');
    expect(await women.heard()).toBe('ping women');
    const waiting = await door.database.query('SELECT seq FROM outgoing.event');
    expect(waiting).toEqual([]);
  });

  it('ping for what another process wrote', async () => {
    await subscribed('other', 'Patient?gender=other');
    const settings = {
      ...{ host: '127.0.0.1', port: 0, tls: undefined, maxBodyBytes: 100_000, maxMessageBytes: 1_000, version: 'test' },
      verifyToken: undefined,
    };
    const second = await startHttp(settings, door.parts, pino({ level: 'silent' }));
    using client = await connected(second.url);
    client.say('bind other');
    expect(await client.heard()).toBe('bound other');
    await patient('o', 'other');
    expect(await client.heard()).toBe('ping other');
    await second.close();
    expect(await client.closed).toMatch(/^100[16]/);
  });

  it('end for what is not understood, not there, off, or too long', async () => {
    await subscribed('off', 'Patient');
    await door.call('DELETE', '/Subscription/off');
    for (const said of ['bind nothing', 'bind off', 'hello', "bind women'; DROP TABLE x", `bind ${'x'.repeat(300)}`]) {
      using client = await connected(door.door.url);
      client.say(said);
      expect(await client.closed, said.slice(0, 20)).toMatch(/^100[89]/);
    }
  });

  it('are open to nobody whom the door does not answer, and stand at one address', async () => {
    expect(await refused(door.door.url, '/fhir/R4/Patient')).toBe(404);
    expect(await refused(door.door.url, SOCKET_PATH, { origin: 'https://evil.example.org' })).toBe(403);
    await using guarded = await testDoor(async (token) => token === 'right');
    expect(await refused(guarded.door.url, SOCKET_PATH)).toBe(401);
    expect(await refused(guarded.door.url, SOCKET_PATH, { authorization: 'Bearer wrong' })).toBe(401);
    using client = await connected(guarded.door.url, { authorization: 'Bearer right' });
    client.say('bind none');
    expect(await client.closed).toMatch(/^1008/);
  });

  it('are told once, whatever nobody in particular sends to the door between them', async () => {
    await using guarded = await testDoor(async (token) => {
      if (token === 'away') throw new Error('the database is away');
      return token === 'right';
    });
    const listening = vi.spyOn(guarded.parts.database, 'listen');
    for (let n = 0; n < 3; n++) {
      using client = await connected(guarded.door.url, { authorization: 'Bearer right' });
      expect(client.socket.readyState).toBe(WebSocket.OPEN);
      expect(await refused(guarded.door.url, '//[')).toBe(404);
      expect(await refused(guarded.door.url, SOCKET_PATH, { authorization: 'Bearer away' })).toBe(503);
    }
    expect(listening).toHaveBeenCalledTimes(1);
  });
});
