/** Requests that are answered before the server library's routing and hooks: the same access, log and metrics at a third of its cost. */
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { type AccessSettings, refusalOfCaller, refusalOnLoopback } from './access.ts';

/** A whole answer. */
export interface Answered {
  /** The pattern of the route, as log and metrics name it. */
  readonly route: string;
  readonly status: number;
  /** Content-Type. */
  readonly type: string;
  /** Beside Content-Type and Content-Length. */
  readonly headers?: Readonly<Record<string, string>>;
  /** A text goes out with the headers in one piece. */
  readonly bytes: Buffer | string;
}

/** What answers some requests by itself. */
export interface QuickWay {
  /** Whether a request is one of those, by its address and headers alone. */
  takes(request: IncomingMessage): boolean;
  /** Undefined: not now; the usual way is to answer. */
  answer(request: IncomingMessage): Answered | undefined | Promise<Answered | undefined>;
}

export interface QuickSettings extends AccessSettings {
  /** While the door closes the usual way says so to whoever asks. */
  readonly isClosing: () => boolean;
  /** Hears of every request that was answered here. */
  readonly ended: (told: RequestEnd) => void;
  /** Hears of what went wrong here; the usual way answers then, or the connection ends where an answer had begun. */
  readonly failed: (error: unknown) => void;
}

/** What log and metrics say of a request. */
export interface RequestEnd {
  readonly method: string;
  readonly route: string;
  readonly status: number;
  readonly ms: number;
}

/** Puts a quick way before what listens to a server's requests now; whatever it does not answer goes there untouched. */
export function putBefore(server: Server, quick: QuickWay, settings: QuickSettings): void {
  const usual = server.listeners('request');
  server.removeAllListeners('request');
  const pass = (request: IncomingMessage, response: ServerResponse): void => {
    for (const each of usual) Reflect.apply(each, server, [request, response]);
  };
  const failed = (request: IncomingMessage, response: ServerResponse, error: unknown): void => {
    settings.failed(error);
    if (!response.headersSent) pass(request, response);
    else if (!response.writableEnded) response.destroy();
  };
  const serve = (request: IncomingMessage, response: ServerResponse): void => {
    const started = performance.now();
    const send = (answered: Answered | undefined): void => {
      if (answered === undefined) {
        pass(request, response);
        return;
      }
      const { route, status, type, headers, bytes } = answered;
      const closed = settings.isClosing() ? { connection: 'close' } : undefined;
      response.writeHead(status, { ...headers, ...closed, 'content-type': type, 'content-length': Buffer.byteLength(bytes) });
      response.end(bytes);
      settings.ended({ method: 'GET', route, status, ms: performance.now() - started });
    };
    const answered = quick.answer(request);
    if (answered instanceof Promise) answered.then(send).catch((error: unknown) => failed(request, response, error));
    else send(answered);
  };
  const handle = (request: IncomingMessage, response: ServerResponse): void => {
    // Whoever may not call is told so by the usual way.
    if (settings.isClosing() || !quick.takes(request)) pass(request, response);
    else if (settings.verifyToken === undefined) (refusalOnLoopback(request.headers) === undefined ? serve : pass)(request, response);
    else
      refusalOfCaller(request.headers, settings)
        .then((refusal) => (refusal === undefined ? serve : pass)(request, response))
        .catch((error: unknown) => failed(request, response, error));
  };
  server.on('request', (request, response) => {
    try {
      handle(request, response);
    } catch (error) {
      failed(request, response, error);
    }
  });
}
