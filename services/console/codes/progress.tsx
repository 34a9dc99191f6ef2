/** How far the rows are made again after an answer. */
import { useEffect, useRef, useState } from 'preact/hooks';
import { ask } from '../doors.ts';
import { countText } from '../parts/numbers.ts';
import type { Progress } from './answers.ts';

const EVERY_MS = 1_000;

/** Returns how many resources are left, asked every second from `turn` 1 on until none is; undefined before the first answer. */
export function useProgress(turn: number): { readonly left: number | undefined; readonly most: number } {
  const [left, setLeft] = useState<number>();
  const most = useRef(0);
  useEffect(() => {
    if (turn === 0) return;
    setLeft(undefined);
    const ending = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const again = () => {
      ask<Progress>('GET', '/admin/unmapped/progress', undefined, ending.signal).then(
        ({ left: now }) => {
          if (ending.signal.aborted) return;
          most.current = now === 0 ? 0 : Math.max(most.current, now);
          setLeft(now);
          if (now > 0) timer = setTimeout(again, EVERY_MS);
        },
        () => {
          if (!ending.signal.aborted) timer = setTimeout(again, EVERY_MS);
        },
      );
    };
    again();
    return () => {
      ending.abort();
      clearTimeout(timer);
    };
  }, [turn]);
  return { left, most: most.current };
}

/** Says it, in words and as a bar. */
export function ProgressShown({ left, most }: { readonly left: number | undefined; readonly most: number }) {
  if (left === undefined) return <span class="note">Asking how far it is…</span>;
  if (left === 0) return <span>All rows are made again.</span>;
  return (
    <span class="progress">
      <progress max={most} value={most - left} aria-label="Resources made again" /> {countText(left)}{' '}
      {left === 1 ? 'resource' : 'resources'} left
    </span>
  );
}
