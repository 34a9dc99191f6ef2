/** What is done to one message: put back, left for good, sent again changed. */
import { useState } from 'preact/hooks';
import { ask } from '../doors.ts';
import { ReasonDialog } from '../parts/reason-dialog.tsx';
import { go } from '../router.tsx';
import type { MessagePage } from './answers.ts';

interface RepairProps {
  readonly page: MessagePage;
  readonly again: () => void;
}

export function Repair({ page, again }: RepairProps) {
  const [act, setAct] = useState<'retry' | 'skip' | 'edit'>();
  const close = () => setAct(undefined);
  const does = (name: 'retry' | 'skip') => async (reason: string) => {
    await ask('POST', `/admin/messages/${name}`, { reason, ids: [page.id] });
    again();
  };
  return (
    <>
      {page.status === 'parked' && (
        <>
          <button type="button" onClick={() => setAct('retry')}>
            Retry…
          </button>
          <button type="button" onClick={() => setAct('skip')}>
            Skip…
          </button>
        </>
      )}
      {page.text !== undefined && (
        <button
          type="button"
          disabled={page.raw === undefined}
          title={page.raw === undefined ? 'Reveal it first' : undefined}
          onClick={() => setAct('edit')}
        >
          Edit and send again…
        </button>
      )}
      {act === 'retry' && (
        <ReasonDialog title="Put the message back" act="Retry it" close={close} doIt={does('retry')}>
          <p>It goes back to its old place and is processed again, before what came later for the same patient.</p>
        </ReasonDialog>
      )}
      {act === 'skip' && (
        <ReasonDialog title="Leave the message for good" act="Skip it" isDangerous close={close} doIt={does('skip')}>
          <p>It becomes refused and stays in the journal with your reason. It is not applied.</p>
        </ReasonDialog>
      )}
      {act === 'edit' && page.raw !== undefined && <EditDialog id={page.id} raw={page.raw} close={close} />}
    </>
  );
}

function EditDialog({ id, raw, close }: { readonly id: number; readonly raw: string; readonly close: () => void }) {
  const [text, setText] = useState(raw);
  const send = async (reason: string): Promise<void> => {
    const answer = await ask<{ readonly id: number }>('POST', `/admin/messages/${id}/resend`, { reason, text });
    go(`/messages/${answer.id}`);
  };
  return (
    <ReasonDialog title={`Send message ${id} again, changed`} act="Store it as a new message" close={close} doIt={send}>
      <p>One line is one segment. It is stored as a new message of the same source; this one stays as it is.</p>
      <label class="field">
        <span>Message</span>
        <textarea class="mono" rows={12} spellcheck={false} value={text} onInput={(event) => setText(event.currentTarget.value)} />
      </label>
    </ReasonDialog>
  );
}
