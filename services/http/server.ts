import { STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import { Server as TlsServer } from 'node:tls';
import { type FastifyError, type FastifyInstance, type FastifyReply, type FastifyRequest, fastify } from 'fastify';
import type { Logger } from 'pino';
import type { ServerLimits } from '../../terminology/fhir/limits.ts';
import { ERRORS, type Problem, problem, Refusal } from '../errors.ts';
import { writeJson } from '../fhir/format/json.ts';
import { operationOutcome } from '../fhir/outcome.ts';
import type { Parts } from '../pipeline.ts';
import { refusalOfCaller, refusalOnLoopback } from './access.ts';
import { adminMessagesRoutes } from './admin/messages.ts';
import { adminOmopRoutes } from './admin/omop.ts';
import { adminOperationsRoutes } from './admin/operations.ts';
import { adminQualityRoutes } from './admin/quality.ts';
import { guardAdmin } from './admin/roles.ts';
import { adminSqlRoutes } from './admin/sql.ts';
import { adminTerminologyRoutes } from './admin/terminology.ts';
import { adminUnmappedRoutes } from './admin/unmapped.ts';
import { consoleRoutes } from './console.ts';
import { exportRoutes } from './fhir/export.ts';
import { fhirRoutes } from './fhir/fhir.ts';
import { importRoutes } from './fhir/import.ts';
import { quickReads } from './fhir/quick.ts';
import { FHIR_PATH, notOffered, operationIn } from './fhir/request.ts';
import { viewTableRoutes } from './fhir/view-tables.ts';
import { hl7v2Routes } from './hl7v2.ts';
import { mapsRoutes } from './maps/routes.ts';
import { type DoorGauges, metricsRoutes } from './metrics/metrics.ts';
import { FHIR_JSON, sendProblems } from './problems.ts';
import { putBefore, type QuickSettings, type RequestEnd } from './quick.ts';
import { socketDoor } from './sockets.ts';
import { statusRoutes } from './status.ts';
import { terminologyRoutes } from './terminology/terminology.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Answered without a token: holds nothing of patients. */
    readonly isOpen?: boolean;
  }
}

export interface HttpSettings {
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  /** PEM texts. */
  readonly tls: { readonly cert: string; readonly key: string; readonly clientCa: string | undefined } | undefined;
  /** Largest body of a FHIR request, and of an HL7v2 message. */
  readonly maxBodyBytes: number;
  readonly maxMessageBytes: number;
  /** PEM text of the authorities that files are fetched from; the system's when undefined. */
  readonly outgoingCa?: string | undefined;
  /** Undefined on loopback: whoever is on this machine may call. */
  readonly verifyToken: ((token: string) => Promise<boolean>) | undefined;
  readonly version: string;
  /** How much terminology operations do, where it is not the usual. */
  readonly terminology?: Partial<ServerLimits> | undefined;
  /** What /metrics tells of the doors beside the journal. */
  readonly gauges?: (() => DoorGauges) | undefined;
}

export interface HttpDoor {
  readonly url: string;
  /** Takes another certificate for the connections to come; nothing without TLS. */
  renew(tls: NonNullable<HttpSettings['tls']>): void;
  /** Stops taking requests, lets the running ones finish for ten seconds, then cuts them off. */
  close(): Promise<void>;
}

/** Opens the HTTP door: FHIR under /fhir/R4, HL7v2 at POST /hl7v2, /healthz and /readyz. Resolves when it listens. */
export async function startHttp(settings: HttpSettings, parts: Parts, log: Logger): Promise<HttpDoor> {
  const door = serverOf(settings);
  door.removeAllContentTypeParsers();
  // A body is bytes until a route that knows its type reads it; nothing is parsed before the caller is known.
  door.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
  // Hooks of every request call back instead of promising: a promise for each costs a lookup a tenth of its time.
  door.addHook('onRequest', (request, _reply, done) => {
    const decide = (refusal: Problem | undefined): void => done(refusal && new Refusal([refusal]));
    if (settings.verifyToken === undefined) decide(refusalOnLoopback(request.headers));
    // The console's own files, which ask for the token: to be had without one, by nobody else than may come here at all.
    else if (request.routeOptions.config.isOpen === true) done();
    else refusalOfCaller(request.headers, settings).then(decide, done);
  });
  let closing = false;
  // A connection kept for the next request would hold up the end until its caller lets go of it.
  door.addHook('onSend', (_request, reply, _payload, done) => {
    if (closing) reply.header('connection', 'close');
    done();
  });
  // The route's pattern, never the address: searches carry patients' data.
  door.addHook('onResponse', (request, reply, done) => {
    log.info(
      { method: request.method, route: request.routeOptions.url ?? '-', status: reply.statusCode, ms: Math.round(reply.elapsedTime) },
      'http',
    );
    done();
  });
  door.setErrorHandler<FastifyError>((error, request, reply) => {
    // The rest of a body that is too large is thrown away as it comes: closing at once would take the answer from who still sends.
    if (error.statusCode === 413) {
      reply.removeHeader('connection');
      request.raw.resume();
    }
    return sendProblems(reply, problemsOf(error, request, settings, log));
  });
  door.setNotFoundHandler((request, reply) => {
    const operation = request.url.startsWith(`${FHIR_PATH}/`) ? operationIn(request.url) : undefined;
    return sendProblems(reply, [operation === undefined ? problem('route-not-found') : notOffered(request, operation)]);
  });
  routes(door, parts, settings, { log, isClosing: () => closing });
  await door.listen({ host: settings.host, port: settings.port });
  const address = door.server.address();
  const host = settings.host.includes(':') ? `[${settings.host}]` : settings.host;
  return {
    url: `${settings.tls ? 'https' : 'http'}://${host}:${typeof address === 'object' && address !== null ? address.port : settings.port}`,
    renew: (tls) => {
      if (door.server instanceof TlsServer) door.server.setSecureContext(secured(tls));
    },
    close: async () => {
      closing = true;
      const cut = setTimeout(() => door.server.closeAllConnections(), DRAIN_MS);
      await door.close();
      clearTimeout(cut);
    },
  };
}

/** Every door, in one visible table. */
function routes(
  door: FastifyInstance,
  parts: Parts,
  settings: HttpSettings,
  { log, isClosing }: Pick<QuickSettings, 'isClosing'> & { readonly log: Logger },
): void {
  consoleRoutes(door);
  statusRoutes(door, parts);
  guardAdmin(door, parts, settings.verifyToken !== undefined);
  adminMessagesRoutes(door, parts);
  adminOmopRoutes(door, parts);
  adminQualityRoutes(door, parts, settings.version);
  adminSqlRoutes(door, parts, settings.verifyToken !== undefined);
  adminOperationsRoutes(door, parts, settings.gauges);
  adminUnmappedRoutes(door, parts);
  mapsRoutes(door, { parts, isGuarded: settings.verifyToken !== undefined });
  const measured = metricsRoutes(door, parts, settings.gauges);
  hl7v2Routes(door, parts, settings.maxMessageBytes);
  const terminology = terminologyRoutes(door, parts, settings);
  const quick = {
    ...settings,
    isClosing,
    ended: (told: RequestEnd) => {
      measured(told);
      log.info({ ...told, ms: Math.round(told.ms) }, 'http');
    },
    failed: (error: unknown) => log.error({ fault: error instanceof Error ? error.name : 'unknown' }, 'a quick answer failed'),
  };
  putBefore(door.server, quickReads(parts), quick);
  putBefore(door.server, terminology.quick, quick);
  fhirRoutes(door, parts, settings, terminology);
  adminTerminologyRoutes(door, parts, terminology.library);
  const background = { needsToken: settings.verifyToken !== undefined, log };
  exportRoutes(door, parts, background);
  viewTableRoutes(door, parts, background);
  socketDoor(door, parts, settings);
  importRoutes(door, parts, { ...background, maxBodyBytes: settings.maxBodyBytes, outgoingCa: settings.outgoingCa });
}

const DRAIN_MS = 10_000;
const REQUEST_TIMEOUT_MS = 120_000;

const secured = ({ cert, key, clientCa }: NonNullable<HttpSettings['tls']>) => ({
  cert,
  key,
  ...(clientCa ? { ca: clientCa, requestCert: true, rejectUnauthorized: true } : {}),
});

function serverOf(settings: HttpSettings): FastifyInstance {
  // Addresses that no route can be found for never come to the hooks; fastify's own answer would quote them, to anybody.
  const frameworkErrors = (error: FastifyError, request: FastifyRequest, reply: FastifyReply): void => {
    refusalOfCaller(request.headers, settings).then(
      (refusal) => sendProblems(reply, [refusal ?? problem('request-malformed', { reason: error.code })]),
      () => sendProblems(reply, [problem('database-unreachable')]),
    );
  };
  const common = {
    bodyLimit: settings.maxBodyBytes,
    forceCloseConnections: 'idle',
    requestTimeout: REQUEST_TIMEOUT_MS,
    routerOptions: { maxParamLength: 200 },
    frameworkErrors,
    clientErrorHandler: refuseUnread,
  } as const;
  if (!settings.tls) return fastify(common);
  return fastify({ ...common, https: secured(settings.tls) }) as unknown as FastifyInstance;
}

function refusalOfUnread(code: string | undefined): Problem {
  if (code === 'HPE_HEADER_OVERFLOW') return problem('headers-too-large');
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return problem('request-late', { seconds: REQUEST_TIMEOUT_MS / 1000 });
  return problem('request-malformed', { reason: code ?? 'it is not HTTP' });
}

/** What is not HTTP, or too long before its body: nothing of it was read, so that nobody is known by it. */
function refuseUnread({ code }: NodeJS.ErrnoException, socket: Duplex): void {
  if (code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const refusal = refusalOfUnread(code);
  const { status } = ERRORS[refusal.code];
  const body = Buffer.from(writeJson(operationOutcome([refusal])));
  socket.end(
    Buffer.concat([
      Buffer.from(
        `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\nconnection: close\r\ncontent-type: ${FHIR_JSON}\r\ncontent-length: ${body.length}\r\n\r\n`,
      ),
      body,
    ]),
  );
}

function problemsOf(error: FastifyError, request: FastifyRequest, settings: HttpSettings, log: Logger): readonly Problem[] {
  if (error instanceof Refusal) return error.problems;
  if (error.statusCode === 413) return [problem('too-large', { limit: request.routeOptions.bodyLimit ?? settings.maxBodyBytes })];
  if (error.statusCode === 415)
    return [problem('media-type-not-supported', { type: request.headers['content-type'] ?? 'that is missing' })];
  if (error.statusCode !== undefined && error.statusCode < 500) return [problem('request-malformed', { reason: error.code })];
  log.error(
    {
      route: request.routeOptions.url,
      fault: error.name,
      stack: error.stack
        ?.split('\n')
        .filter((line) => /^\s+at /.test(line))
        .slice(0, 5),
    },
    'http failed',
  );
  return [problem('internal', { reason: error.name })];
}
