/** The message that the live result is made of: one of the journal, masked until it is revealed, or one that was pasted. */
import { useState } from 'preact/hooks';
import { ask, useAsked } from '../doors.ts';
import type { SearchPage } from '../messages/answers.ts';
import { DropZone } from '../parts/drop-zone.tsx';
import { ReasonDialog } from '../parts/reason-dialog.tsx';

export type Sample = { readonly id: number } | { readonly text: string };

const LISTED = 30;

interface SampleBarProps {
  readonly sample: Sample | undefined;
  readonly choose: (sample: Sample) => void;
  readonly isMasked: boolean;
  /** It was revealed: ask again. */
  readonly revealed: () => void;
}

export function SampleBar({ sample, choose, isMasked, revealed }: SampleBarProps) {
  const [isPasting, setPasting] = useState(false);
  const [isAsking, setAsking] = useState(false);
  const id = sample !== undefined && 'id' in sample ? sample.id : undefined;
  const isOpen = isPasting || (sample !== undefined && 'text' in sample);
  return (
    <>
      <div class="sample-bar">
        <Recorded id={id} choose={choose} />
        <button type="button" aria-expanded={isOpen} onClick={() => setPasting(!isOpen)}>
          Paste or drop one
        </button>
        {id !== undefined && isMasked && (
          <button type="button" onClick={() => setAsking(true)}>
            Reveal…
          </button>
        )}
      </div>
      {isOpen && <Pasted text={sample !== undefined && 'text' in sample ? sample.text : ''} choose={choose} />}
      {isAsking && id !== undefined && (
        <ReasonDialog
          title={`Show message ${id} unmasked`}
          act="Show it"
          close={() => setAsking(false)}
          doIt={async (reason) => {
            await ask('POST', `/admin/messages/${id}/reveal`, { reason });
            revealed();
          }}
        >
          <p>Who looks, at which message, when and why is written into the audit log before anything is shown. It holds for 8 hours.</p>
        </ReasonDialog>
      )}
    </>
  );
}

/** The newest messages, and any other by its number. */
function Recorded({ id, choose }: { readonly id: number | undefined; readonly choose: (sample: Sample) => void }) {
  const asked = useAsked('newest', (signal) => ask<SearchPage>('POST', '/admin/messages/search', { limit: LISTED }, signal));
  const listed = (asked.value?.messages ?? []).filter(({ channel }) => channel !== 'fhir');
  const [number, setNumber] = useState('');
  const take = (event: Event) => {
    event.preventDefault();
    if (/^[1-9]\d{0,14}$/.test(number)) choose({ id: Number(number) });
  };
  return (
    <form class="sample-bar" onSubmit={take}>
      <select
        aria-label="Recorded message"
        value={id === undefined ? '' : String(id)}
        onChange={({ currentTarget: { value } }) => value !== '' && choose({ id: Number(value) })}
      >
        <option value="">{listed.length === 0 ? 'No message yet' : 'Recorded messages'}</option>
        {id !== undefined && !listed.some((each) => each.id === id) && <option value={String(id)}>{id}</option>}
        {listed.map((each) => (
          <option key={each.id} value={String(each.id)}>
            {each.id} {each.type.slice(0, 40)} {each.status === 'applied' ? '' : each.status}
          </option>
        ))}
      </select>
      <input
        type="text"
        inputMode="numeric"
        class="short"
        placeholder="Number"
        aria-label="Number of a recorded message; Enter takes it"
        value={number}
        maxLength={15}
        autocomplete="off"
        onInput={(event) => setNumber(event.currentTarget.value)}
      />
    </form>
  );
}

function Pasted({ text, choose }: { readonly text: string; readonly choose: (sample: Sample) => void }) {
  return (
    <DropZone take={(taken) => choose({ text: taken })}>
      <label class="field pasted">
        <span>A message; nothing of it is stored</span>
        <textarea
          rows={6}
          spellcheck={false}
          value={text}
          placeholder="MSH|^~\&|…"
          onInput={({ currentTarget: { value } }) => choose({ text: value })}
        />
      </label>
    </DropZone>
  );
}
