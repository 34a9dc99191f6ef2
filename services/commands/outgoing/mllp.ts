/** Forwards HL7v2 messages to receivers, a connection to each, one message after the other. */
import { type Endpoint, guardedLookup, type OutgoingRules } from '../../config/outgoing.ts';
import { problem, Refusal } from '../../errors.ts';
import { parseMessage } from '../../hl7v2/parse.ts';
import { connectMllp, type MllpClient } from '../../mllp/client.ts';
import { type Answer, type SenderTls, tlsTexts } from './http.ts';

export interface MllpSender {
  /** Resolves with what became of it; never rejects because of the receiver. */
  send(endpoint: Endpoint, bytes: Uint8Array, timeoutMs: number): Promise<Answer>;
  close(): Promise<void>;
}

/** Returns a sender. */
export function mllpSender(rules: OutgoingRules, tlsOf: SenderTls): MllpSender {
  const clients = new Map<string, MllpClient>();
  const clientOf = ({ scheme, host, port }: Endpoint, timeoutMs: number): MllpClient => {
    const key = `${scheme} ${host} ${port} ${timeoutMs}`;
    const known = clients.get(key);
    if (known) return known;
    const tls = scheme === 'mllps' ? { tls: tlsTexts(tlsOf) } : {};
    const client = connectMllp({ host, port, timeoutMs, lookup: guardedLookup(rules), ...tls });
    clients.set(key, client);
    return client;
  };
  return {
    send: async (endpoint, bytes, timeoutMs) => {
      try {
        return answerOf(await clientOf(endpoint, timeoutMs).send(bytes));
      } catch (error) {
        if (error instanceof Refusal) return faultOf(error);
        throw error;
      }
    },
    close: async () => {
      await Promise.all([...clients.values()].map((each) => each.close()));
    },
  };
}

/** Accept or application acknowledgement (table 0008). What it says in words is not kept: it may quote a patient's data. */
function answerOf(bytes: Uint8Array): Answer {
  const parsed = parseMessage(bytes);
  const segments = parsed.ok ? parsed.value.segments : [];
  const code = segments.find((each) => each.name === 'MSA')?.value(1) ?? '';
  if (code === 'AA' || code === 'CA') return { kind: 'accepted' };
  const places = segments
    .filter((each) => each.name === 'ERR')
    .flatMap((each) => /^[A-Z][A-Z0-9]{2}(\^\d{1,4}){0,5}$/.exec(each.raw(2)?.replace(/\^+$/, '') ?? '')?.[0] ?? []);
  const answer = [/^[AC][ER]$/.test(code) ? code : 'no code of table 0008', ...places.map((each) => `at ${each}`)].join(' ');
  return { kind: 'refused', problem: problem('outgoing-rejected', { answer }) };
}

/** Which receiver was meant is known; whether it has the message is not: it is sent again. */
function faultOf({ problems }: Refusal): Answer {
  const [first] = problems;
  if (first?.code === 'mllp-nothing-to-acknowledge' || first?.code === 'mllp-asks-no-answer') return { kind: 'refused', problem: first };
  const kind = first?.code === 'mllp-closed' ? 'unreachable' : 'failed';
  return { kind, problem: first ?? problem('outgoing-unreachable', { reason: 'unknown' }) };
}
