import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import type { Logger } from 'pino';
import { type Config, isLoopback } from '../config.ts';
import { createToken, tokens, verifyToken } from '../database/tokens.ts';
import { type Problem, problem, Refusal } from '../errors.ts';
import { type HttpDoor, startHttp } from '../http/server.ts';
import { type MllpServer, startMllp } from '../mllp/server.ts';
import { type Parts, receive } from '../pipeline.ts';
import { type House, pullDate, VERSION } from './house.ts';
import { faultOf as faultCode } from './inputs.ts';
import { startWorker, type Worker } from './worker.ts';

export interface Doors extends AsyncDisposable {
  readonly http: HttpDoor;
  readonly mllp: MllpServer;
  readonly worker: Worker;
  /** A token made just now because there was none and the HTTP door needs one; shown once. */
  readonly newToken: string | undefined;
  /** The HTTP door needs a token, and every one that there was is revoked. */
  readonly isClosedToAll: boolean;
}

const MLLP_LIMITS = { idleTimeoutMs: 300_000, frameTimeoutMs: 30_000, maxConnections: 1_000, maxOpen: 256 };

/** Returns why the doors may not open as the settings say: patient data must not leave this machine in the clear by default. */
export function refusalsToBind(config: Config, insecureBind: boolean): readonly Problem[] {
  if (config.tls !== undefined || insecureBind) return [];
  return [config.http.host, config.mllp.host].filter((host) => !isLoopback(host)).map((host) => problem('bind-not-closed', { host }));
}

/** Opens HTTP and MLLP and starts the worker. `await using` (or dispose) drains: no new messages, open ones answered, batches finished. */
export async function openDoors(config: Config, house: House, log: Logger): Promise<Doors> {
  const { parts } = house;
  const tls = readTls(config);
  const guarded = !isLoopback(config.http.host);
  const http = await listening(config.http, () => httpDoor(config, tls, guarded, parts, log));
  const mllp = await listening(config.mllp, () => mllpDoor(config, tls, parts, log)).catch(async (error: unknown) => {
    await http.close();
    throw error;
  });
  // Only now, when it will be said: a token that nobody saw would close the door for ever.
  const known = guarded ? await tokens(parts.database) : [];
  const newToken = guarded && known.length === 0 ? (await createToken(parts.database, 'first start')).token : undefined;
  const isClosedToAll = known.length > 0 && known.every((each) => each.revokedAt);
  const worker = await startWorker(parts, { parallel: 2, batch: 100, pullDate: () => pullDate(config, new Date()) }, log);
  const close = async () => {
    await Promise.all([mllp.close(), http.close()]);
    await worker.stop();
  };
  return { http, mllp, worker, newToken, isClosedToAll, [Symbol.asyncDispose]: close };
}

type Tls = NonNullable<ReturnType<typeof readTls>>;

const httpDoor = (config: Config, tls: Tls | undefined, guarded: boolean, parts: Parts, log: Logger): Promise<HttpDoor> =>
  startHttp(
    {
      host: config.http.host,
      port: config.http.port,
      tls: tls && { cert: tls.cert, key: tls.key, clientCa: tls.ca },
      maxBodyBytes: config.maxBodyBytes,
      maxMessageBytes: config.maxMessageBytes,
      verifyToken: guarded ? (token) => verifyToken(parts.database, token) : undefined,
      version: VERSION,
    },
    parts,
    log,
  );

const mllpDoor = (config: Config, tls: Tls | undefined, parts: Parts, log: Logger): Promise<MllpServer> =>
  startMllp({
    host: config.mllp.host,
    port: config.mllp.port,
    ...(tls ? { tls: { cert: tls.cert, key: tls.key, ...(tls.ca ? { ca: tls.ca } : {}) } } : {}),
    limits: { ...MLLP_LIMITS, maxBytes: config.maxMessageBytes },
    receive: async (bytes) => (await receive(parts, bytes, 'mllp')).acknowledgement,
    log,
  });

/** Starts to listen; an address that cannot be had is refused by name. */
async function listening<T>({ host, port }: Config['http'], start: () => Promise<T>): Promise<T> {
  try {
    return await start();
  } catch (error) {
    if (!(error instanceof Error) || !('syscall' in error)) throw error;
    throw new Refusal([problem('address-unavailable', { host, port, reason: faultCode(error) })]);
  }
}

/** Returns the PEM texts that the settings name, undefined without TLS; what is no certificate or no key of it is refused. */
export function readTls({ tls }: Config) {
  if (tls === undefined) return undefined;
  const read = { cert: readPem(tls.cert), key: readPem(tls.key), ca: tls.clientCa === undefined ? undefined : readPem(tls.clientCa) };
  try {
    // An empty file is no fault to TLS itself, and no authority would mean that no client is asked for a certificate.
    for (const each of [read.cert, read.ca]) if (each !== undefined) new X509Certificate(each);
    createSecureContext({ ...read, minVersion: 'TLSv1.2' });
    return read;
  } catch (error) {
    throw new Refusal([problem('setting-invalid', { name: 'POLYSEME_TLS_CERT, _KEY, _CLIENT_CA', reason: faultCode(error) })]);
  }
}

function readPem(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new Refusal([problem('file-unreadable', { file: path, reason: faultCode(error) })]);
  }
}
