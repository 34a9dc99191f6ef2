/** The thread in which specs are checked and plans are made, so that who answers and applies messages is not held up; see thread.ts. */
import { parentPort } from 'node:worker_threads';
import { SpecWork, type Task } from './work.ts';

const work = new SpecWork();
parentPort?.on('message', ({ number, task }: { readonly number: number; readonly task: Task }) => {
  try {
    parentPort?.postMessage({ number, value: work.run(task) });
  } catch (error) {
    parentPort?.postMessage({ number, fault: error instanceof Error ? `${error.name} ${error.message}`.slice(0, 200) : 'unknown fault' });
  }
});
