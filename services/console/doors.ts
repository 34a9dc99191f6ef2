/** The one way to the server: JSON over the doors under /admin, errors as problems with their cure. */
import { useCallback, useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { refused, token } from './session.ts';

/** One thing that went wrong, as services/ERRORS.md has it. */
export interface DoorProblem {
  readonly code: string;
  readonly text: string;
  readonly cure: string;
}

/** The server said no, or nothing. */
export class DoorError extends Error {
  readonly status: number;
  readonly problems: readonly DoorProblem[];
  /** The whole answer: some say more than what went wrong. */
  readonly answer: unknown;

  constructor(status: number, problems: readonly DoorProblem[], answer?: unknown) {
    super(problems.map(({ text }) => text).join(' '));
    this.name = 'DoorError';
    this.status = status;
    this.problems = problems;
    this.answer = answer;
  }
}

const UNREACHABLE: DoorProblem = {
  code: 'server-unreachable',
  text: 'The server does not answer.',
  cure: 'See whether "npx polyseme serve" is running; this page tries again when you reload it.',
};

/**
 * Returns the JSON that the door answers. Patient data never stands in `path`: it goes into `body`. Throws DoorError.
 * The type is what the door's own file says it answers; both are built from one checkout.
 */
export async function ask<T>(
  method: 'GET' | 'POST' | 'PUT' | 'DELETE',
  path: string,
  body?: unknown,
  signal?: AbortSignal,
  more: Readonly<Record<string, string>> = {},
): Promise<T> {
  const known = token();
  const headers = new Headers({ accept: 'application/json', ...more });
  if (known !== undefined) headers.set('authorization', `Bearer ${known}`);
  if (body !== undefined) headers.set('content-type', 'application/json');
  const response = await fetch(path, {
    method,
    headers,
    body: body === undefined ? null : JSON.stringify(body),
    signal: signal ?? null,
    credentials: 'omit',
    cache: 'no-store',
  }).catch((error: unknown) => {
    if (signal?.aborted) throw error;
    throw new DoorError(0, [UNREACHABLE]);
  });
  if (response.status === 401) refused();
  const read = response.status === 204 ? undefined : await response.json().catch(() => undefined);
  if (!response.ok) throw new DoorError(response.status, problemsIn(response, read), read);
  return read;
}

/** Errors come as an OperationOutcome (https://hl7.org/fhir/R4/operationoutcome.html), as everywhere on this server. */
export function problemsIn(response: Response, read: unknown): readonly DoorProblem[] {
  const issues = typeof read === 'object' && read !== null && 'issue' in read && Array.isArray(read.issue) ? read.issue : [];
  const found = issues.flatMap((issue: unknown): DoorProblem[] => {
    if (typeof issue !== 'object' || issue === null) return [];
    const details: unknown = Reflect.get(issue, 'details');
    const coding: unknown = typeof details === 'object' && details !== null ? Reflect.get(details, 'coding') : undefined;
    const first: unknown = Array.isArray(coding) ? coding[0] : undefined;
    const code: unknown = typeof first === 'object' && first !== null ? Reflect.get(first, 'code') : undefined;
    const text: unknown = typeof details === 'object' && details !== null ? Reflect.get(details, 'text') : undefined;
    const said = String(text ?? '');
    const cure = String(Reflect.get(issue, 'diagnostics') ?? '');
    return [{ code: String(code ?? response.status), text: said, cure: cure.startsWith(said) ? cure.slice(said.length).trim() : cure }];
  });
  return found.length > 0
    ? found
    : [{ code: String(response.status), text: `The server answered ${response.status} ${response.statusText}.`, cure: '' }];
}

export interface Asked<T> {
  /** What was answered last; stays while it is asked again. */
  readonly value: T | undefined;
  readonly error: unknown;
  readonly isLoading: boolean;
  /** Asks again. */
  readonly again: () => void;
}

/**
 * Returns what `load` answers, asked again when `key` changes and, with `everyMs`, as long as the page is seen. An answer that comes after a
 * later question is thrown away.
 */
export function useAsked<T>(key: string, load: (signal: AbortSignal) => Promise<T>, everyMs?: number): Asked<T> {
  const [state, setState] = useState<{ key: string; value: T | undefined; error: unknown; isLoading: boolean }>({
    key,
    value: undefined,
    error: undefined,
    isLoading: true,
  });
  const [turn, setTurn] = useState(0);
  const latest = useRef(load);
  latest.current = load;
  // Before the first paint: an effect would wait for a frame, and the answer with it.
  useLayoutEffect(() => {
    const ending = new AbortController();
    setState((before) => ({ ...before, key, value: before.key === key ? before.value : undefined, isLoading: true }));
    latest.current(ending.signal).then(
      (value) => !ending.signal.aborted && setState({ key, value, error: undefined, isLoading: false }),
      (error: unknown) => !ending.signal.aborted && setState((before) => ({ ...before, error, isLoading: false })),
    );
    return () => ending.abort();
  }, [key, turn]);
  const again = useCallback(() => setTurn((n) => n + 1), []);
  useEffect(() => {
    if (everyMs === undefined) return;
    const timer = setInterval(() => document.visibilityState === 'visible' && again(), everyMs);
    return () => clearInterval(timer);
  }, [everyMs, again]);
  return { value: state.key === key ? state.value : undefined, error: state.error, isLoading: state.isLoading, again };
}
