/** Says what a code means: concepts with their types, equivalence, reason; shown what it would change before it is put in force. */
import { useEffect, useRef, useState } from 'preact/hooks';
import type { Concept } from '../../../terminology/vocabulary.ts';
import { ask } from '../doors.ts';
import { Failure } from '../parts/failure.tsx';
import { countText } from '../parts/numbers.ts';
import { Text } from '../parts/text.tsx';
import type { Answered, Preview, Target, UnmappedItem } from './answers.ts';
import { Searched, Suggested } from './choose.tsx';
import { PreviewShown } from './preview.tsx';
import { SecondPersonChoice, useSecondPerson } from './second-person.tsx';
import { EQUIVALENCE_WORDS, EQUIVALENCES, type Equivalence, TYPE_WORDS, TYPES } from './words.ts';

interface Draft {
  readonly targets: readonly Target[];
  readonly equivalence: Equivalence;
  readonly reason: string;
}

const EMPTY: Draft = { targets: [], equivalence: 'EQUIVALENT', reason: '' };

interface FormProps {
  readonly item: UnmappedItem;
  readonly answered: (answer: Answered, targets: readonly Target[]) => void;
}

export function AnswerForm({ item, answered }: FormProps) {
  const [draft, setDraft] = useState(EMPTY);
  const second = useSecondPerson();
  const step = useSteps(item, draft, second.isNeeded, answered);
  const change = (changes: Partial<Draft>) => {
    setDraft({ ...draft, ...changes });
    step.forget();
  };
  const toggle = (concept: Concept) =>
    change({ targets: toggled(draft.targets, concept), ...(draft.equivalence === 'UNMATCHED' ? { equivalence: 'EQUIVALENT' } : {}) });
  const submit = (event: Event) => {
    event.preventDefault();
    if (!step.isBusy) void (step.preview === undefined ? step.show() : step.commit());
  };
  const acts = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (step.preview !== undefined) acts.current?.scrollIntoView({ block: 'nearest' });
  }, [step.preview]);
  const isReady = draft.equivalence === 'UNMATCHED' ? draft.targets.length === 0 : draft.targets.some(({ type }) => type === 'MAPS_TO');
  return (
    <form class="answering" onSubmit={submit} aria-label="Answer">
      <Suggested suggestions={item.suggestions} targets={draft.targets} toggle={toggle} />
      <Searched targets={draft.targets} toggle={toggle} />
      <Chosen draft={draft} second={second} change={change} />
      {step.error !== undefined && <Failure error={step.error} />}
      {step.preview !== undefined && <PreviewShown {...step.preview} />}
      {step.lost > 0 && (
        <label class="choice">
          <input type="checkbox" checked={step.isLossMeant} onChange={(event) => step.meanLoss(event.currentTarget.checked)} />
          <span>{countText(step.lost)} rows lose their concept, and that is meant</span>
        </label>
      )}
      <div class="acts" ref={acts}>
        {/* Not disabled while it works: who came by keyboard would lose the place. */}
        <button type="submit" class="primary" disabled={!isReady || (step.lost > 0 && !step.isLossMeant)} aria-disabled={step.isBusy}>
          {step.isBusy
            ? 'Working…'
            : step.preview === undefined
              ? 'Show what it would change'
              : second.isNeeded
                ? 'Propose it'
                : 'Put it in force'}
        </button>
        {!isReady && <span class="note">Choose a concept that it maps to, or say that there is none (unmatched).</span>}
      </div>
    </form>
  );
}

const toggled = (targets: readonly Target[], { concept_id, concept_name, domain_id }: Concept): readonly Target[] =>
  targets.some(({ conceptId }) => conceptId === concept_id)
    ? targets.filter(({ conceptId }) => conceptId !== concept_id)
    : [
        ...targets,
        {
          conceptId: concept_id,
          name: concept_name,
          domain: domain_id,
          type: domain_id === 'Meas Value' && targets.length > 0 ? 'MAPS_TO_VALUE' : 'MAPS_TO',
        },
      ];

interface ChosenProps {
  readonly draft: Draft;
  readonly second: ReturnType<typeof useSecondPerson>;
  readonly change: (changes: Partial<Draft>) => void;
}

function Chosen({ draft: { targets, equivalence, reason }, second, change }: ChosenProps) {
  return (
    <fieldset>
      <legend>The answer</legend>
      <Targets targets={targets} change={change} />
      <div class="filters">
        <label class="field">
          <span>Equivalence</span>
          <select
            value={equivalence}
            onChange={(event) => {
              const chosen = EQUIVALENCES.find((each) => each === event.currentTarget.value) ?? 'EQUIVALENT';
              change({ equivalence: chosen, ...(chosen === 'UNMATCHED' ? { targets: [] } : {}) });
            }}
          >
            {EQUIVALENCES.map((each) => (
              <option key={each} value={each}>
                {EQUIVALENCE_WORDS[each]}
              </option>
            ))}
          </select>
        </label>
        <label class="field">
          <span>Reason (kept; no patient data)</span>
          <input
            type="text"
            value={reason}
            maxLength={500}
            autocomplete="off"
            onInput={(event) => change({ reason: event.currentTarget.value })}
          />
        </label>
      </div>
      <SecondPersonChoice of={second} title="A second person approves it" />
    </fieldset>
  );
}

/** The concepts that were chosen, each with how the code maps to it. */
function Targets({ targets, change }: Pick<Draft, 'targets'> & Pick<ChosenProps, 'change'>) {
  const typed = (conceptId: number, value: string) =>
    change({
      targets: targets.map((each) =>
        each.conceptId === conceptId ? { ...each, type: TYPES.find((type) => type === value) ?? each.type } : each,
      ),
    });
  if (targets.length === 0) return null;
  return (
    <ul class="chosen">
      {targets.map(({ conceptId, name, domain, type }) => (
        <li key={conceptId}>
          <label>
            <span class="unseen">How it maps to {name}</span>
            <select value={type} onChange={(event) => typed(conceptId, event.currentTarget.value)}>
              {TYPES.map((each) => (
                <option key={each} value={each}>
                  {TYPE_WORDS[each]}
                </option>
              ))}
            </select>
          </label>
          <span>
            <Text value={name} most={200} /> <span class="note">{domain}</span>
          </span>
          <button
            type="button"
            class="quiet"
            aria-label={`Remove ${name}`}
            onClick={() => change({ targets: targets.filter((each) => each.conceptId !== conceptId) })}
          >
            ✕
          </button>
        </li>
      ))}
    </ul>
  );
}

/** First what it would change, then doing it; a change of the draft begins anew. */
function useSteps({ system, code, display }: UnmappedItem, draft: Draft, isSecondNeeded: boolean, answered: FormProps['answered']) {
  const [preview, setPreview] = useState<Preview>();
  const [error, setError] = useState<unknown>();
  const [isBusy, setBusy] = useState(false);
  const [isLossMeant, meanLoss] = useState(false);
  // What comes back after the draft was changed is of another draft.
  const round = useRef(0);
  const forget = () => {
    round.current += 1;
    setPreview(undefined);
    setError(undefined);
    setBusy(false);
    meanLoss(false);
  };
  const { targets, equivalence, reason } = draft;
  const answer = {
    ...{ system, code, display: display ?? undefined, equivalence },
    targets: targets.map(({ conceptId, type }) => ({ conceptId, type })),
    reason: reason.trim() === '' ? undefined : reason.trim(),
  };
  const doing = async <T,>(path: string, body: unknown, then: (value: T) => void): Promise<void> => {
    const own = ++round.current;
    setBusy(true);
    setError(undefined);
    try {
      const value = await ask<T>('POST', path, body);
      if (own === round.current) then(value);
    } catch (failed) {
      if (own === round.current) setError(failed);
    }
    if (own === round.current) setBusy(false);
  };
  const show = () => doing<Preview>('/admin/unmapped/preview', { answers: [answer] }, setPreview);
  const commit = () =>
    doing<Answered>('/admin/unmapped/answer', { answers: [answer], needsSecondPerson: isSecondNeeded }, (done) => answered(done, targets));
  return { preview, error, isBusy, isLossMeant, meanLoss, forget, show, commit, lost: preview?.changes.kinds.lost.rows ?? 0 };
}
