/** The MLLP doors: the common port and those that sources have for themselves; they follow the file of sources while they are open. */

import { isAdmitted, type Listener, type SourceBook, type Sources, sourcesAt } from '../../config/sources.ts';
import type { Config } from '../../config.ts';
import { type Problem, problem, Refusal } from '../../errors.ts';
import type { Hold, Limits, Log, Peer } from '../../mllp/connection.ts';
import { type MllpServer, startMllp } from '../../mllp/server.ts';
import { exchange, type Parts } from '../../pipeline.ts';
import { faultOf as faultCode } from '../convert/inputs.ts';
import { readTlsFiles, type TlsTexts } from './tls-files.ts';

interface Place extends Listener {
  /** Undefined: the common port. */
  readonly own: number | undefined;
}

interface Door {
  readonly place: Place;
  tls: TlsTexts | undefined;
  readonly server: MllpServer;
}

export interface MllpDoors {
  /** Port of the common door, undefined when no source uses it. */
  readonly port: number | undefined;
  /** Every open door: the port that it has, and the one that was configured (0: any). */
  readonly doors: readonly { readonly host: string; readonly port: number; readonly configured: number; readonly isSecure: boolean }[];
  readonly connectionCount: number;
  /**
   * Makes `sources` hold: opens and closes doors, takes certificates anew. Rejects (Refusal) when a door cannot be opened, or with what `also` rejects
   * with, which is done last before they hold; then nothing changes.
   */
  follow(sources: Sources, also?: () => Promise<void>): Promise<void>;
  close(): Promise<void>;
}

export interface DoorParts {
  readonly parts: Parts;
  readonly book: SourceBook;
  readonly hold: Hold | undefined;
  readonly log: Log;
}

const MOST_OPEN = 256;

/** Returns where to listen for these sources: the common port only when somebody may use it. */
export function placesOf({ mllp, tls }: Pick<Config, 'mllp' | 'tls'>, sources: Sources): readonly Place[] {
  const own = new Map<number, Place>();
  for (const each of sources.list.flatMap(({ listeners }) => listeners)) own.set(each.port, { ...each, own: each.port });
  const isShared = sources.unknown === 'accept' || sources.list.some(({ listeners }) => listeners.length === 0);
  return [...(isShared ? [{ ...mllp, tls, own: undefined }] : []), ...own.values()];
}

/** What makes two places the same listening socket: a certificate may change, speaking TLS or not may not. */
const socketOf = ({ host, port, tls, own }: Place): string => JSON.stringify([host, port, tls !== undefined, own === undefined]);

/** Opens all doors that the sources need. Rejects (Refusal) when an address cannot be had or a certificate not be read; then none is open. */
export async function openMllpDoors(config: Pick<Config, 'mllp' | 'tls'>, given: DoorParts): Promise<MllpDoors> {
  const open = new Map<string, Door>();
  const follow = async (sources: Sources, also: () => Promise<void> = async () => {}): Promise<void> => {
    const wanted = placesOf(config, sources).map((place) => ({
      place,
      tls: readTlsFiles(place.tls, `the certificate of MLLP port ${place.port}`),
    }));
    const kept = new Set(wanted.map(({ place }) => socketOf(place)));
    const coming = wanted.filter(({ place }) => !open.has(socketOf(place)));
    const leaving = [...open].filter(([key]) => !kept.has(key));
    // A port that changes its ways must be free before it is listened to anew; the others first, for they disturb nobody.
    const isTaken = ({ port }: Place): boolean => port !== 0 && leaving.some(([, { place }]) => place.port === port);
    const changing = leaving.filter(([, { place }]) => place.port !== 0 && coming.some((each) => each.place.port === place.port));
    const ended: Door[] = [];
    const started: Door[] = [];
    try {
      for (const { place, tls } of coming.filter((each) => !isTaken(each.place)))
        started.push({ place, tls, server: await startDoor(place, tls, given) });
      for (const [, door] of changing) {
        ended.push(door);
        await door.server.close();
      }
      for (const { place, tls } of coming.filter((each) => isTaken(each.place)))
        started.push({ place, tls, server: await startDoor(place, tls, given) });
      await also();
    } catch (error) {
      await Promise.all(started.map(({ server }) => server.close()));
      throw await reopened(open, ended, given, error);
    }
    given.book.replace(sources);
    for (const [key] of leaving) open.delete(key);
    for (const door of started) open.set(socketOf(door.place), door);
    for (const { place, tls } of wanted) renew(open.get(socketOf(place)), tls, given.log);
    await Promise.all(leaving.filter(([, door]) => !ended.includes(door)).map(([, { server }]) => server.close()));
  };
  await follow(given.book.current);
  const all = (): readonly Door[] => [...open.values()];
  return {
    get port() {
      return all().find(({ place }) => place.own === undefined)?.server.port;
    },
    get doors() {
      return all().map(({ place, server }) => ({
        host: place.host,
        port: server.port,
        configured: place.port,
        isSecure: place.tls !== undefined,
      }));
    },
    get connectionCount() {
      return all().reduce((sum, { server }) => sum + server.connectionCount, 0);
    },
    follow,
    close: async () => {
      await Promise.all(all().map(({ server }) => server.close()));
    },
  };
}

/** Opens doors again that were closed for what did not come to pass; returns the error to tell, with those that could not be had any more. */
async function reopened(open: Map<string, Door>, ended: readonly Door[], given: DoorParts, error: unknown): Promise<unknown> {
  const lost: Problem[] = [];
  for (const { place, tls } of ended) {
    try {
      open.set(socketOf(place), { place, tls, server: await startDoor(place, tls, given) });
    } catch (again) {
      if (!(again instanceof Refusal)) throw again;
      open.delete(socketOf(place));
      lost.push(...again.problems);
    }
  }
  return lost.length > 0 && error instanceof Refusal ? new Refusal([...error.problems, ...lost]) : error;
}

function renew(door: Door | undefined, tls: TlsTexts | undefined, log: Log): void {
  if (door === undefined || tls === undefined || JSON.stringify(door.tls) === JSON.stringify(tls)) return;
  door.tls = tls;
  door.server.renew(mllpTls(tls));
  log.info({ port: door.server.port }, 'the certificate of the MLLP door was renewed');
}

const mllpTls = ({ cert, key, ca }: TlsTexts) => ({ cert, key, ...(ca === undefined ? {} : { ca }) });

async function startDoor(place: Place, tls: TlsTexts | undefined, given: DoorParts): Promise<MllpServer> {
  const { parts, book, hold, log } = given;
  const originOf = ({ address, certificate }: Partial<Peer>) => ({ channel: 'mllp', port: place.own, address, certificate }) as const;
  try {
    return await startMllp({
      host: place.host,
      port: place.port,
      ...(tls ? { tls: mllpTls(tls) } : {}),
      limits: limitsAt(book.current, place.own, undefined),
      // Before TLS the certificate is not known: whether the address can be one of a source at all.
      admits: (address) => isAdmitted(withoutCertificates(book.current), originOf({ address })),
      limitsFor: (peer) => (isAdmitted(book.current, originOf(peer)) ? limitsAt(book.current, place.own, peer) : undefined),
      receive: (bytes, peer, gone) => exchange(parts, bytes, originOf(peer), gone),
      log,
      ...(hold ? { hold } : {}),
    });
  } catch (error) {
    if (!(error instanceof Error) || !('syscall' in error)) throw error;
    throw new Refusal([problem('address-unavailable', { host: place.host, port: place.port, reason: faultCode(error) })]);
  }
}

const withoutCertificates = (sources: Sources): Sources => ({
  ...sources,
  list: sources.list.map((each) => ({ ...each, certificate: undefined })),
});

/** Who sends is known by the message only: until then the widest limits of the sources that may speak here hold; each message then obeys its own. */
function limitsAt(sources: Sources, port: number | undefined, peer: Peer | undefined): Limits {
  const here =
    peer === undefined
      ? sources.list.filter(({ listeners }) => (port === undefined ? listeners.length === 0 : listeners.some((each) => each.port === port)))
      : sourcesAt(sources, { channel: 'mllp', port, address: peer.address, certificate: peer.certificate });
  const all = here.map(({ rules }) => rules);
  const isOpen = sources.unknown === 'accept' && port === undefined;
  const rules = all.length === 0 || isOpen ? [...all, sources.defaults] : all;
  const widest = (of: (each: (typeof rules)[number]) => number): number => Math.max(...rules.map(of));
  return {
    maxBytes: widest((each) => each.maxMessageBytes),
    idleTimeoutMs: widest((each) => each.idleMs),
    frameTimeoutMs: widest((each) => each.messageMs),
    maxConnections: widest((each) => each.maxConnections),
    maxOpen: MOST_OPEN,
  };
}
