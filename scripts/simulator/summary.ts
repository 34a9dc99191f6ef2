/** What was simulated, counted. */
import type { SimulatedMessage } from './traffic.ts';

export interface Summary {
  readonly messages: number;
  readonly patients: number;
  readonly bytes: number;
  /** 'ADT^A01' -> how many; duplicates and broken ones included. */
  readonly types: Readonly<Record<string, number>>;
  /** usual, out-of-order, duplicate, broken -> how many. */
  readonly marks: Readonly<Record<string, number>>;
  /** Simulated days from the first message to the last. */
  readonly days: number;
}

/** Counts messages as they go by. */
export class Counting {
  readonly #types = new Map<string, number>();
  readonly #marks = new Map<string, number>();
  readonly #patients = new Set<number>();
  #bytes = 0;
  #messages = 0;
  #first = 0;
  #last = 0;

  *through(traffic: Iterable<SimulatedMessage>): Generator<SimulatedMessage> {
    for (const message of traffic) {
      if (this.#messages === 0) this.#first = message.sendSeconds;
      this.#messages += 1;
      this.#last = message.sendSeconds;
      this.#bytes += message.bytes.length;
      this.#patients.add(message.person);
      this.#types.set(message.type, (this.#types.get(message.type) ?? 0) + 1);
      this.#marks.set(message.mark, (this.#marks.get(message.mark) ?? 0) + 1);
      yield message;
    }
  }

  get summary(): Summary {
    return {
      messages: this.#messages,
      patients: this.#patients.size,
      bytes: this.#bytes,
      types: Object.fromEntries([...this.#types].toSorted()),
      marks: Object.fromEntries([...this.#marks].toSorted()),
      days: Math.round((this.#last - this.#first) / 8640) / 10,
    };
  }
}
