/** Which source a connection and a message belong to, and the rules that hold for it. */
import type { AddressList } from './addresses.ts';
import type { SourceRules } from './rules.ts';

/** PEM files of a port. */
export interface TlsFiles {
  readonly cert: string;
  readonly key: string;
  /** Authorities whose certificates senders must show; none is asked for when undefined. */
  readonly clientCa: string | undefined;
}

/** A place to listen for MLLP. */
export interface Listener {
  readonly host: string;
  /** As configured; 0: any free one. */
  readonly port: number;
  readonly tls: TlsFiles | undefined;
}

export interface Source {
  readonly name: string;
  /** Its own MLLP ports; empty: the common one. */
  readonly listeners: readonly Listener[];
  /** Messages by HTTP may belong to it. */
  readonly http: boolean;
  readonly addresses: AddressList | undefined;
  /** Subject common name of the sender's certificate. */
  readonly certificate: string | undefined;
  /** MSH-3.1 and MSH-4.1. */
  readonly sendingApplication: string | undefined;
  readonly sendingFacility: string | undefined;
  readonly rules: SourceRules;
}

/** Where bytes came from, as the door knows it. */
export interface Origin {
  readonly channel: 'mllp' | 'http' | 'import';
  /** The configured port, of MLLP; undefined for the common door. */
  readonly port?: number | undefined;
  readonly address?: string | undefined;
  /** Common name of a certificate that was verified. */
  readonly certificate?: string | undefined;
}

/** How a message names its sender: MSH-3.1 and MSH-4.1, '' when absent. */
export interface Sender {
  readonly application: string;
  readonly facility: string;
}

export interface Backlog {
  /** Messages that may wait to be processed before the doors hold. */
  readonly most: number;
  /** wait: senders are not read until it is shorter; refuse: they are answered AR. HTTP is always refused (503). */
  readonly beyond: 'wait' | 'refuse';
}

/** Everything the file of sources says. */
export interface Sources {
  readonly list: readonly Source[];
  /** What happens to messages that belong to no source. */
  readonly unknown: 'refuse' | 'accept';
  /** Rules of senders that no source names. */
  readonly defaults: SourceRules;
  readonly backlog: Backlog;
  /** How messages are read of sources that were named once, by name. */
  readonly former?: ReadonlyMap<string, Pick<SourceRules, 'authority' | 'timezone' | 'site' | 'charset'>>;
}

export interface Attribution {
  /** Name in the journal and in metrics. */
  readonly name: string;
  readonly rules: SourceRules;
}

export const STANDARD_BACKLOG: Backlog = { most: 200_000, beyond: 'wait' };

/** Returns sources without a file: everybody is taken, each under the name that its messages give. */
export const openSources = (defaults: SourceRules): Sources => ({ list: [], unknown: 'accept', defaults, backlog: STANDARD_BACKLOG });

/** True when the source can be where `origin` is: its port, its addresses, its certificate. Files carry none of the three. */
function isAt(source: Source, { channel, port, address, certificate }: Origin): boolean {
  if (channel === 'import') return source.sendingApplication !== undefined || source.sendingFacility !== undefined;
  if (channel === 'http' && !source.http) return false;
  if (channel === 'mllp') {
    const own = source.listeners.map((each) => each.port);
    if (port === undefined ? own.length > 0 : !own.includes(port)) return false;
  }
  if (source.addresses && !source.addresses.includes(address ?? '')) return false;
  return source.certificate === undefined || source.certificate === certificate;
}

const isFrom = ({ sendingApplication, sendingFacility }: Source, sender: Sender): boolean =>
  (sendingApplication === undefined || sendingApplication === sender.application) &&
  (sendingFacility === undefined || sendingFacility === sender.facility);

/** Returns the sources that a connection may speak for, in the order of the file. */
export const sourcesAt = (sources: Sources, origin: Origin): readonly Source[] => sources.list.filter((each) => isAt(each, origin));

/** True when whoever is at `origin` may send at all. On a port of its own a source is never joined by senders that nobody named. */
export const isAdmitted = (sources: Sources, origin: Origin): boolean =>
  (sources.unknown === 'accept' && origin.port === undefined) || sourcesAt(sources, origin).length > 0;

/** What a sender calls itself: MSH-4/MSH-3. */
const ownName = ({ facility, application }: Sender): string => [facility, application].filter((name) => name !== '').join('/');

/**
 * Returns the source of a message: the first of the file that is where it came from and is named as it names itself; undefined when
 * there is none and unknown senders are refused. Unknown ones that are accepted go by the name that their messages give.
 */
export function attribute(sources: Sources, origin: Origin, sender: Sender): Attribution | undefined {
  const found = sources.list.find((each) => isAt(each, origin) && isFrom(each, sender));
  if (found) return { name: found.name, rules: found.rules };
  if (origin.channel !== 'import' && (sources.unknown === 'refuse' || origin.port !== undefined)) return undefined;
  const own = ownName(sender) || origin.channel;
  // Who calls itself like a source of the file must not get its rules, nor its control ids.
  return { name: sources.list.some(({ name }) => name === own) ? `(unknown) ${own}` : own, rules: sources.defaults };
}

/** Returns the rules of a message that is in the journal under the name `source`; of a source that is named no more it is read as it was then. */
export const rulesNamed = (sources: Sources, source: string): SourceRules =>
  sources.list.find(({ name }) => name === source)?.rules ?? { ...sources.defaults, ...sources.former?.get(source) };

/** The sources that hold now; a new file takes the place of the old as a whole. */
export class SourceBook {
  #current: Sources;
  readonly #heard = new Set<() => void>();
  constructor(sources: Sources) {
    this.#current = sources;
  }
  get current(): Sources {
    return this.#current;
  }
  replace(sources: Sources): void {
    this.#current = sources;
    for (const heard of this.#heard) heard();
  }
  /** Calls `heard` after each change. */
  onReplaced(heard: () => void): void {
    this.#heard.add(heard);
  }
}
