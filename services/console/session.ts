/** Who is signed in: the access token, kept for this tab only and sent with every request. On loopback none is needed. */
const KEY = 'polyseme.token';

let listeners: readonly (() => void)[] = [];
let isRefused = false;

/** Returns the token of this tab, undefined without one. */
export const token = (): string | undefined => sessionStorage.getItem(KEY) ?? undefined;

/** Returns true when the server asked for a token, or refused the one that this tab has. */
export const needsToken = (): boolean => isRefused;

/** Keeps the token until the tab is closed. */
export function signIn(value: string): void {
  sessionStorage.setItem(KEY, value.trim());
  isRefused = false;
  told();
}

/** Forgets the token. */
export function signOut(): void {
  sessionStorage.removeItem(KEY);
  isRefused = true;
  told();
}

/** The server answered 401. */
export function refused(): void {
  if (isRefused) return;
  isRefused = true;
  told();
}

/** Calls `listener` after each change; returns what ends that. */
export function onSession(listener: () => void): () => void {
  listeners = [...listeners, listener];
  return () => {
    listeners = listeners.filter((each) => each !== listener);
  };
}

function told(): void {
  for (const each of listeners) each();
}
