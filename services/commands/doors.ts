import { readFileSync } from 'node:fs';
import type { Logger } from 'pino';
import { type Config, isLoopback } from '../config.ts';
import { createToken, tokens, verifyToken } from '../database/tokens.ts';
import { type Problem, problem, Refusal } from '../errors.ts';
import { type HttpDoor, startHttp } from '../http/server.ts';
import { type MllpServer, startMllp } from '../mllp/server.ts';
import { receive } from '../pipeline.ts';
import { type House, pullDate, VERSION } from './house.ts';
import { startWorker, type Worker } from './worker.ts';

export interface Doors extends AsyncDisposable {
  readonly http: HttpDoor;
  readonly mllp: MllpServer;
  readonly worker: Worker;
  /** A token made just now because there was none and the HTTP door needs one; shown once. */
  readonly newToken: string | undefined;
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
  const tls = config.tls && {
    cert: readPem(config.tls.cert),
    key: readPem(config.tls.key),
    ca: config.tls.clientCa && readPem(config.tls.clientCa),
  };
  const guarded = !isLoopback(config.http.host);
  const newToken =
    guarded && (await tokens(parts.database)).every((each) => each.revokedAt)
      ? (await createToken(parts.database, 'first start')).token
      : undefined;
  const http = await startHttp(
    {
      host: config.http.host,
      port: config.http.port,
      tls: tls && { cert: tls.cert, key: tls.key, clientCa: tls.ca },
      maxBodyBytes: config.maxBodyBytes,
      verifyToken: guarded ? (token) => verifyToken(parts.database, token) : undefined,
      version: VERSION,
    },
    parts,
    log,
  );
  const mllp = await startMllp({
    host: config.mllp.host,
    port: config.mllp.port,
    ...(tls ? { tls: { cert: tls.cert, key: tls.key, ...(tls.ca ? { ca: tls.ca } : {}) } } : {}),
    limits: { ...MLLP_LIMITS, maxBytes: config.maxMessageBytes },
    receive: async (bytes) => (await receive(parts, bytes, 'mllp')).acknowledgement,
    log,
  });
  const worker = await startWorker(parts, { parallel: 2, batch: 100, pullDate: () => pullDate(config, new Date()) }, log);
  const close = async () => {
    await Promise.all([mllp.close(), http.close()]);
    await worker.stop();
  };
  return { http, mllp, worker, newToken, [Symbol.asyncDispose]: close };
}

function readPem(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new Refusal([
      problem('file-unreadable', { file: path, reason: error instanceof Error && 'code' in error ? String(error.code) : 'unknown fault' }),
    ]);
  }
}
