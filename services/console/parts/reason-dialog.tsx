import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';
import { Dialog } from './dialog.tsx';
import { Failure } from './failure.tsx';

interface ReasonDialogProps {
  readonly title: string;
  /** What the button says: the act itself ("Retry 12 messages"). */
  readonly act: string;
  readonly isDangerous?: boolean;
  readonly close: () => void;
  /** Does it; the dialog closes when it resolves, and shows what went wrong when it rejects. */
  readonly doIt: (reason: string) => Promise<unknown>;
  readonly children?: ComponentChildren;
}

/** An act that needs a reason: says what will happen, asks why, then does it. */
export function ReasonDialog({ title, act, isDangerous = false, close, doIt, children }: ReasonDialogProps) {
  const [reason, setReason] = useState('');
  const [isBusy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  const submit = (event: Event) => {
    event.preventDefault();
    if (reason.trim() === '' || isBusy) return;
    setBusy(true);
    doIt(reason.trim()).then(close, (failed: unknown) => {
      setBusy(false);
      setError(failed);
    });
  };
  return (
    <Dialog title={title} close={close}>
      <form onSubmit={submit}>
        {children}
        <label class="field">
          <span>Reason (kept with the act; no patient data)</span>
          <input
            type="text"
            name="reason"
            value={reason}
            maxLength={500}
            autocomplete="off"
            onInput={(event) => setReason(event.currentTarget.value)}
          />
        </label>
        {error !== undefined && <Failure error={error} />}
        <div class="acts">
          <button type="button" onClick={close}>
            Cancel
          </button>
          <button type="submit" class={isDangerous ? 'danger' : 'primary'} disabled={reason.trim() === '' || isBusy}>
            {isBusy ? 'Working…' : act}
          </button>
        </div>
      </form>
    </Dialog>
  );
}
