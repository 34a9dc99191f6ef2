/** Sends one HTTP request to a receiver: no redirect is followed, no word of the receiver is kept, every address is the guard's. */
import { Agent, type IncomingMessage, request as requestPlain } from 'node:http';
import { request as requestTls, Agent as TlsAgent } from 'node:https';
import { type Endpoint, guardedLookup, type OutgoingRules, REFUSED_ADDRESS } from '../../config/outgoing.ts';
import { type Problem, problem } from '../../errors.ts';

/**
 * What a receiver made of it. unreachable: it speaks for nothing that is sent now; failed: it may be of this event; refused: it will not take
 * this event however often it comes. `pauseMs`: how long it asked to be left alone.
 */
export type Answer =
  | { readonly kind: 'accepted' }
  | { readonly kind: 'unreachable' | 'failed' | 'refused'; readonly problem: Problem; readonly pauseMs?: number };

export interface HttpDelivery {
  readonly endpoint: Endpoint;
  readonly method: 'POST' | 'PUT';
  /** Path and query as they go over the line. */
  readonly target: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly timeoutMs: number;
}

export interface HttpSender {
  /** Resolves with what became of it; never rejects because of the receiver. */
  send(delivery: HttpDelivery): Promise<Answer>;
  close(): void;
}

const MOST_SOCKETS = 32;
const MOST_ANSWER_BYTES = 64 * 1024;
const LONGEST_ASKED_PAUSE_MS = 3_600_000;

/** PEM texts: the authorities to believe (the system's when undefined), and the own certificate where the receiver asks for one. */
export interface SenderTls {
  readonly ca: string | undefined;
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
}

/** The texts that are there, as TLS takes them. */
export const tlsTexts = ({ ca, cert, key }: SenderTls): { readonly ca?: string; readonly cert?: string; readonly key?: string } => ({
  ...(ca === undefined ? {} : { ca }),
  ...(cert === undefined || key === undefined ? {} : { cert, key }),
});

/** Returns a sender. */
export function httpSender(rules: OutgoingRules, tlsOf: SenderTls): HttpSender {
  const common = { keepAlive: true, maxSockets: MOST_SOCKETS, lookup: guardedLookup(rules) };
  const plain = new Agent(common);
  const tls = new TlsAgent({ ...common, ...tlsTexts(tlsOf) });
  return {
    send: (delivery) => sent(delivery, delivery.endpoint.scheme === 'https' ? tls : plain),
    close: () => {
      plain.destroy();
      tls.destroy();
    },
  };
}

function sent({ endpoint, method, target, headers, body, timeoutMs }: HttpDelivery, agent: Agent): Promise<Answer> {
  return new Promise((resolve) => {
    const options = {
      host: endpoint.host,
      port: endpoint.port,
      method,
      path: target,
      agent,
      headers: { ...headers, 'content-length': Buffer.byteLength(body) },
    };
    const asked = endpoint.scheme === 'https' ? requestTls(options) : requestPlain(options);
    // Of the whole exchange: a receiver that answers a byte a minute is slow too.
    const timer = setTimeout(() => asked.destroy(Object.assign(new Error('timeout'), { code: 'TIMEOUT' })), timeoutMs);
    const settle = (answer: Answer): void => {
      clearTimeout(timer);
      resolve(answer);
    };
    asked.on('error', (error: NodeJS.ErrnoException) => settle(faultOf(error.code ?? error.name, timeoutMs)));
    asked.on('response', (response) => read(response, () => settle(answerOf(response))));
    asked.end(body);
  });
}

/** Reads the answer's body away; one that does not end is cut off. What was answered is known from its head. */
function read(response: IncomingMessage, done: () => void): void {
  let bytes = 0;
  response.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > MOST_ANSWER_BYTES) response.destroy();
  });
  response.on('error', () => {});
  response.on('close', done);
}

function faultOf(code: string, timeoutMs: number): Answer {
  if (code === 'TIMEOUT') return { kind: 'failed', problem: problem('outgoing-not-answered', { seconds: timeoutMs / 1000 }) };
  if (code === REFUSED_ADDRESS)
    return { kind: 'unreachable', problem: problem('outgoing-address-refused', { reason: 'its name resolves into a private network' }) };
  return { kind: 'unreachable', problem: problem('outgoing-unreachable', { reason: code.slice(0, 64) }) };
}

/** Answers that speak of the receiver as a whole, not of what was sent: credentials, load, something in front of it. */
const OF_THE_RECEIVER = new Set([401, 403, 407, 408, 425, 429, 502, 503, 504]);

function answerOf({ statusCode = 0, headers }: IncomingMessage): Answer {
  const answer = `HTTP ${statusCode}`;
  if (statusCode >= 200 && statusCode < 300) return { kind: 'accepted' };
  if (statusCode >= 300 && statusCode < 400) return { kind: 'refused', problem: problem('outgoing-redirected', { answer }) };
  const pauseMs = askedPause(headers['retry-after']);
  const failed = problem('outgoing-failed', { answer });
  if (OF_THE_RECEIVER.has(statusCode)) return { kind: 'unreachable', problem: failed, ...(pauseMs === undefined ? {} : { pauseMs }) };
  if (statusCode >= 400 && statusCode < 500) return { kind: 'refused', problem: problem('outgoing-rejected', { answer }) };
  return { kind: 'failed', problem: failed };
}

/** Retry-After in seconds (RFC 9110, 10.2.3), at most an hour; dates are not read. */
function askedPause(header: string | undefined): number | undefined {
  return header !== undefined && /^\d{1,9}$/.test(header.trim()) ? Math.min(Number(header) * 1000, LONGEST_ASKED_PAUSE_MS) : undefined;
}
