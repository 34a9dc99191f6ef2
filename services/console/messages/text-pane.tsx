/** The message as it was sent: segments, fields explained by the standard's names, each linked with what it became. */
import { useState } from 'preact/hooks';
import { countText } from '../parts/numbers.ts';
import { Text } from '../parts/text.tsx';
import type { FieldName, MessageText } from './answers.ts';
import { moveByArrows } from './arrows.ts';
import { type Chosen, type Lit, overlaps } from './links.ts';

interface TextPaneProps {
  readonly text: MessageText;
  readonly lit: Lit;
  readonly choose: (chosen: Chosen) => void;
  /** Fields ('PID-12') that have a value and that no rule reads. */
  readonly unread?: ReadonlySet<string>;
}

const NOTHING_UNREAD: ReadonlySet<string> = new Set();
/** 'PID[2]-12[3].4' is of the field 'PID-12'. */
const fieldOf = (path: string): string => path.replace(/\[\d+\]/g, '').replace(/\..*$/, '');

const PATH = /^(?<segment>[A-Z0-9]{3})(?:\[\d+\])?-(?<field>\d+)(?:\[\d+\])?(?:\.(?<component>\d+))?/;

/** Returns 'PID-3.4 Patient Identifier List · Assigning Authority (CX)'. */
export function explained(path: string, names: Readonly<Record<string, FieldName>>): string {
  const { segment = '', field = '', component } = PATH.exec(path)?.groups ?? {};
  const known = names[`${segment}-${field}`];
  if (known === undefined || known.name === '') return `${path}, not in the standard`;
  const part = component === undefined ? '' : known.components[Number(component) - 1];
  return `${path} ${known.name}${part ? ` · ${part}` : ''}${known.type === '' ? '' : ` (${known.type})`}`;
}

export function TextPane({ text, lit, choose, unread = NOTHING_UNREAD }: TextPaneProps) {
  const [looked, setLooked] = useState<string>();
  const isLit = (path: string) => [...lit.fields].some((each) => overlaps(each, path));
  let isFirst = true;
  return (
    <section class="pane" aria-labelledby="pane-text">
      <header>
        <h2 id="pane-text">HL7 v{text.version}</h2>
        <p class="explained" aria-live="polite">
          {looked === undefined ? 'Point at a value, or go by arrow keys: its name stands here.' : explained(looked, text.names)}
        </p>
      </header>
      {/* biome-ignore lint/a11y/useSemanticElements: a group of values that keys move through */}
      <div class="segments" role="group" aria-label="Values of the message; arrow keys move" onKeyDown={moveByArrows}>
        {text.segments.map(({ label, pieces }) => (
          <div key={label} class="segment">
            {pieces.map(({ text: piece, path }, index) => {
              if (path === undefined)
                return (
                  <span key={index} class={index === 0 ? 'name' : 'separator'}>
                    {piece}
                  </span>
                );
              const tabIndex = isFirst ? 0 : -1;
              const isUnread = unread.has(fieldOf(path));
              isFirst = false;
              return (
                <button
                  key={path}
                  type="button"
                  data-item
                  tabIndex={tabIndex}
                  class={`value${isLit(path) ? ' lit' : ''}${isUnread ? ' unread' : ''}`}
                  title={`${explained(path, text.names)}${isUnread ? '; no rule reads it' : ''}`}
                  onMouseEnter={() => setLooked(path)}
                  onFocus={() => setLooked(path)}
                  onClick={() => choose({ kind: 'field', of: '', path })}
                >
                  <Text value={piece} most={500} />
                </button>
              );
            })}
          </div>
        ))}
      </div>
      {text.segmentCount > text.segments.length && (
        <p class="note">
          The first {countText(text.segments.length)} of {countText(text.segmentCount)} segments.
        </p>
      )}
    </section>
  );
}
