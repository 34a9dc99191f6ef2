/** Publishing what a plan showed: every removal is ticked, a reason is given; what refuses it says its cure. */
import { useState } from 'preact/hooks';
import { ask, useAsked } from '../doors.ts';
import { countText } from '../parts/numbers.ts';
import { ReasonDialog } from '../parts/reason-dialog.tsx';
import { go, Link } from '../router.tsx';
import type { PlanSummary, Published, Removals, SpecPlan, WholeDraft } from './answers.ts';

const WORDS: Readonly<Record<keyof Removals, readonly [string, string]>> = {
  moved: ['resource or row goes to another patient', 'resources and rows go to other patients'],
  resourcesGone: ['resource goes away', 'resources go away'],
  rowsGone: ['row goes away', 'rows go away'],
  messagesParked: ['message that is applied now will be parked', 'messages that are applied now will be parked'],
};
const NAMES = ['moved', 'resourcesGone', 'rowsGone', 'messagesParked'] as const;

export function Publish({ plan, summary }: { readonly plan: SpecPlan; readonly summary: PlanSummary }) {
  const asked = useAsked(String(plan.draftId), (signal) => ask<WholeDraft>('GET', `/admin/maps/drafts/${plan.draftId}`, undefined, signal));
  const [ticked, setTicked] = useState<ReadonlySet<string>>(new Set());
  const [isAsking, setAsking] = useState(false);
  const { removals } = summary;
  const grave = NAMES.filter((name) => removals[name] > 0);
  const draft = asked.value;
  const isOld = draft !== undefined && draft.digest !== plan.digest;
  if (draft === undefined || plan.state !== 'done') return null;
  if (draft.state !== 'open')
    return (
      <p class="notice">
        This draft is {draft.state}
        {draft.releaseId !== undefined && (
          <>
            {' '}
            as <Link to={`/mappings/releases/${draft.releaseId}`}>release {draft.releaseId}</Link>
          </>
        )}
        .
      </p>
    );
  const tick = (name: string, isTicked: boolean) =>
    setTicked(new Set(isTicked ? [...ticked, name] : [...ticked].filter((each) => each !== name)));
  const publish = async (reason: string) => {
    const acknowledge = Object.fromEntries(grave.map((name) => [name, removals[name]]));
    const { replayId } = await ask<Published>('POST', `/admin/maps/drafts/${plan.draftId}/publish`, { plan: plan.id, reason, acknowledge });
    go(`/mappings/replays/${replayId}`);
  };
  return (
    <section class="panel" aria-labelledby="publish-title">
      <h2 id="publish-title">Publish</h2>
      {isOld && (
        <p class="notice">
          The draft, or what is published, has changed since this plan: <Link to={`/mappings/drafts/${plan.draftId}`}>make another</Link>.
        </p>
      )}
      {grave.length > 0 && (
        <fieldset class="removals">
          <legend>You have seen that</legend>
          {grave.map((name) => (
            <label key={name} class="check-label">
              <input type="checkbox" checked={ticked.has(name)} onChange={({ currentTarget: { checked } }) => tick(name, checked)} />{' '}
              <strong>{countText(removals[name])}</strong> {WORDS[name][removals[name] === 1 ? 0 : 1]}
            </label>
          ))}
        </fieldset>
      )}
      <div class="acts">
        <button type="button" class="primary" disabled={isOld || grave.some((name) => !ticked.has(name))} onClick={() => setAsking(true)}>
          Publish…
        </button>
        {grave.some((name) => !ticked.has(name)) && <span class="note">Tick what goes away first.</span>}
      </div>
      {isAsking && (
        <ReasonDialog title={`Publish draft ${plan.draftId}`} act="Publish" close={() => setAsking(false)} doIt={publish}>
          <p>All cases run once more. Then new messages go by the new maps, and what was recorded is replayed, patient by patient.</p>
        </ReasonDialog>
      )}
    </section>
  );
}
