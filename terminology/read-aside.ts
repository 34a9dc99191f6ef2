import { Worker } from 'node:worker_threads';
import { type TerminologyCode, TerminologyError } from './failure.ts';
import type { IndexImage } from './index-files.ts';
import type { SystemImage } from './system/system-files.ts';

type Message<T> =
  | { readonly image: T }
  | { readonly failure: { readonly code: TerminologyCode; readonly file: string; readonly text: string } };

/** Returns an OMOP index, read and checked in a thread of its own. Throws TerminologyError as readIndex does. */
export const readIndexAside = (folder: string): Promise<IndexImage> => aside<IndexImage>('omop', folder);

/** Returns a code system, read and checked in a thread of its own. Throws TerminologyError as readSystem does. */
export const readSystemAside = (folder: string): Promise<SystemImage> => aside<SystemImage>('system', folder);

function aside<T>(kind: 'omop' | 'system', folder: string): Promise<T> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL('./read-aside-worker.ts', import.meta.url), { workerData: { kind, folder } });
    worker.once('message', (message: Message<T>) => {
      if ('image' in message) resolve(message.image);
      else reject(new TerminologyError(message.failure.code, message.failure.file, message.failure.text));
    });
    worker.once('error', reject);
    worker.once('exit', (code) => reject(new TerminologyError('terminology-unreadable', folder, `the reading thread ended with ${code}`)));
  });
}
