/** Taking back what was said: what it would change, the reason, then it is done. */
import { ask, useAsked } from '../doors.ts';
import { Asked } from '../parts/asked.tsx';
import { ReasonDialog } from '../parts/reason-dialog.tsx';
import { Text } from '../parts/text.tsx';
import { type Code, keyOf, type Preview } from './answers.ts';
import { PreviewShown } from './preview.tsx';

interface UndoProps {
  readonly of: Code & { readonly display: string };
  /** Set: the answer only waits for a second person, and nothing is in force. */
  readonly proposedIds: readonly number[] | undefined;
  readonly close: () => void;
  readonly done: () => void;
}

export function UndoDialog({ of: { system, code, display }, proposedIds, close, done }: UndoProps) {
  const doIt = async (reason: string): Promise<void> => {
    if (proposedIds === undefined) await ask('POST', '/admin/unmapped/undo', { system, code, reason });
    else for (const id of proposedIds) await ask('POST', `/admin/unmapped/answers/${id}/reject`, { reason });
    done();
  };
  return (
    <ReasonDialog title="Take the answer back" act="Undo" isDangerous close={close} doIt={doIt}>
      <p>
        <strong>
          <Text value={display} most={200} />
        </strong>{' '}
        <code>
          <Text value={code} most={80} />
        </code>
      </p>
      {proposedIds === undefined ? (
        <UndoPreview system={system} code={code} />
      ) : (
        <p>It only waited for a second person: no row changes. It stays in the history.</p>
      )}
    </ReasonDialog>
  );
}

function UndoPreview({ system, code }: Code) {
  const asked = useAsked(`undo ${keyOf({ system, code })}`, (signal) =>
    ask<Preview>('POST', '/admin/unmapped/undo/preview', { system, code }, signal),
  );
  return (
    <>
      <p class="note">
        Without this answer. Where it replaced another one, that one is in force again. One person takes it back, also where an answer takes
        two; the audit log says so.
      </p>
      <Asked asked={asked}>{(preview) => <PreviewShown {...preview} />}</Asked>
    </>
  );
}
