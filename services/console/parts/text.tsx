/** Text from others, shown so that it can do nothing: what does not print is made visible, direction does not leak, length is bounded. */
import { useState } from 'preact/hooks';
import { visiblePieces } from './visible.ts';

const MOST_SHOWN = 2_000;

/** Shows text of others. Beyond `most` characters a button shows the rest; what is hidden is said, never cut silently. */
export function Text({ value, most = MOST_SHOWN }: { readonly value: string; readonly most?: number }) {
  const [isWhole, setWhole] = useState(false);
  const shown = isWhole || value.length <= most ? value : value.slice(0, most);
  return (
    <bdi class="text">
      {visiblePieces(shown).map(({ text, isSign }, index) =>
        isSign ? (
          <span key={index} class="sign">
            {text}
          </span>
        ) : (
          text
        ),
      )}
      {shown.length < value.length && (
        <button type="button" class="more" onClick={() => setWhole(true)}>
          {(value.length - shown.length).toLocaleString('en')} more characters
        </button>
      )}
    </bdi>
  );
}
