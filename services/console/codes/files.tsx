/** Usagi's file both ways. */
import { useState } from 'preact/hooks';
import { ask, useAsked } from '../doors.ts';
import { Failure } from '../parts/failure.tsx';
import { bytesText, countText } from '../parts/numbers.ts';
import type { PageProps } from '../router.tsx';
import { shortSystem } from '../terminology/links.tsx';
import '../style/messages.css';
import '../style/codes.css';
import type { Systems } from './answers.ts';
import { ImportPanel } from './import-panel.tsx';
import { CodesHeading } from './nav.tsx';
import { save, transfer } from './transfer.ts';

const CANDIDATES = [3, 0, 10] as const;
const EVERYTHING = 'all';
const FILE = 'unmapped-codes.csv';

export function page(_: PageProps) {
  return (
    <>
      <CodesHeading title="Codes as files" at="/codes/files" />
      <p class="lead">
        Usagi (OHDSI) and any spreadsheet read and write this file: one line for each code and target. Lines whose{' '}
        <code>mappingStatus</code> is <code>APPROVED</code> are answers.
      </p>
      <div class="files">
        <ExportPanel />
        <ImportPanel />
      </div>
    </>
  );
}

interface Saved {
  readonly codes: number;
  readonly bytes: number;
}

function ExportPanel() {
  const systems = useAsked('systems', (signal) => ask<Systems>('GET', '/admin/unmapped/systems', undefined, signal));
  const [system, setSystem] = useState(EVERYTHING);
  const [suggest, setSuggest] = useState<number>(CANDIDATES[0]);
  const [isBusy, setBusy] = useState(false);
  const [saved, setSaved] = useState<Saved>();
  const [error, setError] = useState<unknown>();
  const submit = (event: Event) => {
    event.preventDefault();
    setBusy(true);
    setError(undefined);
    setSaved(undefined);
    const asked = JSON.stringify({ suggest, ...(system === EVERYTHING ? {} : { system: system.slice(1) }) });
    transfer('/admin/unmapped/export', 'application/json', asked, async (response) => ({
      blob: await response.blob(),
      codes: Number(response.headers.get('x-codes')),
    }))
      .then(({ blob, codes }) => {
        save(FILE, blob);
        setSaved({ codes, bytes: blob.size });
      }, setError)
      .finally(() => setBusy(false));
  };
  return (
    <form class="panel" onSubmit={submit} aria-labelledby="export">
      <h2 id="export">Export</h2>
      <p class="note">Every code that no concept answers yet, and the answers in force. The file is whole, or none comes.</p>
      <label class="field">
        <span>Code system</span>
        {/* The value begins with a colon, for free text has no system. */}
        <select value={system} onChange={(event) => setSystem(event.currentTarget.value)}>
          <option value={EVERYTHING}>all</option>
          {systems.value?.systems.map((each) => (
            <option key={each.system} value={`:${each.system}`} title={each.system}>
              {each.system === '' ? 'free text' : shortSystem(each.system)} ({countText(each.codes)})
            </option>
          ))}
        </select>
      </label>
      <label class="field">
        <span>Candidates for each code</span>
        <select value={String(suggest)} onChange={(event) => setSuggest(Number(event.currentTarget.value))}>
          {CANDIDATES.map((each) => (
            <option key={each} value={String(each)}>
              {each === 0 ? 'none: the quickest' : each}
            </option>
          ))}
        </select>
      </label>
      {error !== undefined && <Failure error={error} />}
      <div class="acts">
        <button type="submit" class="primary" disabled={isBusy}>
          {isBusy ? 'Writing…' : 'Download the file'}
        </button>
      </div>
      <p class="note" role="status">
        {saved !== undefined &&
          `${FILE}: ${countText(saved.codes)} codes without an answer, and the answers in force; ${bytesText(saved.bytes)}.`}
      </p>
    </form>
  );
}
