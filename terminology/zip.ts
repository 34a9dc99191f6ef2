import type { Readable } from 'node:stream';
import * as yauzl from 'yauzl';

/** The few calls of the zip library that are used, as promises. */
export type Entry = yauzl.Entry;

export interface ZipFile {
  entries(): Promise<yauzl.Entry[]>;
  stream(entry: yauzl.Entry): Promise<Readable>;
  close(): void;
}

/** Opens a zip file for reading at random; its entries' paths are checked by the library. */
export function openPromise(path: string): Promise<ZipFile> {
  return new Promise((resolve, reject) => {
    yauzl.open(path, { lazyEntries: true, autoClose: false }, (error, file) => {
      if (error !== null || file === undefined) reject(error ?? new Error('no zip file'));
      else resolve(wrapped(file));
    });
  });
}

function wrapped(file: yauzl.ZipFile): ZipFile {
  return {
    close: () => file.close(),
    entries: () =>
      new Promise((resolve, reject) => {
        const entries: yauzl.Entry[] = [];
        file.on('entry', (entry: yauzl.Entry) => {
          entries.push(entry);
          file.readEntry();
        });
        file.on('end', () => resolve(entries));
        file.on('error', reject);
        file.readEntry();
      }),
    stream: (entry) =>
      new Promise((resolve, reject) => {
        file.openReadStream(entry, (error, stream) => {
          if (error !== null || stream === undefined) reject(error ?? new Error('no stream'));
          else resolve(stream);
        });
      }),
  };
}
