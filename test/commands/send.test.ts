import { describe, expect, it } from 'vitest';
import { acknowledgement } from '../../services/hl7v2/acknowledge.ts';
import { parseMessage, readHeader } from '../../services/hl7v2/parse.ts';
import { deliver } from '../../services/mllp/delivery.ts';
import { latencyOf } from '../../services/mllp/latency.ts';
import { at } from '../http/door.ts';
import { AUTHORITY, SERVER_CERTIFICATE, SERVER_KEY } from '../mllp/certificates.ts';
import { accepted, door } from '../mllp/doors.ts';
import { folder, ran } from './command-line.ts';

/** A message about patients, 'A' or 'A~B'. */
const message = (id: string, patient: string): string =>
  `MSH|^~\\&|A|B|||1||ADT^A08|${id}|P|2.5.1\rPID|||${patient
    .split('~')
    .map((each) => `${each}^^^B`)
    .join('~')}\r`;
const idOf = (bytes: Uint8Array): string => readHeader(bytes)?.controlId ?? '';
const refused = (bytes: Uint8Array, code: 'AE' | 'AR', place = 'PID-3'): Uint8Array => {
  const parsed = parseMessage(bytes);
  const answer = {
    code,
    problems: [{ code: 'mapping-key-empty', text: 'none', at: place }],
    controlId: 'ack',
    timestamp: new Date(0),
  } as const;
  return acknowledgement(parsed.ok ? parsed.value : undefined, answer);
};

const send = (...args: readonly string[]) => ran(['send', ...args]);

describe('polyseme send', () => {
  it('does not send what asks for no answer, says so at once, and goes on', async () => {
    using files = folder();
    const seen: string[] = [];
    await using server = await door({
      receive: async (bytes) => {
        seen.push(idOf(bytes));
        return accepted(bytes);
      },
    });
    const asking = (id: string, conditions: string): string => message(id, 'P').replace('|P|2.5.1', `|P|2.5.1|||${conditions}`);
    const file = files.write('1.hl7', asking('1', 'NE|NE') + asking('2', 'ER|NE') + asking('3', 'NE|AL') + message('4', 'P'));
    const { code, said } = await send(file, '--to', `127.0.0.1:${server.port}`);
    expect([code, seen]).toEqual([1, ['3', '4']]);
    expect(said).toMatch(/2 messages: not sent mllp-asks-no-answer/);
  });

  it('says that nothing was acknowledged when nobody listens, and ends with 1', async () => {
    using files = folder();
    const closed = await door({ receive: async (bytes) => accepted(bytes) });
    await closed[Symbol.asyncDispose]();
    const file = files.write('1.hl7', message('1', 'P'));
    const { code, out, said } = await send(file, '--to', `127.0.0.1:${closed.port}`, '--retries', '1');
    expect([code, out, said]).toEqual([
      1,
      'Nothing was acknowledged.',
      expect.stringMatching(/ECONNREFUSED[\s\S]*1 message read and not sent/),
    ]);
    expect((await send(files.path, '--to', `127.0.0.1:${closed.port}`)).said).toContain('file-is-folder');
  });

  it('sends messages and batches in their order and counts the answers', async () => {
    using files = folder();
    const seen: string[] = [];
    await using server = await door({
      receive: async (bytes) => {
        seen.push(idOf(bytes));
        return accepted(bytes);
      },
    });
    const batch = files.write('1.hl7', `FHS|^~\\&|A\rBHS|^~\\&|A\r${message('1', 'P')}${message('2', 'Q')}BTS|2\rFTS|1\r`);
    const single = files.write('2.hl7', message('3', 'P'));
    const { code, out } = await send(batch, single, '--to', `127.0.0.1:${server.port}`, '--json');
    const report: unknown = JSON.parse(out);
    expect([code, seen, at(report, 'codes'), at(report, 'retries')]).toEqual([0, ['1', '2', '3'], { AA: 3 }, 0]);
    expect(at(report, 'latency', 'maxMs')).toBeGreaterThan(0);
  });

  it('goes on after a negative acknowledgement, never repeats it, and ends with 1', async () => {
    using files = folder();
    const seen: string[] = [];
    await using server = await door({
      receive: async (bytes) => {
        seen.push(idOf(bytes));
        return idOf(bytes) === '2' ? refused(bytes, 'AE') : accepted(bytes);
      },
    });
    const file = files.write('1.hl7', message('1', 'P') + message('2', 'Q') + message('3', 'P'));
    const { code, out, said } = await send(file, '--to', `127.0.0.1:${server.port}`);
    expect([code, seen]).toEqual([1, ['1', '2', '3']]);
    expect(said).toMatch(/1 message: AE mapping-key-empty at PID\^1\^3; first: .*1\.hl7#2 \(control id 2\)/);
    expect(out).toMatch(/AA +2\nAE +1/);
    expect(out).toMatch(/latency {2}p50 .* p95 .* p99 .* max /);
  });

  it('sends again what was not acknowledged, before anything that follows', async () => {
    using files = folder();
    const seen: string[] = [];
    await using server = await door({
      receive: async (bytes) => {
        seen.push(idOf(bytes));
        // Another message's acknowledgement is none: the client gives up the connection.
        return accepted(seen.length === 2 ? Buffer.from(message('other', 'P')) : bytes);
      },
    });
    const file = files.write('1.hl7', message('1', 'P') + message('2', 'P') + message('3', 'P'));
    const { code, out } = await send(file, '--to', `127.0.0.1:${server.port}`, '--json');
    expect([code, seen, at(JSON.parse(out), 'retries')]).toEqual([0, ['1', '2', '2', '3'], 1]);
  });

  it('gives up after its retries, and says what was not sent', async () => {
    using files = folder();
    const file = files.write('1.hl7', message('1', 'P') + message('2', 'P'));
    const { code, out, said } = await send(file, '--to', '127.0.0.1:1', '--retries', '1', '--json');
    expect([code, at(JSON.parse(out), 'acknowledged'), at(JSON.parse(out), 'unsent')]).toEqual([1, 0, 2]);
    expect(at(JSON.parse(out), 'failure', 0, 'code')).toBe('mllp-closed');
    expect(said).toBe('');
  });

  it('speaks TLS to a receiver it has reason to believe', async () => {
    using files = folder();
    await using server = await door({ tls: { key: SERVER_KEY, cert: SERVER_CERTIFICATE } });
    const file = files.write('1.hl7', message('1', 'P'));
    const ca = files.write('ca.pem', AUTHORITY);
    const to = `localhost:${server.port}`;
    expect((await send(file, '--to', to, '--tls', '--retries', '1')).code).toBe(1);
    expect((await send(file, '--to', to, '--tls', '--ca', ca)).code).toBe(0);
  });

  it('sends nothing when a file is missing, and only HL7v2', async () => {
    using files = folder();
    await using server = await door();
    const to = ['--to', `127.0.0.1:${server.port}`];
    const missing = await send(files.write('1.hl7', message('1', 'P')), '/nowhere/2.hl7', ...to);
    expect([missing.code, missing.out]).toEqual([1, '']);
    expect(missing.said).toMatch(/file-unreadable/);
    const fhir = await send(files.write('p.json', '{"resourceType":"Patient"}'), ...to);
    expect(fhir.code).toBe(1);
    expect(fhir.said).toMatch(/send-not-hl7v2/);
    const nameless = await send(files.write('3.hl7', 'MSH|^~\\&|A|B|||1||ADT^A08||P|2.5.1\r'), ...to);
    expect(nameless.code).toBe(1);
    expect(nameless.said).toMatch(/not sent mllp-nothing-to-acknowledge/);
  });

  it('tells a wrong call by its exit code', async () => {
    expect((await send('x.hl7')).code).toBe(2);
    expect((await send('x.hl7', '--to', 'h:1', '--rate', 'fast')).code).toBe(2);
    expect((await send('x.hl7', '--to', 'nowhere')).code).toBe(1);
    expect((await send('--help')).out).toMatch(/^Examples:/);
  });
});

describe('delivery over several connections', () => {
  it('keeps each patient in order, merges too, and answers none twice', async () => {
    const seen: string[] = [];
    let open = 0;
    let most = 0;
    await using server = await door({
      receive: async (bytes) => {
        most = Math.max(most, ++open);
        await new Promise((resolve) => setImmediate(resolve));
        open -= 1;
        seen.push(idOf(bytes));
        return accepted(bytes);
      },
    });
    const patients = ['P', 'Q', 'R', 'S', 'P~Q', 'T', 'Q', 'R~S', 'P', 'S~T~P'];
    const messages = Array.from({ length: 200 }, (_, index) => {
      const patient = patients[index % patients.length] ?? '';
      return { from: 'test', bytes: Buffer.from(message(`${index}:${patient}`, patient)) };
    });
    const receiver = { host: '127.0.0.1', port: server.port, timeoutMs: 60_000 };
    const report = await deliver(messages, { receiver, connections: 4, retries: 0, retryAfterMs: 1 });
    expect([report.codes, report.rejectedCount, seen.length]).toEqual([{ AA: 200 }, 0, 200]);
    expect(most).toBeGreaterThan(1);
    for (const patient of ['P', 'Q', 'R', 'S', 'T']) {
      const order = seen.filter((id) => id.split(':')[1]?.split('~').includes(patient)).map((id) => Number.parseInt(id, 10));
      expect(order).toEqual(order.toSorted((a, b) => a - b));
    }
  });

  it('keeps to its rate, and ends in good order when asked', async () => {
    await using server = await door();
    const receiver = { host: '127.0.0.1', port: server.port, timeoutMs: 60_000 };
    const messages = Array.from({ length: 30 }, (_, index) => ({ from: 'test', bytes: Buffer.from(message(`${index}`, 'P')) }));
    const report = await deliver(messages, { receiver, connections: 2, perSecond: 200, retries: 0, retryAfterMs: 1 });
    // Never faster: the thirtieth is due after 29 intervals of 5 ms.
    expect(report.seconds).toBeGreaterThan(0.14);
    const controller = new AbortController();
    const onDone = () => controller.abort();
    const ended = await deliver(messages, { receiver, connections: 1, retries: 0, retryAfterMs: 1, signal: controller.signal, onDone });
    expect([ended.interrupted, ended.acknowledged]).toEqual([true, 1]);
  });

  it('groups what was not accepted by its reasons, and tells only so many of them apart', async () => {
    let n = 0;
    await using server = await door({ receive: async (bytes) => refused(bytes, 'AE', n++ < 10 ? 'PID-3' : `PID[${n}]-3`) });
    const messages = Array.from({ length: 300 }, (_, index) => ({ from: `m${index}`, bytes: Buffer.from(message(`${index}`, 'P')) }));
    const receiver = { host: '127.0.0.1', port: server.port, timeoutMs: 60_000 };
    const report = await deliver(messages, { receiver, connections: 1, retries: 0, retryAfterMs: 1 });
    expect([report.rejectedCount, report.rejected.length, report.rejectedFor.length]).toEqual([300, 100, 201]);
    expect(report.rejectedFor.map(({ count }) => count).slice(0, 3)).toEqual([91, 10, 1]);
    expect(report.rejectedFor[1]?.sample).toEqual({ from: 'm0', controlId: '0', code: 'AE', reasons: ['mapping-key-empty at PID^1^3'] });
  });

  it('tells latencies by nearest rank', () => {
    const hundred = Array.from({ length: 100 }, (_, index) => index + 1);
    expect(latencyOf(hundred)).toEqual({ p50Ms: 50, p95Ms: 95, p99Ms: 99, maxMs: 100 });
    expect(latencyOf([])).toEqual({ p50Ms: 0, p95Ms: 0, p99Ms: 0, maxMs: 0 });
  });
});
