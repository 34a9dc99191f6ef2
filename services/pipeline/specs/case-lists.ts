/** The lists of cases among texts, one at a time. */
import { runCases } from '../../mapping/cases.ts';
import { caseFilesOf } from '../../mapping/check.ts';
import type { Diagnostic } from '../../mapping/diagnostics.ts';
import type { SpecFile } from '../../mapping/files.ts';
import { type LoadedMaps, mapsOf } from '../../mapping/maps.ts';
import { entryOf, type ListNode } from '../../mapping/read.ts';
import { type SpecTexts, specFilesOf } from '../../mapping/texts.ts';
import { isOutMap } from '../../mapping/to-hl7v2/read.ts';
import { runRowCases } from '../../mapping/to-rows/cases.ts';

export interface ListReport {
  readonly passed: number;
  readonly failed: number;
  readonly diagnostics: readonly Diagnostic[];
}

/** The cases that row maps hold themselves are one list, under this name. */
const ROWS = '(row maps)';

export class CaseLists {
  readonly #maps: LoadedMaps;
  readonly #dir: string;
  readonly #lists: ReadonlyMap<string, ListNode>;
  readonly #path: string;

  /** `path`: the file that is being written; its own cases and those beside it come first. */
  constructor(texts: SpecTexts, path: string, dir: string) {
    const files = specFilesOf(texts);
    this.#maps = mapsOf(files);
    this.#dir = dir;
    this.#path = path;
    const own = new Set([...this.#maps.messageMaps, ...this.#maps.recordMaps].map(({ spec }) => spec.file));
    this.#lists = new Map(files.flatMap((each) => (each.isCases || own.has(each.file) || isOutMap(each.read.root) ? listOf(each) : [])));
  }

  get files(): readonly string[] {
    const folder = this.#path.slice(0, this.#path.lastIndexOf('/') + 1);
    const distance = (file: string): number => (file === this.#path ? 0 : file.startsWith(folder) ? 1 : 2);
    return [...[...this.#lists.keys()].toSorted((a, b) => distance(a) - distance(b)), ROWS];
  }

  /** Runs one list; nothing for a name that is none. */
  run(file: string): ListReport {
    if (file === ROWS) return runRowCases(this.#maps.rowMaps);
    const list = this.#lists.get(file);
    return list === undefined ? { passed: 0, failed: 0, diagnostics: [] } : runCases(list, this.#maps, caseFilesOf(this.#dir));
  }
}

function listOf({ file, read }: SpecFile): readonly (readonly [string, ListNode])[] {
  const list = entryOf(read.root, 'cases')?.value;
  return list?.kind === 'list' ? [[file, list]] : [];
}
