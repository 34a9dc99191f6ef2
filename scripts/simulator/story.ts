/** The story of one patient, and the disorder in which the world sends it. */
import { type Chance, chanceOf } from './chance.ts';
import { DAY, HOUR, type Rates, type SimulatedEvent } from './events.ts';
import { identifier, type Person, personOf } from './people.ts';
import { segment } from './segments.ts';
import { clinicVisit, stay, type VisitContext } from './visits.ts';

/** broken: must not be applied; duplicate: byte for byte the one before with the same number. */
export type Mark = 'usual' | 'out-of-order' | 'duplicate' | 'broken';

export interface PlannedMessage {
  readonly person: Person;
  /**
   * Counts the messages of this person from 1, in the order of sending. It stands in MSH-10 (SEED.PERSON.NUMBER) of each, and as
   * the house number in PID-11 of what registration sends.
   */
  readonly number: number;
  readonly sendSeconds: number;
  readonly mark: Mark;
  readonly event: SimulatedEvent;
}

export interface StoryOptions {
  readonly seed: number;
  readonly rates: Rates;
  /** Message types that are sent ('ADT', 'ORU^R01'); all when undefined. */
  readonly only: readonly string[] | undefined;
  readonly timestamp: (seconds: number) => string;
}

/** Returns what is sent about person `number`, who appears `arrivesSeconds` in; in the order of sending. Nothing is sent before that. */
export function storyOf(number: number, arrivesSeconds: number, options: StoryOptions): readonly PlannedMessage[] {
  const chance = chanceOf(options.seed, number);
  const person = personOf(options.seed, number, chance);
  const wanted = eventsOf(person, arrivesSeconds, chance, options).filter(({ type }) => isWanted(type, options.only));
  const inOrder = wanted.toSorted((a, b) => a.sendSeconds - b.sendSeconds || a.atSeconds - b.atSeconds);
  return disordered(person, inOrder, chance, options.rates);
}

const isWanted = (type: string, only: readonly string[] | undefined): boolean =>
  only === undefined || only.some((each) => type === each || type.startsWith(`${each}^`));

function eventsOf(
  person: Person,
  arrivesSeconds: number,
  chance: Chance,
  { seed, rates, timestamp }: StoryOptions,
): readonly SimulatedEvent[] {
  const events: SimulatedEvent[] = [];
  let seconds = arrivesSeconds;
  const visits = chance.between(1, 3);
  const isDouble = chance.happens(rates.merges);
  for (let visit = 1; visit <= visits; visit++) {
    // The second record begins with the first visit: what is known under it is moved by the merge.
    const record = isDouble && visit === 1 ? 'second' : 'own';
    const context: VisitContext = { chance, rates, timestamp, record, visitNumber: `${seed}-V${person.number}-${visit}` };
    const happened = chance.happens(0.6) ? clinicVisit(context, seconds) : stay(context, seconds);
    events.push(...happened);
    // Late results come after all; they do not hold up the next visit.
    seconds = Math.max(...happened.map(({ atSeconds }) => atSeconds)) + chance.between(1, 20) * DAY;
    if (record === 'second') {
      const at = Math.max(...happened.map(({ sendSeconds }) => sendSeconds)) + HOUR;
      events.push(merge(person, at));
      seconds = Math.max(seconds, at + DAY);
    }
  }
  return events;
}

/** A40: what stands under the second number belongs to the first. */
const merge = (person: Person, seconds: number): SimulatedEvent => ({
  type: 'ADT^A40',
  atSeconds: seconds,
  sendSeconds: seconds,
  pid: 'full',
  record: 'own',
  before: [],
  after: [segment('MRG', { 1: identifier(person.secondRecordNumber), 7: person.name })],
});

/** Numbers the events, with some of them behind the next one, broken before they come right, or sent twice. */
function disordered(person: Person, events: readonly SimulatedEvent[], chance: Chance, rates: Rates): readonly PlannedMessage[] {
  const order = events.map((event) => ({ event, mark: 'usual' as Mark, sendSeconds: event.sendSeconds }));
  for (let index = 0; index + 1 < order.length; index++) {
    const [early, late] = [order[index], order[index + 1]];
    if (!early || !late || !chance.happens(rates.outOfOrder)) continue;
    order[index] = { ...late, sendSeconds: early.sendSeconds };
    order[index + 1] = { ...early, mark: 'out-of-order', sendSeconds: late.sendSeconds };
    index += 1;
  }
  const planned: PlannedMessage[] = [];
  let number = 0;
  for (const each of order) {
    if (chance.happens(rates.broken)) planned.push({ ...each, person, number: ++number, mark: 'broken' });
    const message = { ...each, person, number: ++number };
    planned.push(message);
    if (chance.happens(rates.duplicates)) {
      planned.push({ ...message, mark: 'duplicate', sendSeconds: each.sendSeconds + chance.between(1, 5 * HOUR) });
    }
  }
  return planned.toSorted((a, b) => a.sendSeconds - b.sendSeconds);
}
