/** A line over time, drawn small; the same numbers as a table beside it. */
import { useZone } from '../preferences.ts';
import { Table } from './table.tsx';
import { Time, timeText } from './time.tsx';

export interface Point {
  readonly at: string;
  readonly value: number;
}

interface ChartProps {
  readonly title: string;
  readonly points: readonly Point[];
  /** '12 / min', '1.2 GB'. */
  readonly textOf: (value: number) => string;
}

const WIDTH = 320;
const HEIGHT = 84;
const MOST_ROWS = 30;

export function Chart({ title, points, textOf }: ChartProps) {
  const last = points.at(-1);
  const most = Math.max(...points.map(({ value }) => value), 0);
  return (
    <figure class="chart">
      <figcaption>
        <span>{title}</span>
        <strong>{last === undefined ? '–' : textOf(last.value)}</strong>
      </figcaption>
      <Lines title={title} points={points} most={most} textOf={textOf} />
      <details>
        <summary>As a table</summary>
        <Table
          caption={`${title}, newest first`}
          isCaptionHidden
          columns={[
            { title: 'Time', of: ({ at }: Point) => <Time at={at} /> },
            { title: 'Value', isNumber: true, of: ({ value }: Point) => textOf(value) },
          ]}
          rows={thinned(points).toReversed()}
          keyOf={({ at }) => at}
        />
      </details>
    </figure>
  );
}

/** At most so many, evenly chosen, the last one always. */
function thinned(points: readonly Point[]): readonly Point[] {
  const step = Math.ceil(points.length / MOST_ROWS);
  return step <= 1 ? points : points.filter((_, index) => (points.length - 1 - index) % step === 0);
}

interface LinesProps extends ChartProps {
  readonly most: number;
}

function Lines({ title, points, most, textOf }: LinesProps) {
  const [zone] = useZone();
  const [first] = points;
  const last = points.at(-1);
  if (first === undefined || last === undefined || points.length < 2)
    return <p class="note">Too little is known yet: it fills as time goes.</p>;
  const from = Date.parse(first.at);
  const span = Math.max(1, Date.parse(last.at) - from);
  const x = (at: string): string => (((Date.parse(at) - from) / span) * WIDTH).toFixed(1);
  const y = (value: number): string => (HEIGHT - 2 - (value / Math.max(most, Number.EPSILON)) * (HEIGHT - 10)).toFixed(1);
  const line = points.map(({ at, value }) => `${x(at)},${y(value)}`).join(' ');
  return (
    <>
      <svg
        viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
        preserveAspectRatio="none"
        role="img"
        aria-label={`${title}: ${textOf(last.value)} now, ${textOf(most)} at most`}
      >
        <title>{title}</title>
        <polygon class="area" points={`0,${HEIGHT} ${line} ${WIDTH},${HEIGHT}`} />
        <polyline class="line-drawn" points={line} />
      </svg>
      <p class="axis">
        <span>{timeText(first.at, zone === 'UTC' ? 'UTC' : undefined).slice(11, 16)}</span>
        <span>at most {textOf(most)}</span>
        <span>now</span>
      </p>
    </>
  );
}
