/** A pasted list of concept ids or codes, looked up all at once: what is wrong with it first, the whole of it as a file. */
import { useState } from 'preact/hooks';
import type { SystemsAnswer } from '../../pipeline/vocabulary/browse.ts';
import type { ConceptList, ListedConcept, ListedState } from '../../pipeline/vocabulary/concept-list.ts';
import { save, transfer } from '../codes/transfer.ts';
import { ask, useAsked } from '../doors.ts';
import { Empty } from '../parts/empty.tsx';
import { Failure } from '../parts/failure.tsx';
import { countText } from '../parts/numbers.ts';
import { type Column, Table } from '../parts/table.tsx';
import { Text } from '../parts/text.tsx';
import { Link, type PageProps } from '../router.tsx';
import '../style/terminology.css';

const PAGE = 200;
const IDS = '';
const STATES = ['unknown', 'invalid', 'not-standard', ''] as const;
const WORDS: Readonly<Record<ListedState, string>> = {
  unknown: '✕ unknown',
  invalid: '✕ no longer valid',
  'not-standard': '‖ not standard',
  '': '✓ standard',
};

/** Of the OMOP vocabularies, which are asked whatever else is loaded. */
const USUAL: readonly (readonly [url: string, title: string])[] = [
  ['http://loinc.org', 'LOINC'],
  ['http://snomed.info/sct', 'SNOMED CT'],
  ['http://www.nlm.nih.gov/research/umls/rxnorm', 'RxNorm'],
  ['http://hl7.org/fhir/sid/icd-10-cm', 'ICD-10-CM'],
  ['http://www.whocc.no/atc', 'ATC'],
  ['http://unitsofmeasure.org', 'UCUM'],
];

interface Asked {
  readonly text: string;
  readonly system?: string;
}

export function page(_: PageProps) {
  const [text, setText] = useState('');
  const [system, setSystem] = useState(IDS);
  const [found, setFound] = useState<{ readonly asked: Asked; readonly list: ConceptList }>();
  const [error, setError] = useState<unknown>();
  const [isBusy, setBusy] = useState(false);
  const systems = useAsked('systems', (signal) => ask<SystemsAnswer>('GET', '/admin/terminology/systems', undefined, signal));
  const loaded = (systems.value?.systems ?? []).map(({ url, title }): readonly [string, string] => [url, title]);
  const choices = [...USUAL, ...loaded.filter(([url]) => !USUAL.some(([usual]) => usual === url))];
  const submit = (event: Event) => {
    event.preventDefault();
    const asked = { text, ...(system === IDS ? {} : { system }) };
    setBusy(true);
    setError(undefined);
    ask<ConceptList>('POST', '/admin/terminology/list', asked)
      .then((list) => setFound({ asked, list }), setError)
      .finally(() => setBusy(false));
  };
  return (
    <>
      <div class="title">
        <h1>Look up a list</h1>
        <Link to="/terminology">Search the terminologies</Link>
      </div>
      <form class="panel" onSubmit={submit}>
        <label class="field">
          <span>Concept ids or codes: one on a line, or with commas, semicolons or tabs between; at most 50,000</span>
          <textarea
            class="mono"
            rows={7}
            spellcheck={false}
            value={text}
            maxLength={1_500_000}
            placeholder={'3000963\n3004249'}
            onInput={({ currentTarget: { value } }) => setText(value)}
          />
        </label>
        <label class="field">
          <span>They are</span>
          <select value={system} onChange={({ currentTarget: { value } }) => setSystem(value)}>
            <option value={IDS}>concept ids of OMOP</option>
            {choices.map(([url, title]) => (
              <option key={url} value={url}>
                codes of {title}
              </option>
            ))}
          </select>
        </label>
        <div class="acts">
          <button type="submit" class="primary" disabled={isBusy || text.trim() === ''}>
            {isBusy ? 'Looking…' : 'Look up'}
          </button>
        </div>
      </form>
      {error !== undefined && <Failure error={error} />}
      {found === undefined ? (
        error === undefined && (
          <Empty title="Nothing looked up yet">
            <p>
              Paste the ids of a concept set, or a column of codes from a spreadsheet: each is told with its name and whether it is
              standard, those that are unknown or no longer valid first, with what they map to.
            </p>
          </Empty>
        )
      ) : (
        <Found {...found} />
      )}
    </>
  );
}

function Found({ asked, list: { lines, counts, repeated, release } }: { readonly asked: Asked; readonly list: ConceptList }) {
  const [shown, setShown] = useState(PAGE);
  const [error, setError] = useState<unknown>();
  const ordered = STATES.flatMap((state) => lines.filter((each) => each.state === state));
  const download = () =>
    transfer('/admin/terminology/list.csv', 'application/json', JSON.stringify(asked), (response) => response.blob()).then(
      (blob) => save('concepts.csv', blob),
      setError,
    );
  return (
    <>
      <p role="status">
        {countText(lines.length)} different{repeated > 0 ? ` (${countText(repeated)} given again)` : ''}: {countText(counts.standard)}{' '}
        standard, {countText(counts['not-standard'])} not standard, {countText(counts.invalid)} no longer valid, {countText(counts.unknown)}{' '}
        unknown to the vocabularies {release === '' ? 'that are loaded' : `of ${release}`}.{' '}
        <button type="button" onClick={download}>
          Download all as CSV
        </button>
      </p>
      {error !== undefined && <Failure error={error} />}
      <Table
        caption="Concepts, what is wrong first"
        isCaptionHidden
        columns={COLUMNS}
        rows={ordered.slice(0, shown)}
        keyOf={({ given }) => given}
      />
      {ordered.length > shown && (
        <p>
          <button type="button" onClick={() => setShown(shown + PAGE)}>
            {countText(shown)} of {countText(ordered.length)} shown: show more
          </button>
        </p>
      )}
    </>
  );
}

const COLUMNS: readonly Column<ListedConcept>[] = [
  { title: 'Given', of: ({ given }) => <Text value={given} most={80} /> },
  { title: 'It is', of: ({ state }) => WORDS[state] },
  {
    title: 'Concept',
    of: ({ concept }) =>
      concept === undefined ? (
        <span class="none">–</span>
      ) : (
        <>
          {concept.concept_id} <Text value={concept.concept_name} most={200} />
        </>
      ),
  },
  {
    title: 'Maps to',
    of: ({ targets }) =>
      targets.length === 0 ? (
        <span class="none">–</span>
      ) : (
        targets.map(({ concept_id, concept_name }) => (
          <div key={concept_id}>
            {concept_id} <Text value={concept_name} most={120} />
          </div>
        ))
      ),
  },
  { title: 'Domain', isExtra: true, of: ({ concept }) => concept?.domain_id ?? '' },
  { title: 'Vocabulary', isExtra: true, of: ({ concept }) => concept?.vocabulary_id ?? '' },
];
