/**
 * Reads the file of receivers (POLYSEME_RECEIVERS): who is sent what is written, beside those that subscribe. The operator who writes an address
 * here allows it; the list of allowed addresses is for what clients ask for.
 */
import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { z } from 'zod';
import { failure, type Problem, problem, type Result, success } from '../errors.ts';
import { type Endpoint, readEndpoint } from './outgoing.ts';
import { readSettings } from './settings-file.ts';

/** PEM files of one receiver. */
export interface ReceiverTls {
  /** Own certificate and key, where the receiver asks for one. */
  readonly cert: string | undefined;
  readonly key: string | undefined;
  /** Authorities to believe; the process's when undefined. */
  readonly ca: string | undefined;
}

/** One receiver of the file. */
export interface Receiver {
  readonly name: string;
  readonly endpoint: Endpoint;
  /** As it is written. */
  readonly to: string;
  /** resource: FHIR; hl7v2: the messages as they came; built: messages of resources. */
  readonly way: 'resource' | 'hl7v2' | 'built';
  readonly payload: 'none' | 'json' | 'xml' | 'hl7v2';
  /** Types and their criteria ('' for all of the type). */
  readonly interests: readonly (readonly [type: string, criteria: string])[];
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly timeoutSeconds: number | undefined;
  readonly tls: ReceiverTls;
  /** MSH of built messages; what is undefined is the standard's of this server. */
  readonly header: Readonly<Partial<Record<(typeof HEADER_NAMES)[number], string>>>;
}

const HEADER_NAMES = [
  'sendingApplication',
  'sendingFacility',
  'receivingApplication',
  'receivingFacility',
  'charset',
  'processingId',
] as const;

const text = z.string().min(1, 'must not be empty').max(500, 'is longer than 500 characters');
const seconds = z
  .string()
  .regex(/^[1-9]\d{0,2}$/, 'must be a whole number of seconds from 1 to 999')
  .transform(Number);
const RECEIVER = z.strictObject({
  to: text,
  send: z
    .array(text.regex(/^[A-Z][A-Za-z]{1,60}(\?.*)?$/s, 'must be a resource type, or a type and a search: Observation?code=…'))
    .min(1, 'must not be an empty list'),
  content: z
    .enum(['forwarded', 'built', 'json', 'xml', 'none'], 'must be one of forwarded, built (MLLP), json, xml, none (HTTP)')
    .optional(),
  headers: z.array(text.regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]+: ?[\t\x20-\x7e]*$/, 'must be one line "Name: value"')).optional(),
  timeoutSeconds: seconds.optional(),
  tls: z.strictObject({ cert: text.optional(), key: text.optional(), ca: text.optional() }).optional(),
  sendingApplication: text.optional(),
  sendingFacility: text.optional(),
  receivingApplication: text.optional(),
  receivingFacility: text.optional(),
  charset: text.optional(),
  processingId: z.enum(['P', 'T', 'D'], 'must be one of P, T, D').optional(),
});
const FILE = z.strictObject({
  receivers: z.record(
    z.string().regex(/^[A-Za-z0-9][\w.-]{0,59}$/, 'a name begins with a letter or digit and holds letters, digits and ._- only'),
    RECEIVER,
  ),
});

const WORDS = {
  syntax: 'receiver-file-syntax',
  unknown: 'receiver-setting-unknown',
  invalid: 'receiver-setting-invalid',
  namesAt: ([first, , third]: readonly PropertyKey[]): readonly string[] =>
    first === undefined ? ['receivers'] : third === 'tls' ? ['cert', 'key', 'ca'] : Object.keys(RECEIVER.shape),
} as const;

/** What the doors know of types, criteria and character sets, which this floor does not: the reason why one cannot be served, or undefined. */
export interface ReceiverGround {
  criteriaFault(type: string, criteria: string): string | undefined;
  isBuildable(type: string): boolean;
  isCharset(name: string): boolean;
}

/** Returns the receivers that the file at `path` names, or every fault in it with its place. Files of TLS are not opened. */
export function readReceivers(path: string, ground: ReceiverGround): Result<readonly Receiver[]> {
  try {
    return receiversOf(readFileSync(path, 'utf8'), path, ground);
  } catch (error) {
    return failure(
      problem('file-unreadable', { file: path, reason: error instanceof Error && 'code' in error ? String(error.code) : 'unreadable' }),
    );
  }
}

/** As `readReceivers`, of text; `file` is its path, which places and relative paths of certificates are told from. */
export function receiversOf(written: string, file: string, ground: ReceiverGround): Result<readonly Receiver[]> {
  const read = readSettings(written, file, FILE, WORDS);
  if (!read.ok) return read;
  const { data, where } = read.value;
  const problems: Problem[] = [];
  const receivers = Object.entries(data.receivers).flatMap(([name, entry]) => {
    const say = (path: readonly PropertyKey[], reason: string): void => {
      const place = ['receivers', name, ...path];
      problems.push(problem('receiver-setting-invalid', { name: place.join('.'), reason }, where(place)));
    };
    const endpoint = readEndpoint(entry.to);
    if (typeof endpoint === 'string') {
      say(['to'], endpoint);
      return [];
    }
    return [receiverOf(name, entry, endpoint, file, ground, say)];
  });
  return problems.length > 0 ? failure(...problems) : success(receivers);
}

type Say = (path: readonly PropertyKey[], reason: string) => void;

function receiverOf(
  name: string,
  entry: z.infer<typeof RECEIVER>,
  endpoint: Endpoint,
  file: string,
  ground: ReceiverGround,
  say: Say,
): Receiver {
  const isMllp = endpoint.scheme === 'mllp' || endpoint.scheme === 'mllps';
  const isTls = endpoint.scheme === 'mllps' || endpoint.scheme === 'https';
  const content = entry.content ?? (isMllp ? 'forwarded' : 'json');
  if (isMllp !== (content === 'forwarded' || content === 'built'))
    say(['content'], `is not sent by ${endpoint.scheme}: MLLP takes forwarded and built, HTTP json, xml and none`);
  const interests = entry.send.map((each) => [each.replace(/\?.*$/s, ''), each.includes('?') ? each.replace(/^[^?]*\?/, '') : ''] as const);
  for (const [index, [type, criteria]] of interests.entries()) {
    const fault = ground.criteriaFault(type, criteria);
    if (fault !== undefined) say(['send', index], fault);
    else if (content === 'built' && !ground.isBuildable(type))
      say(['send', index], `no map under mappings/fhir-to-v2 makes a message of ${type}`);
  }
  const { tls, headers = [] } = entry;
  if (tls !== undefined && !isTls) say(['tls'], `${endpoint.scheme} is not encrypted: write ${isMllp ? 'mllps' : 'https'}`);
  if ((tls?.cert === undefined) !== (tls?.key === undefined)) say(['tls'], 'a certificate and its key go together');
  if (isMllp && entry.headers !== undefined) say(['headers'], 'MLLP knows no headers');
  if (entry.charset !== undefined && !ground.isCharset(entry.charset)) say(['charset'], 'is no character set of HL7 table 0211');
  if (content !== 'built')
    for (const each of HEADER_NAMES) if (entry[each] !== undefined) say([each], 'is written into messages that are built only');
  const beside = (path: string | undefined): string | undefined => (path === undefined ? undefined : resolve(dirname(file), path));
  return {
    name,
    endpoint,
    to: entry.to,
    way: content === 'built' ? 'built' : isMllp ? 'hl7v2' : 'resource',
    payload: content === 'built' || content === 'forwarded' ? 'hl7v2' : content,
    interests,
    headers: headers.map((each) => [each.slice(0, each.indexOf(':')), each.slice(each.indexOf(':') + 1).trim()] as const),
    timeoutSeconds: entry.timeoutSeconds,
    tls: { cert: beside(tls?.cert), key: beside(tls?.key), ca: beside(tls?.ca) },
    header: Object.fromEntries(HEADER_NAMES.flatMap((each) => (entry[each] === undefined ? [] : [[each, entry[each]]]))),
  };
}
