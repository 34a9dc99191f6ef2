/** The MLLP doors: the common port and those that sources have for themselves; they follow the file of sources while they are open. */

import { isAdmitted, type Listener, type SourceBook, type Sources, sourcesAt } from '../../config/sources.ts';
import type { Config } from '../../config.ts';
import { problem, Refusal } from '../../errors.ts';
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
  /** Makes `sources` hold: opens and closes doors, takes certificates anew. Rejects (Refusal) when a door cannot be opened; then nothing changes. */
  follow(sources: Sources): Promise<void>;
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
  const follow = async (sources: Sources): Promise<void> => {
    const wanted = placesOf(config, sources).map((place) => ({
      place,
      tls: readTlsFiles(place.tls, `the certificate of MLLP port ${place.port}`),
    }));
    const kept = new Set(wanted.map(({ place }) => socketOf(place)));
    const leaving = [...open].filter(([key]) => !kept.has(key));
    // A port that changes its ways must be free before it is listened to anew.
    const taken = new Set(wanted.map(({ place }) => place.port).filter((port) => port !== 0));
    for (const [key, door] of leaving.filter(([, each]) => taken.has(each.place.port))) {
      open.delete(key);
      await door.server.close();
    }
    const started: Door[] = [];
    try {
      for (const { place, tls } of wanted)
        if (!open.has(socketOf(place))) started.push({ place, tls, server: await startDoor(place, tls, given) });
    } catch (error) {
      await Promise.all(started.map(({ server }) => server.close()));
      throw error;
    }
    given.book.replace(sources);
    for (const door of started) open.set(socketOf(door.place), door);
    for (const { place, tls } of wanted) renew(open.get(socketOf(place)), tls, given.log);
    const closing = leaving.filter(([key]) => open.delete(key));
    await Promise.all(closing.map(([, { server }]) => server.close()));
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
