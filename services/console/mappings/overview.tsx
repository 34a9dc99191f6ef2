/** Everything that maps: what runs, drafts, and the tree of specs with what differs between the folder, what is published and what is drafted. */
import { useState } from 'preact/hooks';
import { ask, useAsked } from '../doors.ts';
import { Asked } from '../parts/asked.tsx';
import { Detail } from '../parts/detail.tsx';
import { Empty } from '../parts/empty.tsx';
import { countText } from '../parts/numbers.ts';
import { Table } from '../parts/table.tsx';
import { Text } from '../parts/text.tsx';
import { Time } from '../parts/time.tsx';
import { Link, type PageProps } from '../router.tsx';
import '../style/mappings.css';
import type { DriftedFile, ListedFile, MapsNow, SpecDraft, SpecReplay, SpecsCovered } from './answers.ts';
import { NewDraft } from './new-draft.tsx';
import { Tree } from './tree.tsx';

interface Everything {
  readonly now: MapsNow;
  readonly files: readonly ListedFile[];
  readonly drift: readonly DriftedFile[];
  readonly drafts: readonly SpecDraft[];
  readonly isCut: boolean;
  readonly replays: readonly SpecReplay[];
}

export function page({ place }: PageProps) {
  const asked = useAsked<Everything>('mappings', async (signal) => {
    const [now, { files }, { drift }, { drafts, isCut }, { replays }] = await Promise.all([
      ask<MapsNow>('GET', '/admin/maps', undefined, signal),
      ask<{ readonly files: readonly ListedFile[] }>('GET', '/admin/maps/files', undefined, signal),
      ask<{ readonly drift: readonly DriftedFile[] }>('GET', '/admin/maps/drift', undefined, signal),
      ask<Pick<Everything, 'drafts' | 'isCut'>>('GET', '/admin/maps/drafts?state=open', undefined, signal),
      ask<{ readonly replays: readonly SpecReplay[] }>('GET', '/admin/maps/replays', undefined, signal),
    ]);
    return { now, files, drift, drafts, isCut, replays };
  });
  // Every case is run for it, once for what runs: the tree does not wait for that.
  const covered = useAsked('coverage', (signal) => ask<SpecsCovered>('GET', '/admin/maps/coverage', undefined, signal));
  const [isBeginning, setBeginning] = useState(false);
  return (
    <>
      <div class="title">
        <h1>Mappings</h1>
        <div class="acts">
          <Link to="/mappings/releases">Releases</Link>
          <button type="button" class="primary" onClick={() => setBeginning(true)}>
            New draft
          </button>
        </div>
      </div>
      <Asked asked={asked}>
        {(all) => (
          <>
            <Now all={all} />
            <Drafts drafts={all.drafts} isCut={all.isCut} />
            <Tree files={all.files} drift={all.drift} covered={covered} isPublished={all.now.release !== null} place={place} />
          </>
        )}
      </Asked>
      {isBeginning && <NewDraft close={() => setBeginning(false)} />}
    </>
  );
}

const Now = ({ all: { now, replays } }: { readonly all: Everything }) => {
  const running = replays.find(({ state }) => state === 'running');
  return (
    <section class="panel" aria-label="What runs">
      <Detail
        rows={[
          [
            'Active',
            now.release === null ? (
              'the folder of maps; nothing is published yet'
            ) : (
              <Link to={`/mappings/releases/${now.release}`}>release {now.release}</Link>
            ),
          ],
          ['Files', countText(now.files)],
          [
            'Folder and published',
            now.release === null ? undefined : now.drift === 0 ? 'the same' : <span class="warn">{countText(now.drift)} files differ</span>,
          ],
          ['This process runs', now.running === now.release ? undefined : `release ${now.running ?? 'none'}; it follows in a moment`],
          ['Replay', running && <Link to={`/mappings/replays/${running.id}`}>under way</Link>],
        ]}
      />
    </section>
  );
};

const Drafts = ({ drafts, isCut }: Pick<Everything, 'drafts' | 'isCut'>) =>
  drafts.length === 0 ? (
    <Empty title="No open draft">
      <p>
        A change begins as a draft: edit maps beside a message and see at once what it becomes, let the cases run, let a plan show what
        would change in everything that was recorded, then publish. “New draft” begins one; so does opening any map below.
      </p>
    </Empty>
  ) : (
    <Table
      caption="Open drafts"
      columns={[
        {
          title: 'Draft',
          of: ({ id, title }: SpecDraft) => (
            <Link to={`/mappings/drafts/${id}`}>
              <Text value={title} most={100} />
            </Link>
          ),
        },
        { title: 'Author', of: ({ author }) => <Text value={author} most={60} /> },
        { title: 'Revision', isNumber: true, of: ({ revision }) => countText(revision) },
        { title: 'Changed', of: ({ changedAt }) => <Time at={changedAt} /> },
      ]}
      rows={drafts}
      isCut={isCut}
      keyOf={({ id }) => id}
    />
  );
