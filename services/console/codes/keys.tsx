/** The keys of the list. Those that are letters act only in the list, or while nothing else has the focus, and can be switched off (WCAG 2.1.4). */
import { useState } from 'preact/hooks';
import { Dialog } from '../parts/dialog.tsx';

const KEYS = [
  ['j or ↓', 'next code'],
  ['k or ↑', 'code before'],
  ['Enter', 'open it'],
  ['Escape', 'close it, back to the list'],
  ['u', 'take back the last answer given here'],
  ['/', 'to the search'],
  ['?', 'these keys'],
] as const;

const STORED = 'polyseme.letters';

/** Returns whether letters act, and what switches them. */
export function useLetters(): readonly [boolean, (isOn: boolean) => void] {
  const [isOn, setOn] = useState(() => localStorage.getItem(STORED) !== 'off');
  const set = (value: boolean) => {
    localStorage.setItem(STORED, value ? 'on' : 'off');
    setOn(value);
  };
  return [isOn, set];
}

interface KeysProps {
  readonly areLettersOn: boolean;
  readonly setLetters: (isOn: boolean) => void;
  readonly close: () => void;
}

export function KeysDialog({ areLettersOn, setLetters, close }: KeysProps) {
  return (
    <Dialog title="Keys of the list" close={close}>
      <dl class="keys">
        {KEYS.map(([key, what]) => (
          <div key={key}>
            <dt>
              <kbd>{key}</kbd>
            </dt>
            <dd>{what}</dd>
          </div>
        ))}
      </dl>
      <label class="choice">
        <input type="checkbox" checked={areLettersOn} onChange={(event) => setLetters(event.currentTarget.checked)} />
        <span>Letters and signs act as keys (arrows, Enter and Escape always do)</span>
      </label>
    </Dialog>
  );
}
