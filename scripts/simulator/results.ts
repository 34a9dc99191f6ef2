/** Orders and their results: ORM^O01, then ORU^R01, preliminary, final, late or corrected. */
import type { Chance } from './chance.ts';
import { type Analyte, PANELS, type Panel } from './codes.ts';
import { HOUR, type Rates, type SimulatedEvent } from './events.ts';
import { segment, text } from './segments.ts';

export interface OrderContext {
  readonly chance: Chance;
  readonly rates: Rates;
  /** Unique over the hospital. */
  readonly orderNumber: string;
  readonly pv1: string;
  readonly doctor: string;
  readonly record: SimulatedEvent['record'];
  readonly timestamp: (seconds: number) => string;
}

interface Value {
  readonly analyte: Analyte;
  readonly number: number;
}

/** Returns a value, mostly within the reference range; `digits` is kept with trailing zeros as analysers do. */
export function drawn(analyte: Analyte, chance: Chance): number {
  const spread = analyte.high - analyte.low;
  return analyte.low + spread * (chance.between(-15, 115) / 100);
}

/** Returns OBX with a number, its range and flag. */
export function obx(setId: number, { analyte, number }: Value, status: 'P' | 'F' | 'C', observed: string): string {
  const shown = Math.max(0, number).toFixed(analyte.digits);
  const flag = Number(shown) < analyte.low ? 'L' : Number(shown) > analyte.high ? 'H' : 'N';
  return segment('OBX', {
    1: String(setId),
    2: 'NM',
    3: `${analyte.code}^${analyte.text}^LN`,
    5: shown,
    6: `${analyte.unit}^^UCUM`,
    7: `${analyte.low}-${analyte.high}`,
    8: flag,
    11: status,
    14: observed,
  });
}

/** Returns the order at `seconds` and everything that comes of it. */
export function orderEvents(seconds: number, context: OrderContext): readonly SimulatedEvent[] {
  const { chance, rates, record, pv1 } = context;
  const panel = chance.pick(PANELS);
  const values = panel.analytes.map((analyte) => ({ analyte, number: drawn(analyte, chance) }));
  const collected = seconds + chance.between(600, HOUR);
  const reported = collected + chance.between(HOUR, 3 * HOUR);
  const delay = chance.happens(rates.late) ? chance.between(48, 120) * HOUR : 0;
  const common = { pid: 'short', record, before: [] } as const;
  const result = (at: number, status: 'P' | 'F' | 'C', lines: readonly string[]): SimulatedEvent => ({
    ...common,
    type: 'ORU^R01',
    atSeconds: at,
    sendSeconds: at + delay,
    after: [pv1, ...orderLines('RE', panel, context, collected, at, status), ...lines],
  });
  const observed = context.timestamp(collected);
  const all = (status: 'P' | 'F') => values.map((value, index) => obx(index + 1, value, status, observed));
  const events: SimulatedEvent[] = [
    {
      ...common,
      type: 'ORM^O01',
      atSeconds: seconds,
      sendSeconds: seconds,
      after: [pv1, ...orderLines('NW', panel, context, collected, undefined, undefined)],
    },
  ];
  if (chance.happens(0.15)) events.push(result(reported - 1800, 'P', all('P')));
  events.push(result(reported, 'F', all('F')));
  if (chance.happens(rates.corrections)) {
    const wrong = chance.below(values.length);
    const { analyte } = values[wrong] ?? { analyte: panel.analytes[0] };
    const corrected = obx(wrong + 1, { analyte, number: drawn(analyte, chance) }, 'C', observed);
    const note = segment('NTE', { 1: '1', 2: 'L', 3: text('Corrected: tube & label did not fit.') });
    events.push(result(reported + chance.between(1, 6) * HOUR, 'C', [corrected, note]));
  }
  return events;
}

/** ORC and OBR of the order; `reported` and `status` once there is a result. */
function orderLines(
  control: 'NW' | 'RE',
  panel: Panel,
  { orderNumber, doctor, timestamp }: OrderContext,
  collected: number,
  reported: number | undefined,
  status: string | undefined,
): readonly string[] {
  const placer = `${orderNumber}^SIMCPOE`;
  const filler = control === 'NW' ? '' : `L${orderNumber}^SIMLAB`;
  return [
    segment('ORC', { 1: control, 2: placer, 3: filler, 12: doctor }),
    segment('OBR', {
      1: '1',
      2: placer,
      3: filler,
      4: `${panel.code}^${panel.text}^LN`,
      7: control === 'NW' ? '' : timestamp(collected),
      16: doctor,
      22: reported === undefined ? '' : timestamp(reported),
      24: panel.section,
      25: status ?? '',
    }),
  ];
}
