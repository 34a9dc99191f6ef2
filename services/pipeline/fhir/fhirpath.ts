/** FHIRPath (http://hl7.org/fhirpath/N1) by fhirpath.js, where speed does not matter: patches and the rules of profiles. */
import { Worker } from 'node:worker_threads';
import { failure, problem, type Result, success } from '../../errors.ts';
import { writeJson } from '../../fhir/format/json.ts';
import type { JsonObject } from '../../fhir/resource.ts';
import type { FhirPathAnswer, FhirPathExpression } from './fhirpath-worker.ts';

export type { FhirPathAnswer, FhirPathExpression } from './fhirpath-worker.ts';

const TIMEOUT_MS = 3_000;
const START_TIMEOUT_MS = 20_000;
const MOST_WAITING = 200;
const MEMORY_MB = 256;

interface Asked {
  readonly resource: string;
  readonly expressions: readonly FhirPathExpression[];
  readonly timeoutMs: number;
  readonly settle: (result: Result<readonly FhirPathAnswer[]>) => void;
}

/** One thread, started when first needed and again after it had to be ended; it does one thing after the other. */
class Thread {
  #worker: Worker | undefined;
  #ready = false;
  #running: Asked | undefined;
  #timer: NodeJS.Timeout | undefined;
  readonly #waiting: Asked[] = [];

  ask(asked: Asked): void {
    if (this.#waiting.length >= MOST_WAITING) asked.settle(failure(problem('fhirpath-costly', { timeoutMs: asked.timeoutMs })));
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
    else this.#timer = setTimeout(() => this.#end(), START_TIMEOUT_MS);
  }

  #send(worker: Worker, { resource, expressions, timeoutMs }: Asked): void {
    this.#timer = setTimeout(() => this.#end(), timeoutMs);
    worker.postMessage({ id: 1, resource, expressions });
  }

  #started(): Worker {
    if (this.#worker !== undefined) return this.#worker;
    const worker = new Worker(new URL('./fhirpath-worker.ts', import.meta.url), { resourceLimits: { maxOldGenerationSizeMb: MEMORY_MB } });
    worker.on('message', (message: { readonly id: number; readonly answers: readonly FhirPathAnswer[] }) => {
      if (worker !== this.#worker) return;
      clearTimeout(this.#timer);
      if (message.id === 0) {
        this.#ready = true;
        if (this.#running !== undefined) this.#send(worker, this.#running);
      } else this.#settle(success(message.answers));
    });
    worker.on('error', () => worker === this.#worker && this.#end());
    worker.on('exit', () => worker === this.#worker && this.#end());
    this.#worker = worker;
    this.#ready = false;
    return worker;
  }

  /** What runs took too long, or too much memory: its thread goes, the next one gets another. */
  #end(): void {
    clearTimeout(this.#timer);
    const worker = this.#worker;
    this.#worker = undefined;
    void worker?.terminate();
    this.#settle(failure(problem('fhirpath-costly', { timeoutMs: this.#running?.timeoutMs ?? TIMEOUT_MS })));
  }

  #settle(result: Result<readonly FhirPathAnswer[]>): void {
    const running = this.#running;
    this.#running = undefined;
    running?.settle(result);
    this.#next();
  }
}

const thread = new Thread();

/**
 * Returns what each expression finds in a resource, in bounded time and memory. Numbers are JavaScript's here: places are exact, computed
 * values have 15 digits. Problem fhirpath-costly; an expression that cannot be evaluated has its fault as answer.
 */
export const evaluateFhirPath = (
  resource: JsonObject,
  expressions: readonly FhirPathExpression[],
  timeoutMs = TIMEOUT_MS,
): Promise<Result<readonly FhirPathAnswer[]>> =>
  new Promise((settle) => thread.ask({ resource: writeJson(resource), expressions, timeoutMs, settle }));

/** Returns the places of the elements that an expression finds; Problem fhirpath-invalid where it finds none but a value. */
export async function locateFhirPath(resource: JsonObject, expression: string, timeoutMs = TIMEOUT_MS): Promise<Result<readonly string[]>> {
  const found = await evaluateFhirPath(resource, [{ expression }], timeoutMs);
  if (!found.ok) return found;
  const [answer] = found.value;
  if (answer === undefined || 'fault' in answer) return failure(problem('fhirpath-invalid', { reason: answer?.fault ?? 'no answer' }));
  const places = answer.places.flatMap((place) => place ?? []);
  if (places.length === answer.places.length) return success(places);
  return failure(problem('fhirpath-invalid', { reason: 'it computes a value instead of leading to an element' }));
}
