/** The history of what was published, and the way back. */
import { ask, useAsked } from '../doors.ts';
import { Asked } from '../parts/asked.tsx';
import { Empty } from '../parts/empty.tsx';
import { countText } from '../parts/numbers.ts';
import { Table } from '../parts/table.tsx';
import { Text } from '../parts/text.tsx';
import { Time } from '../parts/time.tsx';
import { Link } from '../router.tsx';
import '../style/mappings.css';
import type { Release, SpecReplay } from './answers.ts';

interface History {
  readonly releases: readonly Release[];
  readonly replays: readonly SpecReplay[];
}

export function page() {
  const asked = useAsked<History>('releases', async (signal) => {
    const [{ releases }, { replays }] = await Promise.all([
      ask<{ readonly releases: readonly Release[] }>('GET', '/admin/maps/releases', undefined, signal),
      ask<{ readonly replays: readonly SpecReplay[] }>('GET', '/admin/maps/replays', undefined, signal),
    ]);
    return { releases, replays };
  });
  return (
    <>
      <div class="title">
        <h1>Releases</h1>
        <Link to="/mappings">All maps</Link>
      </div>
      <Asked asked={asked}>
        {({ releases, replays }) =>
          releases.length === 0 ? (
            <Empty title="Nothing is published yet">
              <p>
                The folder of maps runs as it is. The first draft that is published becomes release 2; the folder as it is now is kept as
                release 1, to go back to. Every release stays, with who published it and why.
              </p>
            </Empty>
          ) : (
            <>
              <ReleaseTable releases={releases} />
              <ReplayTable replays={replays} />
            </>
          )
        }
      </Asked>
    </>
  );
}

const ReleaseTable = ({ releases }: { readonly releases: readonly Release[] }) => (
  <Table
    caption="Releases, newest first"
    columns={[
      {
        title: 'Release',
        of: ({ id, isActive }: Release) => (
          <>
            <Link to={`/mappings/releases/${id}`}>{id}</Link>
            {isActive && <strong class="good"> ✓ active</strong>}
          </>
        ),
      },
      { title: 'When', of: ({ at }) => <Time at={at} /> },
      { title: 'Who', of: ({ actor }) => <Text value={actor} most={60} /> },
      { title: 'Why', of: ({ reason }) => <Text value={reason} most={160} /> },
      { title: 'Files', isNumber: true, isExtra: true, of: ({ files }) => countText(files) },
      {
        title: 'Plan',
        isExtra: true,
        of: ({ planId }) => (planId === undefined ? '' : <Link to={`/mappings/plans/${planId}`}>plan {planId}</Link>),
      },
    ]}
    rows={releases}
    keyOf={({ id }) => id}
  />
);

const ReplayTable = ({ replays }: { readonly replays: readonly SpecReplay[] }) =>
  replays.length === 0 ? null : (
    <Table
      caption="Replays, newest first"
      columns={[
        { title: 'Replay', of: ({ id }: SpecReplay) => <Link to={`/mappings/replays/${id}`}>{id}</Link> },
        { title: 'Why', of: ({ why }) => <Text value={why} most={100} /> },
        { title: 'State', of: ({ state }) => state },
        { title: 'Begun', of: ({ startedAt }) => <Time at={startedAt} /> },
      ]}
      rows={replays}
      keyOf={({ id }) => id}
    />
  );
