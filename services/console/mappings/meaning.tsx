import { Diff } from '../parts/diff.tsx';
import { Text } from '../parts/text.tsx';
import { Link } from '../router.tsx';
import type { FileDifference } from './answers.ts';

const HOW: Readonly<Record<FileDifference['how'], string>> = { added: 'new', gone: 'removed', changed: 'changed' };

interface MeaningProps {
  readonly files: readonly FileDifference[];
  /** The address where a file is edited. */
  readonly open?: ((path: string) => string) | undefined;
}

/** Differences in meaning, rule by rule: layout, order, comments and reasons do not count. */
export const Meaning = ({ files, open }: MeaningProps) => (
  <>
    {files.length === 0 && <p class="note">Nothing.</p>}
    {files.map(({ path, how, meaning, before, after }) => (
      <div key={path} class="difference">
        <h3>
          {open === undefined || how === 'gone' ? <Text value={path} /> : <Link to={open(path)}>{path}</Link>}{' '}
          <span class="note">{HOW[how]}</span>
        </h3>
        {meaning === undefined ? (
          <p class="note">
            {before === undefined || after === undefined
              ? `The whole file is ${HOW[how]}.`
              : 'It cannot be read as YAML: correct it first.'}
          </p>
        ) : meaning.length === 0 ? (
          <p class="note">The same in meaning: only layout, comments, reasons, cases or the version differ.</p>
        ) : (
          <Diff
            caption={`What changes in ${path}`}
            changes={meaning.map((each) => ({ path: each.path, before: each.before, after: each.after }))}
          />
        )}
      </div>
    ))}
  </>
);
