import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';
import { Dialog } from './dialog.tsx';
import { Failure } from './failure.tsx';

interface TextDialogProps {
  readonly title: string;
  /** Of the text: "Name". */
  readonly label: string;
  /** The name of the field. */
  readonly name: string;
  /** Characters. */
  readonly most: number;
  /** What the button says: the act itself ("Retry 12 messages"). */
  readonly act: string;
  readonly isDangerous?: boolean;
  readonly close: () => void;
  /** Does it with the text, which is not empty; the dialog closes when it resolves, and shows what went wrong when it rejects. */
  readonly doIt: (text: string) => Promise<unknown>;
  readonly children?: ComponentChildren;
}

/** An act that needs a line of text. */
export function TextDialog({ title, label, name, most, act, isDangerous = false, close, doIt, children }: TextDialogProps) {
  const [text, setText] = useState('');
  const [isBusy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  const submit = (event: Event) => {
    event.preventDefault();
    if (text.trim() === '' || isBusy) return;
    setBusy(true);
    doIt(text.trim()).then(close, (failed: unknown) => {
      setBusy(false);
      setError(failed);
    });
  };
  return (
    <Dialog title={title} close={close}>
      <form onSubmit={submit}>
        {children}
        <label class="field">
          <span>{label}</span>
          <input
            type="text"
            name={name}
            value={text}
            maxLength={most}
            autocomplete="off"
            onInput={(event) => setText(event.currentTarget.value)}
          />
        </label>
        {error !== undefined && <Failure error={error} />}
        <div class="acts">
          <button type="button" onClick={close}>
            Cancel
          </button>
          <button type="submit" class={isDangerous ? 'danger' : 'primary'} disabled={text.trim() === '' || isBusy}>
            {isBusy ? 'Working…' : act}
          </button>
        </div>
      </form>
    </Dialog>
  );
}
