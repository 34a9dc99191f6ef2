/** A file as it is published, and the way to change it. */
import { useState } from 'preact/hooks';
import { ask, useAsked } from '../doors.ts';
import { CodeEditor } from '../editor/code-editor.tsx';
import { Asked } from '../parts/asked.tsx';
import { Text } from '../parts/text.tsx';
import { Link, type PageProps } from '../router.tsx';
import '../style/mappings.css';
import type { SpecDraft, SpecsCovered } from './answers.ts';
import { coveredText, untriedText } from './coverage.ts';
import { NewDraft } from './new-draft.tsx';

interface Shown {
  readonly text: string;
  readonly release: number | null;
  readonly drafts: readonly SpecDraft[];
}

export function page({ place }: PageProps) {
  const path = place.query.get('path') ?? '';
  const release = place.query.get('release');
  const asked = useAsked<Shown>(`${path} ${release}`, async (signal) => {
    const [file, { drafts }] = await Promise.all([
      ask<Omit<Shown, 'drafts'>>(
        'GET',
        `/admin/maps/file/${path}${release === null ? '' : `?${new URLSearchParams({ release })}`}`,
        undefined,
        signal,
      ),
      ask<{ readonly drafts: readonly SpecDraft[] }>('GET', '/admin/maps/drafts?state=open', undefined, signal),
    ]);
    return { ...file, drafts };
  });
  const [isBeginning, setBeginning] = useState(false);
  return (
    <>
      <div class="title">
        <h1>
          <Text value={path} most={200} />
        </h1>
        <Link to="/mappings">All maps</Link>
      </div>
      <Asked asked={asked}>
        {({ text, release: of, drafts }) => (
          <>
            <div class="acts">
              <button type="button" class="primary" onClick={() => setBeginning(true)}>
                Change it in a new draft
              </button>
              {drafts.slice(0, 5).map(({ id, title }) => (
                <Link key={id} class="button" to={`/mappings/drafts/${id}/edit?${new URLSearchParams({ file: path })}`}>
                  in draft {id}: <Text value={title} most={40} />
                </Link>
              ))}
            </div>
            <p class="note">
              {of === null ? 'As it stands in the folder of maps.' : `As it is in release ${of}.`} <Covered path={path} release={release} />
            </p>
            <div class="reading">
              <CodeEditor key={`${path} ${of}`} text={text} label={`Text of ${path}`} isReadOnly />
            </div>
          </>
        )}
      </Asked>
      {isBeginning && <NewDraft close={() => setBeginning(false)} file={path} />}
    </>
  );
}

/** What the cases try of it, once that is counted. */
function Covered({ path, release }: { readonly path: string; readonly release: string | null }) {
  const query = release === null ? '' : `?${new URLSearchParams({ release })}`;
  const { value } = useAsked(`coverage ${query}`, (signal) => ask<SpecsCovered>('GET', `/admin/maps/coverage${query}`, undefined, signal));
  const own = value?.files.find(({ file }) => file === path);
  return own === undefined ? null : (
    <>
      {coveredText([own])}. {untriedText(own)}
    </>
  );
}
