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

/** Returns what `load` answered last; asks when `key` changes and `pauseMs` have passed, and ends the question before. undefined: asks nothing. */
export function useLatest<T>(key: string | undefined, load: (signal: AbortSignal) => Promise<T>, pauseMs: number): Latest<T> {
  const [state, setState] = useState<Latest<T>>({ value: undefined, error: undefined, isAsking: false, tookMs: undefined });
  const latest = useRef(load);
  latest.current = load;
  useEffect(() => {
    if (key === undefined) return;
    const ending = new AbortController();
    const timer = setTimeout(() => {
      setState((before) => ({ ...before, isAsking: true }));
      const start = performance.now();
      latest.current(ending.signal).then(
        (value) => !ending.signal.aborted && setState({ value, error: undefined, isAsking: false, tookMs: performance.now() - start }),
        (error: unknown) => !ending.signal.aborted && setState((before) => ({ ...before, error, isAsking: false })),
      );
    }, pauseMs);
    return () => {
      clearTimeout(timer);
      ending.abort();
    };
  }, [key, pauseMs]);
  return state;
}
