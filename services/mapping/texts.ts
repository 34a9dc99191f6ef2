/** Specs by their texts: what is published or drafted, instead of files of a folder. */
import { digestOf } from './digest.ts';
import type { SpecFile } from './files.ts';
import { type SpecNode, textOf } from './read.ts';
import { readOnce } from './read-once.ts';

/** Path below the folder of maps with its extension ('v2-to-fhir/messages/oru-r01.yaml') -> text. */
export type SpecTexts = ReadonlyMap<string, string>;

const PATH = /^[A-Za-z0-9][A-Za-z0-9._-]*(\/[A-Za-z0-9][A-Za-z0-9._-]*){0,7}\.ya?ml$/;

/** True for a path that a spec may stand at: plain names, at most eight deep, no way out of the folder. */
export const isSpecPath = (path: string): boolean => path.length <= 200 && PATH.test(path);

/** Returns the specs of texts, in the order of their paths; texts read before are not read again. */
export function specFilesOf(texts: SpecTexts): readonly SpecFile[] {
  return [...texts]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([file, text]) => ({
      path: file.replace(/\.ya?ml$/, ''),
      file,
      isCases: /\.cases\.ya?ml$/.test(file),
      read: readOnce(text, file),
    }));
}

/** One version of a map: what it says itself, without what it uses. */
export interface SpecVersion {
  readonly id: string;
  readonly version: string;
  /** sha256 (hexadecimal) of its canonical tree; comments, quotes and cases do not count. */
  readonly digest: string;
  readonly file: string;
}

/** Returns the id, version and own digest of every map among files. */
export function versionsOf(files: readonly SpecFile[]): readonly SpecVersion[] {
  return files.flatMap(({ file, isCases, read }) => {
    const id = textOf(read.root, 'map');
    const version = textOf(read.root, 'version');
    if (isCases || read.root === undefined || id === undefined || version === undefined) return [];
    return [{ id, version, digest: digestOf([withoutHeader(read.root)]), file }];
  });
}

/** A map with the same text under another version says the same. */
function withoutHeader(root: SpecNode): SpecNode {
  return root.kind === 'map' ? { ...root, entries: root.entries.filter(({ key }) => key !== 'version') } : root;
}
