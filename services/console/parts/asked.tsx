import type { ComponentChildren } from 'preact';
import type { Asked as AskedState } from '../doors.ts';
import { Failure } from './failure.tsx';

/** Shows what was asked for once it is there; what is there stays while it is asked again, and when that fails, with the failure above it. */
export function Asked<T>({ asked, children }: { readonly asked: AskedState<T>; readonly children: (value: T) => ComponentChildren }) {
  return (
    <>
      {asked.error !== undefined && <Failure error={asked.error} again={asked.again} />}
      {asked.value === undefined ? asked.error === undefined && <p class="loading">Loading…</p> : children(asked.value)}
    </>
  );
}
