/** What the cases come to with the text as it stands, run again while somebody types; a later text ends the run before. */
import { ask } from '../doors.ts';
import { Failure } from '../parts/failure.tsx';
import { countText } from '../parts/numbers.ts';
import { Text } from '../parts/text.tsx';
import { Link } from '../router.tsx';
import type { CasesRun, WholeDraft } from './answers.ts';
import { useLatest } from './latest.ts';

/** Every case of the maps takes a second or two: it is not begun for each letter of a word. */
const PAUSE_MS = 400;
const MOST = 5;

interface CaseLineProps {
  readonly draft: WholeDraft;
  readonly path: string;
  readonly text: string;
  readonly go: (line: number) => void;
}

export function CaseLine({ draft, path, text, go }: CaseLineProps) {
  const {
    value: run,
    error,
    isAsking,
  } = useLatest<CasesRun>(text, (signal) => ask<CasesRun>('POST', '/admin/maps/editor/cases', { draft: draft.id, path, text }, signal), {
    pauseMs: PAUSE_MS,
    isPatient: false,
  });
  const told = run?.diagnostics.slice(0, MOST) ?? [];
  return (
    <section class="check" aria-label="Cases of the text as it stands">
      <p class="verdict">
        {run?.isWhole && run.passed + run.failed === 0 && 'No case is there to say whether it is right.'}
        {run?.isWhole && run.passed + run.failed > 0 && (
          <>
            <strong class={run.failed === 0 ? 'good' : 'bad'}>
              {run.failed === 0
                ? `✓ ${countText(run.passed)} cases pass`
                : `✕ ${countText(run.failed)} of ${countText(run.failed + run.passed)} cases fail`}
            </strong>{' '}
            <span class="note">with the text as it stands</span>
          </>
        )}{' '}
        {isAsking && <span class="note">Cases are running…</span>}
      </p>
      {error !== undefined && <Failure error={error} />}
      {run?.isWhole &&
        told.map((each) => (
          <p key={`${each.file}:${each.line} ${each.text}`}>
            {each.file === path ? (
              <button type="button" class="quiet place" onClick={() => go(each.line)}>
                line {each.line}
              </button>
            ) : (
              <Link to={`/mappings/drafts/${draft.id}/edit?${new URLSearchParams({ file: each.file, line: String(each.line) })}`}>
                {each.file}:{each.line}
              </Link>
            )}{' '}
            <Text value={each.text} most={400} />
          </p>
        ))}
      {run?.isWhole && run.failed > told.length && (
        <p class="note">
          The first {told.length} of {countText(run.failed)}.
        </p>
      )}
    </section>
  );
}
