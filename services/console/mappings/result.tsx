/** What the message becomes by the text as it stands: fields, FHIR, OMOP rows, the answer, what is wrong and what is left. */
import { useMemo, useState } from 'preact/hooks';
import type { Chosen, Lit } from '../messages/links.ts';
import { ResourcePane, RowPane } from '../messages/resource-pane.tsx';
import { TextPane } from '../messages/text-pane.tsx';
import { Empty } from '../parts/empty.tsx';
import { Failure } from '../parts/failure.tsx';
import { State } from '../parts/state.tsx';
import { type Tab, Tabs } from '../parts/tabs.tsx';
import { Text } from '../parts/text.tsx';
import type { Latest } from './latest.ts';
import type { Preview } from './preview.ts';

interface ResultProps {
  /** True: there is a message, and its answer will come. */
  readonly isChosen: boolean;
  /** False: the text cannot be run as it stands; what is shown is of the last one that could. */
  readonly isUsable: boolean;
  readonly live: Latest<Preview>;
  readonly lit: Lit;
  /** The same function each time: what is shown is drawn anew only when it, `lit` or the answer is another. */
  readonly choose: (chosen: Chosen) => void;
  readonly note?: string;
}

const NOTE = 'By the text as it stands; nothing is stored.';

export function Result({ isChosen, isUsable, live, lit, choose, note = NOTE }: ResultProps) {
  const { value: shown, error } = live;
  if (shown === undefined && error === undefined && isChosen)
    return (
      <p class="loading" role="status">
        Looking what it becomes…
      </p>
    );
  if (shown === undefined)
    return error === undefined ? (
      <Empty title="No message chosen">
        <p>Choose a recorded one above or paste one: what it becomes stands here, and changes while you type.</p>
      </Empty>
    ) : (
      <Failure error={error} />
    );
  return (
    <>
      {error !== undefined && <Failure error={error} />}
      {!isUsable && <p class="notice">The map cannot be run as it stands: this is what the last one that could made of the message.</p>}
      <p class={live.isAsking ? 'live asking' : 'live'} role="status">
        <State of={shown.status} /> <span class="note">{timesText(live)}</span>
        {shown.isMasked && <span class="note">masked</span>}
      </p>
      <Panes shown={shown} lit={lit} choose={choose} note={note} />
    </>
  );
}

interface PanesProps extends Pick<ResultProps, 'lit' | 'choose'> {
  readonly shown: Preview;
  readonly note: string;
}

/** Hundreds of values: a letter that is typed draws none of them anew, only its answer does. */
function Panes({ shown, lit, choose, note }: PanesProps) {
  const [tab, setTab] = useState('fhir');
  return useMemo(
    () => (
      <>
        {shown.text !== undefined && (
          <TextPane text={shown.text} lit={lit} choose={choose} unread={new Set(shown.unread.map(({ path }) => path))} />
        )}
        <Tabs label="What it becomes" tabs={tabsOf(shown)} chosen={tab} choose={setTab}>
          {tab === 'fhir' && <ResourcePane page={shown} lit={lit} choose={choose} note={note} />}
          {tab === 'omop' && <RowPane page={shown} lit={lit} choose={choose} note={note} />}
          {tab === 'answer' && <Answer shown={shown} />}
          {tab === 'issues' && <Issues shown={shown} />}
        </Tabs>
      </>
    ),
    [shown, lit, choose, note, tab],
  );
}

const timesText = ({ value, tookMs }: Latest<Preview>): string =>
  value === undefined || tookMs === undefined
    ? ''
    : `${Math.round(tookMs)} ms: maps compiled in ${Math.round(value.compiledMs)}, message converted in ${Math.round(value.tookMs)}`;

function tabsOf(shown: Preview): readonly Tab[] {
  const rows = shown.resources.reduce((sum, { rows: own }) => sum + own.length, 0);
  const issues = shown.problems.length + shown.unmapped.length + shown.unread.length;
  return [
    { name: 'fhir', title: 'FHIR', note: String(shown.resourceCount) },
    { name: 'omop', title: 'OMOP', note: String(rows) },
    { name: 'answer', title: 'Answer', note: /^MSA\|(\w+)/m.exec(shown.acknowledgement.join('\n'))?.[1] ?? '–' },
    { name: 'issues', title: 'Issues', note: String(issues), isBad: shown.status !== 'applied' },
  ];
}

const Answer = ({ shown }: { readonly shown: Preview }) => (
  <section class="pane" aria-label="The acknowledgement">
    <div class="segments">
      {shown.acknowledgement.map((line, index) => (
        <div key={index} class="segment">
          <Text value={line} />
        </div>
      ))}
    </div>
  </section>
);

const Issues = ({ shown: { problems, unmapped, unread } }: { readonly shown: Preview }) => (
  <section class="pane issues" aria-label="Issues">
    {problems.map(({ severity, text, at, cure }, index) => (
      <p key={index}>
        <span class={`severity ${severity}`}>{severity}</span> <Text value={text} /> {at !== undefined && <code>{at}</code>}{' '}
        <span class="note">{cure}</span>
      </p>
    ))}
    {unmapped.length > 0 && <h3>Codes without a concept or a row of a concept map</h3>}
    {unmapped.map(({ system, code, display, at }, index) => (
      <p key={index}>
        <code>
          <Text value={code} most={80} />
        </code>{' '}
        <Text value={display ?? ''} most={120} />{' '}
        <span class="note">
          <Text value={`${system} at ${at}`} most={200} />
        </span>
      </p>
    ))}
    {unread.length > 0 && <h3>Fields with a value that no rule reads (underlined above)</h3>}
    {unread.length > 0 && (
      <p>
        {unread.map(({ path, count }) => (
          <code key={path} class="chip">
            {path}
            {count > 1 ? ` ×${count}` : ''}
          </code>
        ))}
      </p>
    )}
    {problems.length + unmapped.length + unread.length === 0 && <p class="note">None: every field is read, every code has its concept.</p>}
  </section>
);
