/** A dry run: what a message would become by the maps that run, told before anybody sends it. Nothing is stored, it stands in no address. */
import { useCallback, useMemo, useState } from 'preact/hooks';
import { ask, useAsked } from '../doors.ts';
import { useLatest } from '../mappings/latest.ts';
import { askPreview, type Preview } from '../mappings/preview.ts';
import { Result } from '../mappings/result.tsx';
import { DropZone } from '../parts/drop-zone.tsx';
import { Link, type PageProps } from '../router.tsx';
import '../style/message.css';
import '../style/mappings.css';
import type { Sources } from './answers.ts';
import { type Chosen, chosenText, litBy, NOTHING } from './links.ts';

/** What is typed is asked about when it has stood for so long. */
const PAUSE_MS = 150;
const ANY = '';

export function page(_: PageProps) {
  const [text, setText] = useState('');
  const [source, setSource] = useState(ANY);
  const [chosen, setChosen] = useState<Chosen>();
  const live = useLatest<Preview>(
    text.trim() === '' ? undefined : `${source} ${text}`,
    (signal) => askPreview({ message: text, ...(source === ANY ? {} : { source }) }, signal),
    { pauseMs: PAUSE_MS, isPatient: true },
  );
  const choose = useCallback(
    (next: Chosen) => setChosen((before) => (before !== undefined && chosenText(before) === chosenText(next) ? undefined : next)),
    [],
  );
  const lit = useMemo(() => (live.value === undefined || chosen === undefined ? NOTHING : litBy(live.value, chosen)), [live.value, chosen]);
  return (
    <>
      <div class="title">
        <h1>Try a message</h1>
        <Link to="/">Sources and causes</Link>
      </div>
      <p class="lead">
        What it would become by the maps that run: the answer its sender would get, FHIR resources, OMOP rows, codes without a concept,
        fields that no rule reads. Nothing is stored, and the message stands in no address and no log.
      </p>
      <section class="panel trying" aria-label="The message">
        <DropZone take={setText}>
          <label class="field">
            <span>A message, one segment on each line</span>
            <textarea
              class="mono"
              rows={8}
              spellcheck={false}
              autocapitalize="off"
              value={text}
              maxLength={1 << 20}
              placeholder="MSH|^~\&|…"
              onInput={({ currentTarget: { value } }) => setText(value)}
            />
          </label>
        </DropZone>
        <SourceChoice source={source} choose={setSource} />
      </section>
      {text.trim() !== '' && (
        <div class="living">
          <Result isChosen={true} isUsable={true} live={live} lit={lit} choose={choose} note="By the maps that run; nothing is stored." />
        </div>
      )}
    </>
  );
}

/** Whose rules hold: time zone, character set and site of a source. */
function SourceChoice({ source, choose }: { readonly source: string; readonly choose: (source: string) => void }) {
  const asked = useAsked('sources', (signal) => ask<Sources>('GET', '/admin/sources', undefined, signal));
  const sources = asked.value?.sources ?? [];
  if (sources.length === 0) return null;
  return (
    <label class="field">
      <span>By the rules of source</span>
      <select value={source} onChange={({ currentTarget: { value } }) => choose(value)}>
        <option value={ANY}>the standard rules</option>
        {sources.map((each) => (
          <option key={each.source} value={each.source}>
            {each.source.slice(0, 100)}
          </option>
        ))}
      </select>
    </label>
  );
}
