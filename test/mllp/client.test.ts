import { describe, expect, it } from 'vitest';
import { connectMllp } from '../../services/mllp/client.ts';
import { AUTHORITY, CLIENT_CERTIFICATE, CLIENT_KEY, SERVER_CERTIFICATE, SERVER_KEY } from './certificates.ts';
import { accepted, door, message, told } from './doors.ts';

const sending = (port: number, more: Partial<Parameters<typeof connectMllp>[0]> = {}) => {
  const client = connectMllp({ host: '127.0.0.1', port, timeoutMs: 60_000, ...more });
  return { ...client, [Symbol.asyncDispose]: client.close };
};

describe('the MLLP client', () => {
  it('sends one after the other and hands on each acknowledgement', async () => {
    const seen: string[] = [];
    await using server = await door({
      receive: async (bytes) => {
        seen.push(Buffer.from(bytes).toString().split('|')[9] ?? '');
        return accepted(bytes);
      },
    });
    await using client = sending(server.port);
    const answers = await Promise.all(['1', '2', '3'].map((id) => client.send(message(id))));
    expect([answers.map(told), seen]).toEqual([
      ['AA 1', 'AA 2', 'AA 3'],
      ['1', '2', '3'],
    ]);
  });

  it('takes the acknowledgement of another message for none, and starts anew', async () => {
    let wrong = true;
    await using server = await door({ receive: async (bytes) => accepted(wrong ? message('other') : bytes) });
    await using client = sending(server.port);
    await expect(client.send(message('1'))).rejects.toThrow(/mllp-ack-wrong/);
    wrong = false;
    expect(told(await client.send(message('1')))).toBe('AA 1');
  });

  it('does not wait for ever, and a late acknowledgement is not the next one', async () => {
    const held: (() => void)[] = [];
    await using server = await door({
      drainTimeoutMs: 50,
      receive: async (bytes) => {
        if (held.length === 0) await new Promise<void>((resolve) => held.push(resolve));
        return accepted(bytes);
      },
    });
    // Long enough for the second one, however busy the machine is.
    await using client = sending(server.port, { timeoutMs: 1_500 });
    await expect(client.send(message('1'))).rejects.toThrow(/mllp-ack-missing/);
    held[0]?.();
    expect(told(await client.send(message('2')))).toBe('AA 2');
  });

  it('connects again after the receiver was gone', async () => {
    const first = await door();
    await using client = sending(first.port);
    expect(told(await client.send(message('1')))).toBe('AA 1');
    await first.close();
    await expect(client.send(message('2'))).rejects.toThrow(/mllp-closed/);
    await using second = await door({ port: first.port });
    expect([second.port, told(await client.send(message('2')))]).toEqual([first.port, 'AA 2']);
  });

  it('sends nothing that could not be acknowledged', async () => {
    await using client = sending(1);
    await expect(client.send(Buffer.from('MSH|^~\\&|A|B'))).rejects.toThrow(/mllp-nothing-to-acknowledge/);
    await expect(client.send(Buffer.from('hello'))).rejects.toThrow(/mllp-nothing-to-acknowledge/);
  });

  it('says when nobody is there, or who is there cannot be believed', async () => {
    await using nobody = sending(1);
    await expect(nobody.send(message('1'))).rejects.toThrow(/mllp-closed.*ECONNREFUSED/);
    await using server = await door({ tls: { key: SERVER_KEY, cert: SERVER_CERTIFICATE } });
    await using stranger = sending(server.port, { tls: {} });
    await expect(stranger.send(message('1'))).rejects.toThrow(/mllp-closed/);
  });

  it('speaks TLS with certificates on both sides', async () => {
    await using server = await door({ tls: { key: SERVER_KEY, cert: SERVER_CERTIFICATE, ca: AUTHORITY } });
    await using client = sending(server.port, { host: 'localhost', tls: { ca: AUTHORITY, key: CLIENT_KEY, cert: CLIENT_CERTIFICATE } });
    expect(told(await client.send(message('1')))).toBe('AA 1');
  });
});
