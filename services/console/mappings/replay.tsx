/** A replay, watched. */
import { useState } from 'preact/hooks';
import { ask, useAsked } from '../doors.ts';
import { Asked } from '../parts/asked.tsx';
import { Detail } from '../parts/detail.tsx';
import { countText } from '../parts/numbers.ts';
import { Text } from '../parts/text.tsx';
import { Time } from '../parts/time.tsx';
import { Link, type PageProps } from '../router.tsx';
import '../style/mappings.css';
import type { SpecReplay } from './answers.ts';

const BEAT_MS = 1_000;
const PHASES: Readonly<Record<SpecReplay['phase'], string>> = {
  scan: 'looking at every recorded message',
  shared: 'what belongs to no patient',
  patients: 'patient by patient',
  rows: 'rows that another map makes',
  done: 'done',
};

export function page({ params }: PageProps) {
  const id = params['id'] ?? '';
  const [isRunning, setRunning] = useState(true);
  const asked = useAsked(
    id,
    async (signal) => {
      const replay = await ask<SpecReplay>('GET', `/admin/maps/replays/${id}`, undefined, signal);
      setRunning(replay.state === 'running');
      return replay;
    },
    isRunning ? BEAT_MS : undefined,
  );
  return <Asked asked={asked}>{(replay) => <Whole replay={replay} />}</Asked>;
}

const Whole = ({
  replay: { id, state, phase, progress, toRelease, fromRelease, why, actor, startedAt, endedAt },
}: {
  readonly replay: SpecReplay;
}) => (
  <>
    <div class="title">
      <h1>Replay {id}</h1>
      <Link to={`/mappings/releases/${toRelease}`}>Release {toRelease}</Link>
    </div>
    <section class="panel" aria-label="How far it is">
      <p role="status">
        {state === 'running' && (
          <>
            Release {toRelease} is active. What was recorded follows: {PHASES[phase]}. It goes on when this page is closed; what arrives
            comes first.
          </>
        )}
        {state === 'done' && <strong class="good">✓ Done: what is stored is what release {toRelease} makes of it.</strong>}
        {state === 'overtaken' && 'Another release became active before it was done; the replay of that one does the rest.'}
      </p>
      {state === 'running' && (
        <p>
          <progress value={progress.scanned} max={Math.max(1, progress.messages)} aria-label="Messages looked at" />
        </p>
      )}
      <Detail
        rows={[
          ['Why', <Text key="why" value={why} most={100} />],
          ['From', fromRelease === undefined ? 'what was there' : `release ${fromRelease}`],
          ['By', <Text key="by" value={actor} most={60} />],
          ['Begun', <Time key="begun" at={startedAt} />],
          ['Ended', endedAt === undefined ? undefined : <Time at={endedAt} />],
          ['Messages looked at', `${countText(progress.scanned)} of ${countText(progress.messages)}`],
          ['of which become something else', countText(progress.touched)],
          ['Patients done', `${countText(progress.partsDone)} of ${countText(progress.parts)}`],
          ['Resources written', countText(progress.written)],
          ['Resources deleted', countText(progress.deleted)],
          ['Rows made again', countText(progress.remade)],
          ['Messages parked', countText(progress.parked)],
          ['Messages that wait again', countText(progress.requeued)],
          [
            'Patients left as they are',
            progress.kept === 0 ? undefined : <strong class="bad">{countText(progress.kept)}; their messages say why</strong>,
          ],
        ]}
      />
    </section>
  </>
);
