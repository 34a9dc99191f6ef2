import { readFileSync } from 'node:fs';
import type { Logger } from 'pino';
import { configuredSources } from '../../config/configured.ts';
import type { SourceBook, Sources } from '../../config/sources.ts';
import { type Config, isLoopback } from '../../config.ts';
import { createToken, SPEC_ROLES, tokens, verifyToken } from '../../database/tokens.ts';
import { VOCABULARY_CHANNEL } from '../../database/vocabulary/state.ts';
import { type Problem, problem, Refusal } from '../../errors.ts';
import type { DoorGauges } from '../../http/metrics/metrics.ts';
import { type HttpDoor, startHttp } from '../../http/server.ts';
import type { Log } from '../../mllp/connection.ts';
import type { Parts } from '../../pipeline.ts';
import { faultOf as faultCode } from '../convert/inputs.ts';
import { type House, pullDate, VERSION } from '../house.ts';
import { withFormerSources } from '../known-sources.ts';
import { followSpecs } from '../map/spec-follower.ts';
import { configuredReceivers, ReceiverBook, receiverFiles } from '../outgoing/receivers.ts';
import { OUTGOING_DEFAULTS, startOutgoing } from '../outgoing/worker.ts';
import { type BacklogGuard, guardBacklog } from './backlog.ts';
import { type MllpDoors, openMllpDoors } from './mllp-doors.ts';
import { filesOf } from './reload.ts';
import { type SilenceWatch, watchSilence } from './silence.ts';
import { readTlsFiles, type TlsTexts } from './tls-files.ts';
import { startWorker, type Worker } from './worker.ts';

export interface Doors extends AsyncDisposable {
  readonly http: HttpDoor;
  readonly mllp: MllpDoors;
  readonly worker: Worker;
  /** A token made just now because there was none and the HTTP door needs one; shown once. */
  /** Returns the paths of all files that a reload reads. */
  files(): readonly string[];
  readonly newToken: string | undefined;
  /** The HTTP door needs a token, and every one that there was is revoked. */
  readonly isClosedToAll: boolean;
  /**
   * Reads the file of sources and the certificates anew and makes them hold for what comes; connections stay open. Returns what is wrong with
   * them: then everything stays as it was. Calls follow each other.
   */
  reload(): Promise<readonly Problem[]>;
}

/** Returns why the doors may not open as the settings say: patient data must not leave this machine in the clear by default. */
export function refusalsToBind(config: Config, insecureBind: boolean, sources?: Sources): readonly Problem[] {
  if (insecureBind) return [];
  const common = config.tls === undefined ? [config.http.host, config.mllp.host] : [];
  const own = (sources?.list ?? []).flatMap(({ listeners }) => listeners.filter(({ tls }) => tls === undefined).map(({ host }) => host));
  return [...common, ...own].filter((host) => !isLoopback(host)).map((host) => problem('bind-not-closed', { host }));
}

/**
 * Opens HTTP and MLLP and starts the worker. `await using` (or dispose) drains: no new messages, open ones answered, batches finished.
 * `insecureBind`: addresses beyond this machine may be listened to without TLS.
 */
export async function openDoors(config: Config, house: House, log: Logger, insecureBind = false): Promise<Doors> {
  const { book } = house;
  const tls = readTls(config);
  const guarded = !isLoopback(config.http.host);
  const backlog = guardBacklog(house.database, book, log);
  const parts: Parts = { ...house.parts, isFull: backlog.isFull };
  const silence = watchSilence(parts.database, { book, timezone: config.cdmTimezone, clock: parts.clock, log });
  const counted = countingLog(log);
  const watched = { backlog, silence, book, problems: counted.counts };
  const state: { mllp?: MllpDoors; isFileStale: boolean } = { isFileStale: false };
  const stopWatching = (): void => {
    backlog[Symbol.dispose]();
    silence[Symbol.dispose]();
  };
  const http = await listening(config.http, () => httpDoor(config, tls, guarded, parts, log, () => gaugesOf(watched, state))).catch(
    (error: unknown) => {
      stopWatching();
      throw error;
    },
  );
  const mllp = await openMllpDoors(config, { parts, book, hold: backlog.hold, log: counted.log }).catch(async (error: unknown) => {
    stopWatching();
    await http.close();
    throw error;
  });
  state.mllp = mllp;
  // Only now, when it will be said: a token that nobody saw would close the door for ever.
  const known = guarded ? await tokens(parts.database) : [];
  const newToken = guarded && known.length === 0 ? (await createToken(parts.database, 'first start', SPEC_ROLES)).token : undefined;
  const isClosedToAll = known.length > 0 && known.every((each) => each.revokedAt);
  const worker = await startWorker(parts, { parallel: 2, batch: 100, pullDate: () => pullDate(config, new Date()) }, log);
  const base = config.publicUrl ?? `${http.url}/fhir/R4`;
  const receivers = await receiverBook(config, parts);
  const outgoing = await startOutgoing(parts, { ...OUTGOING_DEFAULTS, base, ca: authoritiesOf(config), receivers }, log);
  const unfollow = await house.database.listen(VOCABULARY_CHANNEL, () => {
    house.live
      .catchUp(house.database)
      .catch((error: unknown) =>
        log.warn(
          { reason: error instanceof Refusal ? error.problems.map(({ code }) => code) : faultCode(error) },
          'the vocabulary that is active cannot be read',
        ),
      );
  });
  const specs = await followSpecs(parts, () => pullDate(config, new Date()), log);
  const close = async () => {
    stopWatching();
    await Promise.all([mllp.close(), http.close()]);
    await worker.stop();
    await unfollow();
    await specs.stop();
    await outgoing.stop();
    await receivers.close();
  };
  const reload = inTurn(() => toldStale(state, () => reloaded(config, { http, mllp }, { parts, receivers }, insecureBind, log)));
  return {
    http,
    mllp,
    worker,
    files: () => [...filesOf(config, book.current), ...receiverFiles(config, receivers.receivers)],
    newToken,
    isClosedToAll,
    reload,
    [Symbol.asyncDispose]: close,
  };
}

interface Watched {
  readonly backlog: BacklogGuard;
  readonly silence: SilenceWatch;
  readonly book: SourceBook;
  readonly problems: ReadonlyMap<string, number>;
}

const gaugesOf = (
  { backlog, silence, book, problems }: Watched,
  state: { readonly mllp?: MllpDoors; readonly isFileStale: boolean },
): DoorGauges => ({
  waiting: backlog.waiting,
  mostWaiting: book.current.backlog.most,
  isOver: backlog.isOver,
  mllpConnections: state.mllp?.connectionCount ?? 0,
  problems,
  isFileStale: state.isFileStale,
  silences: silence.silences,
});

/** The log, and how often each code was said in it. */
function countingLog(log: Log): { readonly log: Log; readonly counts: ReadonlyMap<string, number> } {
  const counts = new Map<string, number>();
  const count = (values: Readonly<Record<string, unknown>>): void => {
    const code = values['code'];
    if (typeof code === 'string') counts.set(code, (counts.get(code) ?? 0) + 1);
  };
  return {
    counts,
    log: {
      info: (values, text) => log.info(values, text),
      warn: (values, text) => {
        count(values);
        log.warn(values, text);
      },
    },
  };
}

/** Returns `work` so that each call begins when the one before has ended. */
function inTurn<T>(work: () => Promise<T>): () => Promise<T> {
  let last: Promise<unknown> = Promise.resolve();
  return () => {
    const next = last.then(work);
    last = next.catch(() => {});
    return next;
  };
}

/** Does a reload; whatever is wrong with it, what runs is not what the files say. */
async function toldStale(state: { isFileStale: boolean }, work: () => Promise<readonly Problem[]>): Promise<readonly Problem[]> {
  try {
    const problems = await work();
    state.isFileStale = problems.length > 0;
    return problems;
  } catch (error) {
    state.isFileStale = true;
    throw error;
  }
}

async function reloaded(
  config: Config,
  doors: Pick<Doors, 'http' | 'mllp'>,
  { parts, receivers }: { readonly parts: Parts; readonly receivers: ReceiverBook },
  insecureBind: boolean,
  log: Logger,
): Promise<readonly Problem[]> {
  try {
    const sources = configuredSources(config);
    if (!sources.ok) throw new Refusal(sources.problems);
    const refusals = refusalsToBind(config, insecureBind, sources.value);
    if (refusals.length > 0) throw new Refusal(refusals);
    const tls = readTls(config);
    const asked = configuredReceivers(config, parts);
    // All of it or nothing: what can fail by others (ports, the database) comes before anything holds.
    const known = await withFormerSources(parts.database, sources.value, log);
    await doors.mllp.follow(known, () => receivers.follow(parts.database, asked));
    if (tls) doors.http.renew({ cert: tls.cert, key: tls.key, clientCa: tls.ca });
    log.info({ sources: sources.value.list.length }, 'sources and certificates were read again');
    return [];
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    for (const { code, text, at } of error.problems)
      log.error({ code, at }, `sources, receivers and certificates stay as they were: ${text}`);
    return error.problems;
  }
}

const httpDoor = (
  config: Config,
  tls: TlsTexts | undefined,
  guarded: boolean,
  parts: Parts,
  log: Logger,
  gauges: () => DoorGauges,
): Promise<HttpDoor> =>
  startHttp(
    {
      host: config.http.host,
      port: config.http.port,
      tls: tls && { cert: tls.cert, key: tls.key, clientCa: tls.ca },
      maxBodyBytes: config.maxBodyBytes,
      maxMessageBytes: config.maxMessageBytes,
      verifyToken: guarded ? (token) => verifyToken(parts.database, token) : undefined,
      version: VERSION,
      gauges,
      outgoingCa: authoritiesOf(config),
      terminology: config.terminology,
    },
    parts,
    log,
  );

/** Returns the receivers of the file, which are told what is written from now on. */
async function receiverBook(config: Config, parts: Parts): Promise<ReceiverBook> {
  const book = new ReceiverBook(parts, authoritiesOf(config));
  await book.follow(parts.database, configuredReceivers(config, parts));
  return book;
}

/** PEM text of the authorities that receivers are checked with. */
function authoritiesOf({ outgoingCa: file }: Config): string | undefined {
  try {
    return file === undefined ? undefined : readFileSync(file, 'utf8');
  } catch (error) {
    throw new Refusal([problem('file-unreadable', { file: file ?? '', reason: faultCode(error) })]);
  }
}

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
export const readTls = ({ tls }: Pick<Config, 'tls'>): TlsTexts | undefined => readTlsFiles(tls, 'POLYSEME_TLS_CERT, _KEY, _CLIENT_CA');
