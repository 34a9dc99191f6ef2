import type { ComponentChildren } from 'preact';
import { TextDialog } from './text-dialog.tsx';

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
export const ReasonDialog = (props: ReasonDialogProps) => (
  <TextDialog {...props} label="Reason (kept with the act; no patient data)" name="reason" most={500} />
);
