/** The receivers of the file as they hold now, each with its own connections and certificate. */
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import { addressList } from '../../config/addresses.ts';
import { type Receiver, type ReceiverGround, readReceivers } from '../../config/receivers.ts';
import type { Config } from '../../config.ts';
import type { Database } from '../../database/connect.ts';
import { keepFileReceivers } from '../../database/outgoing/receivers.ts';
import { problem, Refusal } from '../../errors.ts';
import { isResourceType } from '../../fhir/definitions.ts';
import { readCriteria, type SubscriptionAsked } from '../../fhir/subscription/subscription.ts';
import { charsetOf } from '../../hl7v2/charset.ts';
import type { Parts } from '../../pipeline.ts';
import { faultOf } from '../convert/inputs.ts';
import { type BuiltFor, standardHeader } from './build.ts';
import { type HttpSender, httpSender, type SenderTls, tlsTexts } from './http.ts';
import { type MllpSender, mllpSender } from './mllp.ts';

/** What is sent to one receiver, and by what. */
export interface Channel {
  readonly asked: SubscriptionAsked;
  readonly header: BuiltFor;
  readonly http: HttpSender;
  readonly mllp: MllpSender;
  /** True when the operator's own file names the address. */
  readonly isTrusted: boolean;
}

const PREFIX = 'file:';
/** An id of a Subscription has no colon. */
export const isOfFile = (name: string): boolean => name.startsWith(PREFIX);

/** Every network: an address of the file is the operator's. */
const EVERYWHERE = ['0.0.0.0/0', '::/0'];

/** Returns the paths of all files that receivers are read from. */
export const receiverFiles = (config: Config, receivers: readonly Receiver[]): readonly string[] =>
  [config.receiversFile, config.outgoingCa, ...receivers.flatMap(({ tls }) => [tls.cert, tls.key, tls.ca])].filter(
    (each) => each !== undefined,
  );

/** Returns the receivers of the file that POLYSEME_RECEIVERS names, none without it. Throws Refusal with every fault in it. */
export function configuredReceivers(config: Config, { maps }: Pick<Parts, 'maps'>): readonly Receiver[] {
  if (config.receiversFile === undefined) return [];
  const ground: ReceiverGround = {
    criteriaFault: (type, criteria) => {
      if (!isResourceType(type)) return `"${type}" is no resource type`;
      const read = readCriteria(type, criteria);
      return read.ok ? undefined : read.problems.map((each) => each.text.replace(/\.$/, '')).join('; ');
    },
    isBuildable: (type) => maps.outMaps.types.includes(type),
    isCharset: (name) => charsetOf(name) !== undefined,
  };
  const read = readReceivers(config.receiversFile, ground);
  if (!read.ok) throw new Refusal(read.problems);
  for (const each of read.value) tlsOf(each, undefined);
  return read.value;
}

/** The texts of a receiver's PEM files; what is no certificate, or no key of it, is refused. */
function tlsOf({ name, tls }: Receiver, common: string | undefined): SenderTls {
  const pem = (path: string | undefined): string | undefined => {
    try {
      return path === undefined ? undefined : readFileSync(path, 'utf8');
    } catch (error) {
      throw new Refusal([problem('file-unreadable', { file: path ?? '', reason: faultOf(error) })]);
    }
  };
  const read = { ca: pem(tls.ca) ?? common, cert: pem(tls.cert), key: pem(tls.key) };
  try {
    // An empty file is no fault to TLS itself.
    for (const each of [read.cert, read.ca]) if (each !== undefined) new X509Certificate(each);
    createSecureContext(tlsTexts(read));
    return read;
  } catch (error) {
    throw new Refusal([problem('receiver-setting-invalid', { name: `receivers.${name}.tls`, reason: faultOf(error) })]);
  }
}

/** The channels of the receivers that hold; a new file, or new certificates, take the place of the old as a whole. */
export class ReceiverBook {
  readonly #parts: Parts;
  readonly #ca: string | undefined;
  #channels: ReadonlyMap<string, Channel> = new Map();
  #receivers: readonly Receiver[] = [];

  constructor(parts: Parts, ca: string | undefined) {
    this.#parts = parts;
    this.#ca = ca;
  }

  get receivers(): readonly Receiver[] {
    return this.#receivers;
  }

  channelOf(name: string): Channel | undefined {
    return this.#channels.get(name);
  }

  /**
   * Has these receivers hold; messages under way by the connections before are finished. Throws Refusal, and changes nothing, for unreadable
   * certificates and where the database cannot be reached.
   */
  async follow(database: Database, receivers: readonly Receiver[]): Promise<void> {
    const channels = new Map(receivers.map((each) => [`${PREFIX}${each.name}`, this.#channel(each)]));
    const before = this.#channels;
    // First: what is written for a new one is sent at once.
    this.#channels = new Map([...before, ...channels]);
    const kept = receivers.map(({ name, way, interests }) => ({ name: `${PREFIX}${name}`, way, interests }));
    try {
      await keepFileReceivers(database, kept);
    } catch (error) {
      this.#channels = before;
      await closed(channels);
      throw error;
    }
    this.#channels = channels;
    this.#receivers = receivers;
    await closed(before);
  }

  async close(): Promise<void> {
    await closed(this.#channels);
  }

  #channel(receiver: Receiver): Channel {
    const tls = tlsOf(receiver, this.#ca);
    const rules = { allowed: [receiver.endpoint], networks: addressList(EVERYWHERE) };
    const { way, payload, headers, timeoutSeconds, to, header } = receiver;
    const asked: SubscriptionAsked = {
      way,
      payload,
      headers,
      timeoutSeconds,
      type: '',
      criteria: '',
      topic: undefined,
      isMessage: false,
      endpoint: to,
      content: 'full-resource',
      heartbeatSeconds: undefined,
      mostEvents: 1,
      endsAt: undefined,
    };
    return {
      asked,
      header: { ...standardHeader(this.#parts), ...header },
      http: httpSender(rules, tls),
      mllp: mllpSender(rules, tls),
      isTrusted: true,
    };
  }
}

async function closed(channels: ReadonlyMap<string, Channel>): Promise<void> {
  for (const { http, mllp } of channels.values()) {
    http.close();
    await mllp.close();
  }
}
