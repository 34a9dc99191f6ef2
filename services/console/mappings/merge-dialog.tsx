import { useState } from 'preact/hooks';
import { Dialog } from '../parts/dialog.tsx';
import { Text } from '../parts/text.tsx';
import { type Choice, type MergePiece, mergedText, mergePieces } from './merge.ts';

interface MergeDialogProps {
  readonly path: string;
  readonly base: string | undefined;
  readonly theirs: string | undefined;
  readonly yours: string | undefined;
  readonly close: () => void;
  /** Takes the merged text. */
  readonly take: (text: string) => void;
}

const WORDS: readonly (readonly [Choice, string])[] = [
  ['yours', 'Mine'],
  ['theirs', 'Theirs'],
  ['both', 'Both, theirs first'],
];

/** Base, theirs and yours: what only one side changed is in already; the rest is chosen. Closing it changes nothing. */
export function MergeDialog({ path, base, theirs, yours, close, take }: MergeDialogProps) {
  const [pieces] = useState(() => mergePieces(base, theirs, yours));
  const conflicts = pieces.flatMap(({ conflict }) => conflict ?? []);
  const [choices, setChoices] = useState<readonly (Choice | undefined)[]>(() => conflicts.map(() => undefined));
  const text = mergedText(pieces, choices);
  const missing = choices.filter((each) => each === undefined).length;
  return (
    <Dialog title="Somebody else changed this file meanwhile" close={close}>
      <div class="merge">
        <p>
          <code>{path}</code>: nothing is lost. What only one of you changed is taken from both.{' '}
          {conflicts.length === 0
            ? 'You changed different places.'
            : `Where you both did, choose: ${conflicts.length === 1 ? '1 place' : `${conflicts.length} places`}.`}
        </p>
        {conflicts.map((conflict, n) => (
          <Conflict
            key={n}
            n={n}
            conflict={conflict}
            choice={choices[n]}
            choose={(choice) => setChoices(choices.map((each, i) => (i === n ? choice : each)))}
          />
        ))}
        <details>
          <summary>{missing === 0 ? 'The merged text' : 'The merged text stands here when everything is chosen'}</summary>
          {text !== undefined && (
            // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard (WCAG 2.1.1)
            <section class="scroll" tabIndex={0} aria-label="The merged text">
              <pre>
                <Lines lines={text.split('\n')} />
              </pre>
            </section>
          )}
        </details>
        <div class="acts">
          <button type="button" onClick={close}>
            Not now
          </button>
          <button type="button" class="primary" disabled={text === undefined} onClick={() => text !== undefined && take(text)}>
            Take the merged text
          </button>
        </div>
      </div>
    </Dialog>
  );
}

const Lines = ({ lines }: { readonly lines: readonly string[] }) => (
  <>
    {lines.map((line, n) => (
      <div key={n}>
        <Text value={line} />
      </div>
    ))}
  </>
);

interface ConflictProps {
  readonly n: number;
  readonly conflict: NonNullable<MergePiece['conflict']>;
  readonly choice: Choice | undefined;
  readonly choose: (choice: Choice) => void;
}

const Conflict = ({ n, conflict, choice, choose }: ConflictProps) => (
  <fieldset class="conflict">
    <legend>Place {n + 1}</legend>
    <div class="sides">
      {(['base', 'theirs', 'yours'] as const).map((side) => (
        <div key={side}>
          <h3>{side === 'base' ? 'Before' : side === 'theirs' ? 'Theirs' : 'Mine'}</h3>
          <pre>{conflict[side].length === 0 ? <span class="note">nothing</span> : <Lines lines={conflict[side]} />}</pre>
        </div>
      ))}
    </div>
    <div class="acts">
      {WORDS.map(([word, said]) => (
        <label key={word} class="check-label">
          <input type="radio" name={`conflict-${n}`} checked={choice === word} onChange={() => choose(word)} /> {said}
        </label>
      ))}
    </div>
  </fieldset>
);
