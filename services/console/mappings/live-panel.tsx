/** The input sample and what becomes of it, asked again while somebody types; rules and values lit both ways. */
import { useCallback, useEffect, useMemo, useRef, useState } from 'preact/hooks';
import type { Code } from '../editor/code.ts';
import { type Chosen, chosenText, type Lit, litBy, NOTHING } from '../messages/links.ts';
import { Text } from '../parts/text.tsx';
import { go, Link, usePlace, withQuery } from '../router.tsx';
import type { WholeDraft } from './answers.ts';
import { useLatest } from './latest.ts';
import { litByRule, rulesOf } from './lit.ts';
import { askPreview, type Preview } from './preview.ts';
import { Result } from './result.tsx';
import { type Sample, SampleBar } from './sample.tsx';

/** What is pasted or completed comes in several changes at once: they are one question. Typing asks no faster than it is answered. */
const PAUSE_MS = 15;

interface LivePanelProps {
  readonly draft: WholeDraft;
  readonly path: string;
  readonly text: string;
  /** The line (1-based) that the cursor came to by hand. */
  readonly entered: number | undefined;
  readonly code: { readonly current: Code | null };
}

type Choice = { readonly line: number } | { readonly chosen: Chosen };

export function LivePanel({ draft, path, text, entered, code }: LivePanelProps) {
  const [sample, choose] = useSample();
  const [turn, setTurn] = useState(0);
  const [choice, setChoice] = useState<Choice>();
  const asked = sample === undefined || ('text' in sample && sample.text.trim() === '') ? undefined : sample;
  const live = useLatest<Preview>(
    asked === undefined ? undefined : `${turn} ${JSON.stringify(asked)} ${text}`,
    (signal) => {
      const message = asked === undefined ? {} : 'id' in asked ? { messageId: asked.id } : { message: asked.text };
      return askPreview({ draft: draft.id, path, files: [{ path, text }], ...message }, signal);
    },
    { pauseMs: PAUSE_MS, isPatient: true },
  );
  const usable = useRef<Preview | undefined>(undefined);
  if (live.value?.isUsable) usable.current = live.value;
  const isUsable = live.value?.isUsable !== false;
  const shown = isUsable ? live.value : (usable.current ?? live.value);
  useEffect(() => {
    if (entered !== undefined) setChoice({ line: entered });
  }, [entered]);
  const lit = useMemo(() => litOf(shown, path, choice), [shown, path, choice]);
  const rules = useMemo(() => (shown === undefined ? [] : rulesOf(shown, lit)), [shown, lit]);
  useEffect(() => {
    const lines = rules.filter(({ file }) => file === path).map(({ line }) => line);
    code.current?.light(lines, choice !== undefined && 'chosen' in choice);
  }, [rules, choice]);
  useEffect(() => code.current?.mark((shown?.rules ?? []).map(markOf)), [shown]);
  const take = useCallback(
    (chosen: Chosen) =>
      setChoice((before) =>
        before !== undefined && 'chosen' in before && chosenText(before.chosen) === chosenText(chosen) ? undefined : { chosen },
      ),
    [],
  );
  return (
    <section class="living" aria-label="The message and what it becomes">
      <SampleBar sample={sample} choose={choose} isMasked={shown?.isMasked ?? true} revealed={() => setTurn(turn + 1)} />
      <RuleLine rules={rules} lit={lit} draft={draft} path={path} />
      <Result isChosen={asked !== undefined} isUsable={isUsable} live={{ ...live, value: shown }} lit={lit} choose={take} />
    </section>
  );
}

function litOf(shown: Preview | undefined, path: string, choice: Choice | undefined): Lit {
  if (shown === undefined || choice === undefined) return NOTHING;
  return 'line' in choice ? litByRule(shown, path, choice.line) : litBy(shown, choice.chosen);
}

const markOf = ({ line, ran, made, why }: Preview['rules'][number]) => ({
  line,
  text: made > 1 ? `${made}×` : made === 1 ? '●' : '○',
  title:
    made > 0
      ? `made ${made} of ${ran}${why === '' ? '' : `: ${why}`}`
      : ran === 0
        ? 'did not run'
        : `ran ${ran} times, made nothing: ${why}`,
  isIdle: made === 0,
});

/** The number of a recorded message stands in the address; a pasted one nowhere. */
function useSample(): readonly [Sample | undefined, (sample: Sample) => void] {
  const place = usePlace();
  const number = Number(place.query.get('message') ?? 0);
  const [pasted, setPasted] = useState<string>();
  const sample: Sample | undefined = pasted !== undefined ? { text: pasted } : number > 0 ? { id: number } : undefined;
  const choose = (next: Sample) => {
    if ('text' in next) return setPasted(next.text);
    setPasted(undefined);
    go(withQuery(place, { message: String(next.id) }), { isStep: false });
  };
  return [sample, choose];
}

interface RuleLineProps {
  readonly rules: Lit['rules'];
  readonly lit: Lit;
  readonly draft: WholeDraft;
  readonly path: string;
}

const MOST_RULES = 4;

/** Says in words what is lit; rules of other files are links to them. */
function RuleLine({ rules, lit, draft, path }: RuleLineProps) {
  if (rules.length === 0) return <p class="note rule-line">Click a value or a line of the map: what belongs to it lights up.</p>;
  return (
    <p class="rule-line" role="status">
      {[...lit.fields].slice(0, MOST_RULES).join(', ')}
      {lit.fields.size > 0 ? ' → ' : ''}
      {rules.slice(0, MOST_RULES).map(({ file, line, text }) => (
        <span key={`${file}:${line}`} class="rule">
          {file === path ? (
            <span>line {line}</span>
          ) : (
            <Link to={`/mappings/drafts/${draft.id}/edit?${new URLSearchParams({ file, line: String(line) })}`}>
              {file.split('/').at(-1)}:{line}
            </Link>
          )}{' '}
          <code>
            <Text value={text} most={80} />
          </code>
        </span>
      ))}
    </p>
  );
}
