/** The embedded PostgreSQL for a process that serves: started again, at the same address, when its server process dies. */
import { setTimeout as pause } from 'node:timers/promises';
import { Refusal } from '../../errors.ts';
import { type EmbeddedDatabase, type EmbeddedOptions, startEmbedded } from './embedded.ts';
import { rememberPort } from './folder.ts';

const ATTEMPTS = 5;

/**
 * Returns like startEmbedded, but a server that ends by itself (killed, out of memory) is started again on the same data, port and
 * passwords, so that a pool on `url` only has to connect anew. `exited` is fulfilled after stop(), or with `expected: false` when the
 * server could not be brought back at its address.
 */
export async function keepEmbedded(options: EmbeddedOptions): Promise<EmbeddedDatabase> {
  let current = await startEmbedded(options);
  const url = current.url;
  let stopping = false;
  let restarting: Promise<boolean> = Promise.resolve(true);
  const exited = (async () => {
    for (;;) {
      await current.exited;
      if (stopping) return { expected: true };
      options.log?.warn({ pid: current.pid }, 'PostgreSQL ended by itself; starting it again');
      restarting = restart();
      if (!(await restarting)) return { expected: stopping };
    }
  })();

  async function restart(): Promise<boolean> {
    for (let attempt = 1; attempt <= ATTEMPTS && !stopping; attempt++) {
      try {
        await current.stop();
        const next = await startEmbedded(options);
        if (next.url === url) {
          current = next;
          return true;
        }
        options.log?.warn({ port: next.port }, 'the port of PostgreSQL was taken meanwhile; waiting for it');
        await next.stop();
        rememberPort(options.dataDir, Number(new URL(url).port));
        await pause(attempt * 200);
      } catch (error) {
        options.log?.warn({ reason: error instanceof Refusal ? error.message : String(error) }, 'PostgreSQL did not start again');
        await pause(attempt * 200);
      }
    }
    return false;
  }

  return {
    url,
    version: current.version,
    get port() {
      return current.port;
    },
    get pid() {
      return current.pid;
    },
    get role() {
      return current.role;
    },
    exited,
    stop: async () => {
      stopping = true;
      await restarting;
      await current.stop();
    },
  };
}
