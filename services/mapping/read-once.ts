/** Documents that were read before, by file and text: what was compiled of them is found by them, and a process that asks again pays nothing. */
import { type ReadSpec, readSpec } from './read.ts';

const MOST_READ = 4_000;
const reads = new Map<string, { readonly text: string; readonly read: ReadSpec }>();

/** As readSpec; the same document for the same text of a file. */
export function readOnce(text: string, file: string): ReadSpec {
  const known = reads.get(file);
  if (known?.text === text) return known.read;
  const read = readSpec(text, file);
  if (reads.size >= MOST_READ) reads.clear();
  reads.set(file, { text, read });
  return read;
}
