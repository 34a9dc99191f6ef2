/** Receivers of what is sent out, for tests: they note everything, and answer as they are told. */
import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import { acknowledgement } from '../../services/hl7v2/acknowledge.ts';
import { parseMessage } from '../../services/hl7v2/parse.ts';
import { type MllpTls, startMllp } from '../../services/mllp/server.ts';

export interface Heard {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

export interface HttpReceiver extends AsyncDisposable {
  readonly port: number;
  readonly heard: readonly Heard[];
  /** Resolves when `count` requests were heard. */
  until(count: number): Promise<void>;
}

/** What a receiver does with a request: a status, headers, or nothing at all (hang). */
export type Reaction = number | 'hang' | { readonly status: number; readonly headers: Readonly<Record<string, string>> };

/** An HTTP receiver on a free port, or on `port`. */
export async function httpReceiver(
  react: (heard: Heard, count: number) => Reaction | Promise<Reaction> = () => 200,
  port = 0,
): Promise<HttpReceiver> {
  const heard: Heard[] = [];
  const waiting: (() => void)[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', async () => {
      const body = Buffer.concat(chunks).toString('utf8');
      const told = { method: request.method ?? '', path: request.url ?? '', headers: request.headers, body };
      heard.push(told);
      for (const wake of waiting.splice(0)) wake();
      const reaction = await react(told, heard.length);
      if (reaction === 'hang') return;
      const { status, headers } = typeof reaction === 'number' ? { status: reaction, headers: {} } : reaction;
      response.writeHead(status, headers).end('{"said":"by the receiver"}');
    });
  });
  // A connection that is closed for having been idle, as it is used again, is a failure that is counted.
  server.keepAliveTimeout = 0;
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    heard,
    until: async (count) => {
      while (heard.length < count) await new Promise<void>((resolve) => waiting.push(resolve));
    },
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

/** An MLLP receiver: `answer` returns MSA-1 for a message, and MSA-2 where it is to be another. */
export async function mllpReceiver(
  answer: (text: string, count: number) => { readonly code: string; readonly id?: string } = () => ({ code: 'AA' }),
  tls?: MllpTls,
) {
  const heard: string[] = [];
  const server = await startMllp({
    host: '127.0.0.1',
    port: 0,
    ...(tls === undefined ? {} : { tls }),
    limits: { maxBytes: 1_000_000, idleTimeoutMs: 60_000, frameTimeoutMs: 10_000, maxConnections: 10 },
    receive: async (bytes) => {
      const text = Buffer.from(bytes).toString('latin1');
      heard.push(text);
      const { code, id } = answer(text, heard.length);
      const parsed = parseMessage(bytes);
      const made = acknowledgement(parsed.ok ? parsed.value : undefined, {
        code: 'AA',
        problems: [],
        controlId: 'ack',
        timestamp: new Date(0),
      });
      const said = Buffer.from(made).toString('latin1').replace('MSA|AA|', `MSA|${code}|`);
      return Buffer.from(id === undefined ? said : said.replace(/MSA\|(..)\|[^|\r]*/, `MSA|$1|${id}`), 'latin1');
    },
    log: { info: () => {}, warn: () => {} },
  });
  return { port: server.port, heard, [Symbol.asyncDispose]: () => server.close() };
}
