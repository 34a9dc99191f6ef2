/** What the message became: FHIR resources element by element, and their OMOP rows column by column. */
import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';
import { Text } from '../parts/text.tsx';
import type { MessagePage, ShownResource, ShownRow } from './answers.ts';
import { moveByArrows } from './arrows.ts';
import { type Chosen, type Lit, rowName } from './links.ts';

/** So many are open at first; the others open by a click, or when something in them lights up. */
const OPEN = 3;

/** As many as the server tells of one resource. */
const MOST_ELEMENTS = 1_000;

interface PaneProps {
  readonly page: Pick<MessagePage, 'resources' | 'resourceCount' | 'isStored'> & Partial<Pick<MessagePage, 'isMadeUnknown'>>;
  readonly lit: Lit;
  readonly choose: (chosen: Chosen) => void;
  /** What it is of, where that is not a stored message or its preview. */
  readonly note?: string;
}

export function ResourcePane({ page, lit, choose, note }: PaneProps) {
  const { resources, resourceCount, isStored, isMadeUnknown = false } = page;
  return (
    <section class="pane" aria-labelledby="pane-fhir">
      <header>
        <h2 id="pane-fhir">FHIR {isStored || note !== undefined ? '' : '(preview)'}</h2>
        <p class="explained">
          {note ??
            (isMadeUnknown
              ? ''
              : isStored
                ? `${resourceCount} versions of resources made`
                : 'Not stored: what the maps of today would make of it.')}
        </p>
      </header>
      {resources.map((each, index) => (
        <Resource key={`${each.reference} ${each.version}`} resource={each} isOpen={index < OPEN} lit={lit} choose={choose} />
      ))}
      {isMadeUnknown && <Unknown />}
      {resources.length === 0 && !isMadeUnknown && <p class="note">It made no resource.</p>}
      {resourceCount > resources.length && (
        <p class="note">
          The first {resources.length} of {resourceCount}.
        </p>
      )}
    </section>
  );
}

const Unknown = () => (
  <p class="notice" role="status">
    Looking for what it made took too long and was ended: that is not to say that it made nothing. Load the page again when the server has
    less to do.
  </p>
);

interface ResourceProps extends Omit<PaneProps, 'page'> {
  readonly resource: ShownResource;
  readonly isOpen: boolean;
}

const Resource = ({ resource: { reference, version, isCurrent, elements }, isOpen, lit, choose }: ResourceProps) => {
  const isLit = elements.some(({ path }) => lit.elements.has(`${reference} ${path}`));
  return (
    <Folded
      name={reference}
      isOpen={isOpen}
      isLit={isLit}
      note={version === undefined ? '' : `v${version}${isCurrent ? '' : ', changed since'}`}
    >
      {elements.map(({ path, value, sources, rule }) => (
        <Line
          key={path}
          name={path.slice(path.indexOf('.') + 1)}
          value={value}
          isLit={lit.elements.has(`${reference} ${path}`)}
          title={`${path}${sources.length > 0 ? ` from ${sources.join(', ')}` : ''}${rule ? `, ${rule.file}:${rule.line}` : ''}`}
          isLinked={sources.length > 0}
          choose={() => choose({ kind: 'element', of: reference, path })}
        />
      ))}
      {elements.length >= MOST_ELEMENTS && <p class="note">The first {MOST_ELEMENTS} elements; it may have more.</p>}
    </Folded>
  );
};

export function RowPane({ page, lit, choose, note }: PaneProps) {
  const rows = page.resources.flatMap(({ reference, rows: all }) =>
    all.map((row, index) => ({ row, reference, name: rowName(row.table, row.id, reference, index) })),
  );
  return (
    <section class="pane" aria-labelledby="pane-omop">
      <header>
        <h2 id="pane-omop">OMOP {page.isStored || note !== undefined ? '' : '(preview)'}</h2>
        <p class="explained">
          {note ?? (page.isMadeUnknown ? '' : `${rows.length === 1 ? '1 row' : `${rows.length} rows`} of current versions`)}
        </p>
      </header>
      {rows.map((each, index) => (
        <Row key={each.name} {...each} isOpen={index < OPEN} lit={lit} choose={choose} />
      ))}
      {page.isMadeUnknown && <Unknown />}
      {rows.length === 0 && !page.isMadeUnknown && <p class="note">It made no row.</p>}
    </section>
  );
}

interface RowProps extends Omit<PaneProps, 'page'> {
  readonly row: ShownRow;
  readonly reference: string;
  readonly name: string;
  readonly isOpen: boolean;
}

const Row = ({ row, reference, name, isOpen, lit, choose }: RowProps) => (
  <Folded
    isOpen={isOpen}
    name={row.id === undefined ? row.table : `${row.table} ${row.id}`}
    isLit={row.columns.some((each) => lit.columns.has(`${name} ${each.name}`))}
    note={reference.split('/')[0] ?? ''}
  >
    {row.columns.map(({ name: column, value, read, rule }) => (
      <Line
        key={column}
        name={column}
        value={value}
        isLit={lit.columns.has(`${name} ${column}`)}
        title={`${column}${read.length > 0 ? ` from ${read.join(', ')}` : ''}${rule ? `, ${rule.file}:${rule.line}` : ', a rule of the CDM'}`}
        isLinked={read.length > 0}
        choose={() => choose({ kind: 'column', of: name, path: column })}
      />
    ))}
  </Folded>
);

interface FoldedProps {
  readonly name: string;
  readonly note: string;
  readonly isLit: boolean;
  readonly isOpen: boolean;
  readonly children: ComponentChildren;
}

/** A resource or row that opens by itself when something in it lights up. What is closed is not drawn: a message can make hundreds. */
function Folded({ name, note, isLit, isOpen, children }: FoldedProps) {
  const [isOpened, setOpened] = useState(isOpen);
  const isShown = isOpened || isLit;
  return (
    <details class={isLit ? 'thing lit-within' : 'thing'} open={isShown} onToggle={(event) => setOpened(event.currentTarget.open)}>
      <summary>
        <Text value={name} most={120} /> <span class="note">{note}</span>
      </summary>
      {isShown && (
        // biome-ignore lint/a11y/useSemanticElements: a group of values that keys move through
        <div role="group" aria-label={`Values of ${name}; arrow keys move`} onKeyDown={moveByArrows} ref={firstReachable}>
          {children}
        </div>
      )}
    </details>
  );
}

/** The first value of a group is its tab stop, until keys move it. */
function firstReachable(group: HTMLElement | null): void {
  if (group?.querySelector('button[data-item][tabindex="0"]') === null)
    group.querySelector('button[data-item]')?.setAttribute('tabindex', '0');
}

interface LineProps {
  readonly name: string;
  readonly value: string;
  readonly title: string;
  readonly isLit: boolean;
  readonly isLinked: boolean;
  readonly choose: () => void;
}

const Line = ({ name, value, title, isLit, isLinked, choose }: LineProps) => (
  <button
    type="button"
    data-item
    tabIndex={-1}
    class={`line${isLit ? ' lit' : ''}${isLinked ? ' linked' : ''}`}
    title={title}
    onClick={choose}
  >
    <span class="element">
      <Text value={name} most={200} />
    </span>
    <span class="content">
      <Text value={value} most={300} />
    </span>
  </button>
);
