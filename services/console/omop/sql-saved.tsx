/** Saved queries: opened by name, saved under one; two who change the same hear of each other. */
import { useState } from 'preact/hooks';
import type { QueryVersion, SavedQuery } from '../../database/sql/saved-queries.ts';
import { ask, useAsked } from '../doors.ts';
import { Asked } from '../parts/asked.tsx';
import { Failure } from '../parts/failure.tsx';
import { Text } from '../parts/text.tsx';
import { TextDialog } from '../parts/text-dialog.tsx';
import { Time } from '../parts/time.tsx';
import { Link } from '../router.tsx';

interface SavedProps {
  readonly queries: readonly SavedQuery[];
  /** The last text of each name that was removed. */
  readonly removed: readonly QueryVersion[];
  readonly opened: SavedQuery | undefined;
  readonly text: string;
  readonly again: () => void;
  readonly open: (name: string) => void;
  /** Puts an earlier text where the statement stands; nothing is saved by that. */
  readonly bring: (text: string) => void;
}

export function Saved({ queries, removed, opened, text, again, open, bring }: SavedProps) {
  const [isSaving, setSaving] = useState(false);
  const [error, setError] = useState<unknown>();
  const done = (name: string) => {
    setError(undefined);
    again();
    open(name);
  };
  const change = (query: SavedQuery) => {
    ask<SavedQuery>('POST', '/admin/sql/saved', { name: query.name, text, version: query.version }).then(
      ({ name }) => done(name),
      setError,
    );
  };
  const remove = (query: SavedQuery) => {
    ask('POST', '/admin/sql/saved/remove', { name: query.name, version: query.version }).then(() => done(''), setError);
  };
  return (
    <section class="panel saved" aria-labelledby="saved">
      <h2 id="saved">Saved queries</h2>
      {error !== undefined && <Failure error={error} />}
      {opened !== undefined && (
        <p>
          <strong>
            <Text value={opened.name} most={120} />
          </strong>{' '}
          <span class="note">
            version {opened.version} by <Text value={opened.author} most={60} />, <Time at={opened.updatedAt} />
            {text === opened.text ? '' : ', changed here'}
          </span>
        </p>
      )}
      <div class="acts">
        {opened !== undefined && (
          <>
            <button type="button" disabled={text === opened.text} onClick={() => change(opened)}>
              Save
            </button>
            <button type="button" onClick={() => remove(opened)}>
              Remove
            </button>
          </>
        )}
        <button type="button" onClick={() => setSaving(true)}>
          Save as…
        </button>
      </div>
      {queries.length === 0 ? (
        <p class="note">None yet. What is saved here is seen by everybody who may open this page.</p>
      ) : (
        <ul class="plain">
          {queries.map(({ name, id }) => (
            <li key={id}>
              <Link to={`/omop/sql?query=${encodeURIComponent(name)}`} aria-current={name === opened?.name ? 'true' : undefined}>
                <Text value={name} most={120} />
              </Link>
            </li>
          ))}
        </ul>
      )}
      {opened !== undefined && <Versions key={`${opened.name} ${opened.version}`} name={opened.name} text={text} bring={bring} />}
      <Removed removed={removed} text={text} bring={bring} />
      {isSaving && <SaveDialog text={text} close={() => setSaving(false)} saved={done} />}
    </section>
  );
}

/** What was removed, to be brought back. */
const Removed = ({ removed, text, bring }: Pick<SavedProps, 'removed' | 'text' | 'bring'>) =>
  removed.length === 0 ? null : (
    <details>
      <summary>Removed</summary>
      <ul class="plain">
        {removed.map((each) => (
          <Version key={each.name} version={each} name={each.name} bring={bring} isThere={text === each.text} />
        ))}
      </ul>
    </details>
  );

interface VersionsProps extends Pick<SavedProps, 'text' | 'bring'> {
  readonly name: string;
}

/** Every text that the name ever had, asked for when it is opened. */
function Versions({ name, text, bring }: VersionsProps) {
  const [isOpen, setOpen] = useState(false);
  return (
    <details onToggle={({ currentTarget: { open } }) => setOpen(open)}>
      <summary>Earlier versions</summary>
      {isOpen && <VersionList name={name} text={text} bring={bring} />}
    </details>
  );
}

function VersionList({ name, text, bring }: VersionsProps) {
  const asked = useAsked(`versions ${name}`, (signal) =>
    ask<{ readonly versions: readonly QueryVersion[] }>('POST', '/admin/sql/saved/versions', { name }, signal),
  );
  return (
    <Asked asked={asked}>
      {({ versions }) => (
        <ul class="plain">
          {versions.map((each) => (
            <Version
              key={`${each.version} ${each.savedAt}`}
              version={each}
              name={`version ${each.version}`}
              bring={bring}
              isThere={text === each.text}
            />
          ))}
        </ul>
      )}
    </Asked>
  );
}

interface VersionProps extends Pick<SavedProps, 'bring'> {
  readonly version: QueryVersion;
  readonly name: string;
  readonly isThere: boolean;
}

const Version = ({ version: { author, savedAt, text }, name, bring, isThere }: VersionProps) => (
  <li>
    <button type="button" class="quiet" disabled={isThere} aria-label={`Bring back ${name}`} onClick={() => bring(text)}>
      Bring back
    </button>{' '}
    <Text value={name} most={120} />{' '}
    <span class="note">
      by <Text value={author} most={60} />, <Time at={savedAt} />
    </span>
  </li>
);

interface SaveDialogProps {
  readonly text: string;
  readonly close: () => void;
  readonly saved: (name: string) => void;
}

function SaveDialog({ text, close, saved }: SaveDialogProps) {
  const save = async (name: string): Promise<void> => {
    const query = await ask<SavedQuery>('POST', '/admin/sql/saved', { name, text, version: 0 });
    saved(query.name);
  };
  const label = 'Name (no patient data: it stands in addresses)';
  return <TextDialog title="Save as" label={label} name="name" most={120} act="Save" close={close} doIt={save} />;
}
