/** The thread in which specs are checked and plans are made, so that who answers and applies messages is not held up; see thread.ts. */
import { platform, setPriority } from 'node:os';
import { parentPort, workerData } from 'node:worker_threads';
import { SpecWork, type Task } from './work.ts';

/** A third of what others get where they want all: with 10 (a tenth) a plan on a busy machine would never begin. */
const BACKGROUND_NICENESS = 5;

const { isBackground }: { readonly isBackground: boolean } = workerData;
// Linux keeps a priority for each thread, and 0 names the one that asks; elsewhere it would be that of the whole process.
if (isBackground && platform() === 'linux') setPriority(0, BACKGROUND_NICENESS);

const work = new SpecWork();
parentPort?.on('message', ({ number, task }: { readonly number: number; readonly task: Task }) => {
  try {
    parentPort?.postMessage({ number, value: work.run(task) });
  } catch (error) {
    parentPort?.postMessage({ number, fault: error instanceof Error ? `${error.name} ${error.message}`.slice(0, 200) : 'unknown fault' });
  }
});
