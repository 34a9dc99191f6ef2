/** What makes a running server read its sources and certificates again: SIGHUP, and another content of one of the files. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Sources } from '../../config/sources.ts';
import type { Config } from '../../config.ts';
import { faultOf } from '../convert/inputs.ts';

interface ReloadLog {
  error(values: object, text: string): void;
}

const LOOK_EVERY_MS = 2_000;

/** Returns the paths of all files that a reload would read. */
export function filesOf(config: Config, sources: Sources): readonly string[] {
  const tls = [config.tls, ...sources.list.flatMap(({ listeners }) => listeners.map((each) => each.tls))];
  const certificates = tls.flatMap((each) => (each === undefined ? [] : [each.cert, each.key, each.clientCa]));
  return [...new Set([config.sourcesFile, ...certificates].filter((each) => each !== undefined))].toSorted();
}

/** Contents, not times: files that are mounted or linked anew keep times that say nothing. */
function contentOf(files: readonly string[]): string {
  const hash = createHash('sha256');
  for (const file of files) hash.update(`${file}\0${textOf(file)}\0`);
  return hash.digest('base64');
}

function textOf(file: string): string {
  try {
    return readFileSync(file, 'latin1');
  } catch (error) {
    return faultOf(error);
  }
}

/**
 * Calls `reload` at SIGHUP and when what is in `files` has changed and has then stayed the same for a moment: a certificate and its key are
 * two files. Dispose to end it.
 */
export function reloading(
  files: () => readonly string[],
  reload: () => Promise<unknown>,
  log: ReloadLog,
  lookEveryMs = LOOK_EVERY_MS,
): Disposable {
  let known = contentOf(files());
  let seen = known;
  const now = (): void => {
    seen = contentOf(files());
    known = seen;
    reload().catch((error: unknown) => log.error({ fault: faultOf(error) }, 'reading sources and certificates again failed'));
  };
  const look = (): void => {
    const found = contentOf(files());
    const isCalm = found === seen;
    seen = found;
    if (isCalm && found !== known) now();
  };
  const timer = setInterval(look, lookEveryMs);
  timer.unref();
  process.on('SIGHUP', now);
  return {
    [Symbol.dispose]: () => {
      clearInterval(timer);
      process.off('SIGHUP', now);
    },
  };
}
