/** The hospital's traffic: the stories of many patients, interleaved as they happen. */
import type { Rates } from './events.ts';
import { breakageOf, bytesOf, controlId } from './message.ts';
import { time } from './segments.ts';
import { type Mark, type PlannedMessage, storyOf } from './story.ts';

export interface TrafficOptions {
  readonly seed: number;
  readonly patients: number;
  readonly rates: Rates;
  /** When the simulation begins, in milliseconds since 1970. */
  readonly startMs: number;
  /** Message types that are sent ('ADT', 'ORU^R01'); all when undefined. */
  readonly only?: readonly string[] | undefined;
}

export interface SimulatedMessage {
  /** MSH-10: SEED.PERSON.NUMBER. */
  readonly controlId: string;
  readonly person: number;
  /** Counts the messages of this person from 1 in the order of sending; a duplicate has the number of what it repeats. */
  readonly number: number;
  /** 'ADT^A01'; of a broken message, what it was to be. */
  readonly type: string;
  readonly mark: Mark;
  /** What is wrong with a broken one. */
  readonly breakage: string | undefined;
  /** Simulated time of sending, in seconds since the start. */
  readonly sendSeconds: number;
  readonly bytes: Uint8Array;
}

/** A new patient appears so often, in simulated seconds. */
const SPACING = 360;

/** Yields the messages in the order of sending. Holds only the patients who are about: any number of them can be simulated. */
export function* trafficOf(options: TrafficOptions): Generator<SimulatedMessage> {
  const { seed, rates, only } = options;
  const timestamp = (seconds: number): string => time(options.startMs, seconds);
  const waiting = new Soonest();
  const finished = (planned: PlannedMessage): SimulatedMessage => ({
    controlId: controlId(seed, planned),
    person: planned.person.number,
    number: planned.number,
    type: planned.event.type,
    mark: planned.mark,
    breakage: planned.mark === 'broken' ? breakageOf(seed, planned) : undefined,
    sendSeconds: planned.sendSeconds,
    bytes: bytesOf(planned, seed, timestamp),
  });
  for (let person = 1; person <= options.patients; person++) {
    const arrives = person * SPACING;
    for (let next = waiting.takeBefore(arrives); next; next = waiting.takeBefore(arrives)) yield finished(next);
    waiting.add(storyOf(person, arrives, { seed, rates, only, timestamp }));
  }
  for (let next = waiting.takeBefore(Infinity); next; next = waiting.takeBefore(Infinity)) yield finished(next);
}

interface Open {
  readonly story: readonly PlannedMessage[];
  next: number;
}

const dueOf = ({ story, next }: Open): number => story[next]?.sendSeconds ?? Infinity;
/** Of two stories that go on at the same time, the older patient's is first. */
const isBefore = (a: Open, b: Open): boolean =>
  dueOf(a) < dueOf(b) || (dueOf(a) === dueOf(b) && (a.story[0]?.person.number ?? 0) < (b.story[0]?.person.number ?? 0));

/** Open stories, the one that goes on soonest on top (a binary heap). */
class Soonest {
  readonly #heap: Open[] = [];

  add(story: readonly PlannedMessage[]): void {
    if (story.length === 0) return;
    const open = { story, next: 0 };
    let at = this.#heap.push(open) - 1;
    while (at > 0) {
      const up = (at - 1) >> 1;
      const above = this.#heap[up];
      if (above === undefined || !isBefore(open, above)) break;
      this.#heap[at] = above;
      at = up;
    }
    this.#heap[at] = open;
  }

  /** Removes and returns the next message that is sent before `seconds`. */
  takeBefore(seconds: number): PlannedMessage | undefined {
    const top = this.#heap[0];
    if (top === undefined || dueOf(top) >= seconds) return undefined;
    const message = top.story[top.next];
    top.next += 1;
    if (top.next >= top.story.length) {
      const last = this.#heap.pop();
      if (last === undefined || last === top) return message;
      this.#heap[0] = last;
    }
    this.#sink();
    return message;
  }

  #sink(): void {
    const heap = this.#heap;
    const sinking = heap[0];
    if (sinking === undefined) return;
    let at = 0;
    for (;;) {
      const [left, right] = [heap[2 * at + 1], heap[2 * at + 2]];
      const lesser = right !== undefined && left !== undefined && isBefore(right, left) ? right : left;
      if (lesser === undefined || !isBefore(lesser, sinking)) break;
      heap[at] = lesser;
      at = 2 * at + (lesser === left ? 1 : 2);
    }
    heap[at] = sinking;
  }
}
