/** The plans of a draft, and how a new one is begun. */
import { useState } from 'preact/hooks';
import { ask, useAsked } from '../doors.ts';
import { Failure } from '../parts/failure.tsx';
import { countText } from '../parts/numbers.ts';
import { Table } from '../parts/table.tsx';
import { Time } from '../parts/time.tsx';
import { go, Link } from '../router.tsx';
import type { SpecPlan, WholeDraft } from './answers.ts';

const SAMPLES = ['', '1000', '10000', '100000'] as const;

export function Plans({ draft }: { readonly draft: WholeDraft }) {
  const asked = useAsked(
    `${draft.id}`,
    (signal) =>
      ask<{ readonly plans: readonly SpecPlan[]; readonly isCut: boolean }>(
        'GET',
        `/admin/maps/plans?draft=${draft.id}`,
        undefined,
        signal,
      ),
    5_000,
  );
  const [sample, setSample] = useState<string>('');
  const [type, setType] = useState('');
  const [error, setError] = useState<unknown>();
  const begin = async (event: Event) => {
    event.preventDefault();
    const filter = { ...(sample === '' ? {} : { sample: Number(sample) }), ...(type.trim() === '' ? {} : { messageType: type.trim() }) };
    try {
      const { id } = await ask<SpecPlan>('POST', `/admin/maps/drafts/${draft.id}/plan`, filter);
      go(`/mappings/plans/${id}`);
    } catch (failed) {
      setError(failed);
    }
  };
  const rows = asked.value?.plans ?? [];
  return (
    <section class="panel" aria-labelledby="plans-title">
      <h2 id="plans-title">Plan</h2>
      <p class="note">
        Runs the draft over recorded messages and shows what would change. Nothing is touched. A publication needs a plan of the draft as it
        is.
      </p>
      <form class="acts" onSubmit={begin}>
        <select aria-label="Over which messages" value={sample} onChange={(event) => setSample(event.currentTarget.value)}>
          {SAMPLES.map((each) => (
            <option key={each} value={each}>
              {each === '' ? 'Over all recorded messages' : `Over the newest ${countText(Number(each))}`}
            </option>
          ))}
        </select>
        <input
          type="text"
          aria-label="Only of this type, ORU or ORU^R01; empty for all"
          placeholder="all types"
          value={type}
          maxLength={50}
          onInput={(event) => setType(event.currentTarget.value)}
        />
        <button type="submit" class="primary">
          Plan
        </button>
      </form>
      {error !== undefined && <Failure error={error} />}
      {rows.length > 0 && <PlanTable rows={rows} isCut={asked.value?.isCut ?? false} digest={draft.digest} />}
    </section>
  );
}

interface PlanTableProps {
  readonly rows: readonly SpecPlan[];
  readonly isCut: boolean;
  /** Of the draft as it is. */
  readonly digest: string;
}

const PlanTable = ({ rows, isCut, digest }: PlanTableProps) => (
  <Table
    caption="Plans of this draft"
    isCaptionHidden
    columns={[
      { title: 'Plan', of: ({ id }: SpecPlan) => <Link to={`/mappings/plans/${id}`}>{id}</Link> },
      { title: 'State', of: ({ state }) => state },
      { title: 'Messages', isNumber: true, of: ({ looked, total }) => `${countText(looked)} of ${countText(total)}` },
      { title: 'Begun', of: ({ startedAt }) => <Time at={startedAt} /> },
      { title: 'Of', of: (plan) => (plan.digest === digest ? 'the draft as it is' : `revision ${plan.draftRevision}`) },
    ]}
    rows={rows}
    isCut={isCut}
    keyOf={({ id }) => id}
  />
);
