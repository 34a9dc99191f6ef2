import { pino } from 'pino';
import { OUTGOING_DEFAULTS, type OutgoingOptions, type OutgoingWorker, startOutgoing } from '../../services/commands/outgoing/worker.ts';
import { readOutgoingRules } from '../../services/config/outgoing.ts';
import { startHttp } from '../../services/http/server.ts';
import type { Parts } from '../../services/pipeline.ts';
import { testHouse } from '../parts.ts';

export const BACKPORT = 'http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition';

export interface OutgoingHouse extends AsyncDisposable {
  readonly parts: Parts;
  /** Of the database. */
  readonly url: string;
  /** Of the HTTP door. */
  readonly address: string;
  readonly database: Parts['database'];
  drain(): Promise<void>;
  /** One request below /fhir/R4; resolves with status and body. */
  call(
    method: string,
    path: string,
    body?: unknown,
  ): Promise<{ readonly status: number; readonly body: Readonly<Record<string, unknown>> }>;
  /** A sender; its pauses are short unless said otherwise. */
  sender(options?: Partial<OutgoingOptions>): Promise<OutgoingWorker>;
  /** Subscribes and returns the id; throws with the answer when it is refused. */
  subscribe(criteria: string, channel: object, more?: object): Promise<string>;
  /** Rows of outgoing.event as they stand. */
  events(): Promise<
    readonly { readonly state: string; readonly attempts: number; readonly problems: readonly { readonly code: string }[] }[]
  >;
  /** Resolves when `holds`, asked after every round of the sender. */
  until(worker: OutgoingWorker, holds: () => boolean | Promise<boolean>): Promise<void>;
}

/** The FHIR door with a guard that allows `allow`, on a database of its own. */
export async function outgoingHouse(allow: string, networks?: string): Promise<OutgoingHouse> {
  const house = await testHouse();
  const rules = readOutgoingRules(allow, networks);
  if (!rules.ok) throw new Error(JSON.stringify(rules.problems));
  const parts = { ...house.parts, outgoing: rules.value };
  const settings = {
    host: '127.0.0.1',
    port: 0,
    tls: undefined,
    maxBodyBytes: 2_000_000,
    maxMessageBytes: 1_000_000,
    verifyToken: undefined,
    version: 'test',
  };
  const door = await startHttp(settings, parts, pino({ level: 'silent' }));
  const workers: OutgoingWorker[] = [];
  const call: OutgoingHouse['call'] = async (method, path, body) => {
    const answer = await fetch(`${door.url}/fhir/R4${path}`, {
      method,
      headers: { 'content-type': 'application/fhir+json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await answer.text();
    return { status: answer.status, body: text === '' ? {} : JSON.parse(text) };
  };
  return {
    parts,
    url: house.url,
    address: door.url,
    database: house.database,
    drain: house.drain,
    call,
    sender: async (options = {}) => {
      const base = `${door.url}/fhir/R4`;
      const all = { ...OUTGOING_DEFAULTS, base, ca: undefined, firstPauseMs: 20, longestPauseMs: 100, timeoutMs: 120_000, ...options };
      const worker = await startOutgoing(parts, all, { info: () => {}, warn: () => {} });
      workers.push(worker);
      return worker;
    },
    subscribe: async (criteria, channel, more = {}) => {
      const subscription = { resourceType: 'Subscription', status: 'requested', reason: 'a test', criteria, channel, ...more };
      const { status, body } = await call('POST', '/Subscription', subscription);
      if (status !== 201) throw new Error(JSON.stringify(body));
      return String(body['id']);
    },
    events: () => house.database.query('SELECT state, attempts, problems FROM outgoing.event ORDER BY seq'),
    until: async (worker, holds) => {
      while (!(await holds())) {
        await worker.idle();
        await new Promise((resolve) => setImmediate(resolve));
      }
    },
    [Symbol.asyncDispose]: async () => {
      await Promise.all(workers.map((each) => each.stop()));
      await door.close();
      await house[Symbol.asyncDispose]();
    },
  };
}
