/** One release: what it changed in meaning, and going back to it. */
import { useState } from 'preact/hooks';
import { ask, useAsked } from '../doors.ts';
import { Asked } from '../parts/asked.tsx';
import { Detail } from '../parts/detail.tsx';
import { countText } from '../parts/numbers.ts';
import { ReasonDialog } from '../parts/reason-dialog.tsx';
import { Text } from '../parts/text.tsx';
import { Time } from '../parts/time.tsx';
import { go, Link, type PageProps } from '../router.tsx';
import '../style/mappings.css';
import type { Published, WholeRelease } from './answers.ts';
import { Meaning } from './meaning.tsx';

export function page({ params }: PageProps) {
  const id = params['id'] ?? '';
  const asked = useAsked(id, (signal) => ask<WholeRelease>('GET', `/admin/maps/releases/${id}`, undefined, signal));
  return <Asked asked={asked}>{(release) => <Whole release={release} />}</Asked>;
}

function Whole({ release }: { readonly release: WholeRelease }) {
  const [isAsking, setAsking] = useState(false);
  const back = async (reason: string) => {
    const { replayId } = await ask<Published>('POST', '/admin/maps/rollback', { release: release.id, reason });
    go(`/mappings/replays/${replayId}`);
  };
  return (
    <>
      <div class="title">
        <h1>
          Release {release.id} {release.isActive && <strong class="good">✓ active</strong>}
        </h1>
        <Link to="/mappings/releases">All releases</Link>
      </div>
      {!release.isActive && (
        <div class="acts">
          <button type="button" class="danger" onClick={() => setAsking(true)}>
            Go back to this release…
          </button>
        </div>
      )}
      <section class="panel" aria-label="The release">
        <Detail
          rows={[
            ['When', <Time key="when" at={release.at} />],
            ['Who', <Text key="who" value={release.actor} most={60} />],
            ['Why', <Text key="why" value={release.reason} most={300} />],
            ['Maps', countText(release.specs.length)],
            [
              'Plan',
              release.planId === undefined ? undefined : <Link to={`/mappings/plans/${release.planId}`}>plan {release.planId}</Link>,
            ],
            [
              'Draft',
              release.draftId === undefined ? undefined : <Link to={`/mappings/drafts/${release.draftId}`}>draft {release.draftId}</Link>,
            ],
          ]}
        />
      </section>
      <section class="panel" aria-labelledby="meaning-title">
        <h2 id="meaning-title">{release.baseId === undefined ? 'The first release' : `What it changed in release ${release.baseId}`}</h2>
        {release.baseId === undefined ? (
          <p class="note">The folder of maps as it was before anything was published.</p>
        ) : (
          <Meaning files={release.files} />
        )}
      </section>
      {isAsking && (
        <ReasonDialog title={`Go back to release ${release.id}`} act="Go back" isDangerous close={() => setAsking(false)} doIt={back}>
          <p>New messages go by release {release.id} at once; what was recorded is replayed as far as it makes something else of it.</p>
          <p class="note">One person goes back, also where a publication takes two; the audit log says so.</p>
        </ReasonDialog>
      )}
    </>
  );
}
