import { once } from 'node:events';
import { connect as connectTls } from 'node:tls';
import { describe, expect, it } from 'vitest';
import { problem, Refusal } from '../../services/errors.ts';
import { framed } from '../../services/mllp/frame.ts';
import { AUTHORITY, CLIENT_CERTIFICATE, CLIENT_KEY, SERVER_CERTIFICATE, SERVER_KEY } from './certificates.ts';
import { accepted, door, limits, message, sender } from './doors.ts';

/** A promise to be settled from outside. */
function gate() {
  let open = (): void => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { open, opened };
}

describe('the MLLP door', () => {
  it('answers a message however its packets are cut', async () => {
    await using server = await door();
    using client = await sender(server.port);
    for (const byte of framed(message('1'))) client.socket.write(Uint8Array.of(byte));
    expect(await client.answers(1)).toEqual(['AA 1']);
  });

  it('answers pipelined messages in their order, though later ones are done first', async () => {
    const first = gate();
    const begun: string[] = [];
    await using server = await door({
      receive: async (bytes) => {
        begun.push(Buffer.from(bytes).toString().split('|')[9] ?? '');
        if (begun.length === 1) await first.opened;
        else if (begun.length === 5) first.open();
        return accepted(bytes);
      },
    });
    using client = await sender(server.port);
    client.socket.write(Buffer.concat(['1', '2', '3', '4', '5'].map((id) => framed(message(id)))));
    expect(await client.answers(5)).toEqual(['AA 1', 'AA 2', 'AA 3', 'AA 4', 'AA 5']);
    expect(begun).toEqual(['1', '2', '3', '4', '5']);
  });

  it('holds back a sender that is faster than we are', async () => {
    const all = gate();
    let open = 0;
    let most = 0;
    await using server = await door({
      limits: { ...limits, maxOpen: 4 },
      receive: async (bytes) => {
        open += 1;
        most = Math.max(most, open);
        if (open === 4) setImmediate(all.open);
        await all.opened;
        open -= 1;
        return accepted(bytes);
      },
    });
    using client = await sender(server.port);
    // One packet may hold several messages, and 64 KB are read at once: those are taken, the socket is not read further.
    const long = (n: number): Uint8Array => Buffer.concat([message(String(n)), Buffer.from(`ZZZ|${'x'.repeat(2_000)}\r`)]);
    for (let n = 0; n < 200; n += 1) client.send(long(n));
    expect((await client.answers(200)).at(-1)).toBe('AA 199');
    expect(most).toBeLessThan(200);
  });

  it('says no when a message could not be stored, and goes on with the next', async () => {
    await using server = await door({
      receive: async (bytes) => {
        const text = Buffer.from(bytes).toString();
        if (text.includes('|down|')) throw new Refusal([problem('database-unreachable')]);
        if (text.includes('|bug|')) throw new TypeError('patient data in here');
        if (text.includes('|odd|')) throw new Refusal([problem('hl7v2-line-ends')]);
        return accepted(bytes);
      },
    });
    using client = await sender(server.port);
    for (const id of ['down', 'bug', 'odd', 'fine']) client.send(message(id));
    expect(await client.answers(4)).toEqual(['AR down', 'AE bug', 'AE odd', 'AA fine']);
    expect(JSON.stringify(server.logged)).not.toContain('patient data');
  });

  it('refuses what is no message, and what is too long', async () => {
    await using server = await door({ limits: { ...limits, maxBytes: 500 } });
    using web = await sender(server.port);
    web.socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
    expect(await web.answers(1)).toEqual([]);
    expect(server.logged.map((each) => each.values['code'])).toContain('mllp-no-frame');
    using big = await sender(server.port);
    big.send(message('1'));
    big.socket.write(framed(Buffer.concat([message('2'), Buffer.alloc(2000, 0x41)])));
    expect(await big.answers(3)).toEqual(['AA 1', 'AR 2']);
  });

  it('goes on after junk between frames', async () => {
    await using server = await door();
    using client = await sender(server.port);
    client.send(message('1'));
    await client.answers(1);
    client.socket.write('junk');
    client.send(message('2'));
    expect(await client.answers(2)).toEqual(['AA 1', 'AA 2']);
    expect(server.logged.map((each) => each.values['code'])).toContain('mllp-junk');
  });

  it('does not wait for ever: half a message, a slow one, an idle connection', async () => {
    await using server = await door({ limits: { ...limits, frameTimeoutMs: 60 } });
    using half = await sender(server.port);
    half.socket.write(Buffer.concat([Buffer.of(0x0b), message('1')]));
    expect(await half.answers(1)).toEqual(['AR 1']);
    using slow = await sender(server.port);
    const drip = setInterval(() => slow.socket.write('x'), 5);
    slow.socket.write(Buffer.of(0x0b));
    await slow.closed();
    clearInterval(drip);
    await using brief = await door({ limits: { ...limits, idleTimeoutMs: 60 } });
    using idle = await sender(brief.port);
    await idle.closed();
    expect(brief.logged.map((each) => each.text)).toContain('idle MLLP connection closed');
  });

  it('answers a sender that has closed its side already', async () => {
    await using server = await door();
    using client = await sender(server.port);
    client.socket.end(framed(message('1')));
    expect(await client.answers(2)).toEqual(['AA 1']);
  });

  it('tells when a connection ends within a message', async () => {
    await using server = await door();
    using client = await sender(server.port);
    client.socket.end(Buffer.concat([Buffer.of(0x0b), message('1')]));
    await client.closed();
    expect(server.logged.map((each) => each.text)).toContain('MLLP connection closed within a message; it was not taken');
  });

  it('has a limit of connections', async () => {
    await using server = await door({ limits: { ...limits, maxConnections: 2 } });
    using first = await sender(server.port);
    using second = await sender(server.port);
    using third = await sender(server.port);
    await third.closed();
    first.send(message('1'));
    second.send(message('2'));
    expect([await first.answers(1), await second.answers(1)]).toEqual([['AA 1'], ['AA 2']]);
    expect(server.logged.map((each) => each.values['code'])).toContain('mllp-too-many-connections');
  });

  it('answers what it has taken before it closes, and takes no more', async () => {
    const stored = gate();
    const begun = gate();
    const server = await door({
      receive: async (bytes) => {
        begun.open();
        await stored.opened;
        return accepted(bytes);
      },
    });
    using client = await sender(server.port);
    client.send(message('1'));
    await begun.opened;
    const closed = server.close();
    client.send(message('2'));
    stored.open();
    expect(await client.answers(2)).toEqual(['AA 1']);
    await closed;
    await expect(sender(server.port)).rejects.toThrow();
  });

  it('cuts off at last what never ends', async () => {
    const begun = gate();
    const server = await door({
      drainTimeoutMs: 50,
      receive: () => {
        begun.open();
        return new Promise<never>(() => {});
      },
    });
    using client = await sender(server.port);
    client.send(message('1'));
    await begun.opened;
    void server.close();
    await client.closed();
  });
});

describe('the MLLP door with TLS', () => {
  const tls = { key: SERVER_KEY, cert: SERVER_CERTIFICATE };

  it('takes messages of who believes its certificate', async () => {
    await using server = await door({ tls });
    const socket = connectTls({ host: '127.0.0.1', port: server.port, ca: AUTHORITY });
    await once(socket, 'secureConnect');
    socket.write(framed(message('1')));
    const [answer] = await once(socket, 'data');
    expect(String(answer)).toContain('MSA|AA|1');
    socket.destroy();
  });

  it('asks senders for a certificate when told to, and knows their name', async () => {
    const names: (string | undefined)[] = [];
    await using server = await door({
      tls: { ...tls, ca: AUTHORITY },
      receive: async (bytes, peer) => {
        names.push(peer.certificate);
        return accepted(bytes);
      },
    });
    const known = connectTls({ host: '127.0.0.1', port: server.port, ca: AUTHORITY, key: CLIENT_KEY, cert: CLIENT_CERTIFICATE });
    await once(known, 'secureConnect');
    known.write(framed(message('1')));
    await once(known, 'data');
    known.destroy();
    const unknown = connectTls({ host: '127.0.0.1', port: server.port, ca: AUTHORITY });
    unknown.on('error', () => {});
    unknown.on('secureConnect', () => unknown.write(framed(message('2'))));
    await new Promise((resolve) => unknown.on('close', resolve));
    expect(names).toEqual(['lab-sender']);
  });

  it('does not answer who speaks no TLS', async () => {
    await using server = await door({ tls });
    using plain = await sender(server.port);
    plain.send(message('1'));
    expect(await plain.answers(1)).toEqual([]);
    expect(server.logged.map((each) => each.text)).toContain('a TLS connection was not made');
  });
});
