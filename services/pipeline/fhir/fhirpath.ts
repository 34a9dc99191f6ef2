/** FHIRPath (http://hl7.org/fhirpath/N1) by fhirpath.js, where speed does not matter: patches and the rules of profiles. */
import { Worker } from 'node:worker_threads';
import { failure, problem, type Result, success } from '../../errors.ts';
import { writeJson } from '../../fhir/format/json.ts';
import type { JsonObject } from '../../fhir/resource.ts';
import type { FhirPathAnswer, FhirPathExpression, FhirPathSaid } from './fhirpath-worker.ts';

export type { FhirPathAnswer, FhirPathExpression } from './fhirpath-worker.ts';

/** Of the processor: what is cheap is not refused because the machine is busy. */
const MOST_CPU_MS = 3_000;
/** Of the clock, where the thread does not get the processor, or does not say what it used. */
const LONGEST_MS = 60_000;
const LEAST_WAIT_MS = 20;
const MOST_WAITING = 200;
const MEMORY_MB = 256;

/** What expressions found, and what that took of the processor. */
export interface FhirPathAnswers {
  readonly answers: readonly FhirPathAnswer[];
  readonly cpuMs: number;
}

interface Asked {
  readonly resource: string;
  readonly expressions: readonly FhirPathExpression[];
  readonly mostCpuMs: number;
  readonly settle: (result: Result<FhirPathAnswers>) => void;
}

/** One thread, started when first needed and again after it had to be ended; it does one thing after the other. */
class Thread {
  #worker: Worker | undefined;
  #ready = false;
  #running: Asked | undefined;
  #timer: NodeJS.Timeout | undefined;
  #longest: NodeJS.Timeout | undefined;
  /** What the thread had used of the processor when it said so last, in milliseconds. */
  #usedMs = 0;
  readonly #waiting: Asked[] = [];

  ask(asked: Asked): void {
    if (this.#waiting.length >= MOST_WAITING) asked.settle(failure(problem('fhirpath-costly', { mostCpuMs: asked.mostCpuMs })));
    else {
      this.#waiting.push(asked);
      this.#next();
    }
  }

  #next(): void {
    if (this.#running !== undefined) return;
    const asked = this.#waiting.shift();
    if (asked === undefined) {
      this.#worker?.unref();
      return;
    }
    this.#running = asked;
    const worker = this.#started();
    worker.ref();
    if (this.#ready) this.#send(worker, asked);
    else this.#longest = setTimeout(() => this.#end(), LONGEST_MS);
  }

  #send(worker: Worker, { resource, expressions, mostCpuMs }: Asked): void {
    clearTimeout(this.#longest);
    this.#longest = setTimeout(() => this.#end(), LONGEST_MS);
    // It cannot use more of the processor than passes of time.
    this.#watch(worker, this.#usedMs + mostCpuMs, mostCpuMs);
    worker.postMessage({ id: 1, resource, expressions });
  }

  /** Ends the thread when it has used `endMs`, looked at again in `inMs`. */
  #watch(worker: Worker, endMs: number, inMs: number): void {
    const running = this.#running;
    const isStill = (): boolean => worker === this.#worker && running === this.#running;
    this.#timer = setTimeout(
      () => {
        usedOf(worker).then(
          (usedMs) => {
            if (!isStill()) return;
            if (usedMs >= endMs) this.#end();
            else this.#watch(worker, endMs, endMs - usedMs);
          },
          () => isStill() && this.#end(),
        );
      },
      Math.max(inMs, LEAST_WAIT_MS),
    );
  }

  #started(): Worker {
    if (this.#worker !== undefined) return this.#worker;
    const worker = new Worker(new URL('./fhirpath-worker.ts', import.meta.url), { resourceLimits: { maxOldGenerationSizeMb: MEMORY_MB } });
    worker.on('message', (message: FhirPathSaid) => {
      if (worker !== this.#worker) return;
      clearTimeout(this.#timer);
      clearTimeout(this.#longest);
      const cpuMs = message.usedMs - this.#usedMs;
      this.#usedMs = message.usedMs;
      if (message.id === 0) {
        this.#ready = true;
        if (this.#running !== undefined) this.#send(worker, this.#running);
      } else this.#settle(success({ answers: message.answers, cpuMs }));
    });
    worker.on('error', () => worker === this.#worker && this.#end());
    worker.on('exit', () => worker === this.#worker && this.#end());
    this.#worker = worker;
    this.#ready = false;
    this.#usedMs = 0;
    return worker;
  }

  /** What runs took too long, or too much memory: its thread goes, the next one gets another. */
  #end(): void {
    clearTimeout(this.#timer);
    clearTimeout(this.#longest);
    const worker = this.#worker;
    this.#worker = undefined;
    void worker?.terminate();
    this.#settle(failure(problem('fhirpath-costly', { mostCpuMs: this.#running?.mostCpuMs ?? MOST_CPU_MS })));
  }

  #settle(result: Result<FhirPathAnswers>): void {
    const running = this.#running;
    this.#running = undefined;
    running?.settle(result);
    this.#next();
  }
}

/** Milliseconds of the processor that a thread has used, asked of it while it works. */
async function usedOf(worker: Worker): Promise<number> {
  const { user, system } = await worker.cpuUsage();
  return (user + system) / 1000;
}

const thread = new Thread();

/**
 * Returns what each expression finds in a resource, in `mostCpuMs` of the processor and bounded memory. Numbers are JavaScript's here: places are exact, computed
 * values have 15 digits. Problem fhirpath-costly; an expression that cannot be evaluated has its fault as answer.
 */
export const evaluateFhirPath = (
  resource: JsonObject,
  expressions: readonly FhirPathExpression[],
  mostCpuMs = MOST_CPU_MS,
): Promise<Result<FhirPathAnswers>> =>
  new Promise((settle) => thread.ask({ resource: writeJson(resource), expressions, mostCpuMs, settle }));

/** Returns the places of the elements that the answer of one expression has; Problem fhirpath-invalid where it finds none but a value. */
export function placesOf({ answers: [answer] }: FhirPathAnswers): Result<readonly string[]> {
  if (answer === undefined || 'fault' in answer) return failure(problem('fhirpath-invalid', { reason: answer?.fault ?? 'no answer' }));
  const places = answer.places.flatMap((place) => place ?? []);
  if (places.length === answer.places.length) return success(places);
  return failure(problem('fhirpath-invalid', { reason: 'it computes a value instead of leading to an element' }));
}
