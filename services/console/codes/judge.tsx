/** The second person: approves what somebody else proposed, having seen what it would change, or rejects it. */
import { useState } from 'preact/hooks';
import { ask, useAsked } from '../doors.ts';
import { Asked } from '../parts/asked.tsx';
import { Dialog } from '../parts/dialog.tsx';
import { Failure } from '../parts/failure.tsx';
import { ReasonDialog } from '../parts/reason-dialog.tsx';
import { Text } from '../parts/text.tsx';
import type { AnswersPage, Preview, StoredAnswer } from './answers.ts';
import { Meaning } from './meaning.tsx';
import { PreviewShown } from './preview.tsx';

interface JudgeProps {
  readonly answer: StoredAnswer;
  readonly concepts: AnswersPage['concepts'];
  readonly close: () => void;
  readonly done: () => void;
}

export function ApproveDialog({ answer, concepts, close, done }: JudgeProps) {
  const { id, system, code, display, targets, equivalence } = answer;
  const given = { system, code, display, targets, equivalence };
  const preview = useAsked(`approve ${id}`, (signal) => ask<Preview>('POST', '/admin/unmapped/preview', { answers: [given] }, signal));
  const [isBusy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  const approve = () => {
    setBusy(true);
    ask('POST', `/admin/unmapped/answers/${id}/approve`, {}).then(
      () => {
        done();
        close();
      },
      (failed: unknown) => {
        setBusy(false);
        setError(failed);
      },
    );
  };
  return (
    <Dialog title="Approve an answer" close={close}>
      <Said answer={answer} concepts={concepts} />
      <Asked asked={preview}>{(value) => <PreviewShown {...value} />}</Asked>
      {error !== undefined && <Failure error={error} />}
      <div class="acts">
        <button type="button" onClick={close}>
          Cancel
        </button>
        <button type="button" class="primary" disabled={isBusy || preview.value === undefined} onClick={approve}>
          {isBusy ? 'Working…' : 'Approve'}
        </button>
      </div>
    </Dialog>
  );
}

export function RejectDialog({ answer, concepts, close, done }: JudgeProps) {
  const doIt = async (reason: string): Promise<void> => {
    await ask('POST', `/admin/unmapped/answers/${answer.id}/reject`, { reason });
    done();
  };
  return (
    <ReasonDialog title="Reject an answer" act="Reject" isDangerous close={close} doIt={doIt}>
      <Said answer={answer} concepts={concepts} />
      <p>No row changes. It stays in the history, with your reason.</p>
    </ReasonDialog>
  );
}

const Said = ({ answer: { code, display, targets, author, reason }, concepts }: Pick<JudgeProps, 'answer' | 'concepts'>) => (
  <>
    <p>
      <strong>
        <Text value={display ?? code} most={200} />
      </strong>{' '}
      <code>
        <Text value={code} most={80} />
      </code>{' '}
      means, says <Text value={author} most={80} />
      {reason !== undefined && (
        <>
          {' '}
          (<Text value={reason} most={300} />)
        </>
      )}
      :
    </p>
    <Meaning targets={targets} concepts={concepts} />
  </>
);
