/** Doors that follow the file of sources while they are open, and that hold senders back while too much waits. */
import { once } from 'node:events';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type BacklogGuard, guardBacklog } from '../../services/commands/serve/backlog.ts';
import { openMllpDoors } from '../../services/commands/serve/mllp-doors.ts';
import { reloading } from '../../services/commands/serve/reload.ts';
import { standardRules } from '../../services/config/rules.ts';
import { sourcesOf } from '../../services/config/source-file.ts';
import { SourceBook, type Sources } from '../../services/config/sources.ts';
import { counts } from '../../services/database/journal/take.ts';
import { problem, Refusal } from '../../services/errors.ts';
import { framed } from '../../services/mllp/frame.ts';
import { type Parts, processNext, receive } from '../../services/pipeline.ts';
import { type Folder, folder } from '../commands/command-line.ts';
import { type TestHouse, testHouse } from '../parts.ts';
import { AUTHORITY, CLIENT_CERTIFICATE, CLIENT_KEY, SERVER_CERTIFICATE, SERVER_KEY } from './certificates.ts';
import { message, sender, told } from './doors.ts';

const config = { mllp: { host: '127.0.0.1', port: 0 }, tls: undefined };
const ground = { rules: { ...standardRules({ timezone: 'UTC', authority: undefined }), acknowledge: 'committed' as const }, ...config };
let house: TestHouse;
let dir: Folder;
beforeAll(async () => {
  house = await testHouse();
  dir = folder();
});
afterAll(async () => {
  dir[Symbol.dispose]();
  await house[Symbol.asyncDispose]();
});

function sources(text: string): Sources {
  const found = sourcesOf(text, `${dir.path}/sources.yaml`, ground);
  if (!found.ok) throw new Error(JSON.stringify(found.problems));
  return found.value;
}

async function open(text: string, guard?: (book: SourceBook) => BacklogGuard) {
  const book = new SourceBook(sources(text));
  const logged: string[] = [];
  const log = (values: Readonly<Record<string, unknown>>, said: string): unknown => logged.push(`${values['code'] ?? ''} ${said}`);
  const backlog = guard?.(book);
  const parts: Parts = { ...house.parts, sources: book, ...(backlog ? { isFull: backlog.isFull } : {}) };
  const doors = await openMllpDoors(config, { parts, book, hold: backlog?.hold, log: { info: log, warn: log } });
  const portOf = (configured: number): number => doors.doors.find((each) => each.configured === configured)?.port ?? 0;
  return { doors, book, backlog, logged, parts, portOf, port: doors.doors[0]?.port ?? 0, [Symbol.asyncDispose]: doors.close };
}

async function secured(port: number, own: { key?: string; cert?: string } = {}): Promise<TLSSocket> {
  const socket = connectTls({ host: '127.0.0.1', port, ca: AUTHORITY, ...own });
  socket.on('error', () => {});
  await once(socket, 'secureConnect');
  return socket;
}

const nameOf = (socket: TLSSocket): unknown => socket.getPeerCertificate().subject?.CN;

async function answered(socket: TLSSocket, id: string): Promise<string> {
  socket.write(framed(message(id)));
  const [answer] = await once(socket, 'data');
  return told(Buffer.from(answer).subarray(1));
}

/** A port that nobody listens to. */
async function freePort(): Promise<number> {
  await using probe = await open('unknown: accept\nsources: {}\n');
  return probe.port;
}

/** Two of them. */
async function freePorts(): Promise<readonly [number, number]> {
  await using one = await open('unknown: accept\nsources: {}\n');
  await using two = await open('unknown: accept\nsources: {}\n');
  return [one.port, two.port];
}

describe('doors that follow their file', () => {
  it('open and close ports without touching the connections of others; a message obeys the rules of its moment', async () => {
    const extra = await freePort();
    await using door = await open('unknown: accept\nsources:\n  a: { match: { sendingApplication: A } }\n');
    using stays = await sender(door.port);
    stays.send(message('1'));
    expect(await stays.answers(1)).toEqual(['AA 1']);
    await door.doors.follow(sources(`sources:\n  a: { match: { sendingApplication: NOBODY } }\n  b: { ports: [${extra}] }\n`));
    stays.send(message('2'));
    expect((await stays.answers(2)).at(-1)).toBe('AR 2');
    using own = await sender(extra);
    own.send(message('3'));
    expect(await own.answers(1)).toEqual(['AA 3']);
    await door.doors.follow(sources('sources:\n  a: {}\n'));
    await own.closed();
    await expect(sender(extra)).rejects.toThrow();
    stays.send(message('4'));
    expect((await stays.answers(3)).at(-1)).toBe('AA 4');
  });

  it('stay as they are when a new port cannot be had', async () => {
    await using other = await open('unknown: accept\nsources: {}\n');
    await using door = await open('unknown: accept\nsources: {}\n');
    const before = door.book.current;
    await expect(door.doors.follow(sources(`sources:\n  b: { ports: [${other.port}] }\n`))).rejects.toThrow(Refusal);
    expect(door.book.current).toBe(before);
    using client = await sender(door.port);
    client.send(message('F1'));
    expect(await client.answers(1)).toEqual(['AA F1']);
  });

  it('stay as they are, ports that were to change included, when another port cannot be had or what is to hold with them fails', async () => {
    dir.write('server.crt', SERVER_CERTIFICATE);
    dir.write('server.key', SERVER_KEY);
    const [port, extra] = await freePorts();
    const tls = 'tls: { cert: server.crt, key: server.key }';
    await using other = await open('unknown: accept\nsources: {}\n');
    await using door = await open(`unknown: accept\nsources:\n  a: { ports: [${port}] }\n`);
    const before = door.book.current;
    const asked: string[] = [];
    const fails = async (): Promise<void> => {
      asked.push('also');
      throw new Refusal([problem('database-unreachable')]);
    };
    const changed = `  a: { ports: [${port}], ${tls} }\n  b: { ports: [${extra}] }\n`;
    const taken = sources(`sources:\n${changed}  c: { ports: [${other.port}] }\n`);
    await expect(door.doors.follow(taken, fails)).rejects.toMatchObject({ problems: [{ code: 'address-unavailable' }] });
    expect(asked).toEqual([]);
    await expect(door.doors.follow(sources(`sources:\n${changed}`), fails)).rejects.toMatchObject({
      problems: [{ code: 'database-unreachable' }],
    });
    expect([asked, door.book.current === before]).toEqual([['also'], true]);
    using client = await sender(port);
    client.send(message('P1'));
    expect(await client.answers(1)).toEqual(['AA P1']);
    expect(door.doors.doors.map(({ configured, isSecure }) => [configured, isSecure])).toEqual([
      [0, false],
      [port, false],
    ]);
    // The same without a fault holds as a whole.
    await door.doors.follow(sources(`sources:\n${changed}`), async () => {});
    const now = await secured(port);
    expect(await answered(now, 'P2')).toBe('AA P2');
    now.destroy();
  });

  it('renew their certificate for those who come; who is connected stays and goes on', async () => {
    dir.write('server.crt', SERVER_CERTIFICATE);
    dir.write('server.key', SERVER_KEY);
    const text = 'sources:\n  t: { ports: [0], tls: { cert: server.crt, key: server.key } }\n';
    await using door = await open(text);
    const before = await secured(door.portOf(0));
    expect([nameOf(before), await answered(before, 'T1')]).toEqual(['localhost', 'AA T1']);
    dir.write('server.crt', CLIENT_CERTIFICATE);
    await expect(door.doors.follow(sources(text))).rejects.toThrow(Refusal); // its key is not there yet
    dir.write('server.key', CLIENT_KEY);
    await door.doors.follow(sources(text));
    const after = await secured(door.portOf(0));
    expect([nameOf(after), await answered(after, 'T2'), await answered(before, 'T3')]).toEqual(['lab-sender', 'AA T2', 'AA T3']);
    before.destroy();
    after.destroy();
  });

  it('are read again at SIGHUP, and when a file has changed and is calm', async () => {
    let reads = 0;
    let heard = (): void => {};
    const next = (): Promise<void> =>
      new Promise((resolve) => {
        heard = resolve;
      });
    const file = dir.write('watched.yaml', 'a');
    const reload = async () => {
      reads += 1;
      heard();
    };
    using _watched = reloading(() => [file], reload, { error: () => {} }, 5);
    let done = next();
    process.emit('SIGHUP');
    await done;
    done = next();
    dir.write('watched.yaml', 'b');
    await done;
    expect(reads).toBe(2);
  });
});

describe('who may connect', () => {
  it('is told by address before anything is read, and by certificate', async () => {
    const tls = 'tls: { cert: s.crt, key: s.key, clientCa: ca.crt }';
    dir.write('s.crt', SERVER_CERTIFICATE);
    dir.write('s.key', SERVER_KEY);
    dir.write('ca.crt', AUTHORITY);
    await using closed = await open('sources:\n  far: { match: { addresses: [10.1.0.0/16] } }\n');
    using refused = await sender(closed.port);
    await refused.closed();
    expect(closed.logged.join()).toContain('source-address-refused');
    await using named = await open(`sources:\n  lab: { ports: [0], ${tls}, match: { certificate: lab-sender } }\n`);
    const known = await secured(named.portOf(0), { key: CLIENT_KEY, cert: CLIENT_CERTIFICATE });
    expect(await answered(known, 'K1')).toBe('AA K1');
    known.destroy();
    await using others = await open(`sources:\n  other: { ports: [0], ${tls}, match: { certificate: another } }\n`);
    const wrong = await secured(others.portOf(0), { key: CLIENT_KEY, cert: CLIENT_CERTIFICATE });
    wrong.write(framed(message('W1')));
    await once(wrong, 'close');
    expect(others.logged.join()).toContain('source-address-refused');
    expect((await counts(house.database)).map(({ source }) => source)).not.toContain('other');
  });
});

describe('too much that waits', () => {
  const guarded = (book: SourceBook): BacklogGuard => guardBacklog(house.database, book, { info: () => {}, warn: () => {} });
  const applyAll = async (): Promise<void> => {
    while ((await processNext(house.parts, 50)) > 0);
  };

  it('holds MLLP senders back without an answer and without loss, and refuses HTTP', async () => {
    await applyAll();
    await using door = await open('unknown: accept\nbacklog: { most: 2 }\nsources: {}\n', guarded);
    using guard = door.backlog;
    using client = await sender(door.port);
    for (const id of ['B1', 'B2', 'B3']) client.send(message(id));
    await client.answers(3);
    await guard?.refresh();
    expect([guard?.hold.isHeld, guard?.waiting]).toEqual([true, 3]);
    client.send(message('B4'));
    const http = await receive(door.parts, Buffer.from(message('H1')), 'http');
    expect([http.status, http.problems[0]?.code]).toEqual([503, 'backlog-full']);
    expect((await receive(door.parts, Buffer.from(message('I1')), 'import')).problems).toEqual([]);
    expect(await client.answers(3)).toHaveLength(3);
    await applyAll();
    await guard?.refresh();
    expect((await client.answers(4)).at(-1)).toBe('AA B4');
  });

  it('or answers AR and CR, by setting; nothing is stored then', async () => {
    await applyAll();
    await using door = await open('unknown: accept\nbacklog: { most: 1, beyond: refuse }\nsources: {}\n', guarded);
    using guard = door.backlog;
    using client = await sender(door.port);
    for (const id of ['R1', 'R2']) client.send(message(id));
    await client.answers(2);
    await guard?.refresh();
    const before = await counts(house.database);
    client.send(message('R3'));
    client.send(Buffer.from('MSH|^~\\&|A|B|||1||ADT^A08|R4|P|2.5.1|||AL|AL\rPID|||R4\r'));
    expect((await client.answers(4)).slice(2)).toEqual(['AR R3', 'CR R4']);
    expect(await counts(house.database)).toEqual(before);
    await applyAll();
    await guard?.refresh();
    client.send(message('R3'));
    expect((await client.answers(5)).at(-1)).toBe('AA R3');
  });
});
