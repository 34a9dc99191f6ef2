/** The answer to the last of many questions, asked while somebody types. */
import { useEffect, useRef, useState } from 'preact/hooks';

export interface Latest<T> {
  /** What was answered last; stays until there is another answer. */
  readonly value: T | undefined;
  readonly error: unknown;
  /** True while a question is under way. */
  readonly isAsking: boolean;
  /** From the question to the answer's being there, milliseconds. */
  readonly tookMs: number | undefined;
}

export interface Asking {
  /** The key has to stand for so long, milliseconds. */
  readonly pauseMs: number;
  /**
   * True: a question that is under way is answered before the next one is asked, so that whoever types fast asks no faster than the server
   * answers. False: it is ended, and the server stops working on it.
   */
  readonly isPatient: boolean;
}

/** Returns what `load` answered last; asks when `key` changes. undefined: asks nothing. */
export function useLatest<T>(
  key: string | undefined,
  load: (signal: AbortSignal) => Promise<T>,
  { pauseMs, isPatient }: Asking,
): Latest<T> {
  const [state, setState] = useState<Latest<T>>({ value: undefined, error: undefined, isAsking: false, tookMs: undefined });
  const latest = useRef({ key, load });
  latest.current = { key, load };
  const running = useRef<AbortController | undefined>(undefined);
  const ask = (): void => {
    const ending = new AbortController();
    const { key: asked } = latest.current;
    running.current = ending;
    setState((before) => ({ ...before, isAsking: true }));
    const start = performance.now();
    const ended = (next: (before: Latest<T>) => Latest<T>): void => {
      if (ending.signal.aborted) return;
      running.current = undefined;
      setState(next);
      if (latest.current.key !== undefined && latest.current.key !== asked) ask();
    };
    latest.current.load(ending.signal).then(
      (value) => ended(() => ({ value, error: undefined, isAsking: false, tookMs: performance.now() - start })),
      (error: unknown) => ended((before) => ({ ...before, error, isAsking: false })),
    );
  };
  useEffect(() => {
    if (key === undefined || (isPatient && running.current !== undefined)) return;
    running.current?.abort();
    running.current = undefined;
    const timer = setTimeout(ask, pauseMs);
    return () => clearTimeout(timer);
  }, [key, pauseMs]);
  useEffect(() => () => running.current?.abort(), []);
  return state;
}
