/** The filters of the list. */
import { useState } from 'preact/hooks';
import { type Filter, goToList, STATES } from './filter.ts';

const FIELDS = [
  { name: 'text', title: 'Words of the message', hint: 'anything that stands in it' },
  { name: 'controlId', title: 'Control id', hint: 'MSH-10' },
  { name: 'patient', title: 'Patient', hint: 'ID^AUTHORITY' },
  { name: 'type', title: 'Type', hint: 'ADT or ADT^A01' },
  { name: 'source', title: 'Source', hint: 'FACILITY/APPLICATION' },
  { name: 'code', title: 'Cause', hint: 'mapping-no-map' },
] as const;

/** datetime-local has no zone: what is typed is this browser's local time. */
const toLocal = (instant: string | undefined): string => {
  if (instant === undefined) return '';
  const date = new Date(instant);
  return new Date(date.getTime() - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
};
const toInstant = (local: string): string | undefined => {
  const date = new Date(local);
  return Number.isNaN(date.getTime()) ? undefined : date.toISOString();
};

export function FilterForm({ filter }: { readonly filter: Filter }) {
  const [draft, setDraft] = useState(filter);
  const set = (name: keyof Filter, value: string | undefined) => setDraft({ ...draft, [name]: value || undefined });
  const submit = (event: Event) => {
    event.preventDefault();
    const entries = Object.entries(draft).flatMap(([name, value]) => (value?.trim() ? [[name, value.trim()]] : []));
    goToList(Object.fromEntries(entries));
  };
  return (
    // biome-ignore lint/a11y/useSemanticElements: <search> is not known to all browsers yet
    <form class="panel filters" role="search" aria-label="Messages" onSubmit={submit}>
      <label class="field">
        <span>State</span>
        <select value={draft.status ?? ''} onChange={(event) => set('status', event.currentTarget.value)}>
          <option value="">any</option>
          {STATES.map((each) => (
            <option key={each} value={each}>
              {each === 'received' ? 'waiting' : each}
            </option>
          ))}
        </select>
      </label>
      {FIELDS.map(({ name, title, hint }) => (
        <label key={name} class="field">
          <span>{title}</span>
          <input
            type="text"
            name={name}
            value={draft[name] ?? ''}
            placeholder={hint}
            autocomplete="off"
            spellcheck={false}
            onInput={(event) => set(name, event.currentTarget.value)}
          />
        </label>
      ))}
      {(['since', 'until'] as const).map((name) => (
        <label key={name} class="field">
          <span>{name === 'since' ? 'Since' : 'Before'} (local time)</span>
          <input
            type="datetime-local"
            name={name}
            value={toLocal(draft[name])}
            onInput={(event) => set(name, toInstant(event.currentTarget.value))}
          />
        </label>
      ))}
      <div class="acts">
        <button type="submit" class="primary">
          Search
        </button>
        <button type="button" onClick={() => goToList({})}>
          Clear
        </button>
      </div>
    </form>
  );
}
