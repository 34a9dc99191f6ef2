/** A person's time, drawn: periods, visits, conditions, drugs, measurements and the rest in lanes. Keys zoom and move; the table beside it says the same. */
import { useMemo } from 'preact/hooks';
import type { TimelineEvent } from '../../database/cdm/person-timeline.ts';
import type { PersonPage } from '../../pipeline/persons.ts';
import { go } from '../router.tsx';
import { dateOfDay, dayOf, type Lane, lanesOf, moved, type PlacedEvent, ticksOf, type Window, zoomed } from './lanes.ts';
import { rowAddress } from './links.tsx';

const WIDTH = 1_000;
const LEVEL = 9;
const GAP = 9;
const LABEL = 15;
const AXIS = 18;
const MARK = 4;

interface TimelineProps {
  readonly person: PersonPage;
  readonly window: Window;
  readonly whole: Window;
  readonly move: (window: Window) => void;
}

/** What an event is called: its concept, else its table. */
export const eventName = ({ name, table, value }: TimelineEvent): string =>
  `${name === '' ? `${table}, no concept` : name}${value === '' ? '' : ` ${value}`}`;

export function Timeline({ person, window, whole, move }: TimelineProps) {
  const lanes = useMemo(() => lanesOf(person.events, window), [person.events, window]);
  const keys = (event: KeyboardEvent) => {
    const next = byKey(event.key, window, whole);
    if (next === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    move(next);
  };
  return (
    <section class="panel timeline" aria-labelledby="time">
      <div class="title">
        <h2 id="time">
          {dateOfDay(window.from)} to {dateOfDay(window.to)}
        </h2>
        <fieldset class="acts zoom">
          <legend class="unseen">Zoom; on the drawing the keys +, −, ←, →, 0 do the same</legend>
          {BUTTONS.map(({ sign, name, key }) => (
            <button key={key} type="button" aria-label={name} onClick={() => move(byKey(key, window, whole) ?? window)}>
              {sign}
            </button>
          ))}
        </fieldset>
      </div>
      {/* biome-ignore lint/a11y/useSemanticElements: a group whose keys zoom; the drawing in it is an image */}
      <div
        class="drawn"
        role="group"
        // biome-ignore lint/a11y/noNoninteractiveTabindex: keys zoom and move what is drawn; the table beside it holds the same
        tabIndex={0}
        aria-label="Drawing of the time; plus and minus zoom, arrow keys move, 0 shows all"
        onKeyDown={keys}
      >
        <Drawn person={person} lanes={lanes} window={window} />
      </div>
    </section>
  );
}

const BUTTONS = [
  { sign: '←', name: 'Earlier', key: 'ArrowLeft' },
  { sign: '→', name: 'Later', key: 'ArrowRight' },
  { sign: '+', name: 'Nearer', key: '+' },
  { sign: '−', name: 'Farther', key: '-' },
  { sign: 'All', name: 'Show all', key: '0' },
] as const;

function byKey(key: string, window: Window, whole: Window): Window | undefined {
  if (key === '+' || key === '=') return zoomed(window, 0.5, whole);
  if (key === '-') return zoomed(window, 2, whole);
  if (key === 'ArrowLeft') return moved(window, -0.25, whole);
  if (key === 'ArrowRight') return moved(window, 0.25, whole);
  return key === '0' || key === 'Home' ? whole : undefined;
}

interface DrawnProps {
  readonly person: PersonPage;
  readonly lanes: readonly Lane[];
  readonly window: Window;
}

function Drawn({ person, lanes, window }: DrawnProps) {
  const x = (day: number): number => ((day - window.from) / Math.max(1e-9, window.to - window.from)) * WIDTH;
  const heights = lanes.map(({ depth }) => LABEL + depth * LEVEL + GAP);
  const periodHeight = LABEL + LEVEL + GAP;
  const tops = heights.map((_, index) => AXIS + periodHeight + heights.slice(0, index).reduce((sum, each) => sum + each, 0));
  const height = AXIS + periodHeight + heights.reduce((sum, each) => sum + each, 0);
  const ticks = ticksOf(window);
  return (
    <svg
      viewBox={`0 0 ${WIDTH} ${height}`}
      role="img"
      aria-label={`Timeline: ${lanes.map(({ title, events }) => `${events.length} ${title.toLowerCase()}`).join(', ')}`}
    >
      {ticks.map(({ day, label }) => (
        <g key={day} class="tick">
          <line x1={x(day)} x2={x(day)} y1={AXIS - 4} y2={height} />
          <text x={x(day)} y={11} text-anchor={x(day) > WIDTH - 40 ? 'end' : x(day) < 30 ? 'start' : 'middle'}>
            {label}
          </text>
        </g>
      ))}
      <text class="lane" x={2} y={AXIS + 10}>
        Observation periods
      </text>
      {person.periods.map(({ id, start, end }) => (
        <Mark
          key={id}
          kind="period"
          x={x(dayOf(start))}
          to={x(dayOf(end) + 1)}
          y={AXIS + LABEL}
          label={`Observed ${start} to ${end}`}
          open={() => go(rowAddress('observation_period', id))}
        />
      ))}
      {person.died !== undefined && <line class="death" x1={x(dayOf(person.died))} x2={x(dayOf(person.died))} y1={AXIS} y2={height} />}
      {lanes.map((lane, index) => (
        <g key={lane.table}>
          <line class="between" x1={0} x2={WIDTH} y1={(tops[index] ?? 0) - 3} y2={(tops[index] ?? 0) - 3} />
          <text class="lane" x={2} y={(tops[index] ?? 0) + 10}>
            {lane.title} ({lane.events.length})
          </text>
          {lane.events.filter(inSight(window)).map(({ event, from, to, level }) => (
            <Mark
              key={event.id}
              kind={lane.table}
              x={x(from)}
              to={event.end === undefined ? x(from) : x(to)}
              y={(tops[index] ?? 0) + LABEL + level * LEVEL}
              label={`${event.start}${event.end === undefined || event.end === event.start ? '' : ` to ${event.end}`} ${eventName(event)}`}
              open={() => go(rowAddress(event.table, event.id))}
            />
          ))}
        </g>
      ))}
    </svg>
  );
}

const inSight =
  (window: Window) =>
  ({ from, to }: PlacedEvent): boolean =>
    to >= window.from && from <= window.to;

interface MarkProps {
  readonly kind: string;
  readonly x: number;
  readonly to: number;
  readonly y: number;
  readonly label: string;
  readonly open: () => void;
}

/** A click opens the row; by keyboard the table beside it does. */
const Mark = ({ kind, x, to, y, label, open }: MarkProps) => (
  // biome-ignore lint/a11y/noStaticElementInteractions: what the mouse does here, links in the table do for keys
  <rect
    class={`mark ${kind}`}
    x={Math.max(-5, x)}
    y={y}
    width={Math.max(MARK, Math.min(WIDTH + 5, to) - Math.max(-5, x))}
    height={LEVEL - 2}
    rx={1.5}
    onClick={open}
  >
    <title>{label}</title>
  </rect>
);
