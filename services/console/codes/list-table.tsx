/** The list of unmapped codes: one stop for Tab, then by keys from code to code. */
import { useEffect, useRef } from 'preact/hooks';
import { countText } from '../parts/numbers.ts';
import { type Column, Table } from '../parts/table.tsx';
import { Text } from '../parts/text.tsx';
import { shortSystem } from '../terminology/links.tsx';
import { keyOf, type UnmappedItem } from './answers.ts';

interface ListTableProps {
  readonly items: readonly UnmappedItem[];
  /** Index of the code that Tab comes to. */
  readonly at: number;
  /** Key of the code that is open beside. */
  readonly openKey: string | undefined;
  /** What was answered here, by key: what to say of it. */
  readonly said: ReadonlyMap<string, string>;
  readonly open: (item: UnmappedItem, at: number) => void;
}

export function ListTable({ items, at, openKey, said, open }: ListTableProps) {
  const columns: readonly Column<UnmappedItem>[] = [
    {
      title: 'Code',
      of: (item) => {
        const index = items.indexOf(item);
        const key = keyOf(item);
        return (
          <>
            <button
              type="button"
              class="code-name"
              data-item={index}
              tabIndex={index === at ? 0 : -1}
              aria-current={key === openKey ? 'true' : undefined}
              onClick={() => open(item, index)}
            >
              <Named {...item} />
            </button>
            <span class="note">
              {item.display !== null && item.display !== item.code && (
                <>
                  <code>
                    <Text value={item.code} most={60} />
                  </code>{' '}
                </>
              )}
              {item.system === '' ? 'free text' : <Text value={shortSystem(item.system)} most={60} />}
            </span>
          </>
        );
      },
    },
    { title: 'Codings', isNumber: true, of: ({ count }) => countText(count) },
    { title: 'Persons', isNumber: true, isExtra: true, of: ({ persons }) => countText(persons) },
    { title: 'Values', isExtra: true, of: ({ values }) => <Few values={values} /> },
    { title: 'Units', isExtra: true, of: ({ units }) => <Few values={units} /> },
    { title: 'Sources', isExtra: true, of: ({ sources }) => <Few values={sources} /> },
    { title: 'State', of: (item) => <ItemState item={item} said={said.get(keyOf(item))} /> },
  ];
  return (
    <Table
      caption="Unmapped codes, those of most data first"
      isCaptionHidden
      columns={columns}
      rows={items}
      keyOf={keyOf}
      classOf={(item) => [keyOf(item) === openKey && 'open', said.has(keyOf(item)) && 'said'].filter(Boolean).join(' ') || undefined}
    />
  );
}

/** No button within a button: what is long is cut with a sign that it is; the whole stands beside when the code is open. */
const MOST_NAME = 120;
const Named = ({ display, code }: UnmappedItem) => {
  const name = display ?? code;
  return <Text value={name.length <= MOST_NAME ? name : `${name.slice(0, MOST_NAME)}…`} />;
};

const MOST_SHOWN = 3;
const Few = ({ values }: { readonly values: readonly string[] }) =>
  values.length === 0 ? (
    <span class="none">–</span>
  ) : (
    <>
      <Text value={values.slice(0, MOST_SHOWN).join(' · ')} most={80} />
      {values.length > MOST_SHOWN && <span class="note"> and {values.length - MOST_SHOWN} more</span>}
    </>
  );

function ItemState({ item, said }: { readonly item: UnmappedItem; readonly said: string | undefined }) {
  if (said !== undefined)
    return (
      <span class="state applied told">
        <span aria-hidden="true">✓</span> {said}
      </span>
    );
  if (item.proposed !== null) return <span class="state waiting">… proposed</span>;
  return item.kind === 'table' ? <span class="none">a table lacks it</span> : <span class="none state">to answer</span>;
}

interface Acts {
  readonly move: (step: 1 | -1) => void;
  readonly undo: () => void;
  readonly search: () => void;
  readonly help: () => void;
  readonly close: () => void;
}

const ALWAYS: Readonly<Record<string, (acts: Acts) => void>> = {
  ArrowDown: ({ move }) => move(1),
  ArrowUp: ({ move }) => move(-1),
  Escape: ({ close }) => close(),
};
const LETTERS: Readonly<Record<string, (acts: Acts) => void>> = {
  j: ({ move }) => move(1),
  k: ({ move }) => move(-1),
  u: ({ undo }) => undo(),
  '/': ({ search }) => search(),
  '?': ({ help }) => help(),
};

const isFree = (target: EventTarget | null, list: HTMLElement | null): boolean =>
  target instanceof Node &&
  (list?.contains(target) === true || target === document.body || (target instanceof Element && target.id === 'main'));

/** Letters act in the list and while nothing else has the focus, arrows in the list. Returns what the list's frame holds on to. */
export function useKeys(areLettersOn: boolean, acts: Acts) {
  const list = useRef<HTMLDivElement>(null);
  const latest = useRef({ areLettersOn, acts });
  latest.current = { areLettersOn, acts };
  useEffect(() => {
    const pressed = (event: KeyboardEvent) => {
      const { areLettersOn: isOn, acts: now } = latest.current;
      if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || document.querySelector('dialog[open]') !== null)
        return;
      if (!isFree(event.target, list.current)) return;
      const isInList = event.target instanceof Node && list.current?.contains(event.target) === true;
      const act = (isInList ? ALWAYS[event.key] : undefined) ?? (isOn ? LETTERS[event.key] : undefined);
      if (act === undefined) return;
      event.preventDefault();
      act(now);
    };
    addEventListener('keydown', pressed);
    return () => removeEventListener('keydown', pressed);
  }, []);
  return list;
}

/** Puts the focus on a code of the list. */
export const focusItem = (list: HTMLElement | null, at: number): void =>
  list?.querySelector<HTMLElement>(`button[data-item="${at}"]`)?.focus();
