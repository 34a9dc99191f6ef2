/** Fetches files of a bulk import: every address is the guard's, no redirect is followed, nothing is kept but one line. */
import { Agent, type IncomingMessage, request as requestPlain } from 'node:http';
import { request as requestTls, Agent as TlsAgent } from 'node:https';
import { pipeline, type Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { type Endpoint, guardedEndpoint, guardedLookup, NOTHING_OUT, REFUSED_ADDRESS } from '../../config/outgoing.ts';
import { type Problem, problem, Refusal } from '../../errors.ts';
import type { Parts } from '../parts.ts';
import type { LinesOf } from './job.ts';

export interface FileSettings {
  /** PEM text of the authorities to believe, the system's when undefined. */
  readonly ca: string | undefined;
  readonly maxLineBytes: number;
  /** Longest silence of the other side. */
  readonly idleMs: number;
}

const LINE_END = 0x0a;
const fault = (reason: string): Refusal => new Refusal([problem('import-file', { reason })]);

/** Returns why files may not be fetched from an address; nothing when they may. */
export const addressProblems = ({ outgoing = NOTHING_OUT }: Parts, url: string): readonly Problem[] =>
  guardedEndpoint(outgoing, url).problems;

/** Returns what reads NDJSON files line by line from the addresses that may be sent to; gzip is read where the other side chose it. */
export function fileReader({ outgoing = NOTHING_OUT }: Parts, settings: FileSettings): LinesOf & { close(): void } {
  const lookup = guardedLookup(outgoing);
  const plain = new Agent({ lookup });
  const tls = new TlsAgent({ lookup, ...(settings.ca === undefined ? {} : { ca: settings.ca }) });
  async function* lines(url: string, isStopped: () => boolean): AsyncGenerator<Uint8Array> {
    const endpoint = guardedEndpoint(outgoing, url);
    if (!endpoint.ok) throw new Refusal(endpoint.problems);
    const response = await answered(endpoint.value, url, endpoint.value.scheme === 'https' ? tls : plain, settings.idleMs);
    try {
      yield* linesIn(contentOf(response), settings.maxLineBytes, isStopped);
    } catch (error) {
      if (error instanceof Refusal) throw error;
      throw fault(`it broke off (${codeOf(error)})`);
    } finally {
      response.destroy();
    }
  }
  return Object.assign(lines, {
    close: () => {
      plain.destroy();
      tls.destroy();
    },
  });
}

const codeOf = (error: unknown): string => (error instanceof Error && 'code' in error ? String(error.code).slice(0, 64) : 'unknown');

function answered({ scheme, host, port }: Endpoint, url: string, agent: Agent, idleMs: number): Promise<IncomingMessage> {
  const { pathname, search } = new URL(url);
  const headers = { accept: 'application/fhir+ndjson', 'accept-encoding': 'gzip' };
  const options = { host, port, method: 'GET', path: `${pathname}${search}`, agent, headers, timeout: idleMs };
  return new Promise((resolve, reject) => {
    const asked = scheme === 'https' ? requestTls(options) : requestPlain(options);
    asked.on('timeout', () => asked.destroy(Object.assign(new Error('silent'), { code: 'ETIMEDOUT' })));
    asked.on('error', (error: NodeJS.ErrnoException) =>
      reject(fault(error.code === REFUSED_ADDRESS ? 'its name resolves into a private network' : `no connection (${codeOf(error)})`)),
    );
    asked.on('response', (response) => {
      if (response.statusCode === 200) return resolve(response);
      response.destroy();
      reject(fault(`the answer was HTTP ${response.statusCode}`));
    });
    asked.end();
  });
}

function contentOf(response: IncomingMessage): Readable {
  const coding = response.headers['content-encoding'] ?? 'identity';
  if (coding === 'identity') return response;
  if (coding !== 'gzip') throw fault('it is coded in a way that was not asked for');
  const unpacked = createGunzip();
  // It passes on what breaks the connection.
  pipeline(response, unpacked, () => {});
  return unpacked;
}

/** Lines as bytes: text that is not UTF-8 must be refused where it is read, not mended on the way. */
async function* linesIn(content: Readable, maxLineBytes: number, isStopped: () => boolean): AsyncGenerator<Uint8Array> {
  let rest: Uint8Array[] = [];
  let waiting = 0;
  for await (const chunk of content) {
    if (isStopped()) return;
    if (!Buffer.isBuffer(chunk)) continue;
    let start = 0;
    for (let end = chunk.indexOf(LINE_END); end >= 0; end = chunk.indexOf(LINE_END, start)) {
      yield Buffer.concat([...rest, chunk.subarray(start, end)]);
      [rest, waiting, start] = [[], 0, end + 1];
    }
    rest.push(chunk.subarray(start));
    waiting += chunk.length - start;
    if (waiting > maxLineBytes) throw new Refusal([problem('too-large', { limit: maxLineBytes })]);
  }
  if (waiting > 0) yield Buffer.concat(rest);
}
