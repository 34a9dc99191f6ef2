/** One message: what was sent, what became of it, where each part came from, and its repair. */
import { useEffect, useRef, useState } from 'preact/hooks';
import { ask, useAsked } from '../doors.ts';
import { Asked } from '../parts/asked.tsx';
import { ReasonDialog } from '../parts/reason-dialog.tsx';
import { Text } from '../parts/text.tsx';
import { go, Link, type PageProps, type Place, withQuery } from '../router.tsx';
import '../style/messages.css';
import '../style/message.css';
import type { MessagePage } from './answers.ts';
import { Acknowledgement, Facts, Problems, Timeline } from './facts.tsx';
import { type Chosen, chosenFrom, chosenText, type Lit, litBy, NOTHING } from './links.ts';
import { Repair } from './repair.tsx';
import { ResourcePane, RowPane } from './resource-pane.tsx';
import { explained, TextPane } from './text-pane.tsx';

export function page({ params, place }: PageProps) {
  const id = params['id'] ?? '';
  return <Message key={id} id={id} place={place} />;
}

function Message({ id, place }: { readonly id: string; readonly place: Place }) {
  const address = `/admin/messages/${encodeURIComponent(id)}`;
  const asked = useAsked(id, (signal) => ask<MessagePage>('GET', address, undefined, signal));
  const [revealed, setRevealed] = useState<MessagePage>();
  const [isAsking, setAsking] = useState(false);
  const reveal = async (reason: string): Promise<void> => setRevealed(await ask<MessagePage>('POST', `${address}/reveal`, { reason }));
  const again = () => {
    setRevealed(undefined);
    asked.again();
  };
  return (
    <Asked asked={asked}>
      {(masked) => (
        <>
          <Whole page={revealed ?? masked} place={place} reveal={() => setAsking(true)} hide={() => setRevealed(undefined)} again={again} />
          {isAsking && (
            <ReasonDialog title="Show what is masked" act="Show it" close={() => setAsking(false)} doIt={reveal}>
              <p>Who looks, at which message, when and why is written into the audit log before anything is shown.</p>
            </ReasonDialog>
          )}
        </>
      )}
    </Asked>
  );
}

interface WholeProps {
  readonly page: MessagePage;
  readonly place: Place;
  readonly reveal: () => void;
  readonly hide: () => void;
  readonly again: () => void;
}

function Whole({ page: shown, place, reveal, hide, again }: WholeProps) {
  const chosen = chosenFrom(place.query.get('at'));
  const lit = chosen === undefined ? NOTHING : litBy(shown, chosen);
  const workbench = useRef<HTMLDivElement>(null);
  useEffect(() => showLit(workbench.current, chosen?.kind), [place.query.get('at')]);
  const choose = (next: Chosen) => {
    const text = chosenText(next);
    go(withQuery(place, { at: place.query.get('at') === text ? undefined : text }), { isStep: false });
  };
  return (
    <>
      <div class="title">
        <h1>
          Message {shown.id} <Text value={shown.type} most={60} />
        </h1>
        <Link to="/messages">All messages</Link>
      </div>
      <div class="acts">
        {shown.isMasked ? (
          <button type="button" onClick={reveal}>
            Reveal…
          </button>
        ) : (
          <button type="button" class="primary" onClick={hide}>
            Mask again
          </button>
        )}
        <Repair page={shown} again={again} />
      </div>
      <Facts page={shown} />
      <Problems problems={shown.problems} />
      {shown.isStored && shown.specNow !== '' && shown.spec !== '' && shown.spec !== shown.specNow && (
        <p class="notice">
          It was made by <code>{shown.spec.split('#')[0]}</code> in another release; origins are those of the maps of today, where they
          agree.
        </p>
      )}
      {chosen !== undefined && <ChosenPanel chosen={chosen} lit={lit} page={shown} clear={() => choose(chosen)} />}
      <div class="workbench" ref={workbench}>
        {shown.text ? <TextPane text={shown.text} lit={lit} choose={choose} /> : <Unread page={shown} />}
        <ResourcePane page={shown} lit={lit} choose={choose} />
        <RowPane page={shown} lit={lit} choose={choose} />
      </div>
      <Timeline page={shown} />
      <Acknowledgement lines={shown.acknowledgement} />
    </>
  );
}

/** Brings the first value that is lit into sight, in the panes beside the one where it was chosen. */
function showLit(workbench: HTMLElement | null, kind: Chosen['kind'] | undefined): void {
  const panes = [...(workbench?.querySelectorAll<HTMLElement>('.pane') ?? [])];
  for (const [index, pane] of panes.entries()) {
    if ((['field', 'element', 'column'] as const)[index] === kind) continue;
    const first = pane.querySelector<HTMLElement>('.lit');
    if (first === null) continue;
    const top = first.getBoundingClientRect().top - pane.getBoundingClientRect().top + pane.scrollTop;
    pane.scrollTop = Math.max(0, top - pane.clientHeight / 3);
  }
}

const Unread = ({ page: { raw, isMasked } }: { readonly page: MessagePage }) => (
  <section class="pane" aria-labelledby="pane-text">
    <header>
      <h2 id="pane-text">Content</h2>
    </header>
    <div class="segments">
      {raw !== undefined ? <Text value={raw} most={20_000} /> : isMasked ? '••• reveal it to read it' : 'Too large to show here.'}
    </div>
  </section>
);

interface ChosenPanelProps {
  readonly chosen: Chosen;
  readonly lit: Lit;
  readonly page: MessagePage;
  readonly clear: () => void;
}

/** Says in words what the colours show. */
function ChosenPanel({ chosen, lit, page: shown, clear }: ChosenPanelProps) {
  const name = chosen.kind === 'field' ? explained(chosen.path, shown.text?.names ?? {}) : `${chosen.of} ${chosen.path}`;
  const lists = [
    ['Fields', chosen.kind === 'field' ? [] : [...lit.fields].map((each) => explained(each, shown.text?.names ?? {}))],
    ['Elements', chosen.kind === 'element' ? [] : [...lit.elements].map((each) => each.split(' ')[1] ?? each)],
    ['Columns', chosen.kind === 'column' ? [] : [...lit.columns].map((each) => each.replace(/\/\S+ /, '.'))],
    ['Rules', lit.rules.map(({ file, line, text }) => `${file}:${line}  ${text}`)],
  ] as const;
  const isAlone = lists.every(([, all]) => all.length === 0);
  return (
    <section class="panel chosen" aria-label="What is chosen" role="status">
      <div class="title">
        <h2>
          <Text value={name} most={200} />
        </h2>
        <button type="button" class="quiet" onClick={clear}>
          Clear
        </button>
      </div>
      {isAlone && (
        <p class="note">
          {chosen.kind === 'field' ? 'No rule made anything of it.' : 'It is a constant of the map, or from another message.'}
        </p>
      )}
      <div class="lists">
        {lists
          .filter(([, all]) => all.length > 0)
          .map(([title, all]) => (
            <div key={title}>
              <h3>{title}</h3>
              <ul>
                {all.map((each) => (
                  <li key={each} class="mono">
                    <Text value={each} most={160} />
                  </li>
                ))}
              </ul>
            </div>
          ))}
      </div>
    </section>
  );
}
