/** What of the list is shown. */
import type { ComponentChildren, RefObject } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { ask, useAsked } from '../doors.ts';
import { countText } from '../parts/numbers.ts';
import { go, type Place, withQuery } from '../router.tsx';
import { shortSystem } from '../terminology/links.tsx';
import type { Systems } from './answers.ts';
import type { ListFilter } from './use-list.ts';

const PAUSE_MS = 200;

/** Free text may name a patient: what is looked for, and which code is open, stand beside the address. */
export const filterOf = ({ query, beside }: Place): ListFilter => ({
  system: query.has('free') ? '' : (query.get('system') ?? undefined),
  kind: query.get('kind') ?? undefined,
  text: beside['text'],
});

interface FiltersProps {
  readonly place: Place;
  readonly filter: ListFilter;
  readonly search: RefObject<HTMLInputElement | null>;
  readonly children: ComponentChildren;
}

/** What the select says for codes of no system: an address parameter cannot be empty. */
const FREE_TEXT = '(free text)';

export function Filters({ place, filter, search, children }: FiltersProps) {
  const [text, setText] = useState(filter.text ?? '');
  const systems = useAsked('systems', (signal) => ask<Systems>('GET', '/admin/unmapped/systems', undefined, signal));
  const set = (changes: Readonly<Record<string, string | undefined>>) =>
    go(withQuery(place, changes), { beside: text === '' ? {} : { text }, isStep: false });
  // What is chosen while the pause runs must not be lost to the address of before.
  const latest = useRef({ set, shown: filter.text ?? '' });
  latest.current = { set, shown: filter.text ?? '' };
  useEffect(() => {
    if (text === (filter.text ?? '')) return;
    const timer = setTimeout(() => text !== latest.current.shown && latest.current.set({}), PAUSE_MS);
    return () => clearTimeout(timer);
  }, [text]);
  const chosen = filter.system === '' ? FREE_TEXT : (filter.system ?? '');
  const all = systems.value?.systems ?? [];
  return (
    // biome-ignore lint/a11y/useSemanticElements: <search> is not known to all browsers yet
    <form class="panel filters" role="search" aria-label="Unmapped codes" onSubmit={(event) => event.preventDefault()}>
      <label class="field">
        <span>Code or name</span>
        <input
          ref={search}
          type="search"
          value={text}
          autocomplete="off"
          spellcheck={false}
          maxLength={200}
          onInput={(event) => setText(event.currentTarget.value)}
        />
      </label>
      <label class="field">
        <span>Code system</span>
        <select
          value={chosen}
          onChange={({ currentTarget: { value } }) =>
            set(value === FREE_TEXT ? { system: undefined, free: 'yes' } : { system: value, free: undefined })
          }
        >
          <option value="">all</option>
          {all.map(({ system, codes }) => (
            <option key={system} value={system === '' ? FREE_TEXT : system} title={system}>
              {system === '' ? 'free text' : shortSystem(system)} ({countText(codes)})
            </option>
          ))}
          {systems.value?.isCut && <option disabled>the first {countText(all.length)}; there are more</option>}
        </select>
      </label>
      <label class="field">
        <span>Kind</span>
        <select value={filter.kind ?? ''} onChange={(event) => set({ kind: event.currentTarget.value })}>
          <option value="">any</option>
          <option value="concept">answered by a concept</option>
          <option value="table">a table of a map lacks it</option>
        </select>
      </label>
      <div class="acts">{children}</div>
    </form>
  );
}
