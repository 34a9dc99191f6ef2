/** Types, lint and every case of the saved draft, run when it is saved. */
import { ask, useAsked } from '../doors.ts';
import { Failure } from '../parts/failure.tsx';
import { countText } from '../parts/numbers.ts';
import { Text } from '../parts/text.tsx';
import { Link } from '../router.tsx';
import type { DraftReport, WholeDraft } from './answers.ts';

const MOST = 12;

interface CheckPanelProps {
  readonly draft: WholeDraft;
  /** Its own findings come first. */
  readonly path?: string;
  /** False: what is written is not what is checked. */
  readonly isSaved: boolean;
}

export function CheckPanel({ draft, path, isSaved }: CheckPanelProps) {
  const asked = useAsked(draft.digest, (signal) => ask<DraftReport>('POST', `/admin/maps/drafts/${draft.id}/check`, {}, signal));
  const { value: report } = asked;
  const found = (report?.diagnostics ?? []).toSorted((a, b) => rank(a, path) - rank(b, path));
  const other = found.filter((each) => rank(each, path) === 3);
  const grave = found.filter((each) => rank(each, path) < 3);
  return (
    <section class="check" aria-label="Cases and checks">
      <p class="verdict" role="status">
        {asked.isLoading && report === undefined && 'Cases are running…'}
        {report !== undefined && <Verdict report={report} />} {!isSaved && <span class="note">of what was saved last</span>}
      </p>
      {asked.error !== undefined && <Failure error={asked.error} again={asked.again} />}
      <Findings all={grave} draft={draft} path={path} />
      {other.length > 0 && (
        <details>
          <summary>{countText(other.length)} warnings elsewhere</summary>
          <Findings all={other} draft={draft} path={path} />
        </details>
      )}
    </section>
  );
}

interface FindingsProps {
  readonly all: DraftReport['diagnostics'];
  readonly draft: WholeDraft;
  readonly path: string | undefined;
}

const Findings = ({ all, draft, path }: FindingsProps) => (
  <>
    {all.slice(0, MOST).map(({ file, line, column, severity, text, cure, code }) => (
      <p key={`${file}:${line}:${column} ${code}`}>
        <span class={`severity ${severity}`}>{severity}</span>{' '}
        <Link to={`/mappings/drafts/${draft.id}/edit?${new URLSearchParams({ file, line: String(line) })}`}>
          {file === path ? `line ${line}` : `${file}:${line}`}
        </Link>{' '}
        <Text value={text} most={400} /> <span class="note">{cure}</span>
      </p>
    ))}
    {all.length > MOST && (
      <p class="note">
        The first {MOST} of {countText(all.length)}.
      </p>
    )}
  </>
);

const rank = ({ severity, file }: DraftReport['diagnostics'][number], path: string | undefined): number =>
  (severity === 'error' ? 0 : 2) + (file === path ? 0 : 1);

const Verdict = ({ report: { ok, cases, diagnostics } }: { readonly report: DraftReport }) => {
  const errors = diagnostics.filter(({ severity }) => severity === 'error').length;
  return (
    <>
      <strong class={ok ? 'good' : 'bad'}>{ok ? '✓ Fit to publish' : '✕ Not fit to publish'}</strong> {countText(cases.passed)} cases pass,{' '}
      {countText(cases.failed)} fail; {countText(errors)} errors, {countText(diagnostics.length - errors)} warnings
    </>
  );
};
