/** What doors show an author: the meaning of a change, the maps among files, and what an editor asks. */
import { differencesOf } from '../../mapping/author/diff.ts';
import { entryOf, readSpec, type SpecNode } from '../../mapping/read.ts';
import { type SpecTexts, specFilesOf, versionsOf } from '../../mapping/texts.ts';

export type { Difference } from '../../mapping/author/diff.ts';
export type { CheckReport } from '../../mapping/check.ts';
export type { Diagnostic } from '../../mapping/diagnostics.ts';
export type { Completion } from '../../mapping/editor/language.ts';
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

/** What a file is for: 'message', 'resource', 'datatype', 'table', 'rows', 'records', 'cases', or 'map' for anything else. */
export type SpecKind = 'message' | 'resource' | 'datatype' | 'table' | 'rows' | 'records' | 'cases' | 'map';

const KINDS: readonly (readonly [RegExp, SpecKind])[] = [
  [/\.cases\.ya?ml$/, 'cases'],
  [/(^|\/)tables\//, 'table'],
  [/(^|\/)types\//, 'datatype'],
  [/(^|\/)resources\//, 'resource'],
  [/(^|\/)messages\//, 'message'],
  [/(^|\/)fhir-to-omop\//, 'rows'],
  [/(^|\/)(csv|json)-to-fhir\//, 'records'],
];

const kindOf = (path: string): SpecKind => KINDS.find(([form]) => form.test(path))?.[1] ?? 'map';

export interface DescribedFile {
  readonly path: string;
  readonly kind: SpecKind;
  /** Of the map in it; null: there is none. */
  readonly id: string | null;
  readonly version: string | null;
  /** How many it holds. */
  readonly cases: number;
}

/** Returns what each file is, in the order of their paths. */
export function describedFiles(texts: SpecTexts): readonly DescribedFile[] {
  const files = specFilesOf(texts);
  const versions = new Map(versionsOf(files).map((each) => [each.file, each]));
  return files.map(({ file, read }) => {
    const cases = entryOf(read.root, 'cases')?.value;
    const { id = null, version = null } = versions.get(file) ?? {};
    return { path: file, kind: kindOf(file), id, version, cases: cases?.kind === 'list' ? cases.items.length : 0 };
  });
}
