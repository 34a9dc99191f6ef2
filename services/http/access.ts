import type { IncomingHttpHeaders } from 'node:http';
import { type Problem, problem } from '../errors.ts';

export interface AccessSettings {
  readonly host: string;
  readonly verifyToken: ((token: string) => Promise<boolean>) | undefined;
}

/** Returns the access token that a request carries; undefined without one. */
export const tokenOf = (headers: IncomingHttpHeaders): string | undefined =>
  /^Bearer ([\w.~+/=-]{1,200})$/.exec(headers.authorization ?? '')?.[1];

const LOCAL_NAMES = /^(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d{1,5})?$/i;

/**
 * Returns why this caller is not answered, or undefined. Without tokens the door stands on loopback only, where a web page could
 * still reach it: through a name that resolves to 127.0.0.1, so the Host header must be a local one; and by posting blindly to
 * 127.0.0.1 itself, so the Origin, which browsers then send, must be a local one too.
 */
export async function refusalOfCaller(headers: IncomingHttpHeaders, settings: AccessSettings): Promise<Problem | undefined> {
  if (!settings.verifyToken) return refusalOnLoopback(headers);
  const token = tokenOf(headers);
  return token !== undefined && (await settings.verifyToken(token)) ? undefined : problem('login-required');
}

/** The same where no tokens are asked for, at once. */
export function refusalOnLoopback(headers: IncomingHttpHeaders): Problem | undefined {
  if (!LOCAL_NAMES.test(headers.host ?? '')) return problem('host-not-allowed');
  const origin = headers.origin?.replace(/^https?:\/\//i, '');
  return origin === undefined || LOCAL_NAMES.test(origin) ? undefined : problem('origin-not-allowed');
}
