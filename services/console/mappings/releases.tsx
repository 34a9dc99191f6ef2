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

interface Cut {
  readonly isCut: boolean;
}

interface History {
  readonly releases: readonly Release[];
  readonly areReleasesCut: boolean;
  readonly replays: readonly SpecReplay[];
  readonly areReplaysCut: boolean;
}

export function page() {
  const asked = useAsked<History>('releases', async (signal) => {
    const [{ releases, isCut: areReleasesCut }, { replays, isCut: areReplaysCut }] = await Promise.all([
      ask<Pick<History, 'releases'> & Cut>('GET', '/admin/maps/releases', undefined, signal),
      ask<Pick<History, 'replays'> & Cut>('GET', '/admin/maps/replays', undefined, signal),
    ]);
    return { releases, areReleasesCut, replays, areReplaysCut };
  });
  return (
    <>
      <div class="title">
        <h1>Releases</h1>
        <Link to="/mappings">All maps</Link>
      </div>
      <Asked asked={asked}>
        {({ releases, areReleasesCut, replays, areReplaysCut }) =>
          releases.length === 0 ? (
            <Empty title="Nothing is published yet">
              <p>
                The folder of maps runs as it is. The first draft that is published becomes release 2; the folder as it is now is kept as
                release 1, to go back to. Every release stays, with who published it and why.
              </p>
            </Empty>
          ) : (
            <>
              <ReleaseTable releases={releases} isCut={areReleasesCut} />
              <ReplayTable replays={replays} isCut={areReplaysCut} />
            </>
          )
        }
      </Asked>
    </>
  );
}

const ReleaseTable = ({ releases, isCut }: Pick<History, 'releases'> & Cut) => (
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
    isCut={isCut}
    keyOf={({ id }) => id}
  />
);

const ReplayTable = ({ replays, isCut }: Pick<History, 'replays'> & Cut) =>
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
      isCut={isCut}
      keyOf={({ id }) => id}
    />
  );
