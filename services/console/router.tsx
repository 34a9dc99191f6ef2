/** Addresses: every state of a page has one. What must not stand in an address (patient data) is kept beside it, in the history entry. */
import type { ComponentChildren } from 'preact';
import { useLayoutEffect, useState } from 'preact/hooks';

export interface Place {
  readonly path: string;
  readonly query: URLSearchParams;
  /** Kept with the history entry: survives a reload and the back button, stands in no log. */
  readonly beside: Readonly<Record<string, string>>;
}

/** What every page is given. */
export interface PageProps {
  /** The parts of the address that the page's pattern names. */
  readonly params: Readonly<Record<string, string>>;
  readonly place: Place;
}

const CHANGED = 'polyseme:place';

function placeNow(): Place {
  const state: unknown = history.state;
  const beside = Object.fromEntries(
    Object.entries(typeof state === 'object' && state !== null ? state : {}).flatMap(([name, value]) =>
      typeof value === 'string' ? [[name, value]] : [],
    ),
  );
  return { path: location.pathname, query: new URLSearchParams(location.search), beside };
}

const isHere = ({ path, query, beside }: Place): boolean => {
  const now = placeNow();
  return path === now.path && query.toString() === now.query.toString() && JSON.stringify(beside) === JSON.stringify(now.beside);
};

/** Returns where we are; the component is drawn again when that changes. */
export function usePlace(): Place {
  const [place, setPlace] = useState(placeNow);
  // Before the first paint, and looked at once more: an effect listens a frame later, and what changed until then would be missed.
  useLayoutEffect(() => {
    const changed = () => setPlace((before) => (isHere(before) ? before : placeNow()));
    changed();
    addEventListener('popstate', changed);
    addEventListener(CHANGED, changed);
    return () => {
      removeEventListener('popstate', changed);
      removeEventListener(CHANGED, changed);
    };
  }, []);
  return place;
}

/** Goes to an address of this console. `isStep` false: the back button does not come back here. */
export function go(to: string, options: { readonly beside?: Readonly<Record<string, string>>; readonly isStep?: boolean } = {}): void {
  const { beside = {}, isStep = true } = options;
  if (isStep) history.pushState(beside, '', to);
  else history.replaceState(beside, '', to);
  dispatchEvent(new Event(CHANGED));
}

/** Returns the address with these parameters set, or left out where they are undefined or ''. */
export function withQuery(place: Pick<Place, 'path' | 'query'>, changes: Readonly<Record<string, string | undefined>>): string {
  const query = new URLSearchParams(place.query);
  for (const [name, value] of Object.entries(changes)) {
    if (value === undefined || value === '') query.delete(name);
    else query.set(name, value);
  }
  const text = query.toString();
  return text === '' ? place.path : `${place.path}?${text}`;
}

interface LinkProps {
  readonly to: string;
  readonly children: ComponentChildren;
  readonly class?: string | undefined;
  readonly title?: string | undefined;
  readonly 'aria-label'?: string | undefined;
  readonly 'aria-current'?: 'page' | 'true' | undefined;
}

/** A link within the console; opened in a new tab as any other. */
export function Link({ to, children, ...rest }: LinkProps) {
  const follow = (event: MouseEvent) => {
    if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    go(to);
    scrollTo(0, 0);
  };
  return (
    <a {...rest} href={to} onClick={follow}>
      {children}
    </a>
  );
}

/** Returns the parameters when `path` is of `pattern` ('/messages/:id'), else undefined. */
export function matched(pattern: string, path: string): Readonly<Record<string, string>> | undefined {
  const wanted = pattern.split('/');
  const given = path.replace(/\/$/, '').split('/');
  if (path === '/' ? pattern !== '/' : wanted.length !== given.length) return undefined;
  const found: Record<string, string> = {};
  for (const [index, step] of wanted.entries()) {
    const part = given[index] ?? '';
    if (step.startsWith(':')) found[step.slice(1)] = decoded(part);
    else if (step !== part) return undefined;
  }
  return found;
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
