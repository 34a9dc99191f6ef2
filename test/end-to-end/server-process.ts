import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

/** A `polyseme serve` of its own process, as a user starts it. */
export interface ServerProcess {
  readonly httpUrl: string;
  readonly mllpPort: number;
  readonly child: ChildProcess;
  /** Everything it has said so far. */
  said(): string;
  /** SIGKILL; resolves when the process is gone. */
  kill(): Promise<void>;
  /** SIGTERM; resolves with the exit code. */
  stop(): Promise<number | null>;
}

const MAIN = resolve(import.meta.dirname, '..', '..', 'services', 'main.ts');

/** Starts a server on free ports; resolves when it says where it listens, rejects with what it said when it ends before. */
export function startServer(environment: Readonly<Record<string, string>>, args: readonly string[] = []): Promise<ServerProcess> {
  const env = {
    PATH: process.env['PATH'] ?? '',
    POLYSEME_HTTP_PORT: '0',
    POLYSEME_MLLP_PORT: '0',
    POLYSEME_LOG_LEVEL: 'warn',
    ...environment,
  };
  const child = spawn(process.execPath, [MAIN, 'serve', ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  const ended = new Promise<number | null>((done) => child.once('exit', (code) => done(code)));
  // A test that fails before it stops its server must not leave it behind.
  const abandon = () => child.kill('SIGKILL');
  process.once('exit', abandon);
  void ended.then(() => process.off('exit', abandon));
  let said = '';
  return new Promise((done, failed) => {
    const listen = (chunk: Buffer) => {
      said += chunk.toString('utf8');
      const http = /FHIR\s+(https?:\/\/\S+?)\/fhir/.exec(said)?.[1];
      const mllp = /MLLP \S+?:(\d+)/.exec(said)?.[1];
      if (http === undefined || mllp === undefined || !said.includes('Stop')) return;
      done({
        httpUrl: http,
        mllpPort: Number(mllp),
        child,
        said: () => said,
        kill: async () => {
          child.kill('SIGKILL');
          await ended;
        },
        stop: () => {
          child.kill('SIGTERM');
          return ended;
        },
      });
    };
    child.stderr.on('data', listen);
    child.stdout.on('data', listen);
    void ended.then((code) => failed(new Error(`serve ended with ${code}: ${said}`)));
  });
}

/** Process number of the embedded PostgreSQL of a data folder. */
export const postmasterPid = (dataDir: string): number =>
  Number(readFileSync(join(dataDir, 'postgres', 'postmaster.pid'), 'utf8').split('\n')[0]);
