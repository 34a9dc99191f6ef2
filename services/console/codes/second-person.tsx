/** Whether an answer waits for a second person: somebody's choice, where the server's settings do not ask for one in any case. */
import { useState } from 'preact/hooks';
import { ask, useAsked } from '../doors.ts';
import type { Rules } from './answers.ts';

interface SecondPerson {
  readonly isNeeded: boolean;
  readonly isFixed: boolean;
  readonly choose: (isNeeded: boolean) => void;
}

/** Returns what holds: nothing may be put in force by one person before the server has said that it may. */
export function useSecondPerson(): SecondPerson {
  const [chosen, choose] = useState(false);
  const { value } = useAsked('rules', (signal) => ask<Rules>('GET', '/admin/unmapped/rules', undefined, signal));
  const isFixed = value?.needsSecondPerson ?? false;
  return { isNeeded: isFixed || chosen, isFixed, choose };
}

export const SecondPersonChoice = ({ of, title }: { readonly of: SecondPerson; readonly title: string }) => (
  <label class="choice">
    <input type="checkbox" checked={of.isNeeded} disabled={of.isFixed} onChange={(event) => of.choose(event.currentTarget.checked)} />
    <span>
      {title}
      {of.isFixed ? ' (the settings of this server ask for it)' : ''}
    </span>
  </label>
);
