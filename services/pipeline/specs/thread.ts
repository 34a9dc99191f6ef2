/** A thread for checks and plans. It is ended with what it was begun for; what needs no thread (a vocabulary that cannot be shared) is done here. */
import { setImmediate } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { problem, Refusal } from '../../errors.ts';
import { type Answers, SpecWork, type Task } from './work.ts';

export interface SpecThread extends AsyncDisposable {
  /** Does one task after the other. Throws Refusal spec-plan-failed when it cannot be done. */
  ask<K extends Task['kind']>(task: Extract<Task, { readonly kind: K }>): Promise<Answers[K]>;
}

const MEMORY_MB = 2_048;

/** Begins a thread. `isBackground`: nobody waits for it, so that it gets the processor when others do not want it, where the system can do that. */
export function specThread({ isBackground = false }: { readonly isBackground?: boolean } = {}): SpecThread {
  const worker = new Worker(new URL('./thread-worker.ts', import.meta.url), {
    resourceLimits: { maxOldGenerationSizeMb: MEMORY_MB },
    workerData: { isBackground },
  });
  // A server that stops does not wait for a plan.
  worker.unref();
  const waiting = new Map<number, { readonly resolve: (value: never) => void; readonly reject: (error: unknown) => void }>();
  let number = 0;
  const failed = (reason: string): void => {
    for (const { reject } of waiting.values()) reject(new Refusal([problem('spec-plan-failed', { reason })]));
    waiting.clear();
  };
  worker.on(
    'message',
    (answer: { readonly number: number; readonly value: never } | { readonly number: number; readonly fault: string }) => {
      const asked = waiting.get(answer.number);
      waiting.delete(answer.number);
      if (waiting.size === 0) worker.unref();
      if ('fault' in answer) asked?.reject(new Refusal([problem('spec-plan-failed', { reason: answer.fault })]));
      else asked?.resolve(answer.value);
    },
  );
  worker.on('error', (error) => failed(error.name));
  worker.on('exit', () => failed('its thread ended'));
  return {
    ask: <K extends Task['kind']>(task: Extract<Task, { readonly kind: K }>) =>
      new Promise<Answers[K]>((resolve, reject) => {
        number += 1;
        waiting.set(number, { resolve, reject });
        worker.ref();
        worker.postMessage({ number, task });
      }),
    [Symbol.asyncDispose]: async () => {
      await worker.terminate();
    },
  };
}

/** The same without a thread: it lets others work between two tasks. */
export function specTurn(): SpecThread {
  const work = new SpecWork();
  return {
    ask: async <K extends Task['kind']>(task: Extract<Task, { readonly kind: K }>) => {
      await setImmediate();
      const answers: { readonly [kind in Task['kind']]?: unknown } = { [task.kind]: work.run(task) };
      return answers[task.kind] as Answers[K];
    },
    [Symbol.asyncDispose]: async () => {},
  };
}
