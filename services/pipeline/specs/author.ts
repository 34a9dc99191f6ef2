/** What doors show an author: the meaning of a change, the maps among files, and what an editor asks. */
import { differencesOf } from '../../mapping/author/diff.ts';
import { readSpec, type SpecNode } from '../../mapping/read.ts';
import { type SpecTexts, type SpecVersion, specFilesOf, versionsOf } from '../../mapping/texts.ts';

export { EditorDesk } from '../../mapping/editor/desk.ts';
export { specSchema } from '../../mapping/editor/schema.ts';
export { isSpecPath, type SpecTexts } from '../../mapping/texts.ts';

/** Returns what differs in meaning between two texts of a file; undefined where one cannot be read or is not there. */
export function diffOf(path: string, before: string | undefined, after: string | undefined) {
  const [old, now] = [treeOf(before, path), treeOf(after, path)];
  const meaning = old === undefined || now === undefined ? undefined : differencesOf(old, now);
  return { how: before === undefined ? 'added' : after === undefined ? 'gone' : 'changed', meaning, before, after };
}

const treeOf = (text: string | undefined, path: string): SpecNode | undefined =>
  text === undefined ? undefined : readSpec(text, path).root;

/** Returns the map in each file, by path. */
export const mapsIn = (texts: SpecTexts): ReadonlyMap<string, SpecVersion> =>
  new Map(versionsOf(specFilesOf(texts)).map((each) => [each.file, each]));
