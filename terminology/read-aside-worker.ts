/** Reads an index in a thread of its own, so that the one that answers is not held up; see read-aside.ts. */
import { parentPort, workerData } from 'node:worker_threads';
import { TerminologyError } from './failure.ts';
import { readIndex } from './index-files.ts';
import { readSystem } from './system/system-files.ts';

const { kind, folder }: { kind: 'omop' | 'system'; folder: string } = workerData;
try {
  parentPort?.postMessage({ image: kind === 'omop' ? readIndex(folder) : readSystem(folder) });
} catch (error) {
  if (!(error instanceof TerminologyError)) throw error;
  parentPort?.postMessage({ failure: { code: error.code, file: error.file, text: error.text } });
}
