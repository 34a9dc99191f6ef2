/** Positions in a message as reports name them: 'PID-7', 'OBX[3]-5', 'PID-3[2].4'. */
import type { Segment } from '../../hl7v2/message.ts';
import type { Place } from '../expression/runtime.ts';

/** 'OBX[3]', or 'PID' for the first of its name. */
export const segmentLabel = (s: Segment): string => (s.occurrence === 1 ? s.name : `${s.name}[${s.occurrence}]`);

/** `path` ('OBX-5') with the occurrence of the segment in it. */
export function at(s: Segment | undefined, path: string): string {
  return s === undefined ? path : `${segmentLabel(s)}${path.slice(3)}`;
}

export function atPlace(p: Place | undefined): string | undefined {
  if (p === undefined) return undefined;
  const repetition = p.r > 1 ? `[${p.r}]` : '';
  const parts = p.c === 0 ? '' : p.sc === 0 ? `.${p.c}` : `.${p.c}.${p.sc}`;
  return `${segmentLabel(p.s)}-${p.f}${repetition}${parts}`;
}
