/** What is parked, by cause, with the cure; a whole group is put back or left for good at once. */
import { useState } from 'preact/hooks';
import { ask, useAsked } from '../doors.ts';
import { Asked } from '../parts/asked.tsx';
import { countText } from '../parts/numbers.ts';
import { ReasonDialog } from '../parts/reason-dialog.tsx';
import { type Column, Table } from '../parts/table.tsx';
import { Text } from '../parts/text.tsx';
import { Time } from '../parts/time.tsx';
import { Link } from '../router.tsx';
import type { CausedGroup, Forecast, Groups, SearchPage } from './answers.ts';
import { listAddress } from './filter.ts';

const EVERY_MS = 15_000;

export function Parked() {
  const asked = useAsked('groups', (signal) => ask<Groups>('POST', '/admin/messages/groups', {}, signal), EVERY_MS);
  const [acting, setActing] = useState<{ readonly act: 'retry' | 'skip'; readonly group: CausedGroup }>();
  return (
    <Asked asked={asked}>
      {({ groups }) => (
        <>
          {groups.length > 0 && (
            <Table
              caption="Parked, by cause"
              columns={columns((act, group) => setActing({ act, group }))}
              rows={groups}
              keyOf={({ code }) => code}
            />
          )}
          {acting && <GroupDialog {...acting} close={() => setActing(undefined)} done={asked.again} />}
        </>
      )}
    </Asked>
  );
}

const columns = (begin: (act: 'retry' | 'skip', group: CausedGroup) => void): readonly Column<CausedGroup>[] => [
  { title: 'Cause', of: ({ code }) => <Link to={listAddress({ status: 'parked', code })}>{code || 'without a cause'}</Link> },
  { title: 'Count', isNumber: true, of: ({ count }) => countText(count) },
  {
    title: 'Newest, and the cure',
    of: ({ sampleText, sampleId, cure }) => (
      <>
        <Text value={sampleText} most={200} /> <Link to={`/messages/${sampleId}`}>message {sampleId}</Link>
        <br />
        <span class="note">{cure}</span>
      </>
    ),
  },
  { title: 'Sources', isExtra: true, of: ({ sources }) => <Text value={sources.join(', ')} most={100} /> },
  { title: 'First', isExtra: true, of: ({ first }) => <Time at={first} /> },
  { title: 'Last', isExtra: true, of: ({ last }) => <Time at={last} /> },
  {
    title: 'Repair',
    of: (group) => (
      <span class="acts">
        <button type="button" onClick={() => begin('retry', group)} aria-label={`Retry all parked for ${group.code}`}>
          Retry…
        </button>
        <button type="button" class="quiet" onClick={() => begin('skip', group)} aria-label={`Skip all parked for ${group.code}`}>
          Skip…
        </button>
      </span>
    ),
  },
];

interface GroupDialogProps {
  readonly act: 'retry' | 'skip';
  readonly group: CausedGroup;
  readonly close: () => void;
  readonly done: () => void;
}

function GroupDialog({ act, group, close, done }: GroupDialogProps) {
  const filter = { code: group.code, until: new Date(Date.parse(group.last) + 1).toISOString() };
  const preview = useAsked(`preview ${group.code}`, (signal) =>
    ask<SearchPage>('POST', '/admin/messages/search', { ...filter, status: 'parked', limit: 5 }, signal),
  );
  const doIt = async (reason: string): Promise<void> => {
    await ask('POST', `/admin/messages/${act}`, { reason, filter });
    done();
  };
  const what = `${countText(group.count)} ${group.count === 1 ? 'message' : 'messages'}`;
  return (
    <ReasonDialog
      title={act === 'retry' ? 'Put parked messages back' : 'Leave parked messages for good'}
      act={act === 'retry' ? `Retry ${what}` : `Skip ${what}`}
      isDangerous={act === 'skip'}
      close={close}
      doIt={doIt}
    >
      <p>
        {act === 'retry'
          ? `${what} parked for ${group.code}: put back to the old place and processed again, each patient's in order.`
          : `${what} parked for ${group.code}: refused for good. What is refused stays in the journal with your reason, and is not applied.`}{' '}
        Those that come after this list was made are left alone.
      </p>
      {act === 'retry' && <Outlook filter={filter} />}
      <Asked asked={preview}>
        {({ messages }) => (
          <ul class="preview">
            {messages.map(({ id, type, receivedAt, source }) => (
              <li key={id}>
                {id} · <Text value={type} /> · <Text value={source} most={60} /> · <Time at={receivedAt} source={source} />
              </li>
            ))}
            {group.count > messages.length && <li>and {countText(group.count - messages.length)} more</li>}
          </ul>
        )}
      </Asked>
    </ReasonDialog>
  );
}

/** What would become of them by the maps of today; a sample where they are many. */
function Outlook({ filter }: { readonly filter: { readonly code: string; readonly until: string } }) {
  const asked = useAsked(`forecast ${filter.code}`, (signal) => ask<Forecast>('POST', '/admin/messages/forecast', { filter }, signal));
  return (
    <section class="outlook" aria-label="What would become of them" role="status">
      {asked.isLoading && asked.value === undefined && <p class="note">Trying them by the maps of today…</p>}
      <Asked asked={asked}>
        {({ of, looked, applied, stopped, resources, rows }) => (
          <>
            <p>
              By the maps of today, {looked < of ? `of a sample of ${countText(looked)} of ${countText(of)}` : `of ${countText(of)}`}:{' '}
              <strong class={applied > 0 ? 'good' : 'bad'}>{countText(applied)} would be applied</strong>
              {stopped.map(({ code, status, count }) => (
                <span key={`${status} ${code}`}>
                  , {countText(count)} {status === 'parked' ? 'parked again' : 'refused'} for <code>{code}</code>
                </span>
              ))}
              .
            </p>
            {applied > 0 && (
              <p class="note">
                They say {kindsText(resources)} and make {kindsText(rows)} of OMOP. What is stored already and says the same is not written
                again.
              </p>
            )}
          </>
        )}
      </Asked>
    </section>
  );
}

const kindsText = (counts: Readonly<Record<string, number>>): string =>
  Object.entries(counts)
    .map(([kind, count]) => `${countText(count)} ${kind}`)
    .join(', ') || 'nothing';
