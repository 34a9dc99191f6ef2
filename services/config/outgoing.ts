/**
 * Where data may be sent: the one guard of outgoing addresses. Nothing is allowed that is not listed; hosts are compared whole, paths by
 * their steps; a name that resolves to a private address is refused unless its network is listed too, at the moment of connecting and
 * for the very address that is connected to, so that a name cannot be turned elsewhere after it was checked.
 */
import { type LookupAddress, type LookupOptions, lookup } from 'node:dns';
import { isIP, isIPv6, type LookupFunction } from 'node:net';
import { failure, type Problem, problem, type Result, success } from '../errors.ts';
import { type AddressList, addressFault, addressList, plainAddress } from './addresses.ts';

/** A place to send to. */
export interface Endpoint {
  readonly scheme: 'http' | 'https' | 'mllp' | 'mllps';
  /** Without brackets; in lower case. */
  readonly host: string;
  readonly port: number;
  /** Begins with a slash; '/' when none was written. */
  readonly path: string;
}

export interface OutgoingRules {
  readonly allowed: readonly Endpoint[];
  /** Private networks that names may resolve into. */
  readonly networks: AddressList | undefined;
}

/** Rules by which nothing is sent. */
export const NOTHING_OUT: OutgoingRules = { allowed: [], networks: undefined };

const PORTS = { http: 80, https: 443, mllp: 2575, mllps: 2575 } as const;
const isScheme = (text: string): text is Endpoint['scheme'] => Object.hasOwn(PORTS, text);

/** Not of the public internet (IANA special-purpose registries), or a way around the lists (mapped, translated, tunnelled addresses). */
const SPECIAL = addressList([
  ...['0.0.0.0/8', '10.0.0.0/8', '100.64.0.0/10', '127.0.0.0/8', '169.254.0.0/16', '172.16.0.0/12', '192.0.0.0/24', '192.0.2.0/24'],
  ...['192.88.99.0/24', '192.168.0.0/16', '198.18.0.0/15', '198.51.100.0/24', '203.0.113.0/24', '224.0.0.0/4', '240.0.0.0/4'],
  ...['2001::/23', '2001:db8::/32', '2002::/16', '3fff::/20'],
]);
const GLOBAL_V6 = addressList(['2000::/3']);

/** True for addresses outside the public internet. */
export function isPrivate(address: string): boolean {
  const plain = plainAddress(address);
  return SPECIAL.includes(plain) || (isIPv6(plain) && !GLOBAL_V6.includes(plain));
}

/** Returns the place that `written` names, or why it names none. Numbers that stand for addresses (0x7f.1) are made plain. */
export function readEndpoint(written: string): Endpoint | string {
  const [, name = '', rest = ''] = /^([a-z]+):(\/\/[^\s\\]+)$/i.exec(written) ?? [];
  const scheme = name.toLowerCase();
  if (!isScheme(scheme)) return 'is no address that begins with https://, http://, mllps:// or mllp://';
  // URL knows hosts of http only; it also resolves dots in paths.
  const text = `http:${rest}`;
  if (!URL.canParse(text)) return 'cannot be read as an address';
  const url = new URL(text);
  if (url.username !== '' || url.password !== '') return 'carries a name or password: use a header';
  if (url.hash !== '') return 'has a fragment';
  const hasPort = /^\/\/(\[[^\]]*\]|[^/?#:]*):\d+(?=[/?#]|$)/.test(rest);
  const port = hasPort ? Number(url.port === '' ? 80 : url.port) : PORTS[scheme];
  if (port === 0) return 'has port 0';
  const host = url.hostname
    .replace(/^\[|\]$/g, '')
    .replace(/\.$/, '')
    .toLowerCase();
  if (host === '') return 'has no host';
  const path = url.pathname;
  if ((scheme === 'mllp' || scheme === 'mllps') && (path !== '/' || url.search !== '')) return 'has a path: MLLP knows none';
  return { scheme, host, port, path };
}

/** `/base` is above `/base` and `/base/x`, never above `/base-evil`. An encoded slash or dot in a path is taken for no part of ours. */
const isBelow = (path: string, above: string): boolean =>
  above === '/' || path === above || path.startsWith(above.endsWith('/') ? above : `${above}/`);

const isAllowed = (asked: Endpoint, { scheme, host, port, path }: Endpoint): boolean =>
  asked.scheme === scheme && asked.host === host && asked.port === port && isBelow(asked.path, path);

const isObscure = ({ path }: Endpoint): boolean => /%(2e|2f|5c|00)/i.test(path);

/** Returns the place to send to, or why nothing may be sent there (`outgoing-address-refused`). Names are not resolved here. */
export function guardedEndpoint(rules: OutgoingRules, written: string): Result<Endpoint> {
  const refuse = (reason: string): Result<never> => failure(problem('outgoing-address-refused', { reason }));
  const endpoint = readEndpoint(written);
  if (typeof endpoint === 'string') return refuse(`it ${endpoint}`);
  if (isObscure(endpoint)) return refuse('its path hides dots or slashes');
  if (!rules.allowed.some((each) => isAllowed(endpoint, each))) return refuse('it is not on the list of allowed addresses');
  return success(endpoint);
}

/** Why a connection to `address`, which `host` resolved to, may not be made; undefined when it may. An address that is itself listed may. */
export function addressRefusal({ networks }: OutgoingRules, host: string, address: string): string | undefined {
  if (isIP(host) !== 0 && plainAddress(host) === plainAddress(address)) return undefined;
  if (!isPrivate(address) || networks?.includes(address) === true) return undefined;
  return 'the name resolves into a private network';
}

/** An error of a look-up that the guard refused. */
export const REFUSED_ADDRESS = 'EREFUSEDADDRESS';

type Resolve = (
  host: string,
  options: LookupOptions & { all: true },
  done: (error: NodeJS.ErrnoException | null, found: LookupAddress[]) => void,
) => void;

/**
 * Returns the look-up that connections are made with: every address of a name must be allowed, else none is given. `resolve`: the
 * system's when undefined.
 */
export function guardedLookup(rules: OutgoingRules, resolve: Resolve = lookup): LookupFunction {
  return (host, options, done) => {
    resolve(host, { ...options, all: true }, (error, found) => {
      if (error) return done(error, '', 0);
      const refused = found.length === 0 || found.some(({ address }) => addressRefusal(rules, host, address) !== undefined);
      if (refused) return done(Object.assign(new Error('refused address'), { code: REFUSED_ADDRESS }), '', 0);
      if (options.all === true) return done(null, found);
      const [first] = found;
      return done(null, first?.address ?? '', first?.family ?? 0);
    });
  };
}

const listed = (text: string | undefined): readonly string[] =>
  (text ?? '')
    .split(/[\s,]+/)
    .map((each) => each.trim())
    .filter((each) => each !== '');

/** Reads the lists of the settings: addresses (https://host/path, mllp://host:port) and networks (10.0.0.0/8), with commas between. */
export function readOutgoingRules(allow: string | undefined, networks: string | undefined): Result<OutgoingRules> {
  const problems: Problem[] = [];
  const allowed = listed(allow).flatMap((entry) => {
    const read = readEndpoint(entry);
    const reason = typeof read === 'string' ? read : isObscure(read) ? 'hides dots or slashes in its path' : undefined;
    if (reason !== undefined) problems.push(problem('outgoing-setting', { name: 'POLYSEME_OUTGOING_ALLOW', entry, reason }));
    return typeof read === 'string' ? [] : [read];
  });
  const written = listed(networks);
  for (const entry of written)
    if (addressFault(entry) !== undefined)
      problems.push(problem('outgoing-setting', { name: 'POLYSEME_OUTGOING_PRIVATE', entry, reason: 'is no network' }));
  if (problems.length > 0) return failure(...problems);
  return success({ allowed, networks: written.length === 0 ? undefined : addressList(written) });
}
