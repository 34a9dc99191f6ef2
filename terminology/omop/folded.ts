import { TerminologyError } from '../failure.ts';
import type { AnyArray, ArrayFile } from '../index-folder.ts';
import { readSharedArray } from '../index-folder.ts';
import type { IndexArrays } from '../manifest.ts';
import { wordsOf } from '../system/fold.ts';

/** Texts in lower case where they are ASCII, else their folded words, each with a space behind it; and where each begins. */
export interface Folded {
  readonly text: Uint8Array;
  readonly offsets: Uint32Array;
}

/** What is searched: the names of concepts, and their synonyms. */
export type Searched = 'name' | 'synonym';
const SOURCES = { name: ['name-text', 'name-offset'], synonym: ['synonym-text', 'synonym-place'] } as const;

/** Returns the texts of an index in the form in which they are searched. Takes seconds for ten million: who builds an index writes them beside it. */
export function foldedTexts(arrays: IndexArrays, searched: Searched): Folded {
  const [texts, places] = SOURCES[searched];
  const [bytes, starts] = [arrays[texts], arrays[places]];
  const source = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const offsets = new Uint32Array(starts.length);
  let text = Buffer.allocUnsafe(Math.ceil(source.length * 1.02) + 64);
  let end = 0;
  for (let index = 0; index + 1 < offsets.length; index += 1) {
    const [from = 0, to = 0] = [starts[index], starts[index + 1]];
    let isAscii = true;
    for (let i = from; i < to && isAscii; i += 1) isAscii = (source[i] ?? 0) <= 0x7f;
    const words = isAscii ? '' : wordsOf(source.toString('utf8', from, to)).join(' ');
    const need = isAscii ? to - from : Buffer.byteLength(words);
    // A text does not run into the next one: what begins a word there would seem to go on here.
    if (end + need + 1 > text.length) text = Buffer.concat([text.subarray(0, end)], Math.ceil((end + need) * 1.5) + 64);
    if (isAscii)
      for (let i = from; i < to; i += 1) {
        const byte = source[i] ?? 0;
        text[end + i - from] = byte >= 0x41 && byte <= 0x5a ? byte + 0x20 : byte;
      }
    else text.write(words, end);
    text[end + need] = 0x20;
    end += need + 1;
    offsets[index + 1] = end;
  }
  return { text: text.subarray(0, end), offsets };
}

const fileOf = (searched: Searched, what: 'text' | 'offset'): string => `${searched}-folded-${what}`;

/** Returns the files of the folded texts, each made when it is written. */
export function foldedFiles(arrays: IndexArrays): ReadonlyMap<string, () => AnyArray> {
  const files = new Map<string, () => AnyArray>();
  for (const searched of ['name', 'synonym'] as const) {
    let folded: Folded | undefined;
    files.set(fileOf(searched, 'offset'), () => {
      folded = foldedTexts(arrays, searched);
      return folded.offsets;
    });
    files.set(fileOf(searched, 'text'), () => {
      const { text } = folded ?? foldedTexts(arrays, searched);
      folded = undefined;
      return text;
    });
  }
  return files;
}

/** Returns the folded texts as they stand beside an index; undefined where they do not, or are damaged: then they are made again. */
export function readFolded(folder: string, files: readonly ArrayFile[], searched: Searched): Folded | undefined {
  const names = [fileOf(searched, 'text'), fileOf(searched, 'offset')] as const;
  if (!names.every((name) => files.some((file) => file.name === `${name}.bin`))) return undefined;
  try {
    const [text, offsets] = [readSharedArray(folder, names[0], files), readSharedArray(folder, names[1], files)];
    return { text: new Uint8Array(text), offsets: new Uint32Array(offsets) };
  } catch (error) {
    if (error instanceof TerminologyError) return undefined;
    throw error;
  }
}
